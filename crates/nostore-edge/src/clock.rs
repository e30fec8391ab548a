//! The edge's one clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nostore_message::UnixTime;

/// Where the edge reads wall time. Tests move it.
pub trait Clock: Send + Sync {
    /// Returns the present time.
    fn now(&self) -> UnixTime;
}

/// The machine's wall clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the edge reads wall time")]
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Writes a time as a `Date` (RFC 9110 section 5.6.7); times before 1970 and after 9999 become the nearest.
pub(crate) fn http_date(time: UnixTime) -> String {
    /// 9999-12-31T23:59:59Z, the last second that the format can say.
    const LAST: i64 = 253_402_300_799;
    let secs = u64::try_from(time.secs().clamp(0, LAST)).unwrap_or_default();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs))
}
