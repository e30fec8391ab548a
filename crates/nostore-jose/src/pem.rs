//! The textual encoding of a public key (RFC 7468 section 13), as people paste it into a setting.
//!
//! White space may stand anywhere in the base64 and around the block, be missing, or be written as
//! `\n` and `\r`; the armour may be missing altogether. Everything else is strict.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::JwkError;

const LABEL: &str = "PUBLIC KEY";

/// Reads the DER out of one block `PUBLIC KEY`.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, JwkError> {
    let text = text.replace("\\n", "\n").replace("\\r", "\r");
    let body = match text.trim().strip_prefix("-----BEGIN ") {
        Some(block) => body(block)?,
        None => text.as_str(),
    };
    let base64: String = body.split_whitespace().collect();
    STANDARD.decode(base64).ok().filter(|der| !der.is_empty()).ok_or(JwkError::Pem)
}

/// Takes the armour off what follows `-----BEGIN `.
fn body(block: &str) -> Result<&str, JwkError> {
    let (label, rest) = block.split_once("-----").ok_or(JwkError::Pem)?;
    if label != LABEL {
        return Err(JwkError::PemLabel { found: shown(label).to_owned() });
    }
    let (body, end) = rest.split_once("-----END ").ok_or(JwkError::Pem)?;
    if end.strip_prefix(LABEL) == Some("-----") { Ok(body) } else { Err(JwkError::Pem) }
}

/// A label in an error message: never what might be a piece of a key.
fn shown(label: &str) -> &str {
    let plain = label.len() <= 40 && label.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b' '));
    if plain { label } else { "another label" }
}
