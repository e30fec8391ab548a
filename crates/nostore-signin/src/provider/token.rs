//! What is sent to the token endpoint, and what comes back.
//!
//! Requests and answers are `oauth2`'s (what `openidconnect` is built upon); the ID token stays a text until
//! `id_token` reads it.
//!
//! # Invariants
//!
//! - A code and a refresh token are sent once.
//! - Errors tell whether the provider has certainly not seen the request.
//! - No piece of an answer gets into an error, except the provider's own words about it.
//!
//! Specifications: RFC 6749 sections 2.3, 4.1.3, 4.1.4, 5.1, 5.2 and 6; RFC 7636 section 4.5.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use nostore_message::{Secret, UnixTime};
use oauth2::basic::{
    BasicErrorResponse, BasicErrorResponseType, BasicRevocationErrorResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenIntrospectionResponse, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};
use url::Url;

use super::Tokens;
use super::attempt::{Attempt, Begin};
use super::callback::Words;
use super::config::{ClientAuth, Kind, Provider};
use super::error::{Fault, ProviderError, ProviderStep};
use super::http::{Answered, Http};
use super::metadata::{self, Metadata};

/// Why the token endpoint gave no tokens.
#[derive(Debug)]
pub(crate) enum TokenError {
    /// It does not accept the code or the refresh token (`invalid_grant`).
    Grant,
    /// It says no for another reason.
    Words(Words),
    /// It gave no answer that could be read.
    Fault(Fault),
}

/// The ID token in an answer, as it came.
#[derive(Clone, Deserialize, Serialize)]
struct IdTokenText {
    id_token: Option<String>,
}

impl ExtraTokenFields for IdTokenText {}

impl fmt::Debug for IdTokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdTokenText").finish_non_exhaustive()
    }
}

type Answer = StandardTokenResponse<IdTokenText, BasicTokenType>;
type Refused = RequestTokenError<Fault, BasicErrorResponse>;
type Ready = Client<
    BasicErrorResponse,
    Answer,
    StandardTokenIntrospectionResponse<IdTokenText, BasicTokenType>,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// One client at one provider.
pub(crate) struct TokenEndpoint<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) metadata: &'a Metadata,
    pub(crate) redirect: &'a Url,
    pub(crate) http: &'a Http,
}

impl TokenEndpoint<'_> {
    /// Returns the URL that the visitor is sent to.
    pub(crate) fn location(&self, ask: &Begin, attempt: &Attempt) -> Result<String, Fault> {
        let client = self.client()?;
        let verifier = PkceCodeVerifier::new(attempt.verifier().expose().to_owned());
        let state = attempt.state().expose().to_owned();
        let scopes = self.provider.asked_scopes().into_iter().map(|scope| Scope::new(scope.to_owned()));
        let mut request = client
            .authorize_url(|| CsrfToken::new(state))
            .add_scopes(scopes)
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if self.provider.kind != Kind::GitHub {
            request = request.add_extra_param("nonce", attempt.nonce().expose());
        }
        for (name, value) in self.parameters(ask) {
            request = request.add_extra_param(name, value);
        }
        let (url, _) = request.url();
        Ok(url.into())
    }

    /// Parameters beside those that every sign-in has. The site's own take the place of ours.
    fn parameters<'b>(&'b self, ask: &'b Begin) -> Vec<(&'b str, Cow<'b, str>)> {
        let mut all: Vec<(&str, Cow<'_, str>)> = Vec::new();
        let provider = self.provider;
        let consent = provider.offline && matches!(provider.kind, Kind::Plain | Kind::Google);
        let prompts = [(ask.select_account, "select_account"), (consent, "consent")];
        let prompts: Vec<_> =
            prompts.into_iter().filter(|(wanted, _)| *wanted).map(|(_, prompt)| prompt).collect();
        if !prompts.is_empty() {
            all.push(("prompt", prompts.join(" ").into()));
        }
        if provider.offline && provider.kind == Kind::Google {
            all.push(("access_type", "offline".into()));
        }
        if let Some(domain) = &provider.hosted_domain {
            all.push(("hd", domain.into()));
        }
        if let Some(hint) = &ask.login_hint {
            let name = if provider.kind == Kind::GitHub { "login" } else { "login_hint" };
            all.push((name, hint.into()));
        }
        all.retain(|(name, _)| provider.parameters.iter().all(|(own, _)| own != name));
        all.extend(provider.parameters.iter().map(|(name, value)| (name.as_str(), value.into())));
        all
    }

    /// Exchanges a code.
    pub(crate) async fn exchange(
        &self,
        code: &Secret,
        verifier: &Secret,
        now: UnixTime,
    ) -> Result<Tokens, TokenError> {
        let client = self.client().map_err(TokenError::Fault)?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.expose().to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier.expose().to_owned()));
        request
            .request_async(&self.sender()?)
            .await
            .map_err(TokenError::from)
            .and_then(|answer| tokens(&answer, now))
    }

    /// Exchanges a refresh token.
    pub(crate) async fn refresh(&self, token: &Secret, now: UnixTime) -> Result<Tokens, TokenError> {
        let client = self.client().map_err(TokenError::Fault)?;
        let token = RefreshToken::new(token.expose().to_owned());
        let request = client.exchange_refresh_token(&token);
        request
            .request_async(&self.sender()?)
            .await
            .map_err(TokenError::from)
            .and_then(|answer| tokens(&answer, now))
    }

    fn client(&self) -> Result<Ready, Fault> {
        let authorization = AuthUrl::new(self.metadata.authorization.clone());
        let token = TokenUrl::new(self.metadata.token.clone());
        let auth = self.metadata.client_auth;
        let mut client = Client::new(ClientId::new(self.provider.client_id.clone()))
            .set_auth_uri(authorization.map_err(|_| Fault::Url)?)
            .set_token_uri(token.map_err(|_| Fault::Url)?)
            .set_redirect_uri(RedirectUrl::from_url(self.redirect.clone()))
            .set_auth_type(if auth == ClientAuth::Basic {
                AuthType::BasicAuth
            } else {
                AuthType::RequestBody
            });
        if let Some(secret) = self.provider.client_secret.as_ref().filter(|_| auth != ClientAuth::None) {
            client = client.set_client_secret(ClientSecret::new(secret.expose().to_owned()));
        }
        Ok(client)
    }

    fn sender(&self) -> Result<Sender, TokenError> {
        match metadata::check(self.provider, ProviderStep::Token, &self.metadata.token) {
            Err(ProviderError::Unreachable { fault, .. }) => Err(TokenError::Fault(fault)),
            _ => Ok(Sender(self.http.clone())),
        }
    }
}

/// What `oauth2` sends with. It borrows nothing: with borrows in it no future around it would be `Send`.
struct Sender(Http);

impl<'c> AsyncHttpClient<'c> for Sender {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Fault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let answered = self.0.send(request).await?;
            let status = status(&answered)?;
            let mut response = HttpResponse::new(answered.body.to_vec());
            *response.status_mut() = status;
            if let Some(value) = answered.content_type.and_then(|value| value.try_into().ok()) {
                response.headers_mut().insert(http::header::CONTENT_TYPE, value);
            }
            Ok(response)
        })
    }
}

/// The status as the specification would have it: an error in the body is an error (GitHub sends it with 200), and what
/// is neither tokens nor such an error is no answer.
fn status(answered: &Answered) -> Result<http::StatusCode, Fault> {
    let body = serde_json::from_slice::<serde_json::Value>(&answered.body);
    let error = body.is_ok_and(|body| body.get("error").is_some_and(serde_json::Value::is_string));
    match answered.status {
        200 if !error => Ok(http::StatusCode::OK),
        // RFC 6749 section 5.2: 400, or 401 for a client that is not known.
        200 | 400..=428 if error => Ok(http::StatusCode::BAD_REQUEST),
        status => Err(Fault::Status { status }),
    }
}

impl From<Refused> for TokenError {
    fn from(error: Refused) -> Self {
        match error {
            RequestTokenError::ServerResponse(answer) => match answer.error() {
                BasicErrorResponseType::InvalidGrant => Self::Grant,
                // GitHub's name for it.
                BasicErrorResponseType::Extension(name) if name == "bad_verification_code" => Self::Grant,
                BasicErrorResponseType::Extension(name) if name == "bad_refresh_token" => Self::Grant,
                other => {
                    let description = answer.error_description().map(String::as_str);
                    Self::Words(Words::new(other.as_ref(), description))
                }
            },
            RequestTokenError::Request(fault) => Self::Fault(fault),
            RequestTokenError::Parse(error, _) => {
                let why = format!("no tokens at `{}` ({})", error.path(), metadata::reason(error.inner()));
                Self::Fault(Fault::Unreadable { why })
            }
            RequestTokenError::Other(_) => {
                Self::Fault(Fault::Unreadable { why: "no answer in JSON (Content-Type)".to_owned() })
            }
        }
    }
}

/// Takes the tokens. An empty one is none (RFC 6749 appendix A.12): it must not take the place of one that is good.
fn tokens(answer: &Answer, now: UnixTime) -> Result<Tokens, TokenError> {
    let ends = |lifetime: Duration| now.plus_secs(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
    let some = |text: &str| (!text.is_empty()).then(|| Secret::new(text));
    let Some(access) = some(answer.access_token().secret()) else {
        let why = "no tokens at `access_token` (it is empty)".to_owned();
        return Err(TokenError::Fault(Fault::Unreadable { why }));
    };
    Ok(Tokens {
        access: Some(access),
        access_ends: answer.expires_in().map(ends),
        refresh: answer.refresh_token().and_then(|token| some(token.secret())),
        id: answer.extra_fields().id_token.as_deref().and_then(some),
    })
}
