//! A session that more than one kind of program uses, or that is odd in another way: all that is known of it.

use crate::agent::Kind;
use crate::read::{Act, Entry};
use crate::table::{NETWORK_MASK, Small};
use crate::trail::PathId;

/// So many clients of a session are told apart exactly; more are estimated, and decide nothing.
pub(crate) const MOST_CLIENTS: usize = 32;
/// A page that was on its way when its session ended comes within so many seconds; clocks differ by as much.
pub(crate) const GRACE: i64 = 5;
/// Clients within so many seconds of each other are there at once.
const AT_ONCE: i64 = 300;
/// The sketch of clients without number: one octet for each of so many registers.
const REGISTERS: usize = 256;

/// One client of a session: a kind of program in a network.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) kind: Kind,
    pub(crate) network: u32,
    /// Of the network only some bits are known.
    pub(crate) vague: bool,
    pub(crate) signed_in: bool,
    /// It had another session until it had this one.
    pub(crate) lost_own: bool,
    /// A cache had answered it just before.
    pub(crate) after_hit: bool,
    pub(crate) uses: u32,
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// The page before.
    pub(crate) before: PathId,
    /// Where its first line is.
    pub(crate) place: u64,
}

impl Client {
    fn is(&self, kind: Kind, network: u32) -> bool {
        self.kind == kind && self.shares_network(network)
    }

    fn shares_network(&self, network: u32) -> bool {
        if self.vague { self.network == network & NETWORK_MASK } else { self.network == network }
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        if other.vague { other.shares_network(self.network) } else { self.shares_network(other.network) }
    }
}

/// What came just before a client had a session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    pub(crate) path: PathId,
    pub(crate) hit: bool,
    pub(crate) lost_own: bool,
    /// The page that the session's last client had asked for.
    pub(crate) own: PathId,
}

/// All that is known of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dossier {
    pub(crate) session: u64,
    pub(crate) sign_ins: u32,
    pub(crate) uses: u32,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) ended: Option<i64>,
    pub(crate) after_end: u32,
    /// Where the first use after the end is.
    pub(crate) after_end_place: u64,
    pub(crate) switches: u32,
    last_kind: Kind,
    /// The most kinds within minutes of each other.
    pub(crate) at_once: usize,
    pub(crate) clients: Vec<Client>,
    pub(crate) own_path: PathId,
    sketch: Option<Box<[u8; REGISTERS]>>,
}

impl Dossier {
    pub(crate) fn begin(session: u64, small: Option<&Small>, entry: &Entry<'_>) -> Self {
        let mut dossier = Self { session, first: entry.at, last: entry.at, ..Self::default() };
        let Some(small) = small else { return dossier };
        let uses = u32::try_from(small.uses).unwrap_or(u32::MAX);
        dossier.clients.push(Client {
            kind: small.kind,
            network: small.network,
            vague: true,
            signed_in: small.signed_in,
            lost_own: false,
            after_hit: false,
            uses,
            first: small.first,
            last: small.last,
            before: PathId(0),
            place: 0,
        });
        Self {
            sign_ins: u32::from(small.signed_in),
            uses,
            first: small.first,
            last: small.last,
            ended: small.ended.then_some(small.last),
            last_kind: small.kind,
            at_once: 1,
            ..dossier
        }
    }

    pub(crate) fn take(&mut self, entry: &Entry<'_>, before: Before) {
        let is_new = self.clients.is_empty();
        let at = self.client(entry, before);
        let client = at.map(|at| &mut self.clients[at]);
        match entry.act {
            Act::SignIn => {
                self.sign_ins += 1;
                self.ended = None;
                if let Some(client) = client {
                    client.signed_in = true;
                }
            }
            Act::SignOut => {
                // A use that is later may stand before it: clocks differ, or files do.
                self.after_end += u32::from(self.last > entry.at + GRACE);
                self.ended = Some(entry.at);
            }
            Act::Use => {
                self.uses += 1;
                if self.ended.is_some_and(|ended| entry.at > ended + GRACE) {
                    self.after_end += 1;
                    self.after_end_place =
                        if self.after_end == 1 { entry.place } else { self.after_end_place };
                }
                if let Some(client) = client {
                    client.uses += 1;
                }
            }
            Act::Held | Act::Other | Act::Refresh => {}
        }
        if entry.act != Act::Held {
            self.switches += u32::from(!is_new && entry.kind != self.last_kind);
            self.last_kind = entry.kind;
            self.first = self.first.min(entry.at);
            self.last = self.last.max(entry.at);
            self.count_at_once(entry.at);
        }
    }

    /// Finds the client, or makes one; there may be too many.
    fn client(&mut self, entry: &Entry<'_>, before: Before) -> Option<usize> {
        let known = self.clients.iter().position(|client| client.is(entry.kind, entry.network));
        if let Some(at) = known {
            let client = &mut self.clients[at];
            (client.network, client.vague) = (entry.network, false);
            client.first = client.first.min(entry.at);
            client.last = client.last.max(entry.at);
            return Some(at);
        }
        if self.clients.len() >= MOST_CLIENTS {
            self.sketch(entry);
            return None;
        }
        if self.own_path == PathId(0) {
            self.own_path = before.own;
        }
        self.clients.push(Client {
            kind: entry.kind,
            network: entry.network,
            vague: false,
            signed_in: false,
            lost_own: before.lost_own,
            after_hit: before.hit,
            uses: 0,
            first: entry.at,
            last: entry.at,
            before: before.path,
            place: entry.place,
        });
        Some(self.clients.len() - 1)
    }

    fn count_at_once(&mut self, now: i64) {
        let here = |client: &&Client| (now - client.last).abs() <= AT_ONCE;
        let mut kinds: Vec<Kind> = self.clients.iter().filter(here).map(|client| client.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        self.at_once = self.at_once.max(kinds.len());
    }

    /// Each register keeps the longest run of zeros that was seen.
    fn sketch(&mut self, entry: &Entry<'_>) {
        let registers = self.sketch.get_or_insert_with(|| Box::new([0; REGISTERS]));
        let hash =
            (u64::from(entry.network) << 16 | u64::from(entry.kind.0)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let register = &mut registers[(hash >> 56) as usize];
        let run = ((hash << 8) | 1 << 7).leading_zeros() + 1;
        *register = (*register).max(u8::try_from(run).unwrap_or(u8::MAX));
    }

    /// How many clients have used the session: counted, or beyond [`MOST_CLIENTS`] estimated, which the flag says.
    pub(crate) fn count(&self) -> (usize, bool) {
        let counted = self.clients.iter().filter(|client| client.uses > 0 || client.signed_in).count();
        let Some(registers) = &self.sketch else { return (counted, false) };
        // Flajolet, Fusy, Gandouet and Meunier 2007, with their constant for 256 registers and their small range.
        let size = REGISTERS as f64;
        let sum: f64 = registers.iter().map(|run| (-f64::from(*run)).exp2()).sum();
        let empty = registers.iter().filter(|run| **run == 0).count();
        let raw = 0.7213 / (1.0 + 1.079 / size) * size * size / sum;
        let estimate = if raw <= 2.5 * size && empty > 0 { size * (size / empty as f64).ln() } else { raw };
        (counted + estimate.round() as usize, true)
    }
}
