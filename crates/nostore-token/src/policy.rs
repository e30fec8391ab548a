//! What a slot goes by: thresholds, triggers, retries.

/// How a slot behaves. The default is ours; [`Policy::compat`] has the reference's two states, so that its cases
/// can be run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Before its end by so many milliseconds a token is stale; see [`crate::Thresholds::of`] for what is enforced.
    pub background_threshold_ms: Option<i64>,
    /// Whether reading a stale token refreshes it behind.
    pub refreshes_on_read: bool,
    /// Whether a timer refreshes a token shortly before it gets stale.
    pub refreshes_by_timer: bool,
    /// Whether whoever is out of focus, or was told of a token by others, still refreshes it when nobody else did.
    pub keeps_duty: bool,
    /// Whether refreshes by timer are moved by a little, so that many with one expiry do not come at once. Those who share
    /// a lock need not: whoever comes first refreshes for all.
    pub spreads: bool,
    /// Whether a token that is being replaced at a caller's wish is kept from other readers meanwhile.
    pub hides_replaced: bool,
    /// Whether those in step are asked before a fetch: for their token, and for the lock.
    pub asks_others: bool,
    /// So long others may keep somebody waiting who has no good token, in milliseconds.
    pub lock_wait_ms: u64,
    /// So long a single try may take, in milliseconds.
    pub fetch_timeout_ms: u64,
    /// When a fetch that somebody waits for is tried again.
    pub retry: Retry,
    /// When a refresh behind a token that is still good is tried again.
    pub background_retry: Retry,
}

/// When what failed is tried again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retry {
    /// How long before the first further try, in milliseconds.
    pub first_ms: u64,
    /// By how many hundredths each wait is longer than the one before.
    pub factor_percent: u64,
    /// No wait is longer, in milliseconds.
    pub cap_ms: u64,
    /// How many further tries there are.
    pub tries: u32,
    /// How many there are while there is no network.
    pub offline_tries: u32,
    /// Whether a wait is shortened by up to a half, so that many do not come at once.
    pub jitter: bool,
}

/// Which state of the reference a slot is to behave as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compat {
    /// As discussed: reading refreshes, no timer does.
    Pr7317,
    /// As merged: a timer refreshes, reading does not.
    Head,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            background_threshold_ms: None,
            refreshes_on_read: true,
            refreshes_by_timer: true,
            keeps_duty: true,
            spreads: true,
            hides_replaced: false,
            asks_others: false,
            lock_wait_ms: 2_000,
            fetch_timeout_ms: 10_000,
            retry: Retry::WAITED_FOR,
            background_retry: Retry::BEHIND,
        }
    }
}

impl Policy {
    /// As the reference behaves.
    #[must_use]
    pub fn compat(compat: Compat) -> Self {
        let head = compat == Compat::Head;
        Self {
            refreshes_on_read: !head,
            refreshes_by_timer: head,
            keeps_duty: false,
            spreads: false,
            hides_replaced: true,
            retry: Retry::REFERENCE,
            background_retry: Retry { tries: 0, offline_tries: 0, ..Retry::BEHIND },
            ..Self::default()
        }
    }
}

impl Retry {
    /// Somebody waits.
    pub const WAITED_FOR: Self =
        Self { first_ms: 500, factor_percent: 200, cap_ms: 8_000, tries: 4, offline_tries: 3, jitter: true };

    /// Nobody waits: 1, 2 and 4 s.
    pub const BEHIND: Self = Self {
        first_ms: 1_000,
        factor_percent: 200,
        cap_ms: 4_000,
        tries: 3,
        offline_tries: 3,
        jitter: true,
    };

    /// The reference's: about 162 s in all, 15 s without network.
    pub const REFERENCE: Self = Self {
        first_ms: 3_000,
        factor_percent: 155,
        cap_ms: 50_000,
        tries: 8,
        offline_tries: 3,
        jitter: false,
    };

    /// Returns the wait after that many failures, in milliseconds. `seed` shortens it by up to a half.
    #[must_use]
    pub fn wait_ms(self, failures: u32, seed: u64) -> u64 {
        let mut wait = self.first_ms.min(self.cap_ms);
        for _ in 1..failures {
            wait = wait.saturating_mul(self.factor_percent) / 100;
            if wait >= self.cap_ms {
                wait = self.cap_ms;
                break;
            }
        }
        if self.jitter { wait - mixed(seed, u64::from(failures)) % (wait / 2 + 1) } else { wait }
    }
}

/// Mixes two numbers into one that looks like neither (the finalizer of splitmix64).
pub(crate) const fn mixed(seed: u64, salt: u64) -> u64 {
    let mut x = seed.wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
