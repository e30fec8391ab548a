//! Files that are read again when they change.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// How often the files are looked at. Looking costs a system call each.
const INTERVAL: Duration = Duration::from_secs(1);

/// When a file was written and how long it is; `None`: it is not there.
type Mark = Option<(SystemTime, u64)>;

/// Files, and how they were when they were last looked at.
pub(super) struct Watched {
    files: Vec<PathBuf>,
    seen: Vec<Mark>,
}

impl Watched {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        let seen = marks(&files);
        Self { files, seen }
    }

    /// Looks at other files from now on.
    pub(super) fn follow(&mut self, files: Vec<PathBuf>) {
        if files != self.files {
            *self = Self::new(files);
        }
    }

    /// Completes when one of the files is not as it was, and all of them rest: an editor may write in several steps.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let mut found = marks(&self.files);
            if found == self.seen {
                continue;
            }
            loop {
                tokio::time::sleep(INTERVAL / 5).await;
                let now = marks(&self.files);
                if std::mem::replace(&mut found, now) == found {
                    break;
                }
            }
            self.seen = found;
            return;
        }
    }
}

fn marks(files: &[PathBuf]) -> Vec<Mark> {
    let mark = |file: &PathBuf| {
        let told = std::fs::metadata(file).ok()?;
        Some((told.modified().ok()?, told.len()))
    };
    files.iter().map(mark).collect()
}
