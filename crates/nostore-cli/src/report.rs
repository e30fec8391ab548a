//! Tells people (a line per request) and machines (a JSON object per event) what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use nostore_edge::{Handling, Hazard, Record, Summary};
use nostore_jose::Jws;
use nostore_message::Cookies;
use serde_json::{Value, json};

use crate::sample::clock_time;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
/// Columns in front of the last one, `why`.
const COLUMNS_BEFORE_WHY: usize = 72;
const PATH_COLUMNS: usize = 32;
/// How many sessions and sayings are remembered.
const MOST_KEPT: usize = 4_096;

/// Prints events, each at once and whole.
pub(crate) struct Reporter {
    json: bool,
    columns: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Sessions that are not ours, in the order in which they were first seen.
    strangers: BTreeMap<String, usize>,
    /// What was already said and is not repeated.
    said: BTreeSet<String>,
}

impl State {
    /// Tells whether this is said for the first time. Forgets all when there is much to remember.
    fn first(&mut self, text: String) -> bool {
        if self.said.len() >= MOST_KEPT {
            self.said.clear();
        }
        self.said.insert(text)
    }
}

impl Reporter {
    /// Makes a reporter for text or for JSON lines.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, columns: columns(), state: Mutex::default() }
    }

    /// Prints JSON for machines, or else lines for people.
    pub(crate) fn event(&self, machine: &Value, people: &str) {
        self.print(if self.json { machine.to_string() } else { people.to_owned() });
    }

    /// Prints only for machines.
    pub(crate) fn event_for_machines(&self, machine: &Value) {
        if self.json {
            self.print(machine.to_string());
        }
    }

    /// Prints the head of the table of requests.
    pub(crate) fn table_head(&self) {
        if !self.json {
            let head = format!(
                "{DIM}{:8}  {:10} {:4} {:PATH_COLUMNS$} {:3} {:6} {:>4}  why{DIM:#}",
                "UTC", "who", "", "path", "", "cache", "age"
            );
            self.print(head);
        }
    }

    /// Tells of one request at the edge, and of whatever is unsafe about what it left behind.
    pub(crate) fn request(&self, record: &Record) {
        let mut state = self.state();
        let who = who(record.cookie.expose(), &mut state.strangers);
        let path = record.shown_target();
        let mut lines = Vec::new();
        if self.json {
            lines.push(request_json(record, &who, &path));
        } else {
            lines.push(self.request_line(record, &who, &path));
            // Steps of a sign-in are never kept, and need no words: pages that lost their caching do.
            let why = record.nostore_why.as_ref().filter(|_| !(300..400).contains(&record.status));
            let why = why.filter(|why| state.first(format!("{path} {why}")));
            lines.extend(why.map(|why| format!("{:22}{DIM}{why}{DIM:#}", "")));
        }
        for hazard in &record.hazards {
            if self.json {
                lines.push(hazard_json(hazard, record, &path));
            } else if state.first(format!("{path} {}", hazard.code)) {
                let (what, why, mend) = (&hazard.what, &hazard.why, &hazard.mend);
                lines.push(format!("{WARN}  ! stored{WARN:#}  {what}"));
                lines.push(format!("{WARN}    why{WARN:#}     {why}"));
                lines.push(format!("{WARN}    mend{WARN:#}    {mend}"));
            }
        }
        for leak in record.leaks.iter().filter(|leak| state.first((*leak).clone())) {
            lines.push(if self.json {
                json!({ "event": "leaves-the-edge", "path": path, "text": leak }).to_string()
            } else {
                format!("{NOTE}  i leaves the edge{NOTE:#}  {leak}")
            });
        }
        self.print_lines(&lines);
    }

    /// Says once that the app looks like a framework's development server.
    pub(crate) fn development_server(&self, summary: &Summary) {
        if !summary.looks_like_development_server() || !self.state().first("development-server".into()) {
            return;
        }
        let text = "every page of this app forbids storing, as a framework's development server does: nothing was tested. \
                    Run its production build, such as `npm run build` and then `nostore dev -- npm start`";
        self.event(
            &json!({ "event": "development-server", "text": text }),
            &format!("{NOTE}  i {text}{NOTE:#}"),
        );
    }

    /// Tells how it went.
    pub(crate) fn summary(&self, summary: &Summary) {
        let hazards: u64 = summary.hazards.values().sum();
        let machine = json!({
            "event": "summary", "requests": summary.requests, "hits": summary.hits, "stored": summary.stored,
            "errors": summary.errors, "hazards": summary.hazards,
        });
        let unsafe_text = match hazards {
            0 => "nothing unsafe was stored".to_owned(),
            1 => format!("{WARN}1 unsafe response was stored{WARN:#}"),
            many => format!("{WARN}{many} unsafe responses were stored{WARN:#}"),
        };
        let people = format!(
            "\n{BOLD}{} requests{BOLD:#}: {} answered by the cache, {} stored, {} failed; {unsafe_text}.",
            summary.requests, summary.hits, summary.stored, summary.errors
        );
        self.event(&machine, &people);
    }

    fn request_line(&self, record: &Record, who: &str, path: &str) -> String {
        let colour = match record.outcome {
            Handling::Hit => AnsiColor::Green.on_default(),
            Handling::Error => AnsiColor::Red.on_default().bold(),
            Handling::Stored if !record.hazards.is_empty() => WARN,
            Handling::Stored => AnsiColor::Blue.on_default(),
            Handling::Miss | Handling::Pass | Handling::Stale => Style::new(),
        };
        let status = match record.status {
            500.. => AnsiColor::Red.on_default(),
            300..=399 => AnsiColor::Cyan.on_default(),
            _ => Style::new(),
        };
        let why = match record.rule {
            Some(rule) => format!("{} ({})", record.why, rule.name),
            None => record.why.clone(),
        };
        let age = record.age_secs.map_or_else(|| "–".to_owned(), |age| format!("{age} s"));
        format!(
            "{}  {:10} {:4} {:PATH_COLUMNS$} {status}{:3}{status:#} {colour}{:6}{colour:#} {age:>4}  {DIM}{}{DIM:#}",
            clock_time(record.at),
            cut(who, 10),
            cut(&record.method, 4),
            cut(path, PATH_COLUMNS),
            record.status,
            record.outcome.as_str(),
            cut(&why, self.columns.saturating_sub(COLUMNS_BEFORE_WHY).max(24)),
        )
    }

    fn print(&self, line: String) {
        self.print_lines(&[line]);
    }

    fn print_lines(&self, lines: &[String]) {
        let mut out = anstream::stdout().lock();
        for line in lines {
            // A reader that went away (`| head`) has seen enough.
            let _ = writeln!(out, "{line}");
        }
        let _ = out.flush();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hazard_json(hazard: &Hazard, record: &Record, path: &str) -> String {
    json!({
        "event": "warning", "code": hazard.code, "method": record.method, "path": path,
        "what": hazard.what, "why": hazard.why, "mend": hazard.mend,
    })
    .to_string()
}

fn request_json(record: &Record, who: &str, path: &str) -> String {
    json!({
        "event": "request",
        "id": record.id,
        "at": record.at.millis(),
        "durationMs": u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
        "who": who,
        "method": record.method,
        "path": path,
        "status": record.status,
        "outcome": record.outcome.as_str(),
        "ageSeconds": record.age_secs,
        "why": record.why,
        "rule": record.rule.map(|rule| json!({ "name": rule.name, "source": rule.source })),
        "setCookie": record.set_cookie,
        "lostCaching": record.nostore_why,
    })
    .to_string()
}

/// Returns how many columns the terminal has: what `COLUMNS` says, else what the terminal says. Elsewhere lines are whole.
#[expect(clippy::disallowed_methods, reason = "the program's output starts here, and asks once")]
fn columns() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let asked = || {
        let size = if std::io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
        size.map_or(usize::MAX, |(terminal_size::Width(columns), _)| usize::from(columns))
    };
    told.unwrap_or_else(asked)
}

fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let kept: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Names the visitor by what the request's cookies claim. For people only: nothing is verified.
fn who(cookie_field: &str, strangers: &mut BTreeMap<String, usize>) -> String {
    let cookies = Cookies::parse([cookie_field]);
    if let Some(name) =
        cookies.iter().filter(|(name, _)| name.starts_with("__session")).find_map(|(_, value)| claimed(value))
    {
        return name;
    }
    // Cookies of the handshake (`__clerk_…`, `__client…`) name a browser on its way in, not a session.
    let named = |name: &str| nostore_cache::looks_like_session(name) && !name.starts_with("__cl");
    let session = cookies.iter().find(|(name, value)| !value.is_empty() && named(name));
    let Some((_, value)) = session else { return "–".to_owned() };
    if strangers.len() >= MOST_KEPT {
        strangers.clear();
    }
    let next = strangers.len() + 1;
    format!("session {}", strangers.entry(value.to_owned()).or_insert(next))
}

fn claimed(token: &str) -> Option<String> {
    let token = Jws::parse(token).ok()?;
    let claim = |name: &str| token.payload().get(name).and_then(Value::as_str);
    let name = claim("email").and_then(|email| email.split('@').next()).or_else(|| claim("sub"))?;
    Some(name.chars().filter(|c| !c.is_control()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_by_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
