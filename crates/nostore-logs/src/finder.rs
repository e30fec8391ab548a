//! Takes entries in the order of the log and keeps what decides.
//!
//! # Invariants
//!
//! - Memory is bounded by sessions (about 22 octets each) and by constants: paths, clients, dossiers.
//! - A sketch decides nothing: what is found rests on exact counts.

use crate::agent::Kinds;
use crate::dossier::{Before, Dossier, GRACE};
use crate::read::{Act, Entry, path_of};
use crate::report::Report;
use crate::table::{Held, Small, Table};
use crate::trail::{PathId, Paths, Step, Trail};

/// So many sessions get a dossier; those beyond are counted.
const MOST_DOSSIERS: usize = 300_000;
/// A client that came back from signing in has its session within so many seconds.
const SIGN_IN_LASTS: i64 = 120;
/// What a client asked for so many seconds before it had a session may have handed it out.
const ADOPTION: i64 = 60;
/// A client that had another session within so many seconds has lost it.
const LOST: i64 = 12 * 3_600;

/// Finds sessions that are used by clients that never signed in.
#[derive(Debug, Default)]
pub struct Finder {
    table: Table,
    pub(crate) dossiers: Vec<Dossier>,
    pub(crate) paths: Paths,
    trail: Trail,
    pub(crate) totals: Totals,
}

/// What was seen in all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Lines that said something.
    pub entries: u64,
    /// Those with a session.
    pub with_session: u64,
    /// Sign-ins.
    pub sign_ins: u64,
    /// Uses of sessions.
    pub uses: u64,
    /// Sign-outs.
    pub sign_outs: u64,
    /// Different sessions.
    pub sessions: usize,
    /// Sessions that were odd, and too many to be looked into.
    pub passed_over: u64,
    /// The earliest time, in seconds since 1970.
    pub first: Option<i64>,
    /// The latest time.
    pub last: i64,
}

impl Finder {
    /// Starts with nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next line of the log.
    pub fn take(&mut self, entry: &Entry<'_>) {
        self.count(entry);
        let page = matches!(entry.act, Act::Use | Act::Other) || entry.hit;
        let path = if page { self.paths.count(entry.path) } else { self.paths.number(b"") };
        let step = self.trail.step(entry.who);
        let before = *step;
        let Some(session) = entry.session else {
            if entry.act == Act::SignIn {
                step.signed_in = entry.at;
            } else if page {
                (step.at, step.path, step.hit) = (entry.at, path, entry.hit);
            }
            return;
        };
        (step.session, step.signed_in) = (session, 0);
        if page || step.at == 0 {
            (step.at, step.path, step.hit) = (entry.at, path, entry.hit);
        }
        let own = if page { self.trail.page(session, path) } else { self.trail.page_of(session) };
        let signed_in = before.signed_in != 0 && (0..=SIGN_IN_LASTS).contains(&(entry.at - before.signed_in));
        if signed_in && entry.act == Act::Use {
            self.totals.sign_ins += 1;
            let sign_in = Entry { at: before.signed_in, act: Act::SignIn, ..*entry };
            self.touch(session, &sign_in, None);
        }
        self.touch(session, entry, Some((&before, own)));
    }

    /// Tells whether any line so far had a session.
    #[must_use]
    pub const fn has_sessions(&self) -> bool {
        self.totals.with_session > 0
    }

    fn count(&mut self, entry: &Entry<'_>) {
        let totals = &mut self.totals;
        totals.entries += 1;
        totals.with_session += u64::from(entry.session.is_some());
        totals.first = Some(totals.first.map_or(entry.at, |first| first.min(entry.at)));
        totals.last = totals.last.max(entry.at);
        match entry.act {
            Act::SignIn => totals.sign_ins += u64::from(entry.session.is_some()),
            Act::SignOut => totals.sign_outs += 1,
            Act::Use => totals.uses += 1,
            Act::Held | Act::Other | Act::Refresh => {}
        }
    }

    /// Adds an entry to what is known of a session. `step`: what its client did before, and the session's own page before;
    /// few sessions need it.
    fn touch(&mut self, session: u64, entry: &Entry<'_>, step: Option<(&Step, PathId)>) {
        let (at, held) = self.table.find(session);
        let small = match held {
            Held::Promoted(number) => {
                if let Some(dossier) = self.dossiers.get_mut(number as usize) {
                    dossier.take(entry, before(&mut self.paths, session, entry, step));
                }
                return;
            }
            Held::Nothing => None,
            Held::Small(small) => Some(small),
        };
        if let Some(next) = next(small, entry) {
            if self.table.put(at, &next) {
                return;
            }
        }
        if self.dossiers.len() >= MOST_DOSSIERS {
            self.totals.passed_over += 1;
            self.table.promote(at, u32::MAX);
            return;
        }
        let number = u32::try_from(self.dossiers.len()).unwrap_or(u32::MAX);
        self.table.promote(at, number);
        let mut dossier = Dossier::begin(session, small.as_ref(), entry);
        dossier.take(entry, before(&mut self.paths, session, entry, step));
        self.dossiers.push(dossier);
    }

    /// Says what was found. `names_events`: the log says what happened, so that a use is one that was let in.
    #[must_use]
    pub fn report(mut self, kinds: &Kinds, names_events: bool) -> Report {
        self.totals.sessions = self.table.len();
        Report::of(&self, kinds, names_events)
    }
}

/// What the client of an entry did just before.
fn before(paths: &mut Paths, session: u64, entry: &Entry<'_>, step: Option<(&Step, PathId)>) -> Before {
    let Some((step, own)) = step else { return Before::default() };
    let had = step.session != 0 && step.session != session;
    let lost_own = had && entry.at - step.at <= LOST;
    let recent = step.session != session && step.at != 0 && (0..=ADOPTION).contains(&(entry.at - step.at));
    // What a cache answers, the site's own log does not have: the page before is surer than the line before.
    let referer = paths.number(path_of(entry.referer));
    let path = if recent && (step.hit || referer.0 == 0) { step.path } else { referer };
    Before { path, hit: recent && step.hit, lost_own, own }
}

/// What is known of a session after an entry, if little is still enough.
fn next(small: Option<Small>, entry: &Entry<'_>) -> Option<Small> {
    let Some(mut small) = small else {
        return Some(Small {
            first: entry.at,
            last: entry.at,
            uses: u64::from(entry.act == Act::Use),
            kind: entry.kind,
            network: entry.network,
            signed_in: entry.act == Act::SignIn,
            ended: entry.act == Act::SignOut,
        });
    };
    let late = small.ended && entry.at > small.last + GRACE;
    let again = entry.act == Act::SignIn && (small.signed_in || small.ended);
    if entry.kind != small.kind || again || (late && entry.act == Act::Use) {
        return None;
    }
    small.first = small.first.min(entry.at);
    small.network = entry.network;
    small.uses += u64::from(entry.act == Act::Use);
    small.signed_in |= entry.act == Act::SignIn;
    if entry.act == Act::SignOut {
        // From now on `last` is when it ended. A use that is later came before it in the log: clocks differ, or files do.
        if small.last > entry.at + GRACE {
            return None;
        }
        (small.ended, small.last) = (true, entry.at.max(small.first));
    } else if !small.ended && entry.act != Act::Held {
        small.last = small.last.max(entry.at);
    }
    Some(small)
}
