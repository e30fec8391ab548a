//! What a run has found.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, Outcome};
use crate::differences::{Known, RARE};
use crate::golden::Golden;

/// Every reason that a request can end with, without those of refreshes that the service names itself. What needs
/// a client without an API, or a key that was read and forgotten, cannot be.
const REASONS: [&str; 34] = [
    "No token in header",
    "active-organization-mismatch",
    "client-uat-but-no-session-token",
    "dev-browser-missing",
    "dev-browser-sync",
    "jwk-kid-mismatch",
    "jwk-remote-failed-to-load",
    "primary-domain-cross-origin-sync",
    "primary-responds-to-syncing",
    "satellite-needs-syncing",
    "secret-key-invalid",
    "session-token-and-uat-missing",
    "session-token-but-no-client-uat",
    "session-token-expired-refresh-expired-session-token-missing-sid-claim",
    "session-token-expired-refresh-fetch-error",
    "session-token-expired-refresh-invalid-session-token",
    "session-token-expired-refresh-non-eligible-no-refresh-cookie",
    "session-token-expired-refresh-non-eligible-non-get",
    "session-token-expired-refresh-resource_not_found",
    "session-token-expired-refresh-unexpected-bapi-error",
    "session-token-expired-refresh-unexpected-sdk-error",
    "session-token-iat-before-client-uat",
    "session-token-iat-in-the-future",
    "session-token-missing",
    "session-token-nbf",
    "token-invalid",
    "token-invalid-algorithm",
    "token-invalid-authorized-parties",
    "token-invalid-signature",
    "token-type-mismatch",
    "token-verification-failed",
    "unexpected-error",
    "-",
    "error",
];

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
    /// The reasons that the reference gave.
    pub said: BTreeSet<String>,
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
        self.said.insert(if reference.status == "error" { "error" } else { reason }.to_owned());
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
        self.said.extend(other.said);
        for (name, count) in other.known {
            *self.known.entry(name).or_default() += count;
        }
        self.recorded.extend(other.recorded);
        for (looks, finding) in other.findings {
            let count = finding.count;
            self.findings.entry(looks).or_insert(Finding { count: 0, ..finding }).count += count;
        }
    }

    /// Lists the reasons that no case has led to.
    #[must_use]
    pub fn never_said(&self) -> Vec<&'static str> {
        REASONS.into_iter().filter(|reason| !self.said.contains(*reason)).collect()
    }

    /// Lists the known differences that no case has shown, though a long run shows them.
    #[must_use]
    pub fn never_seen(&self, known: &[Known]) -> Vec<&'static str> {
        let names = known.iter().map(|difference| difference.name).filter(|name| !RARE.contains(name));
        names.filter(|name| !self.known.contains_key(name)).collect()
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
