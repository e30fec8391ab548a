//! The wall clock that readers look at: a coarse one, because each read does.

use nostore_message::{Clock, UnixTime};

/// The coarse clock is behind by so much at most, in milliseconds: the longest tick of a kernel.
#[cfg(target_os = "linux")]
const TICK_MS: i64 = 10;

/// The system's wall clock. On Linux the coarse one, which costs a fifth of the exact one and is behind by a tick of the
/// kernel (1 to 10 ms) at most. That is made up for, so this one is never behind, and 10 ms ahead at most: whoever goes by
/// it hands out nothing that has just expired.
#[derive(Clone, Copy, Debug, Default)]
pub struct CoarseClock;

impl Clock for CoarseClock {
    #[cfg(target_os = "linux")]
    fn now(&self) -> UnixTime {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        let millis = time.tv_sec.saturating_mul(1_000).saturating_add(time.tv_nsec / 1_000_000);
        UnixTime::from_millis(millis.saturating_add(TICK_MS))
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> UnixTime {
        let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
        UnixTime::from_millis(i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the exact clock, to compare with")]
    fn the_coarse_clock_is_never_behind_and_hardly_ahead() {
        let exact_ms = || {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            i64::try_from(since.as_millis()).unwrap()
        };
        for _ in 0..100_000 {
            let (before_ms, coarse_ms, after_ms) = (exact_ms(), CoarseClock.now().millis(), exact_ms());
            assert!(coarse_ms >= before_ms, "behind by {} ms", before_ms - coarse_ms);
            assert!(coarse_ms <= after_ms + 10, "ahead by {} ms", coarse_ms - after_ms);
        }
    }
}
