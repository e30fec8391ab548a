//! Those who wait for a lock that somebody else has. Each asks again and again, never at the same time as others.

use std::time::Duration;

use tokio::time::Instant;

use crate::pauses::Dice;
use crate::queue::Wanted;

/// Between two tries.
const LEAST: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_millis(150);

pub(crate) struct Waiting {
    dice: Dice,
    wanted: Vec<(Instant, Wanted)>,
}

impl Waiting {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), wanted: Vec::new() }
    }

    pub(crate) fn push(&mut self, wanted: Wanted, now: Instant) {
        self.wanted.push((now + self.dice.between(LEAST, MOST), wanted));
    }

    /// Returns when the next of them asks.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.wanted.iter().map(|(at, _)| *at).min()
    }

    /// Takes one whose time has come. Those who have given up are let go of.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Wanted> {
        self.wanted.retain(|(_, wanted)| !wanted.reply.is_closed());
        let at = self.wanted.iter().position(|(at, _)| *at <= now)?;
        Some(self.wanted.swap_remove(at).1)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::queue::Hold;

    #[test]
    fn whoever_waits_asks_again_and_whoever_gave_up_does_not() {
        let (mut waiting, now) = (Waiting::new(1), Instant::now());
        let (reply, answer) = oneshot::channel();
        let hold = Hold { name: "n".to_owned(), owner: "o".to_owned() };
        waiting.push(Wanted { hold, reply }, now);
        let next = waiting.next().unwrap();
        assert!((LEAST..=MOST).contains(&(next - now)));
        assert!(waiting.due(next - Duration::from_nanos(1)).is_none());
        let wanted = waiting.due(next).unwrap();
        assert!(waiting.next().is_none());
        waiting.push(wanted, now);
        drop(answer);
        assert!(waiting.due(now + MOST).is_none());
        assert!(waiting.next().is_none());
    }
}
