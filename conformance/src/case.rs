//! Cases and results, as they stand in a line of JSON.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// One request with the configuration under which it is decided.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Case {
    /// What the result is to be called.
    #[serde(default)]
    pub id: Value,
    /// Seconds since 1970.
    pub now: f64,
    /// The request.
    pub request: Request,
    /// The configuration.
    #[serde(default, deserialize_with = "null_or")]
    pub options: Options,
}

/// A request with its absolute URL.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Request {
    /// The method; none is GET.
    #[serde(default = "get", deserialize_with = "null_or_get")]
    pub method: String,
    /// The URL under which the request arrived, before any forwarded field is looked at.
    pub url: String,
    /// The field lines.
    #[serde(default, deserialize_with = "null_or")]
    pub headers: Vec<(String, String)>,
}

/// The protocol's options. What is absent, null or empty takes the protocol's default.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The publishable key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publishable_key: Option<String>,
    /// The secret key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// The secret key of a machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_secret_key: Option<String>,
    /// The public key, for verification without a network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_key: Option<String>,
    /// Where servers reach the identity service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// The domain of a satellite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Whether the site is a satellite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_satellite: Option<bool>,
    /// Where browsers reach the identity service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_url: Option<String>,
    /// The sign-in page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in_url: Option<String>,
    /// Whether a satellite asks the primary domain unprompted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub satellite_auto_sync: Option<bool>,
    /// The audiences that a token may be for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<OneOrMany>,
    /// The origins that a token may have been made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorized_parties: Option<Vec<String>>,
    /// By how many milliseconds clocks may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skew_in_ms: Option<f64>,
    /// The kinds of token that are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepts_token: Option<OneOrMany>,
    /// Which paths belong to which organization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_sync_options: Option<OrganizationSyncOptions>,
}

/// A text or a list of texts.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// A text.
    One(String),
    /// A list.
    Many(Vec<String>),
}

/// Which paths belong to which organization.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrganizationSyncOptions {
    /// Paths of organizations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_patterns: Option<Vec<String>>,
    /// Paths of the personal account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal_account_patterns: Option<Vec<String>>,
}

/// What was decided. Null where there is none.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// What the case is called.
    pub id: Value,
    /// `signed-in`, `signed-out`, `handshake` or `error`.
    pub status: String,
    /// Why not simply signed in.
    pub reason: Option<String>,
    /// A sentence for developers.
    pub message: Option<String>,
    /// The kind of token that was decided on.
    pub token_type: Option<String>,
    /// The protocol's field lines.
    pub headers: Vec<(String, String)>,
    /// The claims of the token that was accepted.
    pub claims: Option<Value>,
    /// Why there is no decision.
    pub error: Option<String>,
    /// The field lines that the protocol does not ask for.
    #[serde(default)]
    pub safety: Vec<(String, String)>,
}

impl Options {
    /// Returns a text option, where it says anything.
    #[must_use]
    pub fn text(option: Option<&String>) -> Option<&str> {
        option.map(String::as_str).filter(|text| !text.is_empty())
    }
}

impl OneOrMany {
    /// Returns all texts.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.clone()],
            Self::Many(texts) => texts.clone(),
        }
    }
}

impl Outcome {
    /// Returns the outcome of a case that could not be decided.
    #[must_use]
    pub fn failed(id: Value, error: impl Into<String>) -> Self {
        Self { id, status: "error".to_owned(), error: Some(error.into()), ..Self::default() }
    }

    /// Returns the first field line with that (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Takes null for nothing said.
fn null_or<'de, D: Deserializer<'de>, V: Default + Deserialize<'de>>(source: D) -> Result<V, D::Error> {
    Option::deserialize(source).map(Option::unwrap_or_default)
}

fn null_or_get<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_else(get))
}

fn get() -> String {
    "GET".to_owned()
}
