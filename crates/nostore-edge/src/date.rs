//! Times as fields.

use std::time::{Duration, UNIX_EPOCH};

use nostore_message::UnixTime;

/// Writes a time as a `Date` (RFC 9110 section 5.6.7); times before 1970 and after 9999 become the nearest.
pub(crate) fn http_date(time: UnixTime) -> String {
    /// 9999-12-31T23:59:59Z, the last second that the format can say.
    const LAST: i64 = 253_402_300_799;
    let secs = u64::try_from(time.secs().clamp(0, LAST)).unwrap_or_default();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(secs))
}
