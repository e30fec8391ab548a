//! The worker: what cannot be is an error and stops nothing, and cases do not share what they must not.

use nostore_conformance::backend::Backend;
use nostore_conformance::token::{Mint, Signer};
use nostore_conformance::worker::Worker;
use serde_json::{Value, json};

const NOW: i64 = 1_790_000_000;
const KEY: &str = "pk_live_ZmFwaS5hY21lLWF1dGguZXhhbXBsZSQ";

#[tokio::test]
async fn what_cannot_be_is_an_error_with_its_name_and_the_next_case_is_decided() {
    let mut worker = Worker::new().expect("a client");
    let request = json!({"method": "GET", "url": "https://app.example/", "headers": []});
    let rows = [
        ("{".to_owned(), Value::Null),
        (json!({"id": "no request", "now": NOW}).to_string(), json!("no request")),
        (json!({"id": "no key", "now": NOW, "request": request, "options": {"secretKey": "sk_live_x"}}).to_string(), json!("no key")),
        (
            json!({"id": 7, "now": NOW, "request": request, "options": {"publishableKey": "pk_live_!", "secretKey": "x"}}).to_string(),
            json!(7),
        ),
        (json!({"id": 8, "now": NOW, "request": {"url": "/relative"}, "options": {"publishableKey": KEY, "secretKey": "x"}}).to_string(), json!(8)),
    ];
    for (line, id) in rows {
        let outcome = worker.decide_line(&line).await;
        assert_eq!((outcome.status.as_str(), &outcome.id), ("error", &id), "{line}");
        let error = outcome.error.expect("a text");
        assert!(error.contains("expected"), "{error}");
    }
    let good = json!({"id": 9, "now": NOW, "request": request, "options": {"publishableKey": KEY, "secretKey": "x"}});
    let outcome = worker.decide_line(&good.to_string()).await;
    assert_eq!(
        (outcome.status.as_str(), outcome.reason.as_deref()),
        ("signed-out", Some("session-token-and-uat-missing"))
    );
}

#[tokio::test]
async fn cases_with_other_keys_share_no_jwk_set() {
    let backend = Backend::start().await.expect("a free port").url();
    let (mut worker, mut mint) = (Worker::new().expect("a client"), Mint::new().expect("keys"));
    let payload = json!({"sub": "user_1", "iat": NOW, "exp": NOW + 60}).to_string();
    let token = mint.token(Signer::A, r#"{"alg":"RS256","kid":"kid-a"}"#, &payload);
    let headers = json!([["authorization", format!("Bearer {token}")]]);
    let mut said = Vec::new();
    for secret in ["sk_live_main", "sk_live_swapped", "sk_live_empty", "sk_live_main"] {
        let options = json!({"publishableKey": KEY, "secretKey": secret, "apiUrl": backend});
        let case = json!({"now": NOW, "request": {"url": "https://app.example/", "headers": headers}, "options": options});
        let outcome = worker.decide_line(&case.to_string()).await;
        said.push(outcome.reason.unwrap_or(outcome.status));
    }
    assert_eq!(said, ["signed-in", "token-invalid-signature", "jwk-remote-failed-to-load", "signed-in"]);
}

#[tokio::test]
async fn what_we_add_is_told_apart_from_what_the_protocol_asks_for() {
    let mut worker = Worker::new().expect("a client");
    let headers = json!([["cookie", "__client_uat=1"], ["sec-fetch-dest", "document"]]);
    let options = json!({"publishableKey": KEY, "secretKey": "sk_live_x"});
    let case = json!({"now": NOW, "request": {"url": "https://app.example/", "headers": headers}, "options": options});
    let outcome = worker.decide_line(&case.to_string()).await;
    let names = |lines: &[(String, String)]| lines.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let protocol = ["cache-control", "location", "set-cookie", "x-clerk-auth-reason", "x-clerk-auth-status"];
    assert_eq!(names(&outcome.headers), protocol);
    let added = names(&outcome.safety);
    for name in ["cache-control", "referrer-policy", "cdn-cache-control", "set-cookie", "vary"] {
        assert!(added.iter().any(|own| own == name), "{name} in {added:?}");
    }
}
