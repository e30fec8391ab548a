//! Commands that go to Redis together, and what becomes of its answers.
//!
//! Redis does what is in one exchange in order. An answer that is none of those expected counts as none.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisResult, Value};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::link::Shared;
use crate::queue::{Command, Hold, Wanted};
use crate::waiting::Waiting;

/// So many commands go together at most.
const LARGEST: usize = 128;

/// Deletes a lock where it is still its owner's (`KEYS[1]`, `ARGV[1]`).
const RELEASE: &str =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

pub(crate) struct Batch {
    pipeline: Pipeline,
    expected: Vec<Expected>,
    answers: usize,
}

/// What an answer is for.
enum Expected {
    Acquire(Wanted),
    Load {
        names: Vec<String>,
        reply: oneshot::Sender<Option<Arc<[u8]>>>,
    },
    /// Whatever is kept is told to those who listen.
    Feed(Vec<String>),
    /// So many answers that tell nothing.
    Nothing(usize),
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self { pipeline: Pipeline::new(), expected: Vec::new(), answers: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.answers == 0
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.answers >= LARGEST
    }

    /// Adds a command, unless whoever gave it has gone.
    pub(crate) fn add(&mut self, command: Command, shared: &Shared) {
        match command {
            Command::Acquire(wanted) => self.acquire(wanted, shared),
            Command::Forget(names) => {
                let keys = names.iter().map(|name| shared.names.token(name));
                self.pipeline.cmd("DEL").arg(keys.collect::<Vec<_>>());
                self.expect(Expected::Nothing(1), 1);
            }
            Command::Load { names, reply } if !reply.is_closed() => {
                self.look_for(&names, shared);
                let answers = names.len();
                self.expect(Expected::Load { names, reply }, answers);
            }
            Command::Load { .. } => {}
            Command::Release(Hold { name, owner }) => {
                self.pipeline.cmd("EVAL").arg(RELEASE).arg(1).arg(shared.names.lock(&name)).arg(owner);
                self.expect(Expected::Nothing(1), 1);
            }
            Command::Send { name, sealed, keep_ms } => {
                if let Some(keep_ms) = keep_ms {
                    let key = shared.names.token(&name);
                    self.pipeline.cmd("SET").arg(key).arg(&sealed).arg("PX").arg(keep_ms);
                    self.expect(Expected::Nothing(1), 1);
                }
                let message = [name.as_bytes(), &sealed].concat();
                self.pipeline.cmd("PUBLISH").arg(&shared.names.channel).arg(message);
                self.expect(Expected::Nothing(1), 1);
            }
        }
    }

    /// Asks for a lock, once.
    pub(crate) fn acquire(&mut self, wanted: Wanted, shared: &Shared) {
        if wanted.reply.is_closed() {
            return;
        }
        let (key, lasts_ms) = (shared.names.lock(&wanted.hold.name), millis(shared.times.lock));
        self.pipeline.cmd("SET").arg(key).arg(&wanted.hold.owner).arg("NX").arg("PX").arg(lasts_ms);
        self.expect(Expected::Acquire(wanted), 1);
    }

    /// Looks for what is kept under any of these names, for those who listen.
    pub(crate) fn feed(&mut self, names: Vec<String>, shared: &Shared) {
        self.look_for(&names, shared);
        let answers = names.len();
        self.expect(Expected::Feed(names), answers);
    }

    pub(crate) fn ping(&mut self) {
        self.pipeline.cmd("PING");
        self.expect(Expected::Nothing(1), 1);
    }

    fn look_for(&mut self, names: &[String], shared: &Shared) {
        for name in names {
            self.pipeline.cmd("GET").arg(shared.names.token(name));
        }
    }

    fn expect(&mut self, expected: Expected, answers: usize) {
        self.expected.push(expected);
        self.answers += answers;
    }

    pub(crate) async fn exchange(&self, connection: &mut MultiplexedConnection) -> RedisResult<Vec<Value>> {
        connection.send_packed_commands(&self.pipeline, 0, self.answers).await
    }

    /// Gives everybody their answer.
    pub(crate) fn finish(self, answers: Vec<Value>, shared: &Arc<Shared>, waiting: &mut Waiting) {
        let mut answers = VecDeque::from(answers);
        for expected in self.expected {
            match expected {
                Expected::Acquire(wanted) => match answers.pop_front() {
                    Some(Value::Okay) => {
                        // Where nobody waits any more it is given back at once, by being dropped.
                        let _ = wanted.reply.send(shared.held(wanted.hold));
                    }
                    Some(Value::Nil) => waiting.push(wanted, Instant::now()),
                    _ => {}
                },
                Expected::Load { names, reply } => {
                    let found = found(&names, &mut answers, shared);
                    // Who does not wait any more needs no answer.
                    let _ = reply.send(found.into_iter().next());
                }
                Expected::Feed(names) => {
                    for message in found(&names, &mut answers, shared) {
                        shared.tell(message);
                    }
                }
                Expected::Nothing(count) => drop(answers.drain(..count.min(answers.len()))),
            }
        }
    }

    /// Nobody knows what became of it: locks that may have been given are given back.
    pub(crate) fn give_up(self, shared: &Shared) {
        for expected in self.expected {
            if let Expected::Acquire(Wanted { hold, .. }) = expected {
                shared.give_back(hold);
            }
        }
    }
}

/// Returns what was kept under each name, where it is what it should be.
fn found(names: &[String], answers: &mut VecDeque<Value>, shared: &Shared) -> Vec<Arc<[u8]>> {
    let answers = answers.drain(..names.len().min(answers.len()));
    let kept = names.iter().zip(answers).filter_map(|(name, answer)| match answer {
        Value::BulkString(sealed) => shared.open(name, &sealed),
        _ => None,
    });
    kept.collect()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
