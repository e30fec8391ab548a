//! Writes made traffic to standard output, for measurements of whole programs.
//!
//! `cargo run --release -p nostore-logs --features synth --example traffic -- FORMAT SESSIONS`

use std::io::{self, Write as _};

use nostore_logs::synth::{Written, bulk, write};

fn main() -> io::Result<()> {
    let asked = std::env::args().nth(1).unwrap_or_default();
    let sessions = std::env::args().nth(2).and_then(|count| count.parse().ok()).unwrap_or(150_000);
    let named = |format: &Written| format!("{format:?}").to_lowercase() == asked;
    let format = Written::ALL.into_iter().find(named).ok_or_else(|| io::Error::other("expected a format"))?;
    let mut out = io::BufWriter::with_capacity(1 << 20, io::stdout().lock());
    out.write_all(format.head().as_bytes())?;
    let (mut line, mut written) = (String::new(), Ok(()));
    bulk(sessions, 6, 1, |hit| {
        line.clear();
        write(format, hit, &mut line);
        if written.is_ok() {
            written = out.write_all(line.as_bytes());
        }
    });
    written?;
    out.flush()
}
