//! How long a response is fresh, and how old it already is (RFC 9111 section 4.2).

use nostore_message::{Fields, ResponseHead, UnixTime};

use crate::control::CacheControl;
use crate::date;
use crate::profile::{Law, SurrogateControl};
use crate::targeted::targeted;

/// The directives that count for this cache, and where they stand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effective {
    pub(crate) control: CacheControl,
    /// The field that decided; none when nothing was said that this cache obeys.
    pub(crate) field: Option<&'static str>,
    /// What `X-Accel-Expires` says; then nothing else counts.
    accel: Option<Accel>,
    /// Whether `Expires` may speak where `control` gives no lifetime.
    expires_counts: bool,
}

/// What nginx reads in `X-Accel-Expires`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Accel {
    /// Fresh until then, in seconds since 1970.
    At(i64),
    /// Fresh for that many seconds; 0 is not stored.
    In(i64),
}

impl Accel {
    /// Reads the field. What nginx does not understand counts as absent, and so does the time 0. Of several lines a
    /// 0 counts wherever it stands, else the last one.
    fn parse(fields: &Fields<'_>) -> Option<Self> {
        let lines: Vec<Self> = fields.all("x-accel-expires").filter_map(Self::read).collect();
        let never = lines.iter().find(|line| **line == Self::In(0));
        never.or(lines.last()).copied()
    }

    fn read(line: &str) -> Option<Self> {
        let text = line.trim_matches([' ', '\t']);
        let (at, digits) = text.strip_prefix('@').map_or((false, text), |digits| (true, digits));
        let secs = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
        match (at, secs) {
            (true, 0) => None,
            (true, secs) => Some(Self::At(secs)),
            (false, secs) => Some(Self::In(secs)),
        }
    }
}

/// Finds the directives that count: `X-Accel-Expires` where the cache obeys it, the strongest targeted field that is there, else
/// `Cache-Control` where the cache obeys it (RFC 9213 section 2.2).
pub(crate) fn effective(law: &Law, fields: &Fields<'_>) -> Effective {
    if let Some(accel) = Accel::parse(fields).filter(|_| law.accel_expires) {
        let field = Some("X-Accel-Expires");
        return Effective { field, accel: Some(accel), ..Effective::default() };
    }
    for name in law.targeted {
        if let Some(control) = targeted(fields, name, law.targeted_syntax) {
            return Effective { control, field: Some(name), ..Effective::default() };
        }
    }
    let surrogate = fields.contains("surrogate-control");
    if !law.cache_control || (surrogate && law.surrogate_control == SurrogateControl::Silences) {
        return Effective::default();
    }
    let mut field = fields.contains("cache-control").then_some("Cache-Control");
    let mut control = CacheControl::parse(fields.all("cache-control"));
    if surrogate && law.surrogate_control == SurrogateControl::Unlocks {
        let theirs = CacheControl::parse(fields.all("surrogate-control"));
        if theirs.no_store {
            (control, field) = (theirs, Some("Surrogate-Control"));
        } else {
            control.unlock();
        }
    }
    Effective { control, field, accel: None, expires_counts: true }
}

impl Effective {
    /// Returns the lifetime that the author gave, in seconds, and the words that gave it.
    pub(crate) fn explicit(&self, fields: &Fields<'_>, now: UnixTime) -> Option<(i64, String)> {
        let field = self.field.unwrap_or("Cache-Control");
        match self.accel {
            Some(Accel::At(secs)) => return Some(((secs - now.secs()).max(0), format!("{field}: @{secs}"))),
            Some(Accel::In(secs)) => return Some((secs, format!("{field}: {secs}"))),
            None => {}
        }
        if let Some(secs) = self.control.s_maxage {
            return Some((secs, format!("{field}: s-maxage={secs}")));
        }
        if let Some(secs) = self.control.max_age {
            return Some((secs, format!("{field}: max-age={secs}")));
        }
        let expires = fields.first("expires").filter(|_| self.expires_counts)?;
        // What is no date lies in the past (RFC 9111 section 5.3).
        let date = fields.first("date").and_then(date::parse).unwrap_or(now);
        let secs = date::parse(expires).map_or(0, |expires| expires.secs_since(date).max(0));
        Some((secs, "Expires".to_owned()))
    }
}

/// Returns the heuristic lifetime in seconds: a share of the time since `Last-Modified`, 0 without it
/// (RFC 9111 section 4.2.2).
pub(crate) fn heuristic(law: &Law, fields: &Fields<'_>, now: UnixTime) -> i64 {
    let date = fields.first("date").and_then(date::parse).unwrap_or(now);
    let Some(modified) = fields.first("last-modified").and_then(date::parse) else { return 0 };
    let since = date.secs_since(modified).max(0);
    (since.saturating_mul(law.heuristic_percent) / 100).min(law.heuristic_max_secs)
}

/// Returns the corrected initial age in seconds (RFC 9111 section 4.2.3). `request_time` and
/// `response_time` are those of the cache, in wall time.
pub(crate) fn initial_age(
    response: &ResponseHead<'_>,
    request_time: UnixTime,
    response_time: UnixTime,
) -> i64 {
    let date = response.fields.first("date").and_then(date::parse).unwrap_or(response_time);
    let apparent = response_time.secs_since(date).max(0);
    let delay = response_time.secs_since(request_time).max(0);
    apparent.max(age_value(&response.fields).saturating_add(delay))
}

/// Reads `Age`: of a list the first member, and what is no number counts as absent (RFC 9111 section 5.1).
fn age_value(fields: &Fields<'_>) -> i64 {
    let first = fields.first("age").and_then(|line| line.split(',').next()).map(str::trim);
    crate::control::delta_seconds(first)
}

/// Returns the current age in seconds of what came at `response_time` with `initial_age`. A clock that
/// went back does not make it younger.
pub(crate) fn current_age(initial_age: i64, response_time: UnixTime, now: UnixTime) -> i64 {
    initial_age.saturating_add(now.secs_since(response_time).max(0))
}
