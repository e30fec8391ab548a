//! What a site goes through with its provider, at whichever it is.

use nostore_message::Secret;
use nostore_signin::provider::{Attempt, CallbackParameters, ClientAuth, Provider, RefreshError};
use url::Url;

use crate::product::Product;
use crate::server::Server;
use crate::stage::{Stage, code, id_token, now, registered, site};
use crate::visitor::{Answer, Arrived, BYE, Visitor};

/// How long a code may be redeemed at both of them, in seconds.
const CODE_SECS: i64 = 60;

pub(crate) async fn a_sign_in(product: &'static Product) {
    let mut stage = Stage::new(product);
    stage.site.warm(now()).await.unwrap();
    let (attempt, query) = stage.callback(Answer::Yes).await;
    let before = now();
    let identity = stage.finish(&attempt, &query).await.unwrap();
    let found = (identity.issuer.as_str(), identity.subject.as_str());
    assert_eq!(found, (stage.server.origin.as_str(), product.subject));
    assert_eq!((identity.email.as_deref(), identity.email_verified), (Some("alice@example.com"), true));
    assert_eq!(id_token(&identity)[1].get("email").is_some(), product.id_token_tells_address);
    assert_eq!(identity.name.as_deref(), Some(product.name));
    assert!(identity.provider_session.is_some() && identity.tokens.refresh.is_some());
    let (lives, secs) = (identity.tokens.access_ends.unwrap().secs_since(before), product.access_secs);
    assert!((secs..=secs + 5).contains(&lives), "{lives}");
}

pub(crate) async fn a_code_that_comes_again(product: &'static Product) {
    let mut stage = Stage::new(product);
    let (attempt, query) = stage.callback(Answer::Yes).await;
    let refresh = stage.finish(&attempt, &query).await.unwrap().tokens.refresh.unwrap();
    assert_eq!(code(stage.finish(&attempt, &query).await), "finish-code-refused");
    // Somebody has a copy: the provider withdraws what it gave for it (RFC 6749 section 4.1.2).
    assert!(matches!(stage.site.refresh(&refresh, now()).await, Err(RefreshError::Refused)));
}

pub(crate) async fn a_visitor_who_goes_back(product: &'static Product) {
    let mut stage = Stage::new(product);
    for _ in 0..2 {
        let (attempt, query) = stage.callback(Answer::No).await;
        assert_eq!(code(stage.finish(&attempt, &query).await), "finish-denied");
        // A no is not remembered; and may come from somebody who has been in.
        assert_eq!(code(stage.sign_in().await), "ok");
    }
}

pub(crate) async fn a_callback_that_was_changed(product: &'static Product) {
    let mut stage = Stage::new(product);
    let edits: [(&str, &str, &str); 4] = [
        ("state=", "state=x", "finish-wrong-state"),
        ("iss=http", "iss=https", "finish-wrong-iss"),
        ("iss=", "was=", "finish-no-iss"),
        ("code=", "code=x", "finish-code-refused"),
    ];
    for (what, instead, expected) in edits {
        let (attempt, query) = stage.callback(Answer::Yes).await;
        assert!(query.contains(what), "{query}");
        assert_eq!(code(stage.finish(&attempt, &query.replace(what, instead)).await), expected, "{what}");
    }
    // Well formed, and given out by nobody.
    let (attempt, query) = stage.callback(Answer::Yes).await;
    assert_eq!(code(stage.finish(&attempt, &forged(&query)).await), "finish-code-refused");
    // Of the visitor's other attempt.
    let ((attempt, _), (_, query)) = (stage.callback(Answer::Yes).await, stage.callback(Answer::Yes).await);
    assert_eq!(code(stage.finish(&attempt, &query).await), "finish-wrong-state");
    // A refusal is nobody else's either.
    let (attempt, query) = stage.callback(Answer::No).await;
    assert_eq!(
        code(stage.finish(&attempt, &query.replace("iss=http", "iss=https")).await),
        "finish-wrong-iss"
    );
}

pub(crate) async fn an_attempt_that_was_changed(product: &'static Product) {
    let mut stage = Stage::new(product);
    for (member, expected) in [("nonce", "id-token-nonce"), ("verifier", "finish-code-refused")] {
        let (attempt, query) = stage.callback(Answer::Yes).await;
        let mut kept = serde_json::to_value(&attempt).unwrap();
        kept[member] = "A".repeat(48).into();
        let attempt: Attempt = serde_json::from_value(kept).unwrap();
        assert_eq!(code(stage.finish(&attempt, &query).await), expected);
    }
}

pub(crate) async fn a_sign_in_that_takes_too_long(product: &'static Product) {
    let mut stage = Stage::new(product);
    // For the site.
    let (attempt, query) = stage.callback(Answer::Yes).await;
    let callback = CallbackParameters::parse(&query).unwrap();
    assert_eq!(code(stage.site.finish(&attempt, &callback, attempt.ends()).await), "finish-expired");
    // For the provider.
    let (attempt, query) = stage.callback(Answer::Yes).await;
    stage.server.later(CODE_SECS);
    assert_eq!(code(stage.finish(&attempt, &query).await), "finish-code-refused");
}

pub(crate) async fn two_tabs_at_once_in_either_order(product: &'static Product) {
    let mut stage = Stage::new(product);
    for first in [0, 1] {
        // Both pages are open before one of them is filled in.
        let tabs = [stage.begin().await.unwrap(), stage.begin().await.unwrap()];
        let mut open = Vec::new();
        for (location, _) in &tabs {
            let arrived = stage.visitor.open(location).await.unwrap();
            assert!(matches!(arrived, Arrived::Page(_)), "expected a page to fill in");
            open.push(arrived);
        }
        let (other, one) = (open.remove(1 - first), open.remove(0));
        let one = stage.visitor.answer(one, Answer::Yes).await;
        let other = stage.visitor.answer(other, Answer::Yes).await;
        for query in [other, one] {
            let callback = CallbackParameters::parse(&query).unwrap();
            let id = Attempt::id_of_state(callback.state()).unwrap();
            let (_, attempt) = tabs.iter().find(|(_, attempt)| attempt.id() == id).unwrap();
            stage.site.finish(attempt, &callback, now()).await.unwrap();
        }
    }
}

pub(crate) async fn a_site_that_is_configured_wrong(product: &'static Product) {
    let mut stage = Stage::new(product);
    let origin = stage.server.origin.clone();
    let slash = site(registered(product, &format!("{origin}/")));
    assert_eq!(slash.warm(now()).await.unwrap_err().code(), "provider-issuer");
    let provider = |secret: &str| Provider::oidc(&origin, "site", Some(Secret::new(secret)));
    for provider in [provider("wrong"), provider(product.secret).client_auth(ClientAuth::None)] {
        stage.site = site(provider);
        assert_eq!(code(stage.sign_in().await), "finish-client");
    }
}

pub(crate) async fn refresh_tokens_rotate_and_are_good_once(product: &'static Product) {
    let mut stage = Stage::new(product);
    let first = stage.sign_in().await.unwrap().tokens.refresh.unwrap();
    let second = stage.site.refresh(&first, now()).await.unwrap();
    assert!(second.id.is_some() && second.access_ends.is_some());
    let second = second.refresh.unwrap();
    assert!(!second.matches(first.expose()));
    let third = stage.site.refresh(&second, now()).await.unwrap().refresh.unwrap();
    // Reuse: somebody has a copy. The provider withdraws all of it.
    assert!(matches!(stage.site.refresh(&second, now()).await, Err(RefreshError::Refused)));
    assert!(matches!(stage.site.refresh(&third, now()).await, Err(RefreshError::Refused)));
    // Killed by it: nobody knows. Gone before: nothing was sent.
    let token = stage.sign_in().await.unwrap().tokens.refresh.unwrap();
    let path = path(&mut stage, "token_endpoint").await;
    stage.server.die_at(&path);
    assert!(matches!(stage.site.refresh(&token, now()).await, Err(RefreshError::Unknown { .. })));
    stage.server.kill();
    assert!(matches!(stage.site.refresh(&token, now()).await, Err(RefreshError::Unsent(_))));
}

pub(crate) async fn a_provider_that_is_killed_at_each_step_and_back(product: &'static Product) {
    let mut stage = Stage::new(product);
    for (member, expected) in [
        ("", "provider-unreachable-discovery"),
        ("token_endpoint", "provider-unreachable-token"),
        ("jwks_uri", "provider-unreachable-keys"),
        ("userinfo_endpoint", "provider-unreachable-userinfo"),
    ] {
        // Without an address in the ID Token the userinfo endpoint is asked, everywhere.
        stage.site = site(registered(product, &stage.server.origin).scopes(["openid"]));
        stage.visitor = Visitor::new(product);
        let path = path(&mut stage, member).await;
        stage.server.die_at(&path);
        assert_eq!(code(stage.sign_in().await), expected);
        // The same site, with what it knew before and new keys at the provider, which has forgotten the visitor.
        stage.server.replace();
        stage.visitor = Visitor::new(product);
        assert_eq!(code(stage.sign_in().await), "ok", "{expected}");
    }
    // Before the visitor sees a page, and when it is filled in: the site knows nothing of it, and its attempt waits.
    for is_open in [false, true] {
        stage.site = site(registered(product, &stage.server.origin));
        let (location, attempt) = stage.begin().await.unwrap();
        if is_open {
            let Some(Arrived::Page(page)) = stage.visitor.open(&location).await else { panic!("no page") };
            let step = page.step(product.sign_in);
            stage.server.die_at(step.url.path());
            assert!(stage.visitor.go(step).await.is_none());
        } else {
            stage.server.die_at(Url::parse(&location).unwrap().path());
            assert!(stage.visitor.open(&location).await.is_none());
        }
        stage.server.replace();
        stage.visitor = Visitor::new(product);
        let query = stage.visitor.sign_in(&location, Answer::Yes).await;
        assert_eq!(code(stage.finish(&attempt, &query).await), "ok");
    }
}

pub(crate) async fn keys_that_change(product: &'static Product) {
    let mut stage = Stage::new(product);
    let before = stage.sign_in().await.unwrap();
    stage.server.rotate();
    let after = stage.sign_in().await.unwrap();
    let kid = |identity| id_token(identity)[0]["kid"].as_str().unwrap().to_owned();
    assert_ne!(kid(&before), kid(&after));
}

pub(crate) async fn leaving_the_provider_ends_sessions_here(product: &'static Product) {
    let mut stage = Stage::new(product);
    let identity = stage.sign_in().await.unwrap();
    let hint = identity.tokens.id.as_ref();
    let url = stage.site.end_session_url(hint, Some(BYE), Some("s&t"), now()).await.unwrap();
    assert_eq!(stage.visitor.leave(&url).await, format!("{BYE}?state=s%26t"));
    let tokens = stage.server.logouts();
    let [token] = &tokens[..] else { panic!("expected one logout token, found {tokens:?}") };
    let logout = stage.site.read_logout_token(token, now()).await.unwrap();
    assert_eq!(logout.subject.as_deref(), Some(product.subject));
    assert_eq!(logout.session, identity.provider_session);
    let read = stage.site.read_logout_token(hint.unwrap().expose(), now()).await;
    assert_eq!(read.unwrap_err().code(), "logout-token-event");
    // Of another provider, and too late.
    let other = Server::start(product);
    let read = site(registered(product, &other.origin)).read_logout_token(token, now()).await;
    assert_eq!(read.unwrap_err().code(), "id-token-iss");
    let read = stage.site.read_logout_token(token, logout.ends).await;
    assert_eq!(read.unwrap_err().code(), "id-token-expired");
}

/// Changes one letter near the end of the code.
fn forged(query: &str) -> String {
    let start = query.find("code=").unwrap();
    let end = query[start..].find('&').map_or(query.len(), |length| start + length);
    let at = end - 10;
    let other = if query.as_bytes()[at] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &query[..at], &query[at + 1..])
}

/// Where discovery says that an endpoint is; its own path, where none is named.
async fn path(stage: &mut Stage, member: &str) -> String {
    let discovery = "/.well-known/openid-configuration";
    if member.is_empty() {
        return discovery.to_owned();
    }
    let document = stage.visitor.read(&format!("{}{discovery}", stage.server.origin)).await;
    Url::parse(document[member].as_str().unwrap()).unwrap().path().to_owned()
}
