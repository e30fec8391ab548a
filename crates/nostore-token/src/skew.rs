//! What the wall clock here is worth against the service's (section 4.4 of the token client's specification).
//!
//! A clock that is behind would have dead tokens handed out, and one that is ahead would have good ones thrown
//! away. Two things tell: what time the service says it is when it answers (`Date`, RFC 9110 section 6.6.1), and
//! the moment a token was issued, which cannot be ahead of the service's time.

/// Below this a difference is noise, in milliseconds: both sides tell whole seconds.
const NOISE_MS: i64 = 1_500;

/// A wall clock that falls back by more has been set, in milliseconds.
const JUMP_MS: i64 = 1_000;

/// An exchange with the service: when it began and ended here, and what the service said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Exchange {
    /// The wall clock here when the request was sent, in milliseconds since 1970.
    pub sent_ms: i64,
    /// How long the answer took, in milliseconds of steady time.
    pub took_ms: u64,
    /// The service's time when it answered (`Date`), in milliseconds since 1970.
    pub service_ms: Option<i64>,
    /// When the token that came was issued (`iat`), in milliseconds since 1970.
    pub issued_ms: Option<i64>,
}

/// What is added to the wall clock here to get the service's time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Skew {
    offset_ms: i64,
    /// The last reading of both clocks here: wall and steady.
    last: Option<(i64, u64)>,
}

impl Skew {
    /// Returns the service's time for this reading of the clocks here. A wall clock that falls back while steady
    /// time went on has been set: it is made up for. One that leaps ahead may have slept, so that counts as time.
    pub fn service_ms(&mut self, wall_ms: i64, steady_ms: u64) -> i64 {
        if let Some((last_wall, last_steady)) = self.last {
            let went = i64::try_from(steady_ms.saturating_sub(last_steady)).unwrap_or(i64::MAX);
            let behind = last_wall.saturating_add(went).saturating_sub(wall_ms);
            if behind > JUMP_MS {
                self.offset_ms = self.offset_ms.saturating_add(behind);
            }
        }
        self.last = Some((wall_ms, steady_ms));
        wall_ms.saturating_add(self.offset_ms)
    }

    /// Learns from an exchange. `trust_issued` lets a token that looks old mean that the clock here is ahead; a
    /// service that hands out old tokens would be believed then.
    pub fn learn(&mut self, exchange: Exchange, trust_issued: bool) {
        let took = i64::try_from(exchange.took_ms).unwrap_or(i64::MAX);
        let middle = exchange.sent_ms.saturating_add(took / 2);
        let noise = NOISE_MS.saturating_add(took / 2);
        if let Some(service_ms) = exchange.service_ms {
            // Whole seconds, rounded down: half a second later on average.
            let offset = service_ms.saturating_add(500).saturating_sub(middle);
            self.offset_ms = if offset.saturating_abs() <= noise { 0 } else { offset };
            return;
        }
        let Some(issued_ms) = exchange.issued_ms else { return };
        let offset = issued_ms.saturating_add(500).saturating_sub(middle);
        let known = self.offset_ms;
        // Nothing is issued in the future: the clock here is behind by so much at least.
        if offset > known.saturating_add(noise) || trust_issued && offset < known.saturating_sub(noise) {
            self.offset_ms = if offset.saturating_abs() <= noise { 0 } else { offset };
        }
    }

    /// Returns what is added to the wall clock, in milliseconds.
    #[must_use]
    pub const fn offset_ms(&self) -> i64 {
        self.offset_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn learned(wall_ms: i64, service_ms: Option<i64>, issued_ms: Option<i64>, trust: bool) -> i64 {
        let mut skew = Skew::default();
        skew.learn(Exchange { sent_ms: wall_ms, took_ms: 200, service_ms, issued_ms }, trust);
        skew.offset_ms()
    }

    #[test]
    fn the_service_tells_the_time() {
        let rows = [(0, 0), (1_000, 0), (-1_000, 0), (600_000, -600_000), (-600_000, 600_000)];
        for (ahead, offset) in rows {
            let found = learned(NOW + ahead, Some(NOW), None, false);
            assert!((found - offset).abs() <= 600, "{ahead}: {found}");
        }
    }

    #[test]
    fn a_token_tells_that_the_clock_is_behind_and_only_if_trusted_that_it_is_ahead() {
        let rows = [
            (0, false, 0),
            (-600_000, false, 600_000),
            (600_000, false, 0),
            (600_000, true, -600_000),
            (1_000, true, 0),
        ];
        for (ahead, trust, offset) in rows {
            let found = learned(NOW + ahead, None, Some(NOW), trust);
            assert!((found - offset).abs() <= 600, "{ahead} {trust}: {found}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_is_made_up_for_and_a_leap_is_time() {
        let mut skew = Skew::default();
        assert_eq!(skew.service_ms(NOW, 0), NOW);
        assert_eq!(skew.service_ms(NOW + 5_000, 5_000), NOW + 5_000);
        assert_eq!(skew.service_ms(NOW - 600_000, 6_000), NOW + 6_000, "set back by ten minutes");
        assert_eq!(skew.service_ms(NOW - 599_000, 7_000), NOW + 7_000);
        assert_eq!(skew.service_ms(NOW - 599_000 + 300_000, 7_500), NOW + 307_000, "slept");
    }
}
