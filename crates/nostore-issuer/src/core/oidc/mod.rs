//! The OpenID Provider: a site signs people in by the authorization code flow.
//!
//! It stands beside the handshake, on the same users and sessions. A browser is known here by a cookie of the
//! service's own host, whatever the kind of instance: no token of it is ever in a URL.
//!
//! # Invariants
//!
//! - A browser is sent nowhere but to a registered address: an unknown client or address is a page.
//! - No code without PKCE (S256); every answer to an authorization request names its issuer.
//! - A code is redeemed once, within [`CODE_SECS`]; one that comes again revokes what it gave.
//! - A refresh token is used once; one that comes again revokes its grant.
//! - `prompt=none` never shows a page, and a link of another site never signs anybody out without an ID Token.
//!
//! # Not covered
//!
//! The implicit and hybrid flows, request objects, consent beyond the sign-in page, encrypted tokens, client keys,
//! dynamic registration, introspection, front-channel logout, cross-origin requests by scripts.
//!
//! Specifications: OpenID Connect Core, Discovery, RP-Initiated Logout and Back-Channel Logout; RFC 6749, 6750,
//! 7636, 9207 and 9700.

mod authorize;
mod grant;
mod logout;
mod notice;
pub(super) mod party;
mod request;
mod token;
mod user_info;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nostore_message::SetCookie;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::client::{CLIENT_COOKIE, KnownBy, long_cookie};
use super::response::{Outcome, Response};
use super::route::Oidc;
use super::{Client, Issuer, Mode, User};
use crate::pages;

pub use grant::{Grant, Scopes};
pub use notice::Notice;
pub use party::{RelyingParty, RelyingPartyError};

/// How long a code may be redeemed, in seconds.
pub const CODE_SECS: i64 = 60;

/// How long an access token and an ID Token are valid, in seconds.
pub const ACCESS_SECS: i64 = 3_600;

/// How long a refresh token may lie unused, in seconds: 30 days.
pub const REFRESH_SECS: i64 = 30 * 86_400;

/// The cookie that a browser is known by where the handshake has none (test).
const BROWSER_COOKIE: &str = "__nostore_browser";

impl Issuer {
    /// Answers a request to the OpenID Provider.
    pub(super) fn oidc(&self, ask: &mut Ask<'_>, endpoint: Oidc) -> Outcome {
        match endpoint {
            Oidc::Again => self.again(ask),
            Oidc::Authorize => self.authorize(ask),
            Oidc::Discovery => self.discovery().into(),
            Oidc::Logout => self.logout(ask),
            Oidc::SignIn => self.authorize_form(ask),
            Oidc::SignOut => self.logout_form(ask),
            Oidc::Token => self.token_endpoint(ask),
            Oidc::UserInfo => self.user_info(ask),
        }
    }

    /// Returns the issuer identifier: the origin, as the sites are configured with it.
    pub(super) fn provider(&self) -> String {
        self.settings.origin.to_string()
    }

    /// Answers `GET /.well-known/openid-configuration` (OpenID Connect Discovery section 3).
    fn discovery(&self) -> Response {
        let issuer = self.provider();
        let at = |path: &str| format!("{issuer}{path}");
        let names: Vec<&str> = grant::SCOPES.iter().map(|(name, _)| *name).collect();
        let answer = json!({
            "issuer": issuer,
            "authorization_endpoint": at("/oauth/authorize"),
            "token_endpoint": at("/oauth/token"),
            "userinfo_endpoint": at("/oauth/userinfo"),
            "end_session_endpoint": at("/oauth/logout"),
            "jwks_uri": at("/.well-known/jwks.json"),
            "scopes_supported": names,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "claims_supported": [
                "aud", "auth_time", "email", "email_verified", "exp", "groups", "iat", "iss", "name", "nonce",
                "sid", "sub",
            ],
            "prompt_values_supported": ["none", "login", "select_account", "consent"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
        });
        Response::json(200, &answer).noted("provider configuration")
    }

    /// Sends a form of another site's page round by GET: so the browser brings its cookie, which it keeps from
    /// forms of others (RFC 6265bis, "SameSite Cookies").
    fn again(&self, ask: &Ask<'_>) -> Outcome {
        if !ask.is_form() {
            let text = "Expected a form (application/x-www-form-urlencoded), found something else.";
            return Response::page(415, pages::message("Not a form", text, true)).noted("not a form").into();
        }
        let form = form_urlencoded::parse(ask.body);
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        Response::redirect(303, format!("{}?{query}", ask.head.path())).noted("form sent round by GET").into()
    }

    /// Finds the browser that asks, by its cookie.
    fn browser(&self, ask: &Ask<'_>) -> Option<&Client> {
        let cookies = ask.cookies();
        let name = match self.settings.mode {
            Mode::Live => CLIENT_COOKIE,
            Mode::Test => BROWSER_COOKIE,
        };
        let token = cookies.raw(name)?;
        self.state.client(token).filter(|_| token.starts_with(KnownBy::Cookie.prefix()))
    }

    /// Adds the cookies of a browser that has changed.
    fn with_browser(&self, response: Response, client: &Client, ask: &Ask<'_>) -> Response {
        match self.settings.mode {
            Mode::Live => self.with_client_cookies(response, client, ask),
            Mode::Test => {
                let token = client.token.expose().to_owned();
                let cookie: SetCookie<'_> = long_cookie(BROWSER_COOKIE.to_owned(), token).flag("HttpOnly");
                response.cookie(&self.secured(cookie))
            }
        }
    }
}

/// Returns what a user's claims say, as far as the scopes allow (OpenID Connect Core section 5.4).
fn claims_of(user: &User, scopes: Scopes) -> Map<String, Value> {
    let mut claims = Map::from_iter([("sub".to_owned(), json!(user.id))]);
    if scopes.has(Scopes::EMAIL) {
        claims.insert("email".to_owned(), json!(user.email));
        claims.insert("email_verified".to_owned(), json!(user.email_verified));
    }
    if scopes.has(Scopes::PROFILE) {
        claims.insert("name".to_owned(), json!(user.display_name()));
        claims.insert("groups".to_owned(), json!(user.groups));
    }
    claims
}

/// Returns the SHA-256 of a text in base64url.
fn sha256(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// Returns the left half of the SHA-256 of a text in base64url: the claim `at_hash` (OpenID Connect Core section
/// 3.1.3.6).
fn left_half(text: &str) -> String {
    let whole = digest(&SHA256, text.as_bytes());
    let (left, _) = whole.as_ref().split_at(whole.as_ref().len() / 2);
    BASE64_URL_SAFE_NO_PAD.encode(left)
}

/// Adds parameters to the query of a registered address. Everything else keeps its bytes.
fn with_parameters(address: &str, parameters: &[(&str, &str)]) -> String {
    if parameters.is_empty() {
        return address.to_owned();
    }
    let more = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let joint = match address.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{address}{joint}{more}")
}
