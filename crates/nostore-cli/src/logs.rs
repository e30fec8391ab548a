//! `nostore logs`: sessions in a log that are used by clients that never signed in.
//!
//! # Invariants
//!
//! - A broken line is counted and named, and never ends the command.
//! - Nothing of a log reaches the output but paths, kinds of programs and times, each cleaned: no session id, no address,
//!   no query.

mod progress;
mod source;
mod text;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nostore_logs::{Broken, Fields, Finder, Format, Line, Lines, Parser, Pattern, Reader, Report, Role};

use crate::args::{LogsArgs, log_field, log_format};
use crate::config::{Config, LogsSection, or_file};
use crate::error::Failed;
use crate::terminal::warn;
use progress::Progress;
use source::{Source, Stopped};

/// How many octets of a place count lines; the others name the file.
const LINE_BITS: u32 = 40;
/// After so many lines without a session, somebody who waits is told.
const TOLD_AFTER: u64 = 100_000;

/// What was read, besides what was found.
struct Told {
    files: Vec<String>,
    formats: Vec<Format>,
    lines: u64,
    /// For each reason, how many lines, and the place of the first.
    broken: BTreeMap<Broken, (u64, u64)>,
    /// What of files could not be read, and why.
    notes: Vec<String>,
}

impl Told {
    /// Names a line as `FILE:LINE`.
    fn place(&self, place: u64) -> Option<String> {
        let file = self.files.get(usize::try_from(place >> LINE_BITS).ok()?)?;
        let line = place & ((1 << LINE_BITS) - 1);
        (line > 0).then(|| format!("{file}:{line}"))
    }

    fn all_broken(&self) -> u64 {
        self.broken.values().map(|(count, _)| count).sum()
    }
}

/// Reads all logs and reports. Exit code 1 says that something was found.
///
/// # Errors
///
/// When the command line is not as expected, a file cannot be read, its format is unknown, or no line names a session.
pub(crate) fn run(args: &LogsArgs, path: Option<&Path>) -> Result<ExitCode, Failed> {
    let args = &completed(args, &Config::read(path)?.logs)?;
    let fields = fields(args);
    let sources = open(args, &fields)?;
    let mut told = Told {
        files: sources.iter().map(|source| text::printable(&source.name)).collect(),
        formats: Vec::new(),
        lines: 0,
        broken: BTreeMap::new(),
        notes: Vec::new(),
    };
    let cookie = fields.of(Role::Session).filter(|name| *name != "user");
    let mut reader = Reader::new(cookie);
    args.sign_in_paths.iter().for_each(|path| reader.sign_in_path(path));
    args.sign_out_paths.iter().for_each(|path| reader.sign_out_path(path));
    let mut finder = Finder::new();
    let mut progress = Progress::new(sources.iter().map(|source| source.size).sum(), !args.json);
    for (number, source) in sources.into_iter().enumerate() {
        let parser = match &args.pattern {
            Some(pattern) => Parser::pattern(compiled(pattern)?),
            None => Parser::new(source.format, fields.clone()),
        };
        if !told.formats.contains(&source.format) {
            told.formats.push(source.format);
        }
        let mut pass = Pass { parser, reader: &mut reader, finder: &mut finder, told: &mut told };
        pass.run(number, source, &mut progress)?;
    }
    progress.end();
    let names_events = told.formats.iter().all(|format| *format == Format::Events);
    let report = finder.report(reader.kinds(), names_events);
    conclude(args, &told, &report)
}

/// Takes what the file says where the flags are silent.
fn completed(args: &LogsArgs, file: &LogsSection) -> Result<LogsArgs, Failed> {
    let wrong = |name: &str| {
        let what = format!("`logs.{name}` in nostore.toml");
        move |expected: String| Failed::usage(format!("{what}: {expected}"))
    };
    let mut args = args.clone();
    if args.format.is_none() && args.pattern.is_none() {
        args.pattern.clone_from(&file.pattern);
        args.format = file.format.as_deref().map(log_format).transpose().map_err(wrong("format"))?;
    }
    if args.fields.is_empty() {
        let fields = file.fields.iter().map(|text| log_field(text));
        args.fields = fields.collect::<Result<_, _>>().map_err(wrong("fields"))?;
    }
    args.sign_in_paths = or_file(&args.sign_in_paths, &file.sign_in_paths).to_vec();
    args.sign_out_paths = or_file(&args.sign_out_paths, &file.sign_out_paths).to_vec();
    Ok(args)
}

/// One file on its way through.
struct Pass<'p> {
    parser: Parser,
    reader: &'p mut Reader,
    finder: &'p mut Finder,
    told: &'p mut Told,
}

impl Pass<'_> {
    fn run(&mut self, number: usize, mut source: Source, progress: &mut Progress) -> Result<(), Failed> {
        let name = text::printable(&source.name);
        let mut lines = Lines::new();
        let mut place = u64::try_from(number).unwrap_or(0) << LINE_BITS;
        let mut chunk = vec![0; 256 << 10];
        loop {
            match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => lines.feed(&chunk[..count], |line| self.line(line, &mut place)),
                Err(stopped @ (Stopped::Bomb | Stopped::Read(_))) => {
                    self.told.notes.push(format!("the rest of {name} was not read: {stopped}"));
                    break;
                }
                Err(Stopped::Gone) => return Err(Failed::new(format!("{name} is gone")).exit_code(2)),
            }
            progress.advance(source.taken(), self.told.lines);
        }
        lines.finish(|line| self.line(line, &mut place));
        progress.finish_file(source.taken());
        Ok(())
    }

    fn line(&mut self, line: Line<'_>, place: &mut u64) {
        *place += 1;
        self.told.lines += 1;
        let parsed = match line {
            Line::Whole(line) => self.parser.parse(line),
            Line::TooLong => Err(Broken::TooLong),
        };
        match &parsed {
            Ok(Some(record)) => self.finder.take(&self.reader.entry(record, *place)),
            Ok(None) => {}
            Err(broken) => self.told.broken.entry(*broken).or_insert((0, *place)).0 += 1,
        }
        if self.told.lines == TOLD_AFTER && !self.finder.has_sessions() {
            warn("no session so far: does this log name them? It is told in the end which lines to add");
        }
    }
}

fn fields(args: &LogsArgs) -> Fields {
    let mut fields = Fields::default();
    args.fields.iter().for_each(|(role, name)| fields.name(*role, name.clone()));
    fields
}

fn compiled(pattern: &str) -> Result<Pattern, Failed> {
    Pattern::new(pattern).map_err(|error| Failed::usage("`--pattern`").because(&error))
}

/// Opens all files, knows their formats, and puts them in the order of their first times.
fn open(args: &LogsArgs, fields: &Fields) -> Result<Vec<Source>, Failed> {
    if let Some(pattern) = &args.pattern {
        compiled(pattern)?;
    }
    let mut files = Vec::new();
    for file in &args.files {
        files.extend(source::expanded(file)?);
    }
    if files.is_empty() {
        if std::io::stdin().is_terminal() {
            let hint = "name a log, such as `nostore logs access.log`, or pipe one in; `nostore logs --help` has examples";
            return Err(Failed::usage("expected a log, found a terminal on standard input").hint(hint));
        }
        files.push(PathBuf::from("-"));
    }
    let named = if args.pattern.is_some() { Some(Format::Pattern) } else { args.format };
    let mut sources = Vec::new();
    for file in &files {
        sources.extend(Source::open(file, named, fields)?);
    }
    // Rotated files come in the order of their names: the newest first.
    sources.sort_by_key(|source| source.first);
    Ok(sources)
}

fn conclude(args: &LogsArgs, told: &Told, report: &Report) -> Result<ExitCode, Failed> {
    if report.totals.entries == 0 {
        let mut failed = Failed::new("expected lines of a log, found none that can be read").exit_code(2);
        if told.all_broken() > 0 {
            let broken = text::broken(told);
            failed =
                failed.hint(format!("{broken}. Name the format with --format or describe it with --pattern"));
        }
        return Err(failed);
    }
    if args.json {
        crate::terminal::say(&text::json(told, report).to_string());
    } else if report.totals.with_session == 0 {
        crate::terminal::say(&text::without_sessions(told, report));
    } else {
        crate::terminal::say(&text::report(args, told, report));
    }
    Ok(match (report.totals.with_session, report.sure()) {
        (0, _) => ExitCode::from(2),
        (_, 0) => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    })
}
