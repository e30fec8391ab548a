//! Tells people (a line per request) and machines (a JSON object per event) what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstyle::{AnsiColor, Style};
use nostore_cache::{OperatorOverride, Profile};
use nostore_edge::{Handling, Hazard, Record, Summary};
use nostore_jose::Jws;
use nostore_message::Cookies;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::sample::clock_time;
use crate::terminal::{Width, cut};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default().bold();
/// Where the text of a message starts.
const MESSAGE_INDENT: usize = 12;
/// Where the reason stands under a request: below the path.
const REASON_INDENT: usize = 26;
/// How many sessions and sayings are remembered.
const MOST_KEPT: usize = 4_096;

/// Prints events, each at once and whole.
pub(crate) struct Reporter {
    json: bool,
    width: Width,
    /// Told once nobody reads any more.
    unread: Notify,
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
        Self { json, width: Width::of_output(), unread: Notify::new(), state: Mutex::default() }
    }

    /// Returns how wide the output is.
    pub(crate) const fn width(&self) -> Width {
        self.width
    }

    /// Completes when nobody reads the output any more.
    pub(crate) async fn unread(&self) {
        self.unread.notified().await;
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
                "{DIM}{:8}  {:10} {:4} {:path$} {:3} {:6} {:>4}  {}{DIM:#}",
                "UTC",
                "who",
                "",
                "path",
                "",
                "cache",
                "age",
                cut("why", self.width.verdict()),
                path = self.width.path(),
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
            lines.push(request_json(record, who.as_deref(), &path));
        } else {
            lines.push(self.request_line(record, who.as_deref(), &path));
            // Steps of a sign-in are never kept, and need no words: pages that lost their caching do.
            let is_page = record.status < 300 && record.outcome != Handling::Stored;
            let why = record.nostore_why.as_ref().filter(|_| is_page);
            let why = why.filter(|why| state.first(format!("{path} {why}")));
            let lead = " ".repeat(REASON_INDENT);
            lines.extend(
                why.map(|why| self.width.wrapped(&lead, &format!("{DIM}{why}{DIM:#}"), REASON_INDENT)),
            );
        }
        for hazard in &record.hazards {
            if self.json {
                lines.push(hazard_json(hazard, record, &path));
            } else if state.first(format!("{path} {}", hazard.code)) {
                let (what, why, mend) = (&hazard.what, &hazard.why, &hazard.mend);
                for (label, text) in [("  ! stored", what), ("    why", why), ("    mend", mend)] {
                    let lead = format!("{WARN}{label:MESSAGE_INDENT$}{WARN:#}");
                    lines.push(self.width.wrapped(&lead, text, MESSAGE_INDENT));
                }
            }
        }
        for leak in record.leaks.iter().filter(|leak| state.first((*leak).clone())) {
            lines.push(if self.json {
                json!({ "event": "leaves-the-edge", "path": path, "text": leak }).to_string()
            } else {
                self.width.wrapped(&format!("{NOTE}  i leaves the edge{NOTE:#}  "), leak, MESSAGE_INDENT)
            });
        }
        self.print_lines(&lines);
    }

    /// Says something that people should know before they go on.
    pub(crate) fn note(&self, machine: &Value, people: &str) {
        self.event(machine, &self.width.wrapped(&format!("{NOTE}  i{NOTE:#} "), people, 4));
    }

    /// Says once that the app looks like a framework's development server.
    pub(crate) fn development_server(&self, summary: &Summary) {
        if !summary.looks_like_development_server() || !self.state().first("development-server".into()) {
            return;
        }
        let text = "every page of this app forbids storing, as a framework's development server does: nothing was tested. \
                    Run its production build, such as `npm run build` and then `nostore dev -- npm start`";
        self.note(&json!({ "event": "development-server", "text": text }), text);
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
            "\n{BOLD}{}{BOLD:#}: {} answered by the cache, {} stored, {} failed; {unsafe_text}.",
            if summary.requests == 1 {
                "1 request".to_owned()
            } else {
                format!("{} requests", summary.requests)
            },
            summary.hits,
            summary.stored,
            summary.errors
        );
        self.event(&machine, &people);
    }

    fn request_line(&self, record: &Record, who: Option<&str>, path: &str) -> String {
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
        let path_columns = self.width.path();
        let who = who.unwrap_or("–");
        let age = record.age_secs.map_or_else(|| "–".to_owned(), |age| format!("{age} s"));
        format!(
            "{}  {:10} {:4} {:path_columns$} {status}{:3}{status:#} {colour}{:6}{colour:#} {age:>4}  {DIM}{}{DIM:#}",
            clock_time(record.at),
            cut(who, 10),
            cut(&record.method, 4),
            cut(path, path_columns),
            record.status,
            record.outcome.as_str(),
            cut(&why, self.width.verdict()),
        )
    }

    fn print(&self, line: String) {
        self.print_lines(&[line]);
    }

    fn print_lines(&self, lines: &[String]) {
        let mut out = anstream::stdout().lock();
        for line in lines {
            if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
                // A reader that went away (`| head`) has seen enough.
                self.unread.notify_one();
                return;
            }
        }
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

fn request_json(record: &Record, who: Option<&str>, path: &str) -> String {
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

/// Names what of the operator's configuration beats what the app says, for machines and for people: nothing may ever
/// suffer from it here.
pub(crate) fn operator_override(profile: &Profile, width: Width) -> (Value, String) {
    let Some(OperatorOverride { what, mend, is_total }) = profile.operator_override() else {
        return (Value::Null, String::new());
    };
    let lines = [("  ! operator", &what), ("    mend", &mend)].map(|(label, text)| {
        let lead = format!("{WARN}{label:MESSAGE_INDENT$}{WARN:#} ");
        format!("{}\n", width.wrapped(&lead, text, MESSAGE_INDENT + 1))
    });
    (json!({ "what": what, "mend": mend, "everyField": is_total }), lines.concat())
}

/// Names the visitor by what the request's cookies claim. For people only: nothing is verified.
fn who(cookie_field: &str, strangers: &mut BTreeMap<String, usize>) -> Option<String> {
    let cookies = Cookies::parse([cookie_field]);
    if let Some(name) =
        cookies.iter().filter(|(name, _)| name.starts_with("__session")).find_map(|(_, value)| claimed(value))
    {
        return Some(name);
    }
    // Cookies of the handshake (`__clerk_…`, `__client…`) name a browser on its way in, not a session.
    let named = |name: &str| nostore_cache::looks_like_session(name) && !name.starts_with("__cl");
    let session = cookies.iter().find(|(name, value)| !value.is_empty() && named(name));
    let (_, value) = session?;
    if strangers.len() >= MOST_KEPT {
        strangers.clear();
    }
    let next = strangers.len() + 1;
    Some(format!("session {}", strangers.entry(value.to_owned()).or_insert(next)))
}

fn claimed(token: &str) -> Option<String> {
    let token = Jws::parse(token).ok()?;
    let claim = |name: &str| token.payload().get(name).and_then(Value::as_str);
    let name = claim("email").and_then(|email| email.split('@').next()).or_else(|| claim("sub"))?;
    Some(name.chars().filter(|c| !c.is_control()).collect())
}
