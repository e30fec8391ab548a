//! The OpenID Provider that visitors sign in with, seen from the site.

use nostore_message::{Secret, UnixTime};
use serde_json::{Map, Value};

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
