//! The handshake: going out to the identity service, and coming back.

use nostore_message::{FieldEdit, SetCookie};

use crate::context::{Context, is_navigation};
use crate::decision::is_field_text;
use crate::need::{Answer, Need, Step};
use crate::token::{Refusal, TokenError, verify_handshake, verify_session};
use crate::turn::count_everywhere;
use crate::{Decision, Reason, Session, Status, name, target};

/// So many redirects within the counter's lifetime are let through.
pub(crate) const MAX_REDIRECTS: u32 = 3;

/// In development the inner token of a handshake is accepted within a day: clocks of laptops.
const DEVELOPMENT_SKEW_MS: i64 = 86_400_000;

/// Sends the visitor to the identity service if the request is a navigation, and says signed out
/// if it is not, or if that has happened three times already.
pub(crate) fn maybe_handshake(context: &Context<'_>, reason: Reason, message: &str) -> Step {
    let url = if is_eligible(context) { target::handshake_url(context, reason) } else { None };
    let Some(url) = url else {
        return done(Decision::signed_out(reason, message));
    };
    // A result that was of no use is one more sign of a loop.
    let limit = if context.brings_return() { MAX_REDIRECTS - 1 } else { MAX_REDIRECTS };
    if context.redirect_count >= limit {
        let decision = Decision::signed_out(reason, message);
        return done(Decision { loop_stopped: true, ..decision });
    }
    let counter = SetCookie::new(name::REDIRECT_COUNT, (context.redirect_count + 1).to_string())
        .with("SameSite", "Lax")
        .flag("HttpOnly")
        .with("Max-Age", "2");
    let mut edits = redirect(url);
    edits.push(FieldEdit::append("set-cookie", counter.to_string()));
    done(Decision::new(Status::Handshake, Some(reason), message).with_state(edits))
}

/// Resolves the result of a handshake, where the request brings one. `None`: nothing of use came,
/// and the decision goes on without it.
pub(crate) fn resolve(context: &Context<'_>) -> Option<Step> {
    let directives = match (context.nonce, context.handshake) {
        (Some(nonce), _) => match payload(context, nonce) {
            Ok(directives) => directives,
            Err(need) => return Some(Step::Need(need)),
        },
        (None, Some(token)) => match verify_handshake(context, token) {
            Ok(directives) => directives,
            Err(refusal) => return refuse(context, refusal),
        },
        (None, None) => return None,
    };
    let edits = returning(context, &directives);
    let Some(token) = session_token(&directives) else {
        let decision = Decision::new(Status::SignedOut, Some(Reason::SessionTokenMissing), "");
        return Some(done(decision.with_state(edits)));
    };
    match verify_inner(context, token) {
        Ok(session) => Some(done(Decision::signed_in(session, edits))),
        Err(Refusal::Need(need)) => Some(Step::Need(need)),
        Err(Refusal::Token(_) | Refusal::Unreachable) => None,
    }
}

pub(crate) fn done(decision: Decision) -> Step {
    Step::Done(Box::new(decision))
}

fn is_eligible(context: &Context<'_>) -> bool {
    context.request.method == "GET" && is_navigation(context.request)
}

fn redirect(location: String) -> Vec<FieldEdit> {
    vec![
        FieldEdit::set("location", location),
        FieldEdit::set("cache-control", "no-store"),
        // The URL that is left or gone to may hold a session token.
        FieldEdit::set("referrer-policy", "no-referrer"),
    ]
}

/// Returns the directives behind a nonce. A failure counts as none: the visitor is signed out.
fn payload(context: &Context<'_>, nonce: &str) -> Result<Vec<String>, Need> {
    let answer = context.facts.answers.iter().find_map(|answer| match answer {
        Answer::HandshakePayload { nonce: asked, result } if asked.matches(nonce) => Some(result),
        _ => None,
    });
    match answer {
        Some(result) => Ok(result.clone().unwrap_or_default()),
        None => Err(Need::HandshakePayload { nonce: nostore_message::Secret::new(nonce) }),
    }
}

/// In development a handshake that does not verify means mixed-up keys, and says so. In production
/// it is passed over: anyone can send one.
fn refuse(context: &Context<'_>, refusal: Refusal) -> Option<Step> {
    match refusal {
        Refusal::Need(need) => Some(Step::Need(need)),
        Refusal::Token(error) if context.is_development() => {
            let message = broken_handshake(&error);
            let status = Status::Error { message: message.clone() };
            Some(done(Decision::new(status, Some(error.reason), message)))
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
        let (text, reason) = (error.full(), error.reason);
        format!(
            "Clerk: Handshake token verification failed: {text} (reason={reason}, token-carrier=handshake)."
        )
    }
}

/// What the response to a resolved handshake carries: the directives as they are and in their
/// order; in development also the way to the URL without the handshake.
fn returning(context: &Context<'_>, directives: &[String]) -> Vec<FieldEdit> {
    let mut edits = vec![
        FieldEdit::set("access-control-allow-origin", "null"),
        FieldEdit::set("access-control-allow-credentials", "true"),
    ];
    if directives.is_empty() && context.nonce.is_some() {
        // Nobody else will: a nonce outranks the token of every later handshake.
        edits.push(FieldEdit::append("set-cookie", SetCookie::deletion(name::NONCE).to_string()));
    }
    let whole = directives.iter().filter(|directive| is_field_text(directive));
    edits.extend(whole.map(|directive| FieldEdit::append("set-cookie", directive.clone())));
    if let Some(url) = context.url.filter(|_| context.is_development() && may_clean(context)) {
        edits.extend(redirect(target::cleaned(url)));
        edits.extend(count_cleaning(context, directives));
    }
    edits
}

/// A result that only a cookie brought leaves the URL as it is. Where the cookie stays although it was
/// deleted (it lies on a path of its own), the redirect to the same URL would never end.
fn may_clean(context: &Context<'_>) -> bool {
    context.url_brings_return || context.redirect_count < MAX_REDIRECTS
}

/// The redirect to the clean URL counts where it is one to the same URL. Where one of two cookies with the
/// same name hides the other, or where nobody was signed in twice already, what was set or deleted just now
/// may never be seen: no further redirect then.
fn count_cleaning(context: &Context<'_>, directives: &[String]) -> Option<FieldEdit> {
    let next = context.redirect_count.saturating_add(1);
    let again = next >= MAX_REDIRECTS && session_token(directives).is_none();
    if again || context.has_repeated_cookies() {
        return Some(count_everywhere(MAX_REDIRECTS));
    }
    (!context.url_brings_return).then(|| count_everywhere(next))
}

/// Returns the session token that the directives set. The last one counts, and a deletion counts
/// as well: that is why an identity service puts deletions first.
fn session_token(directives: &[String]) -> Option<&str> {
    let mut cookies = directives.iter().rev().map(|directive| pair(directive));
    let (_, token) = cookies.find(|(name, _)| name.starts_with(name::SESSION))?;
    Some(token).filter(|token| !token.is_empty())
}

/// Splits a directive into the cookie's name and its value, which ends at a further `=`.
fn pair(directive: &str) -> (&str, &str) {
    let mut sides = directive.split(';').next().unwrap_or_default().split('=');
    (sides.next().unwrap_or_default(), sides.next().unwrap_or_default())
}

fn verify_inner(context: &Context<'_>, token: &str) -> Result<Session, Refusal> {
    let verified = verify_session(context, token, context.config.skew_ms());
    match verified {
        Err(Refusal::Token(error)) if context.is_development() && is_about_time(error.reason) => {
            verify_session(context, token, DEVELOPMENT_SKEW_MS)
        }
        other => other,
    }
}

const fn is_about_time(reason: Reason) -> bool {
    matches!(reason, Reason::TokenExpired | Reason::TokenNotActiveYet | Reason::TokenIatInTheFuture)
}
