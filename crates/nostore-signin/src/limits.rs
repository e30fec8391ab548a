//! How often one address may begin a sign-in, come back from one, or change the list.
//!
//! Addresses are those that trusted proxies tell. Of IPv6 the first 64 bits count: whoever has one address has as many as
//! that. Limits hold for each process by itself.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as GovernorClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use nostore_message::Clock;

/// How many acts one address may do at once.
const BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// After how long it may do another one.
const EVERY: Duration = Duration::from_secs(3);
/// With so many addresses, those that are at rest are forgotten.
const MANY: usize = 10_000;

/// Counts acts by address.
pub(crate) struct Limits {
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, Wall, NoOpMiddleware<Moment>>,
}

impl Limits {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let quota = Quota::with_period(EVERY).unwrap_or_else(|| Quota::per_second(BURST)).allow_burst(BURST);
        Self { limiter: RateLimiter::new(quota, HashMapStateStore::default(), Wall(clock)) }
    }

    /// Tells whether an address may act. Else: after how many seconds it may.
    pub(crate) fn check(&self, client: Option<IpAddr>) -> Result<(), u64> {
        if self.limiter.len() > MANY {
            self.limiter.retain_recent();
        }
        // Those of whom no address is known share one.
        let key = client.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network);
        self.limiter.check_key(&key).map_err(|not_yet| {
            let wait = not_yet.wait_time_from(self.limiter.clock().now());
            u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX)
        })
    }
}

/// The part of an address that its owner cannot choose.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limits")
    }
}

/// The site's clock, as the limiter reads it.
#[derive(Clone)]
struct Wall(Arc<dyn Clock>);

/// Nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Moment(Nanos);

impl GovernorClock for Wall {
    type Instant = Moment;

    fn now(&self) -> Moment {
        let millis = u64::try_from(self.0.now().millis()).unwrap_or_default();
        Moment(Nanos::from(millis.saturating_mul(1_000_000)))
    }
}

impl Reference for Moment {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0)
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

impl std::ops::Add<Nanos> for Moment {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0 + other)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use nostore_message::UnixTime;

    use super::*;

    #[test]
    fn an_address_has_twenty_acts_and_one_more_each_three_seconds() {
        let time = Arc::new(AtomicI64::new(1_700_000_000_000));
        let read = Arc::clone(&time);
        let limits = Limits::new(Arc::new(move || UnixTime::from_millis(read.load(Ordering::Relaxed))));
        let one: Option<IpAddr> = "192.0.2.1".parse().ok();
        for _ in 0..20 {
            assert_eq!(limits.check(one), Ok(()));
        }
        assert_eq!(limits.check(one), Err(3));
        assert_eq!(limits.check("192.0.2.2".parse().ok()), Ok(()));
        assert_eq!(limits.check(None), Ok(()));
        time.fetch_add(2_999, Ordering::Relaxed);
        assert!(limits.check(one).is_err());
        time.fetch_add(1, Ordering::Relaxed);
        assert_eq!(limits.check(one), Ok(()));
        assert!(limits.check(one).is_err());
    }

    #[test]
    fn a_network_counts_once() {
        let network = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }
}
