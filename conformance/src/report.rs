//! What a run has found.

use std::collections::BTreeMap;

use crate::case::{Case, Outcome};
use crate::differences::Known;
use crate::golden::Golden;

/// A difference that nobody meant.
#[derive(Clone, Debug)]
pub struct Finding {
    /// How many cases show it.
    pub count: usize,
    /// One of them.
    pub case: Case,
    /// What the reference says.
    pub reference: Outcome,
    /// What we say.
    pub ours: Outcome,
}

/// What a run has found so far.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many cases were compared.
    pub cases: usize,
    /// How often the reference gave each reason.
    pub reasons: BTreeMap<String, usize>,
    /// How often each known difference was seen.
    pub known: BTreeMap<&'static str, usize>,
    /// What nobody meant, by what it looks like.
    pub findings: BTreeMap<String, Finding>,
    /// The cases on which both sides agree, where they are to be kept.
    pub recorded: Vec<Golden>,
}

impl Report {
    /// Notes what the reference said.
    pub fn note(&mut self, reference: &Outcome) {
        self.cases += 1;
        let token = reference.token_type.as_deref().unwrap_or("-");
        let reason = reference.reason.as_deref().unwrap_or("-");
        let redirects = if reference.header("location").is_some() { " with a location" } else { "" };
        *self.reasons.entry(format!("{} {reason} [{token}]{redirects}", reference.status)).or_default() += 1;
    }

    /// Notes the known differences that explain a case.
    pub fn agreed(&mut self, names: &[&'static str]) {
        for name in names {
            *self.known.entry(name).or_default() += 1;
        }
    }

    /// Notes a difference that nobody meant.
    pub fn differs(&mut self, case: &Case, reference: &Outcome, ours: &Outcome, aspects: &[String]) {
        let looks = signature(reference, ours, aspects);
        let new =
            || Finding { count: 0, case: case.clone(), reference: reference.clone(), ours: ours.clone() };
        self.findings.entry(looks).or_insert_with(new).count += 1;
    }

    /// Adds what another run has found.
    pub fn add(&mut self, other: Self) {
        self.cases += other.cases;
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
        for (name, count) in other.known {
            *self.known.entry(name).or_default() += count;
        }
        self.recorded.extend(other.recorded);
        for (looks, finding) in other.findings {
            let count = finding.count;
            self.findings.entry(looks).or_insert(Finding { count: 0, ..finding }).count += count;
        }
    }

    /// Lists the known differences that no case has shown.
    #[must_use]
    pub fn never_seen(&self, known: &[Known]) -> Vec<&'static str> {
        known.iter().map(|difference| difference.name).filter(|name| !self.known.contains_key(name)).collect()
    }
}

/// Tells what a difference looks like, so that many cases of one kind are one finding.
#[must_use]
pub fn signature(reference: &Outcome, ours: &Outcome, aspects: &[String]) -> String {
    let told = |outcome: &Outcome| format!("{}/{}", outcome.status, outcome.reason.as_deref().unwrap_or("-"));
    let (reference, ours) = (told(reference), told(ours));
    if reference == ours {
        format!("{reference}: {}", aspects.join(" "))
    } else {
        format!("{reference} but we {ours}")
    }
}
