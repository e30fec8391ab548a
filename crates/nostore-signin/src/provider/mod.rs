//! The OpenID Provider that visitors sign in with, seen from the site: the relying party.
//!
//! A [`RelyingParty`] is made of a [`Provider`] and a redirect URI. [`RelyingParty::begin`] says where to send the
//! visitor, and what to remember of it: an [`Attempt`], sealed in a cookie of its own. [`RelyingParty::finish`] takes
//! that and the callback's parameters, and yields an [`Identity`].
//!
//! # Invariants
//!
//! - Time and randomness are arguments. What is remembered besides is the provider's own: its discovery document and
//!   its JWK Set.
//! - Nothing is believed that is not of this attempt (`state`, PKCE), of this provider (`iss`, signature), for this site
//!   (`aud`), of this sign-in (`nonce`), and of now (`exp`).
//! - Every wait is bounded, every answer too, no redirect is followed, and plain HTTP stays on this machine.
//! - Secrets are [`Secret`]s; no error holds one.
//!
//! # Not covered
//!
//! Who may sign in, sessions, cookies. The implicit and the hybrid flow, encrypted ID tokens, request objects, DPoP,
//! client authentication with keys or certificates.
//!
//! Specifications: RFC 6749 section 4.1; RFC 7636; RFC 9207; RFC 9700; OpenID Connect Core 1.0 section 3.1; OpenID
//! Connect Discovery 1.0; OpenID Connect RP-Initiated Logout 1.0; OpenID Connect Back-Channel Logout 1.0.

mod attempt;
mod callback;
mod claims;
mod config;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod github;
mod http;
mod id_token;
mod issuer;
mod kept;
mod logout;
mod metadata;
mod relying_party;
mod token;

use nostore_message::{Secret, UnixTime};
use serde_json::{Map, Value};

pub use attempt::{ATTEMPT_SECS, Attempt, Begin, Begun, ENTROPY_BYTES};
pub use callback::{CallbackError, CallbackParameters, Words};
pub use claims::normal_address;
pub use config::{ClientAuth, ConfigError, Endpoints, Provider};
pub use error::{Fault, FinishError, ProviderError, ProviderStep, RefreshError};
pub use id_token::{IdTokenError, LEEWAY_SECS};
pub use logout::{LogoutToken, LogoutTokenError};
pub use relying_party::RelyingParty;

/// What is known of somebody who has just signed in at the provider.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The provider's issuer identifier (`iss`).
    pub issuer: String,
    /// The provider's name for the person (`sub`), unique within the issuer.
    pub subject: String,
    /// The address, in lower case, where the provider gave one.
    pub email: Option<String>,
    /// Whether the provider has verified that the address is the person's (`email_verified`).
    pub email_verified: bool,
    /// What to call the person.
    pub name: Option<String>,
    /// A picture's URL.
    pub picture: Option<String>,
    /// The groups that the provider names.
    pub groups: Vec<String>,
    /// The provider's own id of the session (`sid`), by which back-channel logout names it.
    pub provider_session: Option<String>,
    /// What was issued.
    pub tokens: Tokens,
    /// All claims, of the ID token and of the userinfo endpoint.
    pub claims: Map<String, Value>,
}

/// What a token endpoint issued.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// The access token.
    pub access: Option<Secret>,
    /// When the access token ends, where the provider said so.
    pub access_ends: Option<UnixTime>,
    /// The refresh token.
    pub refresh: Option<Secret>,
    /// The ID token as it came: `id_token_hint` of a logout.
    pub id: Option<Secret>,
}
