//! What the guard tells about each request. No query, no value of a cookie.

use std::sync::Arc;

use nostore_message::Sensitivity;
use serde_json::{Value, json};

/// Who is told.
pub type Sink = Arc<dyn Fn(Record) + Send + Sync>;

/// What was done to a response, or would have been.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Nothing: it is as the app made it.
    None,
    /// Its author was silent, and the visitor had a session: it says `private, no-cache` now.
    Silent,
    /// It stays cacheable and lost cookies.
    CookiesDropped,
    /// It carries the whole set of fields that keep it out of caches.
    Protected,
    /// The app did not answer; the guard did.
    Failed,
    /// The guard answered in the app's place: a step of a sign-in, a refusal, another proxy's question.
    Answered,
}

impl Change {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::None, Self::Silent, Self::CookiesDropped, Self::Protected, Self::Failed, Self::Answered];

    /// Returns the stable kebab-case name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Silent => "silent",
            Self::CookiesDropped => "cookies-dropped",
            Self::Protected => "protected",
            Self::Failed => "failed",
            Self::Answered => "answered",
        }
    }
}

/// One request and what became of its response.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Record {
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The status that the visitor gets.
    pub status: u16,
    /// What was done.
    pub change: Change,
    /// Whether it was only said, and not done.
    pub report_only: bool,
    /// How sensitive the response is.
    pub sensitivity: Sensitivity,
    /// Why, in words; empty where there is nothing to say.
    pub why: String,
    /// The names of the cookies that were taken out.
    pub dropped: Vec<String>,
}

impl Record {
    /// Returns the record as a JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "event": "request",
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "change": self.change.code(),
            "reportOnly": self.report_only,
            "sensitivity": self.sensitivity.code(),
            "why": self.why,
            "dropped": self.dropped,
        })
    }
}
