//! The `nostore` binary under test, and the events that it prints.

use std::fmt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How long a start or an awaited event may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `nostore` that prints one JSON object per line.
pub struct Nostore {
    child: Child,
    events: Arc<Mutex<Vec<Value>>>,
    seen: watch::Receiver<usize>,
    started: Value,
}

/// The program ended, or was silent for too long, before it said that it had started.
#[derive(Debug)]
pub struct StartError {
    /// The exit code, where it ended.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nostore did not start (exit code {:?}): {}", self.code, self.stderr)
    }
}

impl std::error::Error for StartError {}

impl Nostore {
    /// Starts `binary` with `arguments` in `folder` and waits until it says that it has started.
    ///
    /// # Errors
    ///
    /// Returns what it wrote to standard error when it ends instead.
    pub async fn start(binary: &str, arguments: &[&str], folder: &Path) -> Result<Self, StartError> {
        let failed = |text: String| StartError { code: None, stderr: text };
        let mut child = Command::new(binary)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(format!("{binary}: {error}")))?;
        let stdout = child.stdout.take().ok_or_else(|| failed("no standard output".into()))?;
        let mut stderr = child.stderr.take().ok_or_else(|| failed("no standard error".into()))?;
        let errors = tokio::spawn(async move {
            let mut text = String::new();
            // What could not be read is not shown; the exit code still is.
            let _ = stderr.read_to_string(&mut text).await;
            text
        });
        let events = Arc::new(Mutex::new(Vec::new()));
        let (count, seen) = watch::channel(0);
        let kept = Arc::clone(&events);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                let length = {
                    let mut events = lock(&kept);
                    events.push(event);
                    events.len()
                };
                count.send_replace(length);
            }
        });
        let mut nostore = Self { child, events, seen, started: Value::Null };
        let start = nostore.wait_for(0, |event| event["event"] == "started").await;
        if let Some(event) = start {
            nostore.started = event;
            return Ok(nostore);
        }
        // Its output ended: so does the process.
        let status = tokio::time::timeout(PATIENCE, nostore.child.wait()).await;
        let code = status.ok().and_then(Result::ok).and_then(|status| status.code());
        drop(nostore);
        Err(StartError { code, stderr: errors.await.unwrap_or_default() })
    }

    /// Returns the text at `pointer` of the `started` event, such as `/site`.
    ///
    /// # Panics
    ///
    /// When there is none: the test cannot go on.
    #[must_use]
    pub fn started(&self, pointer: &str) -> &str {
        let found = self.started.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("no text at {pointer} in {}", self.started))
    }

    /// Returns the process's number, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Returns how many events were seen: a mark for [`Nostore::since`].
    #[must_use]
    pub fn mark(&self) -> usize {
        lock(&self.events).len()
    }

    /// Returns the events behind a mark.
    #[must_use]
    pub fn since(&self, mark: usize) -> Vec<Value> {
        lock(&self.events).get(mark..).unwrap_or_default().to_vec()
    }

    /// Waits for the first event behind `mark` that `wanted` accepts; `None` when the output ends or
    /// a minute passes.
    pub async fn wait_for(&mut self, mark: usize, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let events = Arc::clone(&self.events);
        let find =
            || lock(&events).get(mark..).unwrap_or_default().iter().find(|event| wanted(event)).cloned();
        tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(found) = find() {
                    return Some(found);
                }
                if self.seen.changed().await.is_err() {
                    return find();
                }
            }
        })
        .await
        .unwrap_or(None)
    }

    /// Asks the program to end as Ctrl-C does, and returns its exit code.
    pub async fn interrupt(&mut self) -> Option<i32> {
        self.end_by("INT").await
    }

    /// Asks the program to end by a signal such as `HUP`, and returns its exit code.
    pub async fn end_by(&mut self, signal: &str) -> Option<i32> {
        let id = self.child.id()?;
        let sent = Command::new("kill").args([&format!("-{signal}"), &id.to_string()]).status().await;
        sent.ok().filter(std::process::ExitStatus::success)?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.ok()?.ok()?.code()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
