//! What the provider says by way of the visitor's browser: the callback's query.
//!
//! # Invariants
//!
//! - Total: any text gives parameters or an error that names what is wrong.
//! - A parameter that counts stands once; with two of one name readers disagree on which of them counts.
//! - An answer is a code or an error, never both.
//!
//! Specifications: RFC 6749 sections 3.1, 4.1.2 and 4.1.2.1; RFC 9207 section 2.

use std::fmt;

use nostore_message::Secret;

/// The longest query that is read, in bytes.
const MAX_QUERY_BYTES: usize = 16 * 1_024;
/// The longest piece of a provider's own words that is kept, in characters.
const MAX_WORDS_CHARS: usize = 200;

/// The parameters of a callback. Nothing about them is proven.
#[derive(Clone)]
pub struct CallbackParameters {
    pub(crate) state: String,
    pub(crate) iss: Option<String>,
    pub(crate) answer: Answer,
}

/// What the provider answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A code that tokens are to be had for.
    Code(Secret),
    /// An error (RFC 6749 section 4.1.2.1).
    Error(Words),
}

/// An error in a provider's own words, made fit for a log: bounded and on one line.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Words {
    /// The error's name.
    pub error: String,
    /// What it says more (`error_description`).
    pub description: Option<String>,
}

/// Why a query is no callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// There is a code and an error.
    #[error("expected the provider to answer with a code or with an error, found both")]
    Both,
    /// A parameter stands more than once (RFC 6749 section 3.1).
    #[error("expected the parameter {name} once in the callback, found it more than once")]
    Duplicate {
        /// Its name.
        name: &'static str,
    },
    /// There is neither a code nor an error: somebody opened the callback's URL by hand.
    #[error("expected a code or an error in the callback, found neither")]
    Neither,
    /// There is no `state`: the sign-in did not begin here.
    #[error("expected state in the callback, found none: the sign-in did not begin at this site")]
    NoState,
    /// The query is too long.
    #[error("expected a callback of at most {MAX_QUERY_BYTES} bytes, found {found}")]
    TooLong {
        /// Its length.
        found: usize,
    },
}

impl CallbackError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Both => "callback-both",
            Self::Duplicate { .. } => "callback-duplicate",
            Self::Neither => "callback-neither",
            Self::NoState => "callback-no-state",
            Self::TooLong { .. } => "callback-too-long",
        }
    }
}

impl CallbackParameters {
    /// Reads a query (without `?`), or the body of a form. What is not known is passed over (RFC 6749 section 4.1.2).
    ///
    /// # Errors
    ///
    /// See [`CallbackError`]. An empty value counts as absent (RFC 6749 section 3.1), but not as once.
    pub fn parse(query: &str) -> Result<Self, CallbackError> {
        if query.len() > MAX_QUERY_BYTES {
            return Err(CallbackError::TooLong { found: query.len() });
        }
        let mut found: [(&'static str, Option<String>); 5] =
            ["code", "error", "error_description", "iss", "state"].map(|name| (name, None));
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some((name, slot)) = found.iter_mut().find(|(known, _)| *known == name) else { continue };
            if slot.replace(value.into_owned()).is_some() {
                return Err(CallbackError::Duplicate { name });
            }
        }
        let [code, error, description, iss, state] =
            found.map(|(_, value)| value.filter(|value| !value.is_empty()));
        let answer = match (code, error) {
            (Some(_), Some(_)) => return Err(CallbackError::Both),
            (Some(code), None) => Answer::Code(Secret::new(code)),
            (None, Some(error)) => Answer::Error(Words::new(&error, description.as_deref())),
            (None, None) => return Err(CallbackError::Neither),
        };
        Ok(Self { state: state.ok_or(CallbackError::NoState)?, iss, answer })
    }

    /// Returns `state`, by which [`Attempt::id_of_state`](super::Attempt::id_of_state) finds the attempt.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.state
    }
}

impl fmt::Debug for CallbackParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackParameters").field("answer", &self.answer).finish_non_exhaustive()
    }
}

impl Words {
    pub(crate) fn new(error: &str, description: Option<&str>) -> Self {
        Self { error: fit(error), description: description.map(fit).filter(|text| !text.is_empty()) }
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{} ({description})", self.error),
            None => f.write_str(&self.error),
        }
    }
}

/// Keeps what may stand on a line of a log.
pub(crate) fn fit(text: &str) -> String {
    let fit = text.chars().take(MAX_WORDS_CHARS);
    fit.map(|char| if char.is_control() { ' ' } else { char }).collect::<String>().trim().to_owned()
}
