//! `HTTP-date` to and from [`UnixTime`] (RFC 9110 section 5.6.7).

use std::time::{Duration, SystemTime};

use nostore_message::UnixTime;

/// The last second that an `HTTP-date` can name: 9999-12-31T23:59:59Z.
const LAST_SECOND: i64 = 253_402_300_799;

/// Reads a date in any of the three forms; what is none gives nothing.
pub(crate) fn parse(text: &str) -> Option<UnixTime> {
    let time = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(UnixTime::from_secs)
}

/// Prints a date; a time outside of what the format can say gives nothing.
pub(crate) fn print(time: UnixTime) -> Option<String> {
    let secs = u64::try_from(time.secs()).ok().filter(|_| time.secs() <= LAST_SECOND)?;
    Some(httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(secs)))
}
