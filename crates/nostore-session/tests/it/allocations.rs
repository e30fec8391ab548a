//! What a decision allocates. Each thread's allocations are counted by themselves.

use std::sync::Arc;

use nostore_session::{Decision, Facts, Instance, Session, Step, TokenMemo, authenticate};
use serde_json::json;

use crate::kit::{claims, config, cookies, key_set, now, page, sign, signer, with};

/// A memo of one session.
struct One(Arc<Session>);

impl TokenMemo for One {
    fn find(&self, token: &str) -> Option<Arc<Session>> {
        (self.0.token().expose() == token).then(|| Arc::clone(&self.0))
    }
}

/// Returns the decision, how many times it asked for memory, and for how many bytes.
fn decide(token: &str, instance: Instance, memo: Option<&dyn TokenMemo>) -> (Box<Decision>, u64, u64) {
    let config = config(instance).authorized_parties([crate::kit::SITE]);
    let line = cookies(&config, &format!("theme=dark session={token} uat=1 browser=dvb refresh=rt"));
    let request = page("/projects/42?tab=members&page=2", &line);
    let keys = key_set();
    let facts = Facts { keys: Some(&keys), answers: &[], memo };
    let mut step = None;
    let info = allocation_counter::measure(|| step = Some(authenticate(&request, &config, &facts, now())));
    let Some(Step::Done(decision)) = step else { panic!("expected a decision, found {step:?}") };
    (decision, info.count_total, info.bytes_total)
}

#[test]
fn a_known_token_allocates_its_boxed_decision_and_nothing_else() {
    let organization = json!({
        "v": 2, "fva": [4, -1], "sts": "active", "fea": "o:reports,o:files",
        "o": {"id": "org_1", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3,1"},
    });
    for instance in [Instance::Development, Instance::Production] {
        for more in [json!({}), organization.clone()] {
            let token = sign(signer('a'), json!({"typ": "JWT"}), with(claims(instance), more));
            let (decision, calls, _) = decide(&token, instance, None);
            // A token that is new shows that there is something to count.
            assert!(calls > 10, "{calls}");
            let memo = One(decision.verified.unwrap());
            let (decision, calls, bytes) = decide(&token, instance, Some(&memo));
            assert!(decision.session().is_some());
            assert_eq!((calls, bytes), (1, size_of::<Decision>() as u64), "{instance:?}");
        }
    }
}
