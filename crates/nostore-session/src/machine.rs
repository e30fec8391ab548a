//! TEMPORARY: replaced by the whole module.
use serde_json::{Map, Value};

use crate::token::parse_sized;

/// A kind of token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TokenType {
    /// `ak_`.
    ApiKey,
    /// `mt_`.
    M2mToken,
    /// `oat_`.
    OauthToken,
    /// A session's.
    Session,
}

impl TokenType {
    /// Returns the protocol's name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::M2mToken => "m2m_token",
            Self::OauthToken => "oauth_token",
            Self::Session => "session_token",
        }
    }
}

/// A machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Raw.
    pub raw: Map<String, Value>,
}

impl Machine {
    pub(crate) fn from_claims(_kind: TokenType, claims: &Map<String, Value>) -> Self {
        Self { raw: claims.clone() }
    }
    pub(crate) fn from_description(_kind: TokenType, value: &Value) -> Self {
        Self { raw: value.as_object().cloned().unwrap_or_default() }
    }
}

/// Classifies.
#[must_use]
pub fn classify(token: &str) -> Option<TokenType> {
    if token.starts_with("mt_") {
        return Some(TokenType::M2mToken);
    }
    if token.starts_with("oat_") {
        return Some(TokenType::OauthToken);
    }
    if token.starts_with("ak_") {
        return Some(TokenType::ApiKey);
    }
    let jws = parse_sized(token).ok()?;
    if jws.payload().get("sub").and_then(Value::as_str).is_some_and(|sub| sub.starts_with("mch_")) {
        return Some(TokenType::M2mToken);
    }
    matches!(jws.header().typ(), Some("at+jwt" | "application/at+jwt")).then_some(TokenType::OauthToken)
}
