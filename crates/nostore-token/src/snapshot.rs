//! What readers get without asking the slot: the token, and until when it is what.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

#[cfg(not(loom))]
use arc_swap::{ArcSwap, Guard};

use crate::threshold::Thresholds;
use crate::token::SessionToken;

/// A token that readers get, and the borders of its life in the service's time.
#[derive(Debug)]
pub(crate) struct Snapshot {
    token: Arc<SessionToken>,
    stale_ms: i64,
    expires_ms: i64,
}

impl Snapshot {
    fn new(token: Arc<SessionToken>, background_threshold_ms: Option<i64>) -> Self {
        let (stale_ms, expires_ms) = (stale_ms(&token, background_threshold_ms), token.expires_ms());
        Self { token, stale_ms, expires_ms }
    }

    fn of(token: Option<Arc<SessionToken>>, background_threshold_ms: Option<i64>) -> Self {
        token.map_or_else(Self::absent, |token| Self::new(token, background_threshold_ms))
    }

    /// There is no token: one that has always been expired.
    fn absent() -> Self {
        Self { token: Arc::new(SessionToken::absent()), stale_ms: i64::MIN, expires_ms: i64::MIN }
    }
}

/// What readers see.
#[cfg(not(loom))]
pub(crate) struct Published(ArcSwap<Snapshot>);

/// What readers see, where every schedule is looked at.
#[cfg(loom)]
pub(crate) struct Published(loom::sync::Mutex<Arc<Snapshot>>);

#[cfg(not(loom))]
type Seen = Guard<Arc<Snapshot>>;
#[cfg(loom)]
type Seen = Arc<Snapshot>;

#[cfg(not(loom))]
impl Default for Published {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Snapshot::absent()))
    }
}

#[cfg(not(loom))]
impl Published {
    pub(crate) fn store(&self, token: Option<Arc<SessionToken>>, background_threshold_ms: Option<i64>) {
        self.0.store(Arc::new(Snapshot::of(token, background_threshold_ms)));
    }

    #[inline]
    fn load(&self) -> Seen {
        self.0.load()
    }
}

#[cfg(loom)]
impl Default for Published {
    fn default() -> Self {
        Self(loom::sync::Mutex::new(Arc::new(Snapshot::absent())))
    }
}

#[cfg(loom)]
impl Published {
    pub(crate) fn store(&self, token: Option<Arc<SessionToken>>, background_threshold_ms: Option<i64>) {
        *crate::sync::locked(&self.0) = Arc::new(Snapshot::of(token, background_threshold_ms));
    }

    fn load(&self) -> Seen {
        Arc::clone(&crate::sync::locked(&self.0))
    }
}

/// A token that is read without being copied or counted. Short-lived: it keeps a replaced token in memory, and a
/// thread that holds more than a few of them pays for each.
pub struct TokenRef(Seen);

impl TokenRef {
    /// Loads what is published, where it has not expired at that time of the service.
    #[inline]
    pub(crate) fn load(published: &Published, now_ms: i64) -> Option<Self> {
        let seen = published.load();
        (now_ms < seen.expires_ms).then_some(Self(seen))
    }

    /// Loads what is published, where it is fresh at that time of the service. `Err`: what to look at more closely, moved
    /// there so that a fresh one stays in registers.
    #[inline]
    pub(crate) fn load_fresh(published: &Published, now_ms: i64) -> Result<Self, Self> {
        let seen = published.load();
        if now_ms < seen.stale_ms { Ok(Self(seen)) } else { Err(Self(seen)) }
    }

    /// Makes one of a token that is not what others read.
    pub(crate) fn of(token: Arc<SessionToken>) -> Self {
        let snapshot = Arc::new(Snapshot::new(token, None));
        #[cfg(not(loom))]
        let snapshot = Guard::from_inner(snapshot);
        Self(snapshot)
    }

    /// Tells whether it is stale, by the reader's own threshold where there is one.
    #[inline]
    pub(crate) fn is_stale(&self, now_ms: i64, threshold_ms: Option<i64>) -> bool {
        let own = threshold_ms.map(|threshold| stale_ms(&self.0.token, Some(threshold)));
        own.unwrap_or(self.0.stale_ms) <= now_ms
    }

    /// Returns the token for whoever keeps it longer.
    #[must_use]
    pub fn share(&self) -> Arc<SessionToken> {
        Arc::clone(&self.0.token)
    }
}

impl Deref for TokenRef {
    type Target = SessionToken;

    #[inline]
    fn deref(&self) -> &SessionToken {
        &self.0.token
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
