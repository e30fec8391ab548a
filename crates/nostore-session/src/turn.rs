//! Whether a signed-out visitor may be sent to the sign-in page, or has just come from there.
//!
//! The identity service sends somebody it knows straight back. Where this site then sees nobody again,
//! one would go to and fro for ever: such turns count among the redirects of one navigation.

use nostore_message::{FieldEdit, RequestHead, UnixTime};

use crate::context::carries_handshake_return;
use crate::{Config, Decision, Reason, hop, hops};

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
pub fn sign_in_turn(
    request: &RequestHead<'_>,
    config: &Config,
    decision: &Decision,
    now: UnixTime,
) -> SignInTurn {
    if decision.loop_stopped {
        return SignInTurn::Stop;
    }
    let nobody =
        matches!(decision.reason, Some(Reason::SessionTokenAndUatMissing | Reason::SessionTokenMissing));
    if nobody && !carries_handshake_return(request, config) {
        return SignInTurn::Go(Vec::new());
    }
    let hops = hops(request, now).saturating_add(hop::SIGN_IN_HOPS);
    if hops > hop::MAX_HOPS {
        return SignInTurn::Stop;
    }
    SignInTurn::Go(vec![hop::count(hops, now)])
}
