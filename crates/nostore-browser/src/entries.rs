//! The entries of a keeper by key, and who waits at each.

use nostore_token::{Action, FetchId, Now, Policy, Slot, TokenKey};

/// From so many entries on, those that are of no use any more make room for new ones.
const UNSWEPT: usize = 32;

/// One entry with those who wait for its fetches: the tickets of their promises.
#[derive(Debug)]
pub struct Entry {
    /// The state machine.
    pub slot: Slot,
    /// Who waits for which fetch.
    pub waiting: Vec<(FetchId, u32)>,
}

impl Entry {
    /// Takes who waits for a fetch.
    pub fn take_waiting(&mut self, id: FetchId) -> Vec<u32> {
        let tickets =
            self.waiting.iter().filter(|(other, _)| *other == id).map(|(_, ticket)| *ticket).collect();
        self.waiting.retain(|(other, _)| *other != id);
        tickets
    }
}

/// Entries by key. There are few, so a list is the smallest thing that will do.
#[derive(Debug, Default)]
pub struct Entries(Vec<(TokenKey, Entry)>);

impl Entries {
    /// Returns an entry, made where there was none.
    pub fn entry(&mut self, key: &TokenKey, policy: Policy, seed: u64) -> &mut Entry {
        let at = self.position(key).unwrap_or_else(|| {
            // Entries of one tab should not retry in step either.
            let salt = key.name("").bytes().fold(seed, |salt, byte| {
                salt.rotate_left(7).wrapping_add(u64::from(byte)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            });
            self.0.push((key.clone(), Entry { slot: Slot::new(policy, salt), waiting: Vec::new() }));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    fn position(&self, key: &TokenKey) -> Option<usize> {
        self.0.iter().position(|(own, _)| own == key)
    }

    /// Finds an entry.
    #[must_use]
    pub fn get(&self, key: &TokenKey) -> Option<&Entry> {
        self.iter().find(|(own, _)| *own == key).map(|(_, entry)| entry)
    }

    /// Finds an entry, to change it.
    pub fn get_mut(&mut self, key: &TokenKey) -> Option<&mut Entry> {
        self.iter_mut().find(|(own, _)| *own == key).map(|(_, entry)| entry)
    }

    /// Removes an entry. Tells whether there was one.
    pub fn remove(&mut self, key: &TokenKey) -> bool {
        self.position(key).map(|at| self.0.swap_remove(at)).is_some()
    }

    /// Lists the entries.
    pub fn iter(&self) -> impl Iterator<Item = (&TokenKey, &Entry)> {
        self.0.iter().map(|(key, entry)| (key, entry))
    }

    /// Lists the entries, to change them.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&TokenKey, &mut Entry)> {
        self.0.iter_mut().map(|(key, entry)| (&*key, entry))
    }

    /// Returns how many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes what nobody waits for and holds no good token, where there are many.
    pub fn sweep(&mut self, now: Now) {
        if self.len() < UNSWEPT {
            return;
        }
        let idle = |(_, entry): &(&TokenKey, &Entry)| {
            entry.waiting.is_empty() && entry.slot.peek(now).is_none() && entry.slot.poll_wake(now).is_none()
        };
        let idle: Vec<_> = self.iter().filter(idle).map(|(key, _)| key.clone()).collect();
        for key in idle {
            self.remove(&key);
        }
    }

    /// Takes the next thing that any entry wants done.
    pub fn poll_action(&mut self) -> Option<(TokenKey, Action)> {
        self.iter_mut().find_map(|(key, entry)| Some((key.clone(), entry.slot.poll_action()?)))
    }
}
