//! The sessions that one kind of program uses: sixteen octets each, by the million.
//!
//! What does not fit into them is promoted: it gets a record of its own, and the slot says which.
//!
//! # Invariants
//!
//! - A session is told by 57 bits of a keyed hash: among ten million, two are taken for one in a log of three thousand.
//! - A part that is full grows by a fifth, alone: there is never a second copy of the whole.

use crate::agent::Kind;

const PARTS: usize = 256;
const FIRST_PART: usize = 32;
const KEY_BITS: u32 = 49;
const PROMOTED: u64 = 255;
/// Where times are counted from lies so long before the first one.
const BEFORE: i64 = 1 << 24;
/// So many uses fit.
const MOST_USES: u64 = (1 << 10) - 1;
/// What is kept of a network.
pub(crate) const NETWORK_MASK: u32 = (1 << 13) - 1;

/// What is known of a session that one kind of program uses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Small {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) uses: u64,
    pub(crate) kind: Kind,
    /// Some bits of the network that was seen last.
    pub(crate) network: u32,
    pub(crate) signed_in: bool,
    /// Its end was seen, at `last`.
    pub(crate) ended: bool,
}

/// What a slot holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Held {
    Nothing,
    Promoted(u32),
    Small(Small),
}

/// Key (49 bits), uses (10), the low bits of the time between first and last (3), flags (2); kind or what is held (8),
/// network (13), the high bits of that time (18), the first time (25).
#[derive(Clone, Copy, Debug, Default)]
struct Slot([u64; 2]);

/// All sessions.
#[derive(Debug)]
pub(crate) struct Table {
    parts: Vec<Vec<Slot>>,
    counts: Vec<usize>,
    base: Option<i64>,
}

/// A place in the table; good until the next search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    part: usize,
    slot: usize,
}

impl Default for Table {
    fn default() -> Self {
        // Parts of different sizes do not all grow at once.
        let parts = (0..PARTS).map(|part| vec![Slot::default(); FIRST_PART + part % 32]).collect();
        Self { parts, counts: vec![0; PARTS], base: None }
    }
}

impl Table {
    /// Finds a session's place, a new one if need be.
    pub(crate) fn find(&mut self, session: u64) -> (At, Held) {
        let part = (session >> 56) as usize;
        let key = (session >> 7) & ((1 << KEY_BITS) - 1);
        if self.counts[part] * 100 >= self.parts[part].len() * 85 {
            self.grow(part);
        }
        let slots = &mut self.parts[part];
        let mut slot = start(key, slots.len());
        loop {
            let found = slots[slot];
            if found.is_empty() {
                slots[slot].0[0] = key << 15;
                self.counts[part] += 1;
                return (At { part, slot }, Held::Nothing);
            }
            if found.key() == key {
                return (At { part, slot }, found.held(self.base.unwrap_or(0)));
            }
            slot = if slot + 1 == slots.len() { 0 } else { slot + 1 };
        }
    }

    /// Puts in what is known. `false` if it does not fit: then nothing has changed.
    pub(crate) fn put(&mut self, at: At, small: &Small) -> bool {
        let base = *self.base.get_or_insert(small.first - BEFORE);
        let slot = &mut self.parts[at.part][at.slot];
        let first = u64::try_from(small.first - base).unwrap_or(u64::MAX);
        let delta = u64::try_from(small.last - small.first).unwrap_or(u64::MAX);
        let fits = first < 1 << 25 && delta < 1 << 21 && small.uses <= MOST_USES && small.kind.0 < 254;
        if fits {
            let flags = u64::from(small.signed_in) | u64::from(small.ended) << 1;
            slot.0[0] = slot.key() << 15 | small.uses << 5 | (delta & 7) << 2 | flags;
            slot.0[1] = (u64::from(small.kind.0) + 1) << 56
                | u64::from(small.network & NETWORK_MASK) << 43
                | (delta >> 3) << 25
                | first;
        }
        fits
    }

    /// Says that a record of its own has the rest.
    pub(crate) fn promote(&mut self, at: At, record: u32) {
        self.parts[at.part][at.slot].0[1] = PROMOTED << 56 | u64::from(record);
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.iter().sum()
    }

    fn grow(&mut self, part: usize) {
        let old = std::mem::take(&mut self.parts[part]);
        let mut slots = vec![Slot::default(); old.len() + old.len() / 5 + 1];
        for slot in old.into_iter().filter(|slot| !slot.is_empty()) {
            let mut at = start(slot.key(), slots.len());
            while !slots[at].is_empty() {
                at = if at + 1 == slots.len() { 0 } else { at + 1 };
            }
            slots[at] = slot;
        }
        self.parts[part] = slots;
    }
}

/// Where the search for a key begins.
const fn start(key: u64, slots: usize) -> usize {
    (((key >> (KEY_BITS - 32)) * slots as u64) >> 32) as usize
}

impl Slot {
    const fn is_empty(self) -> bool {
        self.0[1] == 0
    }

    const fn key(self) -> u64 {
        self.0[0] >> 15
    }

    fn held(self, base: i64) -> Held {
        let [own, rest] = self.0;
        match rest >> 56 {
            0 => Held::Nothing,
            PROMOTED => Held::Promoted(rest as u32),
            kind => {
                let first = base + (rest & ((1 << 25) - 1)) as i64;
                let delta = ((rest >> 25) & ((1 << 18) - 1)) << 3 | (own >> 2) & 7;
                Held::Small(Small {
                    first,
                    last: first + delta as i64,
                    uses: (own >> 5) & MOST_USES,
                    kind: Kind((kind - 1) as u16),
                    network: (rest >> 43) as u32 & NETWORK_MASK,
                    signed_in: own & 1 != 0,
                    ended: own & 2 != 0,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn small(at: i64) -> Small {
        Small { first: at, last: at, uses: 1, kind: Kind(3), network: 77, signed_in: true, ended: false }
    }

    #[test]
    fn what_fits_before_at_and_after_each_limit() {
        let at = 1_772_443_330;
        type Row = (&'static str, fn(&mut Small), bool);
        let rows: [Row; 9] = [
            ("uses", |small| small.uses = MOST_USES, true),
            ("uses", |small| small.uses = MOST_USES + 1, false),
            ("kind", |small| small.kind = Kind(253), true),
            ("kind", |small| small.kind = Kind(254), false),
            ("span", |small| small.last = small.first + (1 << 21) - 1, true),
            ("span", |small| small.last = small.first + (1 << 21), false),
            ("first", |small| (small.first, small.last) = (small.first - BEFORE, small.first - BEFORE), true),
            ("first", |small| (small.first, small.last) = (small.first - BEFORE - 1, small.first), false),
            (
                "first",
                |small| (small.first, small.last) = (small.first + BEFORE, small.first + BEFORE),
                false,
            ),
        ];
        for (what, change, fits) in rows {
            let mut table = Table::default();
            let (place, _) = table.find(1);
            assert!(table.put(place, &small(at)));
            let mut changed = small(at);
            change(&mut changed);
            assert_eq!(table.put(place, &changed), fits, "{what}");
            let expected = if fits { changed } else { small(at) };
            assert_eq!(table.find(1).1, Held::Small(expected), "{what}");
        }
    }

    proptest! {
        #[test]
        fn the_table_is_a_map(
            steps in prop::collection::vec((0_u64..3_000, 0_i64..1_000_000, 1_u64..1_024, any::<u32>(), 0_u16..254, any::<[bool; 3]>()), 1..6_000),
        ) {
            let mut table = Table::default();
            let mut map = HashMap::new();
            for (session, span, uses, network, kind, [signed_in, ended, promoted]) in steps {
                // Spread as hashes are, in few parts.
                let session = session.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 6 << 6 >> 4;
                let (at, held) = table.find(session);
                prop_assert_eq!(held, *map.get(&session).unwrap_or(&Held::Nothing));
                let now = if promoted && span % 50 == 0 {
                    table.promote(at, network);
                    Held::Promoted(network)
                } else {
                    let network = network & NETWORK_MASK;
                    let first = 1_772_443_330 + span;
                    let small = Small { first, last: first + span, uses, kind: Kind(kind), network, signed_in, ended };
                    prop_assert!(table.put(at, &small));
                    Held::Small(small)
                };
                map.insert(session, now);
            }
            prop_assert_eq!(table.len(), map.len());
            for (session, held) in map {
                prop_assert_eq!(table.find(session).1, held);
            }
        }
    }
}
