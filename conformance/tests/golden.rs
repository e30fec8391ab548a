//! What the reference once said about a few thousand cases still holds, without the reference.

use nostore_conformance::backend::Backend;
use nostore_conformance::case::{Case, Outcome};
use nostore_conformance::differences::{Verdict, judge, known};
use nostore_conformance::explain;
use nostore_conformance::generate::BACKEND;
use nostore_conformance::golden::unpack;
use nostore_conformance::worker::Worker;

const CASES: &[u8] = include_bytes!("../golden/cases.gz");

#[tokio::test]
async fn every_recorded_case_is_decided_as_the_reference_decided_it() {
    let backend = Backend::start().await.expect("a free port").url();
    let mut worker = Worker::new().expect("a client");
    let (recorded, known) = (unpack(CASES).expect("a golden file"), known());
    assert!(recorded.len() >= 1_000, "expected the recorded cases, found {}", recorded.len());
    let mut broken = Vec::new();
    for golden in &recorded {
        let ours = decide(&mut worker, &backend, &golden.case).await;
        let verdict = judge(&known, &golden.case, &golden.reference, &ours, |other| {
            let found = golden.others.iter().find(|(case, _)| case == other);
            found.map(|(_, outcome)| outcome.clone()).ok_or_else(|| "not recorded".to_owned())
        });
        if !matches!(verdict, Ok(Verdict::Agreed(_))) {
            let (reference, ours) = (explain::outcome(&golden.reference), explain::outcome(&ours));
            let case = explain::case(&golden.case);
            broken.push(format!("{verdict:?}\n{case}  reference: {reference}\n  ours: {ours}\n"));
        }
    }
    assert!(broken.is_empty(), "{} of {} differ:\n{}", broken.len(), recorded.len(), broken[0]);
}

async fn decide(worker: &mut Worker, backend: &str, case: &Case) -> Outcome {
    let line = serde_json::to_string(case).expect("JSON").replace(BACKEND, backend);
    let outcome = serde_json::to_string(&worker.decide_line(&line).await).expect("JSON");
    serde_json::from_str(&outcome.replace(backend, BACKEND)).expect("JSON")
}
