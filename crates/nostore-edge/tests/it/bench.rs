//! An edge with a clock that stands still and records that can be waited for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use nostore_cache::Profile;
use nostore_edge::{Clock, Edge, EdgeConfig, Record};
use nostore_message::UnixTime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::wire::{ask, get, listener, within};

/// 1994-11-06T08:49:37Z, as in RFC 9110 section 5.6.7.
pub(crate) const START: i64 = 784_111_777;

/// A clock that moves only when told.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, secs: i64) {
        self.0.fetch_add(secs, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// A running edge.
pub(crate) struct Bench {
    pub(crate) edge: Arc<Edge>,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) served: JoinHandle<()>,
    records: mpsc::UnboundedReceiver<Record>,
}

/// Starts an edge in front of `origin`.
pub(crate) async fn bench(profile: &str, origin: SocketAddr) -> Bench {
    bench_with(profile, origin, |_| {}).await
}

/// Starts an edge with a changed configuration.
pub(crate) async fn bench_with(
    profile: &str,
    origin: SocketAddr,
    change: impl FnOnce(&mut EdgeConfig),
) -> Bench {
    let (sender, records) = mpsc::unbounded_channel();
    let clock = Arc::new(TestClock(AtomicI64::new(START)));
    let mut config = EdgeConfig::new(
        format!("http://{origin}"),
        Profile::named(profile).unwrap(),
        Arc::<TestClock>::clone(&clock),
    );
    config.sink = Arc::new(move |record| drop(sender.send(record)));
    change(&mut config);
    let edge = Edge::new(config).unwrap();
    let (listener, address) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = Arc::clone(&edge);
    let served = tokio::spawn(async move { serving.serve(listener, async { drop(stopped.await) }).await });
    Bench { edge, address, clock, stop, served, records }
}

impl Bench {
    /// Waits for the next record.
    pub(crate) async fn record(&mut self) -> Record {
        within(self.records.recv()).await.unwrap()
    }

    /// Asks for a target with further field lines, and returns the answer with its record.
    pub(crate) async fn get(&mut self, target: &str, lines: &str) -> (String, Record) {
        self.ask(&get(target, lines)).await
    }

    /// Sends a whole request, and returns the answer with its record.
    pub(crate) async fn ask(&mut self, request: &str) -> (String, Record) {
        let answer = ask(self.address, request).await;
        (answer, self.record().await)
    }
}
