//! What the evidence is worth, and what was found.
//!
//! A session's owners are the kinds of programs that signed in with it; where no sign-in is in the log, the kind that was
//! seen first. Whoever else has it is a stranger, unless two kinds may be programs of one device and share a network.
//!
//! | evidence | weight |
//! |---|---|
//! | a stranger's kind that runs on another system | 2, for at most three |
//! | a stranger's kind that could be on the same device, in other networks only | 1, for at most two |
//! | a stranger lost a session of its own when it got this one | 1, for at most two |
//! | a cache had answered a stranger just before | 1, for at most two |
//! | owners and strangers were there within the same time | 1.5 |
//! | kinds took turns twice, six times | 1, 1.5 |
//! | no sign-in is in the log | -1.5 |
//! | the session is as old as the log | -0.5 |
//!
//! Likely is what has [`LIKELY`], to be watched what has [`WATCH`]. Confirmed is what has a sign-in in the log, strangers
//! of two kinds on other systems, and both of the time.

use std::collections::BTreeMap;

use crate::agent::{Kind, Kinds};
use crate::dossier::{Client, Dossier};
use crate::finder::{Finder, Totals};
use crate::trail::{PathId, Paths};

/// What makes a finding likely.
pub const LIKELY: f64 = 3.0;
/// What makes a session one to be watched.
pub const WATCH: f64 = 1.5;
/// A session that was used so soon after the log's first line may be older than the log.
const OLD: i64 = 3_600;
/// So many findings are handed out; all are counted.
const MOST_FINDINGS: usize = 1_000;

/// How sure a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Confidence {
    /// It could be innocent.
    Watch,
    /// Much speaks for it.
    Likely,
    /// Nothing innocent is known that looks like it.
    Confirmed,
}

impl Confidence {
    /// Returns the name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Likely => "likely",
            Self::Confirmed => "confirmed",
        }
    }
}

/// What is the matter with a session.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum What {
    /// Many have it who have nothing to do with each other: a cache hands it out.
    HandedOut,
    /// One other has it.
    Taken,
    /// It is used after its end.
    EndedInUse,
}

impl What {
    /// Returns the name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HandedOut => "handed-out",
            Self::Taken => "taken",
            Self::EndedInUse => "ended-in-use",
        }
    }
}

/// One session with which something is the matter.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The session, hashed with this run's key: it can be told from others, and from nothing else.
    pub session: u64,
    /// What is the matter.
    pub what: What,
    /// How sure that is.
    pub confidence: Confidence,
    /// The sum of the weights.
    pub score: f64,
    /// Sign-ins with it.
    pub sign_ins: u32,
    /// Uses of it.
    pub uses: u32,
    /// Clients that used it: kinds of programs in networks.
    pub clients: usize,
    /// Whether that is an estimate.
    pub estimated: bool,
    /// The kinds that had it and had not signed in.
    pub strangers: Vec<String>,
    /// The first and the last time of it, in seconds since 1970.
    pub span: (i64, i64),
    /// Since when somebody else has it, or it is used after its end.
    pub since: i64,
    /// Where the line is with which that begins, as the caller counts; 0 where it is not known.
    pub place: u64,
    /// When it was ended.
    pub ended: Option<i64>,
    /// Uses after that.
    pub after_end: u32,
    /// The path that strangers came from, where it is known.
    pub path: Option<String>,
}

/// A path that strangers had just asked for when they got a session.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// The path.
    pub path: String,
    /// How many strangers.
    pub strangers: usize,
    /// How many of them a cache had answered.
    pub hits: usize,
    /// How many times more frequent it is there than among all pages.
    pub lift: f64,
    /// It is not what strangers asked for, but what the session's last user did before they came.
    pub of_owner: bool,
}

/// What was found in a log.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was seen in all.
    pub totals: Totals,
    /// The findings, the surest first; a thousand at most.
    pub findings: Vec<Finding>,
    /// How many there are of each kind and confidence.
    pub counts: BTreeMap<(What, Confidence), usize>,
    /// The paths that may have handed sessions out, the likeliest first.
    pub suspects: Vec<Suspect>,
}

impl Report {
    pub(crate) fn of(finder: &Finder, kinds: &Kinds, names_events: bool) -> Self {
        let court =
            Court { kinds, paths: &finder.paths, log_begins: finder.totals.first.unwrap_or(0), names_events };
        let mut found: Vec<(Finding, &Dossier)> =
            finder.dossiers.iter().filter_map(|dossier| Some((court.judge(dossier)?, dossier))).collect();
        found.sort_by(|(one, _), (other, _)| {
            let rank = |finding: &Finding| (finding.confidence, finding.score, finding.uses, finding.session);
            rank(other).partial_cmp(&rank(one)).unwrap_or(std::cmp::Ordering::Equal)
        });
        let mut counts = BTreeMap::new();
        for (finding, _) in &found {
            *counts.entry((finding.what, finding.confidence)).or_default() += 1;
        }
        let suspects = suspects(&found, &finder.paths);
        let findings = found.into_iter().map(|(finding, _)| finding).take(MOST_FINDINGS).collect();
        Self { totals: finder.totals, findings, counts, suspects }
    }

    /// How many findings are at least likely.
    #[must_use]
    pub fn sure(&self) -> usize {
        let sure = |((_, confidence), count): (&(What, Confidence), &usize)| {
            if *confidence >= Confidence::Likely { *count } else { 0 }
        };
        self.counts.iter().map(sure).sum()
    }

    /// How many findings are of a kind, and at least likely.
    #[must_use]
    pub fn sure_of(&self, what: What) -> usize {
        let of = |confidence| self.counts.get(&(what, confidence)).copied().unwrap_or(0);
        of(Confidence::Likely) + of(Confidence::Confirmed)
    }
}

/// A session's strangers, sorted out.
struct Sides<'d> {
    owners: Vec<&'d Client>,
    strangers: Vec<&'d Client>,
    /// Kinds of strangers that run on another system.
    foreign: Vec<Kind>,
    /// Kinds of strangers that could be on the owner's device.
    near: Vec<Kind>,
}

fn sides<'d>(dossier: &'d Dossier, kinds: &Kinds) -> Sides<'d> {
    let signed_in = dossier.clients.iter().any(|client| client.signed_in);
    let first = dossier.clients.iter().min_by_key(|client| client.first).map(|client| client.kind);
    let owns = |client: &&Client| {
        let kind = client.kind;
        if signed_in {
            dossier.clients.iter().any(|own| own.signed_in && own.kind == kind)
        } else {
            Some(kind) == first
        }
    };
    let (owners, others): (Vec<&Client>, Vec<&Client>) = dossier.clients.iter().partition(owns);
    let mut sides = Sides { owners, strangers: Vec::new(), foreign: Vec::new(), near: Vec::new() };
    for other in &others {
        let near = sides.owners.iter().any(|own| kinds.may_be_one_device(own.kind, other.kind));
        let same_kind = || others.iter().filter(|client| client.kind == other.kind);
        let met = same_kind().any(|client| sides.owners.iter().any(|own| own.meets(client)));
        if near && met {
            continue;
        }
        sides.strangers.push(other);
        let list = if near { &mut sides.near } else { &mut sides.foreign };
        if !list.contains(&other.kind) {
            list.push(other.kind);
        }
    }
    sides
}

/// Tells whether all strangers are in networks of owners, and had no session of their own before: one person with several
/// programs, or one program that says to be several.
fn is_one_place(sides: &Sides<'_>) -> bool {
    let is_near = |client: &&&Client| sides.owners.iter().any(|own| own.meets(client));
    sides.strangers.iter().all(|client| is_near(&client) && !client.lost_own && !client.after_hit)
}

/// What sessions are judged by, besides what is known of each.
struct Court<'f> {
    kinds: &'f Kinds,
    paths: &'f Paths,
    log_begins: i64,
    names_events: bool,
}

impl Court<'_> {
    fn judge(&self, dossier: &Dossier) -> Option<Finding> {
        let sides = sides(dossier, self.kinds);
        let score = score(dossier, &sides, self.log_begins);
        let both = is_at_once(dossier, &sides) || dossier.switches >= 2;
        let is_shared = !sides.strangers.is_empty() && score >= WATCH;
        if !is_shared && dossier.after_end == 0 {
            return None;
        }
        let many = sides.foreign.len() + sides.near.len() >= 2 || sides.strangers.len() >= 3;
        let what = match (is_shared, many || sides.strangers.iter().any(|client| client.after_hit)) {
            (false, _) => What::EndedInUse,
            (true, true) => What::HandedOut,
            (true, false) => What::Taken,
        };
        let confidence = match what {
            What::EndedInUse if self.names_events => Confidence::Confirmed,
            What::EndedInUse => Confidence::Likely,
            _ if is_one_place(&sides) => Confidence::Watch,
            _ if dossier.sign_ins > 0 && sides.foreign.len() >= 2 && both => Confidence::Confirmed,
            _ if score >= LIKELY => Confidence::Likely,
            _ => Confidence::Watch,
        };
        let (clients, estimated) = dossier.count();
        let arrived = sides.strangers.iter().min_by_key(|client| client.first).filter(|_| is_shared);
        let names = sides.foreign.iter().chain(&sides.near).map(|kind| self.kinds.name(*kind).to_owned());
        Some(Finding {
            session: dossier.session,
            what,
            confidence,
            score,
            sign_ins: dossier.sign_ins,
            uses: dossier.uses,
            clients,
            estimated,
            strangers: if is_shared { names.collect() } else { Vec::new() },
            span: (dossier.first, dossier.last),
            since: arrived.map_or(dossier.ended.unwrap_or(dossier.first), |client| client.first),
            place: arrived.map_or(dossier.after_end_place, |client| client.place),
            ended: dossier.ended,
            after_end: dossier.after_end,
            path: self.path(what, dossier, &sides),
        })
    }

    /// The page that most strangers had asked for just before; where none is known, the one of the session's last user.
    fn path(&self, what: What, dossier: &Dossier, sides: &Sides<'_>) -> Option<String> {
        if what == What::EndedInUse {
            return None;
        }
        let mut counts = BTreeMap::<PathId, usize>::new();
        for client in sides.strangers.iter().filter(|client| client.before != PathId(0)) {
            *counts.entry(client.before).or_default() += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count).map(|(path, _)| path);
        Some(self.paths.share(most.unwrap_or(dossier.own_path))?.0)
    }
}

fn score(dossier: &Dossier, sides: &Sides<'_>, log_begins: i64) -> f64 {
    if sides.strangers.is_empty() {
        return 0.0;
    }
    let at_most = |count: usize, most: usize| count.min(most) as f64;
    let count = |is: fn(&Client) -> bool| sides.strangers.iter().filter(|client| is(client)).count();
    let mut score = 2.0 * at_most(sides.foreign.len(), 3) + at_most(sides.near.len(), 2);
    score += at_most(count(|client| client.lost_own), 2);
    score += at_most(count(|client| client.after_hit), 2);
    if is_at_once(dossier, sides) {
        score += 1.5;
    }
    score += match dossier.switches {
        0 | 1 => 0.0,
        2..=5 => 1.0,
        _ => 1.5,
    };
    if dossier.sign_ins == 0 {
        score -= 1.5;
        score -= if dossier.first - log_begins < OLD { 0.5 } else { 0.0 };
    }
    score
}

/// Tells whether strangers were there while owners or other strangers were.
fn is_at_once(dossier: &Dossier, sides: &Sides<'_>) -> bool {
    let overlap = |one: &Client, other: &Client| one.first <= other.last && other.first <= one.last;
    let meets = |stranger: &&&Client| sides.owners.iter().any(|own| overlap(own, stranger));
    dossier.at_once >= 2 || sides.strangers.iter().any(|stranger| meets(&stranger))
}

/// Counts what strangers had asked for just before, by how much more frequent it is there than anywhere.
fn suspects(found: &[(Finding, &Dossier)], paths: &Paths) -> Vec<Suspect> {
    let mut counts: BTreeMap<(bool, PathId), (usize, usize)> = BTreeMap::new();
    let handed =
        |finding: &Finding| finding.what == What::HandedOut && finding.confidence >= Confidence::Likely;
    for (finding, dossier) in found.iter().filter(|(finding, _)| handed(finding)) {
        let strangers =
            dossier.clients.iter().filter(|client| client.first >= finding.since && !client.signed_in);
        for client in strangers {
            let of_owner = client.before == PathId(0);
            let path = if of_owner { dossier.own_path } else { client.before };
            let count = counts.entry((of_owner, path)).or_default();
            count.0 += 1;
            count.1 += usize::from(client.after_hit);
        }
    }
    let total: usize = counts.values().map(|(strangers, _)| strangers).sum();
    let mut suspects: Vec<Suspect> = counts
        .into_iter()
        .filter_map(|((of_owner, path), (strangers, hits))| {
            let (path, share) = paths.share(path)?;
            let lift = strangers as f64 / total.max(1) as f64 / share;
            Some(Suspect { path, strangers, hits, lift, of_owner })
        })
        .filter(|suspect| suspect.lift > 1.0)
        .collect();
    let weight = |suspect: &Suspect| {
        let sure = if suspect.of_owner { 0.5 } else { 1.0 };
        (suspect.hits as f64 + suspect.strangers as f64 * sure) * suspect.lift.ln()
    };
    suspects.sort_by(|one, other| weight(other).total_cmp(&weight(one)));
    suspects.truncate(5);
    suspects
}
