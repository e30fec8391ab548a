//! How long things are good, and what becomes of those that are used again.

use nostore_issuer::core::{ACCESS_SECS, CODE_SECS, Change, Mode, REFRESH_SECS};
use nostore_message::UnixTime;

use super::{CALLBACK, Stage, code_of, location, text};
use crate::world::{NOW, claims};

/// One millisecond before, at, and one after.
fn around(secs: i64) -> [(UnixTime, bool); 3] {
    let end = NOW.millis() + secs * 1_000;
    [(end - 1, true), (end, false), (end + 1, false)].map(|(at, good)| (UnixTime::from_millis(at), good))
}

const fn status(good: bool) -> u16 {
    if good { 200 } else { 400 }
}

#[test]
fn a_code_is_good_for_a_minute() {
    for (now, good) in around(CODE_SECS) {
        let mut stage = Stage::new(Mode::Test);
        let code = stage.code(&[]);
        stage.world.now = now;
        let (found, answer) = stage.redeem(&code, &[]);
        assert_eq!(found, status(good), "{now:?}: {answer}");
    }
}

#[test]
fn an_access_token_is_good_for_an_hour() {
    for (now, good) in around(ACCESS_SECS) {
        let mut stage = Stage::new(Mode::Test);
        let tokens = stage.tokens(&[]);
        stage.world.now = now;
        assert_eq!(stage.user_info(text(&tokens, "access_token")).status == 200, good, "{now:?}");
    }
}

#[test]
fn a_refresh_token_is_good_for_thirty_days_without_use() {
    for (now, good) in around(REFRESH_SECS) {
        let mut stage = Stage::new(Mode::Test);
        let tokens = stage.tokens(&[]);
        stage.world.now = now;
        let (found, answer) = stage.refresh(text(&tokens, "refresh_token"), &[]);
        assert_eq!(found, status(good), "{now:?}: {answer}");
        if good {
            // From here they are counted anew.
            stage.world.now = now.plus_secs(REFRESH_SECS - 1);
            assert_eq!(stage.refresh(text(&answer, "refresh_token"), &[]).0, 200);
        }
    }
}

#[test]
fn an_age_counts_to_the_millisecond() {
    for (past, good) in [(9_999, true), (10_000, true), (10_001, false)] {
        let mut stage = Stage::new(Mode::Test);
        stage.code(&[]);
        stage.world.now = UnixTime::from_millis(NOW.millis() + past);
        assert_eq!(stage.authorize(&[("max_age", "10")]).status == 303, good, "{past}");
        let again = stage.sign_in(&[("max_age", "10")]);
        let (_, tokens) = stage.redeem(&code_of(&again), &[]);
        assert_eq!(claims(text(&tokens, "id_token"))["auth_time"], stage.world.now.secs(), "she was asked");
        assert_eq!(stage.authorize(&[("max_age", "10")]).status, 303, "and is known to have been");
    }
}

#[test]
fn a_code_that_comes_again_revokes_what_it_gave() {
    for client in ["site", "app"] {
        let mut stage = Stage::new(Mode::Test);
        let code = stage.code(&[]);
        let (_, tokens) = stage.redeem(&code, &[]);
        // However late it comes, and whoever brings it.
        stage.world.now = NOW.plus_secs(CODE_SECS + 1);
        let changed: &super::Pairs<'_> = if client == "app" { &[("client_id", "app")] } else { &[] };
        let (status, answer) = stage.redeem(&code, changed);
        assert_eq!((status, text(&answer, "error")), (400, "invalid_grant"));
        assert_eq!(stage.user_info(text(&tokens, "access_token")).status, 401);
        let (status, answer) = stage.refresh(text(&tokens, "refresh_token"), &[]);
        assert_eq!((status, text(&answer, "error")), (400, "invalid_grant"));
        assert_eq!(stage.world.issuer.state().grants().len(), 0);
    }
}

#[test]
fn refresh_tokens_rotate_and_one_that_comes_again_ends_the_grant() {
    let mut stage = Stage::new(Mode::Test);
    let tokens = stage.tokens(&[]);
    let first = text(&tokens, "refresh_token");
    stage.world.now = NOW.plus_secs(4_000);
    let (_, second) = stage.refresh(first, &[]);
    assert_ne!(text(&second, "refresh_token"), first);
    let said = claims(text(&second, "id_token"));
    assert_eq!(
        (&said["auth_time"], &said["sid"]),
        (&NOW.secs().into(), &claims(text(&tokens, "id_token"))["sid"])
    );
    assert_eq!(said.get("nonce"), None, "a nonce is for the first ID Token");
    assert_eq!(stage.user_info(text(&second, "access_token")).status, 200);
    let (_, third) = stage.refresh(text(&second, "refresh_token"), &[]);
    assert_eq!(
        stage.refresh(text(&third, "refresh_token"), &[("client_id", "app")]).0,
        400,
        "another's token"
    );
    let (status, answer) = stage.refresh(first, &[]);
    assert_eq!((status, text(&answer, "error")), (400, "invalid_grant"), "the first of three");
    assert_eq!(stage.refresh(text(&third, "refresh_token"), &[]).0, 400, "the newest went with it");
    assert_eq!(stage.user_info(text(&third, "access_token")).status, 401);
}

#[test]
fn nobody_makes_a_credential_of_another() {
    let mut stage = Stage::new(Mode::Test);
    let code = stage.code(&[]);
    let (_, tokens) = stage.redeem(&code, &[]);
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let forged = [
        refresh.replace("nrt_", "nat_"),
        code.replace("nac_", "nat_"),
        access.replace("-15.", "-7."),
        access.replacen("1700003600000", "1800003600000", 1),
        access.replacen("nat_", "nat_x", 1),
        format!("{access}A"),
        access[..access.len() - 1].to_owned(),
        access.rsplit_once('.').unwrap().0.to_owned(),
        String::new(),
    ];
    for token in forged {
        assert_eq!(stage.user_info(&token).status, 401, "{token}");
    }
    let later = refresh.replacen(".0.", ".1.", 1);
    for token in [access.replace("nat_", "nrt_"), code.replace("nac_", "nrt_"), later] {
        assert_eq!(stage.refresh(&token, &[]).0, 400, "{token}");
    }
    assert_eq!(stage.user_info(access).status, 200, "none of them revoked anything");
}

#[test]
fn scopes_say_what_is_told() {
    let rows = [
        ("openid", "sub"),
        ("openid email", "email email_verified sub"),
        ("profile openid", "groups name sub"),
        ("openid email profile offline_access", "email email_verified groups name sub"),
    ];
    for (scope, expected) in rows {
        let mut stage = Stage::new(Mode::Test);
        let tokens = stage.tokens(&[("scope", scope)]);
        let info = stage.user_info(text(&tokens, "access_token"));
        let names: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&info.body).unwrap();
        assert_eq!(names.keys().map(String::as_str).collect::<Vec<_>>().join(" "), expected, "{scope}");
        assert_eq!(tokens.get("refresh_token").is_some(), scope.contains("offline_access"));
    }
    let mut stage = Stage::new(Mode::Test);
    let tokens = stage.tokens(&[("scope", "openid email offline_access")]);
    let refresh = text(&tokens, "refresh_token");
    let (status, answer) = stage.refresh(refresh, &[("scope", "openid email profile")]);
    assert_eq!((status, text(&answer, "error")), (400, "invalid_scope"));
    let (_, less) = stage.refresh(refresh, &[("scope", "openid")]);
    assert_eq!(text(&less, "scope"), "openid");
    let info = stage.user_info(text(&less, "access_token"));
    assert_eq!(info.body, "{\"sub\":\"user_alice\"}");
    let (_, again) = stage.refresh(text(&less, "refresh_token"), &[]);
    assert_eq!(text(&again, "scope"), "openid email offline_access", "the grant itself is not less");
}

#[test]
fn no_token_and_a_wrong_one_are_told_apart() {
    let mut stage = Stage::new(Mode::Test);
    let none = stage.world.get("/oauth/userinfo", &[]);
    assert_eq!(none.fields.first("www-authenticate"), Some("Bearer realm=\"nostore issuer\""));
    let wrong = stage.user_info("x");
    assert!(wrong.fields.first("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    assert_eq!((none.status, wrong.status), (401, 401));
}

#[test]
fn grants_make_room() {
    let mut stage = Stage::new(Mode::Test);
    let first = stage.code(&[]);
    // A code that nobody redeemed goes with the next grant after its minute.
    stage.world.now = NOW.plus_secs(CODE_SECS);
    stage.authorize(&[]);
    assert_eq!(stage.world.issuer.state().grants().len(), 1);
    assert_eq!(stage.redeem(&first, &[]).0, 400);
    let grant = stage.world.issuer.state().grants().next().unwrap().clone();
    for number in 1..10_000_i64 {
        let issued_at = Some(NOW.plus_secs(number));
        let more = nostore_issuer::core::Grant { id: format!("grant_{number}"), issued_at, ..grant.clone() };
        stage.world.issuer.apply(&[Change::PutGrant(more)]);
    }
    let answer = stage.authorize(&[]);
    assert!(location(&answer).starts_with(CALLBACK));
    assert_eq!(stage.world.issuer.state().grants().len(), 10_000);
    assert!(stage.world.issuer.state().grant("grant_1").is_none(), "used least lately");
    assert!(stage.world.issuer.state().grant(&grant.id).is_some());
}

#[test]
fn a_key_stays_published_as_long_as_its_id_tokens() {
    let mut stage = Stage::new(Mode::Test);
    assert_eq!(stage.world.issuer.keys().current().longest_secs, 60);
    stage.tokens(&[]);
    assert_eq!(stage.world.issuer.keys().current().longest_secs, ACCESS_SECS);
}
