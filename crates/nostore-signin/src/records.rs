//! What is written down: the contents of records, as JSON.
//!
//! # Invariants
//!
//! - A field that is not known is kept out of nobody's way: two releases in a row share a store, so that readers skip what
//!   they do not know, and nothing that an older release needs is ever left out.
//! - What grants something is read strictly: a role that is not known lets nobody in.

use serde::{Deserialize, Serialize};

/// One line of the list of who may in. Its name says who.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Allowed {
    /// `member` or `admin`.
    pub(crate) role: String,
    /// Who added it: the id of an admin.
    pub(crate) by: String,
    /// When, in milliseconds since 1970.
    pub(crate) at: i64,
}

/// What holds for a person over all sessions.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct PersonRecord {
    /// Sessions with a smaller version are over.
    pub(crate) version: u64,
}

/// One session. Its name is that of the person, a space, and the session's id.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct SessionRecord {
    /// When it began, in milliseconds since 1970.
    pub(crate) began: i64,
    /// Which version of the person's sessions it is of.
    #[serde(default)]
    pub(crate) version: u64,
    /// Whether it is over.
    #[serde(default)]
    pub(crate) ended: bool,
    /// What kind of program signed in.
    #[serde(default)]
    pub(crate) client: String,
    /// The provider's issuer identifier.
    #[serde(default)]
    pub(crate) issuer: String,
    /// The provider's name for the person.
    #[serde(default)]
    pub(crate) subject: String,
    /// The provider's id of its session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider_session: Option<String>,
    /// What the site shows of the person, where the cookie does not carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<serde_json::Map<String, serde_json::Value>>,
    /// The provider's tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<TokensRecord>,
}

/// The provider's tokens in a session.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct TokensRecord {
    /// Access, refresh and ID token, sealed.
    pub(crate) sealed: String,
    /// When the access token ends, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends: Option<i64>,
    /// Who is refreshing them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<Lease>,
    /// Whether a refresh token was sent and no answer came: the provider may have used it up.
    #[serde(default)]
    pub(crate) uncertain: bool,
}

/// A refresh under way.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Lease {
    /// Drawn by who has it.
    pub(crate) by: u64,
    /// From when on it is nobody's, in milliseconds since 1970.
    pub(crate) until: i64,
}

/// What is kept about the store itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Layout {
    /// Which contents records may have. A release refuses a larger one than it knows.
    pub(crate) version: u32,
}
