//! What is wrong with a configuration, before any visitor comes.

use nostore_message::Secret;
use nostore_signin::provider::{Begin, ClientAuth, ENTROPY_BYTES, Endpoints, Provider, RelyingParty};

use crate::support::Table;

const REDIRECT: &str = "https://www.example.com/auth/callback";

fn oidc(issuer: &str) -> Provider {
    Provider::oidc(issuer, "site", Some(Secret::new("hush")))
}

#[test]
fn wrong_configurations_say_what_to_mend() {
    let good = || oidc("https://op.example");
    let rows = [
        ("good", good(), REDIRECT),
        ("no client id", Provider::oidc("https://op.example", "", Some(Secret::new("hush"))), REDIRECT),
        ("no secret", Provider::oidc("https://op.example", "site", None), REDIRECT),
        ("empty secret", Provider::google("site", Secret::new("")), REDIRECT),
        (
            "public client",
            Provider::oidc("https://op.example", "site", None).client_auth(ClientAuth::None),
            REDIRECT,
        ),
        ("issuer without scheme", oidc("op.example"), REDIRECT),
        ("issuer with credentials", oidc("https://a:b@op.example"), REDIRECT),
        ("issuer with a query", oidc("https://op.example/?tenant=1"), REDIRECT),
        ("issuer over http", oidc("http://op.example"), REDIRECT),
        ("issuer over http, allowed", oidc("http://op.example").danger_allow_plain_http(), REDIRECT),
        ("issuer on 127.0.0.2", oidc("http://127.0.0.2:8080/realms/a"), REDIRECT),
        ("issuer on [::1]", oidc("http://[::1]:8080"), REDIRECT),
        ("issuer on localhost", oidc("http://localhost:8080"), REDIRECT),
        ("issuer on localhost.example", oidc("http://localhost.example"), REDIRECT),
        ("issuer on 127.0.0.1.example", oidc("http://127.0.0.1.example"), REDIRECT),
        ("issuer is a file", oidc("file:///etc/passwd"), REDIRECT),
        ("discovery over http", good().discovery_url("http://op.example/x"), REDIRECT),
        (
            "token endpoint over http",
            good().endpoints(Endpoints {
                token: Some("http://op.example/x".to_owned()),
                ..Endpoints::default()
            }),
            REDIRECT,
        ),
        ("two scopes in one", good().scopes(["openid email"]), REDIRECT),
        ("a scope in quotes", good().scopes(["\"openid\""]), REDIRECT),
        ("hosted domain elsewhere", good().hosted_domain("example.com"), REDIRECT),
        ("a parameter of ours", good().parameter("state", "x"), REDIRECT),
        ("redirect URI is a path", good(), "/auth/callback"),
        ("redirect URI with a fragment", good(), "https://www.example.com/#/callback"),
        ("redirect URI on loopback", good(), "http://127.0.0.1:3000/auth/callback"),
    ];
    let mut table = Table::default();
    for (name, provider, redirect) in rows {
        let told = match RelyingParty::new(provider, redirect) {
            Ok(_) => "ok".to_owned(),
            Err(error) => format!("{}: {error}", error.code()),
        };
        table.row(name, &told);
    }
    insta::assert_snapshot!(table.text());
}

#[test]
fn presets_know_their_issuers() {
    let secret = || Some(Secret::new("hush"));
    let mut table = Table::default();
    for provider in [
        Provider::google("site", Secret::new("hush")),
        Provider::github("site", Secret::new("hush")),
        Provider::microsoft("common", "site", secret()),
        Provider::microsoft("organizations", "site", secret()),
        Provider::microsoft("consumers", "site", secret()),
        Provider::microsoft("9188040d-6c67-4c5b-b112-36a304b66dad", "site", secret()),
        Provider::keycloak("https://sso.example.com/", "staff", "site", secret()),
        Provider::auth0("example.eu.auth0.com", "site", secret()),
        Provider::auth0("https://example.eu.auth0.com/", "site", secret()),
        Provider::okta("example.okta.com/oauth2/default", "site", secret()),
    ] {
        provider.check().unwrap();
        table.row(provider.name(), provider.issuer());
    }
    insta::assert_snapshot!(table.text());
}

/// Handlers of a web framework wait on several threads.
#[test]
fn every_wait_may_move_to_another_thread() {
    fn moves<F: Future + Send>(_: F) {}
    let site = RelyingParty::new(oidc("https://op.example"), REDIRECT).unwrap();
    let (now, secret, begin) = (crate::mock::NOW, Secret::new("x"), Begin::default());
    moves(site.warm(now));
    moves(site.begin(&begin, [0; ENTROPY_BYTES], now));
    moves(site.refresh(&secret, now));
    moves(site.end_session_url(None, None, None, now));
    moves(site.read_logout_token("x", now));
}
