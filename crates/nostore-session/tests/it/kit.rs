//! The world of these tests: two signing keys, two instances, named tokens, and a loop that
//! answers every question.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nostore_jose::{JwkSet, SigningKey};
use nostore_message::{FieldEdit, RequestHead, Scheme, Secret, UnixTime};
use nostore_session::{
    Answer, Config, Decision, Facts, Instance, Need, PublishableKey, Status, Step, authenticate,
};
use serde_json::{Map, Value, json};

/// The wall time of every test that does not say otherwise, in seconds.
pub(crate) const NOW: i64 = 1_700_000_000;

pub(crate) const SITE: &str = "http://localhost:8080";

/// The category of session tokens.
pub(crate) const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

pub(crate) fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

static KEY_A: LazyLock<SigningKey> = LazyLock::new(|| read_key(include_str!("keys/a.b64")));
static KEY_B: LazyLock<SigningKey> = LazyLock::new(|| read_key(include_str!("keys/b.b64")));

fn read_key(text: &str) -> SigningKey {
    let der = BASE64_STANDARD.decode(text.split_whitespace().collect::<String>()).unwrap();
    SigningKey::from_pkcs8(&der).unwrap()
}

/// Returns one of the committed test keys: `a`, which the JWK Set holds, or `b`, which it does not.
pub(crate) fn signer(name: char) -> &'static SigningKey {
    if name == 'a' { &KEY_A } else { &KEY_B }
}

/// The published key A, and under the name of key B key A again: a signature by B has a key that
/// does not match.
pub(crate) fn key_set() -> JwkSet {
    let (a, b) = (signer('a'), signer('b'));
    let mut mixed = a.jwk().to_json();
    mixed["kid"] = json!(b.kid());
    JwkSet::new([a.jwk().clone(), nostore_jose::Jwk::from_json(&mixed).unwrap()])
}

pub(crate) fn publishable_key(instance: Instance) -> PublishableKey {
    let host = match instance {
        Instance::Development => "http://127.0.0.1:8081",
        Instance::Production => "accounts.nostore.example",
    };
    PublishableKey::parse(&PublishableKey::encode(instance, host)).unwrap()
}

/// The two instances of `nostore dev`.
pub(crate) fn config(instance: Instance) -> Config {
    let config = Config::new(publishable_key(instance), Secret::new("sk_hush"));
    match instance {
        Instance::Development => config,
        Instance::Production => config.proxy_url("http://localhost:8081").unwrap(),
    }
}

pub(crate) fn issuer(instance: Instance) -> &'static str {
    match instance {
        Instance::Development => "https://127.0.0.1:8081",
        Instance::Production => "https://accounts.nostore.example",
    }
}

/// Claims of a fresh session token.
pub(crate) fn claims(instance: Instance) -> Value {
    json!({
        "iss": issuer(instance), "sub": "user_1", "sid": "sess_1", "azp": SITE, "email": "alice@example.com",
        "iat": NOW, "nbf": NOW - 10, "exp": NOW + 60,
    })
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { return Map::new() };
    map
}

/// Replaces members of an object; `null` removes one.
pub(crate) fn with(base: Value, changes: Value) -> Value {
    let mut map = object(base);
    for (name, value) in object(changes) {
        if value.is_null() {
            map.remove(&name);
        } else {
            map.insert(name, value);
        }
    }
    Value::Object(map)
}

pub(crate) fn sign(signer: &SigningKey, header: Value, payload: Value) -> String {
    signer.sign(&object(header), &object(payload)).unwrap()
}

/// Tokens by name.
pub(crate) struct Tokens(BTreeMap<&'static str, String>);

impl Tokens {
    /// Makes the tokens that tables speak of.
    pub(crate) fn new(instance: Instance) -> Self {
        let (a, b) = (signer('a'), signer('b'));
        let head = || json!({"typ": "JWT", "cat": SESSION_CATEGORY});
        let session = |changes: Value| sign(a, head(), with(claims(instance), changes));
        let mut tokens = Self(BTreeMap::new());
        tokens.add("GOOD", session(json!({})));
        tokens.add("EXPIRED", session(json!({"iat": NOW - 600, "nbf": NOW - 600, "exp": NOW - 540})));
        tokens.add("EARLY", session(json!({"nbf": NOW + 600})));
        tokens.add("FUTURE", session(json!({"iat": NOW + 600})));
        tokens.add("MACHINE", session(json!({"sub": "mch_1"})));
        tokens.add("NOISS", session(json!({"iss": null})));
        tokens.add("BARE", session(json!({"iss": null, "azp": null, "sid": null, "email": null})));
        tokens.add("PENDING", session(json!({"sts": "pending"})));
        tokens.add("TEMPLATE", sign(a, json!({"typ": "JWT", "cat": "cl_B7d4PD222AAA"}), claims(instance)));
        tokens.add("OAUTH", sign(a, json!({"typ": "at+jwt"}), claims(instance)));
        tokens.add("MISMATCH", sign(b, head(), claims(instance)));
        let good = &tokens.0["GOOD"];
        // Two characters are one octet of a signature of 256.
        let cut = good.get(..good.len() - 2).unwrap().to_owned();
        tokens.add("CUT", cut);
        tokens
    }

    pub(crate) fn add(&mut self, name: &'static str, token: String) {
        self.0.insert(name, token);
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        &self.0[name]
    }

    /// Puts tokens in place of their names.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, token)| text.replace(&format!("<{name}>"), token))
    }

    /// Puts names in place of tokens, the longest token first.
    pub(crate) fn name(&self, text: &str) -> String {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|(_, token)| std::cmp::Reverse(token.len()));
        all.into_iter().fold(text.to_owned(), |text, (name, token)| text.replace(token, &format!("<{name}>")))
    }
}

/// Writes cookies in both families: `session=.. uat=.. browser=.. refresh=..`; `plain-` or `sfx-`
/// in front means one family only, and other names stand as they are.
pub(crate) fn cookies(config: &Config, text: &str) -> String {
    let suffix = config.publishable_key().suffix();
    let mut pairs = Vec::new();
    for word in text.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap();
        let (family, bare) = match name.split_once('-') {
            Some((family @ ("plain" | "sfx"), bare)) => (family, bare),
            _ => ("both", name),
        };
        let full = match bare {
            "session" => "__session",
            "uat" => "__client_uat",
            "browser" => "__clerk_db_jwt",
            "refresh" => "__refresh",
            "count" => "__clerk_redirect_count",
            "handshake" => "__clerk_handshake",
            "nonce" => "__clerk_handshake_nonce",
            other => other,
        };
        let single = matches!(bare, "count" | "handshake" | "nonce");
        if family != "sfx" {
            pairs.push(format!("{full}={value}"));
        }
        if family != "plain" && !single {
            pairs.push(format!("{full}_{suffix}={value}"));
        }
    }
    pairs.join("; ")
}

/// A navigation by GET to the site.
pub(crate) fn page(target: &str, cookies: &str) -> RequestHead<'static> {
    request("GET", target, &[("sec-fetch-dest", "document"), ("cookie", cookies)])
}

pub(crate) fn request(method: &str, target: &str, fields: &[(&str, &str)]) -> RequestHead<'static> {
    RequestHead {
        method: method.into(),
        scheme: Scheme::Http,
        authority: "localhost:8080".into(),
        target: target.into(),
        fields: fields.iter().copied().collect(),
    }
    .into_owned()
}

/// The content type of every answer.
pub(crate) const JSON: Option<&str> = Some("application/json");

/// What the identity service of a test answers.
pub(crate) struct Service {
    /// Status and body at `/v1/jwks`; `None` is no answer.
    pub(crate) keys: Option<(u16, String)>,
    /// Status and body for a nonce.
    pub(crate) payload: Option<(u16, String)>,
}

impl Default for Service {
    fn default() -> Self {
        let keys = Some((200, key_set().to_json().to_string()));
        Self { keys, payload: Some((404, r#"{"errors":[{"code":"resource_not_found"}]}"#.to_owned())) }
    }
}

impl Service {
    pub(crate) fn answer(&self, need: &Need) -> Answer {
        let answer = match need {
            Need::JwkSet { .. } => &self.keys,
            _ => &self.payload,
        };
        answer
            .as_ref()
            .map_or_else(|| need.unreachable(), |(status, body)| need.read(*status, JSON, body.as_bytes()))
    }

    /// Runs a decision to its end, and lists the questions on the way.
    pub(crate) fn decide(
        &self,
        request: &RequestHead<'_>,
        config: &Config,
        now: UnixTime,
        keys: Option<&Arc<JwkSet>>,
    ) -> (Decision, Vec<Need>) {
        let (mut answers, mut needs) = (Vec::new(), Vec::new());
        loop {
            let facts = Facts { keys: keys.map(|keys| &**keys), answers: &answers, memo: None };
            match authenticate(request, config, &facts, now) {
                Step::Done(decision) => return (*decision, needs),
                Step::Need(need) => {
                    assert!(!needs.contains(&need), "{need:?} repeats");
                    answers.push(self.answer(&need));
                    needs.push(need);
                    assert!(needs.len() <= 5, "more than five rounds");
                }
            }
        }
    }
}

/// Decides with the usual service and keys already known.
pub(crate) fn decide(request: &RequestHead<'_>, config: &Config) -> Decision {
    Service::default().decide(request, config, now(), Some(&Arc::new(key_set()))).0
}

/// Tells status and reason in a few words.
pub(crate) fn brief(decision: &Decision) -> String {
    let mut text = decision.status.code().to_owned();
    if let Status::SignedIn(session) = &decision.status {
        text += &format!(" {}", session.user_id());
    }
    if let Some(reason) = &decision.reason {
        text += &format!(" {reason}");
    }
    if decision.location().is_some() {
        text += " (redirect)";
    }
    if decision.loop_stopped {
        text += " (loop stopped)";
    }
    text
}

/// Tells everything: the brief, the message and every edit on a line of its own.
pub(crate) fn whole(decision: &Decision, tokens: &Tokens) -> String {
    let mut text = brief(decision);
    if !decision.message.is_empty() {
        text += &format!("\n  message: {}", decision.message);
    }
    for edit in decision.all_edits() {
        text += &match edit {
            FieldEdit::Append { name, value } => format!("\n  + {name}: {value}"),
            FieldEdit::Remove { name } => format!("\n  - {name}"),
            FieldEdit::Set { name, value } => format!("\n  = {name}: {value}"),
        };
    }
    tokens.name(&text)
}

pub(crate) const BOTH: [Instance; 2] = [Instance::Development, Instance::Production];
