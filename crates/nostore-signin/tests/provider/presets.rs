//! GitHub, Google and Microsoft, each at the mock provider.

use nostore_message::Secret;
use nostore_signin::provider::{Begin, Endpoints, Provider};
use serde_json::{Value, json};

use crate::mock::{CLIENT_ID, CLIENT_SECRET, Fate, Faults, NOW};
use crate::support::{Table, World, entropy};

const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

fn secret() -> Secret {
    Secret::new(CLIENT_SECRET)
}

/// The parameters that make presets differ.
async fn asked(world: &World) -> String {
    let ask = Begin { select_account: true, login_hint: Some("alice".to_owned()), ..Begin::default() };
    let begun = world.site.begin(&ask, entropy(), NOW).await.unwrap();
    let (endpoint, query) = begun.location.split_once('?').unwrap();
    let always =
        ["client_id", "code_challenge", "code_challenge_method", "redirect_uri", "response_type", "state"];
    let parameters = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !always.contains(&&**name));
    let parameters = parameters
        .map(|(name, value)| if name == "nonce" { "nonce".to_owned() } else { format!("{name}={value}") });
    world.masked(&format!("{endpoint} {}", parameters.collect::<Vec<_>>().join(" ")))
}

#[tokio::test]
async fn github() {
    let world = World::with(|origin| {
        Provider::github(CLIENT_ID, secret()).endpoints(Endpoints {
            authorization: Some(format!("{origin}/authorize")),
            token: Some(format!("{origin}/token")),
            userinfo: Some(format!("{origin}/user")),
            emails: None,
        })
    })
    .await;
    let user = json!({ "id": 583_231, "login": "octocat", "name": null, "email": "shown@example.com" });
    let address = |primary: bool, verified: bool| json!({ "email": "Octo@Example.com", "primary": primary, "verified": verified });
    let other = json!({ "email": "other@example.com", "primary": false, "verified": true });
    let faults = |user: &Value, emails: Value| Faults {
        github: [("/user", user.clone()), ("/user/emails", emails)].into(),
        // GitHub's answer has neither; its callback has `iss` under its own name, or none.
        answer: vec![("id_token", Value::Null), ("refresh_token", Value::Null)],
        callback: vec![("iss", String::new())],
        ..Faults::default()
    };
    let refused = |error: &str| Faults {
        answer: vec![("error", json!(error)), ("access_token", Value::Null)],
        ..faults(&user, json!([]))
    };
    let failing =
        |path, fate| Faults { fates: [(path, fate)].into(), ..faults(&user, json!([address(true, true)])) };
    let iss = |iss: &str| Faults { callback: vec![("iss", iss.to_owned())], ..faults(&user, json!([])) };
    let rows = [
        ("primary, verified", faults(&user, json!([other, address(true, true)]))),
        ("primary, not verified", faults(&user, json!([other, address(true, false)]))),
        ("no primary", faults(&user, json!([other, address(false, true)]))),
        ("no addresses", faults(&user, json!([]))),
        ("addresses are not ours to see", failing("/user/emails", Fate::Status(404))),
        ("addresses cannot be had", failing("/user/emails", Fate::Status(500))),
        ("the person cannot be had", failing("/user", Fate::Closes)),
        ("garbage", failing("/user", Fate::Garbage)),
        ("no id", faults(&json!({ "login": "octocat" }), json!([]))),
        ("id that is a text", faults(&json!({ "id": "583231" }), json!([]))),
        ("code refused with status 200", refused("bad_verification_code")),
        ("client refused with status 200", refused("incorrect_client_credentials")),
        ("iss of GitHub", iss("https://github.com/login/oauth")),
        ("iss of another", iss("https://evil.example")),
    ];
    let mut table = Table::default();
    table.row("asked", &asked(&world).await);
    for (name, faults) in rows {
        let outcome = world.sign_in_with(faults).await;
        if let Ok(identity) = &outcome {
            assert_eq!(identity.issuer, "https://github.com");
            assert_eq!(identity.name.as_deref(), Some("octocat"));
        }
        table.row(name, &world.told(outcome));
    }
    assert_eq!(world.site.end_session_url(None, None, None, NOW).await, None);
    insta::assert_snapshot!(table.text());
}

/// Google's issuer in Google's document, at the mock's URLs.
async fn google(options: impl Fn(Provider) -> Provider) -> World {
    World::with(|origin| {
        let document = format!("{origin}/.well-known/openid-configuration");
        options(Provider::google(CLIENT_ID, secret()).discovery_url(document))
    })
    .await
}

fn of_google(claims: &[(&'static str, Value)]) -> Faults {
    let issuer = ("issuer", json!("https://accounts.google.com"));
    let iss = ("iss", json!("https://accounts.google.com"));
    Faults {
        document: vec![issuer],
        claims: [&[iss], claims].concat(),
        callback: vec![("iss", "https://accounts.google.com".to_owned())],
        ..Faults::default()
    }
}

#[tokio::test]
async fn google_and_its_domains() {
    let anybody = google(|google| google).await;
    let domain = google(|google| google.hosted_domain("example.com").offline()).await;
    let mut table = Table::default();
    for (name, world) in [("anybody", &anybody), ("domain", &domain)] {
        world.mock.fail(of_google(&[]));
        table.row(&format!("{name}: asked"), &asked(world).await);
        for hd in
            [Value::Null, json!("example.com"), json!("Example.COM"), json!("evil.example"), json!(true)]
        {
            let outcome = world.sign_in_with(of_google(&[("hd", hd.clone())])).await;
            table.row(&format!("{name}: hd {hd}"), &world.told(outcome));
        }
    }
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn microsoft_and_its_tenants() {
    let world = World::with(|origin| {
        let document = format!("{origin}/.well-known/openid-configuration");
        Provider::microsoft("common", CLIENT_ID, Some(secret())).discovery_url(document).offline()
    })
    .await;
    let issuer = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    let faults = |claims: &[(&'static str, Value)], iss: &str| Faults {
        document: vec![
            ("issuer", json!(issuer("{tenantid}"))),
            ("authorization_response_iss_parameter_supported", Value::Null),
        ],
        claims: [
            &[("iss", json!(issuer(TENANT))), ("tid", json!(TENANT)), ("email_verified", Value::Null)],
            claims,
        ]
        .concat(),
        callback: vec![("iss", iss.to_owned())],
        ..Faults::default()
    };
    let other = "00000000-0000-0000-0000-000000000000";
    let rows = [
        ("nominal", faults(&[], "")),
        ("xms_edov true", faults(&[("xms_edov", json!(true))], "")),
        ("xms_edov \"1\"", faults(&[("xms_edov", json!("1"))], "")),
        ("xms_edov false", faults(&[("xms_edov", json!(false))], "")),
        ("email_verified, as if", faults(&[("email_verified", json!(true))], "")),
        ("iss of another tenant", faults(&[("iss", json!(issuer(other)))], "")),
        ("tid of another tenant", faults(&[("tid", json!(other))], "")),
        ("no tid", faults(&[("tid", Value::Null)], "")),
        (
            "iss is the template",
            faults(&[("iss", json!(issuer("{tenantid}"))), ("tid", json!("{tenantid}"))], ""),
        ),
        ("callback of the tenant", faults(&[], &issuer(TENANT))),
        ("callback of another tenant", faults(&[], &issuer(other))),
        ("callback of another issuer", faults(&[], "https://evil.example")),
    ];
    let mut table = Table::default();
    world.mock.fail(faults(&[], ""));
    table.row("asked", &asked(&world).await);
    for (name, faults) in rows {
        let outcome = world.sign_in_with(faults).await;
        if let Ok(identity) = &outcome {
            assert_eq!(identity.issuer, issuer(TENANT));
        }
        table.row(name, &world.told(outcome));
    }
    insta::assert_snapshot!(table.text());
}

#[tokio::test]
async fn options_of_any_provider() {
    let world = World::with(|origin| {
        Provider::oidc(origin, CLIENT_ID, Some(secret()))
            .scopes(["email", "groups", "email"])
            .offline()
            .groups_claim("realm_access.roles")
            .parameter("prompt", "login")
            .parameter("audience", "https://api.example.com/?a=b c")
    })
    .await;
    assert_eq!(
        asked(&world).await,
        "{op}/authorize scope=openid email groups offline_access nonce login_hint=alice prompt=login \
         audience=https://api.example.com/?a=b c"
    );
    for (groups, expected) in [
        (json!({ "realm_access": { "roles": ["admin", 1, "staff"] } }), vec!["admin", "staff"]),
        (json!({ "realm_access.roles": "one" }), vec!["one"]),
        (json!({ "realm_access": ["admin"] }), vec![]),
    ] {
        let name = if groups.get("realm_access").is_some() { "realm_access" } else { "realm_access.roles" };
        let claims = vec![(name, groups[name].clone())];
        let identity = world.sign_in_with(Faults { claims, ..Faults::default() }).await.unwrap();
        assert_eq!(identity.groups, expected);
    }
    for (picture, expected) in
        [("https://a.example/b.png", true), ("javascript:alert(1)", false), ("http://a.example", false)]
    {
        let claims = vec![("picture", json!(picture))];
        let identity = world.sign_in_with(Faults { claims, ..Faults::default() }).await.unwrap();
        assert_eq!(identity.picture.is_some(), expected, "{picture}");
    }
}
