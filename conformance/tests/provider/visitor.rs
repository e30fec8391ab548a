//! A visitor's browser, as far as a sign-in needs one: redirects, cookies by path, and the provider's forms.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use url::Url;

/// Where the site's callback is; nobody listens there.
pub(crate) const REDIRECT: &str = "https://www.example.com/auth/callback";
/// Where the site's visitors are after a logout.
pub(crate) const BYE: &str = "https://www.example.com/bye";

/// What the visitor does with the provider's forms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    No,
    Yes,
}

pub(crate) struct Visitor {
    client: Client<HttpConnector, Full<Bytes>>,
    /// Name, path and value.
    cookies: Vec<(String, String, String)>,
}

/// A page or a place elsewhere.
enum Arrived {
    Elsewhere(Url),
    Page(Url, String),
}

impl Visitor {
    pub(crate) fn new() -> Self {
        // A provider that was killed has closed its connections: none is kept.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { client, cookies: Vec::new() }
    }

    /// Follows the site's redirect to the provider, fills in its forms, and returns the callback's query.
    pub(crate) async fn sign_in(&mut self, location: &str, answer: Answer) -> String {
        let mut arrived = self.go(Url::parse(location).unwrap(), None).await;
        loop {
            let (url, page) = match arrived {
                Arrived::Elsewhere(url) => {
                    assert!(url.as_str().starts_with(REDIRECT), "{url}");
                    return url.query().unwrap().to_owned();
                }
                Arrived::Page(url, page) => (url, page),
            };
            let action = |name: &str| url.join(&between(&page, name, "\"")).unwrap();
            arrived = match answer {
                Answer::No => self.go(Url::parse(&format!("{url}/abort")).unwrap(), None).await,
                Answer::Yes if page.contains("value=\"login\"") => {
                    self.go(action("action=\""), Some("prompt=login&login=alice&password=x")).await
                }
                Answer::Yes => self.go(action("action=\""), Some("prompt=consent")).await,
            };
        }
    }

    /// Leaves the provider, and returns where that leads.
    pub(crate) async fn leave(&mut self, location: &str) -> String {
        let Arrived::Page(url, page) = self.go(Url::parse(location).unwrap(), None).await else {
            panic!("expected a form");
        };
        let xsrf = between(&page, "name=\"xsrf\" value=\"", "\"");
        let action = url.join(&between(&page, "action=\"", "\"")).unwrap();
        match self.go(action, Some(&format!("xsrf={xsrf}&logout=yes"))).await {
            Arrived::Elsewhere(url) => url.into(),
            Arrived::Page(url, page) => panic!("expected a way back, found {url}: {page}"),
        }
    }

    /// Goes there, and wherever the provider says from there.
    async fn go(&mut self, mut url: Url, mut form: Option<&str>) -> Arrived {
        let host = url.host_str().unwrap().to_owned();
        for _ in 0..10 {
            if url.host_str() != Some(&host) {
                return Arrived::Elsewhere(url);
            }
            let response = self.ask(&url, form.take()).await;
            match response.headers().get("location") {
                Some(location) => url = url.join(location.to_str().unwrap()).unwrap(),
                None => {
                    let status = response.status();
                    let body = response.into_body();
                    let page = String::from_utf8(body.to_vec()).unwrap();
                    assert!(status.is_success(), "{url}: {status}: {page}");
                    return Arrived::Page(url, page);
                }
            }
        }
        panic!("expected an end of the redirects at {url}");
    }

    async fn ask(&mut self, url: &Url, form: Option<&str>) -> Response<Bytes> {
        let sent = self.cookies.iter().filter(|(_, path, _)| url.path().starts_with(path.as_str()));
        let sent: Vec<_> = sent.map(|(name, _, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(if form.is_some() { "POST" } else { "GET" })
            .uri(url.as_str())
            .header("accept", "text/html")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", sent.join("; "))
            .body(Full::new(Bytes::from(form.unwrap_or_default().to_owned())))
            .unwrap();
        let (head, body) = self.client.request(request).await.unwrap().into_parts();
        for line in head.headers.get_all("set-cookie") {
            self.keep(line.to_str().unwrap());
        }
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    fn keep(&mut self, line: &str) {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let path = parts.find_map(|part| part.strip_prefix("path=")).unwrap_or("/").to_owned();
        self.cookies.retain(|(known, at, _)| known != name || *at != path);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), path, value.to_owned()));
        }
    }
}

fn between(text: &str, before: &str, after: &str) -> String {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("expected {before} in {text}"));
    rest.split_once(after).unwrap().0.to_owned()
}
