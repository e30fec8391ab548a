//! The count of one navigation's redirects, in a cookie of our own.
//!
//! The protocol's counter lives two seconds, so hops that are slower never meet it. This one is kept for
//! [`LIFETIME_SECS`] after the last redirect and is deleted where a navigation ends at a page. It is sent
//! with every path, and of several the largest counts, so that nothing hides it.
//!
//! The value is `<redirects>.<seconds since 1970>`: a count that some cookie store keeps for too long is
//! known by its age.

use nostore_message::{FieldEdit, RequestHead, SetCookie, UnixTime};

use crate::name;

/// So many redirects a navigation may take (DESIGN section 5, statement 2).
pub(crate) const MAX_HOPS: u32 = 8;

/// To the identity service and back.
pub(crate) const HANDSHAKE_HOPS: u32 = 2;

/// To the URL without the handshake's result.
pub(crate) const CLEANING_HOPS: u32 = 1;

/// To the sign-in page of the site, on to the identity service's, from there, where somebody is known, through
/// a handshake and back.
pub(crate) const SIGN_IN_HOPS: u32 = 4;

/// How long a count is believed, in seconds.
const LIFETIME_SECS: i64 = 60;

/// Counts the redirects that led to this request, by the cookie that each of them set.
///
/// What is no count, and a count from more than a minute ago or ahead of `now`, is 0.
#[must_use]
pub fn hops(request: &RequestHead<'_>, now: UnixTime) -> u32 {
    let cookies = request.cookies();
    let counts = cookies.iter().filter(|(name, _)| *name == name::HOPS).map(|(_, value)| read(value, now));
    counts.max().unwrap_or(0)
}

pub(crate) fn read(value: &str, now: UnixTime) -> u32 {
    let Some((count, at)) = value.split_once('.') else { return 0 };
    let (Some(count), Some(at)) = (digits(count), digits(at)) else { return 0 };
    let age = now.secs().saturating_sub(at);
    // Two servers' clocks may differ a little.
    if (-LIFETIME_SECS..=LIFETIME_SECS).contains(&age) { u32::try_from(count).unwrap_or(u32::MAX) } else { 0 }
}

/// Sets the count.
pub(crate) fn count(hops: u32, now: UnixTime) -> FieldEdit {
    let cookie = SetCookie::new(name::HOPS, format!("{hops}.{}", now.secs()))
        .with("Path", "/")
        .with("Max-Age", LIFETIME_SECS.to_string())
        .with("SameSite", "Lax")
        .flag("HttpOnly");
    FieldEdit::append("set-cookie", cookie.to_string())
}

/// Forgets the count: the navigation has ended.
pub(crate) fn forget() -> FieldEdit {
    FieldEdit::append("set-cookie", SetCookie::deletion(name::HOPS).to_string())
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_row_by_row() {
        let now = UnixTime::from_secs(1_000);
        let rows = [
            ("3.1000", 3),
            ("3.941", 3),
            ("3.940", 3),
            ("3.939", 0),
            ("3.1060", 3),
            ("3.1061", 0),
            ("99999999999999999999.1000", u32::MAX),
            ("3", 0),
            ("3.", 0),
            (".1000", 0),
            ("-3.1000", 0),
            ("+3.1000", 0),
            ("3.1000.1", 0),
            ("x.1000", 0),
            ("", 0),
        ];
        for (value, expected) in rows {
            assert_eq!(read(value, now), expected, "{value}");
        }
    }
}
