//! Machines: which kind of token a text is, and what a verified machine token says.
//!
//! # Invariants
//!
//! - Total: any text has a kind, and any JSON object gives a machine or a typed error.
//! - Without a subject there is no machine, and a claim of an unexpected type grants nothing.
//! - A description that says of its token that it is revoked or expired is no machine.
//!
//! # Not covered
//!
//! Verification: what is read here was verified before, by a signature or by the service's answer.
//!
//! Specifications: the handshake protocol as this project writes it down, "dispatch" and "machine
//! tokens"; RFC 9068 section 2.1 (`at+jwt`).

use nostore_message::UnixTime;
use serde_json::{Map, Value};

use crate::token::{machine_kind, parse_sized};

/// Claims of a machine-to-machine token that are not the application's own.
const REGISTERED: [&str; 6] = ["exp", "iat", "iss", "jti", "nbf", "sub"];

/// The kinds of tokens.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TokenType {
    /// A key that a user or an organization made for its programs.
    ApiKey,
    /// A token of one machine for another.
    M2mToken,
    /// An access token that a user granted to a client.
    OauthToken,
    /// A session's token.
    Session,
}

/// What a verified machine token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    token_type: TokenType,
    id: String,
    subject: String,
    scopes: Vec<String>,
    name: Option<String>,
    claims: Option<Map<String, Value>>,
    client_id: Option<String>,
    expiration: Option<UnixTime>,
    created_at: Option<UnixTime>,
}

/// Why what was verified is no machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// A member is missing or has another type.
    #[error("expected a text in `{name}`, found {found}")]
    Member {
        /// Its name.
        name: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// The token is not valid any more by the description's own words.
    #[error("expected a live token, found one that is {found}")]
    NotLive {
        /// `revoked` or `expired`.
        found: &'static str,
    },
    /// There are no machine tokens of this kind and form.
    #[error("expected a kind of machine token, found `{}`", found.code())]
    TokenType {
        /// The kind.
        found: TokenType,
    },
}

impl TokenType {
    /// Returns the stable name of the kind.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::M2mToken => "m2m_token",
            Self::OauthToken => "oauth_token",
            Self::Session => "session_token",
        }
    }

    /// Returns the kind that has this name.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::ApiKey, Self::M2mToken, Self::OauthToken, Self::Session]
            .into_iter()
            .find(|token_type| token_type.code() == code)
    }

    /// Tells whether tokens of this kind are machines'.
    #[must_use]
    pub const fn is_machine(self) -> bool {
        !matches!(self, Self::Session)
    }

    /// Returns the kind of a token, unverified. What is no machine's token is taken for a session's.
    #[must_use]
    pub fn of(token: &str) -> Self {
        classify(token).unwrap_or(Self::Session)
    }
}

/// Returns the kind of a machine token, unverified: by its prefix, or as a strict JWS by its subject
/// or type. None for what is no machine's token.
#[must_use]
pub fn classify(token: &str) -> Option<TokenType> {
    if token.starts_with("mt_") {
        Some(TokenType::M2mToken)
    } else if token.starts_with("oat_") {
        Some(TokenType::OauthToken)
    } else if token.starts_with("ak_") {
        Some(TokenType::ApiKey)
    } else {
        machine_kind(&parse_sized(token).ok()?)
    }
}

impl Machine {
    /// Reads the description that the identity service answers to an opaque token.
    ///
    /// # Errors
    ///
    /// [`MachineError::Member`] without an id or a subject, [`MachineError::NotLive`] if the
    /// description says so, [`MachineError::TokenType`] for a session's kind.
    pub fn from_description(token_type: TokenType, description: &Value) -> Result<Self, MachineError> {
        if !token_type.is_machine() {
            return Err(MachineError::TokenType { found: token_type });
        }
        let empty = Map::new();
        let resource = description.as_object().unwrap_or(&empty);
        for state in ["revoked", "expired"] {
            if resource.get(state).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false))) {
                return Err(MachineError::NotLive { found: state });
            }
        }
        let text = |name: &str| resource.get(name).and_then(Value::as_str).map(str::to_owned);
        let is_oauth = token_type == TokenType::OauthToken;
        let claims = resource.get("claims").and_then(Value::as_object).filter(|_| !is_oauth);
        Ok(Self {
            token_type,
            id: required(resource, "id")?,
            subject: required(resource, "subject")?,
            scopes: texts(resource.get("scopes")),
            name: text("name").filter(|_| token_type == TokenType::ApiKey),
            claims: claims.cloned(),
            client_id: text("client_id").filter(|_| is_oauth),
            expiration: time(resource.get("expiration"), 1.0),
            created_at: time(resource.get("created_at"), 1.0),
        })
    }

    /// Reads the claims of a verified JWT.
    ///
    /// # Errors
    ///
    /// [`MachineError::Member`] without a subject, [`MachineError::TokenType`] for a kind that has
    /// no JWT: sessions and API keys.
    pub fn from_claims(token_type: TokenType, claims: &Map<String, Value>) -> Result<Self, MachineError> {
        let present = |name: &str| claims.get(name).filter(|value| !value.is_null());
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (scopes, own, client_id) = match token_type {
            TokenType::M2mToken => {
                let scopes = present("scopes").map(|scopes| words(scopes.as_str()));
                let own = claims.iter().filter(|(name, _)| !REGISTERED.contains(&name.as_str()));
                let own: Map<_, _> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
                let audiences = || present("aud").map(one_or_more);
                (scopes.or_else(audiences), Some(own).filter(|own| !own.is_empty()), None)
            }
            TokenType::OauthToken => {
                let listed = present("scp").map(|scopes| match scopes {
                    Value::String(list) => words(Some(list)),
                    other => texts(Some(other)),
                });
                let spaced = || present("scope").map(|scopes| words(scopes.as_str()));
                (listed.or_else(spaced), None, Some(text("client_id")))
            }
            TokenType::ApiKey | TokenType::Session => {
                return Err(MachineError::TokenType { found: token_type });
            }
        };
        Ok(Self {
            token_type,
            id: text("jti"),
            subject: required(claims, "sub")?,
            scopes: scopes.unwrap_or_default(),
            name: None,
            claims: own,
            client_id,
            expiration: time(claims.get("exp"), 1_000.0),
            created_at: time(claims.get("iat"), 1_000.0),
        })
    }

    /// Returns the kind of the token.
    #[must_use]
    pub const fn token_type(&self) -> TokenType {
        self.token_type
    }

    /// Returns the token's id; empty for a JWT without one.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns whom the token is for, never empty.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns what the token may be used for.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// Tells whether the token may be used for this.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope)
    }

    /// Returns the name of an API key.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the application's own claims of an API key or a machine-to-machine token.
    #[must_use]
    pub const fn claims(&self) -> Option<&Map<String, Value>> {
        self.claims.as_ref()
    }

    /// Returns the user: of an API key that is a user's, or who granted the access token.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        match self.token_type {
            TokenType::ApiKey => self.subject_with("user_"),
            TokenType::OauthToken => Some(&self.subject),
            TokenType::M2mToken | TokenType::Session => None,
        }
    }

    /// Returns the organization of an API key that is an organization's.
    #[must_use]
    pub fn organization_id(&self) -> Option<&str> {
        if self.token_type == TokenType::ApiKey { self.subject_with("org_") } else { None }
    }

    /// Returns the machine of a machine-to-machine token.
    #[must_use]
    pub fn machine_id(&self) -> Option<&str> {
        (self.token_type == TokenType::M2mToken).then_some(&*self.subject)
    }

    /// Returns the client of an access token; empty for a JWT that does not name it.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Returns when the token expires, if it does.
    #[must_use]
    pub const fn expiration(&self) -> Option<UnixTime> {
        self.expiration
    }

    /// Returns when the token was made.
    #[must_use]
    pub const fn created_at(&self) -> Option<UnixTime> {
        self.created_at
    }

    fn subject_with(&self, prefix: &str) -> Option<&str> {
        Some(&*self.subject).filter(|subject| subject.starts_with(prefix))
    }
}

impl MachineError {
    /// Returns the stable name of the error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Member { .. } => "machine-member",
            Self::NotLive { .. } => "machine-not-live",
            Self::TokenType { .. } => "machine-token-type",
        }
    }
}

fn required(object: &Map<String, Value>, name: &'static str) -> Result<String, MachineError> {
    let found = match object.get(name) {
        Some(Value::String(text)) if !text.is_empty() => return Ok(text.clone()),
        Some(Value::String(_)) => "an empty one",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
        None => "nothing",
    };
    Err(MachineError::Member { name, found })
}

/// Returns the words of a list that is separated by spaces.
fn words(list: Option<&str>) -> Vec<String> {
    let words = list.unwrap_or_default().split(' ').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Returns the texts of an array.
fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns a text, or the texts of an array.
fn one_or_more(value: &Value) -> Vec<String> {
    value.as_str().map_or_else(|| texts(Some(value)), |text| vec![text.to_owned()])
}

/// Reads a time in units of so many milliseconds.
fn time(value: Option<&Value>, unit: f64) -> Option<UnixTime> {
    let millis = value?.as_f64()? * unit;
    #[expect(clippy::cast_possible_truncation, reason = "times beyond the range stay at its end")]
    Some(UnixTime::from_millis(millis as i64))
}
