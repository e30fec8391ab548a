//! The handshake: going out to the identity service, and coming back.

use std::sync::Arc;

use nostore_message::{FieldEdit, Secret, SetCookie};

use crate::context::{Context, Token, is_navigation};
use crate::hop::{self, Count};
use crate::need::{Answer, Need, PayloadFailure, Step};
use crate::token::{Refusal, TokenError, verify_handshake, verify_session};
use crate::{Decision, Reason, Session, Status, name, target};

/// So many redirects within the counter's lifetime are let through.
const MAX_REDIRECTS: u32 = 3;

/// In development the inner token of a handshake is accepted within a day: clocks of laptops.
const DEVELOPMENT_SKEW_MS: i64 = 86_400_000;

/// Why no redirect was begun.
pub(crate) enum Withheld {
    /// The request loads no page, or there is no URL to return to.
    Ineligible,
    /// There were too many.
    Loop,
}

/// Sends the visitor to the identity service if the request is a navigation, and says signed out
/// if it is not, or if that has happened too often already.
pub(crate) fn maybe_handshake(context: &Context<'_>, reason: Reason, message: &str) -> Step {
    let url = target::handshake_url(context, &reason);
    maybe_redirect(context, reason, message, (url, hop::HANDSHAKE_HOPS))
}

/// As [`maybe_handshake`], to a place of the caller's, by so many redirects.
pub(crate) fn maybe_redirect(
    context: &Context<'_>,
    reason: Reason,
    message: &str,
    way: (Option<String>, u32),
) -> Step {
    done(match begin(context, &reason, message, way) {
        Ok(decision) => decision,
        Err(Withheld::Ineligible) => Decision::signed_out(reason, message),
        Err(Withheld::Loop) => Decision { loop_stopped: true, ..Decision::signed_out(reason, message) },
    })
}

/// Begins a redirect where one may be begun.
pub(crate) fn begin(
    context: &Context<'_>,
    reason: &Reason,
    message: &str,
    (url, hops): (Option<String>, u32),
) -> Result<Decision, Withheld> {
    let eligible = context.request.method == "GET" && is_navigation(context.request);
    let url = url.filter(|_| eligible).ok_or(Withheld::Ineligible)?;
    if context.redirect_count >= MAX_REDIRECTS || !context.may_hop(hops) {
        return Err(Withheld::Loop);
    }
    let counter = SetCookie::new(name::REDIRECT_COUNT, (context.redirect_count + 1).to_string())
        .with("SameSite", "Lax")
        .flag("HttpOnly")
        .with("Max-Age", "2");
    let mut edits = redirect(url);
    edits.push(FieldEdit::append("set-cookie", counter.to_string()));
    let decision = Decision::new(Status::Handshake, Some(reason.clone()), message).with_state(edits);
    Ok(Decision { safety: hopping(context, context.count.and(hops)), ..decision })
}

/// Resolves the result of a handshake, where the request brings one. `None`: nothing of use came,
/// and the decision goes on without it.
pub(crate) fn resolve(context: &Context<'_>) -> Option<Step> {
    let directives = match (context.nonce, context.handshake) {
        (Some(nonce), _) => match payload(context, nonce) {
            Some(Ok(directives)) => directives.clone(),
            Some(Err(PayloadFailure::Directive)) => return None,
            // Any other failure counts as no directives: the visitor is signed out.
            Some(Err(_)) => Vec::new(),
            None => {
                let nonce = Secret::new(nonce);
                return Some(Step::Need(Need::HandshakePayload { nonce }));
            }
        },
        (None, Some(token)) => match verify_handshake(context, token) {
            Ok(directives) => directives,
            Err(refusal) => return refuse(context, refusal),
        },
        (None, None) => return None,
    };
    let decision = match session_token(&directives) {
        None => Decision::new(Status::SignedOut, Some(Reason::SessionTokenMissing), ""),
        Some(token) => match verify_inner(context, token) {
            Ok(session) => {
                let verified = Some(Arc::clone(&session));
                Decision { verified, ..Decision::signed_in(session) }
            }
            Err(Refusal::Need(need)) => return Some(Step::Need(need)),
            Err(Refusal::Token(_) | Refusal::Unreachable) => return None,
        },
    };
    Some(done(returning(context, &directives, decision)))
}

pub(crate) fn done(decision: Decision) -> Step {
    Step::Done(Box::new(decision))
}

fn redirect(location: String) -> Vec<FieldEdit> {
    vec![FieldEdit::set("location", location), FieldEdit::set("cache-control", "no-store")]
}

/// What a redirect carries besides: the URL that is left or gone to may hold a session token, and the redirect
/// counts.
fn hopping(context: &Context<'_>, count: Count) -> Vec<FieldEdit> {
    vec![FieldEdit::set("referrer-policy", "no-referrer"), hop::set(count, context.now)]
}

/// Returns what is known about the nonce.
fn payload<'c>(context: &Context<'c>, nonce: &str) -> Option<&'c Result<Vec<String>, PayloadFailure>> {
    context.facts.answers.iter().find_map(|answer| match answer {
        Answer::HandshakePayload { nonce: asked, result } if asked.matches(nonce) => Some(result),
        _ => None,
    })
}

/// In development a handshake that does not verify means mixed-up keys, and says so. In production
/// it is passed over: anyone can send one.
fn refuse(context: &Context<'_>, refusal: Refusal) -> Option<Step> {
    match refusal {
        Refusal::Need(need) => Some(Step::Need(need)),
        Refusal::Token(error) if context.is_development() && error.reason != Reason::UnexpectedError => {
            let message = broken_handshake(&error);
            Some(done(Decision { reason: Some(error.reason), ..Decision::error(message) }))
        }
        Refusal::Token(_) | Refusal::Unreachable => None,
    }
}

fn broken_handshake(error: &TokenError) -> String {
    if error.reason == Reason::TokenInvalidSignature {
        "Clerk: Handshake token verification failed due to an invalid signature. If you have \
         switched Clerk keys locally, clear your cookies and try again."
            .to_owned()
    } else {
        let (text, reason) = (error.full(), &error.reason);
        format!(
            "Clerk: Handshake token verification failed: {text} (reason={reason}, token-carrier=handshake)."
        )
    }
}

/// Adds what the response to a resolved handshake carries: the directives as they are and in their
/// order; in development also the way to the URL without the handshake.
fn returning(context: &Context<'_>, directives: &[String], decision: Decision) -> Decision {
    let mut edits = vec![
        FieldEdit::set("access-control-allow-origin", "null"),
        FieldEdit::set("access-control-allow-credentials", "true"),
    ];
    edits.extend(cookies(directives));
    let mut safety = Vec::new();
    if directives.is_empty() && context.nonce.is_some() {
        // Nobody else will: a nonce outranks the token of every later handshake.
        safety.push(FieldEdit::append("set-cookie", SetCookie::deletion(name::NONCE).to_string()));
    }
    let url = if context.is_development() { context.url() } else { None };
    let clean = url.map(|url| (target::cleaned(&url), url));
    // What only a cookie brought leaves the URL as it is: it is visited once more, and not again.
    let clean = clean.filter(|(clean, url)| context.count.hops == 0 || clean != url.as_str());
    if let Some((clean, _)) = clean.filter(|_| context.may_hop(hop::CLEANING_HOPS)) {
        edits.extend(redirect(clean));
        let count = context.count.and(hop::CLEANING_HOPS);
        // An answer without directives says nothing about who is there. Elsewhere than on a satellite there are
        // redirects enough.
        let told = context.config.is_satellite() && !directives.is_empty();
        let nobody = told && matches!(decision.status, Status::SignedOut);
        safety.extend(hopping(context, if nobody { count.with_nobody() } else { count }));
    }
    Decision { safety, ..decision.with_state(edits) }
}

/// Makes `Set-Cookie` lines of directives, as they are.
pub(crate) fn cookies(directives: &[String]) -> impl Iterator<Item = FieldEdit> {
    directives.iter().map(|directive| FieldEdit::append("set-cookie", directive.clone()))
}

/// Returns the session token that the directives set. The last one counts, and a deletion counts
/// as well: that is why an identity service puts deletions first.
pub(crate) fn session_token(directives: &[String]) -> Option<&str> {
    let mut cookies = directives.iter().rev().map(|directive| pair(directive));
    let (_, token) = cookies.find(|(name, _)| name.starts_with(name::SESSION))?;
    Some(token).filter(|token| !token.is_empty())
}

/// Splits a directive into the cookie's name and its value, which ends at a further `=`.
fn pair(directive: &str) -> (&str, &str) {
    let mut sides = directive.split(';').next().unwrap_or_default().split('=');
    (sides.next().unwrap_or_default(), sides.next().unwrap_or_default())
}

fn verify_inner(context: &Context<'_>, text: &str) -> Result<Arc<Session>, Refusal> {
    let token = Token::decode(text, context.facts);
    match verify_session(context, &token, context.config.skew_ms()) {
        Err(Refusal::Token(error)) if context.is_development() && is_about_time(&error.reason) => {
            verify_session(context, &token, DEVELOPMENT_SKEW_MS)
        }
        other => other,
    }
}

const fn is_about_time(reason: &Reason) -> bool {
    matches!(reason, Reason::TokenExpired | Reason::TokenNotActiveYet | Reason::TokenIatInTheFuture)
}
