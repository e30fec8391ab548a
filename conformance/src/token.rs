//! Tokens for the cases, signed with keys that exist for nothing else.

use std::collections::HashMap;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

const KEY_A: &str = include_str!("../keys/a.private.pem");
const KEY_B: &str = include_str!("../keys/b.private.pem");
const KEY_EC: &str = include_str!("../keys/ec.private.pem");
const PUBLIC: &str = include_str!("../keys/public.json");

/// The public half of key A in PEM armour.
pub const PEM_A: &str = include_str!("../keys/a.public.pem");
/// The public half of key B in PEM armour.
pub const PEM_B: &str = include_str!("../keys/b.public.pem");

/// How many tokens are remembered.
const MAX_REMEMBERED: usize = 50_000;

/// Who signs.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Signer {
    /// The instance's key.
    A,
    /// Another key that the instance may or may not have.
    B,
    /// An elliptic-curve key.
    Ec,
    /// Whoever knows the public key, with a message authentication code.
    Hmac,
    /// Nobody: bytes that are no signature.
    Nobody,
    /// Nobody: no bytes at all.
    Unsigned,
}

/// Signs tokens.
pub struct Mint {
    a: RsaKeyPair,
    b: RsaKeyPair,
    ec: EcdsaKeyPair,
    random: SystemRandom,
    made: HashMap<(Signer, String), String>,
}

impl Mint {
    /// Reads the keys.
    ///
    /// # Errors
    ///
    /// When a key file is damaged.
    pub fn new() -> Result<Self, String> {
        let rsa = |pem| RsaKeyPair::from_pkcs8(&der(pem)?).map_err(|error| error.to_string());
        let ec = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der(KEY_EC)?);
        Ok(Self {
            a: rsa(KEY_A)?,
            b: rsa(KEY_B)?,
            ec: ec.map_err(|error| error.to_string())?,
            random: SystemRandom::new(),
            made: HashMap::new(),
        })
    }

    /// Makes a token of any two JSON texts. RSA keys sign as the `alg` in the header says, else as RS256.
    pub fn token(&mut self, signer: Signer, header: &str, payload: &str) -> String {
        let encode = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let input = format!("{}.{}", encode(header), encode(payload));
        // Elliptic-curve signatures are random: what is recorded once is used again.
        let key = (signer, input.clone());
        if let Some(token) = self.made.get(&key) {
            return token.clone();
        }
        let signature = self.sign(signer, header, input.as_bytes());
        let token = format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature));
        if self.made.len() >= MAX_REMEMBERED {
            self.made.clear();
        }
        self.made.insert(key, token.clone());
        token
    }

    fn sign(&self, signer: Signer, header: &str, input: &[u8]) -> Vec<u8> {
        let rsa = |key: &RsaKeyPair| {
            let header: Value = serde_json::from_str(header).unwrap_or_default();
            let padding: &'static dyn RsaEncoding = match header["alg"].as_str() {
                Some("RS384") => &RSA_PKCS1_SHA384,
                Some("RS512") => &RSA_PKCS1_SHA512,
                _ => &RSA_PKCS1_SHA256,
            };
            let mut signature = vec![0; key.public_modulus_len()];
            match key.sign(padding, &self.random, input, &mut signature) {
                Ok(()) => signature,
                Err(_) => Vec::new(),
            }
        };
        match signer {
            Signer::A => rsa(&self.a),
            Signer::B => rsa(&self.b),
            Signer::Ec => {
                self.ec.sign(&self.random, input).map(|made| made.as_ref().to_vec()).unwrap_or_default()
            }
            Signer::Hmac => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.a.public_key().as_ref());
                hmac::sign(&key, input).as_ref().to_vec()
            }
            Signer::Nobody => vec![7; 256],
            Signer::Unsigned => Vec::new(),
        }
    }
}

/// Returns a public key as a JWK: `a`, `b`, `ec`, or `long` (RSA with 4096 bits).
#[must_use]
pub fn jwk(name: &str, kid: &str, alg: Option<&str>) -> Value {
    let keys: Value = serde_json::from_str(PUBLIC).unwrap_or_default();
    let mut key = keys[name].clone();
    key["kid"] = json!(kid);
    key["use"] = json!("sig");
    if let Some(alg) = alg {
        key["alg"] = json!(alg);
    }
    key
}

/// Encodes as the parts of a token are.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn der(pem: &str) -> Result<Vec<u8>, String> {
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    BASE64_STANDARD.decode(body.trim()).map_err(|error| error.to_string())
}
