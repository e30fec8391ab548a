//! What readers get without asking the slot: the token, and until when it is what.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::threshold::Thresholds;
use crate::token::SessionToken;

/// A token that readers get, and the borders of its life in the service's time.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) token: Arc<SessionToken>,
    pub(crate) stale_ms: i64,
    pub(crate) expires_ms: i64,
}

impl Snapshot {
    pub(crate) fn new(token: Arc<SessionToken>, background_threshold_ms: Option<i64>) -> Self {
        let (stale_ms, expires_ms) = (stale_ms(&token, background_threshold_ms), token.expires_ms());
        Self { token, stale_ms, expires_ms }
    }
}

/// A token that is read without being copied. Short-lived: it may keep a replaced token in memory.
pub struct TokenRef(Guard<Option<Arc<Snapshot>>>);

impl TokenRef {
    /// Loads what is published, where it has not expired at that time of the service.
    #[inline]
    pub(crate) fn load(published: &ArcSwapOption<Snapshot>, now_ms: i64) -> Option<Self> {
        let guard = published.load();
        let good = guard.as_ref().is_some_and(|snapshot| now_ms < snapshot.expires_ms);
        good.then_some(Self(guard))
    }

    /// Tells whether it is stale, by the reader's own threshold where there is one.
    #[inline]
    pub(crate) fn is_stale(&self, now_ms: i64, threshold_ms: Option<i64>) -> bool {
        self.0.as_ref().is_none_or(|snapshot| {
            let own = threshold_ms.map(|threshold| stale_ms(&snapshot.token, Some(threshold)));
            own.unwrap_or(snapshot.stale_ms) <= now_ms
        })
    }

    #[inline]
    pub(crate) fn share(&self) -> Option<Arc<SessionToken>> {
        self.0.as_ref().map(|snapshot| Arc::clone(&snapshot.token))
    }
}

impl Deref for TokenRef {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.as_ref().map_or("", |snapshot| snapshot.token.expose())
    }
}

impl fmt::Debug for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenRef(redacted)")
    }
}

/// When a token gets stale, in the service's time.
fn stale_ms(token: &SessionToken, background_threshold_ms: Option<i64>) -> i64 {
    let thresholds = Thresholds::of(token.lifetime_ms(), background_threshold_ms);
    token.expires_ms().saturating_sub(thresholds.soft_ms)
}
