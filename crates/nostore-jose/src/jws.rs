//! The compact serialisation of a JWS (RFC 7515 section 7.1), parsed strictly and without a key.
//!
//! # Caveat
//!
//! A reader of JSON that takes the last of two equal names is what RFC 7515 section 4 allows, and
//! what is done here.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{Algorithm, base64url};

/// A parsed JWS with a JSON object as its payload (a JWT, RFC 7519). **Not verified** by itself.
#[derive(Clone)]
pub struct Jws<'a> {
    header: Header,
    payload: Arc<Map<String, Value>>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

/// The protected header of a [`Jws`] or a [`Jwe`](crate::Jwe).
#[derive(Clone, Debug, PartialEq)]
pub struct Header(Map<String, Value>);

/// One of the three parts of the compact serialisation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The first part.
    Header,
    /// The second part.
    Payload,
    /// The third part.
    Signature,
}

/// Why a text is not a JWS that we read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// A part is not strict base64url (RFC 7515 section 2).
    #[error("expected unpadded base64url in the {part}")]
    Base64 {
        /// Where.
        part: Part,
    },
    /// The header names critical parameters; none is understood (RFC 7515 section 4.1.11).
    #[error("expected no critical header parameters, found `crit`")]
    Critical,
    /// A part is not JSON text in UTF-8.
    #[error("expected JSON in the {part}")]
    Json {
        /// Where.
        part: Part,
    },
    /// A part is JSON, but not an object.
    #[error("expected a JSON object in the {part}")]
    NotAnObject {
        /// Where.
        part: Part,
    },
    /// There are not exactly three parts.
    #[error("expected three parts separated by dots, found {found}")]
    Parts {
        /// How many parts there are.
        found: usize,
    },
}

impl JwsError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Base64 { .. } => "jws-base64",
            Self::Critical => "jws-critical",
            Self::Json { .. } => "jws-json",
            Self::NotAnObject { .. } => "jws-not-an-object",
            Self::Parts { .. } => "jws-parts",
        }
    }
}

impl<'a> Jws<'a> {
    /// Parses the compact serialisation.
    ///
    /// # Errors
    ///
    /// Names the first part that is not as RFC 7515 section 5.2 wants it.
    pub fn parse(text: &'a str) -> Result<Self, JwsError> {
        Self::parse_three(text).map_err(|error| match text.split('.').count() {
            3 => error,
            found => JwsError::Parts { found },
        })
    }

    /// Parses; a dot too many is not base64url in whatever part it is.
    fn parse_three(text: &'a str) -> Result<Self, JwsError> {
        let (signing_input, signature) = text.rsplit_once('.').ok_or(JwsError::Parts { found: 1 })?;
        let (header, payload) = signing_input.split_once('.').ok_or(JwsError::Parts { found: 2 })?;
        // One buffer serves both parts of JSON.
        let mut buffer = Vec::with_capacity(signing_input.len());
        let header = Header(object(header, Part::Header, &mut buffer)?);
        if header.0.contains_key("crit") {
            return Err(JwsError::Critical);
        }
        let payload = Arc::new(object(payload, Part::Payload, &mut buffer)?);
        let signature = base64url::decode(signature).ok_or(JwsError::Base64 { part: Part::Signature })?;
        Ok(Self { header, payload, signing_input, signature })
    }

    /// Returns the protected header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the claims, unverified.
    #[must_use]
    pub fn payload(&self) -> &Map<String, Value> {
        &self.payload
    }

    /// Returns the claims, unverified, to be kept.
    #[must_use]
    pub fn shared_payload(&self) -> Arc<Map<String, Value>> {
        Arc::clone(&self.payload)
    }

    /// Takes the claims out.
    #[must_use]
    pub fn into_payload(self) -> Map<String, Value> {
        Arc::unwrap_or_clone(self.payload)
    }

    /// Returns the text that was signed: header and payload as they stand (RFC 7515 section 2).
    #[must_use]
    pub const fn signing_input(&self) -> &'a str {
        self.signing_input
    }

    /// Returns the signature's bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl fmt::Debug for Jws<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws").field("header", &self.header).finish_non_exhaustive()
    }
}

impl Header {
    pub(crate) const fn of(parameters: Map<String, Value>) -> Self {
        Self(parameters)
    }

    /// Returns `alg` as it stands (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn alg(&self) -> Option<&str> {
        self.text("alg")
    }

    /// Returns the algorithm, where it is one that we know.
    #[must_use]
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.alg().and_then(Algorithm::from_name)
    }

    /// Returns `kid`, the name of the key (RFC 7515 section 4.1.4).
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.text("kid")
    }

    /// Returns `typ` (RFC 7515 section 4.1.9).
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.text("typ")
    }

    /// Returns `cat`, the category of a session service's token.
    #[must_use]
    pub fn cat(&self) -> Option<&str> {
        self.text("cat")
    }

    /// Returns all parameters.
    #[must_use]
    pub const fn parameters(&self) -> &Map<String, Value> {
        &self.0
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

fn object(text: &str, part: Part, buffer: &mut Vec<u8>) -> Result<Map<String, Value>, JwsError> {
    base64url::decode_into(text, buffer).ok_or(JwsError::Base64 { part })?;
    let json = std::str::from_utf8(buffer).map_err(|_| JwsError::Json { part })?;
    // Straight into a map; what is none is read again to tell what it is.
    serde_json::from_str(json).map_err(|_| match serde_json::from_str::<Value>(json) {
        Ok(_) => JwsError::NotAnObject { part },
        Err(_) => JwsError::Json { part },
    })
}
