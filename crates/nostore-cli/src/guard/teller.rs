//! Tells of requests on a thread of its own: a reader of the output that stalls holds up no visitor.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use nostore_guard::{Record, Sink};
use tokio::sync::oneshot;

use super::line;
use crate::report::Reporter;

/// How many requests may wait to be told; those beyond are left out.
const MOST_WAITING: usize = 4_096;

/// How long the end waits for a reader.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What tells of requests.
pub(super) struct Teller {
    sender: SyncSender<Record>,
    /// Is closed when everything is told.
    told: oneshot::Receiver<()>,
}

impl Teller {
    /// Starts it. It ends with the last one who could tell it something.
    pub(super) fn start(reporter: &Arc<Reporter>) -> Self {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let reporter = Arc::clone(reporter);
        let (done, told) = oneshot::channel();
        std::thread::spawn(move || {
            tell(&receiver, &reporter);
            drop(done);
        });
        Self { sender, told }
    }

    /// Returns whom a guard tells.
    pub(super) fn sink(&self) -> Sink {
        let sender = self.sender.clone();
        Arc::new(move |record| {
            // Whoever reads too slowly misses requests; visitors do not wait for that.
            let _left_out = sender.try_send(record);
        })
    }

    /// Lets it tell what is left, for a moment.
    pub(super) async fn finish(self) {
        drop(self.sender);
        drop(tokio::time::timeout(LAST_WORDS, self.told).await);
    }
}

fn tell(records: &Receiver<Record>, reporter: &Reporter) {
    for record in records {
        reporter.event(&record.to_json(), &line(&record, reporter));
    }
}
