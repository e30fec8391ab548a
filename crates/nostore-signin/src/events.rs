//! What happened, one record each: sign-ins, uses of sessions, refusals, sign-outs, acts of admins.
//!
//! A session that is shared by mistake is seen here: one sign-in, and uses by clients that never signed in.
//!
//! | `event` | when | besides `time`, `client`, `network` |
//! |---|---|---|
//! | `sign-in` | a session begins | `session`, `person`, `provider` |
//! | `use` | a session is used; once a minute for each session, kind of client, network and path | `session`, `path` |
//! | `redirect` | a signed-out visitor is sent to the sign-in page | `path` |
//! | `refusal` | somebody may not: not on the list, no role, too often, forged, signed out | `reason`, `path`, `person` |
//! | `refresh` | the provider's tokens are renewed, or not | `session`, `outcome` |
//! | `sign-out` | a session ends by its visitor or the provider | `session`, `reason` |
//! | `admin` | the list or sessions are changed | `session` and `person` of the admin, `act`, `about` |
//!
//! # Invariants
//!
//! - No token, cookie, query or user agent is recorded. Sessions and networks are keyed hashes: equal ones can be told,
//!   and nobody who has the file alone can tell whose they are.
//! - Addresses of persons stand where somebody must be able to answer for it: sign-ins, refusals of strangers, admin acts.
//! - Writing never holds up an answer and never fails one: what cannot be written is counted, and told once.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nostore_message::UnixTime;
use serde::Serialize;

/// How many records may wait to be written.
const QUEUE: usize = 4_096;
/// So many uses are told apart in one minute.
const MOST_USES: usize = 50_000;

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// The list or sessions were changed.
    Admin,
    /// A signed-out visitor was sent to the sign-in page.
    Redirect,
    /// The provider's tokens were renewed, or not.
    Refresh,
    /// Somebody may not.
    Refusal,
    /// A session began.
    SignIn,
    /// A session ended.
    SignOut,
    /// A session was used.
    Use,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] =
        [Self::Admin, Self::Redirect, Self::Refresh, Self::Refusal, Self::SignIn, Self::SignOut, Self::Use];

    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Redirect => "redirect",
            Self::Refresh => "refresh",
            Self::Refusal => "refusal",
            Self::SignIn => "sign-in",
            Self::SignOut => "sign-out",
            Self::Use => "use",
        }
    }
}

/// One record. What is empty is left out.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Event {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) session: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) client: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) network: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) person: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) provider: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) reason: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) outcome: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) act: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) about: String,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    event: &'static str,
    #[serde(flatten)]
    rest: &'a Event,
}

/// Where records go: `tracing` (target `nostore::signin`), counters, and a file of JSON lines where one is named.
#[derive(Debug, Default)]
pub(crate) struct Events {
    counts: [AtomicU64; Kind::ALL.len()],
    lost: Arc<AtomicU64>,
    told: AtomicBool,
    uses: Mutex<Uses>,
    hasher: RandomState,
    file: Option<Writer>,
}

/// The uses of the present minute.
#[derive(Debug, Default)]
struct Uses {
    minute: i64,
    /// What requests said of themselves, hashed: most are told apart by it without naming anything.
    requests: HashSet<u64>,
    seen: HashSet<(String, String, String, String)>,
}

#[derive(Debug)]
struct Writer {
    queue: Option<SyncSender<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Events {
    /// Appends to a file; several processes may append to one.
    pub(crate) fn to_file(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        // Addresses are in it: a new one is for the owner alone.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.append(true).create(true).open(path)?;
        let (queue, lines) = sync_channel(QUEUE);
        let lost = Arc::<AtomicU64>::default();
        let counted = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("nostore-events".to_owned())
            .spawn(move || write(file, &lines, &counted))?;
        let file = Some(Writer { queue: Some(queue), thread: Some(thread) });
        Ok(Self { file, lost, ..Self::default() })
    }

    /// Tells what happened.
    pub(crate) fn tell(&self, kind: Kind, event: &Event, now: UnixTime) {
        if kind == Kind::Use && !self.is_new(event, now) {
            return;
        }
        self.counts[kind as usize].fetch_add(1, Ordering::Relaxed);
        let Event { session, client, network, path, person, provider, reason, outcome, act, about } = event;
        tracing::info!(
            target: "nostore::signin", event = kind.code(), session, client, network, path, person, provider, reason,
            outcome, act, about, "authentication"
        );
        let Some(queue) = self.file.as_ref().and_then(|file| file.queue.as_ref()) else { return };
        let line = Line { time: rfc3339(now), event: kind.code(), rest: event };
        let Ok(mut line) = serde_json::to_vec(&line) else { return };
        line.push(b'\n');
        if queue.try_send(line).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
            if !self.told.swap(true, Ordering::Relaxed) {
                tracing::error!("the file of events cannot keep up: records are lost, and counted");
            }
        }
    }

    /// Tells whether a request, by what it says of itself, is the first of its kind in this minute: only then is its use
    /// worth being named and told.
    pub(crate) fn is_first(&self, request: &impl Hash, now: UnixTime) -> bool {
        let request = self.hasher.hash_one(request);
        self.in_minute(now, |uses| {
            let full = uses.requests.len() >= MOST_USES && !uses.requests.contains(&request);
            if full {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
            !full && uses.requests.insert(request)
        })
    }

    /// Tells whether a use is the first of its kind in this minute. Different requests may be of one kind.
    fn is_new(&self, event: &Event, now: UnixTime) -> bool {
        let Event { session, client, network, path, .. } = event;
        let key = (session.clone(), client.clone(), network.clone(), path.clone());
        self.in_minute(now, |uses| uses.seen.insert(key))
    }

    fn in_minute<T>(&self, now: UnixTime, change: impl FnOnce(&mut Uses) -> T) -> T {
        let minute = now.secs().div_euclid(60);
        // Every change is made in one step, so a panicked holder left nothing half-made.
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.minute != minute {
            *uses = Uses { minute, ..Uses::default() };
        }
        change(&mut uses)
    }

    /// Writes the counts in the text format that Prometheus reads.
    pub(crate) fn prometheus(&self) -> String {
        let mut text = "# HELP nostore_signin_events_total What happened to sessions, by kind.\n\
            # TYPE nostore_signin_events_total counter\n"
            .to_owned();
        for kind in Kind::ALL {
            let count = self.counts[kind as usize].load(Ordering::Relaxed);
            text += &format!("nostore_signin_events_total{{event=\"{}\"}} {count}\n", kind.code());
        }
        let lost = self.lost.load(Ordering::Relaxed);
        text + &format!(
            "# HELP nostore_signin_events_lost_total Records that could not be written.\n\
             # TYPE nostore_signin_events_lost_total counter\nnostore_signin_events_lost_total {lost}\n"
        )
    }
}

/// Writes what is left before the process goes on.
impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has told so by itself.
            drop(thread.join());
        }
    }
}

/// One `write` a line, so that lines of several processes do not mix.
fn write(mut file: File, lines: &Receiver<Vec<u8>>, lost: &AtomicU64) {
    let mut told = false;
    for line in lines {
        let Err(error) = file.write_all(&line) else { continue };
        lost.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut told, true) {
            tracing::error!(%error, "expected to append to the file of events");
        }
    }
}

/// Writes a time as RFC 3339 does, in UTC with milliseconds.
fn rfc3339(time: UnixTime) -> String {
    chrono::DateTime::from_timestamp_millis(time.millis())
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_told_once_a_minute_for_each_client_and_path() {
        let file = std::env::temp_dir().join(format!("nostore-events-{}.jsonl", std::process::id()));
        drop(std::fs::remove_file(&file));
        let events = Events::to_file(&file).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let event = |client: &str, path: &str| Event {
            session: "s".to_owned(),
            client: client.to_owned(),
            path: path.to_owned(),
            ..Event::default()
        };
        // 17:33:00 less one millisecond, then on it.
        let before = UnixTime::from_millis(1_700_069_579_999);
        for _ in 0..3 {
            events.tell(Kind::Use, &event("chrome/linux", "/"), before);
        }
        events.tell(Kind::Use, &event("safari/ios", "/"), before);
        events.tell(Kind::Use, &event("safari/ios", "/tree"), before);
        events.tell(Kind::Use, &event("chrome/linux", "/"), UnixTime::from_millis(1_700_069_580_000));
        events.tell(Kind::Refusal, &Event { reason: "not-listed", ..Event::default() }, before);
        assert!(events.prometheus().contains("events_total{event=\"use\"} 4\n"));
        drop(events);
        let lines = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(
            lines.lines().collect::<Vec<_>>(),
            [
                r#"{"time":"2023-11-15T17:32:59.999Z","event":"use","session":"s","client":"chrome/linux","path":"/"}"#,
                r#"{"time":"2023-11-15T17:32:59.999Z","event":"use","session":"s","client":"safari/ios","path":"/"}"#,
                r#"{"time":"2023-11-15T17:32:59.999Z","event":"use","session":"s","client":"safari/ios","path":"/tree"}"#,
                r#"{"time":"2023-11-15T17:33:00.000Z","event":"use","session":"s","client":"chrome/linux","path":"/"}"#,
                r#"{"time":"2023-11-15T17:32:59.999Z","event":"refusal","reason":"not-listed"}"#,
            ]
        );
    }
}
