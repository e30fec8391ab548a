//! A service with a fixed key, fixed time and counted entropy, and a readable form of its answers.

use std::fmt::Write as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nostore_issuer::core::{
    Change, Draw, ENTROPY_BYTES, HeldKey, Issuer, KeyRing, Mode, Response, Session, Settings, State,
};
use nostore_jose::{Jws, SigningKey};
use nostore_message::{Fields, Origin, RequestHead, Scheme, Secret, SetCookie, UnixTime};
use serde_json::Value;

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_700_000_000);

pub(crate) const SITE: &str = "http://localhost:8080";

pub(crate) struct World {
    pub(crate) issuer: Issuer,
    pub(crate) authority: &'static str,
    pub(crate) now: UnixTime,
    draws: u8,
}

pub(crate) fn fixed_key() -> SigningKey {
    let text: String = include_str!("keys/fixed.b64").split_whitespace().collect();
    SigningKey::from_pkcs8(&BASE64_STANDARD.decode(text).unwrap()).unwrap()
}

pub(crate) fn origin(text: &str) -> Origin {
    Origin::parse(text).unwrap()
}

impl World {
    pub(crate) fn new(mode: Mode) -> Self {
        Self::with_sites(mode, &[SITE])
    }

    pub(crate) fn with_sites(mode: Mode, sites: &[&str]) -> Self {
        let authority = match mode {
            Mode::Live => "localhost:8081",
            Mode::Test => "127.0.0.1:8081",
        };
        let settings = Settings {
            mode,
            origin: origin(&format!("http://{authority}")),
            allowed_origins: sites.iter().copied().map(origin).collect(),
            token_secs: 60,
        };
        let secret = Secret::new("hush");
        let keys = KeyRing::new(HeldKey::current(Arc::new(fixed_key()), NOW, 60));
        let issuer = Issuer::restore(settings, keys, &secret, State::first(NOW)).unwrap();
        Self { issuer, authority, now: NOW, draws: 0 }
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> (Response, Vec<Change>) {
        let head = RequestHead {
            method: method.into(),
            scheme: Scheme::Http,
            authority: self.authority.into(),
            target: target.into(),
            fields: fields.iter().copied().collect::<Fields<'_>>(),
        };
        self.draws += 1;
        let mut entropy = [self.draws; ENTROPY_BYTES];
        for (index, byte) in entropy.iter_mut().enumerate() {
            *byte = byte.wrapping_mul(31).wrapping_add(u8::try_from(index).unwrap());
        }
        let mut draw = Draw::new(entropy);
        if self.issuer.needs_key(&head) {
            draw.signing_key = Some(Arc::new(SigningKey::generate().unwrap()));
        }
        let (response, changes) = self.issuer.decide(&head, body.as_bytes(), self.now, &draw);
        self.issuer.apply(&changes);
        (response, changes)
    }

    pub(crate) fn get(&mut self, target: &str, fields: &[(&str, &str)]) -> Response {
        self.send("GET", target, fields, "").0
    }

    pub(crate) fn post(&mut self, target: &str, fields: &[(&str, &str)], form: &str) -> Response {
        let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
        all.extend_from_slice(fields);
        self.send("POST", target, &all, form).0
    }
}

impl World {
    /// Signs somebody in; returns what the browser is known by.
    pub(crate) fn sign_in(&mut self, email: &str) -> String {
        let form = format!("email={}&redirect_url={SITE}/", email.replace('@', "%40"));
        let answer = self.post("/sign-in", &[], &form);
        assert_eq!(answer.status, 303, "{}", show(&answer));
        let location = answer.fields.first("location").unwrap();
        let in_cookie = || cookies(&answer).into_iter().find(|(name, _)| name == "__client");
        parameter(location, "__clerk_db_jwt").or_else(|| in_cookie().map(|(_, value)| value)).unwrap()
    }

    /// Returns the session of the browser that is known by `token`.
    pub(crate) fn session_of(&self, token: &str) -> Session {
        let state = self.issuer.state();
        state.session_of(state.client(token).unwrap()).unwrap().clone()
    }
}

/// Asking with JSON and the secret key, and with forms from the site.
impl World {
    /// Sends JSON with the secret key; returns status and body.
    pub(crate) fn backend(&mut self, method: &str, target: &str, body: &str) -> (u16, Value) {
        let bearer = format!("Bearer {}", self.issuer.secret_key().expose());
        let fields = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let (answer, _) = self.send(method, target, &fields, body);
        assert_eq!(answer.fields.first("content-type"), Some("application/json"), "{target}");
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    /// Sends a form from the site.
    pub(crate) fn script(&mut self, method: &str, target: &str, form: &str) -> (Response, Value) {
        let fields = [("origin", SITE), ("content-type", "application/x-www-form-urlencoded")];
        let (answer, _) = self.send(method, target, &fields, form);
        let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
        (answer, body)
    }

    /// Plants users, organizations and the rest.
    pub(crate) fn sow(&mut self, seed: &str) {
        let mut draws = 0;
        let changes = self.issuer.seed(seed, self.now, &mut || {
            draws += 1;
            [draws; 32]
        });
        self.issuer.apply(&changes.unwrap());
    }
}

/// Returns what a token says.
pub(crate) fn claims(token: &str) -> Value {
    Value::Object(Jws::parse(token).unwrap().into_payload())
}

/// Returns the code of the error that a body carries.
pub(crate) fn code(body: &Value) -> &str {
    let error = &body["errors"][0];
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("expected ") && error["long_message"] == message, "{body}");
    error["code"].as_str().unwrap_or_default()
}

/// Prints JSON, with every token as what it says.
pub(crate) fn pretty(body: &Value) -> String {
    plain(&serde_json::to_string_pretty(body).unwrap())
}

/// Returns the value of a parameter in the query of a URL.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let query = url.split_once('?')?.1.split('#').next()?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Returns the cookies that a response sets, as name and value.
pub(crate) fn cookies(response: &Response) -> Vec<(String, String)> {
    let pair = |line: &str| {
        let cookie = SetCookie::parse(line);
        (cookie.name.into_owned(), cookie.value.into_owned())
    };
    response.fields.all("set-cookie").map(pair).collect()
}

/// Returns the result of a handshake, from the URL or from the cookie.
pub(crate) fn result(response: &Response) -> String {
    let in_url = response.fields.first("location").and_then(|url| parameter(url, "__clerk_handshake"));
    let in_cookie = || cookies(response).into_iter().find(|(name, _)| name == "__clerk_handshake");
    in_url.or_else(|| in_cookie().map(|(_, value)| value)).unwrap()
}

/// Returns the `Set-Cookie` values in the result of a handshake.
pub(crate) fn directives(response: &Response) -> Vec<String> {
    let token = result(response);
    let jws = Jws::parse(&token).unwrap();
    let lines = jws.payload()["handshake"].as_array().unwrap();
    lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// Prints a response: status, fields, and every token as its header and payload.
pub(crate) fn show(response: &Response) -> String {
    let mut text = format!("{}\n", response.status);
    for line in &response.fields {
        let _ = writeln!(text, "{}: {}", line.name, plain(&line.value));
    }
    let _ = writeln!(text, "record: {:?}, {}", response.client, response.note);
    text
}

/// Replaces every JWS in a text by what it says.
fn plain(text: &str) -> String {
    let is_token = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.');
    let mut shown = String::new();
    for piece in text.split_inclusive(|char| !is_token(char)) {
        let body = piece.trim_end_matches(|char| !is_token(char));
        match Jws::parse(body).ok().filter(|_| body.starts_with("eyJ")) {
            Some(jws) => {
                let header = serde_json::to_string(jws.header().parameters()).unwrap();
                let _ = write!(shown, "JWS {header}");
                if let Some(lines) = jws.payload().get("handshake").and_then(|lines| lines.as_array()) {
                    for line in lines {
                        let _ = write!(shown, "\n    {}", plain(line.as_str().unwrap()));
                    }
                } else {
                    let _ = write!(shown, " {}", serde_json::to_string(jws.payload()).unwrap());
                }
                shown.push_str(&piece[body.len()..]);
            }
            None => shown.push_str(piece),
        }
    }
    shown
}
