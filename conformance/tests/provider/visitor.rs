//! A visitor's browser, as far as a sign-in needs one: redirects, cookies by path, and the provider's pages.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::product::Product;

/// Where the site's callback is; nobody listens there.
pub(crate) const REDIRECT: &str = "https://www.example.com/auth/callback";
/// Where the site's visitors are after a logout.
pub(crate) const BYE: &str = "https://www.example.com/bye";

/// What the visitor does with the provider's pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    No,
    Yes,
}

/// What can be done with a page.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gesture {
    /// Follows the link that reads so.
    Follow { text: &'static str },
    /// Submits the form that holds a control, with what was entered or pressed beside its hidden fields.
    Submit { control: &'static str, adds: &'static str },
}

pub(crate) struct Visitor {
    product: &'static Product,
    client: Client<HttpConnector, Full<Bytes>>,
    /// Name, path and value.
    cookies: Vec<(String, String, String)>,
}

/// A page of the provider.
pub(crate) struct Page {
    url: Url,
    text: String,
}

/// A page or a place elsewhere.
pub(crate) enum Arrived {
    Elsewhere(Url),
    Page(Page),
}

/// Where a gesture leads, and the form that goes there.
pub(crate) struct Step {
    pub(crate) url: Url,
    form: Option<String>,
}

impl Page {
    /// What doing the first of these that the page has room for leads to.
    pub(crate) fn step(&self, gestures: &[Gesture]) -> Step {
        let found = gestures.iter().find_map(|gesture| match gesture {
            Gesture::Follow { text } => self.link(text),
            Gesture::Submit { control, adds } => self.form(control, adds),
        });
        found.unwrap_or_else(|| panic!("expected one of {gestures:?} at {}: {}", self.url, self.text))
    }

    fn link(&self, text: &str) -> Option<Step> {
        let (before, _) = self.text.split_once(&format!(">{text}</a>"))?;
        let (_, link) = before.rsplit_once("<a ")?;
        Some(Step { url: self.url.join(&attribute(link, "href")?).unwrap(), form: None })
    }

    fn form(&self, control: &str, adds: &str) -> Option<Step> {
        let at = self.text.find(control)?;
        let start = self.text[..at].rfind("<form ")?;
        let (form, _) = self.text[start..].split_once("</form>")?;
        assert!(form.contains(control), "{control} stands in no form: {}", self.text);
        let mut tags = form.split('<').filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag);
        let url = self.url.join(&attribute(tags.next()?, "action")?).unwrap();
        let hidden = tags.filter(|tag| tag.starts_with("input ") && tag.contains("type=\"hidden\""));
        let hidden = hidden.map(|tag| (attribute(tag, "name").unwrap(), attribute(tag, "value").unwrap()));
        let mut fields = form_urlencoded::Serializer::new(String::new());
        fields.extend_pairs(hidden).extend_pairs(form_urlencoded::parse(adds.as_bytes()));
        Some(Step { url, form: Some(fields.finish()) })
    }
}

/// Returns the value of an attribute in a tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    let plain = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    Some(plain.replace("&amp;", "&"))
}

impl Visitor {
    pub(crate) fn new(product: &'static Product) -> Self {
        // A provider that was killed has closed its connections: none is kept.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { product, client, cookies: Vec::new() }
    }

    /// Follows the site's redirect to the provider, does what its pages ask for, and returns the callback's query.
    pub(crate) async fn sign_in(&mut self, location: &str, answer: Answer) -> String {
        let arrived = self.open(location).await.unwrap();
        self.answer(arrived, answer).await
    }

    /// Follows the site's redirect; nothing, when nobody answers.
    pub(crate) async fn open(&mut self, location: &str) -> Option<Arrived> {
        self.go(Step { url: Url::parse(location).unwrap(), form: None }).await
    }

    /// Does what the provider's pages ask for, and returns the callback's query.
    pub(crate) async fn answer(&mut self, mut arrived: Arrived, answer: Answer) -> String {
        let gestures = match answer {
            Answer::No => self.product.deny,
            Answer::Yes => self.product.sign_in,
        };
        loop {
            match arrived {
                Arrived::Elsewhere(url) => {
                    assert!(url.as_str().starts_with(REDIRECT), "{url}");
                    return url.query().unwrap().to_owned();
                }
                Arrived::Page(page) => arrived = self.go(page.step(gestures)).await.unwrap(),
            }
        }
    }

    /// Leaves the provider, and returns where that leads.
    pub(crate) async fn leave(&mut self, location: &str) -> String {
        let mut arrived = self.open(location).await.unwrap();
        loop {
            match arrived {
                Arrived::Elsewhere(url) => return url.into(),
                Arrived::Page(page) => arrived = self.go(page.step(self.product.leave)).await.unwrap(),
            }
        }
    }

    /// Reads a document of the provider's.
    pub(crate) async fn read(&mut self, url: &str) -> Value {
        let response = self.ask(&Url::parse(url).unwrap(), None).await.unwrap();
        serde_json::from_slice(response.body()).unwrap()
    }

    /// Goes there, and wherever the provider says from there; nothing, when nobody answers.
    pub(crate) async fn go(&mut self, step: Step) -> Option<Arrived> {
        let Step { mut url, mut form } = step;
        let host = url.host_str().unwrap().to_owned();
        for _ in 0..10 {
            if url.host_str() != Some(&host) {
                return Some(Arrived::Elsewhere(url));
            }
            let response = self.ask(&url, form.take()).await?;
            match response.headers().get("location") {
                Some(location) => url = url.join(location.to_str().unwrap()).unwrap(),
                None => {
                    let status = response.status();
                    let text = String::from_utf8(response.into_body().to_vec()).unwrap();
                    assert!(status.is_success(), "{url}: {status}: {text}");
                    return Some(Arrived::Page(Page { url, text }));
                }
            }
        }
        panic!("expected an end of the redirects at {url}");
    }

    async fn ask(&mut self, url: &Url, form: Option<String>) -> Option<Response<Bytes>> {
        let sent = self.cookies.iter().filter(|(_, path, _)| url.path().starts_with(path.as_str()));
        let sent: Vec<_> = sent.map(|(name, _, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(if form.is_some() { "POST" } else { "GET" })
            .uri(url.as_str())
            .header("accept", "text/html")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", sent.join("; "));
        if form.is_some() {
            request = request.header("origin", url.origin().ascii_serialization());
        }
        let request = request.body(Full::new(Bytes::from(form.unwrap_or_default()))).unwrap();
        let (head, body) = self.client.request(request).await.ok()?.into_parts();
        for line in head.headers.get_all("set-cookie") {
            self.keep(line.to_str().unwrap());
        }
        Some(Response::from_parts(head, body.collect().await.ok()?.to_bytes()))
    }

    fn keep(&mut self, line: &str) {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let path = parts.filter_map(|part| part.split_once('='));
        let path = path.filter(|(attribute, _)| attribute.eq_ignore_ascii_case("path")).map(|(_, path)| path);
        let path = path.last().unwrap_or("/").to_owned();
        self.cookies.retain(|(known, at, _)| known != name || *at != path);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), path, value.to_owned()));
        }
    }
}
