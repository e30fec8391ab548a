//! A running `nostore dev`, and what the tests ask of it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use nostore_test::Nostore;
use serde_json::Value;

/// The command under test.
pub(crate) const NOSTORE: &str = env!("CARGO_BIN_EXE_nostore");

/// The profiles whose operator lets the app keep a response out.
pub(crate) const PROFILES: [&str; 12] = [
    "rfc9111",
    "netlify",
    "netlify/documented",
    "cloudfront",
    "cloudfront/cookies-in-key",
    "amplify",
    "amplify/cookies-in-key",
    "nginx",
    "nginx/ignore-headers",
    "cloudflare",
    "vercel",
    "varnish",
];

/// A folder that is deleted at the end of its test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("nostore-it-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running site.
pub(crate) struct Site {
    pub(crate) process: Nostore,
    pub(crate) url: String,
    pub(crate) issuer: String,
    _folder: Folder,
}

impl Site {
    /// Starts `nostore dev` on free ports with a data folder of its own.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let common = ["dev", "--json", "--listen", "127.0.0.1:0", "--issuer-listen", "127.0.0.1:0"];
        let arguments: Vec<&str> = common.iter().chain(arguments).copied().collect();
        let process = Nostore::start(NOSTORE, &arguments, &folder.0).await.unwrap();
        let (url, issuer) = (process.started("/site").to_owned(), process.started("/issuer").to_owned());
        Self { process, url, issuer, _folder: folder }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Counts the redirects behind a mark, at the edge and at the identity service.
    pub(crate) fn redirects_since(&self, mark: usize) -> usize {
        let is_redirect =
            |event: &Value| event["status"].as_u64().is_some_and(|status| (300..400).contains(&status));
        self.process.since(mark).iter().filter(|event| is_redirect(event)).count()
    }

    /// Lists what the edge delivered for `path` behind a mark.
    pub(crate) fn requests_since(&self, mark: usize, path: &str) -> Vec<Value> {
        let wanted = |event: &Value| event["event"] == "request" && event["path"] == path;
        self.process.since(mark).into_iter().filter(wanted).collect()
    }
}
