//! What the service keeps: users, browsers, sessions, organizations, machines.

use std::fmt;

use nostore_message::{Secret, UnixTime};
use serde_json::{Map, Value};

/// A user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// `user_…`, the `sub` claim.
    pub id: String,
    /// The address, in lower case; no two users share one.
    pub email: String,
    /// Whether the address is the user's own, as far as anybody has checked: the claim `email_verified`.
    pub email_verified: bool,
    /// The name, where one is known.
    pub name: Option<String>,
    /// The groups that relying parties are told of: the claim `groups`.
    pub groups: Vec<String>,
    /// What the user has bought.
    pub entitled: Entitlements,
    /// When the user was added.
    pub created_at: UnixTime,
}

impl User {
    /// Makes a user with a verified address, and without a name, groups or entitlements.
    #[must_use]
    pub fn new(id: impl Into<String>, email: impl Into<String>, created_at: UnixTime) -> Self {
        let (id, email, entitled) = (id.into(), email.into(), Entitlements::default());
        Self { id, email, email_verified: true, name: None, groups: Vec::new(), entitled, created_at }
    }

    /// Adds the name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Returns the name, or the part of the address before the `@`.
    #[must_use]
    pub fn display_name(&self) -> &str {
        let local = || self.email.split('@').next().unwrap_or(&self.email);
        self.name.as_deref().unwrap_or_else(local)
    }
}

/// Features and a plan, of a user or of an organization: what the claims `fea` and `pla` say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Entitlements {
    /// Names of features, without their scope.
    pub features: Vec<String>,
    /// The name of the plan, without its scope.
    pub plan: Option<String>,
}

/// A session of a client.
#[derive(Clone, Debug)]
pub struct Session {
    /// `sess_…`, the `sid` claim.
    pub id: String,
    /// The client that it belongs (or belonged) to.
    pub client_id: String,
    /// Whose session it is.
    pub user_id: String,
    /// Whether it goes on.
    pub status: SessionStatus,
    /// The active organization; `None` is the personal account.
    pub organization_id: Option<String>,
    /// What a site's server shows to refresh a session token. It lasts as long as the session, so that
    /// tabs that refresh at the same moment all succeed.
    pub refresh_token: Secret,
    /// When it began.
    pub created_at: UnixTime,
    /// When the user last said who they are: the claim `auth_time`.
    pub authenticated_at: UnixTime,
    /// When its status or its organization last changed.
    pub updated_at: UnixTime,
}

/// Whether a session goes on, and why not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SessionStatus {
    /// It goes on.
    Active,
    /// The visitor signed out.
    Ended,
    /// The visitor removed it, or its browser was forgotten.
    Removed,
    /// Somebody else signed in in the same browser.
    Replaced,
    /// The site's server ended it.
    Revoked,
}

impl SessionStatus {
    /// Lists all of them.
    pub const ALL: [Self; 5] = [Self::Active, Self::Ended, Self::Removed, Self::Replaced, Self::Revoked];

    /// Returns the name that the protocol gives it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
        }
    }
}

/// One browser: known by its token, with at most one session that goes on.
#[derive(Clone, Debug)]
pub struct Client {
    /// What the browser shows: `dvb_…` in the query (test), `cl_…` in `__client` (live). The prefix
    /// keeps a token that was seen in a URL from ever being one of the live cookie's.
    pub token: Secret,
    /// `client_…`, the name that logs may show.
    pub id: String,
    /// When the browser was first seen.
    pub created_at: UnixTime,
    /// When somebody last signed in or out.
    pub updated_at: UnixTime,
    /// The session, while somebody is signed in.
    pub session_id: Option<String>,
}

/// An organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Organization {
    /// `org_…`, the claim `o.id`.
    pub id: String,
    /// Its name in URLs, the claim `o.slg`; no two organizations share one.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it has bought.
    pub entitled: Entitlements,
    /// When it was added.
    pub created_at: UnixTime,
}

/// A user's place in an organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Membership {
    /// The organization.
    pub organization_id: String,
    /// The member.
    pub user_id: String,
    /// The role, such as `org:admin`.
    pub role: String,
    /// The permissions, each `org:<feature>:<permission>`.
    pub permissions: Vec<String>,
    /// When the user became a member.
    pub created_at: UnixTime,
}

/// A machine, which may ask about tokens between machines.
#[derive(Clone, Debug)]
pub struct Machine {
    /// `mch_…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it shows instead of the instance's secret key.
    pub secret_key: Secret,
    /// When it was added.
    pub created_at: UnixTime,
}

/// What kind of opaque token a program shows.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum MachineTokenKind {
    /// `ak_…`, on behalf of a user or of an organization.
    ApiKey,
    /// `mt_…`, from one machine to another.
    M2m,
    /// `oat_…`, of an application that a user allowed.
    Oauth,
}

impl MachineTokenKind {
    /// Lists all of them.
    pub const ALL: [Self; 3] = [Self::ApiKey, Self::M2m, Self::Oauth];

    /// Returns what its tokens start with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "ak_",
            Self::M2m => "mt_",
            Self::Oauth => "oat_",
        }
    }

    /// Returns the type that the protocol gives its resource.
    #[must_use]
    pub const fn object(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::M2m => "machine_to_machine_token",
            Self::Oauth => "clerk_idp_oauth_access_token",
        }
    }
}

/// An opaque token of a program.
#[derive(Clone, Debug)]
pub struct MachineToken {
    /// Its kind.
    pub kind: MachineTokenKind,
    /// The name that logs may show.
    pub id: String,
    /// What the program shows.
    pub token: Secret,
    /// Its name, for people.
    pub name: String,
    /// On whose behalf: `user_…`, `org_…` or `mch_…`.
    pub subject: String,
    /// The application (OAuth).
    pub client_id: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Further claims.
    pub claims: Option<Map<String, Value>>,
    /// From when on it is not valid any more.
    pub expires_at: Option<UnixTime>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// When it was added.
    pub created_at: UnixTime,
}

impl MachineToken {
    /// Tells whether it is valid at `now`: neither revoked nor over.
    #[must_use]
    pub fn is_valid(&self, now: UnixTime) -> bool {
        !self.revoked && self.expires_at.is_none_or(|end| end > now)
    }
}

/// A template of tokens for other services: its own claims, and no session.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Its name, in the path that asks for a token.
    pub name: String,
    /// Its claims. Texts may hold `{{user.id}}`, `{{user.email}}`, `{{session.id}}`, `{{org.id}}`, `{{org.slug}}` and
    /// `{{org.role}}`.
    pub claims: Map<String, Value>,
    /// How long its tokens are valid, in seconds; `None` is as long as session tokens.
    pub lifetime_secs: Option<i64>,
}

/// The result of a handshake that waits until it is fetched, once.
#[derive(Clone)]
pub struct Nonce {
    /// The `Set-Cookie` values.
    pub directives: Vec<String>,
    /// From when on it is not given out any more.
    pub expires_at: UnixTime,
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nonce").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}
