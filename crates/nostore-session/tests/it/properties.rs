//! `authenticate` on anything: it ends, within five questions, and never panics.

use std::sync::{Arc, LazyLock};

use nostore_message::{RequestHead, Scheme, UnixTime};
use nostore_session::{
    Config, Decision, Facts, Instance, Need, Status, Step, authenticate, carries_handshake_return,
    sign_in_location,
};
use proptest::prelude::*;
use serde_json::json;

use crate::kit::{BOTH, JSON, NOW, SESSION_CATEGORY, Tokens, config, key_set, sign, signer};

struct World {
    config: Config,
    words: Vec<String>,
}

/// Per kind of key: the configuration, and values that mean something.
static WORLDS: LazyLock<Vec<World>> = LazyLock::new(|| BOTH.into_iter().map(world).collect());

fn world(instance: Instance) -> World {
    let tokens = Tokens::new(instance);
    let (a, b) = (signer('a'), signer('b'));
    let inner = |name: &str| json!({"handshake": [format!("__session={}", tokens.text(name)), "a=b"]});
    let head = || json!({"typ": "JWT", "cat": SESSION_CATEGORY});
    let names = ["GOOD", "EXPIRED", "EARLY", "FUTURE", "MACHINE", "NOISS", "TEMPLATE", "MISMATCH", "CUT"];
    let mut words: Vec<String> = names.into_iter().map(|name| tokens.text(name).to_owned()).collect();
    for name in ["GOOD", "EXPIRED", "MISMATCH"] {
        words.push(sign(a, head(), inner(name)));
        words.push(sign(b, head(), inner(name)));
    }
    let plain =
        ["", "0", "1", "3", "1700000000", "true", "false", "n", "a.b.c", "%", "%41", "\"3\"", "\u{e9}"];
    words.extend(plain.map(str::to_owned));
    World { config: config(instance), words }
}

const NAMES: [&str; 9] = [
    "__session",
    "__client_uat",
    "__clerk_db_jwt",
    "__refresh",
    "__clerk_handshake",
    "__clerk_handshake_nonce",
    "__clerk_redirect_count",
    "__clerk_synced",
    "__client",
];

/// One request that looks like something: cookies and parameters with known names, and values
/// that mean something or nothing.
fn requests() -> impl Strategy<Value = (usize, RequestHead<'static>)> {
    let pairs = || prop::collection::vec((0..NAMES.len(), any::<bool>(), 0..60_usize), 0..7);
    let method = prop::sample::select(vec!["GET", "POST", "HEAD", "get", ""]);
    let authority = prop::sample::select(vec!["localhost:8080", "a.example", "", "a@b", "[::1]:1"]);
    let path = prop::sample::select(vec!["/", "/a", "//evil.example/", "*", "", "/%zz", "/a#b", "?x"]);
    let fields = prop::collection::vec((0..6_usize, 0..60_usize), 0..4);
    let world = 0..2_usize;
    (world, method, authority, path, pairs(), pairs(), fields).prop_map(build)
}

type Parts = (
    usize,
    &'static str,
    &'static str,
    &'static str,
    Vec<(usize, bool, usize)>,
    Vec<(usize, bool, usize)>,
    Vec<(usize, usize)>,
);

fn build((index, method, authority, path, cookies, query, more): Parts) -> (usize, RequestHead<'static>) {
    let world = &WORLDS[index];
    let word = |at: usize| world.words.get(at % world.words.len()).cloned().unwrap_or_default();
    let suffix = world.config.publishable_key().suffix();
    let join = |pairs: Vec<(usize, bool, usize)>, separator: &str| {
        let pair = |(name, suffixed, value): (usize, bool, usize)| {
            let end = if suffixed { format!("_{suffix}") } else { String::new() };
            format!("{}{end}={}", NAMES[name], word(value))
        };
        pairs.into_iter().map(pair).collect::<Vec<_>>().join(separator)
    };
    let mut fields = vec![("cookie", join(cookies, "; ")), ("sec-fetch-dest", "document".to_owned())];
    for (name, value) in more {
        let names = ["authorization", "authorization", "accept", "referer", "origin", "sec-fetch-dest"];
        let value = if name == 0 { format!("Bearer {}", word(value)) } else { word(value) };
        fields.push((names[name], value));
    }
    let head = RequestHead {
        method: method.into(),
        scheme: Scheme::Http,
        authority: authority.into(),
        target: format!("{path}?{}", join(query, "&")).into(),
        fields: fields.iter().map(|(name, value)| (*name, value.as_str())).collect(),
    };
    (index, head.into_owned())
}

/// How a question is answered, at random.
fn answer(need: &Need, how: u8) -> nostore_session::Answer {
    let keys = key_set().to_json().to_string();
    match (how % 6, need) {
        (0, _) => need.unreachable(),
        (1, _) => need.read(500, JSON, b"oops"),
        (2, _) => need.read(200, JSON, b"{}"),
        (3, _) => need.read(200, JSON, br#"{"keys":[],"directives":["__session=x"]}"#),
        (_, Need::JwkSet { .. }) => need.read(200, None, keys.as_bytes()),
        _ => need.read(200, JSON, br#"{"directives":[]}"#),
    }
}

fn run(
    request: &RequestHead<'_>,
    config: &Config,
    answers: &[u8; 5],
    now: UnixTime,
) -> Result<Decision, TestCaseError> {
    let (mut facts, mut needs) = (Vec::new(), Vec::new());
    for how in answers.iter().map(Some).chain([None]) {
        match authenticate(request, config, &Facts { keys: None, answers: &facts, memo: None }, now) {
            Step::Done(decision) => return Ok(*decision),
            Step::Need(need) => {
                prop_assert!(!needs.contains(&need), "{:?} repeats", need);
                facts.extend(how.map(|how| answer(&need, *how)));
                needs.push(need);
            }
        }
    }
    Err(TestCaseError::fail(format!("more than five rounds: {needs:?}")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn r1_12_r1_14_every_request_is_decided_within_five_rounds(
        (index, request) in requests(),
        answers in any::<[u8; 5]>(),
    ) {
        let config = &WORLDS[index].config;
        let decision = run(&request, config, &answers, UnixTime::from_secs(NOW))?;
        if matches!(decision.status, Status::Handshake) {
            let location = decision.location().unwrap_or_default();
            let count = location.matches("redirect_url=").count();
            prop_assert!(count == 1 && !location.contains("redirect_url=http%3A%2F%2Fevil"), "{}", location);
        }
        // What a response must not hold: a line break, and a state for somebody who is signed in.
        let signed_in = matches!(decision.status, Status::SignedIn(_));
        for edit in &decision.edits {
            let text = format!("{edit:?}");
            prop_assert!(!text.contains("\\n") && !text.contains("\\r"), "{}", text);
            prop_assert!(!(signed_in && text.contains("x-clerk-auth")), "{}", text);
        }
    }
}

proptest! {
    #[test]
    fn any_request_gives_a_step(
        method in "\\PC{0,8}",
        authority in "\\PC{0,20}",
        target in "\\PC{0,60}",
        lines in prop::collection::vec(("(cookie|authorization|accept|sec-fetch-dest|x)", "\\PC{0,80}"), 0..6),
        now in any::<i64>(),
        live in any::<bool>(),
    ) {
        let config = &WORLDS[usize::from(live)].config;
        let keys = Arc::new(key_set());
        let fields = lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = RequestHead {
            method: method.into(),
            scheme: Scheme::Https,
            authority: authority.into(),
            target: target.as_str().into(),
            fields,
        };
        let facts = Facts { keys: Some(&keys), answers: &[], memo: None };
        let _ = authenticate(&request, config, &facts, UnixTime::from_millis(now));
        let _ = carries_handshake_return(&request, config);
        let _ = sign_in_location(&request, config, &target);
    }

    #[test]
    fn any_answer_is_read(status in any::<u16>(), body in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Need::JwkSet { kid: None }.read(status, JSON, &body);
        let _ = Need::HandshakePayload { nonce: nostore_message::Secret::new("n") }.read(status, JSON, &body);
    }

    #[test]
    fn any_text_gives_a_key_or_an_error(text in "(pk_test_|pk_live_|sk_)?\\PC{0,40}") {
        if let Ok(key) = nostore_session::PublishableKey::parse(&text) {
            prop_assert_eq!(key.suffix().len(), 8);
            prop_assert_eq!(key.as_str(), text);
        }
    }
}
