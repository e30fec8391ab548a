//! The provider's discovery document, as far as a sign-in needs it, and its JWK Set.
//!
//! The document is read here, not by `openidconnect`: that asks for members which no relying party needs, and does not
//! know `authorization_response_iss_parameter_supported`.
//!
//! # Invariants
//!
//! - The document's issuer is the configured one, byte for byte (OpenID Connect Discovery 1.0 section 4.3): whoever can
//!   answer for another issuer would sign its tokens.
//! - No URL of the document is asked that the configuration does not allow: plain HTTP stays on this machine.
//!
//! Specifications: OpenID Connect Discovery 1.0 sections 3 and 4; RFC 8414 section 2; RFC 9207 section 3; RFC 7517;
//! OpenID Connect RP-Initiated Logout 1.0 section 2.1.

use openidconnect::core::CoreJsonWebKeySet;
use serde::Deserialize;
use url::Url;

use super::callback::fit;
use super::config::{ClientAuth, Kind, Provider, http_url};
use super::error::{Fault, ProviderError, ProviderStep};
use super::http::{Answered, Http};

/// What is known of a provider's endpoints.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Metadata {
    pub(crate) authorization: String,
    pub(crate) token: String,
    pub(crate) userinfo: Option<String>,
    /// None where there are no ID tokens.
    pub(crate) keys: Option<String>,
    pub(crate) end_session: Option<String>,
    pub(crate) client_auth: ClientAuth,
    /// Whether each answer carries `iss` (RFC 9207).
    pub(crate) sends_iss: bool,
}

/// The members that are read.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    userinfo_endpoint: Option<String>,
    jwks_uri: Option<String>,
    end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

/// Fetches the discovery document, where there is one.
pub(crate) async fn discover(provider: &Provider, http: &Http) -> Result<Metadata, ProviderError> {
    if provider.kind == Kind::GitHub {
        return Ok(github(provider));
    }
    let own = || format!("{}/.well-known/openid-configuration", provider.issuer.trim_end_matches('/'));
    let url = provider.discovery_url.clone().unwrap_or_else(own);
    let body = get(provider, http, ProviderStep::Discovery, &url).await?;
    let document = serde_json::from_slice(&body).map_err(|error| {
        let why = format!("no discovery document ({})", reason(&error));
        ProviderError::Unreachable { step: ProviderStep::Discovery, url, fault: Fault::Unreadable { why } }
    })?;
    read(provider, document)
}

/// Fetches the JWK Set. Keys that cannot be used are passed over.
pub(crate) async fn keys(
    provider: &Provider,
    http: &Http,
    url: &str,
) -> Result<CoreJsonWebKeySet, ProviderError> {
    let body = get(provider, http, ProviderStep::Keys, url).await?;
    serde_json::from_slice(&body).map_err(|error| {
        let why = format!("no JWK Set ({})", reason(&error));
        unreachable(ProviderStep::Keys, url, Fault::Unreadable { why })
    })
}

/// Fetches a document with status 200.
async fn get(
    provider: &Provider,
    http: &Http,
    step: ProviderStep,
    url: &str,
) -> Result<bytes::Bytes, ProviderError> {
    let checked = check(provider, step, url)?;
    match http.get(&checked, None).await {
        Ok(Answered { status: 200, body, .. }) => Ok(body),
        Ok(Answered { status, .. }) => Err(unreachable(step, url, Fault::Status { status })),
        Err(fault) => Err(unreachable(step, url, fault)),
    }
}

/// Checks that this crate may send to `url`, and returns it as it was read: other readers take other hosts from some texts
/// (`0x7f.1`), and what was checked is what is asked.
pub(crate) fn check(provider: &Provider, step: ProviderStep, url: &str) -> Result<Url, ProviderError> {
    let fault = match http_url(url) {
        Some(parsed) if provider.may_ask(&parsed) => return Ok(parsed),
        Some(_) => Fault::PlainHttp { url: without_query(url) },
        None => Fault::Url,
    };
    Err(unreachable(step, url, fault))
}

pub(crate) fn unreachable(step: ProviderStep, url: &str, fault: Fault) -> ProviderError {
    ProviderError::Unreachable { step, url: without_query(url), fault }
}

fn read(provider: &Provider, document: Document) -> Result<Metadata, ProviderError> {
    if document.issuer != provider.issuer {
        return Err(ProviderError::Issuer {
            expected: provider.issuer.clone(),
            found: fit(&document.issuer),
        });
    }
    let missing = |what| ProviderError::Missing { what };
    let own = &provider.endpoints;
    let authorization = own.authorization.clone().or(document.authorization_endpoint);
    let authorization = authorization.ok_or(missing("authorization_endpoint"))?;
    // Only the visitor's browser goes there, with nothing secret of the site's; but nowhere except over HTTP.
    check(provider, ProviderStep::Discovery, &authorization)?;
    let methods = document.token_endpoint_auth_methods_supported;
    let knows = |name: &str| methods.as_ref().is_none_or(|methods| methods.iter().any(|known| known == name));
    let by_default = if !knows("client_secret_basic") && knows("client_secret_post") {
        ClientAuth::Post
    } else {
        ClientAuth::Basic
    };
    Ok(Metadata {
        authorization,
        token: own.token.clone().or(document.token_endpoint).ok_or(missing("token_endpoint"))?,
        userinfo: own.userinfo.clone().or(document.userinfo_endpoint),
        keys: Some(document.jwks_uri.ok_or(missing("jwks_uri"))?),
        end_session: document.end_session_endpoint,
        client_auth: provider.client_auth.unwrap_or(by_default),
        sends_iss: document.authorization_response_iss_parameter_supported == Some(true),
    })
}

fn github(provider: &Provider) -> Metadata {
    let own = provider.endpoints.clone();
    let or = |url: Option<String>, default: &str| url.unwrap_or_else(|| default.to_owned());
    Metadata {
        authorization: or(own.authorization, "https://github.com/login/oauth/authorize"),
        token: or(own.token, "https://github.com/login/oauth/access_token"),
        userinfo: Some(or(own.userinfo, "https://api.github.com/user")),
        keys: None,
        end_session: None,
        client_auth: provider.client_auth.unwrap_or(ClientAuth::Post),
        sends_iss: false,
    }
}

/// Says where JSON went wrong without a piece of it.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Data => "a member is missing or of another type".to_owned(),
        Category::Eof => "it ends too early".to_owned(),
        Category::Io | Category::Syntax => format!("no JSON at line {}", error.line()),
    }
}

fn without_query(url: &str) -> String {
    fit(url.split(['?', '#']).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked is what `check` returns: no other reader comes to another host.
    #[test]
    fn a_url_is_asked_as_it_was_checked() {
        let secret = Some(nostore_message::Secret::new("hush"));
        let provider = Provider::oidc("http://localhost:9", "site", secret);
        let rows = [
            ("http://0x7f.1/keys", Some("http://127.0.0.1/keys")),
            ("HTTP://LOCALHOST:80/keys", Some("http://localhost/keys")),
            ("http://localhost\\@evil.example/keys", Some("http://localhost/@evil.example/keys")),
            ("http:\t//loc\nalhost/keys", Some("http://localhost/keys")),
            ("https:evil.example", Some("https://evil.example/")),
            ("http://localhost@evil.example/keys", None),
            ("http://localhost.evil.example/keys", None),
            ("http://evil.example#@localhost/keys", None),
            ("//localhost/keys", None),
            ("javascript:", None),
        ];
        for (url, expected) in rows {
            let checked = check(&provider, ProviderStep::Keys, url).ok();
            assert_eq!(checked.as_ref().map(Url::as_str), expected, "{url}");
        }
    }
}
