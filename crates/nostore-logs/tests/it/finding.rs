//! What the finder makes of labelled traffic: precision and recall, scene by scene.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use nostore_logs::synth::{Scene, Traffic, Written, event_session_text, session_text, write};
use nostore_logs::{Confidence, Fields, Finder, Finding, Format, Line, Lines, Parser, Reader, Report, What};

/// The traffic that the floors were set by, and the one that was looked at once, afterwards (`docs/logs.md`).
const SEEN: [u64; 5] = [1, 2, 3, 4, 5];
const UNSEEN: [u64; 5] = [1_001, 1_002, 1_003, 1_004, 1_005];

pub(crate) fn text(traffic: &Traffic, format: Written) -> String {
    let mut out = format.head().to_owned();
    traffic.hits.iter().for_each(|hit| write(format, hit, &mut out));
    out
}

pub(crate) fn find(text: &str, reader: &mut Reader) -> Report {
    let fields = Fields::default();
    let sample = &text.as_bytes()[..text.len().min(65_536)];
    let format = Format::detect(sample, &fields).expect("a format");
    let mut parser = Parser::new(format, fields);
    let (mut finder, mut lines, mut place) = (Finder::new(), Lines::new(), 0);
    lines.feed(text.as_bytes(), |line| {
        place += 1;
        let Line::Whole(line) = line else { panic!("a long line") };
        if let Some(record) = parser.parse(line).expect("a sound line") {
            finder.take(&reader.entry(&record, place));
        }
    });
    finder.report(reader.kinds(), format == Format::Events)
}

/// How many sessions of a scene there are, and how many were found.
#[derive(Clone, Copy, Default)]
struct Row {
    all: usize,
    sure: usize,
    confirmed: usize,
    watched: usize,
}

#[derive(Default)]
struct Score {
    rows: BTreeMap<Scene, Row>,
    /// Leaks by a stored page that were found, and those whose page is named.
    paths: (usize, usize),
}

impl Score {
    fn add(&mut self, seed: u64, format: Written) {
        let traffic = Traffic::mixed(1, seed);
        let mut reader = Reader::new(None);
        let report = find(&text(&traffic, format), &mut reader);
        let found: HashMap<u64, &Finding> =
            report.findings.iter().map(|finding| (finding.session, finding)).collect();
        for label in &traffic.labels {
            if label.scene.is_leak() && !label.visible {
                continue;
            }
            let id = if format == Written::Events {
                event_session_text(label.session)
            } else {
                session_text(label.session)
            };
            let row = self.rows.entry(label.scene).or_default();
            row.all += 1;
            if let Some(finding) = found.get(&reader.session(id.as_bytes())) {
                row.sure += usize::from(finding.confidence >= Confidence::Likely);
                row.confirmed += usize::from(finding.confidence == Confidence::Confirmed);
                row.watched += usize::from(finding.confidence == Confidence::Watch);
                if let Some(path) = &label.path {
                    let path = path.split('?').next().unwrap();
                    self.paths.0 += 1;
                    self.paths.1 += usize::from(finding.path.as_deref() == Some(path));
                }
            }
        }
    }

    fn precision(&self) -> f64 {
        let sure = |leak| {
            self.rows
                .iter()
                .filter(|(scene, _)| scene.is_leak() == leak)
                .map(|(_, row)| row.sure)
                .sum::<usize>()
        };
        sure(true) as f64 / (sure(true) + sure(false)).max(1) as f64
    }

    fn recall(&self, scene: Scene) -> f64 {
        let row = self.rows.get(&scene).copied().unwrap_or_default();
        row.sure as f64 / row.all.max(1) as f64
    }

    fn table(&self) -> String {
        let mut table =
            format!("{:20} {:>8} {:>6} {:>10} {:>6}\n", "scene", "sessions", "found", "confirmed", "watch");
        for (scene, row) in &self.rows {
            let Row { all, sure, confirmed, watched } = row;
            writeln!(table, "{:20} {all:8} {sure:6} {confirmed:10} {watched:6}", format!("{scene:?}"))
                .unwrap();
        }
        let (found, named) = self.paths;
        writeln!(table, "precision {:.4}; of {found} stored pages, {named} are named", self.precision())
            .unwrap();
        table
    }
}

fn scored(seeds: &[u64], format: Written) -> Score {
    let mut score = Score::default();
    seeds.iter().for_each(|seed| score.add(*seed, format));
    score
}

#[test]
fn leaks_are_found_and_innocent_sessions_are_not() {
    for (seeds, format) in
        [&SEEN, &UNSEEN].into_iter().flat_map(|seeds| Written::ALL.map(|format| (seeds, format)))
    {
        let score = scored(seeds, format);
        println!("{format:?}, seeds {seeds:?}\n{}", score.table());
        assert!(score.precision() >= 0.99, "{format:?}: {}", score.precision());
        for (scene, least) in [(Scene::CachedCookie, 0.88), (Scene::Thief, 0.95), (Scene::StaleSignOut, 0.98)]
        {
            assert!(score.recall(scene) >= least, "{format:?} {scene:?}: {}", score.recall(scene));
        }
        // An owner who travels looks like it: it is not found, and nobody who travels is accused.
        assert!(score.recall(Scene::ThiefSameKind) <= 0.0);
        let (found, named) = score.paths;
        let least = if format == Written::Events { 0.5 } else { 0.85 };
        assert!(named as f64 >= least * found as f64, "{format:?}: {named} of {found} pages named");
    }
}

#[test]
fn the_incident_is_found_in_every_format() {
    let traffic = Traffic::post_mortem();
    for format in Written::ALL {
        let report = find(&text(&traffic, format), &mut Reader::new(None));
        let finding = &report.findings[0];
        assert_eq!(report.findings.len(), 1, "{format:?}");
        let span = finding.span.1 - finding.span.0;
        assert_eq!(
            (finding.what, finding.confidence, finding.sign_ins, finding.uses, finding.clients, span / 60),
            (What::HandedOut, Confidence::Confirmed, 1, 29, 11, 604),
            "{format:?}"
        );
        assert_eq!(report.suspects[0].path, "/tree", "{format:?}");
    }
}
