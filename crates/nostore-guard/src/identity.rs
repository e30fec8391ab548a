//! Who is asking, found out in the app's place and told to it.
//!
//! | field | |
//! |---|---|
//! | `Nostore-User` | the visitor's id (`sub`) |
//! | `Nostore-Email` | the address, where there is one |
//! | `Nostore-Role` | the role on this site, where there is one |
//! | `Nostore-Assertion` | all of it as a JWT, signed by a key of [`KEYS_PATH`], for a minute |
//!
//! # Invariants
//!
//! - Nothing that a visitor sends under such a name reaches the app, nor under a name that becomes the same where other
//!   characters become `_` (CGI and WSGI make `HTTP_NOSTORE_USER` of `Nostore_User`, others of `Nostore.User`).
//! - A value that is not printable ASCII is in the assertion alone: the app sees nobody rather than somebody else.
//! - Whoever is told apart is not cached: to ask who is there makes the response `Personalized`.
//!
//! Specifications: RFC 7515, RFC 7517, RFC 7519, RFC 8037.

use std::sync::Arc;

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName, HeaderValue};
use nostore_jose::{SigningKey, SigningKeyError};
use nostore_message::{FieldEdit, Origin, Secret, UnixTime};
use nostore_signin::SignIn;
use nostore_signin::store::StoreError;
use nostore_web::{Answer, Auth, Exchange, Routes, Sessions, Why};
use serde_json::{Map, Value, json};

/// Where the public key is that assertions are checked with, as a JWK Set.
pub const KEYS_PATH: &str = "/auth/keys";
/// The field that the app can check.
pub const ASSERTION_FIELD: &str = "nostore-assertion";
/// All fields that say who is asking.
const FIELDS: [&str; 4] = ["nostore-user", "nostore-email", "nostore-role", ASSERTION_FIELD];
/// What every field of ours begins with.
const PREFIX: &str = "nostore-";
/// How long an assertion counts, in seconds.
const ASSERTED_SECS: i64 = 60;
/// What the key is derived for.
const PURPOSE: &str = "nostore guard: assertions, EdDSA";

/// Sign-in in the app's place: sessions, and what the app is told of them.
#[derive(Clone, Debug)]
pub struct Identity {
    sessions: Sessions,
    sign_in: Option<SignIn>,
    public: Routes,
    key: Arc<SigningKey>,
    site: String,
}

impl Identity {
    /// Takes the sessions of a sign-in of the site's own, with its pages. `secret` is what the key of assertions is
    /// derived from: guards with the same secret sign alike. `public` names the routes whose answers are the same for all.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`] when no key can be derived.
    pub fn own(
        sign_in: SignIn,
        site: &Origin,
        secret: &Secret,
        public: Routes,
    ) -> Result<Self, SigningKeyError> {
        let sessions = sign_in.sessions();
        Ok(Self { sign_in: Some(sign_in), ..Self::service(sessions, site, secret, public)? })
    }

    /// Takes the sessions of an identity service, whose pages are elsewhere.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`] when no key can be derived.
    pub fn service(
        sessions: Sessions,
        site: &Origin,
        secret: &Secret,
        public: Routes,
    ) -> Result<Self, SigningKeyError> {
        let key = Arc::new(SigningKey::derive(secret.expose().as_bytes(), PURPOSE)?);
        Ok(Self { sessions, sign_in: None, public, key, site: site.to_string() })
    }

    /// Returns the names of the cookies that carry its sessions.
    #[must_use]
    pub fn cookie_names(&self) -> &[String] {
        self.sessions.cookie_names()
    }

    pub(crate) const fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(crate) const fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }

    /// Writes what has been counted, as Prometheus reads it.
    pub(crate) fn prometheus(&self) -> String {
        let own = self.sign_in.as_ref().map(SignIn::prometheus).unwrap_or_default();
        self.sessions.metrics().prometheus() + &own
    }

    /// Returns the public key that assertions are checked with, as a JWK Set (RFC 7517).
    #[must_use]
    pub fn keys(&self) -> String {
        json!({ "keys": [self.key.jwk().to_json()] }).to_string()
    }

    /// Finds out who is asking and says it in fields for the app. A visitor who shows nothing, and one who asks for what is
    /// the same for everybody, is not asked for.
    pub(crate) async fn fields(&self, exchange: &Arc<Exchange>) -> Result<Vec<FieldEdit>, Answer> {
        let head = exchange.head();
        if self.public.is_public(head.path()) || !self.sessions.carries_credentials(head) {
            return Ok(Vec::new());
        }
        let auth = exchange.auth(Why::here()).await?;
        Ok(self.told(&auth))
    }

    /// Lists the fields without which another proxy may leave what a visitor sent under their names, empty.
    pub(crate) fn nobody() -> Vec<FieldEdit> {
        FIELDS.map(|name| FieldEdit::set(name, String::new())).into()
    }

    /// Removes from the store what has ended.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn sweep(&self) -> Result<u64, StoreError> {
        match &self.sign_in {
            Some(sign_in) => sign_in.sweep().await,
            None => Ok(0),
        }
    }

    fn told(&self, auth: &Auth) -> Vec<FieldEdit> {
        let Some(user) = auth.user_id() else { return Vec::new() };
        let role = auth.claim("role").and_then(Value::as_str);
        let plain = [("nostore-user", Some(user)), ("nostore-email", auth.email()), ("nostore-role", role)];
        let writable = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let mut edits: Vec<FieldEdit> = plain
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.filter(writable)?)))
            .map(|(name, value)| FieldEdit::set(name, value.to_owned()))
            .collect();
        match self.assertion(auth, user, self.sessions.now()) {
            Some(assertion) => edits.push(FieldEdit::set(ASSERTION_FIELD, assertion)),
            // Without a signature nobody is named at all.
            None => edits.clear(),
        }
        edits
    }

    fn assertion(&self, auth: &Auth, user: &str, now: UnixTime) -> Option<String> {
        let mut payload = Map::new();
        for name in ["email", "name", "role", "groups", "org_id", "org_role"] {
            if let Some(value) = auth.claim(name) {
                payload.insert(name.to_owned(), value.clone());
            }
        }
        payload.insert("iss".to_owned(), json!(self.site));
        payload.insert("aud".to_owned(), json!(self.site));
        payload.insert("sub".to_owned(), json!(user));
        payload.insert("iat".to_owned(), json!(now.secs()));
        payload.insert("exp".to_owned(), json!(now.plus_secs(ASSERTED_SECS).secs()));
        let header = Map::from_iter([("typ".to_owned(), json!("JWT"))]);
        self.key
            .sign(&header, &payload)
            .inspect_err(|error| tracing::error!(%error, "an assertion could not be signed"))
            .ok()
    }
}

/// Takes out of a request what only the guard may say, and the wish that it be not said (RFC 9110 section 7.6.1).
pub(crate) fn remove_claims(fields: &mut HeaderMap) {
    let claimed: Vec<HeaderName> = fields.keys().filter(|name| is_ours(name.as_str())).cloned().collect();
    for name in claimed {
        fields.remove(name);
    }
    let lines = fields.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let options: Vec<String> =
        lines.flat_map(|line| line.split(',')).map(|option| option.trim().to_owned()).collect();
    if options.iter().any(|option| is_ours(option)) {
        fields.remove(CONNECTION);
        for option in options.iter().filter(|option| !is_ours(option)) {
            if let Ok(option) = HeaderValue::from_str(option) {
                fields.append(CONNECTION, option);
            }
        }
    }
}

fn is_ours(name: &str) -> bool {
    let is_alike = |(own, found): (u8, u8)| match own {
        b'-' => !found.is_ascii_alphanumeric(),
        letter => found.eq_ignore_ascii_case(&letter),
    };
    name.len() >= PREFIX.len() && PREFIX.bytes().zip(name.bytes()).all(is_alike)
}

/// Puts into a request what the guard says.
pub(crate) fn insert(edits: &[FieldEdit], fields: &mut HeaderMap) {
    for edit in edits {
        if let FieldEdit::Set { name, value } = edit {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_str(value)) {
                value.set_sensitive(true);
                fields.insert(name, value);
            }
        }
    }
}
