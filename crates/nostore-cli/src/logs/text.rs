//! What people read, and what machines read.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use nostore_logs::{Confidence, Finding, Report, Suspect, What, time};
use serde_json::{Value, json};

use super::Told;
use crate::args::LogsArgs;
use crate::terminal::Width;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const WARN: Style = AnsiColor::Yellow.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
/// Where the text of a finding starts.
const INDENT: usize = 13;

/// What others wrote, without what a terminal would obey, or would write in another direction.
pub(super) fn printable(text: &str) -> String {
    let is_bad = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if is_bad(c) { '?' } else { c }).collect()
}

/// A path as it may be shown: parts that could be a secret or somebody's address are left out.
fn path(text: &str) -> String {
    let part = |part: &str| {
        let is_long = part.len() > 40;
        let is_id = part.len() >= 16 && part.bytes().any(|byte| byte.is_ascii_digit());
        let is_address = part.contains('@') || part.contains("%40");
        if is_long || is_id || is_address { "…".to_owned() } else { printable(part) }
    };
    text.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// `1 sign-in`, `29 uses`.
fn count(number: u64, word: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {word}{end}", grouped(number))
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let (first, rest) = digits.split_at((digits.len() + 2) % 3 + 1);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group));
    groups.fold(first.to_owned(), |text, group| format!("{text},{group}"))
}

/// `10 h 04 min`.
fn span(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", seconds.max(0)),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours:02} h"),
    }
}

/// The sentence of a finding.
fn sentence(finding: &Finding) -> String {
    let about = if finding.estimated { "about " } else { "" };
    let sign_ins = match finding.sign_ins {
        0 => "no sign-in in the log".to_owned(),
        sign_ins => count(sign_ins.into(), "sign-in"),
    };
    let uses = count(finding.uses.into(), "use");
    let clients = count(finding.clients as u64, "client");
    format!("{sign_ins}, {uses} by {about}{clients} over {}", span(finding.span.1 - finding.span.0))
}

/// Which lines are broken, and where the first is.
pub(super) fn broken(told: &Told) -> String {
    let reasons: Vec<String> = told
        .broken
        .iter()
        .map(|(reason, (number, first))| {
            let place = told.place(*first).map(|place| format!(", the first at {place}")).unwrap_or_default();
            format!("{} {reason}{place}", grouped(*number))
        })
        .collect();
    format!("{} not read ({})", count(told.all_broken(), "line"), reasons.join("; "))
}

/// Everything, for people.
pub(super) fn report(args: &LogsArgs, told: &Told, report: &Report) -> String {
    let width = Width::of_output();
    let mut text = head(told, report);
    let shown = |finding: &&Finding| args.watch || finding.confidence >= Confidence::Likely;
    let findings: Vec<&Finding> = report.findings.iter().filter(shown).collect();
    text += &format!("\n{}\n", verdict(report));
    for finding in findings.iter().take(args.most) {
        text += &one(finding, told, width);
    }
    let all = report.counts.values().sum::<usize>();
    let sure = report.sure();
    let total = if args.watch { all } else { sure };
    if total > args.most.min(findings.len()) {
        let more = count((total - args.most.min(findings.len())) as u64, "more session");
        text += &format!("\n  {DIM}{more}: --most shows them{DIM:#}\n");
    }
    if !args.watch && all > sure {
        let what = count((all - sure) as u64, "session");
        text += &format!("\n  {DIM}{what} could be innocent: --watch shows them{DIM:#}\n");
    }
    if !report.suspects.is_empty() {
        text += &format!("\n{BOLD}Where they come from{BOLD:#}\n");
        for suspect in report.suspects.iter().take(3) {
            text += &format!("{}\n", width.wrapped("  ", &suspected(suspect), 4));
        }
    }
    if sure > 0 {
        text += &format!("\n{BOLD}Who is affected{BOLD:#}\n{}\n", width.wrapped("  ", &affected(report), 2));
        text += &format!("\n{BOLD}What to do, in this order{BOLD:#}\n");
        for (step, number) in rescue(report).iter().zip(1..) {
            text += &format!("{}\n", width.wrapped(&format!("  {number}. "), step, 5));
        }
    }
    for note in notes(told, report) {
        text += &format!("\n{}", width.wrapped(&format!("{WARN}note:{WARN:#} "), &note, 6));
    }
    text.trim_end().to_owned()
}

fn head(told: &Told, report: &Report) -> String {
    let totals = &report.totals;
    let formats: Vec<&str> = told.formats.iter().map(|format| format.name()).collect();
    let mut text = format!("{BOLD}nostore logs{BOLD:#}  {}", count(told.lines, "line"));
    if told.files.len() > 1 {
        text += &format!(" of {}", count(told.files.len() as u64, "file"));
    }
    let first = totals.first.unwrap_or(totals.last);
    text += &format!(
        " {DIM}({}), {} to {} UTC{DIM:#}\n  {}, {}, {}, {}\n",
        formats.join(", "),
        time::text(first),
        time::text(totals.last),
        count(totals.sessions as u64, "session"),
        count(totals.sign_ins, "sign-in"),
        count(totals.uses, "use"),
        count(totals.sign_outs, "sign-out"),
    );
    text
}

fn verdict(report: &Report) -> String {
    let [handed, taken, ended] =
        [What::HandedOut, What::Taken, What::EndedInUse].map(|what| report.sure_of(what) as u64);
    let mut parts = Vec::new();
    if handed > 0 {
        let sessions = if handed == 1 {
            "1 session has".to_owned()
        } else {
            format!("{} sessions have", grouped(handed))
        };
        parts.push(format!("{BAD}a cache hands sessions out:{BAD:#} {sessions} users that never signed in"));
    }
    if taken > 0 {
        let sessions =
            if taken == 1 { "1 session is".to_owned() } else { format!("{} sessions are", grouped(taken)) };
        parts.push(format!("{BAD}taken:{BAD:#} {sessions} used by one other client"));
    }
    if ended > 0 {
        let sessions =
            if ended == 1 { "1 sign-out".to_owned() } else { format!("{} sign-outs", grouped(ended)) };
        parts.push(format!("{BAD}sign-out does not stick:{BAD:#} {sessions} without effect"));
    }
    if parts.is_empty() && report.totals.passed_over > 0 {
        return format!(
            "  {WARN}Nothing was found in the sessions that were looked into; not all were.{WARN:#}"
        );
    }
    if parts.is_empty() {
        return format!("  {GOOD}Every session was used by those who signed in with it.{GOOD:#}");
    }
    parts.iter().map(|part| format!("  ! {part}")).collect::<Vec<_>>().join("\n")
}

fn one(finding: &Finding, told: &Told, width: Width) -> String {
    let style = if finding.confidence == Confidence::Watch { DIM } else { WARN };
    let name = finding.confidence.name();
    let lead = format!("  {style}{name:9}{style:#}  ");
    let session = finding.session >> 32;
    let mut text =
        format!("\n{}\n", width.wrapped(&lead, &format!("{BOLD}{}{BOLD:#}", sentence(finding)), INDENT));
    let place = told.place(finding.place).map(|place| format!(", {place}")).unwrap_or_default();
    let since = time::text(finding.since);
    let begins = match finding.what {
        What::EndedInUse => format!("used after its end at {since} UTC{place}"),
        What::HandedOut | What::Taken => format!("by somebody else since {since} UTC{place}"),
    };
    let mut more = vec![format!("session {session:08x}, {begins}")];
    if !finding.strangers.is_empty() {
        let names: Vec<String> = finding.strangers.iter().map(|name| printable(name)).collect();
        more.push(format!("never signed in: {}", names.join(", ")));
    }
    if let Some(from) = &finding.path {
        more.push(format!("they came from {}", path(from)));
    }
    if finding.after_end > 0 {
        more.push(format!("{} after the sign-out", count(finding.after_end.into(), "use")));
    }
    for line in more {
        text += &format!("{}\n", width.wrapped(&" ".repeat(INDENT), &line, INDENT + 2));
    }
    text
}

fn suspected(suspect: &Suspect) -> String {
    let shown = path(&suspect.path);
    let strangers = count(suspect.strangers as u64, "client");
    let lift =
        if suspect.lift >= 10.0 { format!("{:.0}", suspect.lift) } else { format!("{:.1}", suspect.lift) };
    if suspect.of_owner {
        return format!(
            "{BOLD}{shown}{BOLD:#}, perhaps: it was the session's last page before {strangers} came with it; {lift} times as \
             often as anywhere"
        );
    }
    let mut text = format!(
        "{BOLD}{shown}{BOLD:#}: {strangers} had just asked for it, {lift} times as often as anywhere"
    );
    if suspect.hits > 0 {
        let _ = write!(text, "; the cache had answered {}", grouped(suspect.hits as u64));
    }
    text
}

fn affected(report: &Report) -> String {
    let sure = report.findings.iter().filter(|finding| finding.confidence >= Confidence::Likely);
    let since = sure.map(|finding| finding.since).min().unwrap_or(report.totals.last);
    let sessions = report.sure() as u64;
    let owners = if sessions == 1 { "the owner of" } else { "the owners of" };
    let mut text = format!("{owners} {}, since {} UTC", count(sessions, "session"), time::text(since));
    if report.sure_of(What::HandedOut) > 0 {
        text += ": others saw and could do what only they may. Whoever was given such a session has lost their own, and may \
                 have written in another's name";
    }
    text + "."
}

/// What is to be done, first things first.
fn rescue(report: &Report) -> Vec<String> {
    let mut steps = Vec::new();
    let named = report.suspects.first().map(|suspect| path(&suspect.path));
    if report.sure_of(What::HandedOut) > 0 {
        let what = named.map_or_else(
            || "every page that sets the session's cookie".to_owned(),
            |path| format!("`{path}`"),
        );
        steps.push(format!(
            "Stop the source: let {what} leave with `Cache-Control: private, no-store` and no `Set-Cookie` where it is \
             cached; `nostore guard` does that in front of any app. See that the CDN obeys: some ignore it by configuration."
        ));
        steps.push(format!("Purge {what} at the CDN: until then the cache goes on handing the session out."));
        steps.push(
            "End all sessions: rotate the secret (`nostore secret rotate --end-sessions`) or empty the store. Before the \
             purge this helps for minutes only."
                .to_owned(),
        );
    } else if report.sure_of(What::Taken) > 0 {
        steps.push(
            "End these sessions at the server; sealed cookies that no store knows end with the secret alone \
             (`nostore secret rotate --end-sessions`)."
                .to_owned(),
        );
        steps.push(
            "Let their owners sign in anew, and look at what was done since then in their name.".to_owned(),
        );
    }
    if report.sure_of(What::EndedInUse) > 0 || report.findings.iter().any(|finding| finding.after_end > 0) {
        steps.push(
            "Let sign-out end the session at the server: deleting the cookie leaves it good for whoever has a copy.".to_owned(),
        );
    }
    steps.push(
        "Look again: run this on what is logged from now on; old sessions go on leaking until they end."
            .to_owned(),
    );
    steps.push("Tell the owners what others may have seen and done, and since when.".to_owned());
    steps
}

/// What a reader should know about the answer.
fn notes(told: &Told, report: &Report) -> Vec<String> {
    let mut notes = told.notes.iter().map(|note| printable(note)).collect::<Vec<_>>();
    let totals = &report.totals;
    if told.all_broken() > 0 {
        notes.push(broken(told));
    }
    if totals.sign_ins == 0 {
        notes.push(
            "no sign-in is in the log: whoever used a session first counts as its owner, and nothing is confirmed. \
             Name the paths on which sessions begin with --sign-in-path"
                .to_owned(),
        );
    }
    if totals.with_session > 1_000 && totals.sessions as u64 * 10 > totals.with_session * 9 {
        notes.push(
            "nearly every line has a session of its own: is it a request's id? Name the session's field with --field session=…"
                .to_owned(),
        );
    }
    if totals.passed_over > 0 {
        notes.push(format!(
            "{} were not looked into: too many are used by several kinds of programs, very often, or for very long",
            count(totals.passed_over, "session")
        ));
    }
    notes
}

/// What to add to a log that names no session.
pub(super) fn without_sessions(told: &Told, report: &Report) -> String {
    let lines = count(report.totals.entries, "line");
    let mut text = format!(
        "{BAD}This log names no session:{BAD:#} nothing can be told from its {lines}. Add the session's cookie, NAME:\n\n\
         {BOLD}nginx{BOLD:#}\n  \
         log_format session '$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent '\n                     \
         '\"$http_referer\" \"$http_user_agent\" \"$cookie_NAME\"';\n  \
         access_log /var/log/nginx/access.log session;\n\n\
         {BOLD}Apache{BOLD:#}\n  \
         LogFormat \"%h %l %u %t \\\"%r\\\" %>s %b \\\"%{{Referer}}i\\\" \\\"%{{User-agent}}i\\\" \\\"%{{NAME}}C\\\"\" session\n  \
         CustomLog logs/access_log session\n\n\
         {BOLD}CloudFront{BOLD:#}\n  \
         cookie logging: \"IncludeCookies\": true in the distribution's Logging\n\n\
         {BOLD}JSON of your own{BOLD:#}\n  \
         \"session\": a keyed hash of the id, for each request\n\n\
         A cookie in a log is as good as the cookie: keep such a log from others, and not for long.\n\
         Is it there under another name? Say so: --field session=NAME\n"
    );
    for note in notes(told, report).iter().filter(|note| !note.starts_with("no sign-in")) {
        text += &format!("\n{WARN}note:{WARN:#} {note}");
    }
    text.trim_end().to_owned()
}

/// Everything, for machines.
pub(super) fn json(told: &Told, report: &Report) -> Value {
    let totals = &report.totals;
    let broken: Vec<Value> = told
        .broken
        .iter()
        .map(|(reason, (number, first))| {
            json!({ "reason": reason.to_string(), "lines": number, "first": told.place(*first) })
        })
        .collect();
    let suspects: Vec<Value> = report
        .suspects
        .iter()
        .map(|suspect| {
            json!({
                "path": path(&suspect.path), "clients": suspect.strangers, "hits": suspect.hits, "lift": suspect.lift,
                "lastPageOfOwner": suspect.of_owner,
            })
        })
        .collect();
    let verdict = match () {
        () if totals.with_session == 0 => "no-sessions-in-log",
        () if report.sure_of(What::HandedOut) > 0 => What::HandedOut.name(),
        () if report.sure_of(What::Taken) > 0 => What::Taken.name(),
        () if report.sure_of(What::EndedInUse) > 0 => What::EndedInUse.name(),
        () => "nothing",
    };
    let sure = report.sure() > 0;
    json!({
        "schemaVersion": 1,
        "verdict": verdict,
        "files": told.files,
        "formats": told.formats.iter().map(|format| format.name()).collect::<Vec<_>>(),
        "lines": told.lines,
        "broken": broken,
        "from": totals.first.map(time::text),
        "to": time::text(totals.last),
        "sessions": totals.sessions,
        "signIns": totals.sign_ins,
        "uses": totals.uses,
        "signOuts": totals.sign_outs,
        "found": report.sure(),
        "toBeWatched": report.counts.values().sum::<usize>() - report.sure(),
        "findings": report.findings.iter().map(|finding| finding_json(finding, told)).collect::<Vec<_>>(),
        "suspects": suspects,
        "affected": if sure { Some(affected(report)) } else { None },
        "rescue": if sure { rescue(report) } else { Vec::new() },
        "notes": notes(told, report),
    })
}

fn finding_json(finding: &Finding, told: &Told) -> Value {
    json!({
        "session": format!("{:08x}", finding.session >> 32),
        "what": finding.what.name(),
        "confidence": finding.confidence.name(),
        "score": finding.score,
        "text": sentence(finding),
        "signIns": finding.sign_ins,
        "uses": finding.uses,
        "clients": finding.clients,
        "clientsEstimated": finding.estimated,
        "neverSignedIn": finding.strangers.iter().map(|name| printable(name)).collect::<Vec<_>>(),
        "first": time::text(finding.span.0),
        "last": time::text(finding.span.1),
        "since": time::text(finding.since),
        "line": told.place(finding.place),
        "ended": finding.ended.map(time::text),
        "usesAfterEnd": finding.after_end,
        "cameFrom": finding.path.as_deref().map(path),
    })
}
