//! What the bundled issuer has on disk, after it was killed, and the keys that it keeps. `oidc-provider` keeps nothing here.

use nostore_signin::provider::RefreshError;

use crate::product::BUNDLED_ISSUER;
use crate::stage::{Stage, code, id_token, now};
use crate::visitor::{Answer, Arrived, BYE};

const TOKEN: &str = "/oauth/token";

#[tokio::test]
async fn a_code_is_used_up_although_nobody_heard_of_the_tokens() {
    let mut stage = Stage::new(&BUNDLED_ISSUER);
    let (attempt, query) = stage.callback(Answer::Yes).await;
    stage.server.die_at(TOKEN);
    assert_eq!(code(stage.finish(&attempt, &query).await), "provider-unreachable-token");
    stage.server.restart();
    assert_eq!(code(stage.finish(&attempt, &query).await), "finish-code-refused");
    // Another attempt needs no other site and no other visitor.
    assert_eq!(code(stage.sign_in().await), "ok");
}

#[tokio::test]
async fn a_code_waits_for_the_provider_to_be_back() {
    let mut stage = Stage::new(&BUNDLED_ISSUER);
    let (attempt, query) = stage.callback(Answer::Yes).await;
    stage.server.kill();
    assert_eq!(code(stage.finish(&attempt, &query).await), "provider-unreachable-token");
    stage.server.restart();
    assert_eq!(code(stage.finish(&attempt, &query).await), "ok");
}

#[tokio::test]
async fn a_refresh_token_is_used_up_although_nobody_heard_of_the_next() {
    let mut stage = Stage::new(&BUNDLED_ISSUER);
    let kept = stage.sign_in().await.unwrap().tokens.refresh.unwrap();
    let lost = stage.sign_in().await.unwrap().tokens.refresh.unwrap();
    stage.server.die_at(TOKEN);
    assert!(matches!(stage.site.refresh(&lost, now()).await, Err(RefreshError::Unknown { .. })));
    stage.server.restart();
    assert!(matches!(stage.site.refresh(&lost, now()).await, Err(RefreshError::Refused)));
    assert!(stage.site.refresh(&kept, now()).await.is_ok());
}

#[tokio::test]
async fn a_form_may_be_sent_again() {
    let mut stage = Stage::new(&BUNDLED_ISSUER);
    let (location, attempt) = stage.begin().await.unwrap();
    let open = async |stage: &mut Stage| {
        let Some(Arrived::Page(page)) = stage.visitor.open(&location).await else { panic!("no page") };
        page
    };
    let page = open(&mut stage).await;
    let step = page.step(BUNDLED_ISSUER.sign_in);
    stage.server.die_at(step.url.path());
    assert!(stage.visitor.go(step).await.is_none());
    stage.server.restart();
    let query = stage.visitor.answer(Arrived::Page(page), Answer::Yes).await;
    assert_eq!(code(stage.finish(&attempt, &query).await), "ok");
}

/// Sites have ID Tokens of the key before: with one of them a visitor still leaves, and no page asks.
#[tokio::test]
async fn the_key_before_still_says_who_leaves() {
    let mut stage = Stage::new(&BUNDLED_ISSUER);
    let before = stage.sign_in().await.unwrap();
    stage.server.rotate();
    stage.server.restart();
    assert_eq!(code(stage.sign_in().await), "ok");
    let url = stage.site.end_session_url(before.tokens.id.as_ref(), Some(BYE), None, now()).await.unwrap();
    assert_eq!(stage.visitor.leave(&url).await, BYE);
    let tokens = stage.server.logouts();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    // Signed with the new key, which the site knows by now.
    let logout = stage.site.read_logout_token(&tokens[0], now()).await.unwrap();
    assert_eq!(logout.session.as_deref(), id_token(&before)[1]["sid"].as_str());
}
