//! What a case is made of: keys, tokens that mean something, secrets that are known by their text.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use nostore_jose::{Jwk, JwkSet, SigningKey};
use nostore_session::{Instance, PublishableKey};
use serde_json::{Map, Value, json};

/// Wall time, in seconds.
pub(crate) const NOW: i64 = 1_700_000_000;

/// Part of every secret that is no signed token.
pub(crate) const HUSH: &str = "HuShHuSh";

pub(crate) const SITE: &str = "https://app.example.com";

const SESSION_CATEGORY: &str = "cl_B7d4PD111AAA";

/// Made once.
pub(crate) struct World {
    pub(crate) keys: [PublishableKey; 2],
    /// Holds the key that signs, and under the name of another key that one again.
    pub(crate) set: Arc<JwkSet>,
    pub(crate) signer: SigningKey,
    pub(crate) pem: String,
    /// Values that mean something, secrets among them.
    pub(crate) words: Vec<String>,
    /// What must never be seen: ends of signatures.
    pub(crate) signatures: Vec<String>,
}

pub(crate) static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let (signer, stranger) =
            (read_key(include_str!("../keys/a.b64")), read_key(include_str!("../keys/b.b64")));
        let mut mixed = signer.jwk().to_json();
        mixed["kid"] = json!(stranger.kid());
        let set =
            JwkSet::new([Some(signer.jwk().clone()), Jwk::from_json(&mixed).ok()].into_iter().flatten());
        let tokens = tokens(&signer, &stranger);
        let tail = |token: &String| token.rsplit_once('.').map(|(_, end)| end.chars().take(40).collect());
        let signatures: Vec<String> =
            tokens.iter().filter_map(tail).filter(|end: &String| end.len() == 40).collect();
        let keys =
            [(Instance::Development, "clerk.example.com"), (Instance::Production, "clerk.example.com")].map(
                |(instance, host)| PublishableKey::parse(&PublishableKey::encode(instance, host)).unwrap(),
            );
        let pem = pem(&signer);
        Self { keys, set: Arc::new(set), signer, pem, words: words(tokens), signatures }
    }
}

fn read_key(text: &str) -> SigningKey {
    let der = BASE64_STANDARD.decode(text.split_whitespace().collect::<String>()).unwrap();
    SigningKey::from_pkcs8(&der).unwrap()
}

/// The signer's tokens, a stranger's, and some that nobody signed.
fn tokens(signer: &SigningKey, stranger: &SigningKey) -> Vec<String> {
    let head = || json!({"typ": "JWT", "cat": SESSION_CATEGORY});
    let claims = || {
        json!({"iss": "https://clerk.example.com", "sub": "user_1", "sid": "sess_1", "azp": SITE, "iat": NOW - 5,
            "nbf": NOW - 5, "exp": NOW + 60})
    };
    let changes = [
        json!({}),
        json!({"iat": NOW - 900, "nbf": NOW - 900, "exp": NOW - 600}),
        json!({"nbf": NOW + 900}),
        json!({"iat": NOW + 900}),
        json!({"iss": "https://clerk.other.example"}),
        json!({"iss": 0, "sub": ""}),
        json!({"sub": "mch_1", "scopes": "a b"}),
        json!({"azp": 1, "aud": ["x"], "exp": "soon"}),
        json!({"v": 2, "o": {"id": "org_1", "slg": "one", "rol": "admin", "per": "a,b", "fpm": "3,x"}, "fea": "o:a,b"}),
        json!({"org_id": "org_2", "org_slug": "two", "org_role": "org:member", "org_permissions": ["p"]}),
        json!({"sts": "pending", "exp": 1e300, "iat": -1e300}),
    ];
    let session = |key: &SigningKey, changes: &Value| sign(key, head(), merged(claims(), changes.clone()));
    let mut tokens: Vec<String> = changes.iter().map(|changes| session(signer, changes)).collect();
    tokens.push(session(stranger, &json!({})));
    tokens.push(sign(signer, json!({"typ": "at+jwt"}), claims()));
    tokens.push(sign(
        signer,
        json!({"typ": "JWT", "cat": "cl_B7d4PD333AAA"}),
        merged(claims(), json!({"sub": "mch_2"})),
    ));
    tokens.push(sign(signer, json!({"crit": ["x"]}), claims()));
    let inner: Vec<String> = tokens[..4].to_vec();
    for (key, token) in inner.iter().flat_map(|token| [(signer, token), (stranger, token)]) {
        let directives = json!({"handshake": [
            format!("__session={token}; Path=/; Secure"), "__client_uat=1; Path=/", "__session_x=; Path=/"]});
        tokens.push(sign(key, head(), directives.clone()));
        tokens.push(sign(key, head(), json!({"handshake": [format!("__session={token}; Path=/")]})));
    }
    // Another's payload under a good signature, and heads that ask for no check or for the wrong one.
    let encode = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let parts: Vec<&str> = tokens[0].split('.').collect();
    let root = merged(claims(), json!({"sub": "root"}));
    let forged = format!("{}.{}.{}", parts[0], encode(root.clone()), parts[2]);
    let heads = ["none", "HS256", "ES256"].map(|alg| {
        format!("{}.{}.{}", encode(json!({"alg": alg, "kid": signer.kid()})), encode(root.clone()), parts[2])
    });
    tokens.push(forged);
    tokens.extend(heads);
    tokens
}

fn words(mut tokens: Vec<String>) -> Vec<String> {
    let secrets = ["", "mt_", "oat_", "ak_", "a.", "nonce_", "r t", "%41", "\u{e9}"];
    tokens.extend(secrets.map(|start| format!("{start}{HUSH}")));
    let plain = [
        "",
        "0",
        "1",
        "3",
        "9",
        "1699999999",
        "1700000100",
        "99999999999999999999",
        "true",
        "false",
        "%",
        "%zz",
        "\"1\"",
        "2.1700000000",
        "7.1699999990.s",
        "https://app.example.com/x",
        "https://evil.example/?a=b#c",
        "//evil.example",
        "javascript:alert(1)",
        "https://satellite.example/back?x=1",
        "/sign-in",
        "https://accounts.example.com/",
        "https://clerk.example.com",
        "text/html",
        "document",
        "a\nb",
        "\u{0}",
    ];
    tokens.extend(plain.map(str::to_owned));
    tokens
}

fn sign(key: &SigningKey, header: Value, payload: Value) -> String {
    key.sign(&object(header), &object(payload)).unwrap()
}

fn merged(base: Value, changes: Value) -> Value {
    let mut map = object(base);
    map.extend(object(changes));
    Value::Object(map)
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// Writes an RSA key as PEM (RFC 5280 section 4.1 over RFC 8017 appendix A.1.1).
fn pem(key: &SigningKey) -> String {
    const ALGORITHM: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let (modulus, exponent) = (key.jwk().modulus().unwrap(), key.jwk().exponent().unwrap());
    let integer = |bytes: &[u8]| {
        let padded = if bytes[0] > 127 { [&[0], bytes].concat() } else { bytes.to_vec() };
        tagged(2, &padded)
    };
    let numbers = tagged(0x30, &[integer(modulus), integer(exponent)].concat());
    let bits = tagged(3, &[&[0], numbers.as_slice()].concat());
    let der = tagged(0x30, &[ALGORITHM, &bits].concat());
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der))
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match u8::try_from(length) {
        Ok(short) if short < 128 => vec![tag, short],
        _ => vec![tag, 0x82, (length >> 8) as u8, (length & 0xff) as u8],
    };
    [head, content.to_vec()].concat()
}
