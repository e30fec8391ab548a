//! The link as the token client sees it: a bus and a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nostore_message::{Clock as _, Secret};
use nostore_token::{
    Bus, BusFault, BusFuture, CoarseClock, DEFAULT_PREFIX, HIDDEN_BYTES, Held, Lock, LockFuture, Message,
    Seals,
};
use redis::{Client, ErrorKind, RedisError, Value};
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::time::Instant;

use crate::drive::drive;
use crate::queue::{Command, Hold, Queue, Refused, State, Wanted};
use crate::settings::{RedisLinkBuilder, SettingsFault, Times};

/// So many messages wait for a listener that is slow; older ones are lost. All that is looked for after an outage fits.
const MESSAGES: usize = 1_024;

/// A link to Redis or Valkey. Clones are the same link; when the last one is gone, its task does what is in the queue
/// and ends.
#[derive(Clone)]
pub struct RedisLink(Arc<Ends>);

/// The last one that could ask.
struct Ends(Arc<Shared>);

/// Why there is no connection. Says nothing of what was found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkFault {
    /// What came is not what Redis answers.
    #[error("expected answers of the Redis protocol, found something else")]
    Garbled,
    /// It does not let us in: user, password, database or protocol.
    #[error("expected Redis to accept user, password, database and RESP3, but it refused")]
    Refused,
    /// It took too long.
    #[error("expected an answer of Redis in time")]
    Silent,
    /// Nobody is there, or the connection broke.
    #[error("expected a connection to Redis")]
    Unreachable,
}

impl LinkFault {
    /// Returns the stable name of the fault.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Garbled => "redis-garbled",
            Self::Refused => "redis-refused",
            Self::Silent => "redis-silent",
            Self::Unreachable => "redis-unreachable",
        }
    }

    pub(crate) fn of(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Parse => Self::Garbled,
            _ if error.is_timeout() => Self::Silent,
            ErrorKind::Io => Self::Unreachable,
            _ => Self::Refused,
        }
    }
}

/// What the link's ends and its task share.
pub(crate) struct Shared {
    pub(crate) names: Names,
    pub(crate) times: Times,
    seals: Seals,
    queue: Mutex<Queue>,
    /// Something is in the queue, or nobody is left.
    call: Notify,
    gone: Notify,
    heard: broadcast::Sender<Arc<[u8]>>,
    fault: Mutex<Option<LinkFault>>,
    unopened: AtomicU64,
}

/// What things are called in Redis.
pub(crate) struct Names {
    prefix: String,
    pub(crate) channel: String,
}

impl Names {
    fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), channel: format!("{prefix}:tokens") }
    }

    pub(crate) fn token(&self, hidden: &str) -> String {
        format!("{}:token:{hidden}", self.prefix)
    }

    pub(crate) fn lock(&self, hidden: &str) -> String {
        format!("{}:lock:{hidden}", self.prefix)
    }
}

impl RedisLink {
    /// Sets up a link to the Redis at `url`, as in `redis://user:password@host:6379/0`. The first of the secrets seals,
    /// all open. Each is of 32 random bytes or more.
    ///
    /// # Errors
    ///
    /// When the URL or a secret is none.
    pub fn builder(
        url: &Secret,
        secrets: impl IntoIterator<Item = Secret>,
    ) -> Result<RedisLinkBuilder, SettingsFault> {
        RedisLinkBuilder::new(url, Seals::new(secrets)?)
    }

    pub(crate) fn start(
        client: Client,
        seals: Seals,
        prefix: &str,
        times: Times,
        runtime: &Handle,
    ) -> Result<Self, SettingsFault> {
        let seed = getrandom::u64().map_err(|_| SettingsFault::Entropy)?;
        let shared = Arc::new(Shared {
            names: Names::new(prefix),
            times,
            seals,
            queue: Mutex::default(),
            call: Notify::new(),
            gone: Notify::new(),
            heard: broadcast::Sender::new(MESSAGES),
            fault: Mutex::default(),
            unopened: AtomicU64::new(0),
        });
        runtime.spawn(drive(Arc::clone(&shared), client, seed));
        Ok(Self(Arc::new(Ends(shared))))
    }

    /// Tells whether there is a connection.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.shared().queue().state == State::Up
    }

    /// Returns why there is no connection. `None`: there is one, or the first is being made.
    #[must_use]
    pub fn fault(&self) -> Option<LinkFault> {
        *self.shared().fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many texts were found that none of the secrets opens, or that are not what they are called: with
    /// secrets that differ between processes, all of them.
    #[must_use]
    pub fn unopened(&self) -> u64 {
        self.shared().unopened.load(Ordering::Relaxed)
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

impl Bus for RedisLink {
    fn send(&self, message: &Message) -> Result<(), BusFault> {
        let shared = self.shared();
        let name = shared.seals.hide(message.name());
        let sealed = shared.seals.seal(&name, message.expose().as_bytes());
        let sealed = sealed.map_err(|fault| BusFault { what: fault.code() })?;
        let keep_ms = message.keep_ms(CoarseClock.now());
        let mut queue = shared.queue();
        queue.remember(message.name(), Instant::now());
        let pushed = queue.push(Command::Send { name, sealed, keep_ms });
        drop(queue);
        shared.call.notify_one();
        pushed.map_err(|refused| BusFault { what: refused.what() })
    }

    fn listen(&self) -> broadcast::Receiver<Arc<[u8]>> {
        self.shared().heard.subscribe()
    }

    fn keeps(&self) -> bool {
        true
    }

    fn load(&self, name: &str) -> BusFuture {
        let (reply, answer) = oneshot::channel();
        let shared = self.shared();
        shared.queue().remember(name, Instant::now());
        shared.push(Command::Load { names: shared.seals.hidden(name).collect(), reply });
        Box::pin(async move { answer.await.ok().flatten() })
    }

    fn forget(&self, name: &str) {
        let shared = self.shared();
        shared.queue().forget(name);
        shared.push(Command::Forget(shared.seals.hidden(name).collect()));
    }
}

impl Lock for RedisLink {
    fn acquire(&self, name: &str) -> LockFuture {
        let shared = self.shared();
        let (reply, answer) = oneshot::channel();
        // Without entropy nobody could tell one owner from another.
        if let Ok(owner) = owner() {
            let hold = Hold { name: shared.seals.hide(name), owner };
            shared.push(Command::Acquire(Wanted { hold, reply }));
        }
        Box::pin(async move { answer.await.ok() })
    }
}

impl Shared {
    /// Takes something to be done. Where it is refused, whoever waits for it is told by its end.
    fn push(&self, command: Command) {
        // A command that is refused is dropped, and with it the way to whoever waits.
        let _ = self.queue().push(command);
        self.call.notify_one();
    }

    pub(crate) fn next(&self) -> Option<Command> {
        self.queue().pop()
    }

    /// Returns the names to be looked for after an outage, each as hidden with every secret.
    pub(crate) fn missed(&self) -> Vec<Vec<String>> {
        let names = self.queue().remembered(Instant::now());
        names.iter().map(|name| self.seals.hidden(name).collect()).collect()
    }

    pub(crate) fn go_up(&self) {
        self.queue().state = State::Up;
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn go_down(&self, fault: LinkFault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
        self.queue().go_down();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// Ends when nobody is left who could ask.
    pub(crate) async fn closed(&self) {
        while !self.is_closed() {
            self.gone.notified().await;
        }
    }

    /// Ends when something is in the queue, or nobody is left.
    pub(crate) async fn called(&self) {
        self.call.notified().await;
    }

    /// A lock that is given back through the queue, behind what its owner told before.
    pub(crate) fn held(self: &Arc<Self>, hold: Hold) -> Held {
        let shared = Arc::clone(self);
        Held::new(move || shared.give_back(hold))
    }

    pub(crate) fn give_back(&self, hold: Hold) {
        self.push(Command::Release(hold));
    }

    /// Takes what Redis pushed: the channel's name, and a message.
    pub(crate) fn hear(&self, push: &[Value]) {
        let [Value::BulkString(channel), Value::BulkString(message)] = push else { return };
        if channel != self.names.channel.as_bytes() {
            return;
        }
        let parts = message.split_at_checked(HIDDEN_BYTES);
        let opened = parts.and_then(|(name, sealed)| self.open(str::from_utf8(name).ok()?, sealed));
        if let Some(message) = opened {
            self.tell(message);
        }
    }

    /// Tells those who listen.
    pub(crate) fn tell(&self, message: Arc<[u8]>) {
        // Nobody may listen, which is no fault.
        let _ = self.heard.send(message);
    }

    /// Opens what was found under a hidden name, and makes sure that it belongs there.
    pub(crate) fn open(&self, hidden: &str, sealed: &[u8]) -> Option<Arc<[u8]>> {
        let opened = self.seals.open(hidden, sealed).ok().filter(|text| {
            let entry = Message::open(text).ok().map(|(key, _)| key.name(DEFAULT_PREFIX));
            entry.is_some_and(|name| self.seals.hidden(&name).any(|name| name == hidden))
        });
        if opened.is_none() {
            self.unopened.fetch_add(1, Ordering::Relaxed);
        }
        opened.map(|text| text.as_slice().into())
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Every change is made in whole steps, so a panicked holder left nothing half-made.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.queue().closed = true;
        self.0.call.notify_one();
        self.0.gone.notify_one();
    }
}

impl Refused {
    const fn what(self) -> &'static str {
        match self {
            Self::Down => "redis is away",
            Self::Full => "too much is waiting for redis",
        }
    }
}

/// 128 random bits.
fn owner() -> Result<String, getrandom::Error> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bits)))
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLink").field("is_up", &self.is_up()).finish_non_exhaustive()
    }
}
