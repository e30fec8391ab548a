//! Parsers of what strangers send. Each is total, and what it accepts it prints as it was.

use nostore_jose::{Jwk, JwkSet, Jws, verify};
use nostore_message::{Cookies, Origin, RequestHead, Scheme, Secret, SetCookie};
use nostore_session::{
    Config, Instance, Machine, Need, PathPattern, PublishableKey, TokenType, classify, sign_in_location,
};

use super::choices::Choices;
use super::world::{HUSH, WORLD};

/// Tokens, sets of keys and keys.
///
/// # Panics
///
/// Where a signature is good that nobody made, or what was accepted does not come out again.
pub fn tokens(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = (classify(&text), TokenType::of(&text), TokenType::from_code(&text));
    if let Ok(jws) = Jws::parse(&text) {
        assert!(text.starts_with(jws.signing_input()));
        let good = verify(&jws, WORLD.signer.jwk()).is_ok();
        assert!(
            !good || WORLD.words.iter().any(|word| word.starts_with(jws.signing_input())),
            "a forged token"
        );
        for kind in [TokenType::ApiKey, TokenType::M2mToken, TokenType::OauthToken, TokenType::Session] {
            let _ = Machine::from_claims(kind, jws.payload());
        }
    }
    if let Ok(set) = JwkSet::parse(bytes) {
        let again = JwkSet::parse(set.to_json().to_string().as_bytes());
        assert!(again.is_ok_and(|again| again.keys() == set.keys()), "a set does not come out again");
    }
    match Jwk::from_pem(&text) {
        Ok(key) => assert!(!key.thumbprint().is_empty()),
        Err(error) => assert!(!error.to_string().is_empty() && !error.code().is_empty()),
    }
}

/// URLs, cookies, origins, patterns and publishable keys.
///
/// # Panics
///
/// Where what was accepted does not come out again, or a visitor is sent to another site.
pub fn urls_and_cookies(bytes: &[u8]) {
    let (head, text) = bytes.split_at(bytes.len().min(32));
    let mut choices = Choices::new(head);
    let (authority, path) = (choices.text(), choices.text());
    let text = String::from_utf8_lossy(text);
    for (name, value) in Cookies::parse([&*text]).iter() {
        assert!(!name.contains([';', '=']) && !value.contains(';'), "{name:?} {value:?}");
    }
    let cookie = SetCookie::parse(&text);
    let printed = cookie.to_string();
    let again = SetCookie::parse(&printed);
    assert!(again.value == cookie.value || cookie.name.is_empty(), "{text:?}");
    if let Ok(origin) = Origin::parse(&text) {
        assert_eq!(Origin::parse(&origin.to_string()).as_ref(), Ok(&origin));
    }
    if let Ok(key) = PublishableKey::parse(&text) {
        assert_eq!((key.suffix().len(), key.as_str()), (8, &*text));
    }
    if let Ok(pattern) = PathPattern::parse(&text) {
        let _ = pattern.find(&path);
    }
    let request = RequestHead {
        method: "GET".into(),
        scheme: Scheme::Https,
        authority: authority.clone(),
        target: path.clone(),
        fields: [("cookie", &*text), ("referer", &*text)].into_iter().collect(),
    };
    let _ = (request.path(), request.query(), request.origin());
    for key in &WORLD.keys {
        let config = Config::new(key.clone(), Secret::new(HUSH));
        let Some(page) = sign_in_location(&request, &config, &text) else { continue };
        assert!(page.starts_with("https://clerk.example.com/sign-in?redirect_url=https%3A%2F%2F"), "{page}");
        let back =
            url::Url::parse(&page).ok().and_then(|page| Some(page.query_pairs().next()?.1.into_owned()));
        let back = back.and_then(|back| url::Url::parse(&back).ok()).map(|back| back.origin());
        let site = url::Url::parse(&format!("https://{authority}/")).ok().map(|site| site.origin());
        assert_eq!(back, site, "{page}");
        assert_eq!(key.instance() == Instance::Production, key.as_str().starts_with("pk_live_"));
    }
}

/// Answers of the identity service.
///
/// # Panics
///
/// Where a secret of an answer is seen.
pub fn answers(bytes: &[u8]) {
    let (head, body) = bytes.split_at(bytes.len().min(5));
    let mut choices = Choices::new(head);
    let status = u16::from_le_bytes([choices.byte(), choices.byte()]) % 1_000;
    let content_type = *choices.pick(&[Some("application/json"), Some("text/html"), None]);
    let secret = || Secret::new(HUSH);
    let need = match choices.below(3) {
        0 => Need::HandshakePayload { nonce: secret() },
        1 => Need::JwkSet { kid: Some("k".to_owned()) },
        _ => {
            let kinds = [TokenType::ApiKey, TokenType::M2mToken, TokenType::OauthToken];
            Need::OpaqueToken { kind: *choices.pick(&kinds), token: secret() }
        }
    };
    let answer = need.read(status, content_type, body);
    let text = format!("{answer:?}{:?}", need.unreachable());
    assert!(!text.contains(HUSH), "{text}");
}
