//! What a sign-in grants a relying party: codes and tokens, as numbers under one key.
//!
//! A grant has a secret of its own, and what it gives out is a message authentication code under it: the code, the
//! access tokens, and one refresh token after another. So one row knows every token that it ever gave out, the used
//! ones included, and to forget the row is to revoke them all.
//!
//! # Invariants
//!
//! - A code, an access token and a refresh token are never one another: their kind is in what is authenticated.
//! - Only the newest refresh token of a grant is good; an older one shows that somebody else has it, too.
//!
//! Specifications: RFC 6749 sections 1.5, 4.1.2 and 6; RFC 9700 section 4.14.2.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_message::{Secret, UnixTime};

use super::{ACCESS_SECS, CODE_SECS, REFRESH_SECS};

/// What starts the identifier of a grant.
pub(super) const PREFIX: &str = "grant_";

/// What a relying party may know and do, as a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scopes(u8);

/// The scopes that there are, and their place in the set (OpenID Connect Core sections 3.1.2.1, 5.4 and 11).
pub(super) const SCOPES: [(&str, Scopes); 4] = [
    ("openid", Scopes::OPENID),
    ("email", Scopes::EMAIL),
    ("profile", Scopes::PROFILE),
    ("offline_access", Scopes::OFFLINE_ACCESS),
];

impl Scopes {
    /// `openid`: an ID Token.
    pub const OPENID: Self = Self(1);
    /// `email`: the claims `email` and `email_verified`.
    pub const EMAIL: Self = Self(2);
    /// `profile`: the claims `name` and `groups`.
    pub const PROFILE: Self = Self(4);
    /// `offline_access`: a refresh token, which outlasts the session.
    pub const OFFLINE_ACCESS: Self = Self(8);

    /// Reads names between spaces. Those that nobody knows are ignored (OpenID Connect Core section 3.1.2.1).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let bit =
            |name: &str| SCOPES.iter().find(|(known, _)| *known == name).map_or(0, |(_, scope)| scope.0);
        Self(text.split(' ').map(bit).fold(0, |set, bit| set | bit))
    }

    /// Tells whether every scope of `other` is in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> =
            SCOPES.iter().filter(|(_, scope)| self.has(*scope)).map(|(name, _)| *name).collect();
        f.write_str(&names.join(" "))
    }
}

/// One sign-in at one relying party.
#[derive(Clone, Debug)]
pub struct Grant {
    /// `grant_…`.
    pub id: String,
    /// What its code and its tokens are authenticated with.
    pub secret: Secret,
    /// The relying party.
    pub client_id: String,
    /// Who signed in.
    pub user_id: String,
    /// In which session.
    pub session_id: String,
    /// What was asked for.
    pub scopes: Scopes,
    /// Where the code was sent.
    pub redirect_uri: String,
    /// What the ID Token repeats.
    pub nonce: Option<String>,
    /// The digest of the verifier that redeems the code (RFC 7636 section 4.2).
    pub challenge: String,
    /// When the user last said who they are.
    pub authenticated_at: UnixTime,
    /// When the code was made.
    pub created_at: UnixTime,
    /// When tokens were last issued; `None` while the code waits.
    pub issued_at: Option<UnixTime>,
    /// The number of the refresh token that is good, counted from 0.
    pub generation: i64,
}

/// What kind of credential a grant gives out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Access,
    Code,
    Refresh,
}

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "nat_",
            Self::Code => "nac_",
            Self::Refresh => "nrt_",
        }
    }
}

/// A credential as somebody shows it: not authenticated yet.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    kind: Kind,
    /// What is authenticated.
    start: &'a str,
    /// The identifier of the grant, without its prefix.
    grant: &'a str,
    stamp: &'a str,
    mac: &'a str,
}

impl<'a> Shown<'a> {
    /// Takes a credential apart: `<kind>_<grant>.<stamp>.<mac>`.
    pub(super) fn read(kind: Kind, text: &'a str) -> Option<Self> {
        let (start, mac) = text.rsplit_once('.')?;
        let (grant, stamp) = start.strip_prefix(kind.prefix())?.split_once('.')?;
        Some(Self { kind, start, grant, stamp, mac })
    }

    /// Returns the identifier of the grant that it names.
    pub(super) fn grant_id(&self) -> String {
        format!("{PREFIX}{}", self.grant)
    }

    /// Returns until when it is good and for what, if it is an access token.
    pub(super) fn access(&self) -> Option<(UnixTime, Scopes)> {
        let (millis, bits) = self.stamp.split_once('-').filter(|_| self.kind == Kind::Access)?;
        Some((UnixTime::from_millis(millis.parse().ok()?), Scopes(bits.parse().ok()?)))
    }

    /// Returns its number, if it is a refresh token.
    pub(super) fn generation(&self) -> Option<i64> {
        self.stamp.parse().ok().filter(|_| self.kind == Kind::Refresh)
    }
}

impl Grant {
    /// Returns the code.
    pub(super) fn code(&self) -> String {
        self.credential(Kind::Code, "1")
    }

    /// Returns an access token for `scopes`, which ends with [`ACCESS_SECS`] from `now`.
    pub(super) fn access_token(&self, scopes: Scopes, now: UnixTime) -> String {
        let end = now.plus_secs(ACCESS_SECS).millis();
        self.credential(Kind::Access, &format!("{end}-{}", scopes.0))
    }

    /// Returns the refresh token that is good.
    pub(super) fn refresh_token(&self) -> String {
        self.credential(Kind::Refresh, &self.generation.to_string())
    }

    /// Tells whether this grant gave out what somebody shows. Compares in constant time.
    pub(super) fn gave_out(&self, shown: &Shown<'_>) -> bool {
        let mac = BASE64_URL_SAFE_NO_PAD.decode(shown.mac).ok();
        shown.grant_id() == self.id
            && mac.is_some_and(|mac| hmac::verify(&self.key(), shown.start.as_bytes(), &mac).is_ok())
    }

    /// Tells whether the code may still be redeemed, if nobody has.
    pub(super) fn is_waiting(&self, now: UnixTime) -> bool {
        now < self.created_at.plus_secs(CODE_SECS)
    }

    /// Tells whether a refresh token may still be used.
    pub(super) fn is_refreshable(&self, now: UnixTime) -> bool {
        let issued_at = self.issued_at.filter(|_| self.scopes.has(Scopes::OFFLINE_ACCESS));
        issued_at.is_some_and(|issued_at| now < issued_at.plus_secs(REFRESH_SECS))
    }

    /// Tells whether nothing can come of it any more. `goes_on` says whether its session does: then its relying
    /// party is told of the end, and so it is remembered.
    pub(super) fn is_over(&self, now: UnixTime, goes_on: bool) -> bool {
        match self.issued_at {
            None => !self.is_waiting(now),
            Some(issued_at) => {
                let has_access = now < issued_at.plus_secs(ACCESS_SECS);
                !goes_on && !has_access && !self.is_refreshable(now)
            }
        }
    }

    fn credential(&self, kind: Kind, stamp: &str) -> String {
        let id = self.id.strip_prefix(PREFIX).unwrap_or(&self.id);
        let start = format!("{}{id}.{stamp}", kind.prefix());
        let mac = hmac::sign(&self.key(), start.as_bytes());
        format!("{start}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.as_ref()))
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose().as_bytes())
    }
}
