//! The differences from the reference that are known and meant, each as narrow as it can be said.
//!
//! A difference does not excuse a result: it says which result is right instead. Either the reference's
//! result is changed ([`How::Result`]), or the reference is asked about another request, on which it does
//! what we do on this one ([`How::Request`]). What then still differs is a defect.

mod requests;
mod results;

use crate::case::{Case, Outcome};
use crate::compare::differences;

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
    Request(fn(&Case) -> Option<Case>),
    /// This result. `None`: does not apply.
    Result(fn(&Case, &Outcome) -> Option<Outcome>),
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
    let (mut rewritten, mut applied) = (case.clone(), Vec::new());
    for difference in known {
        let How::Request(rewrite) = difference.how else { continue };
        if let Some(alone) = rewrite(case) {
            let names = reconciled(known, &alone, &ask(&alone)?, ours);
            if let Some(names) = names {
                return Ok(Verdict::Agreed([vec![difference.name], names].concat()));
            }
        }
        if let Some(more) = rewrite(&rewritten) {
            rewritten = more;
            applied.push(difference.name);
        }
    }
    if applied.len() > 1 {
        if let Some(names) = reconciled(known, &rewritten, &ask(&rewritten)?, ours) {
            return Ok(Verdict::Agreed([applied, names].concat()));
        }
    }
    Ok(Verdict::Differs(found))
}

/// Changes the reference's result in every way that applies, and names the ways where that makes it ours.
fn reconciled(known: &[Known], case: &Case, reference: &Outcome, ours: &Outcome) -> Option<Vec<&'static str>> {
    let (mut right, mut names) = (reference.clone(), Vec::new());
    for difference in known {
        if let How::Result(change) = difference.how {
            if let Some(changed) = change(case, &right).filter(|changed| *changed != right) {
                right = changed;
                names.push(difference.name);
            }
        }
    }
    differences(&right, ours).is_empty().then_some(names)
}
