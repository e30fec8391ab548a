//! Days and seconds between the calendar and 1970. UTC alone; leap seconds are not counted.

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// The English names of months, as logs write them.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month (from 1) and day (from 1) of a number of days since 1970-01-01.
///
/// Eras of 400 years begin in March, so that the day that comes and goes is a year's last.
pub(crate) const fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let in_era = shifted.rem_euclid(146_097);
    let year_in_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_in_era + era * 400 + (month <= 2) as i64, month, day)
}

/// The number of days since 1970-01-01 of a date.
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let in_year = (153 * from_march + 2) / 5 + day - 1;
    let in_era = year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100 + in_year;
    year.div_euclid(400) * 146_097 + in_era - 719_468
}

/// Hour, minute and second of a day's second.
pub(crate) const fn clock_of(second: i64) -> (i64, i64, i64) {
    (second / 3_600, second / 60 % 60, second % 60)
}

/// Writes seconds since 1970 as `2026-03-02 09:22:10`.
#[must_use]
pub fn text(seconds: i64) -> String {
    let (year, month, day) = date_of(seconds.div_euclid(DAY));
    let (hour, minute, second) = clock_of(seconds.rem_euclid(DAY));
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Reads digits alone.
pub(crate) fn number(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter()
        .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Seconds since 1970 of a date and a time of day, each within its range.
fn seconds((year, month, day): (i64, i64, i64), clock: (i64, i64, i64)) -> Option<i64> {
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    is_date.then_some(())?;
    Some(days_of(year, month, day) * DAY + of_day(clock)?)
}

/// Seconds of a day.
fn of_day((hour, minute, second): (i64, i64, i64)) -> Option<i64> {
    (hour < 24 && minute < 60 && second <= 60).then(|| hour * 3_600 + minute * 60 + second)
}

/// Reads `09:22:10`: two digits each, in ranges that [`seconds`] knows.
fn clock(text: &[u8]) -> Option<(i64, i64, i64)> {
    const ZEROS: u64 = u64::from_le_bytes(*b"00:00:00");
    // What is to be zero in a digit from which the zero was taken; the whole octet of a colon.
    const HIGH: u64 = 0xf0f0_fff0_f0ff_f0f0;
    let text: &[u8; 8] = text.try_into().ok()?;
    let digits = u64::from_le_bytes(*text) ^ ZEROS;
    // No sum is carried into the octet above: where the first of the two is zero, each is at most 15.
    let above_nine = digits.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
    (digits & HIGH == 0 && above_nine == 0).then_some(())?;
    let pairs = digits * 10 + (digits >> 8);
    let pair = |at: u32| (pairs >> (8 * at) & 0xff) as i64;
    Some((pair(0), pair(3), pair(6)))
}

/// Reads `+0100`, `-05:30`, `Z`; nothing is UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, rest) = match text {
        [] | b"Z" | b"z" => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [hours @ .., b':', ten, one] if hours.len() == 2 => (hours, [*ten, *one]),
        [hours @ .., ten, one] if hours.len() == 2 => (hours, [*ten, *one]),
        _ => return None,
    };
    Some(sign * (number(hours)? * 3_600 + number(&minutes)? * 60))
}

/// Reads times. Of the day that came last only the clock is read: most lines of a log have the day of the line before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Days {
    /// A date as in `2026-03-02`, and when it begins.
    iso: ([u8; 10], i64),
    /// A date and a zone as in `02/Mar/2026:` and ` +0000`, and when that day begins there.
    clf: ([u8; 12], [u8; 6], i64),
}

impl Default for Days {
    fn default() -> Self {
        // These are true, as is all that replaces them.
        Self { iso: (*b"1970-01-01", 0), clf: (*b"01/Jan/1970:", *b" +0000", 0) }
    }
}

impl Days {
    /// Reads `2026-03-02` and `09:22:10` into seconds since 1970.
    pub(crate) fn date_and_clock(&mut self, date: &[u8], time: &[u8]) -> Option<i64> {
        let date: &[u8; 10] = date.try_into().ok()?;
        if *date != self.iso.0 {
            (date[4] == b'-' && date[7] == b'-').then_some(())?;
            let day = (number(&date[0..4])?, number(&date[5..7])?, number(&date[8..10])?);
            self.iso = (*date, seconds(day, (0, 0, 0))?);
        }
        Some(self.iso.1 + of_day(clock(time)?)?)
    }

    /// Reads RFC 3339, also with a space for the `T`, and without an offset.
    pub(crate) fn rfc3339(&mut self, text: &[u8]) -> Option<i64> {
        let (date, rest) = text.split_at_checked(10)?;
        let (b'T' | b't' | b' ', rest) = rest.split_first()? else { return None };
        let (time, rest) = rest.split_at_checked(8)?;
        let rest = match rest {
            [b'.' | b',', fraction @ ..] => {
                let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
                (digits > 0).then_some(&fraction[digits..])?
            }
            rest => rest,
        };
        Some(self.date_and_clock(date, time)? - offset(rest)?)
    }

    /// Reads `02/Mar/2026:09:22:10 +0000`.
    pub(crate) fn clf(&mut self, text: &[u8]) -> Option<i64> {
        let Ok(usual) = <&[u8; 26]>::try_from(text) else { return clf(text) };
        let (date, time, zone) = (&usual[..12], &usual[12..20], &usual[20..]);
        if date != self.clf.0 || zone != self.clf.1 {
            let time = clf(text)?;
            self.clf = (date.try_into().ok()?, zone.try_into().ok()?, time - of_day(clock(&usual[12..20])?)?);
            return Some(time);
        }
        Some(self.clf.2 + of_day(clock(time)?)?)
    }

    /// Reads a time in any of the ways in which logs write it; of a number, its size tells the unit.
    pub(crate) fn any(&mut self, text: &[u8]) -> Option<i64> {
        if let Some(time) = self.rfc3339(text).or_else(|| self.clf(text)) {
            return Some(time);
        }
        let (whole, fraction) = match memchr::memchr(b'.', text) {
            Some(dot) => (&text[..dot], &text[dot + 1..]),
            None => (text, &b"0"[..]),
        };
        number(fraction)?;
        Some(match number(whole)? {
            seconds @ ..100_000_000_000 => seconds,
            millis @ ..100_000_000_000_000 => millis / 1_000,
            micros @ ..100_000_000_000_000_000 => micros / 1_000_000,
            nanos => nanos / 1_000_000_000,
        })
    }
}

/// Reads `02/Mar/2026:09:22:10 +0000` with any date.
fn clf(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(11)?;
    let (b':', rest) = rest.split_first()? else { return None };
    let (time, rest) = rest.split_at_checked(8)?;
    let month = MONTHS.iter().position(|name| name.as_bytes() == &date[3..6])?;
    (date[2] == b'/' && date[6] == b'/').then_some(())?;
    let month = i64::try_from(month).ok()? + 1;
    let zone = rest.strip_prefix(b" ").unwrap_or(rest);
    let time = seconds((number(&date[7..11])?, month, number(&date[0..2])?), clock(time)?)?;
    Some(time - offset(zone)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(text: &[u8]) -> Option<i64> {
        Days::default().any(text)
    }

    #[test]
    fn times_are_read_in_many_ways_and_nothing_else_is_one() {
        let rows: [(&str, Option<i64>); 24] = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-03-02T09:22:10.123Z", Some(1_772_443_330)),
            ("2026-03-02 09:22:10", Some(1_772_443_330)),
            ("2026-03-02T10:22:10+01:00", Some(1_772_443_330)),
            ("2026-03-02T03:52:10,5-0530", Some(1_772_443_330)),
            ("02/Mar/2026:09:22:10 +0000", Some(1_772_443_330)),
            ("02/Mar/2026:10:22:10 +0100", Some(1_772_443_330)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800)),
            ("1772443330", Some(1_772_443_330)),
            ("1772443330.5", Some(1_772_443_330)),
            ("1772443330123", Some(1_772_443_330)),
            ("1772443330123456", Some(1_772_443_330)),
            ("177244333012345678", Some(177_244_333)),
            ("", None),
            ("-", None),
            ("yesterday", None),
            ("2026-13-02T09:22:10Z", None),
            ("2026-03-02T24:00:00Z", None),
            ("2026-03-02T09:22:10.Z", None),
            ("2026-03-02T09:22:10+1", None),
            ("02/Mrz/2026:09:22:10 +0000", None),
            ("02/Mar/2026:09:22", None),
            ("1772443330.5.5", None),
            ("9999999999999999999", None),
        ];
        for (text, expected) in rows {
            assert_eq!(any(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn a_clock_is_six_digits_and_two_colons() {
        let good = *b"12:34:56";
        assert_eq!(clock(&good), Some((12, 34, 56)));
        for at in 0..8 {
            for octet in 0..=u8::MAX {
                let mut text = good;
                text[at] = octet;
                let digits = [0, 1, 3, 4, 6, 7].map(|place| text[place]);
                let is_clock = text[2] == b':' && text[5] == b':' && digits.iter().all(u8::is_ascii_digit);
                let pair = |at: usize| number(&text[at..at + 2]).unwrap();
                let expected = is_clock.then(|| (pair(0), pair(3), pair(6)));
                assert_eq!(clock(&text), expected, "{:?}", String::from_utf8_lossy(&text));
            }
        }
        for text in [&b""[..], b"12:34:5", b"12:34:567"] {
            assert_eq!(clock(text), None);
        }
    }

    /// Each row is read after the one before, and must be what it is by itself.
    #[test]
    fn a_day_that_is_remembered_changes_no_time() {
        let access = [
            ("02/Mar/2026:09:22:10 +0000", Some(1_772_443_330)),
            ("02/Mar/2026:09:22:59 +0000", Some(1_772_443_379)),
            ("02/Mar/2026:09:22:60 +0000", Some(1_772_443_380)),
            ("02/Mar/2026:09:22:61 +0000", None),
            ("02/Mar/2026:09:23:00 +0000", Some(1_772_443_380)),
            ("02/Mar/2026:09:60:00 +0000", None),
            ("02/Mar/2026:23:59:59 +0000", Some(1_772_495_999)),
            ("02/Mar/2026:24:00:00 +0000", None),
            ("03/Mar/2026:00:00:00 +0000", Some(1_772_496_000)),
            ("03/Mar/2026:00:00:00 +0100", Some(1_772_492_400)),
            ("03/Mar/2026:00:00:01 +0100", Some(1_772_492_401)),
            ("03/Mar/2026:00:00:01 -0100", Some(1_772_499_601)),
            ("03/Mar/2026:00:00:01 +01:0", None),
            ("03/Mar/2026:00:00:02 -0100", Some(1_772_499_602)),
            ("03/Mar/2026:00:00:02+01:00", Some(1_772_492_402)),
            ("03/Mar/2026:00:00:02", Some(1_772_496_002)),
            ("03/Mar/2026:00:00:02 Z", Some(1_772_496_002)),
            ("32/Mar/2026:00:00:02 +0000", None),
            ("03/Mar/2026:0a:00:02 +0000", None),
            ("03/Mar/2026;00:00:02 +0000", None),
            ("03/Mar/2026:00:00:02 +0000", Some(1_772_496_002)),
            ("03/Mar/2027:00:00:02 +0000", Some(1_804_032_002)),
            ("", None),
            ("01/Jan/1970:00:00:00 +0000", Some(0)),
        ];
        let iso = [
            ("2026-03-02T09:22:10Z", Some(1_772_443_330)),
            ("2026-03-02T23:59:59.999Z", Some(1_772_495_999)),
            ("2026-03-02T24:00:00Z", None),
            ("2026-03-03T00:00:00Z", Some(1_772_496_000)),
            ("2026-03-03T00:00:00+01:00", Some(1_772_492_400)),
            ("2026-03-03 00:00:01", Some(1_772_496_001)),
            ("2026-03-00T00:00:01Z", None),
            ("2026-13-03T00:00:01Z", None),
            ("2026-03-03T00:00:60Z", Some(1_772_496_060)),
            ("2026-03-03T00:00:61Z", None),
            ("2026-03-03_00:00:01Z", None),
            ("2027-03-03T00:00:02Z", Some(1_804_032_002)),
            ("1970-01-01T00:00:00Z", Some(0)),
        ];
        let (mut days, mut all) = (Days::default(), Days::default());
        for (text, expected) in access.iter().chain(access.iter().rev()) {
            assert_eq!(days.clf(text.as_bytes()), *expected, "{text}");
            assert_eq!(clf(text.as_bytes()), *expected, "{text}");
        }
        for (text, expected) in iso.iter().chain(&access).chain(iso.iter().rev()) {
            assert_eq!(all.any(text.as_bytes()), *expected, "{text}");
            assert_eq!(any(text.as_bytes()), *expected, "{text}");
        }
    }

    #[test]
    fn dates_go_there_and_back() {
        for days in (-800_000..800_000).step_by(7) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_of(year, month, day), days);
        }
        assert_eq!(text(1_772_443_330), "2026-03-02 09:22:10");
    }
}
