//! Our relying party at a certified OpenID Provider (oidc-provider): PKCE required, refresh tokens rotate, access tokens
//! live for two seconds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod server;
mod visitor;

use std::time::Duration;

use nostore_conformance::random::Random;
use nostore_message::{Clock as _, Secret, UnixTime};
use nostore_signin::provider::{
    Attempt, Begin, CallbackParameters, ClientAuth, FinishError, Identity, Provider, RefreshError,
    RelyingParty,
};
use nostore_web::SystemClock;

use server::{ACCESS_SECS, Server};
use visitor::{Answer, BYE, REDIRECT, Visitor};

const SECRET: &str = "hush: 100%+";

fn site(issuer: &str) -> RelyingParty {
    let provider = Provider::oidc(issuer, "site", Some(Secret::new(SECRET))).offline();
    RelyingParty::within(provider, REDIRECT, Duration::from_secs(5)).unwrap()
}

fn now() -> UnixTime {
    SystemClock.now()
}

async fn begin(site: &RelyingParty, random: &mut Random) -> Result<(String, Attempt), FinishError> {
    let entropy = std::array::from_fn(|_| u8::try_from(random.below(256)).unwrap());
    let begun = site.begin(&Begin::default(), entropy, now()).await?;
    Ok((begun.location, begun.attempt))
}

async fn finish(site: &RelyingParty, attempt: &Attempt, query: &str) -> Result<Identity, FinishError> {
    site.finish(attempt, &CallbackParameters::parse(query).unwrap(), now()).await
}

/// A whole sign-in.
async fn sign_in(
    site: &RelyingParty,
    visitor: &mut Visitor,
    random: &mut Random,
) -> Result<Identity, FinishError> {
    let (location, attempt) = begin(site, random).await?;
    let query = visitor.sign_in(&location, Answer::Yes).await;
    finish(site, &attempt, &query).await
}

fn code(outcome: Result<Identity, FinishError>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "ok")
}

#[tokio::test]
async fn a_sign_in_and_everything_that_may_be_wrong_with_it() {
    let (server, mut random, mut visitor) = (Server::start(), Random::new(1), Visitor::new());
    let site = site(&server.origin);
    site.warm(now()).await.unwrap();
    let (location, attempt) = begin(&site, &mut random).await.unwrap();
    let query = visitor.sign_in(&location, Answer::Yes).await;
    let before = now();
    let identity = finish(&site, &attempt, &query).await.unwrap();
    assert_eq!((identity.issuer.as_str(), identity.subject.as_str()), (server.origin.as_str(), "alice"));
    // Only its userinfo endpoint tells the address.
    assert_eq!((identity.email.as_deref(), identity.email_verified), (Some("alice@example.com"), true));
    assert_eq!(identity.name.as_deref(), Some("alice"));
    assert!(identity.provider_session.is_some() && identity.tokens.refresh.is_some());
    let lives = identity.tokens.access_ends.unwrap().secs_since(before);
    assert!((ACCESS_SECS..=ACCESS_SECS + 5).contains(&lives), "{lives}");

    assert_eq!(code(finish(&site, &attempt, &query).await), "finish-code-refused", "replayed");

    let (location, attempt) = begin(&site, &mut random).await.unwrap();
    let query = visitor.sign_in(&location, Answer::No).await;
    assert_eq!(code(finish(&site, &attempt, &query).await), "finish-denied");

    let edits: [(&str, &str, &str); 3] = [
        ("state=", "state=x", "finish-wrong-state"),
        ("iss=http", "iss=https", "finish-wrong-iss"),
        ("code=", "code=x", "finish-code-refused"),
    ];
    for (what, instead, expected) in edits {
        let (location, attempt) = begin(&site, &mut random).await.unwrap();
        let query = visitor.sign_in(&location, Answer::Yes).await;
        assert!(query.contains(what), "{query}");
        assert_eq!(code(finish(&site, &attempt, &query.replace(what, instead)).await), expected);
    }
    for (member, expected) in [("nonce", "id-token-nonce"), ("verifier", "finish-code-refused")] {
        let (location, attempt) = begin(&site, &mut random).await.unwrap();
        let query = visitor.sign_in(&location, Answer::Yes).await;
        let mut kept = serde_json::to_value(&attempt).unwrap();
        kept[member] = "A".repeat(48).into();
        let attempt = serde_json::from_value(kept).unwrap();
        assert_eq!(code(finish(&site, &attempt, &query).await), expected);
    }
    let (location, attempt) = begin(&site, &mut random).await.unwrap();
    let callback = CallbackParameters::parse(&visitor.sign_in(&location, Answer::Yes).await).unwrap();
    assert_eq!(code(site.finish(&attempt, &callback, attempt.ends()).await), "finish-expired");
}

#[tokio::test]
async fn two_tabs_at_once_in_either_order() {
    let (server, mut random, mut visitor) = (Server::start(), Random::new(2), Visitor::new());
    let site = site(&server.origin);
    for first in [0, 1] {
        // Both forms are open before one of them is filled in.
        let tabs = [begin(&site, &mut random).await.unwrap(), begin(&site, &mut random).await.unwrap()];
        let one = visitor.sign_in(&tabs[first].0, Answer::Yes).await;
        let other = visitor.sign_in(&tabs[1 - first].0, Answer::Yes).await;
        for query in [other, one] {
            let callback = CallbackParameters::parse(&query).unwrap();
            let id = Attempt::id_of_state(callback.state()).unwrap();
            let (_, attempt) = tabs.iter().find(|(_, attempt)| attempt.id() == id).unwrap();
            site.finish(attempt, &callback, now()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_site_that_is_configured_wrong() {
    let (server, mut random, mut visitor) = (Server::start(), Random::new(3), Visitor::new());
    let slash = site(&format!("{}/", server.origin));
    assert_eq!(slash.warm(now()).await.unwrap_err().code(), "provider-issuer");
    let provider = |secret: &str| Provider::oidc(&server.origin, "site", Some(Secret::new(secret)));
    for provider in [provider("wrong"), provider(SECRET).client_auth(ClientAuth::None)] {
        let site = RelyingParty::new(provider, REDIRECT).unwrap();
        assert_eq!(code(sign_in(&site, &mut visitor, &mut random).await), "finish-client");
    }
}

#[tokio::test]
async fn refresh_tokens_rotate_and_are_good_once() {
    let (mut server, mut random, mut visitor) = (Server::start(), Random::new(4), Visitor::new());
    let site = site(&server.origin);
    let tokens = sign_in(&site, &mut visitor, &mut random).await.unwrap().tokens;
    let first = tokens.refresh.unwrap();
    let second = site.refresh(&first, now()).await.unwrap();
    assert!(second.id.is_some() && second.access_ends.is_some());
    let second = second.refresh.unwrap();
    assert!(!second.matches(first.expose()));
    let third = site.refresh(&second, now()).await.unwrap().refresh.unwrap();
    // Reuse: somebody has a copy. The provider withdraws all of it.
    assert!(matches!(site.refresh(&second, now()).await, Err(RefreshError::Refused)));
    assert!(matches!(site.refresh(&third, now()).await, Err(RefreshError::Refused)));
    // Killed: nothing was sent. Killed by it: nobody knows.
    let token = sign_in(&site, &mut visitor, &mut random).await.unwrap().tokens.refresh.unwrap();
    server.die_at("/token");
    assert!(matches!(site.refresh(&token, now()).await, Err(RefreshError::Unknown { .. })));
    assert!(matches!(site.refresh(&token, now()).await, Err(RefreshError::Unsent(_))));
}

#[tokio::test]
async fn a_provider_that_is_killed_at_each_step_and_back() {
    let (mut server, mut random) = (Server::start(), Random::new(5));
    for (path, expected) in [
        ("/.well-known/openid-configuration", "provider-unreachable-discovery"),
        ("/jwks", "provider-unreachable-keys"),
        ("/token", "provider-unreachable-token"),
        ("/me", "provider-unreachable-userinfo"),
    ] {
        let (site, mut visitor) = (site(&server.origin), Visitor::new());
        server.die_at(path);
        assert_eq!(code(sign_in(&site, &mut visitor, &mut random).await), expected, "{path}");
        server = server.restart();
        // The same site, with what it knew before and new keys at the provider; it has forgotten the visitor.
        assert_eq!(code(sign_in(&site, &mut Visitor::new(), &mut random).await), "ok", "{path}");
    }
}

#[tokio::test]
async fn keys_that_change() {
    let (mut server, mut random, mut visitor) = (Server::start(), Random::new(6), Visitor::new());
    let site = site(&server.origin);
    sign_in(&site, &mut visitor, &mut random).await.unwrap();
    server.rotate();
    sign_in(&site, &mut visitor, &mut random).await.unwrap();
}

#[tokio::test]
async fn leaving_the_provider_ends_sessions_here() {
    let (mut server, mut random, mut visitor) = (Server::start(), Random::new(7), Visitor::new());
    let site = site(&server.origin);
    let identity = sign_in(&site, &mut visitor, &mut random).await.unwrap();
    let hint = identity.tokens.id.as_ref();
    let url = site.end_session_url(hint, Some(BYE), Some("s&t"), now()).await.unwrap();
    assert_eq!(visitor.leave(&url).await, format!("{BYE}?state=s%26t"));
    let tokens = server.logouts();
    let [token] = &tokens[..] else { panic!("expected one logout token, found {tokens:?}") };
    let logout = site.read_logout_token(token, now()).await.unwrap();
    assert_eq!(logout.subject.as_deref(), Some("alice"));
    assert_eq!(logout.session, identity.provider_session);
    let read = site.read_logout_token(hint.unwrap().expose(), now()).await;
    assert_eq!(read.unwrap_err().code(), "logout-token-event");
    // Of another provider, and too late.
    let other = Server::start();
    let read = self::site(&other.origin).read_logout_token(token, now()).await;
    assert_eq!(read.unwrap_err().code(), "id-token-iss");
    let read = site.read_logout_token(token, logout.ends).await;
    assert_eq!(read.unwrap_err().code(), "id-token-expired");
}
