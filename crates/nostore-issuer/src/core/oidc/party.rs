//! Relying parties: who may ask for sign-ins, and where they are answered.
//!
//! # Invariants
//!
//! - An address counts only if it was registered, byte for byte (RFC 9700 section 2.1).
//! - What is registered has been checked: an absolute address without a fragment and without bytes that user agents
//!   read differently.
//!
//! # Not covered
//!
//! Registration by the relying party itself; keys or certificates instead of a secret; native apps with a scheme or a
//! port of their own (RFC 8252).
//!
//! Specifications: RFC 6749 sections 2 and 3.1.2; OpenID Connect RP-Initiated Logout section 2.1 and Back-Channel Logout
//! section 2.2.

use nostore_message::Secret;
use url::Url;

use crate::core::{Change, Issuer};

/// How many relying parties the service keeps.
pub(in crate::core) const MAX_PARTIES: usize = 1_000;

/// What a client identifier looks like.
pub(in crate::core) const CLIENT_ID: &str = "1 to 128 letters, digits, hyphens, dots and underscores";

/// What a client secret looks like.
pub(in crate::core) const SECRET: &str = "8 to 512 visible ASCII characters";

/// What an address to return to looks like.
pub(in crate::core) const ADDRESS: &str =
    "an absolute address such as https://site.example/callback, without a fragment";

/// What an address for logout tokens looks like.
pub(in crate::core) const BACKCHANNEL: &str =
    "an absolute address such as http://127.0.0.1:8080/logout, without a fragment and without TLS";

/// A site that people sign in to with this service.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    /// Its name in requests, the claim `aud`.
    pub client_id: String,
    /// What it shows when it redeems a code; `None` for a public client, which has PKCE alone.
    pub secret: Option<Secret>,
    /// Its name for people, on the sign-in page.
    pub name: Option<String>,
    /// Where codes may be sent.
    pub redirect_uris: Vec<String>,
    /// Where browsers may be sent after a sign-out.
    pub post_logout_redirect_uris: Vec<String>,
    /// Where the end of a session is told.
    pub backchannel_logout_uri: Option<String>,
}

/// Why a relying party is not registered.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("relying party `{client_id}`, `{member}`: expected {expected}, found something else")]
#[non_exhaustive]
pub struct RelyingPartyError {
    /// The relying party, as it was given.
    pub client_id: String,
    /// What was expected.
    pub expected: &'static str,
    /// What is wrong with it.
    pub member: &'static str,
}

impl RelyingPartyError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "relying-party"
    }
}

impl RelyingParty {
    /// Starts a public client without addresses.
    #[must_use]
    pub fn new(client_id: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            secret: None,
            name: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
        }
    }

    /// Makes it a confidential client.
    #[must_use]
    pub fn with_secret(mut self, secret: Secret) -> Self {
        self.secret = Some(secret);
        self
    }

    /// Says what people call it.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds an address that codes may be sent to.
    #[must_use]
    pub fn with_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.redirect_uris.push(uri.into());
        self
    }

    /// Adds an address that browsers may be sent to after a sign-out.
    #[must_use]
    pub fn with_post_logout_redirect_uri(mut self, uri: impl Into<String>) -> Self {
        self.post_logout_redirect_uris.push(uri.into());
        self
    }

    /// Says where the end of a session is told.
    #[must_use]
    pub fn with_backchannel_logout_uri(mut self, uri: impl Into<String>) -> Self {
        self.backchannel_logout_uri = Some(uri.into());
        self
    }

    /// Returns its name for people.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.client_id)
    }

    /// Checks what was given.
    ///
    /// # Errors
    ///
    /// Names the first thing that is not as it must be.
    pub fn check(&self) -> Result<(), RelyingPartyError> {
        let secret = self.secret.as_ref().is_none_or(|secret| is_secret(secret.expose()));
        let all = |uris: &[String]| uris.iter().all(|uri| is_address(uri));
        let backchannel = self.backchannel_logout_uri.as_deref().is_none_or(is_backchannel);
        let rules = [
            (is_client_id(&self.client_id), "client_id", CLIENT_ID),
            (secret, "client_secret", SECRET),
            (all(&self.redirect_uris), "redirect_uris", ADDRESS),
            (all(&self.post_logout_redirect_uris), "post_logout_redirect_uris", ADDRESS),
            (backchannel, "backchannel_logout_uri", BACKCHANNEL),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            None => Ok(()),
            Some((_, member, expected)) => {
                let client_id = self.client_id.chars().take(128).collect();
                Err(RelyingPartyError { client_id, expected, member })
            }
        }
    }

    /// Tells whether nothing differs.
    pub(in crate::core) fn is_same(&self, other: &Self) -> bool {
        let secrets = match (&self.secret, &other.secret) {
            (Some(one), Some(other)) => one.matches(other.expose()),
            (one, other) => one.is_none() && other.is_none(),
        };
        secrets
            && self.client_id == other.client_id
            && self.name == other.name
            && self.redirect_uris == other.redirect_uris
            && self.post_logout_redirect_uris == other.post_logout_redirect_uris
            && self.backchannel_logout_uri == other.backchannel_logout_uri
    }
}

impl Issuer {
    /// Returns the changes that register relying parties, each in place of the one with its identifier.
    ///
    /// # Errors
    ///
    /// Names the first thing that is not as it must be. Nothing was changed.
    pub fn register(&self, parties: &[RelyingParty]) -> Result<Vec<Change>, RelyingPartyError> {
        parties.iter().try_for_each(RelyingParty::check)?;
        let is_known = |party: &&RelyingParty| {
            self.state.party(&party.client_id).is_some_and(|known| known.is_same(party))
        };
        let new = parties.iter().filter(|party| !is_known(party));
        Ok(new.cloned().map(Change::PutParty).collect())
    }
}

/// Tells whether a text can be a client identifier.
pub(in crate::core) fn is_client_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_part)
}

/// Tells whether a text can be a client secret.
pub(in crate::core) fn is_secret(text: &str) -> bool {
    (8..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Tells whether a text is an address that browsers can be sent to.
pub(in crate::core) fn is_address(text: &str) -> bool {
    let plain = text.len() <= 2_048 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plain
        && !text.contains('#')
        && Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
                && text.contains("://")
        })
}

/// Tells whether a text is an address that this service can tell something.
pub(in crate::core) fn is_backchannel(text: &str) -> bool {
    is_address(text) && text.starts_with("http://")
}
