//! The thread that writes. What waits for it goes into one transaction, and so costs one sync of the disk.

use nostore_message::UnixTime;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::{Fault, StoreError, engine, rows};
use crate::store::{Change, Written};

/// So many changes wait before who asks for more does.
const WAITING: usize = 1_024;
/// So many changes are made in one transaction.
const AT_ONCE: usize = 64;

/// The way to the thread, which ends when this is gone and what waits is done.
pub(super) struct Writer(mpsc::Sender<Job>);

enum Job {
    Write(Change, UnixTime, Reply<Written>),
    Sweep(UnixTime, Reply<usize>),
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

impl Writer {
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (sender, jobs) = mpsc::channel(WAITING);
        let thread = std::thread::Builder::new().name("nostore-store".to_owned());
        thread.spawn(move || serve(connection, jobs)).map_err(|error| engine("starting a thread", error))?;
        Ok(Self(sender))
    }

    pub(super) async fn write(&self, change: Change, now: UnixTime) -> Result<Written, StoreError> {
        self.ask("writing", |reply| Job::Write(change, now, reply)).await
    }

    pub(super) async fn sweep(&self, now: UnixTime) -> Result<u64, StoreError> {
        let mut swept = 0;
        loop {
            let some = self.ask("sweeping", |reply| Job::Sweep(now, reply)).await?;
            swept += some as u64;
            if some < usize::from(rows::SWEPT_AT_ONCE) {
                return Ok(swept);
            }
        }
    }

    async fn ask<T>(&self, doing: &'static str, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || engine(doing, "the thread that writes has ended");
        self.0.send(job(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn serve(mut connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < AT_ONCE {
            let Ok(job) = jobs.try_recv() else { break };
            batch.push(job);
        }
        serve_batch(&mut connection, batch);
    }
}

/// Does jobs in one transaction: all of them or, where one fails, none.
fn serve_batch(connection: &mut Connection, batch: Vec<Job>) {
    match make(connection, &batch) {
        Ok(came) => batch.into_iter().zip(came).for_each(|(job, came)| job.tell(came)),
        Err(fault) => batch.into_iter().for_each(|job| job.fail(fault.clone())),
    }
}

fn make(connection: &mut Connection, batch: &[Job]) -> Result<Vec<Came>, Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    rows::current(&transaction)?;
    let came = batch.iter().map(|job| job.make(&transaction)).collect::<Result<_, _>>()?;
    transaction.commit()?;
    Ok(came)
}

/// What a job came to.
enum Came {
    Swept(usize),
    Written(Written),
}

impl Job {
    fn make(&self, connection: &Connection) -> Result<Came, Fault> {
        match self {
            Self::Sweep(now, _) => rows::sweep(connection, *now).map(Came::Swept),
            Self::Write(change, now, _) => rows::write(connection, change, *now).map(Came::Written),
        }
    }

    /// Tells whoever waits, and nobody else, what is on disk.
    fn tell(self, came: Came) {
        match (self, came) {
            (Self::Sweep(_, reply), Came::Swept(swept)) => drop(reply.send(Ok(swept))),
            (Self::Write(_, _, reply), Came::Written(written)) => drop(reply.send(Ok(written))),
            // A sweep sweeps, and a write writes.
            (Self::Sweep(..), Came::Written(_)) | (Self::Write(..), Came::Swept(_)) => {}
        }
    }

    fn fail(self, fault: Fault) {
        match self {
            Self::Sweep(_, reply) => drop(reply.send(Err(fault.told("sweeping")))),
            Self::Write(_, _, reply) => drop(reply.send(Err(fault.told("writing")))),
        }
    }
}
