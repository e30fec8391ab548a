//! Makes cases from a seed, has the reference and our worker decide them, and compares.
//!
//! Fails where a difference was found that nobody meant.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use nostore_conformance::backend::Backend;
use nostore_conformance::case::{Case, Outcome};
use nostore_conformance::differences::{Known, Verdict, judge, known};
use nostore_conformance::explain;
use nostore_conformance::generate::Generator;
use nostore_conformance::golden::{Golden, pack};
use nostore_conformance::minimise::minimise;
use nostore_conformance::process::Process;
use nostore_conformance::report::{Report, signature};

const HELP: &str = "\
Usage: differential [--cases N] [--seed S] [--show K] [--jobs J] [--first N] [--print 1] [--record 1]

  --cases N   how many cases (10000)
  --seed S    where they start (1)
  --show K    how many findings are shown at full length (20)
  --jobs J    how many workers of each side run (2)
  --first N   the number of the first case (0)
  --print 1   only print the cases, one a line
  --record 1  keep the cases for the test without the reference";

/// How many cases are on the way at once.
const BATCH: usize = 200;

/// From how many cases on every reason must have been seen.
const ENOUGH: u64 = 10_000;

/// From how many cases on every known difference that is not rare must have been seen.
const ENOUGH_FOR_ALL: u64 = 100_000;

struct Arguments {
    cases: u64,
    seed: u64,
    show: usize,
    jobs: u64,
    first: u64,
    print: bool,
    record: bool,
}

impl Arguments {
    fn numbers(&self) -> std::ops::Range<u64> {
        self.first..self.first.saturating_add(self.cases)
    }
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            say(&format!("error: {error}\n\n{HELP}"));
            return ExitCode::FAILURE;
        }
    };
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) {
    // Whoever closed the output does not want to read it.
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments =
        Arguments { cases: 10_000, seed: 1, show: 20, jobs: 2, first: 0, print: false, record: false };
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("expected a number behind {flag}"))?;
        let number =
            value.parse::<u64>().map_err(|_| format!("expected a number behind {flag}, found {value}"))?;
        match flag.as_str() {
            "--cases" => arguments.cases = number,
            "--seed" => arguments.seed = number,
            "--show" => arguments.show = usize::try_from(number).unwrap_or(usize::MAX),
            "--jobs" => arguments.jobs = number.max(1),
            "--first" => arguments.first = number,
            "--print" => arguments.print = number != 0,
            "--record" => arguments.record = number != 0,
            _ => {
                return Err(format!(
                    "expected --cases, --seed, --show, --jobs, --first, --print or --record, found {flag}"
                ));
            }
        }
    }
    Ok(arguments)
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    if arguments.print {
        return print(arguments);
    }
    let start = Instant::now();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    let backend = runtime.block_on(Backend::start()).map_err(|error| error.to_string())?.url();
    let known = known();
    let jobs = 0..arguments.jobs;
    let reports = thread::scope(|scope| {
        let start = |job| {
            let (backend, known) = (&backend, &known);
            scope.spawn(move || Pair::start(backend)?.compare(arguments, job, known))
        };
        let running: Vec<_> = jobs.map(start).collect();
        let ended = running.into_iter().map(|job| job.join().map_err(|_| "a job panicked".to_owned())?);
        ended.collect::<Result<Vec<_>, String>>()
    })?;
    let mut report = Report::default();
    for part in reports {
        report.add(part);
    }
    tell(&report, &known);
    if arguments.record {
        record(report.recorded.clone())?;
    }
    show_findings(&report, &known, &backend, arguments.show)?;
    let differing: usize = report.findings.values().map(|finding| finding.count).sum();
    say(&format!(
        "{} cases from seed {} in {:.0} s: {differing} differ in {} ways that nobody meant",
        report.cases,
        arguments.seed,
        start.elapsed().as_secs_f64(),
        report.findings.len(),
    ));
    // A run that is long enough must have been everywhere.
    let said = arguments.cases < ENOUGH || report.never_said().is_empty();
    let seen = arguments.cases < ENOUGH_FOR_ALL || report.never_seen(&known).is_empty();
    Ok(report.findings.is_empty() && said && seen)
}

fn record(mut cases: Vec<Golden>) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/cases.gz");
    cases.sort_by_cached_key(|golden| {
        let id = golden.case.id.as_str().and_then(|id| id.rsplit('-').next()?.parse::<u64>().ok());
        id.unwrap_or_default()
    });
    let packed = pack(&cases)?;
    say(&format!("{} cases in {} bytes", cases.len(), packed.len()));
    std::fs::write(&path, packed).map_err(|error| format!("{}: {error}", path.display()))
}

fn print(arguments: &Arguments) -> Result<bool, String> {
    let mut generator = Generator::new(arguments.seed)?;
    for number in arguments.numbers() {
        say(&serde_json::to_string(&generator.case(number)).map_err(|error| error.to_string())?);
    }
    Ok(true)
}

/// The reference and our worker, side by side.
struct Pair {
    reference: Process,
    ours: Process,
}

impl Pair {
    fn start(backend: &str) -> Result<Self, String> {
        Ok(Self { reference: Process::reference(backend)?, ours: Process::ours(backend)? })
    }

    /// Compares every case whose turn it is.
    fn compare(mut self, arguments: &Arguments, job: u64, known: &[Known]) -> Result<Report, String> {
        let mut generator = Generator::new(arguments.seed)?;
        let mut report = Report::default();
        let mut numbers = arguments.numbers().filter(|number| number % arguments.jobs == job);
        loop {
            let cases: Vec<_> = numbers.by_ref().take(BATCH).map(|number| generator.case(number)).collect();
            if cases.is_empty() {
                return Ok(report);
            }
            let (reference, ours) = self.decide(&cases)?;
            for ((case, reference), ours) in cases.iter().zip(&reference).zip(&ours) {
                report.note(reference);
                let mut others = Vec::new();
                let verdict = judge(known, case, reference, ours, |other| {
                    let outcome = self.reference.decide_one(other)?;
                    others.push((other.clone(), outcome.clone()));
                    Ok(outcome)
                })?;
                match verdict {
                    Verdict::Agreed(names) => report.agreed(&names),
                    Verdict::Differs(aspects) => {
                        report.differs(case, reference, ours, &aspects);
                        continue;
                    }
                }
                if arguments.record {
                    let (case, reference) = (case.clone(), reference.clone());
                    report.recorded.push(Golden { case, reference, others });
                }
            }
        }
    }

    fn decide(&mut self, cases: &[Case]) -> Result<(Vec<Outcome>, Vec<Outcome>), String> {
        let (reference, ours) = (&mut self.reference, &mut self.ours);
        thread::scope(|scope| {
            let reference = scope.spawn(|| reference.decide(cases));
            let ours = ours.decide(cases)?;
            Ok((reference.join().map_err(|_| "the reference's thread panicked")??, ours))
        })
    }

    /// Tells whether a case shows a difference that looks like `looks`, and the two results.
    fn shows(
        &mut self,
        known: &[Known],
        case: &Case,
        looks: &str,
    ) -> Result<Option<(Outcome, Outcome)>, String> {
        let (reference, ours) = (self.reference.decide_one(case)?, self.ours.decide_one(case)?);
        let verdict = judge(known, case, &reference, &ours, |other| self.reference.decide_one(other))?;
        let same =
            matches!(verdict, Verdict::Differs(aspects) if signature(&reference, &ours, &aspects) == looks);
        Ok(same.then_some((reference, ours)))
    }
}

fn tell(report: &Report, known: &[Known]) {
    say("What the reference said:");
    for (reason, count) in &report.reasons {
        say(&format!("{count:9}  {reason}"));
    }
    say("Known differences:");
    for difference in known {
        let count = report.known.get(difference.name).copied().unwrap_or_default();
        say(&format!("{count:9}  {}: {}", difference.name, difference.why));
    }
    for name in report.never_seen(known) {
        say(&format!("never seen: {name}"));
    }
    for reason in report.never_said() {
        say(&format!("never said: {reason}"));
    }
}

fn show_findings(report: &Report, known: &[Known], backend: &str, most: usize) -> Result<(), String> {
    let mut findings: Vec<_> = report.findings.iter().collect();
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.count));
    for (looks, finding) in &findings {
        say(&format!("{:9}  DIFFERS {looks}", finding.count));
    }
    let mut pair = Pair::start(backend)?;
    for (looks, finding) in findings.iter().take(most) {
        let mut error = None;
        let case = minimise(&finding.case, |case| match pair.shows(known, case, looks) {
            Ok(shown) => shown.is_some(),
            Err(found) => {
                error = Some(found);
                false
            }
        });
        if let Some(error) = error {
            return Err(error);
        }
        let shown = pair.shows(known, &case, looks)?;
        let (reference, ours) = shown.unwrap_or((finding.reference.clone(), finding.ours.clone()));
        say(&format!("\n== {} x {looks} (first: {})", finding.count, finding.case.id));
        say(&explain::case(&case));
        say(&format!("  reference: {}", explain::outcome(&reference)));
        say(&format!("  ours:      {}", explain::outcome(&ours)));
    }
    Ok(())
}
