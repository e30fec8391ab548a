//! Whether a signed-out visitor may be sent to the sign-in page, or has just come from there.
//!
//! The identity service sends somebody it knows straight back. Where this site then sees nobody again,
//! one would go to and fro for ever: a second time within two seconds it is stopped.

use nostore_message::{FieldEdit, RequestHead, SetCookie};

use crate::context::{carries_handshake_return, redirect_count};
use crate::handshake::MAX_REDIRECTS;
use crate::{Config, Decision, Reason, name};

/// What to do with a signed-out visitor of a page for signed-in ones.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SignInTurn {
    /// Send them to the sign-in page; the response carries these fields as well.
    Go(Vec<FieldEdit>),
    /// Do not: they have been there. Say why.
    Stop,
}

/// Decides whether the sender of `request`, whom `decision` found signed out, may be sent to sign in.
///
/// Somebody who brings nothing always may. Where a session or a handshake's result was brought and was
/// of no use, signing in may lead to the same again, so it is counted.
#[must_use]
pub fn sign_in_turn(request: &RequestHead<'_>, config: &Config, decision: &Decision) -> SignInTurn {
    if decision.loop_stopped {
        return SignInTurn::Stop;
    }
    let nobody =
        matches!(decision.reason, Some(Reason::SessionTokenAndUatMissing | Reason::SessionTokenMissing));
    if nobody && !carries_handshake_return(request, config) {
        return SignInTurn::Go(Vec::new());
    }
    if redirect_count(&request.cookies()) >= MAX_REDIRECTS {
        return SignInTurn::Stop;
    }
    SignInTurn::Go(vec![count_everywhere(MAX_REDIRECTS)])
}

/// The counter, sent with every path. At [`MAX_REDIRECTS`] no redirect follows within two seconds.
pub(crate) fn count_everywhere(count: u32) -> FieldEdit {
    let counter = SetCookie::new(name::REDIRECT_COUNT, count.to_string())
        .with("Path", "/")
        .with("SameSite", "Lax")
        .flag("HttpOnly")
        .with("Max-Age", "2");
    FieldEdit::append("set-cookie", counter.to_string())
}
