//! Tables of requests in a line each: a configuration, a request, and everything that must follow.
//!
//! - Configuration: `dev` or `prod`, then settings (see [`configure`]).
//! - Request: method, target, `dest=..` where it loads no document, `host=..`, cookies as [`cookies`] has them; fields
//!   follow, each behind ` ; `.
//! - Outcome: status and reason; behind each ` | ` something more (see [`Expected`]).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use nostore_jose::JwkSet;
use nostore_message::{FieldEdit, RequestHead, Scheme, Secret, UnixTime};
use nostore_session::{
    Accepts, Answer, Config, Decision, Facts, Instance, Need, OrganizationSync, PublishableKey, Status, Step,
    TokenType, authenticate,
};
use serde_json::{Value, json};
use url::Url;

use crate::kit::{JSON, NOW, SESSION_CATEGORY, Tokens, claims, cookies, key_set, sign, signer, with};

/// The identity service of both kinds of key.
pub(crate) const HOST: &str = "accounts.nostore.example";

const REDIRECT: &str = "https://accounts.nostore.example/v1/client/handshake";

/// Number, configuration, request, outcome.
pub(crate) type Row<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Every token that a table names.
pub(crate) static TOKENS: LazyLock<Tokens> = LazyLock::new(all_tokens);

/// A session token with changed claims.
pub(crate) fn session(changes: Value) -> String {
    let head = json!({"typ": "JWT", "cat": SESSION_CATEGORY});
    sign(signer('a'), head, with(claims(Instance::Production), changes))
}

/// A handshake around directives, in which tokens are named.
pub(crate) fn handshake(tokens: &Tokens, by: char, directives: &[&str]) -> String {
    let directives: Vec<_> = directives.iter().map(|one| tokens.fill(one)).collect();
    sign(signer(by), json!({"typ": "JWT", "cat": SESSION_CATEGORY}), json!({"handshake": directives}))
}

fn all_tokens() -> Tokens {
    let mut tokens = Tokens::new(Instance::Production);
    let a = signer('a');
    for (name, changes) in [
        ("OLDER", json!({"iat": NOW - 1})),
        ("NEWER", json!({"iat": NOW + 1})),
        ("NOIAT", json!({"iat": null})),
        ("ISSEMPTY", json!({"iss": ""})),
        ("ISSZERO", json!({"iss": 0})),
        ("ISSLIST", json!({"iss": []})),
        ("ISSSLASH", json!({"iss": "https://accounts.nostore.example/"})),
        ("ISSCASE", json!({"iss": "HTTP://https://accounts.nostore.example"})),
        ("FOREIGN", json!({"iss": "https://accounts.other.example"})),
        ("NOSID", json!({"sid": null, "iat": NOW - 600, "nbf": NOW - 600, "exp": NOW - 540})),
        ("OTHERSITE", json!({"azp": "https://other.example"})),
        ("FEATURES", json!({"v": 2, "fea": "dash", "o": {"id": "org_1", "slg": "acme", "rol": "admin"}})),
        ("ACME", json!({"org_id": "org_1", "org_slug": "acme", "org_role": "org:admin"})),
        (
            "PENDINGACME",
            json!({"org_id": "org_1", "org_slug": "acme", "org_role": "org:admin", "sts": "pending"}),
        ),
        ("OLDACME", json!({"org_id": "org_1", "org_slug": "acme", "exp": NOW - 540})),
    ] {
        tokens.add(name, session(changes));
    }
    let machine = json!({"sub": "mch_1", "jti": "t1", "iat": NOW, "nbf": NOW - 10, "exp": NOW + 60});
    let access = json!({"sub": "user_1", "client_id": "c1", "iat": NOW, "exp": NOW + 60});
    let m2m = json!({"typ": "JWT", "cat": "cl_B7d4PD333AAA"});
    tokens.add("M2M", sign(a, m2m.clone(), machine.clone()));
    tokens.add("M2MPLAIN", sign(a, json!({"typ": "JWT"}), machine.clone()));
    tokens.add("M2MIGNORED", sign(a, json!({"cat": "cl_I7d4PD111III"}), machine.clone()));
    tokens.add("M2MEXPIRED", sign(a, m2m.clone(), with(machine.clone(), json!({"exp": NOW - 5}))));
    tokens.add("M2MTYP", sign(a, with(m2m.clone(), json!({"typ": "at+jwt"})), machine));
    tokens.add("M2MUSER", sign(a, m2m, claims(Instance::Production)));
    tokens.add("ACCESS", sign(a, json!({"typ": "at+jwt"}), access.clone()));
    tokens.add("ACCESSLONG", sign(a, json!({"typ": "application/at+jwt"}), access.clone()));
    tokens.add("ACCESSFORGED", sign(signer('b'), json!({"typ": "at+jwt"}), access));
    tokens.add("NULLHEAD", format!("bnVsbA.{}", tokens.text("GOOD").split_once('.').unwrap().1));
    let in_dev =
        handshake(&tokens, 'a', &["__session=; Max-Age=0", "__session=<GOOD>; Path=/", "__client_uat=1"]);
    tokens.add("HANDSHAKE", in_dev);
    tokens.add("HANDSHAKEOUT", handshake(&tokens, 'a', &["__session=; Max-Age=0", "__client_uat=0"]));
    tokens.add("HANDSHAKEFORGED", handshake(&tokens, 'b', &["__session=<GOOD>"]));
    tokens.add("HANDSHAKEINNER", handshake(&tokens, 'a', &["__session=<MISMATCH>"]));
    tokens.add("HANDSHAKEOLD", handshake(&tokens, 'a', &["__session=<EXPIRED>"]));
    tokens.add("HANDSHAKEEARLY", handshake(&tokens, 'a', &["__session=<EARLY>"]));
    tokens
}

/// What the identity service says: status, content type, body. `None` is no answer.
pub(crate) type Said = Option<(u16, Option<&'static str>, String)>;

/// The answers of one row.
pub(crate) struct Service {
    pub(crate) snapshot: Option<Arc<JwkSet>>,
    pub(crate) keys: Said,
    pub(crate) other: Said,
}

impl Default for Service {
    fn default() -> Self {
        let keys = key_set();
        let served = Some((200, JSON, keys.to_json().to_string()));
        Self { snapshot: Some(Arc::new(keys)), keys: served, other: None }
    }
}

impl Service {
    /// A service that says this, in JSON, to everything but the question for keys.
    pub(crate) fn saying(status: u16, body: impl Into<String>) -> Self {
        Self { other: Some((status, JSON, body.into())), ..Self::default() }
    }

    /// A service that is asked for its keys.
    pub(crate) fn with_keys(status: u16, body: impl Into<String>) -> Self {
        Self { snapshot: None, keys: Some((status, JSON, body.into())), ..Self::default() }
    }

    pub(crate) fn decide(
        &self,
        request: &RequestHead<'_>,
        config: &Config,
        now: UnixTime,
    ) -> (Decision, Vec<Need>) {
        let (mut answers, mut needs): (Vec<Answer>, Vec<Need>) = (Vec::new(), Vec::new());
        loop {
            let facts = Facts { keys: self.snapshot.as_deref(), answers: &answers, memo: None };
            let need = match authenticate(request, config, &facts, now) {
                Step::Done(decision) => return (*decision, needs),
                Step::Need(need) => need,
            };
            assert!(!needs.contains(&need), "{need:?} repeats");
            let said = if matches!(need, Need::JwkSet { .. }) { &self.keys } else { &self.other };
            answers.push(match said {
                None => need.unreachable(),
                Some((status, kind, body)) => need.read(*status, *kind, body.as_bytes()),
            });
            needs.push(need);
        }
    }
}

/// Reads `dev sat domain=..`: one setting per word.
pub(crate) fn configure(text: &str) -> (Config, UnixTime) {
    let instance = if text.starts_with("dev") { Instance::Development } else { Instance::Production };
    let value = |name: &str| text.split_whitespace().find_map(|word| word.strip_prefix(&format!("{name}=")));
    let has = |name: &str| text.split_whitespace().any(|word| word == name);
    let list = |text: &'static str| text.split(',').filter(|one| !one.is_empty()).map(str::to_owned);
    let list = |name: &str| {
        value(name).into_iter().flat_map(|text| list(text.to_owned().leak())).collect::<Vec<_>>()
    };
    let host = value("key").unwrap_or(HOST);
    let key = PublishableKey::parse(&PublishableKey::encode(instance, host)).unwrap();
    let mut config = Config::new(key, Secret::new(value("sk").unwrap_or("sk_hush")))
        .satellite(has("sat"))
        .satellite_auto_sync(has("auto"))
        .domain(value("domain").unwrap_or_default())
        .authorized_parties(list("party"))
        .audience(list("aud"));
    if let Some(url) = value("proxy") {
        config = config.proxy_url(url).unwrap();
    }
    if let Some(url) = value("signin") {
        config = config.sign_in_url(url).unwrap();
    }
    if let Some(millis) = value("skew") {
        config = config.clock_skew_ms(millis.parse().unwrap());
    }
    if let Some(key) = value("msk") {
        config = config.machine_secret_key(Secret::new(key));
    }
    if has("orgs") {
        let organizations = ["/orgs/:slug", "/orgs/:slug/(.*)", "/o/:id", "/o/:id/(.*)"];
        config = config.organization_sync(OrganizationSync::new(organizations, ["/me", "/me/(.*)"]).unwrap());
    }
    let kind = |code: &str| TokenType::from_code(code).unwrap();
    if has("any") {
        config = config.accepts(Accepts::Any);
    } else if let Some(code) = value("only") {
        config = config.accepts(Accepts::Only(kind(code)));
    } else if value("oneof").is_some() {
        config = config.accepts(Accepts::OneOf(list("oneof").iter().map(|code| kind(code)).collect()));
    }
    let after: i64 = value("now").map_or(0, |millis| millis.parse().unwrap());
    (config, UnixTime::from_millis(NOW * 1_000 + after))
}

/// Reads `GET /a dest=empty uat=1 session=<GOOD> ; accept: text/html`.
pub(crate) fn read_request(text: &str, config: &Config, tokens: &Tokens) -> RequestHead<'static> {
    let mut parts = text.split(" ; ");
    let mut words = parts.next().unwrap().split_whitespace();
    let (method, target) = (words.next().unwrap(), tokens.fill(words.next().unwrap()));
    let (mut destination, mut authority, mut own) = ("document", "localhost:8080", Vec::new());
    for word in words {
        match word.split_once('=') {
            Some(("dest", value)) => destination = value,
            Some(("host", value)) => authority = value,
            _ => own.push(word),
        }
    }
    let mut fields = vec![("cookie".to_owned(), tokens.fill(&cookies(config, &own.join(" "))))];
    fields.push(("sec-fetch-dest".to_owned(), destination.to_owned()));
    for part in parts {
        let (name, value) = part.split_once(": ").unwrap();
        fields.push((name.to_owned(), tokens.fill(value)));
    }
    RequestHead {
        method: method.to_owned().into(),
        scheme: Scheme::Http,
        authority: authority.to_owned().into(),
        target: target.into(),
        fields: fields
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect(),
    }
    .into_owned()
}

/// What a row says of the outcome.
struct Expected<'t> {
    /// `signed-in user_1`, `handshake dev-browser-missing`.
    brief: &'t str,
    /// `-> URL`: the location, whole.
    location: Option<&'t str>,
    /// `=> URL`: a handshake's location up to its query.
    base: &'t str,
    /// `name=value`: a parameter of the location; `name!`: it has none of the name.
    parameters: Vec<&'t str>,
    /// `+ cookie`: the `Set-Cookie` fields, all and in order.
    cookies: Vec<&'t str>,
    /// `message: text`: what the message contains.
    messages: Vec<&'t str>,
    /// `silent`: there is no message.
    silent: bool,
    /// `asks n`: so many questions.
    asks: Option<usize>,
}

fn expected(text: &str) -> Expected<'_> {
    let mut parts = text.split(" | ");
    let mut expected = Expected {
        brief: parts.next().unwrap(),
        location: None,
        base: REDIRECT,
        parameters: Vec::new(),
        cookies: Vec::new(),
        messages: Vec::new(),
        silent: false,
        asks: None,
    };
    for part in parts {
        match part.split_once(' ') {
            Some(("->", url)) => expected.location = Some(url),
            Some(("=>", url)) => expected.base = url,
            Some(("+", cookie)) => expected.cookies.push(cookie),
            Some(("message:", text)) => expected.messages.push(text),
            Some(("asks", count)) => expected.asks = Some(count.parse().unwrap()),
            None if part == "silent" => expected.silent = true,
            _ => expected.parameters.push(part),
        }
    }
    expected
}

/// Runs every row with the usual service.
pub(crate) fn check(rows: &[Row<'_>]) {
    let service = Service::default();
    each(rows, |row| check_with(row, &service));
}

/// Runs every row of any table. All that go wrong are told, not the first alone.
pub(crate) fn each<T>(rows: &[T], run: impl Fn(&T)) {
    let red = rows.iter().filter(|row| catch_unwind(AssertUnwindSafe(|| run(row))).is_err()).count();
    assert_eq!(red, 0, "of {} rows so many are red, see above", rows.len());
}

/// Runs one row.
pub(crate) fn check_with(row: &Row<'_>, service: &Service) {
    let (id, configuration, text, outcome) = row;
    let (config, now) = configure(configuration);
    let request = read_request(text, &config, &TOKENS);
    let (decision, needs) = service.decide(&request, &config, now);
    let outcome = TOKENS.fill(outcome);
    let expected = expected(&outcome);
    let row = format!("{id} [{configuration}] {text}\n{decision:?}");
    assert_eq!(brief(&decision), expected.brief, "{row}");
    if let Some(asks) = expected.asks {
        assert_eq!(needs.len(), asks, "{row} {needs:?}");
    }
    for message in &expected.messages {
        assert!(decision.message.contains(message), "{row}");
    }
    assert!(!expected.silent || decision.message.is_empty(), "{row}");
    check_location(&decision, &expected, &request, &row);
    check_fields(&decision, &expected, &request, &row);
}

/// Tells status, who, and reason; the kind of token where it is not a session's.
pub(crate) fn brief(decision: &Decision) -> String {
    let who = match &decision.status {
        Status::SignedIn(session) => format!(" {}", session.user_id()),
        Status::Machine(machine) => format!(" {}", machine.subject()),
        _ => String::new(),
    };
    let reason = decision.reason.as_ref().map_or_else(String::new, |reason| format!(" {reason}"));
    let kind = match decision.token_type {
        Some(TokenType::Session) => String::new(),
        Some(kind) => format!(" ({})", kind.code()),
        None => " (no kind)".to_owned(),
    };
    let stopped = if decision.loop_stopped { " (loop)" } else { "" };
    format!("{}{who}{reason}{kind}{stopped}", decision.status.code())
}

fn check_location(decision: &Decision, expected: &Expected<'_>, request: &RequestHead<'_>, row: &str) {
    let is_handshake = matches!(decision.status, Status::Handshake);
    let location = match (decision.location(), expected.location) {
        (found, Some(location)) => return assert_eq!(found, Some(location), "{row}"),
        (None, None) => return assert!(!is_handshake, "{row}"),
        (Some(location), None) => location,
    };
    assert!(is_handshake, "an unexpected location {location}: {row}");
    let url = Url::parse(location).unwrap();
    assert_eq!(location.split('?').next().unwrap(), expected.base, "{row}");
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let order = [
        "redirect_url",
        "__clerk_api_version",
        "suffixed_cookies",
        "__clerk_hs_reason",
        "format",
        "__session",
        "__clerk_db_jwt",
        "organization_id",
    ];
    let wanted: Vec<&str> = order.iter().copied().filter(|name| names.contains(name)).collect();
    assert_eq!(names, wanted, "the parameters, in order: {row}");
    let value = |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    let back = format!("http://{}{}", request.authority, request.target);
    let mut usual =
        vec![("redirect_url", back.as_str()), ("__clerk_api_version", "2026-05-12"), ("format", "nonce")];
    let reason = decision.reason.as_ref().unwrap().to_string();
    usual.push(("__clerk_hs_reason", &reason));
    for parameter in &expected.parameters {
        let (name, wanted) = parameter.split_once('=').unwrap_or((parameter.trim_end_matches('!'), ""));
        usual.retain(|(usual, _)| *usual != name);
        let wanted = parameter.contains('=').then_some(wanted);
        assert_eq!(value(name), wanted, "{name}: {row}");
    }
    for (name, wanted) in usual {
        assert_eq!(value(name), Some(wanted), "{name}: {row}");
    }
    let says = |name: &str| expected.parameters.iter().any(|parameter| parameter.starts_with(name));
    assert_eq!(value("organization_id").is_some(), says("organization_id="), "{row}");
}

/// The state's fields, `no-store` and cookies: exactly what the status makes of them.
fn check_fields(decision: &Decision, expected: &Expected<'_>, request: &RequestHead<'_>, row: &str) {
    let field = |wanted: &str| {
        decision.edits.iter().find_map(|edit| match edit {
            FieldEdit::Set { name, value } if name == wanted => Some(value.to_string()),
            _ => None,
        })
    };
    let told = matches!(decision.status, Status::Handshake | Status::SignedOut);
    let state = told.then(|| decision.status.code().to_owned());
    assert_eq!(field("x-clerk-auth-status"), state, "{row}");
    let reason = decision.reason.as_ref().filter(|_| told).map(ToString::to_string);
    assert_eq!(field("x-clerk-auth-reason"), reason, "{row}");
    let message = Some(decision.message.clone()).filter(|message| told && !message.is_empty());
    assert_eq!(field("x-clerk-auth-message"), message, "{row}");
    let no_store = decision.location().map(|_| "no-store".to_owned());
    assert_eq!(field("cache-control"), no_store, "{row}");
    assert_eq!(set_cookies(decision), cookies_of(decision, expected, request), "{row}");
}

fn cookies_of(decision: &Decision, expected: &Expected<'_>, request: &RequestHead<'_>) -> Vec<String> {
    if !matches!(decision.status, Status::Handshake) {
        return expected.cookies.iter().map(|cookie| (*cookie).to_owned()).collect();
    }
    let count = request.cookies().value("__clerk_redirect_count").and_then(|count| count.parse().ok());
    let next: u32 = count.unwrap_or(0) + 1;
    vec![format!("__clerk_redirect_count={next}; SameSite=Lax; HttpOnly; Max-Age=2")]
}

/// Returns the protocol's `Set-Cookie` fields, in order.
pub(crate) fn set_cookies(decision: &Decision) -> Vec<String> {
    let cookie = |edit: &FieldEdit| match edit {
        FieldEdit::Append { name, value } if name == "set-cookie" => Some(value.to_string()),
        _ => None,
    };
    decision.edits.iter().filter_map(cookie).collect()
}

/// A row whose outcome is told wrongly is red, whatever is wrong about it.
#[test]
fn rows_can_be_red() {
    let page = "GET /a uat=1";
    let good = "handshake client-uat-but-no-session-token | asks 0 | silent";
    check(&[("", "prod", page, good)]);
    let resolved =
        "signed-in user_1 | + __session=; Max-Age=0 | + __session=<GOOD>; Path=/ | + __client_uat=1";
    check(&[("", "prod", "GET / handshake=<HANDSHAKE>", resolved)]);
    let wrong = [
        (page, "signed-out client-uat-but-no-session-token"),
        (page, "handshake dev-browser-missing"),
        (page, "handshake client-uat-but-no-session-token (loop)"),
        (page, "handshake client-uat-but-no-session-token | => https://other.example/v1/client/handshake"),
        (page, "handshake client-uat-but-no-session-token | -> https://other.example/"),
        (page, "handshake client-uat-but-no-session-token | redirect_url=http://localhost:8080/"),
        (page, "handshake client-uat-but-no-session-token | organization_id=x"),
        (page, "handshake client-uat-but-no-session-token | format!"),
        (page, "handshake client-uat-but-no-session-token | asks 1"),
        (page, "handshake client-uat-but-no-session-token | message: x"),
        ("GET /a uat=1 session=<EARLY>", "handshake session-token-nbf | silent"),
        ("GET / handshake=<HANDSHAKE>", "signed-in user_1"),
        ("GET / handshake=<HANDSHAKE>", &resolved.replace("uat=1", "uat=2")),
        ("GET / handshake=<HANDSHAKE>", &format!("{resolved} | + x=1")),
        ("GET / handshake=<HANDSHAKE>", &resolved.replace("user_1", "user_2")),
    ];
    for (request, outcome) in wrong {
        let red = catch_unwind(|| check_with(&("", "prod", request, outcome), &Service::default()));
        assert!(red.is_err(), "{request}: {outcome}");
    }
}
