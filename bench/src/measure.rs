//! Interleaved rounds on a noisy machine: medians, and ratios within a round.
//!
//! In each round everybody has a turn of about [`TURN`], so that a slow moment of the machine hits all of them.
//! A ratio is the median of the rounds' own ratios.

use std::time::{Duration, Instant};

/// How long a turn takes, about.
pub const TURN: Duration = Duration::from_millis(1);

/// One who is measured.
pub struct Contender<'c> {
    /// What is measured.
    pub name: &'static str,
    /// Does it so many times and tells how long that took; `None` ends the measurement.
    pub turn: Box<dyn FnMut(u64) -> Option<Duration> + 'c>,
}

/// What came of one contender, in nanoseconds per operation.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was measured.
    pub name: &'static str,
    /// Each round.
    pub rounds: Vec<f64>,
}

impl<'c> Contender<'c> {
    /// Measures a function.
    pub fn new<B>(name: &'static str, mut work: impl FnMut() -> B + 'c) -> Self {
        let turn = move |times| {
            let start = Instant::now();
            for _ in 0..times {
                std::hint::black_box(work());
            }
            Some(start.elapsed())
        };
        Self { name, turn: Box::new(turn) }
    }
}

impl Measured {
    /// Returns the median.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(self.rounds.clone())
    }

    /// Returns the best round.
    #[must_use]
    pub fn best(&self) -> f64 {
        self.rounds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Returns how many times as long as `base` it takes.
    #[must_use]
    pub fn ratio(&self, base: &Self) -> f64 {
        median(self.rounds.iter().zip(&base.rounds).map(|(own, base)| own / base).collect())
    }
}

/// Measures everybody, in turns. One who stops is left out.
#[must_use]
pub fn measure(contenders: &mut [Contender<'_>], rounds: usize) -> Vec<Measured> {
    let mut times = Vec::new();
    for contender in &mut *contenders {
        times.push(calibrate(contender));
    }
    let mut measured: Vec<Measured> =
        contenders.iter().map(|one| Measured { name: one.name, rounds: Vec::new() }).collect();
    for round in 0..rounds {
        for step in 0..contenders.len() {
            // Nobody always comes after the same one.
            let at = (step + round) % contenders.len();
            let times = times[at];
            if times == 0 {
                continue;
            }
            if let Some(took) = (contenders[at].turn)(times) {
                measured[at].rounds.push(nanos(took) / count(times));
            }
        }
    }
    measured.retain(|one| one.rounds.len() == rounds);
    measured
}

/// Finds how many times fill a turn; 0 where it does not work.
fn calibrate(contender: &mut Contender<'_>) -> u64 {
    let mut times = 1;
    loop {
        let Some(took) = (contender.turn)(times) else { return 0 };
        if took >= TURN / 2 {
            return times;
        }
        times *= 2;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[length / 2],
        length => f64::midpoint(values[length / 2 - 1], values[length / 2]),
    }
}

#[expect(clippy::cast_precision_loss, reason = "turns are short")]
fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

#[expect(clippy::cast_precision_loss, reason = "turns are short")]
fn count(times: u64) -> f64 {
    times as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_that_of_the_rounds() {
        let base = Measured { name: "base", rounds: vec![1.0, 10.0, 100.0] };
        let own = Measured { name: "own", rounds: vec![2.0, 20.0, 300.0] };
        assert!((own.ratio(&base) - 2.0).abs() < 1e-9);
        assert!((own.median() - 20.0).abs() < 1e-9);
        assert!((own.best() - 2.0).abs() < 1e-9);
    }
}
