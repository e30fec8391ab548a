//! Asks a token endpoint of OAuth 2 for access tokens.
//!
//! # When an answer is lost
//!
//! A request with the client's own credentials may be repeated: asking twice is the same. One with a refresh token may
//! not: the endpoint may have replaced the refresh token, and whoever then comes with the one before is taken for a thief,
//! so that the whole grant is withdrawn (RFC 9700 section 4.14). After a request whose answer was lost the refresh token
//! is therefore *in doubt*: the failure is [`Failure::Unknown`], which nobody retries, and every further fetch fails with
//! it without asking, until the application gives another refresh token, or the same one if it takes the risk
//! ([`OAuthFetch::set_refresh_token`]). Where the endpoint is known to accept the one before for a while, say so
//! ([`OAuthFetchBuilder::reuse_interval`]): then it is retried within that time.
//!
//! A connection that could not be made leaves no doubt, nor does an answer with an error. A gateway's answer (502, 504)
//! does. Requests with one refresh token are made one after the other, and each is seen through whatever becomes of
//! whoever waits for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use http::header::{AUTHORIZATION, HeaderValue};
use nostore_message::{Clock, Secret};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::client::{HttpClient, Lost, Post};
use super::endpoint;
use super::setup::SetupError;
use crate::clock::CoarseClock;
use crate::failure::Failure;
use crate::fetch::{Ask, Fetch, FetchFuture, Fetched};
use crate::key::TokenKey;
use crate::oauth::{Grant, Granted, OAuth, OAuthAnswer, OAuthClient, OAuthRequest};

/// Is told of each new refresh token.
type Keeper = Arc<dyn Fn(&Secret) + Send + Sync>;

/// Asks a token endpoint for access tokens. Cheap to clone; clones share the refresh token.
///
/// It is for one grant: every entry gets tokens of the same client, or of the same user. Entries differ by audience
/// alone.
#[derive(Clone)]
pub struct OAuthFetch(Arc<Inner>);

/// Makes an [`OAuthFetch`].
#[must_use = "it makes nothing before `build`"]
pub struct OAuthFetchBuilder {
    endpoint: String,
    client: OAuthClient,
    oauth: OAuth,
    http: Option<HttpClient>,
    clock: Arc<dyn Clock>,
    refresh_token: Option<Secret>,
    reuse_interval: Duration,
    keeper: Option<Keeper>,
}

struct Inner {
    http: HttpClient,
    endpoint: Uri,
    client: OAuthClient,
    oauth: OAuth,
    clock: Arc<dyn Clock>,
    refresh: Option<Refresh>,
}

/// The refresh token, and whose turn it is to use it.
struct Refresh {
    turn: tokio::sync::Mutex<()>,
    held: Mutex<Held>,
    reuse_interval: Duration,
    keeper: Option<Keeper>,
}

struct Held {
    token: Secret,
    /// How many refresh tokens the application has set: what comes of one before it changes nothing.
    set: u64,
    /// Since when the answer to a request with it is outstanding.
    in_doubt: Option<Instant>,
}

impl OAuthFetch {
    /// Asks the token endpoint at this URL, as this client: with its own rights, unless there is a refresh token.
    pub fn builder(endpoint: impl Into<String>, client: OAuthClient) -> OAuthFetchBuilder {
        OAuthFetchBuilder {
            endpoint: endpoint.into(),
            client,
            oauth: OAuth::default(),
            http: None,
            clock: Arc::new(CoarseClock),
            refresh_token: None,
            reuse_interval: Duration::ZERO,
            keeper: None,
        }
    }

    /// Returns the newest refresh token, where there is one.
    #[must_use]
    pub fn refresh_token(&self) -> Option<Secret> {
        self.0.refresh.as_ref().map(|refresh| refresh.held().token.clone())
    }

    /// Tells whether the refresh token may have been used, so that it is not used again. Also while an answer is on
    /// its way.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.0.refresh.as_ref().is_some_and(|refresh| refresh.held().in_doubt.is_some())
    }

    /// Goes on with this refresh token, of which there is no doubt. Tells whether there was one before: without one the
    /// client asks with its own rights.
    ///
    /// An entry whose session was over asks again after [`crate::SessionTokens::clear`].
    pub fn set_refresh_token(&self, token: Secret) -> bool {
        let Some(refresh) = &self.0.refresh else { return false };
        let mut held = refresh.held();
        *held = Held { token, set: held.set.wrapping_add(1), in_doubt: None };
        true
    }
}

impl OAuthFetchBuilder {
    /// Asks for this scope (RFC 6749 section 3.3): names with spaces between.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.oauth.scope = Some(scope.into());
        self
    }

    /// Asks for this audience where an entry names none.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.oauth.audience = Some(audience.into());
        self
    }

    /// Asks for this resource, too: an absolute URI without a fragment (RFC 8707 section 2).
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.oauth.resources.push(resource.into());
        self
    }

    /// Lets a token live so long where the answer does not say (RFC 6749 section 5.1); else it is 300 s. Fractions of a
    /// millisecond do not count.
    pub fn default_lifetime(mut self, lifetime: Duration) -> Self {
        self.oauth.default_lifetime_ms = i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX);
        self
    }

    /// Asks with this refresh token (RFC 6749 section 6). Where an answer brings another one, that takes its place.
    ///
    /// Nobody else may use it: requests are made one after the other here, not among processes.
    pub fn refresh_token(mut self, token: Secret) -> Self {
        self.refresh_token = Some(token);
        self
    }

    /// Says how long the endpoint accepts a refresh token after it replaced it: so long a request whose answer was lost
    /// is repeated. Without it no time at all; for an endpoint that replaces none, [`Duration::MAX`].
    pub const fn reuse_interval(mut self, interval: Duration) -> Self {
        self.reuse_interval = interval;
        self
    }

    /// Tells `keeper` of each new refresh token before the access token that came with it is handed out, so that the
    /// application can store it. The one before is of no use any more. Nothing is asked meanwhile: it should be quick.
    pub fn on_rotation(mut self, keeper: impl Fn(&Secret) + Send + Sync + 'static) -> Self {
        self.keeper = Some(Arc::new(keeper));
        self
    }

    /// Asks over these connections.
    pub fn http(mut self, http: HttpClient) -> Self {
        self.http = Some(http);
        self
    }

    /// Takes the wall time from `clock`: the one that the client of the tokens goes by.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Makes the fetcher.
    ///
    /// # Errors
    ///
    /// See [`SetupError`]: the endpoint is no URL of the scheme `https`, nor of this machine; a resource is none; a client
    /// without a secret has no refresh token, or one is empty.
    pub fn build(self) -> Result<OAuthFetch, SetupError> {
        let endpoint = endpoint::endpoint(&self.endpoint)?;
        if !self.oauth.resources.iter().all(|resource| is_resource(resource)) {
            return Err(SetupError::Resource);
        }
        if self.refresh_token.is_none() && self.client.is_public() {
            return Err(SetupError::PublicClient);
        }
        if self.refresh_token.as_ref().is_some_and(Secret::is_empty) {
            return Err(SetupError::Secret { what: "a refresh token" });
        }
        let (reuse_interval, keeper) = (self.reuse_interval, self.keeper);
        let refresh = self.refresh_token.map(|token| Refresh {
            turn: tokio::sync::Mutex::default(),
            held: Mutex::new(Held { token, set: 0, in_doubt: None }),
            reuse_interval,
            keeper,
        });
        let http = self.http.map_or_else(HttpClient::new, Ok)?;
        let (client, oauth, clock) = (self.client, self.oauth, self.clock);
        Ok(OAuthFetch(Arc::new(Inner { http, endpoint, client, oauth, clock, refresh })))
    }
}

impl Fetch for OAuthFetch {
    fn fetch(&self, ask: Ask) -> FetchFuture {
        let inner = Arc::clone(&self.0);
        if inner.refresh.is_none() {
            return Box::pin(async move { inner.ask_for_itself(&ask.key).await });
        }
        Box::pin(async move {
            // In a task of its own: whoever drops this does not lose the refresh token that the answer brings.
            let task = tokio::spawn(async move { inner.refresh(&ask.key).await });
            task.await.unwrap_or(Err(Failure::Panicked))
        })
    }
}

impl Inner {
    async fn ask_for_itself(&self, key: &TokenKey) -> Result<Fetched, Failure> {
        let request = self.oauth.request(&self.client, Grant::ClientCredentials, key)?;
        self.exchange(&request).await?.outcome
    }

    async fn refresh(&self, key: &TokenKey) -> Result<Fetched, Failure> {
        let Some(refresh) = &self.refresh else { return self.ask_for_itself(key).await };
        let _turn = refresh.turn.lock().await;
        let (token, set) = refresh.newest()?;
        let request = self.oauth.request(&self.client, Grant::RefreshToken(&token), key)?;
        refresh.begin(set);
        match self.exchange(&request).await {
            Ok(granted) if granted.is_conclusive => {
                refresh.end(set, granted.refresh_token);
                granted.outcome
            }
            Ok(granted) => granted.outcome.map_err(|failure| refresh.doubted(set, failure)),
            Err(lost) if lost.seen => Err(refresh.doubted(set, lost.failure)),
            Err(lost) => {
                refresh.end(set, None);
                Err(lost.failure)
            }
        }
    }

    async fn exchange(&self, request: &OAuthRequest) -> Result<Granted, Lost> {
        let authorization = request.authorization().and_then(|text| HeaderValue::from_str(text).ok());
        let authorization = authorization.map(|mut value| {
            value.set_sensitive(true);
            (AUTHORIZATION, value)
        });
        let post = Post {
            uri: self.endpoint.clone(),
            content_type: OAuthRequest::CONTENT_TYPE,
            fields: authorization.into_iter().collect(),
            body: Zeroizing::new(request.form().to_owned()),
        };
        let (sent_ms, start) = (self.clock.now().millis(), Instant::now());
        let answer = self.http.post(post).await?;
        let (retry_after, date) = answer.times();
        Ok(self.oauth.read(&OAuthAnswer {
            status: answer.status,
            retry_after,
            date,
            body: &answer.body,
            sent_ms,
            took_ms: u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        }))
    }
}

impl Refresh {
    fn held(&self) -> MutexGuard<'_, Held> {
        // Every change is made in whole steps, so a panicked holder left nothing half-made.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the refresh token, unless it may have been used.
    fn newest(&self) -> Result<(Secret, u64), Failure> {
        let held = self.held();
        if held.in_doubt.is_some_and(|since| since.elapsed() >= self.reuse_interval) {
            return Err(Failure::Unknown { what: "an answer with a new refresh token may be lost" });
        }
        Ok((held.token.clone(), held.set))
    }

    /// From here on it may have been used, whatever becomes of the task.
    fn begin(&self, set: u64) {
        let mut held = self.held();
        if held.set == set {
            held.in_doubt = held.in_doubt.or_else(|| Some(Instant::now()));
        }
    }

    /// It is known what became of it.
    fn end(&self, set: u64, replaced_by: Option<Secret>) {
        let mut held = self.held();
        if held.set != set {
            return;
        }
        held.in_doubt = None;
        let replaced_by = replaced_by.filter(|token| !held.token.matches(token.expose()));
        let Some(token) = replaced_by else { return };
        held.token = token.clone();
        drop(held);
        if let Some(keeper) = &self.keeper {
            keeper(&token);
        }
    }

    /// It is not known what became of it: that can be tried again in time, or not at all.
    fn doubted(&self, set: u64, failure: Failure) -> Failure {
        let held = self.held();
        let late = held.in_doubt.is_some_and(|since| since.elapsed() >= self.reuse_interval);
        if held.set != set || !late {
            return failure;
        }
        let what = match failure {
            Failure::Transient { what } => what,
            Failure::TimedOut { .. } => "no answer in time",
            _ => "a gateway's answer",
        };
        Failure::Unknown { what }
    }
}

impl fmt::Debug for OAuthFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.endpoint.host();
        f.debug_struct("OAuthFetch")
            .field("host", &host)
            .field("client", &self.0.client)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OAuthFetchBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthFetchBuilder").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Tells whether it is an absolute URI without a fragment: it has a scheme (RFC 3986 section 3.1), and no characters that
/// no URI has.
fn is_resource(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let may = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(may);
    scheme && !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}
