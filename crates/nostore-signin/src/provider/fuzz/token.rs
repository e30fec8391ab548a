//! Tokens that a provider signs, or somebody else; and what must hold of one that is accepted, said in other words.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nostore_jose::SigningKey;
use serde_json::{Map, Value, json};

use super::choices::Choices;
use super::{ACCESS, CLIENT_ID, NOW, TENANT};
use crate::provider::Provider;

/// SHA-512 of [`ACCESS`], the first half.
const AT_HASH: &str = "oROlsYesZl-EnTVAzEIhGdX9KyxFB7j59U3OEEe4GzU";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

pub(super) struct Keys {
    pub(super) own: SigningKey,
    pub(super) stranger: SigningKey,
}

pub(super) static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys { own: key(b'o'), stranger: key(b's') });

/// An Ed25519 key of that seed (RFC 8410 section 7).
fn key(seed: u8) -> SigningKey {
    let start = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
    SigningKey::from_pkcs8(&[&start[..], &[seed; 32]].concat()).expect("a key in PKCS#8")
}

/// A token as it was made.
pub(super) struct Token {
    pub(super) text: String,
    pub(super) claims: Map<String, Value>,
    header: Map<String, Value>,
    /// Whose signature it bears, as it was made.
    signer: Option<&'static SigningKey>,
}

impl Token {
    /// An ID token, or with `leaves` a logout token.
    pub(super) fn new(choices: &mut Choices<'_>, provider: &Provider, nonce: &str, leaves: bool) -> Self {
        let claims = claims(choices, provider, nonce, leaves);
        let types = if leaves { ["logout+jwt", "JWT", "at+jwt", ""] } else { ["JWT", "", "at+jwt", "x"] };
        let typ = choices.pick_odd(&types);
        let mut header = Map::new();
        if !typ.is_empty() {
            header.insert("typ".to_owned(), typ.into());
        }
        if choices.goes_wrong() {
            header.insert(choices.pick(&["crit", "cty", "b64", "jwk"]).to_owned(), choices.pick(&odd()));
        }
        let signed = KEYS.own.sign(&header, &claims).expect("a signature");
        let strangers = KEYS.stranger.sign(&header, &claims).expect("a signature");
        let text = match if choices.goes_wrong() { choices.below(6) } else { 9 } {
            0 => strangers.clone(),
            1 => forged(choices, &header, &claims),
            // A good signature over something else.
            2 => {
                let other = Map::from_iter([("sub".to_owned(), "other".into())]);
                let other = KEYS.own.sign(&header, &other).expect("a signature");
                let (input, _) = signed.rsplit_once('.').unwrap_or_default();
                format!("{input}.{}", other.rsplit_once('.').unwrap_or_default().1)
            }
            3 => {
                let mut octets = signed.clone().into_bytes();
                let at = (choices.below(256) * 256 + choices.below(256)) % octets.len();
                octets[at] = choices.byte();
                String::from_utf8_lossy(&octets).into_owned()
            }
            4 => choices.text(),
            5 => format!("{signed}{}", choices.pick(&["=", ".", " ", "\n", "A"])),
            _ => signed.clone(),
        };
        let signer =
            if text == signed { Some(&KEYS.own) } else { (text == strangers).then_some(&KEYS.stranger) };
        Self { text, claims, header, signer }
    }

    /// That a token may be accepted at all (OpenID Connect Core 1.0 section 3.1.3.7).
    pub(super) fn may_pass(&self, provider: &Provider, sets: [&[u8]; 2]) {
        let signer = self.signer.unwrap_or_else(|| panic!("a token that nobody has signed: {}", self.text));
        assert!(!self.header.contains_key("crit"), "a critical header that nobody knows");
        let named = |set: &&[u8]| {
            let set: Value = serde_json::from_slice(set).unwrap_or_default();
            let keys = set["keys"].as_array().cloned().unwrap_or_default();
            keys.iter().any(|key| key["x"] == signer.jwk().to_json()["x"])
        };
        assert!(sets.iter().any(named), "signed with a key that is not the provider's");
        let claim = |name: &str| self.claims.get(name).unwrap_or(&Value::Null);
        let issuer = provider.issuer().replace("{tenantid}", TENANT);
        assert_eq!(claim("iss"), &json!(issuer));
        match claim("aud") {
            Value::Array(several) => {
                assert!(several.contains(&json!(CLIENT_ID)), "for others");
                assert!(several.len() == 1 || self.is_logout() || claim("azp") == CLIENT_ID, "of whom?");
            }
            one => assert_eq!(one, CLIENT_ID),
        }
        let secs = |name: &str| claim(name).as_f64().unwrap_or(f64::NAN);
        let now = NOW.secs() as f64;
        assert!(now < secs("exp").floor() + 60.0, "over since {}", secs("exp"));
        assert!(secs("iat") <= now + 61.0, "of the future: {}", secs("iat"));
        assert!(!self.claims.contains_key("nbf") || secs("nbf") <= now + 61.0, "not yet: {}", claim("nbf"));
    }

    /// That it is an ID token of this sign-in, beside that; `nonce` is empty where a token was refreshed.
    pub(super) fn is_id_token(&self, nonce: &str) {
        let claim = |name: &str| self.claims.get(name).unwrap_or(&Value::Null);
        assert!(claim("azp").is_null() || claim("azp") == CLIENT_ID, "issued to {}", claim("azp"));
        assert!(nonce.is_empty() || claim("nonce") == nonce, "of another sign-in");
        assert!(claim("at_hash").is_null() || claim("at_hash") == AT_HASH, "of another access token");
        let subject = claim("sub").as_str().unwrap_or_default();
        assert!((1..256).contains(&subject.len()) && !subject.contains(char::is_control), "{subject:?}");
    }

    /// That it is a logout token (Back-Channel Logout 1.0 section 2.6).
    pub(super) fn is_logout_token(&self) {
        let text =
            |name: &str| self.claims.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        assert!(self.is_logout() && !self.claims.contains_key("nonce"), "an ID token ends sessions");
        assert!(text("jti") && (text("sub") || text("sid")), "{:?}", self.claims);
        let typ = self.header.get("typ").and_then(Value::as_str).unwrap_or("jwt").to_ascii_lowercase();
        assert!(["logout+jwt", "jwt"].contains(&&*typ), "a token of type {typ}");
    }

    fn is_logout(&self) -> bool {
        self.claims.get("events").is_some_and(|events| events[EVENT].is_object())
    }
}

fn odd() -> Vec<Value> {
    vec![json!(null), json!(""), json!(0), json!([]), json!({}), json!(true), json!(1e300), json!("x\ny")]
}

fn claims(choices: &mut Choices<'_>, provider: &Provider, nonce: &str, leaves: bool) -> Map<String, Value> {
    let (now, issuer) = (NOW.secs(), provider.issuer().replace("{tenantid}", TENANT));
    let others = json!([CLIENT_ID, "other"]);
    let long = |length| json!("s".repeat(length));
    let mut rows = vec![
        ("iss", vec![json!(issuer), json!(format!("{issuer}/")), json!("https://evil.example")]),
        (
            "aud",
            vec![json!(CLIENT_ID), json!([CLIENT_ID]), others, json!("other"), json!([]), json!(["other"])],
        ),
        ("exp", [300, -59, -60, -61, -300].iter().map(|age| json!(now + age)).collect()),
        ("iat", [0, 59, 60, 61, 300].iter().map(|age| json!(now + age)).collect()),
        (
            "sub",
            vec![json!("alice"), json!("Ä"), json!("Ö"), long(255), long(256), json!("a\nb"), json!("a b")],
        ),
        ("tid", vec![json!(TENANT), json!("../evil"), json!("9188040d-6c67-4c5b-b112-36a304b66dae")]),
        ("hd", vec![json!("example.com"), json!("EXAMPLE.COM"), json!("evil.example")]),
        ("sid", vec![json!("session 1"), json!(7)]),
    ];
    if leaves {
        rows.push((
            "events",
            vec![json!({ EVENT: {} }), json!({ EVENT: true }), json!([EVENT]), json!(EVENT)],
        ));
        rows.push(("jti", vec![json!("id 1"), json!(7)]));
    } else {
        rows.push(("nonce", vec![json!(nonce), json!("another"), json!("")]));
    }
    if !leaves || choices.goes_wrong() {
        rows.push(("email", vec![json!("Alice@Example.com"), json!("a@b@c"), json!("\u{212a}@example.com")]));
        let flags = [json!(true), json!(false), json!("true"), json!("1"), json!(1), json!("TRUE")];
        rows.push(("email_verified", flags.to_vec()));
        rows.push(("xms_edov", flags.to_vec()));
    }
    if choices.goes_wrong() {
        rows.push(("azp", vec![json!(CLIENT_ID), json!("other"), json!([CLIENT_ID])]));
        rows.push(("at_hash", vec![json!(AT_HASH), json!("oROl")]));
        rows.push(("nbf", [0, 59, 60, 61].iter().map(|age| json!(now + age)).collect()));
        rows.push(("groups", vec![json!(["a", 1, "b"]), json!("a"), json!({"a": 1})]));
        rows.push(("nonce", vec![json!(nonce), json!(null)]));
    }
    let mut claims = Map::new();
    for (name, values) in rows {
        match if choices.goes_wrong() { choices.below(8) } else { 9 } {
            // Left out.
            0 => continue,
            1 => drop(claims.insert(name.to_owned(), choices.pick(&odd()))),
            2 => drop(claims.insert(name.to_owned(), choices.text().into())),
            3..8 => drop(claims.insert(name.to_owned(), choices.pick(&values))),
            _ => drop(claims.insert(name.to_owned(), values[0].clone())),
        }
    }
    claims
}

/// A token without a signature, or with one that anybody can make who has the public key.
fn forged(choices: &mut Choices<'_>, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
    let mut header = header.clone();
    let algorithms = ["none", "HS256", "NONE", "RS256", "ES256", "EdDSA", "PS256", "", "Ed25519"];
    header.insert("alg".to_owned(), choices.pick(&algorithms).into());
    if choices.below(2) == 0 {
        header.insert("kid".to_owned(), KEYS.own.kid().into());
    }
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signature =
        URL_SAFE_NO_PAD.encode(choices.pick(&[&[][..], &[0; 64], &[1; 32], &[0; 256], ACCESS.as_bytes()]));
    format!("{}.{}.{signature}", encode(header.into()), encode(claims.clone().into()))
}
