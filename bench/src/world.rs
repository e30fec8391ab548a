//! The request, the token and the keys.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use nostore_jose::{JwkSet, SigningKey};
use nostore_message::{Clock as _, RequestHead, Scheme, Secret, UnixTime};
use nostore_session::{Config, Instance, PublishableKey};
use nostore_web::SystemClock;
use serde_json::{Map, Value, json};

/// The site.
pub const SITE: &str = "https://app.example.com";
/// The identity service.
pub const SERVICE: &str = "clerk.example.com";
/// How long the token is, about, in bytes.
pub const TOKEN_BYTES: usize = 800;

/// What can go wrong while the world is made.
pub type Broken = Box<dyn std::error::Error>;

/// Everything that is measured with.
#[derive(Debug)]
pub struct World {
    /// The key that signs.
    pub key: SigningKey,
    /// The public key as PEM.
    pub pem: String,
    /// The published keys.
    pub keys: JwkSet,
    /// A live session token.
    pub token: String,
    /// The configuration.
    pub config: Config,
    /// The field lines of the request.
    pub fields: Vec<(&'static str, String)>,
    /// Wall time.
    pub now: UnixTime,
}

impl World {
    /// Makes a world with a new key, around the present time.
    ///
    /// # Errors
    ///
    /// Where the cryptographic library fails.
    pub fn new() -> Result<Self, Broken> {
        Self::with(&json!({}))
    }

    /// Makes a world whose token has an organization and permissions, and is longer.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn with_organization() -> Result<Self, Broken> {
        Self::with(&json!({
            "jti": "5f1d2c3b4a59687766554433", "v": 2, "fva": [4, -1], "sts": "active", "fea": "o:reports,o:files",
            "o": {"id": "org_2gK0zR7", "slg": "acme", "rol": "admin", "per": "read,manage", "fpm": "3,1"},
        }))
    }

    fn with(more: &Value) -> Result<Self, Broken> {
        let key = SigningKey::generate()?;
        let now = SystemClock.now();
        let token = token(&key, now, more)?;
        let encoded = PublishableKey::encode(Instance::Production, SERVICE);
        let publishable_key = PublishableKey::parse(&encoded)?;
        let fields = fields(&token, publishable_key.suffix(), now);
        let config = Config::new(publishable_key, Secret::new("sk_live_measured")).authorized_parties([SITE]);
        Ok(Self { pem: pem(&key)?, keys: JwkSet::new([key.jwk().clone()]), key, token, config, fields, now })
    }

    /// Returns the request, borrowed.
    #[must_use]
    pub fn request(&self) -> RequestHead<'_> {
        RequestHead {
            method: "GET".into(),
            scheme: Scheme::Https,
            authority: "app.example.com".into(),
            target: "/projects/42/settings?tab=members&page=2".into(),
            fields: self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect(),
        }
    }
}

fn token(key: &SigningKey, now: UnixTime, more: &Value) -> Result<String, Broken> {
    let header = object(json!({"typ": "JWT", "cat": "cl_B7d4PD111AAA"}));
    let mut claims = object(json!({
        "azp": SITE, "iss": format!("https://{SERVICE}"), "sub": "user_2gK0zP1sXw9vQm3nTq5rYb7cDfH",
        "sid": "sess_2gK0zQ4uBv8xSn6pVr2tZa1eFjK", "iat": now.secs() - 5, "nbf": now.secs() - 15,
        "exp": now.secs() + 3_600,
    }));
    claims.extend(object(more.clone()));
    let short = key.sign(&header, &claims)?;
    // Base64 makes four of three.
    let missing = TOKEN_BYTES.saturating_sub(short.len()) * 3 / 4;
    claims.insert("app".to_owned(), json!("x".repeat(missing.saturating_sub(9))));
    Ok(key.sign(&header, &claims)?)
}

/// Twelve field lines, as a browser sends them with a page; two sessions' cookies, the site's own and others'.
fn fields(token: &str, suffix: &str, now: UnixTime) -> Vec<(&'static str, String)> {
    let uat = now.secs() - 86_400;
    let cookies = format!(
        "theme=dark; _ga=GA1.1.1234567890.1700000000; __client_uat={uat}; __client_uat_{suffix}={uat}; \
         __session={token}; __session_{suffix}={token}; consent=yes"
    );
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
    let lines = [
        ("host", "app.example.com"),
        ("user-agent", agent),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("accept-language", "en-GB,en;q=0.9,de;q=0.8"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("sec-fetch-dest", "document"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-user", "?1"),
        ("upgrade-insecure-requests", "1"),
        ("referer", "https://app.example.com/projects/42"),
        ("cookie", cookies.as_str()),
    ];
    lines.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

fn pem(key: &SigningKey) -> Result<String, Broken> {
    let pair = RsaKeyPair::from_pkcs8(key.to_pkcs8()?.expose())?;
    let der: PublicKeyX509Der<'_> = pair.public_key().as_der()?;
    let text = BASE64_STANDARD.encode(der.as_ref());
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
