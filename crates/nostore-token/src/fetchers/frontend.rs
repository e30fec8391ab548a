//! Asks services of the protocol for session tokens: the Frontend API as a browser, or the Backend API as a server.

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, ORIGIN};
use nostore_message::{Origin, Secret};
use zeroize::Zeroizing;

use super::client::{Answer, HttpClient, Post};
use super::endpoint;
use super::setup::SetupError;
use crate::backend::{self, Backend, BackendRequest};
use crate::failure::Failure;
use crate::fetch::{Ask, Fetch, FetchFuture, Fetched};
use crate::frontend::{self, Frontend, TokenRequest};

/// Who asks. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Asker(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Browser { cookie: Option<HeaderValue>, development: Option<Secret> },
    Server { authorization: HeaderValue },
}

/// Asks a service of the protocol for the tokens of a session.
#[derive(Clone)]
pub struct FrontendFetch(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    http: HttpClient,
    base: String,
    asker: Asker,
    origin: Option<HeaderValue>,
    frontend: Frontend,
    backend: Backend,
}

impl Asker {
    /// A browser with live keys, known by the value of its cookie `__client`.
    ///
    /// # Errors
    ///
    /// [`SetupError::Secret`] when it is no cookie's value (RFC 6265 section 4.1.1).
    pub fn client(cookie: &Secret) -> Result<Self, SetupError> {
        Ok(Self(Kind::Browser { cookie: Some(client_cookie(cookie)?), development: None }))
    }

    /// A browser with test keys, known by its token, which goes along as `__clerk_db_jwt`.
    ///
    /// # Errors
    ///
    /// [`SetupError::Secret`] when it is empty.
    pub fn development(browser: Secret) -> Result<Self, SetupError> {
        if browser.is_empty() {
            return Err(SetupError::Secret { what: "a development browser's token" });
        }
        Ok(Self(Kind::Browser { cookie: None, development: Some(browser) }))
    }

    /// Adds the cookie `__client`, for services that want to see both. For a server it changes nothing.
    ///
    /// # Errors
    ///
    /// [`SetupError::Secret`] when it is no cookie's value (RFC 6265 section 4.1.1).
    pub fn and_client(mut self, client: &Secret) -> Result<Self, SetupError> {
        let client = client_cookie(client)?;
        if let Kind::Browser { cookie, .. } = &mut self.0 {
            *cookie = Some(client);
        }
        Ok(self)
    }

    /// A server, known by the instance's secret key. It may ask for any session of the instance.
    ///
    /// # Errors
    ///
    /// [`SetupError::Secret`] when it is empty or cannot stand in a field.
    pub fn secret_key(key: &Secret) -> Result<Self, SetupError> {
        let fault = SetupError::Secret { what: "a secret key" };
        if key.is_empty() || !key.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(fault);
        }
        let text = Zeroizing::new(format!("Bearer {}", key.expose()));
        Ok(Self(Kind::Server { authorization: sensitive(&text, fault)? }))
    }
}

impl FrontendFetch {
    /// Asks the service at `base`: an origin, or an origin and the path under which it is proxied.
    ///
    /// # Errors
    ///
    /// See [`SetupError`]: `base` is no URL of the scheme `https`, nor of this machine.
    pub fn new(base: &str, asker: Asker) -> Result<Self, SetupError> {
        let (base, http) = (endpoint::base(base)?, HttpClient::new()?);
        let (frontend, backend) = (Frontend::default(), Backend::default());
        Ok(Self(Arc::new(Inner { http, base, asker, origin: None, frontend, backend })))
    }

    /// Asks over these connections.
    #[must_use]
    pub fn http(mut self, http: HttpClient) -> Self {
        Arc::make_mut(&mut self.0).http = http;
        self
    }

    /// Asks a Frontend API in this way.
    #[must_use]
    pub fn frontend(mut self, frontend: Frontend) -> Self {
        Arc::make_mut(&mut self.0).frontend = frontend;
        self
    }

    /// Asks a Backend API in this way.
    #[must_use]
    pub fn backend(mut self, backend: Backend) -> Self {
        Arc::make_mut(&mut self.0).backend = backend;
        self
    }

    /// Asks a Frontend API for this site: it must allow it, and its tokens name it (`azp`).
    #[must_use]
    pub fn site(mut self, origin: &Origin) -> Self {
        // What was read as an origin can stand in a field.
        Arc::make_mut(&mut self.0).origin = HeaderValue::from_str(&origin.to_string()).ok();
        self
    }
}

impl Fetch for FrontendFetch {
    fn fetch(&self, ask: Ask) -> FetchFuture {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.fetch(&ask).await })
    }
}

impl Inner {
    async fn fetch(&self, ask: &Ask) -> Result<Fetched, Failure> {
        if ask.key.audience_name().is_some() {
            return Err(Failure::Unsupported { what: "an audience" });
        }
        match &self.asker.0 {
            Kind::Browser { cookie, development } => {
                let send = |request| self.ask_as_browser(request, cookie.as_ref(), development.as_ref());
                let mut answer = send(self.frontend.request(ask)).await?;
                // Once: what it says then is what it means.
                if let Some(previous) = &ask.previous {
                    if frontend::wants_expired(answer.status, &answer.body) {
                        answer = send(self.frontend.request_with_expired(ask, previous)).await?;
                    }
                }
                frontend::read(answer.status, answer.times(), &answer.body)
            }
            Kind::Server { authorization } => {
                let request = self.backend.request(ask)?;
                let field = (AUTHORIZATION, authorization.clone());
                let body = Zeroizing::new(request.body);
                let answer =
                    self.post(&request.target, vec![field], BackendRequest::CONTENT_TYPE, body).await?;
                backend::read(answer.status, answer.times(), &answer.body)
            }
        }
    }

    async fn ask_as_browser(
        &self,
        mut request: TokenRequest,
        cookie: Option<&HeaderValue>,
        development: Option<&Secret>,
    ) -> Result<Answer, Failure> {
        if let Some(browser) = development {
            request.target.push(if request.target.contains('?') { '&' } else { '?' });
            request.target.push_str("__clerk_db_jwt=");
            request.target.extend(form_urlencoded::byte_serialize(browser.expose().as_bytes()));
        }
        let cookie = cookie.map(|cookie| (COOKIE, cookie.clone()));
        let origin = self.origin.clone().map(|origin| (ORIGIN, origin));
        let fields = cookie.into_iter().chain(origin).collect();
        let form = Zeroizing::new(request.form().to_owned());
        self.post(&request.target, fields, TokenRequest::CONTENT_TYPE, form).await
    }

    async fn post(
        &self,
        target: &str,
        fields: Vec<(HeaderName, HeaderValue)>,
        content_type: &'static str,
        body: Zeroizing<String>,
    ) -> Result<Answer, Failure> {
        let uri = Uri::try_from(format!("{}{target}", self.base));
        let uri = uri.map_err(|_| Failure::Unsupported { what: "a name that cannot stand in a URL" })?;
        Ok(self.http.post(Post { uri, content_type, fields, body }).await?)
    }
}

impl fmt::Debug for FrontendFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrontendFetch")
            .field("base", &self.0.base)
            .field("asker", &self.0.asker)
            .finish_non_exhaustive()
    }
}

fn client_cookie(cookie: &Secret) -> Result<HeaderValue, SetupError> {
    let fault = SetupError::Secret { what: "a cookie's value" };
    let may = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    if cookie.is_empty() || !cookie.expose().bytes().all(may) {
        return Err(fault);
    }
    sensitive(&Zeroizing::new(format!("__client={}", cookie.expose())), fault)
}

/// Makes a field that is not printed.
fn sensitive(text: &str, fault: SetupError) -> Result<HeaderValue, SetupError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| fault)?;
    value.set_sensitive(true);
    Ok(value)
}
