//! The decision as an ordered list of rows. The first row that has an outcome decides.
//!
//! Rows are functions of the [`Context`] alone, so that a new rule is a new row in the right place.
//! The number behind each is that of the protocol's table.

use std::sync::Arc;

use crate::context::{Context, Decoded, Read, Token};
use crate::handshake::{begin, done, maybe_handshake, resolve};
use crate::machines::machine;
use crate::need::{Facts, Step};
use crate::refresh::{NotRefreshed, refresh};
use crate::satellite::{
    cross_origin, misconfigured, primary_responds, satellite_in_development, satellite_in_production,
};
use crate::token::{Refusal, TokenError, is_other_kind, malformed, verify_session};
use crate::{Accepts, Config, Decision, Reason, Session, TokenType, hop, target};
use nostore_message::{RequestHead, UnixTime};

type Row = fn(&Context<'_>) -> Option<Step>;

/// For a session token in a cookie, or none at all.
const COOKIE_ROWS: &[Row] = &[
    resolve,                  // 1
    satellite_in_production,  // 2
    satellite_in_development, // 3
    primary_responds,         // 4
    dev_browser_sync,         // 5
    dev_browser_missing,      // 6
    nothing,                  // 7
    session_without_client,   // 8
    client_without_session,   // 9
    cookie_undecodable,       // 10
    cookie_other_kind,        // 11
    cookie_before_client,     // 12
    cookie_token,             // 13 to 16
];

/// Decides who sent `request`, at wall time `now`.
///
/// Pure: run it again with the answer to a [`Step::Need`] among the facts. Cannot fail: a bad
/// credential is an outcome, not an error.
#[must_use]
pub fn authenticate(request: &RequestHead<'_>, config: &Config, facts: &Facts<'_>, now: UnixTime) -> Step {
    if let Some(message) = misconfigured(request, config) {
        return done(Decision::error(message));
    }
    let read = Read::new(request, config, now);
    let context = Context::new(&read, request, config, facts, now);
    dispatch(&context)
}

/// Chooses by what is accepted and by the token in the header (section 4.1 of the protocol).
fn dispatch(context: &Context<'_>) -> Step {
    let header = context.header_token.map(|text| (text, crate::classify(text)));
    match (context.config.accepted(), header) {
        (Accepts::OneOf(kinds), header) if !kinds.contains(&kind_of(header)) => {
            done(Decision::signed_out(Reason::TokenTypeMismatch, "").about(None))
        }
        (Accepts::Any | Accepts::OneOf(_), Some((text, Some(kind)))) => machine(context, text, kind),
        (Accepts::Any | Accepts::OneOf(_) | Accepts::Only(TokenType::Session), Some((text, _))) => {
            header_session(context, text)
        }
        (Accepts::Only(kind), None) if *kind != TokenType::Session => {
            done(Decision::signed_out(Reason::NoTokenInHeader, "").about(Some(*kind)))
        }
        (Accepts::Only(kind), Some((text, Some(found)))) if found == *kind => machine(context, text, found),
        (Accepts::Only(kind), Some(_)) => {
            done(Decision::signed_out(Reason::TokenTypeMismatch, "").about(Some(*kind)))
        }
        (_, None) => cookies(context),
    }
}

fn kind_of(header: Option<(&str, Option<TokenType>)>) -> TokenType {
    header.and_then(|(_, kind)| kind).unwrap_or(TokenType::Session)
}

fn cookies(context: &Context<'_>) -> Step {
    let decided = COOKIE_ROWS.iter().find_map(|row| row(context));
    // The last row always decides; signed out is the answer that fails closed.
    decided.unwrap_or_else(|| done(Decision::signed_out(Reason::UnexpectedError, "")))
}

/// For a session token in `Authorization`. Cookies are not looked at then.
fn header_session(context: &Context<'_>, text: &str) -> Step {
    let token = Token::decode(text, context.facts);
    if is_other_kind(&token) {
        return done(Decision::signed_out(Reason::TokenTypeMismatch, ""));
    }
    match verify_session(context, &token, context.config.skew_ms()) {
        Ok(session) => signed_in(&token, session),
        Err(refusal) => refused(context, refusal, Carrier::Header),
    }
}

fn signed_in(token: &Token<'_>, session: Arc<Session>) -> Step {
    let fresh = matches!(token.decoded, Decoded::Unverified(_));
    let verified = fresh.then(|| Arc::clone(&session));
    done(Decision { verified, ..Decision::signed_in(session) })
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
    let Decoded::Malformed(error) = &context.session_cookie.as_ref()?.decoded else { return None };
    Some(refused(context, malformed(*error).into(), Carrier::Cookie))
}

fn cookie_other_kind(context: &Context<'_>) -> Option<Step> {
    let token = context.session_cookie.as_ref()?;
    is_other_kind(token).then(|| done(Decision::signed_out(Reason::TokenTypeMismatch, "")))
}

fn cookie_before_client(context: &Context<'_>) -> Option<Step> {
    let iat = context.session_cookie.as_ref()?.issued_at()?;
    #[expect(clippy::cast_precision_loss, reason = "only the order counts, and seconds are below 2^53")]
    let applies = iat < context.client_uat as f64;
    applies.then(|| maybe_handshake(context, Reason::SessionTokenIatBeforeClientUat, ""))
}

fn cookie_token(context: &Context<'_>) -> Option<Step> {
    let token = context.session_cookie.as_ref()?;
    let session = match verify_session(context, token, context.config.skew_ms()) {
        Ok(session) => session,
        Err(refusal) => return Some(refused(context, refusal, Carrier::Cookie)),
    };
    if let Some(redirect) = cross_origin(context) {
        return Some(redirect);
    }
    if !session.facts().organization_reads {
        return Some(done(Decision::signed_out(Reason::UnexpectedError, "")));
    }
    Some(other_organization(context, &session).unwrap_or_else(|| signed_in(token, session)))
}

/// Where the URL belongs to another organization than the session, the identity service is asked to change over.
/// Where it cannot be asked, or did not, the visitor stays signed in.
fn other_organization(context: &Context<'_>, session: &Session) -> Option<Step> {
    let organizations = context.config.organizations().filter(|_| !session.is_pending())?;
    let url = context.url()?;
    if organizations.target(url.path())?.is_active(session.claims().raw()) {
        return None;
    }
    let reason = Reason::ActiveOrganizationMismatch;
    let target = target::handshake_url(context, &reason);
    begin(context, &reason, "", (target, hop::HANDSHAKE_HOPS)).ok().map(done)
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
        Reason::TokenExpired => match refresh(context) {
            Ok(decision) => return done(decision),
            Err(NotRefreshed::Need(need)) => return Step::Need(need),
            Err(NotRefreshed::Failed(error)) => Reason::SessionTokenExpired(error),
        },
        Reason::TokenNotActiveYet => Reason::SessionTokenNbf,
        Reason::TokenIatInTheFuture => Reason::SessionTokenIatInTheFuture,
        other => return done(Decision::signed_out(other, message)),
    };
    maybe_handshake(context, reason, &message)
}

fn describe(error: &TokenError, carrier: Carrier) -> String {
    let (text, reason, carrier) = (error.full(), &error.reason, carrier.as_str());
    format!("{text} (reason={reason}, token-carrier={carrier})")
}
