//! The differences from the reference that are known and meant, each as narrow as it can be said.
//!
//! A difference does not excuse a result: it says which result is right instead. Either the reference's
//! result is changed ([`How::Result`]), or the reference is asked about another request, on which it does
//! what we do on this one ([`How::Request`]). What then still differs is a defect.

mod read;
mod requests;
mod results;
mod tokens;

use crate::case::{Case, Outcome};
use crate::compare::differences;

/// Differences that not every long run shows: among 300,000 cases they were seen one to six times.
pub const RARE: [&str; 3] = ["empty-audience-is-one", "own-host-is-known", "session-id-is-one-segment"];

/// A known difference.
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Where the protocol's specification decides it, or why it is right.
    pub why: &'static str,
    /// What is right instead.
    pub how: How,
}

/// What is right instead of the reference's result.
pub enum How {
    /// What the reference says about this other request. `None`: does not apply.
    Request(fn(&Case) -> Option<Rewritten>),
    /// This result, from the case, the reference's result and ours. `None`: does not apply.
    Result(fn(&Case, &Outcome, &Outcome) -> Option<Outcome>),
}

/// Another request.
#[derive(Clone, Debug, PartialEq)]
pub struct Rewritten {
    /// The request.
    pub case: Case,
    /// What stands for what in it, where that comes back in the JSON of the result.
    pub stands_for: Vec<(String, String)>,
}

/// All of them.
#[must_use]
pub fn known() -> Vec<Known> {
    let mut all = requests::all();
    all.extend(results::all());
    all
}

/// What a comparison came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Both sides say the same, or differ in the ways with these names.
    Agreed(Vec<&'static str>),
    /// They differ in a way that nobody meant, in these aspects.
    Differs(Vec<String>),
}

/// Compares two results. `ask` asks the reference about another case.
///
/// # Errors
///
/// When the reference cannot be asked.
pub fn judge(
    known: &[Known],
    case: &Case,
    reference: &Outcome,
    ours: &Outcome,
    mut ask: impl FnMut(&Case) -> Result<Outcome, String>,
) -> Result<Verdict, String> {
    let found = differences(reference, ours);
    if found.is_empty() {
        return Ok(Verdict::Agreed(Vec::new()));
    }
    if let Some(names) = reconciled(known, case, reference, ours) {
        return Ok(Verdict::Agreed(names));
    }
    let mut asked = |rewritten: &Rewritten| {
        let told = put_back(ask(&rewritten.case)?, &rewritten.stands_for)?;
        Ok::<_, String>(reconciled(known, case, &told, ours))
    };
    let mut all = Rewritten { case: case.clone(), stands_for: Vec::new() };
    let mut applied = Vec::new();
    for difference in known {
        let How::Request(rewrite) = difference.how else { continue };
        if let Some(alone) = rewrite(case)
            && let Some(names) = asked(&alone)?
        {
            return Ok(Verdict::Agreed([vec![difference.name], names].concat()));
        }
        if let Some(more) = rewrite(&all.case) {
            all.case = more.case;
            all.stands_for.extend(more.stands_for);
            applied.push(difference.name);
        }
    }
    if applied.len() > 1
        && let Some(names) = asked(&all)?
    {
        return Ok(Verdict::Agreed([applied, names].concat()));
    }
    Ok(Verdict::Differs(found))
}

/// Writes what was meant for what stood in its place.
fn put_back(outcome: Outcome, stands_for: &[(String, String)]) -> Result<Outcome, String> {
    if stands_for.is_empty() {
        return Ok(outcome);
    }
    let mut text = serde_json::to_string(&outcome).map_err(|error| error.to_string())?;
    for (stand_in, meant) in stands_for {
        text = text.replace(stand_in.as_str(), meant);
    }
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Changes the reference's result in every way that applies, and names the ways where that makes it ours.
fn reconciled(
    known: &[Known],
    case: &Case,
    reference: &Outcome,
    ours: &Outcome,
) -> Option<Vec<&'static str>> {
    let (mut right, mut names) = (reference.clone(), Vec::new());
    for difference in known {
        if let How::Result(change) = difference.how
            && let Some(changed) = change(case, &right, ours).filter(|changed| *changed != right)
        {
            right = changed;
            names.push(difference.name);
        }
    }
    differences(&right, ours).is_empty().then_some(names)
}
