//! Decides how the identity service answers one request.
//!
//! Sans-IO: [`Issuer::decide`] is a function of (state, request, `now`, entropy).
//!
//! # Invariants
//!
//! - Total: any request and any body give a [`Response`].
//! - [`Issuer::decide`] changes nothing: what must change is returned, and takes effect with
//!   [`Issuer::apply`]. So a shell can keep the changes first and answer afterwards.
//! - `iat` of a minted session token is never before the `__client_uat` beside it.
//!
//! Specifications: the handshake protocol, sections 1, 2, 5 and 7.

mod ask;
mod backend;
mod client;
mod form;
mod handshake;
mod id;
mod redirect;
mod response;
mod sign_in;
mod sign_out;
mod state;

use std::collections::BTreeMap;

use nostore_jose::SigningKey;
use nostore_message::{Origin, RequestHead, Secret, UnixTime};
use nostore_session::{Instance, PublishableKey};
use serde_json::{Value, json};

use ask::Ask;
use response::Outcome;

pub use id::{ENTROPY_BYTES, secret_body};
pub use redirect::RedirectError;
pub use response::Response;
pub use state::{Change, Client, Nonce, Session, State, User};

/// The host that live keys name. It need not exist: browsers reach the service at its origin.
pub const LIVE_HOST: &str = "accounts.nostore.example";

/// Which kind of instance the service plays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// A production instance: the browser is known by the cookie `__client`, and the result of a
    /// handshake travels in a cookie. Site and service share a host name.
    Live,
    /// A development instance: the browser is known by `__clerk_db_jwt` in the query, and the
    /// result of a handshake travels in the URL.
    Test,
}

/// What does not change while the service runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The kind of instance.
    pub mode: Mode,
    /// The origin under which browsers reach the service.
    pub origin: Origin,
    /// The origins of the sites that session tokens may be handed to.
    pub allowed_origins: Vec<Origin>,
    /// How long a session token is valid, in seconds.
    pub session_ttl_secs: i64,
}

impl Settings {
    /// Returns the host that the publishable key encodes: the origin with its scheme for test
    /// keys (so that plain HTTP works), [`LIVE_HOST`] for live keys.
    #[must_use]
    pub fn frontend_api(&self) -> String {
        match self.mode {
            Mode::Live => LIVE_HOST.to_owned(),
            Mode::Test => self.origin.to_string(),
        }
    }

    /// Returns the `iss` claim: `https://` and the frontend host without its scheme (handshake
    /// protocol, section 7.3 no. 6).
    #[must_use]
    pub fn issuer(&self) -> String {
        match self.mode {
            Mode::Live => format!("https://{LIVE_HOST}"),
            Mode::Test => format!("https://{}", self.origin.authority()),
        }
    }
}

/// The identity service: settings, keys and state.
pub struct Issuer {
    settings: Settings,
    publishable_key: String,
    suffix: String,
    secret_key: Secret,
    signing_key: SigningKey,
    state: State,
    nonces: BTreeMap<String, Nonce>,
}

impl Issuer {
    /// Starts from a kept (or first) state. `secret` is the secret key without its prefix.
    ///
    /// # Errors
    ///
    /// When no publishable key can name the origin: a test key needs a host with a dot.
    pub fn restore(
        settings: Settings,
        signing_key: SigningKey,
        secret: &Secret,
        state: State,
    ) -> Result<Self, nostore_session::KeyError> {
        let (instance, prefix) = match settings.mode {
            Mode::Live => (Instance::Production, "sk_live_"),
            Mode::Test => (Instance::Development, "sk_test_"),
        };
        let publishable_key = PublishableKey::encode(instance, &settings.frontend_api());
        let suffix = PublishableKey::parse(&publishable_key)?.suffix().to_owned();
        let secret_key = Secret::new(format!("{prefix}{}", secret.expose()));
        let nonces = BTreeMap::new();
        Ok(Self { settings, publishable_key, suffix, secret_key, signing_key, state, nonces })
    }

    /// Returns the settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns the publishable key, `pk_test_…` or `pk_live_…`.
    #[must_use]
    pub fn publishable_key(&self) -> &str {
        &self.publishable_key
    }

    /// Returns the secret key, `sk_test_…` or `sk_live_…`.
    #[must_use]
    pub const fn secret_key(&self) -> &Secret {
        &self.secret_key
    }

    /// Returns the JWK Set (RFC 7517 section 5).
    #[must_use]
    pub fn jwk_set(&self) -> Value {
        json!({ "keys": [self.signing_key.jwk().to_json()] })
    }

    /// Returns the state as it is now.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Decides and applies: [`Issuer::decide`] followed by [`Issuer::apply`].
    pub fn handle(
        &mut self,
        request: &RequestHead<'_>,
        body: &[u8],
        now: UnixTime,
        entropy: &[u8; ENTROPY_BYTES],
    ) -> (Response, Vec<Change>) {
        let (response, changes) = self.decide(request, body, now, entropy);
        self.apply(&changes);
        (response, changes)
    }

    /// Decides how to answer `request` at wall time `now`, and what has to change first.
    ///
    /// `entropy` is fresh for every call: tokens and identifiers are made of it.
    #[must_use]
    pub fn decide(
        &self,
        request: &RequestHead<'_>,
        body: &[u8],
        now: UnixTime,
        entropy: &[u8; ENTROPY_BYTES],
    ) -> (Response, Vec<Change>) {
        let mut ask = Ask::new(request, body, now, entropy);
        let Outcome { response, changes } = self.route(&mut ask);
        (response, changes)
    }

    /// Makes the changes of one decision take effect.
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::DropNonce { nonce } => drop(self.nonces.remove(nonce)),
                Change::PutNonce { nonce, payload } => {
                    self.nonces.insert(nonce.clone(), payload.clone());
                }
                kept => self.state.apply(kept),
            }
        }
    }

    fn route(&self, ask: &mut Ask<'_>) -> Outcome {
        let path = ask.head.path().to_owned();
        let get = ask.head.is_get_or_head();
        let post = ask.head.method == "POST";
        match path.as_str() {
            "/" if get => self.home_page(ask),
            "/sign-in" if get => self.sign_in_page(ask),
            "/sign-in" if post => self.sign_in(ask),
            "/sign-out" if get => self.sign_out_page(ask),
            "/sign-out" if post => self.sign_out(ask),
            "/v1/client/handshake" if get => self.handshake(ask),
            "/.well-known/jwks.json" if get => self.public_jwk_set(),
            "/v1/jwks" if get => self.backend_jwk_set(ask),
            "/v1/clients/handshake_payload" if get => self.handshake_payload(ask),
            "/health" if get => Response::text(200, "ok\n").into(),
            "/sign-in" | "/sign-out" => Response::method_not_allowed(ask, "GET, HEAD, POST").into(),
            "/" | "/v1/client/handshake" | "/.well-known/jwks.json" | "/v1/jwks" | "/health" => {
                Response::method_not_allowed(ask, "GET, HEAD").into()
            }
            "/v1/clients/handshake_payload" => Response::method_not_allowed(ask, "GET, HEAD").into(),
            other => match session_to_revoke(other) {
                Some(session) if post => self.revoke(ask, session),
                Some(_) => Response::method_not_allowed(ask, "POST").into(),
                None => Response::not_found(ask).into(),
            },
        }
    }
}

/// Returns the session identifier in `/v1/sessions/{sid}/revoke`.
fn session_to_revoke(path: &str) -> Option<&str> {
    let session = path.strip_prefix("/v1/sessions/")?.strip_suffix("/revoke")?;
    (!session.is_empty() && !session.contains('/')).then_some(session)
}
