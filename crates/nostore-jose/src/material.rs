//! What a public key consists of, by its `kty` (RFC 7518 section 6, RFC 8037 section 2).

use serde_json::{Map, Value};

use crate::der::PublicKeyInfo;
use crate::{Algorithm, JwkError, base64url, der};

/// The RSA keys that verify: in bits, both included.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The parameters of a public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Material {
    /// The coordinates of a point of P-256. Whether it is on the curve shows when it verifies.
    P256 { x: [u8; 32], y: [u8; 32] },
    /// The encoding of a point of Ed25519.
    Ed25519 { x: [u8; 32] },
    /// Big-endian, without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl Material {
    /// Takes big-endian bytes; leading zero octets are dropped.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        Self::Rsa { modulus: without_zeros(modulus), exponent: without_zeros(exponent) }
    }

    /// Reads the parameters of a JWK with that `kty`.
    pub(crate) fn from_json(kty: &str, key: &Map<String, Value>) -> Result<Self, JwkError> {
        match kty {
            "EC" => {
                on_curve("P-256", key)?;
                Ok(Self::P256 { x: octets(key, "x")?, y: octets(key, "y")? })
            }
            "OKP" => {
                on_curve("Ed25519", key)?;
                Ok(Self::Ed25519 { x: octets(key, "x")? })
            }
            "RSA" => Ok(Self::Rsa { modulus: unsigned(key, "n")?, exponent: unsigned(key, "e")? }),
            other => Err(JwkError::KeyType { found: other.to_owned() }),
        }
    }

    /// Reads a `SubjectPublicKeyInfo`; says for which algorithm the key is.
    pub(crate) fn from_spki(bytes: &[u8]) -> Result<(Algorithm, Self), JwkError> {
        match der::public_key_info(bytes).ok_or(JwkError::Spki)? {
            PublicKeyInfo::Ed25519(x) => Ok((Algorithm::EdDsa, Self::Ed25519 { x: *x })),
            PublicKeyInfo::Other => Err(JwkError::SpkiAlgorithm),
            PublicKeyInfo::P256(x, y) => Ok((Algorithm::Es256, Self::P256 { x: *x, y: *y })),
            PublicKeyInfo::Rsa { modulus, exponent } => {
                let found_bits = bits(modulus);
                if !MODULUS_BITS.contains(&found_bits) {
                    return Err(JwkError::ModulusBits { found_bits });
                }
                Ok((Algorithm::Rs256, Self::rsa(modulus, exponent)))
            }
        }
    }

    /// Returns the key's `kty`.
    pub(crate) const fn kty(&self) -> &'static str {
        match self {
            Self::P256 { .. } => "EC",
            Self::Ed25519 { .. } => "OKP",
            Self::Rsa { .. } => "RSA",
        }
    }

    /// Lists the members that a JWK of that type must have, in lexicographic order, which is what
    /// RFC 7638 section 3.2 and RFC 8037 section 2 put into a thumbprint.
    pub(crate) fn members(&self) -> Vec<(&'static str, String)> {
        let kty = ("kty", self.kty().to_owned());
        match self {
            Self::P256 { x, y } => vec![
                ("crv", "P-256".to_owned()),
                kty,
                ("x", base64url::encode(x)),
                ("y", base64url::encode(y)),
            ],
            Self::Ed25519 { x } => vec![("crv", "Ed25519".to_owned()), kty, ("x", base64url::encode(x))],
            Self::Rsa { modulus, exponent } => {
                vec![("e", base64url::encode(exponent)), kty, ("n", base64url::encode(modulus))]
            }
        }
    }
}

fn text<'k>(key: &'k Map<String, Value>, name: &str) -> Option<&'k str> {
    key.get(name).and_then(Value::as_str)
}

fn on_curve(expected: &'static str, key: &Map<String, Value>) -> Result<(), JwkError> {
    match text(key, "crv") {
        Some(crv) if crv == expected => Ok(()),
        other => Err(JwkError::Curve { expected, found: other.unwrap_or("nothing").to_owned() }),
    }
}

/// Reads exactly 32 octets: a coordinate keeps its leading zeros (RFC 7518 section 6.2.1.2).
fn octets(key: &Map<String, Value>, parameter: &'static str) -> Result<[u8; 32], JwkError> {
    let bytes = text(key, parameter).and_then(base64url::decode).ok_or(JwkError::Parameter { parameter })?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| JwkError::Octets { parameter, found })
}

fn unsigned(key: &Map<String, Value>, parameter: &'static str) -> Result<Vec<u8>, JwkError> {
    let bytes = text(key, parameter).and_then(base64url::decode);
    bytes
        .map(|bytes| without_zeros(&bytes))
        .filter(|bytes| !bytes.is_empty())
        .ok_or(JwkError::Parameter { parameter })
}

fn without_zeros(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// Counts the bits of a number without leading zero octets.
fn bits(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |first| first.leading_zeros() as usize);
    (number.len() * 8).saturating_sub(zeros)
}
