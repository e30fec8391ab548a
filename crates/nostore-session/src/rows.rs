//! The decision as an ordered list of rows. The first row that has an outcome decides.
//!
//! Rows are functions of the [`Context`] alone, so that a new rule is a new row in the right place.
//! The number behind each is that of the protocol's table.

use nostore_message::{RequestHead, UnixTime};
use serde_json::Value;

use crate::context::{Context, Read};
use crate::handshake::{done, maybe_handshake, resolve};
use crate::need::{Facts, Step};
use crate::token::{Refusal, TokenError, is_other_kind, malformed, parse_sized, verify_session};
use crate::{Config, Decision, Reason};

type Row = fn(&Context<'_>) -> Option<Step>;

/// For a session token in `Authorization`. Cookies are not looked at then.
const HEADER_ROWS: &[Row] = &[header_other_kind, header_token];

/// For a session token in a cookie, or none at all.
const COOKIE_ROWS: &[Row] = &[
    resolve,                // 1
    dev_browser_sync,       // 5
    dev_browser_missing,    // 6
    nothing,                // 7
    session_without_client, // 8
    client_without_session, // 9
    cookie_undecodable,     // 10
    cookie_other_kind,      // 11
    cookie_before_client,   // 12
    cookie_token,           // 13 and 16
];

/// Decides who sent `request`, at wall time `now`.
///
/// Pure: run it again with the answer to a [`Step::Need`] among the facts. Cannot fail: a bad
/// credential is an outcome, not an error.
#[must_use]
pub fn authenticate(request: &RequestHead<'_>, config: &Config, facts: &Facts<'_>, now: UnixTime) -> Step {
    let read = Read::new(request, config, now);
    let context = Context::new(&read, request, config, facts, now);
    let rows = if context.header_token.is_some() { HEADER_ROWS } else { COOKIE_ROWS };
    let decided = rows.iter().find_map(|row| row(&context));
    // The last row of each list always decides; signed out is the answer that fails closed.
    decided.unwrap_or_else(|| done(Decision::signed_out(Reason::UnexpectedError, "")))
}

fn header_other_kind(context: &Context<'_>) -> Option<Step> {
    let jws = parse_sized(context.header_token?).ok()?;
    is_other_kind(&jws).then(|| done(Decision::signed_out(Reason::TokenTypeMismatch, "")))
}

fn header_token(context: &Context<'_>) -> Option<Step> {
    Some(verified(context, context.header_token?, Carrier::Header))
}

fn dev_browser_sync(context: &Context<'_>) -> Option<Step> {
    let applies = context.is_development() && context.has_query_dev_browser;
    applies.then(|| maybe_handshake(context, Reason::DevBrowserSync, ""))
}

fn dev_browser_missing(context: &Context<'_>) -> Option<Step> {
    let applies = context.is_development() && context.dev_browser.is_none();
    applies.then(|| maybe_handshake(context, Reason::DevBrowserMissing, ""))
}

fn nothing(context: &Context<'_>) -> Option<Step> {
    let applies = context.client_uat == 0 && context.session_cookie.is_none();
    applies.then(|| done(Decision::signed_out(Reason::SessionTokenAndUatMissing, "")))
}

fn session_without_client(context: &Context<'_>) -> Option<Step> {
    let applies = context.client_uat == 0;
    applies.then(|| maybe_handshake(context, Reason::SessionTokenButNoClientUat, ""))
}

fn client_without_session(context: &Context<'_>) -> Option<Step> {
    let applies = context.session_cookie.is_none();
    applies.then(|| maybe_handshake(context, Reason::ClientUatButNoSessionToken, ""))
}

fn cookie_undecodable(context: &Context<'_>) -> Option<Step> {
    let error = context.session_cookie.as_ref()?.jws.as_ref().err()?;
    Some(refused(context, malformed(*error).into(), Carrier::Cookie))
}

fn cookie_other_kind(context: &Context<'_>) -> Option<Step> {
    let jws = context.session_cookie.as_ref()?.jws.as_ref().ok()?;
    is_other_kind(jws).then(|| done(Decision::signed_out(Reason::TokenTypeMismatch, "")))
}

fn cookie_before_client(context: &Context<'_>) -> Option<Step> {
    let jws = context.session_cookie.as_ref()?.jws.as_ref().ok()?;
    let iat = jws.payload().get("iat").and_then(Value::as_f64)?;
    #[expect(clippy::cast_precision_loss, reason = "only the order counts, and seconds are below 2^53")]
    let applies = iat < context.client_uat as f64;
    applies.then(|| maybe_handshake(context, Reason::SessionTokenIatBeforeClientUat, ""))
}

fn cookie_token(context: &Context<'_>) -> Option<Step> {
    Some(verified(context, context.session_cookie.as_ref()?.text, Carrier::Cookie))
}

#[derive(Clone, Copy)]
enum Carrier {
    Cookie,
    Header,
}

impl Carrier {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::Header => "header",
        }
    }
}

fn verified(context: &Context<'_>, token: &str, carrier: Carrier) -> Step {
    match verify_session(context, token, context.config.skew_ms()) {
        Ok(session) => done(Decision::signed_in(session, Vec::new())),
        Err(refusal) => refused(context, refusal, carrier),
    }
}

/// What follows from a token that was not accepted: times lead to a handshake, the rest to signed
/// out.
fn refused(context: &Context<'_>, refusal: Refusal, carrier: Carrier) -> Step {
    let error = match refusal {
        Refusal::Need(need) => return Step::Need(need),
        Refusal::Unreachable => return done(Decision::signed_out(Reason::UnexpectedError, "")),
        Refusal::Token(error) => error,
    };
    let message = describe(&error, carrier);
    let reason = match error.reason {
        Reason::TokenExpired => expired(context),
        Reason::TokenNotActiveYet => Reason::SessionTokenNbf,
        Reason::TokenIatInTheFuture => Reason::SessionTokenIatInTheFuture,
        other => return done(Decision::signed_out(other, message)),
    };
    maybe_handshake(context, reason, &message)
}

/// Why an expired token is not refreshed.
fn expired(context: &Context<'_>) -> Reason {
    if context.request.method != "GET" {
        Reason::SessionTokenExpiredNonGet
    } else if context.has_refresh {
        Reason::SessionTokenExpiredNoApiClient
    } else {
        Reason::SessionTokenExpiredNoRefreshCookie
    }
}

fn describe(error: &TokenError, carrier: Carrier) -> String {
    let (text, reason, carrier) = (error.full(), error.reason, carrier.as_str());
    format!("{text} (reason={reason}, token-carrier={carrier})")
}
