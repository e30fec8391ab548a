//! What those in step tell each other of a token (section 1.8 of the token client's specification).
//!
//! # Invariants
//!
//! - A message is believed only where its ids, the id built from them, and the token's own claims agree.
//! - It is read in time linear in its length, which is bounded.
//!
//! # Not covered
//!
//! Secrecy on the way: messages that leave the process are sealed by the bus that carries them.

use std::fmt;

use nostore_message::UnixTime;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::key::{DEFAULT_PREFIX, TokenKey};
use crate::token::{MAX_TOKEN_BYTES, SessionToken, TokenFault};

/// Longest message that is read, in bytes.
pub const MAX_MESSAGE_BYTES: usize = MAX_TOKEN_BYTES + 4_096;

/// Longest id in a message, in bytes.
const MAX_ID_BYTES: usize = 512;

/// Why a message is not believed. Never says what was found: it may hold a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageFault {
    /// It is longer than any honest message.
    #[error("expected a message of at most {MAX_MESSAGE_BYTES} bytes, found {bytes}")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It is no JSON object with texts in it.
    #[error("expected a JSON object with the text `{member}`")]
    Form {
        /// The member that is missing or something else.
        member: &'static str,
    },
    /// The ids do not belong together.
    #[error("expected the token id of the session, template and organization that the message names")]
    TokenId,
    /// The token belongs to somebody else than the message says.
    #[error("expected a token of the session and organization that the message names")]
    Claims,
    /// The token is none.
    #[error("expected a token in the message: {0}")]
    Token(#[from] TokenFault),
}

impl MessageFault {
    /// Returns the stable name of the fault.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLong { .. } => "message-too-long",
            Self::Form { .. } => "message-form",
            Self::TokenId => "message-token-id",
            Self::Claims => "message-claims",
            Self::Token(fault) => fault.code(),
        }
    }
}

/// A message as it is sent.
pub struct Message {
    text: Zeroizing<String>,
    name: String,
    expires_ms: i64,
    lifetime_ms: i64,
}

impl Message {
    /// Tells of a token. `None`: others could not make sure whose it is, or it is for one audience.
    #[must_use]
    pub fn of(key: &TokenKey, token: &SessionToken, trace_id: &str) -> Option<Self> {
        if key.audience_name().is_some() || !is_of(token, key) {
            return None;
        }
        let message = json!({
            "organizationId": key.organization_id(),
            "sessionId": key.session(),
            "template": key.template_name(),
            "tokenId": key.token_id(),
            "tokenRaw": token.expose(),
            "traceId": trace_id,
        });
        let text = Zeroizing::new(message.to_string());
        let (name, expires_ms) = (key.name(DEFAULT_PREFIX), token.expires_ms());
        Some(Self { text, name, expires_ms, lifetime_ms: token.lifetime_ms() })
    }

    /// Returns the text. The caller keeps it where tokens may be.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the entry's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns when it is of no use any more, in milliseconds since 1970.
    #[must_use]
    pub const fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// Returns how long it may be kept at `now`, in milliseconds, where it may: until it expires, and never longer than
    /// its token lives in all. A clock that says something else is wrong, since messages are of tokens just issued.
    #[must_use]
    pub fn keep_ms(&self, now: UnixTime) -> Option<u64> {
        let remaining = self.expires_ms.saturating_sub(now.millis());
        let told = (1..=self.lifetime_ms).contains(&remaining);
        let keep = if told { remaining } else { self.lifetime_ms };
        u64::try_from(keep).ok().filter(|keep| *keep > 0)
    }

    /// Reads a message: the entry, and its token.
    ///
    /// # Errors
    ///
    /// When it is not to be believed.
    pub fn open(bytes: &[u8]) -> Result<(TokenKey, SessionToken), MessageFault> {
        if bytes.len() > MAX_MESSAGE_BYTES {
            return Err(MessageFault::TooLong { bytes: bytes.len() });
        }
        let message: Value =
            serde_json::from_slice(bytes).map_err(|_| MessageFault::Form { member: "tokenRaw" })?;
        let key = TokenKey::of_session(text(&message, "sessionId")?)
            .template(optional(&message, "template")?)
            .organization(optional(&message, "organizationId")?);
        if text(&message, "tokenId")? != key.token_id() {
            return Err(MessageFault::TokenId);
        }
        let token = SessionToken::parse(text(&message, "tokenRaw")?)?;
        if is_of(&token, &key) { Ok((key, token)) } else { Err(MessageFault::Claims) }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Tells whether the token's claims name the entry's session and organization. The claims of a template may leave
/// the organization out.
fn is_of(token: &SessionToken, key: &TokenKey) -> bool {
    let session = token.session().is_some_and(|session| session == key.session());
    let silent = key.template_name().is_some() && token.organization().is_none();
    session && (silent || token.organization() == key.organization_id())
}

fn text<'m>(message: &'m Value, member: &'static str) -> Result<&'m str, MessageFault> {
    let text = message.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    let limit = if member == "tokenRaw" { MAX_MESSAGE_BYTES } else { MAX_ID_BYTES };
    text.filter(|text| text.len() <= limit).ok_or(MessageFault::Form { member })
}

fn optional<'m>(message: &'m Value, member: &'static str) -> Result<&'m str, MessageFault> {
    match message.get(member) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(empty)) if empty.is_empty() => Ok(""),
        Some(_) => text(message, member),
    }
}
