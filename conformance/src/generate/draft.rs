//! A case while it is made.

use nostore_session::{Instance, PublishableKey};

use super::BACKEND;
use crate::case::{Case, Options, Request};
use crate::random::Random;
use crate::token::Mint;

/// The present of the cases. Few, so that tokens are signed once.
const NOWS: [(usize, f64); 4] =
    [(85, 1_790_000_000.0), (5, 1_790_000_000.25), (5, 1_790_086_399.999), (5, 1_600_000_000.0)];

/// What identity services are called, by weight.
const HOSTS: [(usize, &str); 9] = [
    (60, "fapi.acme-auth.example"),
    (10, "clerk.example.com"),
    (6, "happy-hippo-7.clerk.accounts.dev"),
    (4, "clerk.shop.lclclerk.com"),
    (4, "127.0.0.1:4000"),
    (4, "http://127.0.0.1:4000"),
    (4, "https://fapi.acme-auth.example"),
    (4, "FAPI.Acme-Auth.example"),
    (4, "clerk.accountsstage.example"),
];

/// A case while it is made.
pub(crate) struct Draft<'m> {
    pub(crate) random: Random,
    pub(crate) mint: &'m mut Mint,
    pub(crate) now: f64,
    pub(crate) production: bool,
    /// What the publishable key encodes.
    pub(crate) host: String,
    pub(crate) suffix: String,
    pub(crate) options: Options,
    pub(crate) method: String,
    pub(crate) scheme: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Vec<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) cookies: Vec<(String, String)>,
}

impl<'m> Draft<'m> {
    pub(crate) fn new(mut random: Random, mint: &'m mut Mint) -> Self {
        let production = random.percent(50);
        let host = (*random.weighted(&HOSTS)).to_owned();
        let instance = if production { Instance::Production } else { Instance::Development };
        let mut key = PublishableKey::encode(instance, &host);
        if random.percent(4) {
            while key.split('_').next_back().is_some_and(|part| part.len() % 4 != 0) {
                key.push('=');
            }
        }
        let suffix = PublishableKey::parse(&key).map(|key| key.suffix().to_owned()).unwrap_or_default();
        let kind = if production { "live" } else { "test" };
        let options = Options {
            publishable_key: Some(key),
            secret_key: Some(format!("sk_{kind}_main")),
            api_url: Some(BACKEND.to_owned()),
            ..Options::default()
        };
        let now = *random.weighted(&NOWS);
        Self {
            random,
            mint,
            now,
            production,
            host,
            suffix,
            options,
            method: "GET".to_owned(),
            scheme: "https".to_owned(),
            authority: "app.acme.example".to_owned(),
            path: "/dashboard".to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            cookies: Vec::new(),
        }
    }

    /// The present, in whole seconds.
    #[expect(clippy::cast_possible_truncation, reason = "one of a list above")]
    pub(crate) fn secs(&self) -> i64 {
        self.now as i64
    }

    /// What tokens of this instance have as their issuer.
    pub(crate) fn issuer(&self) -> String {
        let host = self.host.trim_start_matches("http://").trim_start_matches("https://");
        format!("https://{host}")
    }

    pub(crate) fn suffixed(&self, name: &str) -> String {
        format!("{name}_{}", self.suffix)
    }

    pub(crate) fn set_cookie(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        self.cookies.retain(|(key, _)| *key != name);
        self.cookies.push((name, value));
    }

    pub(crate) fn set_header(&mut self, name: &str, value: impl Into<String>) {
        self.headers.retain(|(key, _)| key != name);
        self.headers.push((name.to_owned(), value.into()));
    }

    pub(crate) fn remove_header(&mut self, name: &str) {
        self.headers.retain(|(key, _)| key != name);
    }

    /// Adds a query parameter whose value needs encoding.
    pub(crate) fn push_query(&mut self, name: &str, value: &str) {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        self.query.push(format!("{name}={value}"));
    }

    pub(crate) fn finish(mut self, id: String) -> Case {
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            self.headers.push(("cookie".to_owned(), pairs.join("; ")));
        }
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query.join("&")) };
        let url = format!("{}://{}{}{query}", self.scheme, self.authority, self.path);
        let request = Request { method: self.method, url, headers: self.headers };
        Case { id: id.into(), now: self.now, request, options: self.options }
    }
}
