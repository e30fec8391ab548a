//! A site with a sign-in of its own: its provider, its sessions.
//!
//! The provider keeps nothing: the code that it gives out is the visitor's address and the nonce, and the ID token says
//! both.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use nostore_message::{Cookies, Origin, Scheme, Secret, UnixTime};
use nostore_session::{
    Check, SealNonce, SealedClaims, SealedCookie, SealedFormat, SealedSessions, SealingSecrets,
};
use nostore_signin::provider::Provider;
use nostore_signin::store::MemoryStore;
use nostore_signin::{SignIn, Who};
use nostore_web::{Routes, TrustedProxies};
use serde_json::{Map, json};

use crate::identity::{NOW, service, sign, signed};

/// How visitors know the site, whatever stands in `Host`.
const ORIGIN: &str = "https://shop.example";
const SECRET: &str = "a secret of the suite, of more than thirty-two octets";
const CLIENT_ID: &str = "shop";

/// Cookies of sessions that the site has sealed.
pub(crate) struct Sealed {
    /// Of an admin.
    pub(crate) alice: String,
    /// Of a member.
    pub(crate) bob: String,
    /// Of the admin, two days ago: to be renewed.
    pub(crate) due: String,
}

pub(crate) fn sealed() -> &'static Sealed {
    static SEALED: OnceLock<Sealed> = OnceLock::new();
    SEALED.get_or_init(|| Sealed {
        alice: seal("alice", 0),
        bob: seal("bob", 0),
        due: seal("alice", 2 * 86_400),
    })
}

fn seal(name: &str, age_secs: i64) -> String {
    let secrets = SealingSecrets::new([Secret::new(SECRET)]).expect("a secret that is long enough");
    let cookie = SealedCookie::new(SealedFormat::Nostore, Scheme::Https);
    let sessions = SealedSessions::new(SealedFormat::Nostore, cookie, &secrets).expect("keys can be derived");
    let address = format!("{name}@example.com");
    let claims = Map::from_iter([("sub".to_owned(), json!(address)), ("email".to_owned(), json!(address))]);
    let claims = SealedClaims::new(claims).with_sid(&format!("sess-{name}")).with("nostore_version", 0);
    let (now, nonce) = (UnixTime::from_secs(NOW - age_secs), SealNonce::new([7; 32]));
    let lines = sessions.seal(&claims, &Cookies::default(), now, nonce).expect("a session that is short");
    lines.cookies().iter().map(|line| format!("{}={}", line.name, line.value)).collect()
}

/// Sets the site's sign-in up.
pub(crate) async fn sign_in() -> SignIn {
    let routes = Routes::new()
        .protected("/nested/*")
        .requires("/admin/rows", Check::role("admin"))
        .cacheable("/open/*");
    let who = |address| Who::parse(address).expect("an address");
    let issuer = format!("http://{}", service());
    let sign_in = SignIn::builder([Secret::new(SECRET)], Origin::parse(ORIGIN).expect("an origin"))
        .provider(Provider::oidc(issuer, CLIENT_ID, Some(Secret::new("hush"))).display_name("the provider"))
        .admin(who("alice@example.com"))
        .allow(who("bob@example.com"))
        .store(MemoryStore::default())
        .routes(routes)
        .trusted_proxies(TrustedProxies::none())
        .clock(|| UnixTime::from_secs(NOW))
        .platform(None)
        .dev(false)
        .quiet(true);
    sign_in.build().await.expect("the site's rules are right")
}

/// What the provider makes of a visitor who is that person: the callback of the sign-in at `location`.
pub(crate) fn consent(location: &str, address: &str) -> Option<String> {
    let (endpoint, query) = location.split_once('?')?;
    let asked: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let issuer = endpoint.strip_suffix("/authorize")?;
    let mut callback = form_urlencoded::Serializer::new(String::new());
    callback.append_pair("code", &format!("{address} {}", asked.get("nonce")?));
    callback.append_pair("state", asked.get("state")?).append_pair("iss", issuer);
    Some(format!("/auth/callback?{}", callback.finish()))
}

/// What the provider answers at a path.
pub(crate) fn provider(path: &str, form: &[u8]) -> Option<String> {
    let issuer = format!("http://{}", service());
    let answer = match path {
        "/.well-known/openid-configuration" => json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/v1/jwks"),
            "authorization_response_iss_parameter_supported": true,
        }),
        "/token" => {
            let code = form_urlencoded::parse(form).find(|(name, _)| name == "code")?.1.into_owned();
            let (address, nonce) = code.split_once(' ')?;
            let claims = json!({
                "iss": issuer, "aud": CLIENT_ID, "sub": format!("sub of {address}"), "iat": NOW, "exp": NOW + 300,
                "nonce": nonce, "email": address, "email_verified": true,
            });
            json!({
                "access_token": "access", "token_type": "Bearer", "expires_in": 300,
                "id_token": sign(&signed().key, claims),
            })
        }
        _ => return None,
    };
    Some(answer.to_string())
}
