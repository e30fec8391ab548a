//! An entry that many threads read: its slot under a lock, and beside it what readers look at without one.
//!
//! # Invariants
//!
//! - What is published changes under the slot's lock alone, so it is what the slot says whenever nobody holds that.
//! - Whoever has to wait is written down under the same lock as the fetch is begun: nobody waits for one that has ended.
//! - Nothing waits under the lock.
//!
//! `loom.rs` beside this looks at every schedule of a few threads.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::failure::Failure;
use crate::key::TokenKey;
use crate::policy::Policy;
use crate::slot::{Action, FetchId, Now, ReadOptions, Reading, Slot};
use crate::snapshot::{Published, TokenRef};
use crate::sync::{Mutex, locked};
use crate::token::SessionToken;

#[cfg(all(test, loom))]
mod loom;

/// What came of waiting.
pub(crate) type Outcome = Result<Arc<SessionToken>, Failure>;

/// What works for an entry.
pub(crate) trait Shell {
    /// What it keeps with the slot, under the same lock.
    type Tasks;
    /// Who waits for a fetch.
    type Waiter;

    fn now(&self) -> Now;

    /// Does what the slot wants done, except what the entry does itself ([`Action::Publish`]). Must not wait.
    fn act(&self, action: Action, tasks: &mut Self::Tasks);

    fn answer(&self, waiter: Self::Waiter, outcome: Outcome);

    /// Wakes the slot in so many milliseconds, or not at all.
    fn wake_in(&self, wait_ms: Option<u64>, tasks: &mut Self::Tasks);
}

/// What a reader gets.
#[derive(Debug)]
pub(crate) enum Answer<R> {
    Ready(TokenRef),
    Failed(Failure),
    Wait(R),
}

pub(crate) struct Entry<S: Shell> {
    pub(crate) key: TokenKey,
    pub(crate) published: Published,
    threshold_ms: Option<i64>,
    driven: Mutex<Driven<S>>,
}

struct Driven<S: Shell> {
    slot: Slot,
    waiters: BTreeMap<FetchId, Vec<S::Waiter>>,
    tasks: S::Tasks,
}

impl<S: Shell> Entry<S> {
    pub(crate) fn new(key: TokenKey, policy: Policy, seed: u64, tasks: S::Tasks) -> Self {
        let driven = Driven { slot: Slot::new(policy, seed), waiters: BTreeMap::new(), tasks };
        Self {
            key,
            published: Published::default(),
            threshold_ms: policy.background_threshold_ms,
            driven: Mutex::new(driven),
        }
    }

    /// Asks the slot. `waiter` makes who waits, and what they wait at.
    pub(crate) fn read<R>(
        &self,
        shell: &S,
        options: ReadOptions,
        waiter: impl FnOnce() -> (S::Waiter, R),
    ) -> Answer<R> {
        let mut driven = locked(&self.driven);
        let now = shell.now();
        let answer = match driven.slot.read(options, now) {
            // It is what is published, unless the clock has been set.
            Reading::Ready { token, .. } => {
                let published = TokenRef::load(&self.published, now.wall_ms);
                Answer::Ready(published.unwrap_or_else(|| TokenRef::of(token)))
            }
            Reading::Ended(failure) => Answer::Failed(failure),
            Reading::Wait(id) => {
                let (waiter, waits) = waiter();
                driven.waiters.entry(id).or_default().push(waiter);
                Answer::Wait(waits)
            }
        };
        self.act(shell, &mut driven);
        answer
    }

    /// Tells the slot of something and does what it wants done.
    pub(crate) fn drive<R>(&self, shell: &S, tell: impl FnOnce(&mut Slot, &mut S::Tasks, Now) -> R) -> R {
        let mut driven = locked(&self.driven);
        let Driven { slot, tasks, .. } = &mut *driven;
        let told = tell(slot, tasks, shell.now());
        self.act(shell, &mut driven);
        told
    }

    /// Looks at what works for it.
    pub(crate) fn tasks<R>(&self, look: impl FnOnce(&mut S::Tasks) -> R) -> R {
        look(&mut locked(&self.driven).tasks)
    }

    /// Tells whether nobody would miss it.
    pub(crate) fn is_idle(&self, now_ms: i64) -> bool {
        TokenRef::load(&self.published, now_ms).is_none() && locked(&self.driven).waiters.is_empty()
    }

    fn act(&self, shell: &S, driven: &mut Driven<S>) {
        let Driven { slot, waiters, tasks } = driven;
        while let Some(action) = slot.poll_action() {
            match action {
                Action::Publish(token) => self.published.store(token, self.threshold_ms),
                Action::Finish { id, outcome } => {
                    for waiter in waiters.remove(&id).unwrap_or_default() {
                        shell.answer(waiter, outcome.clone());
                    }
                    shell.act(Action::Finish { id, outcome }, tasks);
                }
                other => shell.act(other, tasks),
            }
        }
        shell.wake_in(slot.poll_wake(shell.now()), tasks);
    }
}
