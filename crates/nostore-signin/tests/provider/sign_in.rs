//! Sign-ins: what may go wrong in the visitor's browser, in tokens, and at each of the provider's endpoints.

use nostore_message::{Secret, UnixTime};
use nostore_signin::provider::{Begin, CallbackParameters, ClientAuth, FinishError, Provider};
use serde_json::{Value, json};

use crate::mock::{CLIENT_ID, CLIENT_SECRET, Fate, Faults, NOW};
use crate::support::{Table, World, begun, entropy, finish, sign_in};

const TOKEN: &str = "/token";
const ENDPOINTS: [&str; 4] = ["/.well-known/openid-configuration", "/keys", TOKEN, "/userinfo"];

fn claims(claims: &[(&'static str, Value)]) -> Faults {
    Faults { claims: claims.to_vec(), ..Faults::default() }
}

fn callback(parameters: &[(&'static str, &str)]) -> Faults {
    let owned = parameters.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Faults { callback: owned.collect(), ..Faults::default() }
}

#[tokio::test]
async fn somebody_signs_in() {
    let world = World::new().await;
    let ask = Begin {
        return_path: "/after?a=1".to_owned(),
        select_account: true,
        login_hint: Some("alice@example.com".to_owned()),
    };
    let begun = world.site.begin(&ask, [7; 96], NOW).await.unwrap();
    insta::assert_snapshot!("location", world.masked(&begun.location).replace('&', "\n&"));
    let query = world.mock.authorize(&begun.location);
    // Through a cookie and back.
    let kept = serde_json::to_string(&begun.attempt).unwrap();
    let attempt = serde_json::from_str(&kept).unwrap();
    let identity = finish(&world.site, &attempt, &query, NOW).await.unwrap();
    assert_eq!(attempt.return_path(), "/after?a=1");
    assert_eq!((identity.issuer.as_str(), identity.subject.as_str()), (world.mock.origin.as_str(), "alice"));
    assert_eq!((identity.email.as_deref(), identity.email_verified), (Some("alice@example.com"), true));
    assert_eq!(
        (identity.name.as_deref(), identity.provider_session.as_deref()),
        (Some("Alice"), Some("session-1"))
    );
    assert_eq!(identity.tokens.access_ends, Some(NOW.plus_secs(300)));
    assert_eq!(identity.tokens.refresh.unwrap().expose(), "refresh-2");
    assert_eq!(identity.claims["email"], "Alice@Example.com");
    assert!(identity.tokens.id.is_some());
    assert_eq!(ENDPOINTS.map(|path| world.mock.asked(path)), [1, 1, 1, 0]);
}

#[tokio::test]
async fn what_comes_back_through_the_browser() {
    let world = World::new().await;
    let denied = [("code", ""), ("error", "access_denied"), ("error_description", "not\r\ntoday")];
    let rows = [
        ("nominal", callback(&[])),
        ("denied", callback(&denied)),
        ("another error", callback(&[("code", ""), ("error", "server_error")])),
        ("denied, no iss", callback(&[&denied[..], &[("iss", "")]].concat())),
        ("state of another attempt", callback(&[("state", &"a".repeat(48))])),
        ("state that is none", callback(&[("state", "x")])),
        ("iss of another", callback(&[("iss", "https://evil.example")])),
        ("iss with a slash", callback(&[("iss", "{op}/")])),
        ("no iss, although announced", callback(&[("iss", "")])),
        ("code that was never given out", callback(&[("code", "guess")])),
        (
            "no iss, not announced",
            Faults {
                document: vec![("authorization_response_iss_parameter_supported", Value::Null)],
                ..callback(&[("iss", "")])
            },
        ),
        (
            "iss of another, not announced",
            Faults {
                document: vec![("authorization_response_iss_parameter_supported", Value::Null)],
                ..callback(&[("iss", "https://evil.example")])
            },
        ),
    ];
    let mut table = Table::default();
    for (name, faults) in rows {
        let outcome = world.sign_in_with(faults).await;
        table.row(name, &world.told(outcome));
    }
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn id_tokens() {
    let world = World::new().await;
    let at = |secs: i64| json!(NOW.secs() + secs);
    let alg = |unsigned| Faults { unsigned: Some(unsigned), ..Faults::default() };
    let rows = [
        ("nonce of another", claims(&[("nonce", json!("x"))])),
        ("no nonce", claims(&[("nonce", Value::Null)])),
        ("iss of another", claims(&[("iss", json!("https://evil.example"))])),
        ("iss with a slash", claims(&[("iss", json!("{op}/"))])),
        ("no iss", claims(&[("iss", Value::Null)])),
        ("aud of another", claims(&[("aud", json!("other"))])),
        ("no aud", claims(&[("aud", Value::Null)])),
        ("aud as a list", claims(&[("aud", json!(["site"]))])),
        ("two aud, no azp", claims(&[("aud", json!(["site", "other"]))])),
        ("two aud, azp", claims(&[("aud", json!(["site", "other"])), ("azp", json!("site"))])),
        ("two aud, azp of another", claims(&[("aud", json!(["site", "other"])), ("azp", json!("other"))])),
        ("azp of another", claims(&[("azp", json!("other"))])),
        ("exp 59 s ago", claims(&[("exp", at(-59))])),
        ("exp 60 s ago", claims(&[("exp", at(-60))])),
        ("exp 61 s ago", claims(&[("exp", at(-61))])),
        ("exp in a text", claims(&[("exp", json!("soon"))])),
        ("exp beyond all time", claims(&[("exp", json!(1e300))])),
        ("no exp", claims(&[("exp", Value::Null)])),
        ("iat 60 s ahead", claims(&[("iat", at(60))])),
        ("iat 61 s ahead", claims(&[("iat", at(61))])),
        ("nbf 61 s ahead", claims(&[("nbf", at(61))])),
        ("no iat", claims(&[("iat", Value::Null)])),
        ("at_hash of another", claims(&[("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"))])),
        ("no at_hash", claims(&[("at_hash", Value::Null)])),
        ("sub empty", claims(&[("sub", json!(""))])),
        ("sub of 255 bytes", claims(&[("sub", json!("a".repeat(255)))])),
        ("sub of 256 bytes", claims(&[("sub", json!("a".repeat(256)))])),
        ("sub with a line break", claims(&[("sub", json!("a\nb"))])),
        ("no sub", claims(&[("sub", Value::Null)])),
        ("alg none", alg("none")),
        ("alg None", alg("None")),
        ("alg HS256", alg("HS256")),
        ("alg RS256, no signature", alg("RS256")),
        ("signature of another key", Faults { forged: true, ..Faults::default() }),
        ("no ID token", Faults { answer: vec![("id_token", Value::Null)], ..Faults::default() }),
        ("ID token garbage", Faults { answer: vec![("id_token", json!("a.b.c"))], ..Faults::default() }),
        ("ID token a number", Faults { answer: vec![("id_token", json!(1))], ..Faults::default() }),
    ];
    let mut table = Table::default();
    for (name, faults) in rows {
        let outcome = world.sign_in_with(faults).await;
        table.row(name, &world.told(outcome));
    }
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn claims_of_any_type_make_an_identity_or_an_error() {
    let world = World::new().await;
    let values = [
        json!(true),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\r\n"),
        json!([]),
        json!([[], {}, 1, "x"]),
        json!({ "a": null }),
    ];
    let names = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "nonce",
        "azp",
        "at_hash",
        "auth_time",
        "acr",
        "amr",
        "email",
        "email_verified",
        "name",
        "picture",
        "locale",
        "updated_at",
        "address",
        "sid",
        "groups",
        "tid",
    ];
    let mut table = Table::default();
    for name in names {
        let mut codes = Vec::new();
        for value in &values {
            let outcome = world.sign_in_with(claims(&[(name, value.clone())])).await;
            codes.push(outcome.map_or_else(|error| error.code(), |_| "ok"));
        }
        table.row(name, &codes.join(" "));
    }
    // What cannot stand in a request does not get there.
    let answer = vec![("access_token", json!("a\r\nX: y"))];
    let faults = Faults { answer, ..claims(&[("email", Value::Null), ("at_hash", Value::Null)]) };
    let outcome = world.sign_in_with(faults).await;
    table.row("line break in the access token", &world.told(outcome));
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn addresses_and_whether_they_are_verified() {
    let world = World::new().await;
    let verified = |value: Value| claims(&[("email_verified", value)]);
    let userinfo = |userinfo: &[(&'static str, Value)]| Faults {
        claims: vec![("email", Value::Null)],
        userinfo: userinfo.to_vec(),
        ..Faults::default()
    };
    let rows = [
        ("true", verified(json!(true))),
        ("false", verified(json!(false))),
        ("\"true\"", verified(json!("true"))),
        ("\"false\"", verified(json!("false"))),
        ("absent", verified(Value::Null)),
        ("address that is none", claims(&[("email", json!("alice"))])),
        ("address of userinfo", userinfo(&[])),
        ("userinfo: not verified", userinfo(&[("email_verified", Value::Null)])),
        ("userinfo: no address either", userinfo(&[("email", Value::Null)])),
        ("userinfo: of somebody else", userinfo(&[("sub", json!("eve"))])),
        ("userinfo: of nobody", userinfo(&[("sub", Value::Null)])),
    ];
    let mut table = Table::default();
    for (name, faults) in rows {
        let outcome = world.sign_in_with(faults).await;
        table.row(name, &world.told(outcome));
    }
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn a_provider_that_is_down_at_each_step() {
    let world = World::new().await;
    let fates = [
        Fate::Refuses,
        Fate::Closes,
        Fate::Hangs,
        Fate::Garbage,
        Fate::Oversized,
        Fate::Status(302),
        Fate::Status(404),
        Fate::Status(500),
    ];
    let mut table = Table::default();
    for path in ENDPOINTS {
        for fate in fates {
            let faults = Faults {
                fates: [(path, fate)].into(),
                claims: vec![("email", Value::Null)],
                ..Faults::default()
            };
            let outcome = if path == ENDPOINTS[0] && fate == Fate::Refuses {
                let provider = world.site.provider().clone().discovery_url(world.mock.nowhere());
                let site =
                    nostore_signin::provider::RelyingParty::new(provider, crate::mock::REDIRECT).unwrap();
                sign_in(&world.mock, &site, NOW).await
            } else {
                world.sign_in_with(faults).await
            };
            table.row(&format!("{path} {fate:?}"), &world.told(outcome));
        }
    }
    assert_eq!(world.mock.asked("/elsewhere"), 0, "a redirect was followed");
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn an_attempt_before_at_and_after_its_end() {
    let world = World::new().await;
    let mut table = Table::default();
    // So that nothing else ends.
    world.mock.fail(claims(&[("exp", json!(NOW.secs() + 3_600))]));
    for millis in [599_999, 600_000, 600_001] {
        let (attempt, query) = begun(&world.mock, &world.site, NOW).await.unwrap();
        let now = UnixTime::from_millis(NOW.millis() + millis);
        let outcome = finish(&world.site, &attempt, &query, now).await;
        table.row(&format!("{millis} ms"), &world.told(outcome));
    }
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn two_tabs_sign_in_at_once() {
    let world = World::new().await;
    for first in [0, 1] {
        let mut tabs = Vec::new();
        for _ in 0..2 {
            tabs.push(begun(&world.mock, &world.site, NOW).await.unwrap());
        }
        assert_ne!(tabs[0].0.id(), tabs[1].0.id());
        // The attempt is found by the callback's state, as its cookie would be.
        for tab in [first, 1 - first] {
            let callback = CallbackParameters::parse(&tabs[tab].1).unwrap();
            let id = nostore_signin::provider::Attempt::id_of_state(callback.state()).unwrap();
            let found = tabs.iter().find(|(attempt, _)| attempt.id() == id).unwrap();
            world.site.finish(&found.0, &callback, NOW).await.unwrap();
        }
        // The callback of one with the cookie of the other.
        let outcome = finish(&world.site, &tabs[0].0, &tabs[1].1, NOW).await;
        assert!(matches!(outcome, Err(FinishError::WrongState)), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_code_is_good_once_and_for_its_own_attempt() {
    let world = World::new().await;
    let (attempt, query) = begun(&world.mock, &world.site, NOW).await.unwrap();
    finish(&world.site, &attempt, &query, NOW).await.unwrap();
    let again = finish(&world.site, &attempt, &query, NOW).await;
    assert!(matches!(again, Err(FinishError::CodeRefused)), "{again:?}");
    // A code that was smuggled into another attempt: PKCE has the provider refuse it.
    let (_, theirs) = begun(&world.mock, &world.site, NOW).await.unwrap();
    let (ours, query) = begun(&world.mock, &world.site, NOW).await.unwrap();
    let code = |query: &str| query.split('&').find(|pair| pair.starts_with("code=")).unwrap().to_owned();
    let smuggled = query.replace(&code(&query), &code(&theirs));
    let outcome = finish(&world.site, &ours, &smuggled, NOW).await;
    assert!(matches!(outcome, Err(FinishError::CodeRefused)), "{outcome:?}");
}

#[tokio::test]
async fn an_attempt_belongs_to_one_provider() {
    let (one, other) = (World::new().await, World::new().await);
    let (attempt, query) = begun(&one.mock, &one.site, NOW).await.unwrap();
    let outcome = finish(&other.site, &attempt, &query, NOW).await;
    assert!(matches!(outcome, Err(FinishError::OtherProvider { .. })), "{outcome:?}");
}

#[tokio::test]
async fn ways_to_prove_who_the_site_is() {
    let mut table = Table::default();
    let post = vec![("token_endpoint_auth_methods_supported", json!(["client_secret_post"]))];
    for (name, how, secret, document) in [
        ("by default", None, CLIENT_SECRET, Vec::new()),
        ("by default, post announced", None, CLIENT_SECRET, post),
        ("basic", Some(ClientAuth::Basic), CLIENT_SECRET, Vec::new()),
        ("post", Some(ClientAuth::Post), CLIENT_SECRET, Vec::new()),
        ("none", Some(ClientAuth::None), CLIENT_SECRET, Vec::new()),
        ("another secret", None, "wrong", Vec::new()),
    ] {
        let world = World::with(|origin| {
            let provider = Provider::oidc(origin, CLIENT_ID, Some(Secret::new(secret)));
            how.map_or(provider.clone(), |how| provider.client_auth(how))
        })
        .await;
        let outcome = world.sign_in_with(Faults { document, ..Faults::default() }).await;
        let seen = world.mock.seen();
        let field = if seen[0].starts_with("Basic ") { "Basic" } else { "no field" };
        let body = if seen[1].contains("client_secret=") { "secret in body" } else { "no secret in body" };
        table.row(name, &format!("{field}, {body}: {}", world.told(outcome)));
    }
    insta::assert_snapshot!(table.text());
}

#[test]
fn callbacks_are_read_strictly() {
    let mut table = Table::default();
    let long = format!("code=a&state=b&x={}", "a".repeat(16_384));
    for query in [
        "code=a&state=b",
        "state=b&code=a&session_state=c&unknown=d&unknown=e",
        "code=a&state=b&iss=https%3A%2F%2Fop.example",
        "error=access_denied&state=b",
        "error=x%0d%0aInjected:+1&error_description=%1b[31m&state=b",
        "",
        "code=a",
        "code=&state=b",
        "state=b",
        "code=a&error=b&state=c",
        "code=a&code=a&state=b",
        "code=a&code=&state=b",
        "code=a&state=b&state=c",
        "code=a&state=b&iss=a&iss=b",
        "error=a&error=b&state=c",
        "%63ode=a&code=b&state=c",
        "code=%ff%fe&state=%00",
        &long,
    ] {
        let told = match CallbackParameters::parse(query) {
            Ok(callback) => format!("{callback:?} state {:?}", callback.state()),
            Err(error) => format!("{}: {error}", error.code()),
        };
        let shown = if query.len() > 60 { &query[..30] } else { query };
        table.row(shown, &told);
    }
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn no_error_and_no_debug_text_holds_a_secret() {
    let world = World::new().await;
    let begun = world.site.begin(&Begin::default(), entropy(), NOW).await.unwrap();
    let query = world.mock.authorize(&begun.location);
    let callback = CallbackParameters::parse(&query).unwrap();
    let identity = world.site.finish(&begun.attempt, &callback, NOW).await.unwrap();
    let printed = format!("{:?} {:?} {callback:?} {:?}", begun.attempt, world.site, identity.tokens)
        + &format!("{:?}", world.site.provider());
    for secret in ["access-", "refresh-", "code-", CLIENT_SECRET, callback.state()] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}
