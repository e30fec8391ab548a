//! The silent refresh: one request for all who come with the same expired token.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::heads::{PAGE, passed, request};
use crate::service::{Fault, Site, expired, hurried, refresh_cookie, well};
use crate::support::{alice, cookies, forged, token};

#[tokio::test]
async fn requests_of_one_expired_session_share_one_refresh() {
    let mut site = Site::start().await;
    assert!(site.page(&alice()).await.signed_in);
    site.service.break_down(Fault::Hung).await;
    let visits: Vec<_> = (0..20).map(|_| site.visit(&expired("r1"))).collect();
    site.service.has_read("POST ", 1).await;
    site.service.mend().await;
    let mut seen = BTreeSet::new();
    for visit in visits {
        let visit = visit.await.unwrap();
        assert!(visit.signed_in);
        seen.insert(visit.set_cookies);
    }
    assert_eq!((seen.len(), site.service.count("POST ")), (1, 1));
    assert_eq!(site.service.seen().last().unwrap().body["refresh_token"], "r1");
    // Whoever comes within 5 s with the old cookies takes the same.
    site.clock.forward(4);
    assert!(site.page(&expired("r1")).await.signed_in);
    assert_eq!(site.service.count("POST "), 1);
    site.clock.forward(1);
    assert!(site.page(&expired("r1")).await.signed_in);
    assert_eq!(site.service.count("POST "), 2);
    assert_eq!((site.sessions.metrics().refreshes, site.sessions.metrics().refreshes_failed), (2, 0));
}

/// Who has another expired token, or another refresh token, is somebody else.
#[tokio::test]
async fn nobody_gets_somebody_elses_refresh() {
    let site = Site::start().await;
    assert!(site.page(&expired("r1")).await.signed_in);
    assert!(site.page(&expired("r2")).await.signed_in);
    let other = format!("{}; {}=r1", cookies(&token(-80)), refresh_cookie());
    assert!(site.page(&other).await.signed_in);
    assert_eq!(site.service.count("POST "), 3);
}

#[tokio::test]
async fn a_refresh_that_may_have_been_seen_is_not_sent_again() {
    for fault in [Fault::HangsUp, Fault::Half, Fault::Trouble] {
        let mut site = Site::start().await;
        assert!(site.page(&alice()).await.signed_in);
        site.service.break_down(fault).await;
        assert!(!site.page(&expired("r1")).await.signed_in);
        assert_eq!(site.service.count("POST "), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_asked_for_twice_in_five_seconds() {
    let site = Site::start().await;
    site.service.script(|line| match line {
        line if line.starts_with("POST ") => (401, r#"{"errors":[{"code":"refused"}]}"#.to_owned()),
        line => well(line),
    });
    for _ in 0..3 {
        let visit = site.page(&expired("r1")).await;
        assert!(!visit.signed_in && visit.keeps_cookies());
        assert!(visit.location.unwrap().contains("session-token-expired-refresh-refused"));
    }
    assert_eq!(site.service.count("POST "), 1);
    // One that may pass is.
    site.service.script(|line| match line {
        line if line.starts_with("POST ") => (429, r#"{"errors":[{"code":"too_many"}]}"#.to_owned()),
        line => well(line),
    });
    site.clock.forward(5);
    for _ in 0..3 {
        assert!(!site.page(&expired("r1")).await.signed_in);
    }
    assert_eq!(site.service.count("POST "), 4);
}

/// The browser goes away and comes back: the refresh token may be spent.
#[tokio::test]
async fn whoever_goes_away_finds_the_result_on_coming_back() {
    let mut site = Site::start().await;
    assert!(site.page(&alice()).await.signed_in);
    site.service.break_down(Fault::Hung).await;
    let visit = site.visit(&expired("r1"));
    site.service.has_read("POST ", 1).await;
    visit.abort();
    assert!(visit.await.unwrap_err().is_cancelled());
    site.service.mend().await;
    assert!(site.page(&expired("r1")).await.signed_in);
    assert_eq!(site.service.count("POST "), 1);
}

/// However many questions there are: for keys, for a refresh, and for the key of the token that it brings.
#[tokio::test]
async fn a_visitor_waits_eight_seconds_at_most() {
    let mut site = Site::start().await;
    site.service.script(|line| match line {
        line if line.starts_with("POST ") => {
            let cookies = [format!("__session={}; Path=/", forged("new"))];
            (200, serde_json::json!({ "object": "cookies", "cookies": cookies }).to_string())
        }
        line => well(line),
    });
    site.service.break_down(Fault::Hung).await;
    let visit = site.visit(&expired("r1"));
    site.service.has_read("GET /v1/jwks", 1).await;
    let almost = || tokio::time::sleep(Duration::from_millis(3_500));
    hurried(almost()).await;
    site.service.break_down(Fault::HungFor("POST ")).await;
    site.service.has_read("POST ", 1).await;
    hurried(almost()).await;
    site.service.break_down(Fault::HungFor("GET ")).await;
    site.service.has_read("GET /v1/jwks", 2).await;
    let (visit, waited) = hurried(visit).await;
    assert!(!visit.unwrap().signed_in && waited <= Duration::from_millis(1_100), "{waited:?}");
}

/// After a sign-out no response signs the browser in again: what was kept for late requests is gone.
#[tokio::test]
async fn a_refresh_from_before_the_sign_out_is_not_given_out_after_it() {
    let site = Site::start().await;
    assert!(site.page(&expired("r1")).await.signed_in);
    let cookie = alice();
    let exchange = passed(&site.sessions, request("/", &[PAGE[0], ("cookie", &cookie)])).await;
    let _outcome = exchange.sign_out().await;
    site.service.script(|line| match line {
        line if line.starts_with("POST ") => (401, r#"{"errors":[{"code":"ended"}]}"#.to_owned()),
        line => well(line),
    });
    assert!(!site.page(&expired("r1")).await.signed_in);
    assert_eq!(site.service.count("POST /v1/sessions/sess_1/refresh"), 2);
}
