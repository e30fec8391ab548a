//! Fuzzing: whatever comes back through the browser, and whatever a provider answers or somebody sends in its name.
//!
//! A case is a provider, an attempt, a callback and the answers of every endpoint. With no bytes all is well; each
//! choice beyond makes something worse. What must hold:
//!
//! - No panic; nothing is sent over plain HTTP but to this machine; a code and a refresh token are sent once.
//! - Who is signed in, or signed out from afar, is named by a token that the provider signed for this site, and now; for
//!   a sign-in, of this attempt. An address is verified only where the one who names it says so.
//! - No error shows a secret, is longer than a log's line should be, or holds a control character.
//! - Nobody is led elsewhere than to the provider's own endpoints.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a case that does not hold stops here"
)]

mod choices;
mod script;
mod token;

use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};

use nostore_message::{Secret, UnixTime};
use serde_json::{Map, Value, json};
use url::Url;

use self::choices::Choices;
use self::script::{Answers, Reply, Scripted};
use self::token::{KEYS, Token};
use super::config::{Kind, Provider, check_redirect};
use super::http::{Http, PATIENCE, Script};
use super::{Attempt, Begin, CallbackParameters, ENTROPY_BYTES, Identity, RelyingParty};
use crate::Person;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const CLIENT_ID: &str = "site";
/// A part of each secret that somebody has chosen.
const HUSH: &str = "HuSh";
const CLIENT_SECRET: &str = "HuSh-client";
const CODE: &str = "HuSh-code";
const ACCESS: &str = "HuSh-access";
const REFRESH: &str = "HuSh-refresh";
const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const REDIRECT: &str = "https://www.example.com/auth/callback";

/// Made once: the roots of the web are many.
static HTTP: LazyLock<Http> = LazyLock::new(|| Http::new(PATIENCE).unwrap());

/// A site at its provider, and what the case has of it.
struct Party {
    provider: Provider,
    site: RelyingParty,
    script: Arc<Scripted>,
    attempt: Attempt,
    token: Token,
}

/// Runs the case that the bytes are.
///
/// # Panics
///
/// Where something does not hold.
pub fn provider(bytes: &[u8]) {
    run(bytes);
}

/// Returns what became of it, by its stable name.
fn run(bytes: &[u8]) -> &'static str {
    let mut choices = Choices::new(bytes);
    let act = choices.below(8);
    let provider = provider_of(&mut choices);
    let attempt = attempt(&mut choices, &provider);
    // The engine learns from comparisons: what it knows is no secret.
    let all = String::from_utf8_lossy(bytes);
    let secrets = [attempt.nonce().expose(), attempt.verifier().expose(), HUSH];
    if secrets.iter().any(|secret| all.contains(secret)) {
        return "known";
    }
    let (party, choices) = (party(&mut choices, provider, attempt, act == 5), &mut choices);
    match act {
        4 => refresh(&party),
        5 => logout(&party),
        6 => leave(choices, &party),
        7 => begin(choices, &party),
        _ => finish(choices, &party),
    }
}

fn provider_of(choices: &mut Choices<'_>) -> Provider {
    let secret = || Secret::new(CLIENT_SECRET);
    match choices.below(6) {
        1 => Provider::oidc("http://localhost:9/op", CLIENT_ID, Some(secret())).offline(),
        2 => Provider::microsoft("common", CLIENT_ID, Some(secret())),
        3 => Provider::google(CLIENT_ID, secret()).hosted_domain("example.com"),
        4 => Provider::github(CLIENT_ID, secret()),
        _ => Provider::oidc("https://op.example", CLIENT_ID, Some(secret())),
    }
}

/// No piece of it is like another.
fn entropy() -> [u8; ENTROPY_BYTES] {
    std::array::from_fn(|at| u8::try_from(at).unwrap_or_default())
}

fn attempt(choices: &mut Choices<'_>, provider: &Provider) -> Attempt {
    let age = choices.pick_odd(&[0, 599, 600, 601, -1]);
    let issuer = choices.pick_odd(&[provider.issuer(), "https://other.example"]).to_owned();
    Attempt::new(&entropy(), "/after".to_owned(), issuer, NOW.plus_secs(-age))
}

fn party(choices: &mut Choices<'_>, provider: Provider, attempt: Attempt, leaves: bool) -> Party {
    let token = Token::new(choices, &provider, attempt.nonce().expose(), leaves);
    let discovery = document(choices, &provider);
    let answers = Answers {
        discovery: Reply::new(choices, discovery),
        keys: [keys(choices), keys(choices)],
        token: issued(choices, &token.text),
        userinfo: userinfo(choices, &provider),
        emails: emails(choices),
    };
    let on_loopback = provider.issuer().starts_with("http://localhost");
    let script = Arc::new(Scripted::new(answers, on_loopback));
    let redirect = check_redirect(REDIRECT).unwrap();
    let answering: Arc<dyn Script> = Arc::<Scripted>::clone(&script);
    let site = RelyingParty::over(provider.clone(), redirect, HTTP.scripted(answering));
    Party { provider, site, script, attempt, token }
}

/// The discovery document, with URLs that mean something else to some readers.
fn document(choices: &mut Choices<'_>, provider: &Provider) -> String {
    let issuer = provider.issuer();
    let mut document = Map::new();
    document.insert("issuer".to_owned(), choices.pick_odd(&[issuer, "https://evil.example", ""]).into());
    let endpoints =
        ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint"];
    for (name, path) in endpoints.into_iter().zip(["authorize", "token", "keys", "user", "leave"]) {
        let base = choices.pick_odd(&[
            issuer,
            "https://other.example",
            "http://evil.example",
            "http://127.0.0.1:9",
            "http://[::1]",
            "http://localhost.evil.example",
            "http://localhost\\@evil.example",
            "http://localhost#@evil.example",
            "http://evil.example#@localhost",
            "http://localhost@evil.example",
            "http:\t//localhost",
            "javascript:",
            "http://0x7f.1",
            "http://localhost:80?@evil.example",
            "HTTP://LOCALHOST",
            "https:evil.example",
            "//evil.example",
        ]);
        let value = if choices.goes_wrong() { choices.text() } else { format!("{base}/{path}") };
        if choices.byte() < 0xf0 {
            document.insert(name.to_owned(), value.into());
        }
    }
    let methods = [json!(["client_secret_post"]), json!([]), json!("x"), json!(["client_secret_basic"])];
    if choices.goes_wrong() {
        document.insert("token_endpoint_auth_methods_supported".to_owned(), choices.pick(&methods));
        let flag = choices.pick(&[json!(true), json!(false), json!("true")]);
        document.insert("authorization_response_iss_parameter_supported".to_owned(), flag);
    }
    Value::Object(document).to_string()
}

fn keys(choices: &mut Choices<'_>) -> Reply {
    let (own, stranger) = (KEYS.own.jwk().to_json(), KEYS.stranger.jwk().to_json());
    let mut unnamed = own.clone();
    unnamed.as_object_mut().unwrap().remove("kid");
    let mut mixed = stranger.clone();
    mixed["kid"] = own["kid"].clone();
    let secret = json!({"kty": "oct", "kid": own["kid"], "k": own["x"], "alg": "HS256"});
    let sets = [
        json!([own]),
        json!([stranger]),
        json!([]),
        json!([unnamed]),
        json!([mixed]),
        json!([mixed, own]),
        json!([secret, own]),
        json!([own, own]),
        json!({"a": 1}),
        json!([{"kty": "OKP"}, null, 7, own]),
    ];
    let set = json!({ "keys": choices.pick_odd(&sets) });
    Reply::new(choices, set.to_string())
}

fn issued(choices: &mut Choices<'_>, id: &str) -> Reply {
    let good = json!({"access_token": ACCESS, "token_type": "Bearer", "expires_in": 300, "id_token": id,
        "refresh_token": "HuSh-next"});
    let mut answer = good.as_object().unwrap().clone();
    if choices.goes_wrong() {
        let name = choices.pick(&[
            "access_token",
            "token_type",
            "expires_in",
            "id_token",
            "refresh_token",
            "scope",
            "error",
        ]);
        let values = [
            json!(null),
            json!(""),
            json!("invalid_grant"),
            json!("a\r\nb"),
            json!(u64::MAX),
            json!(-1),
            json!(1e300),
            json!([]),
            json!("bad_verification_code"),
            json!("x".repeat(700)),
        ];
        let value = if choices.goes_wrong() { choices.text().into() } else { choices.pick(&values) };
        answer.insert(name.to_owned(), value);
        answer.insert("error_description".to_owned(), choices.text().into());
    }
    Reply::new(choices, Value::Object(answer).to_string())
}

fn userinfo(choices: &mut Choices<'_>, provider: &Provider) -> Reply {
    let flag = choices.pick_odd(&[json!(true), json!(false), json!("true"), json!("yes"), json!(null)]);
    let email = choices.pick_odd(&[
        "bob@example.com",
        "Bob@Example.COM ",
        "",
        "no address",
        "a\u{0}@b",
        "ä@example.com",
    ]);
    let mut said = json!({"sub": choices.pick_odd(&["alice", "bob", "", "Ä"]), "email": email, "email_verified": flag,
        "xms_edov": flag, "name": choices.text(), "picture": "javascript:alert(1)", "groups": ["a", ["b"], 7]});
    if provider.kind == Kind::GitHub {
        said["id"] =
            choices.pick_odd(&[json!(7), json!(-7), json!("7"), json!(7.5), json!(null), json!(u64::MAX)]);
        said["login"] = choices.text().into();
    }
    Reply::new(choices, said.to_string())
}

fn emails(choices: &mut Choices<'_>) -> Reply {
    let (primary, verified) = (choices.pick_odd(&[true, false]), choices.pick_odd(&[true, false]));
    let one = json!({"email": "Octo@Example.com", "primary": primary, "verified": verified});
    let other =
        json!({"email": "shown@example.com", "primary": choices.pick_odd(&[false, true]), "verified": true});
    let all = choices.pick_odd(&[
        json!([one, other]),
        json!([other, one]),
        json!([]),
        json!({}),
        json!([7, null, one]),
    ]);
    Reply::new(choices, all.to_string())
}

/// Polls once: nobody here waits for anything.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("somebody waits for the network"),
    }
}

fn finish(choices: &mut Choices<'_>, party: &Party) -> &'static str {
    let query = callback(choices, party);
    let parsed = CallbackParameters::parse(&query);
    let callback = match parsed {
        Ok(callback) => callback,
        Err(error) => return told(party, error.code(), &error),
    };
    read_once(&query, &callback);
    discreet(party, &format!("{callback:?}"));
    let identity = match at_once(party.site.finish(&party.attempt, &callback, NOW)) {
        Ok(identity) => identity,
        Err(error) => return told(party, error.code(), &error),
    };
    assert!(callback.state() == party.attempt.state().expose(), "the callback of another sign-in");
    assert_eq!(party.attempt.issuer(), party.provider.issuer());
    let age = NOW.secs_since(party.attempt.began());
    assert!(age < 600, "an attempt of {age} s ago");
    let iss = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "iss").map(|(_, iss)| iss);
    let iss = iss.filter(|iss| !iss.is_empty());
    discreet(party, &format!("{:?}", identity.tokens));
    if party.provider.kind == Kind::GitHub {
        assert!(
            iss.is_none_or(|iss| ["https://github.com", "https://github.com/login/oauth"].contains(&&*iss))
        );
        is_person_of_github(party, &identity);
    } else {
        assert!(iss.is_none_or(|iss| iss == party.provider.issuer().replace("{tenantid}", TENANT)));
        is_person_of_token(party, &identity);
    }
    is_nobody_else(choices, &identity);
    "in"
}

fn callback(choices: &mut Choices<'_>, party: &Party) -> String {
    let state = party.attempt.state().expose();
    let issuer = party.provider.issuer().replace("{tenantid}", TENANT);
    let mut other = state.to_owned();
    other.replace_range(47.., "_");
    let rows = [
        ("state", [state, &other, "", "x", "%00"]),
        ("code", [CODE, "", "x", "%0d%0a", "+"]),
        ("iss", [issuer.as_str(), "https://evil.example", "", "https://github.com/login/oauth", "x"]),
        ("error", ["access_denied", "server_error", "", "a%0ab", "%F0%9F%92%A9"]),
        ("error_description", ["x", "%1b[31m", "", "%E2%80%AE", "%C2%85"]),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, values) in &rows[..2] {
        query.append_pair(name, values[0]);
    }
    if choices.below(2) == 1 {
        query.append_pair("iss", &issuer);
    }
    let mut query = query.finish();
    if choices.goes_wrong() {
        query.clear();
        for _ in 0..choices.below(7) {
            let (name, values) = choices.pick(&rows);
            let value = if choices.goes_wrong() { choices.text() } else { choices.pick(&values).to_owned() };
            query.push_str(&format!("&{name}={value}"));
        }
        query.push_str(&choices.text());
    }
    query
}

/// A callback has one state, and a code or an error; nothing that counts stands twice.
fn read_once(query: &str, callback: &CallbackParameters) {
    let all: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let values = |name: &str| {
        all.iter().filter(|(found, _)| found == name).map(|(_, value)| &**value).collect::<Vec<_>>()
    };
    assert_eq!(values("state"), [callback.state()]);
    for name in ["code", "error", "iss", "error_description"] {
        assert!(values(name).len() < 2, "{name} stands twice");
    }
    let is_there = |name: &str| values(name).iter().any(|value| !value.is_empty());
    assert!(is_there("code") != is_there("error"), "{query}");
    let id = Attempt::id_of_state(callback.state());
    assert!(id.is_none_or(|id| id.len() == 16 && callback.state().starts_with(id)));
}

fn is_person_of_token(party: &Party, identity: &Identity) {
    let answers = &party.script.answers;
    party.token.may_pass(&party.provider, [answers.keys[0].body(), answers.keys[1].body()]);
    party.token.is_id_token(party.attempt.nonce().expose());
    let claims = &party.token.claims;
    assert_eq!(claims["sub"], identity.subject);
    assert_eq!(claims["iss"], identity.issuer);
    if party.provider.hosted_domain.is_some() {
        assert!(
            claims["hd"].as_str().is_some_and(|hd| hd.eq_ignore_ascii_case("example.com")),
            "of another domain"
        );
    }
    let own = claims.get("email").and_then(Value::as_str).and_then(super::normal_address);
    let said: Value = serde_json::from_slice(answers.userinfo.body()).unwrap_or_default();
    let from = if own.is_some() { &Value::Object(claims.clone()) } else { &said };
    if identity.email.is_some() && own.is_none() {
        assert!(
            party.script.asked().userinfo == 1 && said["sub"] == claims["sub"],
            "somebody else's address"
        );
    }
    let flag = if party.provider.kind == Kind::Microsoft { "xms_edov" } else { "email_verified" };
    let flags = [json!(true), json!("true"), json!("1"), json!(1)];
    assert!(!identity.email_verified || flags.contains(&from[flag]), "an address that nobody has verified");
    if let Some(email) = &identity.email {
        let found = from["email"].as_str().unwrap_or_default().trim();
        assert!(email.eq_ignore_ascii_case(found), "{email:?} of {found:?}");
    }
}

fn is_person_of_github(party: &Party, identity: &Identity) {
    let said: Value = serde_json::from_slice(party.script.answers.userinfo.body()).unwrap();
    assert_eq!(said["id"].to_string(), identity.subject);
    assert!(identity.subject.bytes().all(|byte| byte.is_ascii_digit()), "{}", identity.subject);
    let listed: Value = serde_json::from_slice(party.script.answers.emails.body()).unwrap_or_default();
    let mut listed = listed.as_array().into_iter().flatten();
    let verifies = |one: &Value| {
        let same = one["email"].as_str().is_some_and(|found| {
            identity.email.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(found.trim()))
        });
        same && one["primary"] == true && one["verified"] == true
    };
    assert!(!identity.email_verified || listed.any(verifies), "an address that nobody has verified");
}

/// Two who are not the same at the provider are not the same here.
fn is_nobody_else(choices: &mut Choices<'_>, identity: &Identity) {
    let person = Person::of(identity);
    let address = identity.email.as_ref().filter(|_| identity.email_verified);
    assert!(person.address.is_none() || person.address.as_ref() == address, "{person:?}");
    let mut other = identity.clone();
    (other.email, other.email_verified) = (None, false);
    let alone = Person::of(&other);
    other.subject = choices.pick(&["Ä", "Ö", "a b", "a_b", "alice", "%C3%84", "_"]).to_owned();
    let twin = Person::of(&other);
    assert_eq!(alone.id == twin.id, identity.subject == other.subject, "{} and {}", alone.id, twin.id);
}

fn refresh(party: &Party) -> &'static str {
    let tokens = match at_once(party.site.refresh(&Secret::new(REFRESH), NOW)) {
        Ok(tokens) => tokens,
        Err(error) => {
            let unsent = matches!(error, super::RefreshError::Unsent(_));
            assert!(!unsent || party.script.asked().tokens == 0, "it was sent");
            return told(party, "refresh", &error);
        }
    };
    assert!(
        tokens.refresh.is_some_and(|token| !token.is_empty()),
        "without a refresh token there is no next time"
    );
    if tokens.id.is_some() {
        let answers = &party.script.answers;
        party.token.may_pass(&party.provider, [answers.keys[0].body(), answers.keys[1].body()]);
        party.token.is_id_token("");
    }
    "refreshed"
}

fn logout(party: &Party) -> &'static str {
    let read = match at_once(party.site.read_logout_token(&party.token.text, NOW)) {
        Ok(read) => read,
        Err(error) => return told(party, error.code(), &error),
    };
    let answers = &party.script.answers;
    party.token.may_pass(&party.provider, [answers.keys[0].body(), answers.keys[1].body()]);
    party.token.is_logout_token();
    let claim =
        |name: &str| party.token.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    assert_eq!((read.subject.as_deref(), read.session.as_deref()), (claim("sub"), claim("sid")));
    assert!(read.ends > NOW, "kept until {:?}", read.ends);
    "out"
}

fn leave(choices: &mut Choices<'_>, party: &Party) -> &'static str {
    let hint = Secret::new(party.token.text.clone());
    let state = choices.text();
    let url = at_once(party.site.end_session_url(Some(&hint), Some(REDIRECT), Some(&state), NOW));
    let Some(url) = url else { return "stays" };
    let to = Url::parse(&url).unwrap();
    assert!(to.scheme() == "https" || (party.script.on_loopback && to.scheme() == "http"), "{url}");
    let asked = |name: &str| {
        to.query_pairs().filter(|(found, _)| found == name).last().map(|(_, value)| value.into_owned())
    };
    assert_eq!(asked("state").as_deref(), Some(&*state));
    assert_eq!(asked("post_logout_redirect_uri").as_deref(), Some(REDIRECT));
    "leaves"
}

fn begin(choices: &mut Choices<'_>, party: &Party) -> &'static str {
    let login_hint = Some(choices.text());
    let ask = Begin { return_path: "/".to_owned(), select_account: true, login_hint };
    let begun = match at_once(party.site.begin(&ask, entropy(), NOW)) {
        Ok(begun) => begun,
        Err(error) => return told(party, error.code(), &error),
    };
    let to = Url::parse(&begun.location).unwrap();
    assert!(to.scheme() == "https" || (party.script.on_loopback && to.scheme() == "http"), "{to}");
    let asked = |name: &str| {
        to.query_pairs().filter(|(found, _)| found == name).last().map(|(_, value)| value.into_owned())
    };
    assert_eq!(asked("redirect_uri").as_deref(), Some(REDIRECT));
    assert_eq!(asked("state").as_deref(), Some(begun.attempt.state().expose()));
    assert_eq!(asked("code_challenge_method").as_deref(), Some("S256"));
    assert!(!begun.location.contains(begun.attempt.verifier().expose()), "the verifier is told");
    assert!(!begun.location.contains(char::is_control), "{}", begun.location);
    "sent"
}

/// What an error says: bounded, on one line, and no secret.
fn told(party: &Party, code: &'static str, error: &impl std::error::Error) -> &'static str {
    let mut text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    assert!(text.len() < 4_000, "{} bytes", text.len());
    discreet(party, &format!("{text} {error:?}"));
    code
}

fn discreet(party: &Party, text: &str) {
    let attempt = &party.attempt;
    for secret in [attempt.nonce().expose(), attempt.verifier().expose(), attempt.state().expose(), HUSH] {
        assert!(!text.contains(secret), "a secret in {text}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn with_nothing_wrong_somebody_is_signed_in_or_out() {
        for (act, expected) in [(0, "in"), (4, "refreshed"), (5, "out"), (6, "leaves"), (7, "sent")] {
            for party in 0..5 {
                let expected = match (party, expected) {
                    // GitHub has neither.
                    (4, "out") => "provider-missing",
                    (4, "leaves") => "stays",
                    _ => expected,
                };
                assert_eq!(run(&[act, party]), expected, "act {act}, provider {party}");
            }
        }
    }

    /// Cases that all end alike would show nothing.
    #[test]
    fn whatever_a_provider_answers_nobody_is_let_in_by_it() {
        let (mut outcomes, mut state) = (BTreeSet::new(), 1_u64);
        for _ in 0..4_000 {
            let bytes: Vec<u8> = (0..260)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    // Few things go wrong at once.
                    if state % 16 == 0 { state.to_le_bytes()[3] } else { state.to_le_bytes()[3] & 0x3f }
                })
                .collect();
            outcomes.insert(run(&bytes));
        }
        assert!(outcomes.len() > 20 && outcomes.contains("in"), "{outcomes:?}");
    }

    #[test]
    fn inputs_that_were_kept_still_hold() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/provider");
        let inputs: Vec<_> = folder.read_dir().unwrap().collect();
        assert!(inputs.len() > 20, "{} inputs", inputs.len());
        for input in inputs {
            provider(&std::fs::read(input.unwrap().path()).unwrap());
        }
    }
}
