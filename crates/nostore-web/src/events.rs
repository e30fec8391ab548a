//! One structured event per step of a sign-in, and its count.
//!
//! The events have the target `nostore::handshake` and the fields `kind` (`begin`, `return`, `refresh`,
//! `sign-in`, `loop-stopped`), `reason`, `hops` (the redirects that led to the request) and `path`. None
//! holds a query, a cookie or a token.

use nostore_message::RequestHead;
use nostore_session::{Decision, Status};

use crate::metrics::Counters;

/// Which step it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The visitor is sent to the identity service.
    Begin,
    /// A redirect is withheld: it would go on with a loop.
    LoopStopped,
    /// An expired token was to be exchanged for a new one.
    Refresh,
    /// The visitor comes back from the identity service.
    Return,
    /// The visitor is sent to the sign-in page.
    SignIn,
}

impl Kind {
    const fn code(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::LoopStopped => "loop-stopped",
            Self::Refresh => "refresh",
            Self::Return => "return",
            Self::SignIn => "sign-in",
        }
    }
}

/// Tells one step.
pub(crate) fn handshake(kind: Kind, reason: &str, hops: u32, request: &RequestHead<'_>) {
    let (kind, path) = (kind.code(), request.path());
    tracing::info!(target: "nostore::handshake", kind, reason, hops, path, "a step of a sign-in");
}

/// Tells and counts the step that a decision is: a redirect, a return, or a loop's end.
pub(crate) fn decided(counters: &Counters, decision: &Decision, hops: u32, request: &RequestHead<'_>) {
    let reason = decision.reason.as_ref().map_or("ok", |reason| reason.code());
    if decision.loop_stopped {
        return loop_stopped(counters, Some(reason), hops, request);
    }
    let kind = if matches!(decision.status, Status::Handshake) { Kind::Begin } else { Kind::Return };
    match kind {
        Kind::Begin => counters.handshake_begun(),
        _ => counters.return_resolved(),
    }
    if decision.location().is_some() {
        counters.redirect(hops);
    }
    handshake(kind, reason, hops, request);
}

/// Tells and counts a redirect that is withheld.
pub(crate) fn loop_stopped(counters: &Counters, reason: Option<&str>, hops: u32, request: &RequestHead<'_>) {
    counters.loop_stopped();
    handshake(Kind::LoopStopped, reason.unwrap_or("too-many-sign-ins"), hops, request);
}

/// Tells and counts a redirect to the sign-in page.
pub(crate) fn sign_in(counters: &Counters, hops: u32, request: &RequestHead<'_>) {
    counters.redirect(hops);
    handshake(Kind::SignIn, "signed-out", hops, request);
}
