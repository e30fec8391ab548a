//! JWS, JWE and JWK Sets: strict compact parsing, verification and signing, encryption with a shared key.
//!
//! # Scope
//!
//! The compact serialisation with RSASSA-PKCS1-v1_5 (RS256, RS384, RS512), ECDSA over P-256 (ES256) and
//! Ed25519 (`EdDSA`). Session tokens use RS256. A JWS is parsed once, strictly: three parts, base64url
//! without padding or leftover bits, a JSON object for the header and for the payload. What a parsed
//! [`Jws`] says is unverified until `verify` has accepted it. Public keys are read from a JWK, a JWK Set
//! or PEM.
//!
//! A JWE is read in its compact serialisation with a shared key that is used as it is (`dir`), with A256CBC-HS512 or
//! A256GCM; keys are derived from secrets with HKDF-SHA-256.
//!
//! # Invariants
//!
//! - Parsers are total: any text gives a value or a typed error.
//! - The key decides, not the token: a key verifies signatures of its own type only, and of its own `alg`
//!   only, where it has one. `none` and HMAC algorithms have no meaning here (RFC 8725 section 3.1).
//! - A key is made ready for verification once, however many tokens it verifies.
//! - All cryptography is behind the feature `native`; parsing works without.
//!
//! # Not covered
//!
//! Any other way to agree on the key of a JWE, compression. The JSON serialisation, critical header parameters (refused). Other curves, compressed points and
//! RSASSA-PSS (such keys are set aside). The name `Ed25519` of RFC 9864 for `EdDSA`. Private keys in JWK or PEM.
//!
//! # Example
//!
//! ```
//! let token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.AA";
//! let jws = nostore_jose::Jws::parse(token)?;
//! assert_eq!(jws.payload()["sub"], "user_1");
//! # Ok::<(), nostore_jose::JwsError>(())
//! ```
//!
//! Specifications: RFC 7515 sections 3.1, 4.1, 5.2 and 7.1; RFC 7516 sections 4.1, 5.1, 5.2 and 7.1; RFC 7517
//! sections 4 and 5; RFC 7518 sections 3.3, 3.4, 4.5, 5.2, 5.3, 6.2.1 and 6.3.1; RFC 5869; RFC 7638 section 3;
//! RFC 8037 sections 2 and 3.1; RFC 8725.

mod algorithm;
mod base64url;
mod der;
mod jwe;
mod jwk;
mod jwk_set;
mod jws;
mod material;
mod pem;
#[cfg(feature = "native")]
mod sealing;
#[cfg(feature = "native")]
mod signing;
#[cfg(feature = "native")]
mod verify;

pub use algorithm::Algorithm;
pub use jwe::{Encryption, Jwe, JweError, JwePart, ProtectedHeader};
pub use jwk::{Jwk, JwkError};
pub use jwk_set::{JwkSet, JwkSetError, SetAside};
pub use jws::{Header, Jws, JwsError, Part};
#[cfg(feature = "native")]
pub use sealing::{
    DecryptError, EncryptError, EncryptionKey, EncryptionKeyError, decrypt, decrypt_in_place, derive_kid,
    encrypt,
};
#[cfg(feature = "native")]
pub use signing::{Pkcs8, SigningError, SigningKey, SigningKeyError};
#[cfg(feature = "native")]
pub use verify::{VerifyError, verify};
