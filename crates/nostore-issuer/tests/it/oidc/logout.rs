//! Signing out, and who is told.

use nostore_issuer::core::{Mode, Notice, SessionStatus};
use nostore_jose::Jws;
use serde_json::json;

use super::{AFTER, NOTICE, Stage, encoded, location, text};
use crate::world::{NOW, claims, show};

fn logout(pairs: &super::Pairs<'_>) -> String {
    format!("/oauth/logout?{}", encoded(pairs))
}

#[test]
fn a_site_signs_its_visitor_out() {
    for mode in [Mode::Test, Mode::Live] {
        let mut stage = Stage::new(mode);
        let tokens = stage.tokens(&[]);
        // The ID Token may have run out.
        stage.world.now = NOW.plus_secs(100_000);
        let hint = text(&tokens, "id_token");
        let target =
            logout(&[("id_token_hint", hint), ("post_logout_redirect_uri", AFTER), ("state", "s t")]);
        let answer = stage.get(&target);
        assert_eq!((answer.status, location(&answer)), (303, "http://localhost:8080/bye?x=1&state=s+t"));
        assert_eq!(stage.authorize(&[("prompt", "none")]).note, "authorization: login_required", "{mode:?}");
        let again = stage.get(&target);
        assert_eq!(again.status, 303, "signing out twice is no error");
        let (status, _) = stage.refresh(text(&tokens, "refresh_token"), &[]);
        assert_eq!(status, 200, "offline access outlasts the session");
    }
}

#[test]
fn without_an_id_token_a_page_asks_first() {
    let mut stage = Stage::new(Mode::Test);
    let tokens = stage.tokens(&[("scope", "openid")]);
    let back = [("client_id", "site"), ("post_logout_redirect_uri", AFTER)];
    let page = stage.get(&logout(&back));
    assert!(page.status == 200 && page.body.contains("action=\"/oauth/sign-out\""), "{}", page.body);
    assert_eq!(stage.authorize(&[("prompt", "none")]).note, "authorization: signed in already");
    let foreign = stage.world.post("/oauth/sign-out", &[("origin", "http://evil.example")], &encoded(&back));
    assert_eq!(foreign.status, 403);
    let answer = stage.post("/oauth/sign-out", &encoded(&back));
    assert_eq!((answer.status, location(&answer)), (303, AFTER));
    assert_eq!(stage.user_info(text(&tokens, "access_token")).status, 401, "it went with the session");
    let plain = stage.get("/oauth/logout");
    assert!(plain.status == 200 && plain.body.contains("You are signed out here"));
}

#[test]
fn an_id_token_of_somebody_else_asks_first() {
    let mut stage = Stage::new(Mode::Test);
    let hint = text(&stage.tokens(&[]), "id_token").to_owned();
    stage.sign_in(&[("email", "bob@example.com")]);
    let page = stage.get(&logout(&[("id_token_hint", &hint), ("post_logout_redirect_uri", AFTER)]));
    assert!(page.status == 200 && page.body.contains("bob@example.com"), "{}", show(&page));
    let forged = hint.rsplit_once('.').unwrap().0.to_owned() + ".AAAA";
    assert_eq!(stage.get(&logout(&[("id_token_hint", &forged)])).status, 200);
}

#[test]
fn nobody_is_sent_to_an_address_that_was_not_registered() {
    let mut stage = Stage::new(Mode::Test);
    let hint = text(&stage.tokens(&[]), "id_token").to_owned();
    let rows: [&super::Pairs<'_>; 6] = [
        &[("post_logout_redirect_uri", AFTER)],
        &[("client_id", "evil"), ("post_logout_redirect_uri", AFTER)],
        &[("client_id", "app"), ("post_logout_redirect_uri", AFTER)],
        &[("client_id", "app"), ("id_token_hint", &hint), ("post_logout_redirect_uri", AFTER)],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", "http://localhost:8080/bye")],
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", "https://evil.example/")],
    ];
    for row in rows {
        let answer = stage.get(&logout(row));
        assert_eq!(answer.status, 400, "{row:?}: {}", show(&answer));
    }
    assert_eq!(stage.authorize(&[("prompt", "none")]).note, "authorization: signed in already");
}

/// Asks, and returns whom the shell would tell.
fn told(stage: &Stage, method: &str, target: &str, fields: &super::Pairs<'_>) -> Vec<Notice> {
    use nostore_issuer::core::{Draw, ENTROPY_BYTES};
    use nostore_message::{Fields, RequestHead, Scheme};

    let head = RequestHead {
        method: method.into(),
        scheme: Scheme::Http,
        authority: stage.world.authority.into(),
        target: target.into(),
        fields: fields.iter().copied().collect::<Fields<'_>>(),
    };
    let draw = Draw::new([9; ENTROPY_BYTES]);
    let (_, changes) = stage.world.issuer.decide(&head, b"email=bob%40example.com", stage.world.now, &draw);
    stage.world.issuer.notices(&changes, stage.world.now)
}

#[test]
fn whoever_ends_a_session_the_site_is_told() {
    let mut stage = Stage::new(Mode::Live);
    let tokens = stage.tokens(&[]);
    stage.tokens(&[("client_id", "site")]);
    let id_token = text(&tokens, "id_token");
    let session = claims(id_token)["sid"].clone();
    let secret = format!("Bearer {}", stage.world.issuer.secret_key().expose());
    let cookie = ("cookie", stage.cookie.as_str());
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let revoke = format!("/v1/sessions/{}/revoke", session.as_str().unwrap());
    let hinted = logout(&[("id_token_hint", id_token)]);
    let rows: [(&str, &str, &super::Pairs<'_>, usize); 7] = [
        ("GET", &hinted, &[cookie], 1),
        ("POST", "/sign-out", &[cookie, kind], 1),
        ("POST", "/sign-in", &[cookie, kind], 1),
        ("POST", &revoke, &[("authorization", &secret)], 1),
        ("DELETE", "/v1/users/user_alice", &[("authorization", &secret)], 1),
        ("DELETE", "/v1/users/user_bob", &[("authorization", &secret)], 0),
        ("GET", "/sign-out", &[cookie], 0),
    ];
    for (method, target, fields, expected) in rows {
        let notices = told(&stage, method, target, fields);
        assert_eq!(notices.len(), expected, "{method} {target}");
        let Some(notice) = notices.first() else { continue };
        assert_eq!((notice.client_id.as_str(), notice.uri.as_str()), ("site", NOTICE));
        let jws = Jws::parse(notice.logout_token.expose()).unwrap();
        assert_eq!(jws.header().typ(), Some("logout+jwt"));
        let said = jws.payload();
        assert_eq!(said["events"], json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
        let expected = (&session, &json!("user_alice"), &json!("site"), &json!("http://localhost:8081"));
        assert_eq!((&said["sid"], &said["sub"], &said["aud"], &said["iss"]), expected);
        assert_eq!((said.get("nonce"), said["jti"].as_str().unwrap().len()), (None, 43));
        assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 120);
        assert!(!format!("{notice:?}").contains("eyJ"));
    }
}

#[test]
fn a_code_that_was_not_redeemed_is_nobodys_to_be_told_of() {
    let mut stage = Stage::new(Mode::Live);
    stage.code(&[]);
    let notices = told(
        &stage,
        "POST",
        "/sign-out",
        &[("cookie", &stage.cookie), ("content-type", "application/x-www-form-urlencoded")],
    );
    assert!(notices.is_empty(), "{notices:?}");
}

#[test]
fn a_session_that_a_server_revoked_takes_offline_access_along() {
    let mut stage = Stage::new(Mode::Test);
    let tokens = stage.tokens(&[]);
    let session = claims(text(&tokens, "id_token"))["sid"].as_str().unwrap().to_owned();
    stage.world.backend("POST", &format!("/v1/sessions/{session}/revoke"), "");
    assert_eq!(stage.world.issuer.state().session(&session).unwrap().status, SessionStatus::Revoked);
    assert_eq!(stage.refresh(text(&tokens, "refresh_token"), &[]).0, 400);
    assert_eq!(stage.user_info(text(&tokens, "access_token")).status, 401);
    let mut stage = Stage::new(Mode::Test);
    let tokens = stage.tokens(&[]);
    stage.world.backend("DELETE", "/v1/users/user_alice", "");
    assert_eq!(stage.refresh(text(&tokens, "refresh_token"), &[]).0, 400);
    assert_eq!(stage.world.issuer.state().grants().len(), 0);
}
