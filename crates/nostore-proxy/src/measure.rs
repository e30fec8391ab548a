//! Sizes and periods as people write them.

/// Prints bytes in the largest unit of 1024 that they fill: `64 KiB`, `1.5 MiB`, `900 bytes`. Tenths are cut off.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| bytes >= *unit) else {
        return if bytes == 1 { "1 byte".to_owned() } else { format!("{bytes} bytes") };
    };
    // The rest is below 2^30, so ten times as much fits.
    match (bytes / unit, bytes % unit * 10 / unit) {
        (whole, 0) => format!("{whole} {name}"),
        (whole, tenths) => format!("{whole}.{tenths} {name}"),
    }
}

/// Prints milliseconds in seconds: `60 s`, `0.1 s`.
pub(crate) fn seconds(millis: u64) -> String {
    let fraction = format!("{:03}", millis % 1000);
    match fraction.trim_end_matches('0') {
        "" => format!("{} s", millis / 1000),
        digits => format!("{}.{digits} s", millis / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_periods_row_by_row() {
        let sizes = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (6143, "5.9 KiB"),
            (65_536, "64 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (8_388_608, "8 MiB"),
            (1 << 30, "1 GiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ];
        for (bytes, expected) in sizes {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
        let periods =
            [(0, "0 s"), (1, "0.001 s"), (100, "0.1 s"), (1000, "1 s"), (1050, "1.05 s"), (60_000, "60 s")];
        for (millis, expected) in periods {
            assert_eq!(seconds(millis), expected, "{millis}");
        }
    }
}
