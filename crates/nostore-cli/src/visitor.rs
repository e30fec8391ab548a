//! A visitor without a screen: a cookie store, navigations that follow redirects, forms.
//!
//! `demo` tells its story with two of them, and the tests fill tables with many. They send what a
//! browser sends on a navigation (`Sec-Fetch-Dest: document`, `Accept: text/html`).
//!
//! # Not covered
//!
//! Scripts, `SameSite`, a private cache. What depends on those is tested in Chromium.

use bytes::Bytes;
use cookie_store::{CookieStore, RawCookie};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

/// After how many redirects a navigation is given up, as Chromium does.
pub const MAX_REDIRECTS: usize = 20;

/// One visitor with a cookie store of their own.
pub struct Visitor {
    cookies: CookieStore,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// One answer on the way of a navigation.
#[derive(Clone, Debug)]
pub struct Hop {
    /// The method that was sent.
    pub method: Method,
    /// The URL that was asked for.
    pub url: Url,
    /// The status code.
    pub status: StatusCode,
    /// The field lines of the answer.
    pub fields: HeaderMap,
}

/// A navigation from the first request to the page, or to where the visitor gave up.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Every answer, in order.
    pub hops: Vec<Hop>,
    /// The body of the last answer, as text.
    pub body: String,
    /// True when the visitor gave up after [`MAX_REDIRECTS`].
    pub looped: bool,
}

/// Why a navigation ended without an answer.
#[derive(Debug, thiserror::Error)]
#[error("{method} {url} had no answer: {why}")]
pub struct NoAnswer {
    method: Method,
    url: Url,
    why: String,
}

impl Hop {
    /// Tells whether the emulated cache said so of this answer: `hit`, `stored` (RFC 9211 section 2).
    #[must_use]
    pub fn cache_says(&self, word: &str) -> bool {
        let lines = self.fields.get_all("cache-status").iter().filter_map(|line| line.to_str().ok());
        let says = |part: &str| part.trim().split('=').next() == Some(word);
        lines.flat_map(|line| line.split(';')).any(says)
    }

    /// Lists the `Set-Cookie` values.
    pub fn set_cookies(&self) -> impl Iterator<Item = &str> {
        self.fields.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok())
    }

    /// Returns where the answer redirects to.
    #[must_use]
    pub fn location(&self) -> Option<Url> {
        let location = self.fields.get(header::LOCATION)?.to_str().ok()?;
        if self.status.is_redirection() { self.url.join(location).ok() } else { None }
    }
}

impl Visit {
    /// Returns the last answer's status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.hops.last().map_or(StatusCode::BAD_GATEWAY, |hop| hop.status)
    }

    /// Returns how many redirects were followed.
    #[must_use]
    pub fn redirects(&self) -> usize {
        self.hops.len().saturating_sub(1)
    }

    /// Returns the path at which the navigation ended.
    #[must_use]
    pub fn path(&self) -> &str {
        self.hops.last().map_or("", |hop| hop.url.path())
    }

    /// Returns the text of the element `<span id="who">`, the sample dashboard's name for its visitor.
    #[must_use]
    pub fn who(&self) -> Option<&str> {
        let (_, rest) = self.body.split_once("<span id=\"who\">")?;
        rest.split_once('<').map(|(who, _)| who)
    }

    /// Returns the value of the first form field with that name.
    #[must_use]
    pub fn form_value(&self, name: &str) -> Option<String> {
        let marker = format!("name=\"{name}\"");
        let tag = self.body.split('<').find(|tag| tag.starts_with("input") && tag.contains(&marker))?;
        let (_, rest) = tag.split_once("value=\"")?;
        let (value, _) = rest.split_once('"')?;
        Some(value.replace("&amp;", "&").replace("&#39;", "'").replace("&quot;", "\"").replace("&lt;", "<"))
    }
}

impl Visitor {
    /// Starts with an empty cookie store.
    #[must_use]
    pub fn new() -> Self {
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { cookies: CookieStore::default(), client }
    }

    /// Navigates to `url`.
    ///
    /// # Errors
    ///
    /// When a server on the way gives no HTTP answer.
    pub async fn open(&mut self, url: &Url) -> Result<Visit, NoAnswer> {
        self.navigate(Method::GET, url.clone(), None).await
    }

    /// Submits a form to `url`.
    ///
    /// # Errors
    ///
    /// When a server on the way gives no HTTP answer.
    pub async fn submit(&mut self, url: &Url, form: &[(&str, &str)]) -> Result<Visit, NoAnswer> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.navigate(Method::POST, url.clone(), Some(body)).await
    }

    /// Signs in as `email` on the identity service's page, at which `page` ended.
    ///
    /// # Errors
    ///
    /// When a server on the way gives no HTTP answer.
    pub async fn sign_in(&mut self, page: &Visit, email: &str) -> Result<Visit, NoAnswer> {
        let Some(hop) = page.hops.last() else { return Ok(page.clone()) };
        let mut url = hop.url.clone();
        url.set_query(None);
        let mut form = vec![("email", email.to_owned())];
        for name in ["redirect_url", "__clerk_db_jwt"] {
            form.extend(page.form_value(name).map(|value| (name, value)));
        }
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.submit(&url, &form).await
    }

    /// Deletes every cookie.
    pub fn delete_cookies(&mut self) {
        self.cookies.clear();
    }

    /// Tells whether a cookie whose name starts so is kept for `url`.
    #[must_use]
    pub fn has_cookie(&self, url: &Url, prefix: &str) -> bool {
        self.cookies
            .get_request_values(url)
            .any(|(name, value)| name.starts_with(prefix) && !value.is_empty())
    }

    async fn navigate(&mut self, method: Method, url: Url, form: Option<String>) -> Result<Visit, NoAnswer> {
        let (mut method, mut url, mut form) = (method, url, form);
        let mut hops = Vec::new();
        loop {
            let (hop, body) = self.exchange(method.clone(), &url, form.clone()).await?;
            let next = hop.location();
            let status = hop.status;
            hops.push(hop);
            let Some(next) = next else { return Ok(Visit { hops, body, looped: false }) };
            if hops.len() > MAX_REDIRECTS {
                return Ok(Visit { hops, body, looped: true });
            }
            if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
                (method, form) = (Method::GET, None);
            }
            url = next;
        }
    }

    async fn exchange(
        &mut self,
        method: Method,
        url: &Url,
        form: Option<String>,
    ) -> Result<(Hop, String), NoAnswer> {
        let failed = |why: String| NoAnswer { method: method.clone(), url: url.clone(), why };
        let cookies: Vec<String> =
            self.cookies.get_request_values(url).map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(method.clone())
            .uri(url.as_str().split('#').next().unwrap_or_default())
            .header(header::ACCEPT, "text/html,*/*;q=0.8")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-mode", "navigate");
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if form.is_some() {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, url.origin().ascii_serialization());
        }
        let request =
            request.body(Full::from(form.unwrap_or_default())).map_err(|error| failed(error.to_string()))?;
        let response = self.client.request(request).await.map_err(|error| failed(error.to_string()))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| failed(error.to_string()))?.to_bytes();
        let hop = Hop { method, url: url.clone(), status: head.status, fields: head.headers };
        let set = hop.set_cookies().filter_map(|line| RawCookie::parse(line.to_owned()).ok());
        self.cookies.store_response_cookies(set.map(RawCookie::into_owned), url);
        Ok((hop, String::from_utf8_lossy(&body).into_owned()))
    }
}

impl Default for Visitor {
    fn default() -> Self {
        Self::new()
    }
}
