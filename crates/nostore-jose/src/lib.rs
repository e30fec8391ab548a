//! JWS and JWK Sets: strict compact parsing, RS256 verification and signing.
//!
//! # Scope
//!
//! The compact serialisation with RSASSA-PKCS1-v1_5 (RS256, RS384, RS512) and RSA keys, which is
//! what session tokens use. A JWS is parsed once, strictly: three parts, base64url without padding
//! or leftover bits, a JSON object for the header and for the payload. What a parsed
//! [`Jws`] says is unverified until `verify` has accepted it.
//!
//! # Invariants
//!
//! - Parsers are total: any text gives a value or a typed error.
//! - The key decides, not the token: `verify` takes an RSA key and knows RSA algorithms only, so
//!   `none` and HMAC algorithms have no meaning here (RFC 8725 section 3.1).
//! - All cryptography is behind the feature `native`; parsing works without.
//!
//! # Not covered
//!
//! JWE, the JSON serialisation, critical header parameters (refused), elliptic curves (kept aside).
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
//! Specifications: RFC 7515 sections 3.1, 4.1, 5.2 and 7.1; RFC 7517 sections 4 and 5; RFC 7518
//! sections 3.3 and 6.3.1; RFC 7638 section 3; RFC 8725.

mod algorithm;
mod base64url;
#[cfg(feature = "native")]
mod der;
mod jwk;
mod jws;
#[cfg(feature = "native")]
mod signing;
#[cfg(feature = "native")]
mod verify;

pub use algorithm::Algorithm;
pub use jwk::{Jwk, JwkError, JwkSet, JwkSetError, SetAside};
pub use jws::{Header, Jws, JwsError, Part};
#[cfg(feature = "native")]
pub use signing::{Pkcs8, SigningError, SigningKey, SigningKeyError};
#[cfg(feature = "native")]
pub use verify::{VerifyError, verify};
