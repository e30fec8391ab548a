//! Strict base64url (RFC 4648 section 5): no padding, no white space, no leftover bits.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes into a buffer in place of what was there.
pub(crate) fn decode_into(text: &str, buffer: &mut Vec<u8>) -> Option<()> {
    buffer.clear();
    URL_SAFE_NO_PAD.decode_vec(text, buffer).ok()
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
