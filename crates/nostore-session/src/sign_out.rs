//! What a sign-out takes out of the browser, and what the identity service is told.

use nostore_message::{FieldEdit, Fields, RequestHead, SetCookie, UnixTime};
use url::Url;

use crate::context::{Context, Read, Token};
use crate::token::{Refusal, verify_session};
use crate::{Config, Facts, Need, OutboundRequest, name};

/// By how much an expired token may still name its session: ten years. A token lives a minute, a page
/// stays open for hours.
const REVOCABLE_MS: i64 = 10 * 365 * 86_400 * 1_000;

/// The result of one run of [`end_session`].
#[derive(Clone, Debug)]
pub enum EndSession {
    /// The identity service is to be asked this.
    Ask(OutboundRequest),
    /// Something must be known first.
    Need(Need),
    /// The request carries no session that this instance signed.
    NoSession,
    /// It could not be found out.
    Unknown,
}

/// Finds the session that a request carries, for the identity service to revoke (`POST
/// /v1/sessions/{sid}/revoke`). Run again with each answer, as `authenticate` is.
///
/// A token names its session although it ran out, and although the client changed after it was made:
/// only the signature counts, so that nobody else's session is named.
#[must_use]
pub fn end_session(
    request: &RequestHead<'_>,
    config: &Config,
    facts: &Facts<'_>,
    now: UnixTime,
) -> EndSession {
    let read = Read::new(request, config, now);
    let context = Context::new(&read, request, config, facts, now);
    let Some(token) = context.session_token() else { return EndSession::NoSession };
    match verify_session(&context, &Token::decode(token, facts), REVOCABLE_MS) {
        Ok(session) => session
            .session_id()
            .and_then(|sid| revocation(config, sid))
            .map_or(EndSession::NoSession, EndSession::Ask),
        Err(Refusal::Need(need)) => EndSession::Need(need),
        Err(Refusal::Token(_)) => EndSession::NoSession,
        Err(Refusal::Unreachable) => EndSession::Unknown,
    }
}

fn revocation(config: &Config, sid: &str) -> Option<OutboundRequest> {
    let mut url = Url::parse(&config.api_base()).ok()?;
    url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "sessions", sid, "revoke"]);
    let mut fields = Fields::new();
    fields.append("authorization", format!("Bearer {}", config.secret_key().expose()));
    fields.append("content-type", "application/json");
    Some(OutboundRequest { method: "POST", url: url.into(), fields, body: b"{}".to_vec() })
}

/// As long as browsers keep a cookie that says "signed out".
const TEN_YEARS_SECS: &str = "315360000";

/// Returns the `Set-Cookie` fields of a sign-out, host-only and on `Path=/`: the session, its
/// refresh token and a handshake's result go, and the client's last change becomes 0, which means
/// signed out. The browser's name in development stays: without it the next visit would begin with
/// a redirect.
#[must_use]
pub fn clear_cookies(config: &Config) -> Vec<FieldEdit> {
    let both = |name: &str| [name.to_owned(), config.publishable_key().suffixed(name)];
    let gone = [name::SESSION, name::REFRESH].into_iter().flat_map(both);
    let gone = gone.chain([name::HANDSHAKE, name::NONCE].map(str::to_owned));
    let zero = |name: String| {
        SetCookie::new(name, "0").with("Path", "/").with("Max-Age", TEN_YEARS_SECS).with("SameSite", "Lax")
    };
    let cookies = gone.map(SetCookie::deletion).chain(both(name::CLIENT_UAT).map(zero));
    cookies.map(|cookie| FieldEdit::append("set-cookie", cookie.to_string())).collect()
}
