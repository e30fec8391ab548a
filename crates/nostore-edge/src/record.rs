//! What the edge tells about each request.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nostore_cache::{Forward, Hazard, Rule};
use nostore_message::{Secret, UnixTime};
use serde_json::{Value, json};

/// Takes records. Called on the task that serves the visitor: it must not block for long.
pub type Sink = Arc<dyn Fn(Record) + Send + Sync>;

/// How a request was handled, in one word.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Handling {
    /// There was no answer from the origin, or it broke off.
    Error,
    /// Answered from the store.
    Hit,
    /// Nothing was stored before or after.
    Miss,
    /// The store was not asked.
    Pass,
    /// What was stored was stale, the answer is the origin's, and nothing was stored.
    Stale,
    /// The origin's answer was stored.
    Stored,
}

impl Handling {
    /// Returns the word for an answer of the origin's that is not stored.
    pub(crate) const fn of(forward: Forward) -> Self {
        match forward {
            Forward::Bypass | Forward::Method => Self::Pass,
            Forward::Stale => Self::Stale,
            Forward::Request | Forward::UriMiss | Forward::VaryMiss => Self::Miss,
        }
    }

    /// Returns the word, in capitals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Hit => "HIT",
            Self::Miss => "MISS",
            Self::Pass => "PASS",
            Self::Stale => "STALE",
            Self::Stored => "STORED",
        }
    }
}

impl fmt::Display for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One request at the edge.
///
/// Delivered when the response head is finished; where a copy of the body is being made, when that is stored or given up.
/// `Debug` and [`Record::to_json`] show neither the visitor's cookies nor the values of query parameters.
#[derive(Clone)]
pub struct Record {
    /// The number of the request at this edge, from 1.
    pub id: u64,
    /// When the request came.
    pub at: UnixTime,
    /// How long it took until the response head was finished.
    pub duration: Duration,
    /// The method.
    pub method: String,
    /// The authority as the visitor wrote it.
    pub authority: String,
    /// Path and query. The values in the query may be secrets: see [`Record::shown_target`].
    pub target: String,
    /// The status that the visitor got.
    pub status: u16,
    /// How it was handled.
    pub outcome: Handling,
    /// The age of the stored response in seconds, where one was found.
    pub age_secs: Option<i64>,
    /// Why, as one short sentence in lower case without a final stop.
    pub why: String,
    /// The rule that decided, where a rule did: none where the outcome is [`Handling::Error`].
    pub rule: Option<Rule>,
    /// The names of the cookies that the visitor was given.
    pub set_cookie: Vec<String>,
    /// What is dangerous about what was stored by this request. Empty unless the outcome is [`Handling::Stored`].
    pub hazards: Vec<Hazard>,
    /// What the app said about the caching that the response lost (`Nostore-Why`).
    pub nostore_why: Option<String>,
    /// The app marked the response as sensitive (`Auth-Sensitive: ?1`).
    pub auth_sensitive: bool,
    /// Addresses and cookie domains that leave the edge, each with what to set.
    pub leaks: Vec<String>,
    /// The visitor's `Cookie` field, for telling who it was. Never printed.
    pub cookie: Secret,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({})", self.to_json())
    }
}

impl Record {
    /// Returns the target with `*` for each value in the query: results of a handshake and one-time codes travel
    /// there.
    #[must_use]
    pub fn shown_target(&self) -> String {
        let Some((path, query)) = self.target.split_once('?') else { return self.target.clone() };
        let shown = |pair: &str| match pair.split_once('=') {
            Some((name, _)) => format!("{name}=*"),
            None if pair.is_empty() => String::new(),
            None => "*".to_owned(),
        };
        format!("{path}?{}", query.split('&').map(shown).collect::<Vec<_>>().join("&"))
    }

    /// Returns the record as a JSON object with stable names, without cookies and values of the query.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let hazard = |hazard: &Hazard| json!({ "code": hazard.code, "what": hazard.what, "why": hazard.why, "mend": hazard.mend });
        json!({
            "id": self.id,
            "at": self.at.millis(),
            "duration_ms": u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX),
            "method": self.method,
            "authority": self.authority,
            "target": self.shown_target(),
            "status": self.status,
            "outcome": self.outcome.as_str(),
            "age": self.age_secs,
            "why": self.why,
            "rule": self.rule.map(|rule| json!({ "name": rule.name, "source": rule.source })),
            "set_cookie": self.set_cookie,
            "hazards": self.hazards.iter().map(hazard).collect::<Vec<_>>(),
            "nostore_why": self.nostore_why,
            "auth_sensitive": self.auth_sensitive,
            "leaks": self.leaks,
        })
    }
}
