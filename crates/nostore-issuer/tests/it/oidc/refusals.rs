//! What is refused, and who is told: one thing wrong at a time.

use std::fmt::Write as _;

use nostore_issuer::core::{Mode, RelyingParty};
use nostore_message::Secret;

use super::{CALLBACK, CHALLENGE, Pairs, Stage, USUAL, VERIFIER, basic, location, text, with};
use crate::world::{parameter, show};

/// Where an answer leads, in a few words.
fn outcome(answer: &nostore_issuer::core::Response) -> String {
    if answer.status != 303 {
        let title = answer.body.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
        return format!("{} page: {}", answer.status, title.unwrap_or_default());
    }
    let url = location(answer);
    let says = |name: &str| parameter(url, name).unwrap_or_else(|| "-".to_owned());
    assert_eq!(says("iss"), "http://127.0.0.1:8081", "every answer names its issuer");
    let to = url.split('?').next().unwrap_or_default();
    match parameter(url, "code") {
        Some(_) => format!("code to {to}, state {}", says("state")),
        None => format!("{} to {to}, state {}: {}", says("error"), says("state"), says("error_description")),
    }
}

/// What an authorization request gets, as a row.
fn rows() -> Vec<(&'static str, String)> {
    let row = |name: &'static str, changed: &Pairs<'_>| (name, with(&USUAL, changed));
    let long = "n".repeat(513);
    let twice = |more: &str| format!("{}&{more}", with(&USUAL, &[]));
    vec![
        row("as it should be", &[]),
        row("no client", &[("client_id", "")]),
        row("unknown client", &[("client_id", "evil")]),
        ("client twice", twice("client_id=app")),
        row("no address", &[("redirect_uri", "")]),
        row("foreign address", &[("redirect_uri", "https://evil.example/")]),
        row("address with more", &[("redirect_uri", "http://localhost:8080/auth/callback?x")]),
        row("address in capitals", &[("redirect_uri", "http://LOCALHOST:8080/auth/callback")]),
        row(
            "another client's address",
            &[("client_id", "app"), ("redirect_uri", "http://localhost:8080/other?a=b")],
        ),
        ("address twice", twice("redirect_uri=x")),
        row("no response type", &[("response_type", "")]),
        row("implicit flow", &[("response_type", "id_token")]),
        row("hybrid flow", &[("response_type", "code id_token")]),
        row("response in a fragment", &[("response_mode", "fragment")]),
        row("response in the query", &[("response_mode", "query")]),
        row("request object", &[("request", "x")]),
        row("request by reference", &[("request_uri", "x")]),
        row("registration", &[("registration", "{}")]),
        row("no challenge", &[("code_challenge", "")]),
        row("plain challenge", &[("code_challenge_method", "plain")]),
        row("no method", &[("code_challenge_method", "")]),
        row("short challenge", &[("code_challenge", &CHALLENGE[1..])]),
        row("challenge in base64", &[("code_challenge", &CHALLENGE.replace('-', "+"))]),
        row("no scope", &[("scope", "")]),
        row("scope without openid", &[("scope", "email profile")]),
        row("scope that nobody knows", &[("scope", "openid pizza")]),
        row("prompt of nobody", &[("prompt", "dance")]),
        row("none and more", &[("prompt", "none login")]),
        row("more and none", &[("prompt", "login none")]),
        row("none, signed out", &[("prompt", "none")]),
        row("age of nobody", &[("max_age", "-1")]),
        row("long nonce", &[("nonce", &long)]),
        row("hint of nobody", &[("id_token_hint", "x.y.z")]),
        ("state twice", twice("state=other")),
        ("nonce twice", twice("nonce=other")),
        ("state twice, and no scope", format!("{}&state=other", with(&USUAL, &[("scope", "")]))),
        row("no state", &[("state", ""), ("scope", "")]),
        row("address with a query", &[("redirect_uri", "http://localhost:8080/other?a=b"), ("scope", "")]),
    ]
}

#[test]
fn what_an_authorization_request_gets() {
    let mut table = String::new();
    for (name, query) in rows() {
        let mut stage = Stage::new(Mode::Test);
        let asked = outcome(&stage.get(&format!("/oauth/authorize?{query}")));
        let form = format!("{query}&email=alice%40example.com");
        let sent = outcome(&stage.post("/oauth/sign-in", &form));
        let _ = writeln!(table, "{name:28} {asked}");
        if sent != asked {
            let _ = writeln!(table, "{:28} {sent}", "  and its form");
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn going_back_is_access_denied_and_changes_nothing() {
    let mut stage = Stage::new(Mode::Test);
    let page = stage.authorize(&[]).body;
    assert!(page.contains("name=\"cancel\""), "{page}");
    let answer = stage.sign_in(&[("cancel", "1")]);
    assert!(
        outcome(&answer).starts_with("access_denied to http://localhost:8080/auth/callback, state st&te")
    );
    assert_eq!(stage.world.issuer.state().clients().len(), 0);
}

#[test]
fn forms_of_other_sites_sign_nobody_in() {
    let mut stage = Stage::new(Mode::Test);
    let form = format!("{}&email=alice%40example.com", with(&USUAL, &[]));
    for fields in
        [[("origin", "http://evil.example")], [("sec-fetch-site", "cross-site")], [("origin", "null")]]
    {
        let answer = stage.world.post("/oauth/sign-in", &fields, &form);
        assert_eq!(answer.status, 403, "{}", show(&answer));
    }
    // What another site may post is sent round by GET, where the browser brings its cookie.
    let answer =
        stage.world.post("/oauth/authorize", &[("origin", "http://localhost:8080")], &with(&USUAL, &[]));
    assert_eq!(
        (answer.status, location(&answer)),
        (303, &*format!("/oauth/authorize?{}", with(&USUAL, &[])))
    );
    let answer = stage.world.send("POST", "/oauth/authorize", &[], "x").0;
    assert_eq!(answer.status, 415);
}

#[test]
fn an_address_that_is_none_is_asked_for_again() {
    let mut stage = Stage::new(Mode::Test);
    let answer = stage.sign_in(&[("email", "<nobody>")]);
    assert_eq!(answer.status, 422);
    assert!(
        answer.body.contains("value=\"&lt;nobody&gt;\"") && answer.body.contains("action=\"/oauth/sign-in\"")
    );
    assert!(answer.body.contains("value=\"st&amp;te\""), "the request is sent along");
}

#[test]
fn what_the_token_endpoint_refuses() {
    let mut table = String::new();
    let usual = |code: &str| {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    let short = &VERIFIER[1..];
    let other = VERIFIER.replace('d', "e");
    let rows: [(&str, &Pairs<'_>); 14] = [
        ("as it should be", &[]),
        ("no grant type", &[("grant_type", "")]),
        ("password", &[("grant_type", "password")]),
        ("no code", &[("code", "")]),
        ("code of nobody", &[("code", "nac_x.1.AAAA")]),
        ("no code at all", &[("code", "x")]),
        ("no address", &[("redirect_uri", "")]),
        ("another address", &[("redirect_uri", "http://localhost:8080/other?a=b")]),
        ("no verifier", &[("code_verifier", "")]),
        ("short verifier", &[("code_verifier", short)]),
        ("another verifier", &[("code_verifier", &other)]),
        ("the challenge as verifier", &[("code_verifier", CHALLENGE)]),
        ("another client's code", &[("client_id", "app")]),
        ("a refresh without a token", &[("grant_type", "refresh_token")]),
    ];
    for (name, changed) in rows {
        let mut stage = Stage::new(Mode::Test);
        let code = stage.code(&[]);
        let usual = usual(&code);
        let usual: Vec<_> = usual.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let (status, answer) = stage.token(&usual, changed);
        let error = answer["error"].as_str().unwrap_or("tokens");
        let _ = writeln!(
            table,
            "{name:26} {status} {error}: {}",
            answer["error_description"].as_str().unwrap_or("-")
        );
        let (status, _) = stage.redeem(&code, &[]);
        assert_eq!(status, if error == "tokens" { 400 } else { 200 }, "{name}: a refusal uses nothing up");
    }
    insta::assert_snapshot!(table);
}

#[test]
fn how_a_client_shows_who_it_is() {
    let mut table = String::new();
    let form = |code: &str, more: &Pairs<'_>| {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        with(&usual, more)
    };
    let secret = super::SECRET;
    let good = basic("site", secret);
    let rows: [(&str, &str, &str, &Pairs<'_>); 15] = [
        ("basic", "site", &good, &[]),
        ("basic, and its name", "site", &good, &[("client_id", "site")]),
        ("basic, and another name", "site", &good, &[("client_id", "app")]),
        ("basic, and post", "site", &good, &[("client_id", "site"), ("client_secret", secret)]),
        ("basic, wrong secret", "site", &basic("site", "hush:hush&%=-"), &[]),
        ("basic, unknown client", "site", &basic("evil", secret), &[]),
        ("basic, not encoded", "site", "Basic c2l0ZTpodXNo", &[]),
        ("bearer", "site", "Bearer x", &[]),
        ("post", "site", "", &[("client_id", "site"), ("client_secret", secret)]),
        ("post, wrong secret", "site", "", &[("client_id", "site"), ("client_secret", "hush:hush")]),
        ("its name alone", "site", "", &[("client_id", "site")]),
        ("nothing", "site", "", &[]),
        ("public, its name alone", "app", "", &[("client_id", "app")]),
        ("public, with a secret", "app", "", &[("client_id", "app"), ("client_secret", "x")]),
        ("public, by basic", "app", &basic("app", ""), &[]),
    ];
    for (name, client_id, authorization, more) in rows {
        let mut stage = Stage::new(Mode::Test);
        let code = stage.code(&[("client_id", client_id)]);
        let fields: &Pairs<'_> =
            if authorization.is_empty() { &[] } else { &[("authorization", authorization)] };
        let answer = stage.world.post("/oauth/token", fields, &form(&code, more));
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let challenge = answer.fields.first("www-authenticate").unwrap_or("-");
        let error = body["error"].as_str().unwrap_or("tokens");
        let _ = writeln!(table, "{name:26} {} {error}, challenge {challenge}", answer.status);
        assert!(!answer.body.contains("hush"), "{}", answer.body);
    }
    let mut stage = Stage::new(Mode::Test);
    let (answer, _) = stage.world.send("POST", "/oauth/token", &[("content-type", "application/json")], "{}");
    let _ = writeln!(table, "{:26} {} {}", "JSON", answer.status, answer.body);
    let answer = stage.world.post("/oauth/token", &[("authorization", &good)], "grant_type=x&grant_type=y");
    let _ = writeln!(table, "{:26} {} {}", "a parameter twice", answer.status, answer.body);
    insta::assert_snapshot!(table);
}

#[test]
fn who_is_asked_again() {
    let mut table = String::new();
    let rows: [(&str, &Pairs<'_>); 12] = [
        ("nothing said", &[]),
        ("login", &[("prompt", "login")]),
        ("select_account", &[("prompt", "select_account")]),
        ("consent", &[("prompt", "consent")]),
        ("login select_account", &[("prompt", "login select_account")]),
        ("none", &[("prompt", "none")]),
        ("her address", &[("login_hint", "ALICE@example.com")]),
        ("another's address", &[("login_hint", "bob@example.com")]),
        ("another's address, none", &[("login_hint", "bob@example.com"), ("prompt", "none")]),
        ("max_age 0", &[("max_age", "0")]),
        ("max_age 9", &[("max_age", "9")]),
        ("max_age 10", &[("max_age", "10")]),
    ];
    let mut stage = Stage::new(Mode::Test);
    let id_token = text(&stage.tokens(&[]), "id_token").to_owned();
    stage.world.now = stage.world.now.plus_secs(10);
    for (name, changed) in rows {
        let _ = writeln!(table, "{name:26} {}", outcome(&stage.authorize(changed)));
    }
    let hinted = outcome(&stage.authorize(&[("id_token_hint", &id_token), ("prompt", "none")]));
    let _ = writeln!(table, "{:26} {hinted}", "her ID Token, none");
    stage.sign_in(&[("email", "bob@example.com")]);
    let hinted = outcome(&stage.authorize(&[("id_token_hint", &id_token), ("prompt", "none")]));
    let _ = writeln!(table, "{:26} {hinted}", "her ID Token, Bob, none");
    insta::assert_snapshot!(table);
    assert!(stage.authorize(&[("login_hint", "eve@example.com")]).body.contains("value=\"eve@example.com\""));
}

#[test]
fn what_is_no_relying_party() {
    let world = crate::world::World::new(Mode::Test);
    let good = || RelyingParty::new("x").with_redirect_uri(CALLBACK);
    let mut table = String::new();
    let rows = [
        ("as it should be", good()),
        ("no name", RelyingParty::new("")),
        ("a colon", RelyingParty::new("a:b")),
        ("a short secret", good().with_secret(Secret::new("1234567"))),
        ("a space in the secret", good().with_secret(Secret::new("1234 5678"))),
        ("a fragment", good().with_redirect_uri("http://localhost/#x")),
        ("no scheme", good().with_redirect_uri("localhost:8080/")),
        ("a path", good().with_redirect_uri("/callback")),
        ("a script", good().with_redirect_uri("javascript:alert(1)")),
        ("a backslash", good().with_redirect_uri("http://a.example\\@b.example/")),
        ("a password", good().with_redirect_uri("http://a:b@c.example/")),
        ("a line", good().with_redirect_uri("http://a.example/\r\nx: y")),
        ("a fragment afterwards", good().with_post_logout_redirect_uri("http://localhost/#x")),
        ("TLS behind", good().with_backchannel_logout_uri("https://localhost/")),
    ];
    for (name, party) in rows {
        let found =
            world.issuer.register(&[party]).map_or_else(|error| error.to_string(), |_| "registered".into());
        let _ = writeln!(table, "{name:24} {found}");
    }
    insta::assert_snapshot!(table);
}
