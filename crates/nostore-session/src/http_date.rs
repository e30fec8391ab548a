//! Wall time for people (RFC 9110 section 5.6.7, IMF-fixdate).

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECS_PER_DAY: i64 = 86_400;

/// Formats seconds since 1970. Years outside 0 to 9999 become `Invalid Date`.
pub(crate) fn format(secs: f64) -> String {
    const INVALID: &str = "Invalid Date";
    if !(-62_167_219_200.0..253_402_300_800.0).contains(&secs) {
        return INVALID.to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked above")]
    let secs = secs.floor() as i64;
    let (days, second) = (secs.div_euclid(SECS_PER_DAY), secs.rem_euclid(SECS_PER_DAY));
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], index: i64| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or(INVALID)
    };
    let (weekday, month) = (name(&DAYS, days.rem_euclid(7)), name(&MONTHS, month - 1));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Turns days since 1970-01-01 into year, month and day of the proleptic Gregorian calendar, by
/// counting in 400-year cycles that begin on the first of March.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_CYCLE: i64 = 146_097;
    const DAYS_FROM_YEAR_0_TO_1970: i64 = 719_468;
    let shifted = days + DAYS_FROM_YEAR_0_TO_1970;
    let (cycle, day) = (shifted.div_euclid(DAYS_PER_CYCLE), shifted.rem_euclid(DAYS_PER_CYCLE));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let day = day - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (cycle * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_row_by_row() {
        let rows = [
            (0.0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-1.0, "Wed, 31 Dec 1969 23:59:59 GMT"),
            (951_782_399.0, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400.0, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800.0, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (4_107_542_399.0, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400.0, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (253_402_300_799.0, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (253_402_300_800.0, "Invalid Date"),
            (-62_167_219_200.0, "Sat, 01 Jan 0000 00:00:00 GMT"),
            (-62_167_219_201.0, "Invalid Date"),
            (f64::NAN, "Invalid Date"),
        ];
        for (secs, expected) in rows {
            assert_eq!(format(secs), expected, "{secs}");
        }
    }
}
