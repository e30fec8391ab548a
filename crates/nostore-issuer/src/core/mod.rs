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
mod body;
mod client;
mod form;
mod frontend;
mod handshake;
mod id;
mod keys;
mod model;
mod oidc;
mod redirect;
mod refresh;
mod resource;
mod response;
mod route;
mod seed;
mod sign_in;
mod sign_out;
mod state;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use nostore_jose::SigningKey;
use nostore_message::{Origin, RequestHead, Secret, UnixTime};
use nostore_session::{Instance, PublishableKey};
use serde_json::Value;

use ask::Ask;
use client::LONG_SECS;
use response::Outcome;
use route::{Backend, Endpoint, NoRoute, route};

pub use id::{ENTROPY_BYTES, secret_body};
pub use keys::{HeldKey, KeyRing, MARGIN_SECS};
pub use model::{
    Client, Entitlements, Machine, MachineToken, MachineTokenKind, Membership, Nonce, Organization, Session,
    SessionStatus, Template, User,
};
pub use oidc::{
    ACCESS_SECS, CODE_SECS, Grant, Notice, REFRESH_SECS, RelyingParty, RelyingPartyError, Scopes,
};
pub use redirect::RedirectError;
pub use response::Response;
pub use seed::SeedError;
pub use state::{Change, State};
pub use token::MAX_PERMISSIONS;

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
    pub token_secs: i64,
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
    secret_body: Secret,
    secret_key: Secret,
    keys: KeyRing,
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
        keys: KeyRing,
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
        let secret_body = secret.clone();
        Ok(Self { settings, publishable_key, suffix, secret_body, secret_key, keys, state, nonces })
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

    /// Returns the secret key without its prefix, as it is kept.
    #[must_use]
    pub const fn secret_body(&self) -> &Secret {
        &self.secret_body
    }

    /// Returns the JWK Set at `now` (RFC 7517 section 5).
    #[must_use]
    pub fn jwk_set(&self, now: UnixTime) -> Value {
        self.keys.jwk_set(now).to_json()
    }

    /// Returns the signing keys.
    #[must_use]
    pub const fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Returns the state as it is now.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Tells whether [`Issuer::decide`] needs a new signing key to answer `request`.
    #[must_use]
    pub fn needs_key(&self, request: &RequestHead<'_>) -> bool {
        let asked = route(request.path(), &request.method);
        asked == Ok(Endpoint::Backend(Backend::RotateKey)) && self.has_secret_key(request)
    }

    /// Decides how to answer `request` at wall time `now`, and what has to change first.
    #[must_use]
    pub fn decide(
        &self,
        request: &RequestHead<'_>,
        body: &[u8],
        now: UnixTime,
        draw: &Draw,
    ) -> (Response, Vec<Change>) {
        let mut ask = Ask::new(request, body, now, draw);
        let Outcome { response, changes } = self.route(&mut ask);
        (response, changes)
    }

    /// Returns the changes that make a new key the current one: the one before stays published until nothing it
    /// signed is valid and for [`MARGIN_SECS`] more, or for `keep_secs` from now.
    #[must_use]
    pub fn rotation(&self, key: Arc<SigningKey>, now: UnixTime, keep_secs: Option<i64>) -> Vec<Change> {
        self.keys.rotation(HeldKey::current(key, now, self.settings.token_secs), now, keep_secs)
    }

    /// Returns the changes that a start makes: keys whose time is over go, and the current one will sign for as
    /// long as the settings say.
    #[must_use]
    pub fn upkeep(&self, now: UnixTime) -> Vec<Change> {
        self.keys.over(now).into_iter().chain(self.signing_for(self.settings.token_secs)).collect()
    }

    /// Makes the changes of one decision take effect.
    pub fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::DropKey { kid } => self.keys.remove(kid),
                Change::DropNonce { nonce } => drop(self.nonces.remove(nonce)),
                Change::PutKey(held) => self.keys.put(held.clone()),
                Change::PutNonce { nonce, payload } => {
                    self.nonces.insert(nonce.clone(), payload.clone());
                }
                kept => self.state.apply(kept),
            }
        }
    }

    fn route(&self, ask: &mut Ask<'_>) -> Outcome {
        let path = ask.head.path().to_owned();
        if route::is_frontend(&path) {
            return self.frontend(ask, &path);
        }
        match route(&path, &ask.head.method) {
            Ok(Endpoint::Backend(endpoint)) => self.backend(ask, endpoint),
            Ok(Endpoint::ClientTouch) => self.client_touch(ask),
            Ok(Endpoint::Handshake) => self.handshake(ask),
            Ok(Endpoint::Health) => Response::text(200, "ok\n").into(),
            Ok(Endpoint::HomePage) => self.home_page(ask),
            Ok(Endpoint::Oidc(endpoint)) => self.oidc(ask, endpoint),
            Ok(Endpoint::PublicKeys) => self.public_jwk_set(ask),
            Ok(Endpoint::SignIn) => self.sign_in(ask),
            Ok(Endpoint::SignInPage) => self.sign_in_page(ask),
            Ok(Endpoint::SignOut) => self.sign_out(ask),
            Ok(Endpoint::SignOutPage) => self.sign_out_page(ask),
            Ok(Endpoint::Frontend(_)) | Err(NoRoute::Path) => Response::not_found(ask).into(),
            Err(NoRoute::Method(allowed)) => Response::method_not_allowed(ask, allowed).into(),
        }
    }
}

/// What a shell draws for one request: fresh entropy, and a signing key where [`Issuer::needs_key`] says so.
#[derive(Clone)]
pub struct Draw {
    /// Tokens and identifiers are made of it.
    pub entropy: [u8; ENTROPY_BYTES],
    /// A key that nobody has seen.
    pub signing_key: Option<Arc<SigningKey>>,
}

impl Draw {
    /// Makes a draw without a key.
    #[must_use]
    pub const fn new(entropy: [u8; ENTROPY_BYTES]) -> Self {
        Self { entropy, signing_key: None }
    }
}

/// Shows nothing that was drawn.
impl std::fmt::Debug for Draw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Draw").field("signing_key", &self.signing_key).finish_non_exhaustive()
    }
}
