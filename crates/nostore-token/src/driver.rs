//! What works for an entry on tokio: tasks that fetch, that ask those in step, and that wake the slot.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use crate::client::{Shared, TokenEvent};
use crate::entry::{Entry, Outcome, Shell};
use crate::failure::Failure;
use crate::fetch::Ask;
use crate::key::DEFAULT_PREFIX;
use crate::lock::Held;
use crate::slot::{Action, FetchId, FetchKind, Now};
use crate::token::SessionToken;

/// An entry, and the client that it belongs to.
#[derive(Clone)]
pub(crate) struct Driver {
    pub(crate) shared: Arc<Shared>,
    pub(crate) entry: Arc<Entry<Self>>,
}

/// The same, held by tasks: they end nobody's life later.
struct Sleeper {
    shared: Weak<Shared>,
    entry: Weak<Entry<Driver>>,
}

/// What works for an entry.
#[derive(Default)]
pub(crate) struct Tasks {
    /// For each fetch: asking others, or the service.
    fetches: BTreeMap<FetchId, AbortHandle>,
    /// Locks of fetches that run.
    locks: BTreeMap<FetchId, Held>,
    timer: Option<(Instant, AbortHandle)>,
}

impl Tasks {
    /// Ends everything.
    pub(crate) fn abort(&mut self) {
        let timer = self.timer.take().map(|(_, timer)| timer);
        for task in std::mem::take(&mut self.fetches).into_values().chain(timer) {
            task.abort();
        }
        self.locks.clear();
    }
}

impl Shell for Driver {
    type Tasks = Tasks;
    type Waiter = oneshot::Sender<Outcome>;

    fn now(&self) -> Now {
        self.shared.now()
    }

    fn act(&self, action: Action, tasks: &mut Tasks) {
        match action {
            Action::Queue { id, .. } => self.queue(id, tasks),
            Action::Fetch { id, kind, previous } => self.fetch(id, kind, previous, tasks),
            Action::Forget(id) => {
                if let Some(task) = tasks.fetches.remove(&id) {
                    task.abort();
                }
            }
            // After those in step have been told.
            Action::Finish { id, .. } => drop(tasks.locks.remove(&id)),
            Action::Publish(_) => {}
            Action::Announce(token) => self.shared.announce(&self.entry.key, &token),
            Action::Tell(event) => {
                // Nobody may listen.
                let _ = self.shared.events.send(TokenEvent { key: self.entry.key.clone(), event });
            }
        }
    }

    fn answer(&self, waiter: Self::Waiter, outcome: Outcome) {
        // Who does not wait any more needs no answer.
        let _ = waiter.send(outcome);
    }

    fn wake_in(&self, wait_ms: Option<u64>, tasks: &mut Tasks) {
        let at = wait_ms.map(|wait_ms| {
            let now_ms = self.shared.steady_ms();
            self.shared.start + Duration::from_millis(now_ms.saturating_add(wait_ms))
        });
        if tasks.timer.as_ref().map(|(set, _)| *set) == at {
            return;
        }
        if let Some((_, old)) = tasks.timer.take() {
            old.abort();
        }
        let Some(at) = at else { return };
        let sleeper = self.sleeper();
        let task = self.shared.runtime.spawn(async move {
            sleep_until(at).await;
            if let Some(driver) = sleeper.awake() {
                driver.entry.drive(&driver, |slot, tasks, now| {
                    // This task is over: what is set next must not end it. Another one may have been set meanwhile.
                    tasks.timer.take_if(|(set, _)| *set == at);
                    slot.wake(now);
                });
            }
        });
        tasks.timer = Some((at, task.abort_handle()));
    }
}

impl Driver {
    /// Asks others for their token, and for the lock.
    fn queue(&self, id: FetchId, tasks: &mut Tasks) {
        let bus = self.shared.bus.clone().filter(|bus| bus.keeps());
        let lock = self.shared.lock.clone();
        let name = self.entry.key.name(DEFAULT_PREFIX);
        let sleeper = self.sleeper();
        let task = self.shared.runtime.spawn(async move {
            let held = match &lock {
                Some(lock) => lock.acquire(&name).await,
                None => None,
            };
            // Whoever held the lock before has left its token.
            let kept = match &bus {
                Some(bus) => bus.load(&name).await,
                None => None,
            };
            let Some(driver) = sleeper.awake() else { return };
            if let Some(message) = kept {
                driver.shared.hear(&message);
            }
            driver.admit(id, held);
        });
        tasks.fetches.insert(id, task.abort_handle());
    }

    /// Lets a fetch begin, if it is wanted still.
    fn admit(&self, id: FetchId, held: Option<Held>) {
        self.entry.drive(self, |slot, tasks, now| {
            if slot.admitted(id, now) {
                // The task that waited ends by itself.
                tasks.fetches.remove(&id);
                tasks.locks.extend(held.map(|held| (id, held)));
            }
        });
    }

    /// Fetches in a task of its own, which no caller can end.
    fn fetch(&self, id: FetchId, kind: FetchKind, previous: Option<Arc<SessionToken>>, tasks: &mut Tasks) {
        let fetch = Arc::clone(&self.shared.fetch);
        let ask = Ask { key: self.entry.key.clone(), kind, previous };
        let sent = self.shared.clocks();
        let task = self.shared.runtime.spawn(async move { fetch.fetch(ask).await });
        let abort = task.abort_handle();
        let sleeper = self.sleeper();
        self.shared.runtime.spawn(async move {
            let result = match task.await {
                Ok(result) => result,
                Err(error) if error.is_panic() => Err(Failure::Panicked),
                // Aborted: the client is gone.
                Err(_) => return,
            };
            let Some(driver) = sleeper.awake() else { return };
            if let Ok(fetched) = &result {
                driver.shared.learn(sent, fetched);
            }
            driver.entry.drive(&driver, |slot, tasks, now| {
                // Before the slot acts: it may try again under the same name.
                tasks.fetches.remove(&id);
                slot.fetched(id, result.map(|fetched| fetched.token), now);
            });
            // Not kept while a retry is waited for.
            driver.entry.tasks(|tasks| tasks.locks.remove(&id));
        });
        if let Some(queued) = tasks.fetches.insert(id, abort) {
            queued.abort();
        }
    }

    fn sleeper(&self) -> Sleeper {
        Sleeper { shared: Arc::downgrade(&self.shared), entry: Arc::downgrade(&self.entry) }
    }
}

impl Sleeper {
    fn awake(&self) -> Option<Driver> {
        Some(Driver { shared: self.shared.upgrade()?, entry: self.entry.upgrade()? })
    }
}
