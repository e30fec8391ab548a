//! The identity service is killed, hangs, is slow, or answers nonsense.

use std::time::Duration;

use crate::service::{FAULTS, Fault, Site, expired, hurried};
use crate::support::{NOW, alice, cookies, forged, token};

/// How long a visitor waits at most who could do without the service, or when it is known to be down: a
/// second, as timers count.
const PATIENCE: Duration = Duration::from_millis(1_100);

#[tokio::test]
async fn visitors_with_a_live_token_notice_nothing() {
    for fault in FAULTS.into_iter().chain([Fault::Slow]) {
        let mut site = Site::start().await;
        assert!(site.page(&alice()).await.signed_in);
        site.service.break_down(fault).await;
        let mut waits = Vec::new();
        let mut passed = 0;
        for secs in [1, 299, 301, 599, 601, 602, 660, 3_600, 7_200, 86_000] {
            site.clock.forward(secs - passed);
            passed = secs;
            for visitor in 0..3 {
                let (visit, waited) = hurried(site.page(&cookies(&token(secs)))).await;
                assert!(visit.signed_in, "{fault:?} after {secs} s");
                assert!(visit.set_cookies.is_empty() && waited <= PATIENCE, "{fault:?} {waited:?}");
                if !waited.is_zero() {
                    waits.push((secs, visitor));
                }
            }
        }
        // A slow service does answer: each time the set is old, one visitor waits a second for a new one.
        let most = if fault == Fault::Slow { 3 } else { 1 };
        assert!(waits.len() <= most, "{fault:?}: {waits:?}");
    }
}

#[tokio::test]
async fn a_failed_refresh_clears_no_cookie_and_the_next_one_succeeds() {
    for fault in FAULTS {
        let mut site = Site::start().await;
        assert!(site.page(&alice()).await.signed_in);
        site.service.break_down(fault).await;
        let visit = site.visit(&expired("r1"));
        let page = if fault == Fault::Hung {
            site.service.has_read("POST ", 1).await;
            let (page, waited) = hurried(visit).await;
            assert!(waited <= Duration::from_millis(5_100), "{waited:?}");
            // It is known to be down: nobody else waits for long, whoever they are.
            let (second, waited) = hurried(site.page(&expired("r2"))).await;
            assert!(waited <= PATIENCE && second.keeps_cookies(), "{waited:?}");
            page.unwrap()
        } else {
            visit.await.unwrap()
        };
        assert!(page.location.as_deref().is_some_and(|to| to.contains("/v1/client/handshake")), "{fault:?}");
        assert!(page.keeps_cookies(), "{fault:?}: {page:?}");
        let (fetch, _) = hurried(site.fetch(&expired("r3"))).await;
        assert!(
            !fetch.signed_in && fetch.location.is_none() && fetch.keeps_cookies(),
            "{fault:?}: {fetch:?}"
        );
        site.service.mend().await;
        let next = site.page(&expired("r1")).await;
        assert!(next.signed_in, "{fault:?}: {next:?}");
        assert!(next.set_cookies.iter().any(|line| line.contains("=next;")), "{next:?}");
    }
}

/// A site that starts while the service is down has no keys.
#[tokio::test]
async fn everyone_recovers_at_the_next_request_after_it_is_back() {
    for fault in FAULTS {
        let mut site = Site::start().await;
        site.service.break_down(fault).await;
        let visit = site.visit(&alice());
        let page = if fault == Fault::Hung {
            site.service.has_read("GET /v1/jwks", 1).await;
            let (page, waited) = hurried(visit).await;
            assert!(waited <= Duration::from_millis(5_100), "{waited:?}");
            let ((), waited) = hurried(async {
                for _ in 0..3 {
                    assert!(!site.page(&alice()).await.signed_in);
                }
            })
            .await;
            assert!(waited <= 3 * PATIENCE, "{waited:?}");
            page.unwrap()
        } else {
            visit.await.unwrap()
        };
        assert!(!page.signed_in && page.keeps_cookies(), "{fault:?}: {page:?}");
        site.service.mend().await;
        site.clock.forward_millis(250);
        assert!(site.page(&alice()).await.signed_in, "{fault:?}");
        assert!(site.page(&expired("r1")).await.signed_in, "{fault:?}");
    }
}

/// The way back from the identity service, in the nonce format.
#[tokio::test]
async fn r1_12_a_handshake_that_comes_back_to_an_outage_is_begun_again() {
    for fault in FAULTS {
        let mut site = Site::start().await;
        assert!(site.page(&alice()).await.signed_in);
        let back = |nonce: &str| format!("__client_uat={NOW}; __clerk_handshake_nonce={nonce}");
        site.service.break_down(fault).await;
        let visit = site.visit(&back("n1"));
        let page = if fault == Fault::Hung {
            site.service.has_read("GET /v1/clients/handshake_payload", 1).await;
            hurried(visit).await.0.unwrap()
        } else {
            visit.await.unwrap()
        };
        assert!(!page.signed_in && page.keeps_cookies(), "{fault:?}: {page:?}");
        site.service.mend().await;
        let again = site.page(&format!("__client_uat={NOW}")).await;
        assert!(again.location.is_some(), "{fault:?}: {again:?}");
        let back = site.page(&back("n2")).await;
        assert!(back.signed_in, "{fault:?}: {back:?}");
    }
}

#[tokio::test]
async fn a_slow_service_is_waited_for() {
    let mut site = Site::start().await;
    site.service.break_down(Fault::Slow).await;
    assert!(site.page(&alice()).await.signed_in);
    assert!(site.page(&expired("r1")).await.signed_in);
    assert_eq!((site.service.count("GET /v1/jwks"), site.service.count("POST ")), (1, 1));
}

/// Whatever is wrong with it, strangers do not make it worse.
#[tokio::test]
async fn strangers_do_not_hammer_a_service_in_trouble() {
    for fault in [Fault::Trouble, Fault::Garbage, Fault::HangsUp] {
        let mut site = Site::start().await;
        assert!(site.page(&alice()).await.signed_in);
        site.service.break_down(fault).await;
        for round in 0..10 {
            for stranger in 0..20 {
                let visit = site.page(&cookies(&forged(&format!("k{round}.{stranger}")))).await;
                assert!(!visit.signed_in);
            }
            // 20 strangers a second.
            site.clock.forward(1);
        }
        // One request per 5 s, none of them tried again.
        assert_eq!(site.service.count("GET /v1/jwks"), 1 + 2, "{fault:?}");
    }
}
