//! What clients asked for a moment ago: which path came before a session, and who has just signed in. All of it is bounded.

use std::collections::HashMap;

use crate::hash::{BuildSame, Fold};

/// So many paths are told apart; the others are one.
const MOST_PATHS: usize = 20_000;
/// So many octets of a path are kept.
const MOST_PATH: usize = 200;
/// Two clients that fall together share one of so many places with two seats.
const PLACES: usize = 1 << 15;
/// So many sessions are remembered with their last page.
const SESSIONS: usize = 1 << 15;

/// A path: a number of [`Paths`]. 0 is none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct PathId(pub(crate) u32);

/// The paths of pages, and how often each was asked for.
#[derive(Debug)]
pub(crate) struct Paths {
    key: Fold,
    numbers: HashMap<u64, u32, BuildSame>,
    known: Vec<(Box<[u8]>, u64)>,
    pub(crate) total: u64,
}

impl Default for Paths {
    fn default() -> Self {
        Self { key: Fold::default(), numbers: HashMap::default(), known: vec![(Box::default(), 0)], total: 0 }
    }
}

impl Paths {
    /// Returns the number of a path.
    pub(crate) fn number(&mut self, path: &[u8]) -> PathId {
        let path = &path[..path.len().min(MOST_PATH)];
        if path.is_empty() {
            return PathId(0);
        }
        let hash = self.key.hash(path);
        if let Some(number) = self.numbers.get(&hash) {
            return PathId(*number);
        }
        if self.known.len() > MOST_PATHS {
            return PathId(0);
        }
        let number = u32::try_from(self.known.len()).unwrap_or(0);
        self.known.push((path.into(), 0));
        self.numbers.insert(hash, number);
        PathId(number)
    }

    /// Counts a page, and returns its number.
    pub(crate) fn count(&mut self, path: &[u8]) -> PathId {
        let number = self.number(path);
        self.total += 1;
        self.known[number.0 as usize].1 += 1;
        number
    }

    /// Returns a path with the share of pages that it is, or nothing for none.
    pub(crate) fn share(&self, path: PathId) -> Option<(String, f64)> {
        let (text, count) = self.known.get(path.0 as usize).filter(|(text, _)| !text.is_empty())?;
        let share = (*count).max(1) as f64 / self.total.max(1) as f64;
        Some((String::from_utf8_lossy(text).into_owned(), share))
    }
}

/// What a client did last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Step {
    pub(crate) who: u64,
    /// The session that it had; 0 is none.
    pub(crate) session: u64,
    /// When it came back from signing in, and no session has followed; 0 is never.
    pub(crate) signed_in: i64,
    pub(crate) at: i64,
    pub(crate) path: PathId,
    pub(crate) hit: bool,
}

/// The last steps of the clients that were seen last.
#[derive(Debug)]
pub(crate) struct Trail {
    places: Vec<[Step; 2]>,
    sessions: Vec<(u64, PathId)>,
}

impl Default for Trail {
    fn default() -> Self {
        Self { places: vec![<[Step; 2]>::default(); PLACES], sessions: vec![(0, PathId(0)); SESSIONS] }
    }
}

impl Trail {
    /// Returns the last step of a client, to be overwritten; the one of another client, older of two, if it has none.
    pub(crate) fn step(&mut self, who: u64) -> &mut Step {
        let place = &mut self.places[(who >> 20) as usize % PLACES];
        let seat = usize::from(place[0].who != who && (place[1].who == who || place[1].at <= place[0].at));
        let step = &mut place[seat];
        if step.who != who {
            *step = Step { who, ..Step::default() };
        }
        step
    }

    /// Returns a session's last page, if it is known.
    pub(crate) fn page_of(&self, session: u64) -> PathId {
        let place = self.sessions[(session >> 24) as usize % SESSIONS];
        if place.0 == session { place.1 } else { PathId(0) }
    }

    /// Remembers a session's page, and returns the one before, if it is known.
    pub(crate) fn page(&mut self, session: u64, path: PathId) -> PathId {
        let before = self.page_of(session);
        self.sessions[(session >> 24) as usize % SESSIONS] = (session, path);
        before
    }
}
