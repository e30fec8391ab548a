//! How fast logs are read, and what ten million sessions take.
//!
//! `cargo run --release -p nostore-logs --features synth --example measure -- [FORMAT [SESSIONS] | SESSIONS]`
//!
//! Speed: a million lines or so that lie in memory, five times each, by the time that the thread was on a core (Linux); the
//! best and the worst are printed.
//! Memory: the given number of sessions, three lines each, made on the way; the peak is the whole process's (Linux).

#![expect(clippy::print_stdout, reason = "it prints what it measures")]

use nostore_logs::synth::{Written, bulk, write};
use nostore_logs::{Fields, Finder, Format, Line, Lines, Parser, Reader};

const CHUNK: usize = 256 << 10;

struct Pass {
    parser: Parser,
    reader: Reader,
    finder: Finder,
    lines: Lines,
    count: u64,
}

impl Pass {
    fn new(sample: &str) -> Option<Self> {
        let fields = Fields::default();
        let format = Format::detect(sample.as_bytes(), &fields)?;
        Some(Self {
            parser: Parser::new(format, fields),
            reader: Reader::new(None),
            finder: Finder::new(),
            lines: Lines::new(),
            count: 0,
        })
    }

    fn feed(&mut self, chunk: &[u8]) {
        let Self { parser, reader, finder, lines, count } = self;
        lines.feed(chunk, |line| {
            *count += 1;
            let Line::Whole(line) = line else { return };
            if let Ok(Some(record)) = &parser.parse(line) {
                finder.take(&reader.entry(record, *count));
            }
        });
    }
}

/// Seconds for which this thread was on a core.
fn on_cpu() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn speed(format: Written, sessions: u32) {
    let mut text = format.head().to_owned();
    bulk(sessions, 6, 1, |hit| write(format, hit, &mut text));
    let mut rates = Vec::new();
    let mut lines = 0;
    for _ in 0..5 {
        let Some(mut pass) = Pass::new(&text[..CHUNK.min(text.len())]) else { return };
        let begun = on_cpu();
        text.as_bytes().chunks(CHUNK).for_each(|chunk| pass.feed(chunk));
        rates.push(pass.count as f64 / (on_cpu() - begun) / 1e6);
        lines = pass.count;
    }
    rates.sort_by(f64::total_cmp);
    println!(
        "{format:?}: {:.2} to {:.2} million lines/s ({lines} lines of {} octets)",
        rates[0],
        rates[4],
        text.len() as u64 / lines.max(1)
    );
}

fn memory(sessions: u32) {
    let (mut text, mut pass) = (String::new(), None);
    bulk(sessions, 2, 1, |hit| {
        write(Written::Events, hit, &mut text);
        if text.len() >= CHUNK {
            if pass.is_none() {
                pass = Pass::new(&text);
            }
            if let Some(pass) = &mut pass {
                pass.feed(text.as_bytes());
            }
            text.clear();
        }
    });
    let Some(mut pass) = pass else { return };
    pass.feed(text.as_bytes());
    let report = pass.finder.report(pass.reader.kinds(), true);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("VmHWM: unknown");
    println!("{} sessions, {} found, {} lines; {peak}", report.totals.sessions, report.sure(), pass.count);
}

fn main() {
    let asked = std::env::args().nth(1).unwrap_or_default();
    match asked.parse() {
        Ok(sessions) => memory(sessions),
        Err(_) => {
            let named = |format: &Written| format!("{format:?}").to_lowercase().contains(&asked);
            let sessions = std::env::args().nth(2).and_then(|count| count.parse().ok()).unwrap_or(150_000);
            Written::ALL.into_iter().filter(named).for_each(|format| speed(format, sessions));
        }
    }
}
