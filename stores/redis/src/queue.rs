//! What is to be done, in order, and what was told or looked for of late.
//!
//! Nothing here waits: whatever does not fit, or comes while Redis is away, is refused at once. What takes something back
//! is kept then, since it costs others more when it is lost.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use nostore_token::Held;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// So many commands wait at most; of those that take back, as many again.
const LIMIT: usize = 1_024;

/// So many names are remembered.
const REMEMBERED: usize = 512;

/// What nobody told or looked for since is not looked for again.
const FORGOTTEN: Duration = Duration::from_secs(600);

/// Something to be done.
pub(crate) enum Command {
    Acquire(Wanted),
    /// Under any of these names.
    Forget(Vec<String>),
    Load {
        names: Vec<String>,
        reply: oneshot::Sender<Option<Arc<[u8]>>>,
    },
    Release(Hold),
    Send {
        name: String,
        sealed: Vec<u8>,
        keep_ms: Option<u64>,
    },
}

/// A lock, and who has it.
#[derive(Clone)]
pub(crate) struct Hold {
    pub(crate) name: String,
    pub(crate) owner: String,
}

/// A lock that somebody waits for.
pub(crate) struct Wanted {
    pub(crate) hold: Hold,
    pub(crate) reply: oneshot::Sender<Held>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// The first connection is being made: whoever asks waits for it.
    Starting,
    Up,
    Down,
}

/// Why something is not going to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refused {
    Down,
    Full,
}

pub(crate) struct Queue {
    pub(crate) state: State,
    /// Nobody is left who could ask.
    pub(crate) closed: bool,
    commands: VecDeque<Command>,
    remembered: BTreeMap<String, Instant>,
}

impl Default for Queue {
    fn default() -> Self {
        Self { state: State::Starting, closed: false, commands: VecDeque::new(), remembered: BTreeMap::new() }
    }
}

impl Queue {
    /// Takes something to be done.
    pub(crate) fn push(&mut self, command: Command) -> Result<(), Refused> {
        let takes_back = command.takes_back();
        if self.state == State::Down && !takes_back {
            return Err(Refused::Down);
        }
        if self.commands.len() >= if takes_back { 2 * LIMIT } else { LIMIT } {
            return Err(Refused::Full);
        }
        self.commands.push_back(command);
        Ok(())
    }

    /// Returns what is to be done next.
    pub(crate) fn pop(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// Redis is away: whoever asked is told, and asks no more.
    pub(crate) fn go_down(&mut self) {
        self.state = State::Down;
        self.commands.retain(Command::takes_back);
    }

    /// Remembers a name, to be looked for when Redis is back.
    pub(crate) fn remember(&mut self, name: &str, now: Instant) {
        if self.remembered.len() >= REMEMBERED && !self.remembered.contains_key(name) {
            let oldest = self.remembered.iter().min_by_key(|(_, at)| **at).map(|(name, _)| name.clone());
            if let Some(oldest) = oldest {
                self.remembered.remove(&oldest);
            }
        }
        self.remembered.insert(name.to_owned(), now);
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.remembered.remove(name);
    }

    /// Returns the names that were told or looked for of late.
    pub(crate) fn remembered(&mut self, now: Instant) -> Vec<String> {
        self.remembered.retain(|_, at| now.saturating_duration_since(*at) < FORGOTTEN);
        self.remembered.keys().cloned().collect()
    }
}

impl Command {
    const fn takes_back(&self) -> bool {
        matches!(self, Self::Forget(_) | Self::Release(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send() -> Command {
        Command::Send { name: "n".to_owned(), sealed: Vec::new(), keep_ms: None }
    }

    fn release() -> Command {
        Command::Release(Hold { name: "n".to_owned(), owner: "o".to_owned() })
    }

    #[test]
    fn a_full_queue_refuses_and_keeps_room_for_what_takes_back() {
        let mut queue = Queue::default();
        for _ in 0..LIMIT {
            assert_eq!(queue.push(send()), Ok(()));
        }
        assert_eq!(queue.push(send()), Err(Refused::Full));
        for _ in 0..LIMIT {
            assert_eq!(queue.push(release()), Ok(()));
        }
        assert_eq!(queue.push(release()), Err(Refused::Full));
    }

    #[test]
    fn while_redis_is_away_everything_is_refused_but_what_takes_back() {
        let mut queue = Queue::default();
        let (reply, answer) = oneshot::channel();
        let load = Command::Load { names: Vec::new(), reply };
        for command in [send(), load, release(), Command::Forget(Vec::new())] {
            assert_eq!(queue.push(command), Ok(()), "while the first connection is made");
        }
        queue.go_down();
        assert!(answer.blocking_recv().is_err(), "whoever waits is told");
        assert_eq!(queue.push(send()), Err(Refused::Down));
        assert_eq!(queue.push(release()), Ok(()));
        assert!(matches!(queue.pop(), Some(Command::Release(_))));
        assert!(matches!(queue.pop(), Some(Command::Forget(_))));
        assert!(matches!(queue.pop(), Some(Command::Release(_))));
        assert!(queue.pop().is_none());
    }

    #[test]
    fn the_latest_names_are_remembered_for_a_while() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        let at = |n: usize| start + Duration::from_millis(u64::try_from(n).unwrap());
        for n in 0..=REMEMBERED {
            queue.remember(&format!("{n:04}"), at(n));
        }
        let names = queue.remembered(at(REMEMBERED));
        assert_eq!((names.len(), &*names[0]), (REMEMBERED, "0001"));
        queue.forget("0001");
        assert_eq!(queue.remembered(at(2) + FORGOTTEN - Duration::from_millis(1)).len(), REMEMBERED - 1);
        assert_eq!(queue.remembered(at(2) + FORGOTTEN).len(), REMEMBERED - 2);
    }
}
