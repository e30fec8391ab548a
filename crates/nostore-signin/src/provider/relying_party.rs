//! The relying party: what a site does with its provider, step by step.
//!
//! # Invariants
//!
//! - The order of [`RelyingParty::finish`] is the order of what may be believed: first that the callback belongs to the
//!   attempt (`state`), then that the attempt has not ended and is this provider's, then `iss`, and only then what the
//!   callback says.
//! - Keys are asked for anew once where a signature does not fit: providers change them.
//!
//! Specifications: OpenID Connect Core 1.0 sections 3.1.2, 3.1.3, 5.3, 10.1.1 and 12; RFC 9207 section 2.4.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use nostore_message::{Secret, UnixTime};
use openidconnect::core::CoreJsonWebKeySet;
use serde_json::{Map, Value};
use url::Url;

use super::attempt::{Attempt, Begin, Begun, ENTROPY_BYTES};
use super::callback::{Answer, CallbackParameters};
use super::config::{ConfigError, Kind, Provider, check_redirect};
use super::error::{Fault, FinishError, ProviderError, ProviderStep, RefreshError};
use super::http::{Http, PATIENCE};
use super::id_token::{self, Expected, IdTokenError, Verified};
use super::issuer::IssuerRule;
use super::kept::Kept;
use super::logout::{self, LogoutToken, LogoutTokenError};
use super::metadata::{self, Metadata, unreachable};
use super::token::{TokenEndpoint, TokenError};
use super::{Identity, Tokens, claims, github};

/// The longest logout token that is read, in bytes: anybody may post one.
const MAX_LOGOUT_TOKEN_BYTES: usize = 64 * 1_024;

/// A site at its provider. Cheap to clone; clones share what is known of the provider.
#[derive(Clone)]
pub struct RelyingParty(Arc<Inner>);

/// A fetch that borrows nothing: with borrows in it no future around it would be `Send`.
type Fetch<T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send>>;

struct Inner {
    provider: Provider,
    issuer: IssuerRule,
    redirect: Url,
    http: Http,
    metadata: Kept<Metadata>,
    keys: Kept<CoreJsonWebKeySet>,
}

impl RelyingParty {
    /// Makes a relying party that waits 5 s at most for each answer of its provider.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration.
    pub fn new(provider: Provider, redirect_uri: &str) -> Result<Self, ConfigError> {
        Self::within(provider, redirect_uri, PATIENCE)
    }

    /// Makes one that waits that long at most for each answer.
    ///
    /// # Errors
    ///
    /// What is wrong with the configuration.
    pub fn within(provider: Provider, redirect_uri: &str, patience: Duration) -> Result<Self, ConfigError> {
        provider.check()?;
        let redirect = check_redirect(redirect_uri)?;
        let http = Http::new(patience).map_err(|_| ConfigError::Tls)?;
        Ok(Self::over(provider, redirect, http))
    }

    /// Makes one of parts that were checked.
    pub(super) fn over(provider: Provider, redirect: Url, http: Http) -> Self {
        // What discovery of GitHub's would say, if there were one: RFC 9207 is spoken under another name.
        let also = (provider.kind == Kind::GitHub).then_some("https://github.com/login/oauth");
        let issuer = IssuerRule::new(provider.issuer.clone(), also);
        let (metadata, keys) = (Kept::new(), Kept::new());
        Self(Arc::new(Inner { provider, issuer, redirect, http, metadata, keys }))
    }

    /// Returns the configuration.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.0.provider
    }

    /// Fetches what will be needed, before the first visitor comes. A site may start without: it is fetched when needed.
    ///
    /// # Errors
    ///
    /// [`ProviderError`], when the provider cannot be used at the moment.
    pub async fn warm(&self, now: UnixTime) -> Result<(), ProviderError> {
        let metadata = self.metadata(now).await?;
        if metadata.keys.is_some() {
            self.keys(&metadata, now).await?;
        }
        Ok(())
    }

    /// Begins a sign-in. `entropy` is fresh from a random source for each.
    ///
    /// # Errors
    ///
    /// [`ProviderError`], when the provider cannot be used at the moment.
    pub async fn begin(
        &self,
        ask: &Begin,
        entropy: [u8; ENTROPY_BYTES],
        now: UnixTime,
    ) -> Result<Begun, ProviderError> {
        let metadata = self.metadata(now).await?;
        let attempt = Attempt::new(&entropy, ask.return_path.clone(), self.0.provider.issuer.clone(), now);
        let location = self.endpoint(&metadata).location(ask, &attempt);
        let location =
            location.map_err(|fault| unreachable(ProviderStep::Discovery, &metadata.authorization, fault))?;
        Ok(Begun { location, attempt })
    }

    /// Finishes a sign-in. Whatever comes of it, the attempt is over: its cookie is removed.
    ///
    /// # Errors
    ///
    /// See [`FinishError`].
    pub async fn finish(
        &self,
        attempt: &Attempt,
        callback: &CallbackParameters,
        now: UnixTime,
    ) -> Result<Identity, FinishError> {
        self.belongs(attempt, callback, now)?;
        let metadata = self.metadata(now).await?;
        self.is_issuers(&metadata, callback)?;
        let code = match &callback.answer {
            Answer::Code(code) => code,
            Answer::Error(words) if words.error == "access_denied" => {
                return Err(FinishError::Denied { words: words.clone() });
            }
            Answer::Error(words) => return Err(FinishError::ProviderSaid { words: words.clone() }),
        };
        let exchanged = self.endpoint(&metadata).exchange(code, attempt.verifier(), now).await;
        let tokens = exchanged.map_err(|error| match error {
            TokenError::Fault(fault) => unreachable(ProviderStep::Token, &metadata.token, fault).into(),
            TokenError::Grant => FinishError::CodeRefused,
            TokenError::Words(words) => FinishError::Client { words },
        })?;
        if let (Kind::GitHub, Some(userinfo)) = (self.0.provider.kind, &metadata.userinfo) {
            return Ok(github::identity(&self.0.provider, &self.0.http, userinfo, tokens).await?);
        }
        let verified = self.verified(&metadata, &tokens, attempt.nonce(), now).await?;
        self.is_tenants(callback, &verified)?;
        self.is_of_domain(&verified.claims)?;
        let userinfo = self.userinfo(&metadata, &tokens, &verified).await?;
        Ok(claims::identity(&self.0.provider, verified, userinfo, tokens))
    }

    /// Trades a refresh token for new tokens. Where the provider rotates refresh tokens the new one is in there, else
    /// the one that was given. A new ID token is in there where there is a good one.
    ///
    /// # Errors
    ///
    /// See [`RefreshError`]: it says whether `refresh_token` may have been used.
    pub async fn refresh(&self, refresh_token: &Secret, now: UnixTime) -> Result<Tokens, RefreshError> {
        let metadata = self.metadata(now).await.map_err(RefreshError::Unsent)?;
        let refreshed = self.endpoint(&metadata).refresh(refresh_token, now).await;
        let mut tokens = refreshed.map_err(|error| match error {
            TokenError::Fault(fault) if fault.is_unsent() => {
                RefreshError::Unsent(unreachable(ProviderStep::Token, &metadata.token, fault))
            }
            TokenError::Fault(fault) => RefreshError::Unknown { fault },
            TokenError::Grant => RefreshError::Refused,
            TokenError::Words(words) => RefreshError::Other { words },
        })?;
        tokens.refresh = tokens.refresh.or_else(|| Some(refresh_token.clone()));
        if let Some(id) = tokens.id.take() {
            // Section 12.2. It is a hint for the logout; that it is bad must not cost the tokens beside it.
            let expected = self.expected(None, tokens.access.as_ref(), now);
            let good =
                self.with_keys(&metadata, now, |keys| id_token::verify(id.expose(), keys, &expected)).await;
            tokens.id = good.ok().and_then(Result::ok).map(|_| id);
        }
        Ok(tokens)
    }

    /// Returns where a visitor leaves the provider too; nothing where the provider has no such place, or cannot be asked.
    ///
    /// `post_logout_redirect_uri` is registered at the provider; `state` comes back with it.
    pub async fn end_session_url(
        &self,
        id_token_hint: Option<&Secret>,
        post_logout_redirect_uri: Option<&str>,
        state: Option<&str>,
        now: UnixTime,
    ) -> Option<String> {
        let metadata = self.metadata(now).await.ok()?;
        let endpoint = metadata.end_session.as_deref()?;
        metadata::check(&self.0.provider, ProviderStep::Discovery, endpoint).ok()?;
        let client_id = &self.0.provider.client_id;
        logout::end_session_url(endpoint, client_id, id_token_hint, post_logout_redirect_uri, state)
    }

    /// Reads the token of a back-channel logout: the parameter `logout_token` of the provider's request.
    ///
    /// # Errors
    ///
    /// See [`LogoutTokenError`]; a request with such a token is answered with 400.
    pub async fn read_logout_token(
        &self,
        token: &str,
        now: UnixTime,
    ) -> Result<LogoutToken, LogoutTokenError> {
        if token.len() > MAX_LOGOUT_TOKEN_BYTES {
            let why = format!("it is longer than {MAX_LOGOUT_TOKEN_BYTES} bytes");
            return Err(IdTokenError::Unreadable { why }.into());
        }
        let metadata = self.metadata(now).await?;
        let expected = self.expected(None, None, now);
        let check = |keys: &CoreJsonWebKeySet| match logout::read(token, keys, &expected) {
            Err(LogoutTokenError::Token(error)) if error.may_be_rotation() => Err(error),
            read => Ok(read),
        };
        self.with_keys(&metadata, now, check).await??
    }

    /// That the callback belongs to the attempt, and the attempt to this provider and to now.
    fn belongs(
        &self,
        attempt: &Attempt,
        callback: &CallbackParameters,
        now: UnixTime,
    ) -> Result<(), FinishError> {
        if !attempt.state().matches(&callback.state) {
            return Err(FinishError::WrongState);
        }
        if now >= attempt.ends() {
            return Err(FinishError::Expired { age_secs: now.secs_since(attempt.began()) });
        }
        if attempt.issuer() != self.0.provider.issuer {
            let expected = self.0.provider.issuer.clone();
            return Err(FinishError::OtherProvider { expected, found: attempt.issuer().to_owned() });
        }
        Ok(())
    }

    /// RFC 9207 section 2.4.
    fn is_issuers(&self, metadata: &Metadata, callback: &CallbackParameters) -> Result<(), FinishError> {
        match &callback.iss {
            Some(iss) if self.0.issuer.allows(iss) => Ok(()),
            Some(iss) => Err(FinishError::WrongIss {
                expected: self.0.issuer.text().to_owned(),
                found: super::callback::fit(iss),
            }),
            None if metadata.sends_iss => Err(FinishError::NoIss),
            None => Ok(()),
        }
    }

    /// A callback of one tenant does not bring the ID token of another.
    fn is_tenants(&self, callback: &CallbackParameters, verified: &Verified) -> Result<(), FinishError> {
        match &callback.iss {
            Some(iss) if *iss != verified.issuer => Err(FinishError::WrongIss {
                expected: verified.issuer.clone(),
                found: super::callback::fit(iss),
            }),
            _ => Ok(()),
        }
    }

    fn is_of_domain(&self, claims: &Map<String, Value>) -> Result<(), FinishError> {
        let Some(expected) = &self.0.provider.hosted_domain else { return Ok(()) };
        let found = claims::text(claims, "hd");
        if found.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(expected)) {
            return Ok(());
        }
        Err(FinishError::HostedDomain {
            expected: expected.clone(),
            found: found.as_deref().map(super::callback::fit),
        })
    }

    async fn verified(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        nonce: &Secret,
        now: UnixTime,
    ) -> Result<Verified, FinishError> {
        let token = tokens.id.as_ref().ok_or(FinishError::NoIdToken)?;
        let expected = self.expected(Some(nonce), tokens.access.as_ref(), now);
        let check = |keys: &CoreJsonWebKeySet| id_token::verify(token.expose(), keys, &expected);
        self.with_keys(metadata, now, check).await?.map_err(FinishError::IdToken)
    }

    /// Asks the userinfo endpoint, where the ID token has no address (OpenID Connect Core 1.0 section 5.3).
    async fn userinfo(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        verified: &Verified,
    ) -> Result<Option<Map<String, Value>>, FinishError> {
        let (Some(url), Some(access)) = (&metadata.userinfo, &tokens.access) else { return Ok(None) };
        if claims::has_address(&verified.claims) {
            return Ok(None);
        }
        let checked = metadata::check(&self.0.provider, ProviderStep::UserInfo, url)?;
        let fail = |fault| unreachable(ProviderStep::UserInfo, url, fault);
        let answered = self.0.http.get(&checked, Some(access.expose())).await.map_err(fail)?;
        if answered.status != 200 {
            return Err(fail(Fault::Status { status: answered.status }).into());
        }
        let userinfo: Map<String, Value> = serde_json::from_slice(&answered.body)
            .map_err(|error| fail(Fault::Unreadable { why: metadata::reason(&error) }))?;
        if userinfo.get("sub").and_then(Value::as_str) != Some(&verified.subject) {
            return Err(FinishError::UserInfoSubject);
        }
        Ok(Some(userinfo))
    }

    /// Checks with the keys that are known; once more with newer ones, where that may help.
    async fn with_keys<T>(
        &self,
        metadata: &Metadata,
        now: UnixTime,
        check: impl Fn(&CoreJsonWebKeySet) -> Result<T, IdTokenError>,
    ) -> Result<Result<T, IdTokenError>, ProviderError> {
        let keys = self.keys(metadata, now).await?;
        let checked = check(&keys);
        match &checked {
            Err(error) if error.may_be_rotation() => {
                let newer = self.0.keys.newer(&keys, now, self.fetch_keys(metadata)).await;
                Ok(newer.map_or(checked, |newer| check(&newer)))
            }
            _ => Ok(checked),
        }
    }

    async fn metadata(&self, now: UnixTime) -> Result<Arc<Metadata>, ProviderError> {
        let inner = Arc::clone(&self.0);
        let fetch = async move { metadata::discover(&inner.provider, &inner.http).await };
        self.0.metadata.current(now, Box::pin(fetch)).await
    }

    async fn keys(
        &self,
        metadata: &Metadata,
        now: UnixTime,
    ) -> Result<Arc<CoreJsonWebKeySet>, ProviderError> {
        self.0.keys.current(now, self.fetch_keys(metadata)).await
    }

    /// Starts when it is polled.
    fn fetch_keys(&self, metadata: &Metadata) -> Fetch<CoreJsonWebKeySet> {
        let (inner, url) = (Arc::clone(&self.0), metadata.keys.clone());
        Box::pin(async move {
            let url = url.ok_or(ProviderError::Missing { what: "jwks_uri" })?;
            metadata::keys(&inner.provider, &inner.http, &url).await
        })
    }

    fn endpoint<'a>(&'a self, metadata: &'a Metadata) -> TokenEndpoint<'a> {
        let Inner { provider, redirect, http, .. } = &*self.0;
        TokenEndpoint { provider, metadata, redirect, http }
    }

    fn expected<'a>(
        &'a self,
        nonce: Option<&'a Secret>,
        access_token: Option<&'a Secret>,
        now: UnixTime,
    ) -> Expected<'a> {
        let Inner { provider, issuer, .. } = &*self.0;
        Expected { issuer, client_id: &provider.client_id, nonce, access_token, now }
    }
}

impl fmt::Debug for RelyingParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RelyingParty").field("issuer", &self.0.provider.issuer).finish_non_exhaustive()
    }
}
