//! Machines with opaque tokens: the identity service is asked about each, together and not by too many at once.

use nostore_session::{Accepts, Instance, TokenType};
use nostore_web::{Begin, Routes, Sessions, Why};
use serde_json::json;

use crate::heads::{assert_field_set, finished, head_of, request, response};
use crate::service::{Fault, Service, Site, hurried, well};
use crate::support::{Hand, alice};

/// `MAX_OPAQUE`, spelt out once more.
const AT_ONCE: usize = 32;

const ASKED: &str = "POST /api_keys/verify";

/// A service that knows keys whose name starts so, and describes them.
fn knowing(line: &str) -> (u16, String) {
    if line != ASKED {
        return well(line);
    }
    let key = json!({
        "id": "ak_id", "subject": "user_alice", "scopes": ["reports:read"], "name": "nightly report",
        "claims": null, "revoked": false, "expired": false, "expiration": null, "created_at": 1_767_225_600_000_i64,
    });
    (200, key.to_string())
}

async fn site(accepts: Accepts) -> Site {
    let (service, clock) = (Service::start().await, Hand::new());
    service.script(knowing);
    let config = service.config(Instance::Production).accepts(accepts);
    let builder = Sessions::builder(config).clock(clock.clone()).platform(None).dev(false);
    let sessions = builder.routes(Routes::new().protected("/reports")).build().unwrap();
    Site { service, clock, sessions }
}

/// Asks for a page with this token and lets only machines pass: the machine's scopes, or the status.
fn call(site: &Site, target: &'static str, token: &str) -> tokio::task::JoinHandle<Result<Vec<String>, u16>> {
    let (sessions, field) = (site.sessions.clone(), format!("Bearer {token}"));
    tokio::spawn(async move {
        let head = request(target, &[("accept", "application/json"), ("authorization", &field)]);
        let exchange = match sessions.begin(head).await {
            Begin::Continue(exchange) => exchange,
            Begin::Answer(answer) => return Err(answer.status),
        };
        match exchange.require_machine(Why::here()).await {
            Ok(auth) => {
                assert!(!auth.is_signed_in(), "a machine is nobody's session");
                assert_field_set(&finished(&sessions, &exchange, &response(200, &[])));
                Ok(auth.machine().unwrap().scopes().to_vec())
            }
            Err(answer) => {
                assert_field_set(&head_of(&answer).fields);
                Err(answer.status)
            }
        }
    })
}

#[tokio::test]
async fn a_machine_passes_where_its_tokens_are_accepted() {
    let scopes = Ok(vec!["reports:read".to_owned()]);
    let rows = [
        (Accepts::Any, "ak_1", scopes.clone()),
        (Accepts::Only(TokenType::ApiKey), "ak_1", scopes),
        (Accepts::Only(TokenType::OauthToken), "ak_1", Err(401)),
        (Accepts::Only(TokenType::Session), "ak_1", Err(401)),
        (Accepts::Any, "nothing", Err(401)),
    ];
    for (accepts, token, expected) in rows {
        let site = site(accepts.clone()).await;
        for target in ["/", "/reports"] {
            assert_eq!(call(&site, target, token).await.unwrap(), expected, "{accepts:?}, {target}, {token}");
        }
    }
    let people = site(Accepts::Any).await;
    let visit = people.page(&alice()).await;
    assert!(visit.signed_in, "people are still let in");
}

#[tokio::test]
async fn requests_with_one_token_share_one_question() {
    let mut site = site(Accepts::Any).await;
    site.service.break_down(Fault::Hung).await;
    let calls: Vec<_> = (0..20).map(|_| call(&site, "/", "ak_1")).collect();
    site.service.has_read(ASKED, 1).await;
    site.service.mend().await;
    for call in calls {
        assert!(call.await.unwrap().is_ok());
    }
    assert_eq!(site.service.count(ASKED), 1);
    // A key may be revoked at any time: whoever comes later has it asked about anew.
    assert!(call(&site, "/", "ak_1").await.unwrap().is_ok());
    assert_eq!(site.service.count(ASKED), 2);
}

/// Whoever makes tokens up takes so many connections, and no more; a visitor with a session waits for none of them.
#[tokio::test]
async fn made_up_tokens_do_not_take_all_connections() {
    let mut site = site(Accepts::Any).await;
    assert!(site.page(&alice()).await.signed_in);
    site.service.break_down(Fault::Hung).await;
    let (calls, _) = hurried(async {
        let calls: Vec<_> = (0..3 * AT_ONCE).map(|n| call(&site, "/", &format!("ak_{n}"))).collect();
        site.service.has_read(ASKED, AT_ONCE).await;
        assert!(site.page(&alice()).await.signed_in);
        let mut refused = 0;
        for call in calls {
            refused += usize::from(call.await.unwrap() == Err(401));
        }
        refused
    })
    .await;
    assert_eq!(calls, 3 * AT_ONCE);
    assert_eq!(site.service.count(ASKED), AT_ONCE, "the others gave up before their turn came");
}
