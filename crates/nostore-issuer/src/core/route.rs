//! Which path and method ask for what.
//!
//! # Invariants
//!
//! - A pure function of path and method; who asks is checked behind it.
//! - A path that is known for another method is a 405 that names the methods (RFC 9110 section 15.5.6).

use super::model::MachineTokenKind;

/// What a request asks for. Identifiers are as the path has them, not yet looked up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Endpoint<'p> {
    Backend(Backend<'p>),
    ClientTouch,
    Frontend(Frontend<'p>),
    Handshake,
    Health,
    HomePage,
    Oidc(Oidc),
    PublicKeys,
    SignIn,
    SignInPage,
    SignOut,
    SignOutPage,
}

/// What relying parties and their visitors ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Oidc {
    /// A form that is sent round by GET.
    Again,
    Authorize,
    Discovery,
    Logout,
    SignIn,
    SignOut,
    Token,
    UserInfo,
}

/// What the browser's script asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Frontend<'p> {
    Client,
    CreateClient,
    DestroyClient,
    DevBrowser,
    End(&'p str),
    EndAll,
    Environment,
    Remove(&'p str),
    Session(&'p str),
    Token(&'p str, Option<&'p str>),
    Touch(&'p str),
}

/// What a site's server asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Backend<'p> {
    CreateMembership(&'p str),
    CreateOrganization,
    CreateSession,
    CreateUser,
    DeleteMembership(&'p str, &'p str),
    DeleteOrganization(&'p str),
    DeleteUser(&'p str),
    HandshakePayload,
    KeySet,
    Memberships(&'p str),
    Organization(&'p str),
    Organizations,
    Refresh(&'p str),
    Revoke(&'p str),
    RotateKey,
    Session(&'p str),
    Sessions,
    Token(&'p str, Option<&'p str>),
    User(&'p str),
    UserCount,
    Users,
    VerifyClient,
    VerifyMachine(MachineTokenKind),
}

/// The methods that some path takes.
const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];

/// Why there is no endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum NoRoute {
    /// The path takes other methods: their list, for `Allow`.
    Method(String),
    /// There is no such path.
    Path,
}

/// Finds what `method` on `path` asks for.
pub(super) fn route<'p>(path: &'p str, method: &str) -> Result<Endpoint<'p>, NoRoute> {
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let method = if method == "HEAD" { "GET" } else { method };
    if let Some(endpoint) = find(&segments, method) {
        return Ok(endpoint);
    }
    let takes = |method: &&&str| find(&segments, method).is_some();
    let allowed: Vec<&str> = METHODS.iter().filter(takes).copied().collect();
    if allowed.is_empty() {
        return Err(NoRoute::Path);
    }
    Err(NoRoute::Method(allowed.join(", ").replace("GET", "GET, HEAD")))
}

/// Tells whether a path is for the browser's script: there `_method` counts, and other origins may ask.
pub(super) fn is_frontend(path: &str) -> bool {
    let rest = path.strip_prefix("/v1/").unwrap_or_default();
    let first = rest.split('/').next().unwrap_or_default();
    let navigation = matches!(rest, "client/handshake" | "client/touch");
    matches!(first, "client" | "dev_browser" | "environment") && !navigation
}

fn find<'p>(segments: &[&'p str], method: &str) -> Option<Endpoint<'p>> {
    if segments.len() > 1 && segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    let endpoint = match (method, segments) {
        ("GET", [""]) => Endpoint::HomePage,
        ("GET", ["health"]) => Endpoint::Health,
        ("GET", ["sign-in"]) => Endpoint::SignInPage,
        ("POST", ["sign-in"]) => Endpoint::SignIn,
        ("GET", ["sign-out"]) => Endpoint::SignOutPage,
        ("POST", ["sign-out"]) => Endpoint::SignOut,
        ("GET", [".well-known", "jwks.json"]) => Endpoint::PublicKeys,
        ("GET", ["v1", "client", "handshake"]) => Endpoint::Handshake,
        ("GET", ["v1", "client", "touch"]) => Endpoint::ClientTouch,
        _ => {
            let oidc = oidc(method, segments).map(Endpoint::Oidc);
            let frontend = || frontend(method, segments).map(Endpoint::Frontend);
            return oidc.or_else(frontend).or_else(|| backend(method, segments).map(Endpoint::Backend));
        }
    };
    Some(endpoint)
}

fn oidc(method: &str, segments: &[&str]) -> Option<Oidc> {
    Some(match (method, segments) {
        ("GET", [".well-known", "openid-configuration"]) => Oidc::Discovery,
        ("GET", ["oauth", "authorize"]) => Oidc::Authorize,
        ("GET", ["oauth", "logout"]) => Oidc::Logout,
        ("POST", ["oauth", "authorize" | "logout"]) => Oidc::Again,
        ("POST", ["oauth", "sign-in"]) => Oidc::SignIn,
        ("POST", ["oauth", "sign-out"]) => Oidc::SignOut,
        ("POST", ["oauth", "token"]) => Oidc::Token,
        ("GET" | "POST", ["oauth", "userinfo"]) => Oidc::UserInfo,
        _ => return None,
    })
}

fn frontend<'p>(method: &str, segments: &[&'p str]) -> Option<Frontend<'p>> {
    let ["v1", rest @ ..] = segments else {
        return None;
    };
    Some(match (method, rest) {
        ("POST", ["dev_browser"]) => Frontend::DevBrowser,
        ("GET" | "PATCH", ["environment"]) => Frontend::Environment,
        ("GET", ["client"]) => Frontend::Client,
        ("POST" | "PUT", ["client"]) => Frontend::CreateClient,
        ("DELETE", ["client"]) => Frontend::DestroyClient,
        ("DELETE", ["client", "sessions"]) => Frontend::EndAll,
        ("GET", ["client", "sessions", id]) => Frontend::Session(id),
        ("POST", ["client", "sessions", id, "tokens"]) => Frontend::Token(id, None),
        ("POST", ["client", "sessions", id, "tokens", template]) => Frontend::Token(id, Some(template)),
        ("POST", ["client", "sessions", id, "touch"]) => Frontend::Touch(id),
        ("POST", ["client", "sessions", id, "end"]) => Frontend::End(id),
        ("POST", ["client", "sessions", id, "remove"]) => Frontend::Remove(id),
        _ => return None,
    })
}

fn backend<'p>(method: &str, segments: &[&'p str]) -> Option<Backend<'p>> {
    // These three have no version in their path (handshake protocol, section 4.5).
    let machine = match (method, segments) {
        ("POST", ["m2m_tokens", "verify"]) => Some(MachineTokenKind::M2m),
        ("POST", ["api_keys", "verify"]) => Some(MachineTokenKind::ApiKey),
        ("POST", ["oauth_applications", "access_tokens", "verify"]) => Some(MachineTokenKind::Oauth),
        _ => None,
    };
    if machine.is_some() {
        return machine.map(Backend::VerifyMachine);
    }
    let ["v1", rest @ ..] = segments else {
        return None;
    };
    Some(match (method, rest) {
        ("GET", ["jwks"]) => Backend::KeySet,
        ("POST", ["instance", "rotate_key"]) => Backend::RotateKey,
        ("GET", ["clients", "handshake_payload"]) => Backend::HandshakePayload,
        ("POST", ["clients", "verify"]) => Backend::VerifyClient,
        ("GET", ["sessions"]) => Backend::Sessions,
        ("POST", ["sessions"]) => Backend::CreateSession,
        ("GET", ["sessions", id]) => Backend::Session(id),
        ("POST", ["sessions", id, "refresh"]) => Backend::Refresh(id),
        ("POST", ["sessions", id, "revoke"]) => Backend::Revoke(id),
        ("POST", ["sessions", id, "tokens"]) => Backend::Token(id, None),
        ("POST", ["sessions", id, "tokens", template]) => Backend::Token(id, Some(template)),
        ("GET", ["users"]) => Backend::Users,
        ("POST", ["users"]) => Backend::CreateUser,
        ("GET", ["users", "count"]) => Backend::UserCount,
        ("GET", ["users", id]) => Backend::User(id),
        ("DELETE", ["users", id]) => Backend::DeleteUser(id),
        ("GET", ["organizations"]) => Backend::Organizations,
        ("POST", ["organizations"]) => Backend::CreateOrganization,
        ("GET", ["organizations", id]) => Backend::Organization(id),
        ("DELETE", ["organizations", id]) => Backend::DeleteOrganization(id),
        ("GET", ["organizations", id, "memberships"]) => Backend::Memberships(id),
        ("POST", ["organizations", id, "memberships"]) => Backend::CreateMembership(id),
        ("DELETE", ["organizations", id, "memberships", user]) => Backend::DeleteMembership(id, user),
        _ => return None,
    })
}
