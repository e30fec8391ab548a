//! Days and seconds between the calendar and 1970. UTC alone; leap seconds are not counted.

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// The English names of months, as logs write them.
#[cfg(feature = "synth")]
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

/// Hour, minute and second of a day's second.
pub(crate) const fn clock_of(second: i64) -> (i64, i64, i64) {
    (second / 3_600, second / 60 % 60, second % 60)
}
