//! The processes, and what they say of themselves.

use std::process::Stdio;
use std::time::Duration;

use nostore_message::Secret;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// So long a process may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that ends with this.
pub(crate) struct Member {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
}

/// How it went for one process. Times are in milliseconds, since 1970 where they say when.
#[derive(Debug)]
pub(crate) struct Diary {
    pub(crate) calls: u64,
    /// When somebody had to wait, and how long.
    pub(crate) waited: Vec<(i64, i64)>,
    pub(crate) failed: Vec<i64>,
    pub(crate) expired: Vec<i64>,
    /// Fetches that brought nothing.
    pub(crate) in_vain: Vec<i64>,
    /// What was found in Redis and not believed.
    pub(crate) unopened: u64,
}

impl Member {
    pub(crate) fn start(number: usize, service: u16, redis: &Secret) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_member"));
        command.args([number.to_string(), service.to_string(), redis.expose().to_owned()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let says = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, says }
    }

    /// Waits for its first token.
    pub(crate) async fn ready(&mut self) {
        assert_eq!(self.line().await, "ready");
    }

    /// Ends it.
    pub(crate) async fn end(mut self) -> Diary {
        drop(self.process.stdin.take());
        let diary = self.line().await;
        assert!(timeout(PATIENCE, self.process.wait()).await.unwrap().unwrap().success());
        let of = |list: &str| diary[list].as_array().unwrap().clone();
        let times = |list: &str| of(list).iter().map(|noted| noted[0].as_i64().unwrap()).collect();
        let waited = of("waited");
        let waited = waited.iter().map(|noted| (noted[0].as_i64().unwrap(), noted[1].as_i64().unwrap()));
        Diary {
            calls: diary["calls"].as_u64().unwrap(),
            waited: waited.collect(),
            failed: times("failed"),
            expired: times("expired"),
            in_vain: times("in_vain"),
            unopened: diary["unopened"].as_u64().unwrap(),
        }
    }

    async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.says.next_line()).await.expect("expected a word of a process");
        let line = line.unwrap().expect("expected the process to go on");
        serde_json::from_str(&line).unwrap()
    }
}
