//! The thread that owns core and database.
//!
//! # Invariants
//!
//! - What a request changes is on disk before it takes effect and before it is answered; when the
//!   disk refuses, nothing changes and the answer says so.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use nostore_jose::SigningKey;
use nostore_message::{Clock, RequestHead, UnixTime};
use tokio::sync::oneshot;

use super::data_dir::DataDir;
use crate::core::{Draw, ENTROPY_BYTES, Issuer, Notice, Response};
use crate::store::Store;

/// Owns the thread. Dropping it lets the thread finish its request and close the database.
#[derive(Debug)]
pub(super) struct Engine {
    commands: mpsc::Sender<Command>,
    thread: Option<JoinHandle<()>>,
}

/// Sends requests to the thread. Each connection waits for its answer, so the queue is no longer than
/// there are connections.
#[derive(Clone, Debug)]
pub(super) struct EngineHandle(mpsc::Sender<Command>);

/// A response, and what relying parties are told after it.
type Answer = (Response, Vec<Notice>);

enum Command {
    Decide(Box<Job>),
    Stop,
}

struct Job {
    head: RequestHead<'static>,
    body: Vec<u8>,
    reply: oneshot::Sender<Answer>,
}

impl Engine {
    pub(super) fn start(
        issuer: Issuer,
        kept: Option<(Store, DataDir)>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let (commands, queue) = mpsc::channel();
        let run = move || {
            let (store, _lock) = kept.map_or((None, None), |(store, dir)| (Some(store), Some(dir)));
            let mut worker = Worker { issuer, store };
            while let Ok(Command::Decide(job)) = queue.recv() {
                let answer = worker.answer(&job.head, &job.body, clock.now());
                // Nobody waits any more when the connection is gone.
                let _gone = job.reply.send(answer);
            }
        };
        let thread = Builder::new().name("nostore-issuer".to_owned()).spawn(run)?;
        Ok(Self { commands, thread: Some(thread) })
    }

    pub(super) fn handle(&self) -> EngineHandle {
        EngineHandle(self.commands.clone())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _stopped = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl EngineHandle {
    /// Lets the core decide.
    pub(super) async fn answer(&self, head: RequestHead<'static>, body: Vec<u8>) -> Answer {
        let (reply, answer) = oneshot::channel();
        let job = Command::Decide(Box::new(Job { head, body, reply }));
        if self.0.send(job).is_ok()
            && let Ok(answer) = answer.await
        {
            return answer;
        }
        failure("the identity service has stopped")
    }
}

struct Worker {
    issuer: Issuer,
    store: Option<Store>,
}

impl Worker {
    fn answer(&mut self, head: &RequestHead<'_>, body: &[u8], now: UnixTime) -> Answer {
        let mut entropy = [0; ENTROPY_BYTES];
        if getrandom::fill(&mut entropy).is_err() {
            return failure("the system gave no entropy");
        }
        let mut draw = Draw::new(entropy);
        if self.issuer.needs_key(head) {
            match SigningKey::generate() {
                Ok(key) => draw.signing_key = Some(Arc::new(key)),
                Err(error) => return failure(&error.to_string()),
            }
        }
        let (response, changes) = self.issuer.decide(head, body, now, &draw);
        let notices = self.issuer.notices(&changes, now);
        if !changes.is_empty() {
            if let Some(Err(error)) = self.store.as_mut().map(|store| store.keep(&changes)) {
                return failure(&format!("nothing was changed, because the database refused: {error}"));
            }
            self.issuer.apply(&changes);
        }
        (response, notices)
    }
}

fn failure(what: &str) -> Answer {
    let mut response = Response::text(500, format!("nostore issuer: {what}\n"));
    response.note = what.to_owned();
    (response, Vec::new())
}
