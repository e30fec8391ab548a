//! A stage with its own time, and wires where a browser can be watched.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use nostore_cache::{FIELD_SET, Profile};
use nostore_cli::args::Keys;
use nostore_cli::stage::{Stage, StageOptions};
use nostore_jose::Jws;
use nostore_message::Clock as _;
use nostore_session::PublishableKey;
use nostore_test::{Browser, Opened};
use nostore_web::SystemClock;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::chromium::{ALICE, submit};
use crate::tap::{Mark, Passed, Tap};

/// Longer than a token lives and clocks may differ: 60 s and 5 s.
const PAST_EXPIRY_SECS: i64 = 70;

/// A running site.
pub(crate) struct World {
    pub(crate) stage: Stage,
    /// Between browser and edge.
    pub(crate) wire: Tap,
    /// In front of the identity service.
    pub(crate) identity: Tap,
    ahead: Arc<AtomicI64>,
    stored: Arc<Mutex<Vec<String>>>,
}

/// A moment on both wires.
pub(crate) struct Moment {
    wire: Mark,
    identity: Mark,
}

impl World {
    /// Starts a stage, with options of its own.
    pub(crate) async fn start(profile: &str, keys: Keys, choose: impl FnOnce(&mut StageOptions)) -> Self {
        let ((wire, edge), (identity, issuer)) = (Tap::lay().await, Tap::lay().await);
        let (ahead, stored) = (Arc::<AtomicI64>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (time, kept) = (Arc::clone(&ahead), Arc::clone(&stored));
        let now = move || SystemClock.now().plus_secs(time.load(Ordering::SeqCst));
        let mut options = StageOptions::sample(Profile::named(profile).unwrap(), keys, None);
        (options.edge, options.issuer) = (Some(edge), Some(issuer));
        options.clock = Arc::new(now);
        options.edge_sink = Arc::new(move |record| {
            if matches!(record.outcome.as_str(), "HIT" | "STORED") {
                kept.lock().unwrap().push(record.target);
            }
        });
        choose(&mut options);
        Self { stage: Stage::start(options).await.unwrap(), wire, identity, ahead, stored }
    }

    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.stage.site())
    }

    /// Lets so much time pass that every token has run out.
    pub(crate) fn let_tokens_expire(&self) {
        self.ahead.fetch_add(PAST_EXPIRY_SECS, Ordering::SeqCst);
    }

    /// Returns the name of a cookie in the family of this instance.
    pub(crate) fn suffixed(&self, name: &str) -> String {
        let key = PublishableKey::parse(self.stage.issuer().publishable_key()).unwrap();
        format!("{name}_{}", key.suffix())
    }

    pub(crate) fn mark(&self) -> Moment {
        Moment { wire: self.wire.mark(), identity: self.identity.mark() }
    }

    /// Lists what the identity service was asked for, by browser and site, on a path that starts so.
    pub(crate) fn asked(&self, since: &Moment, start: &str) -> Vec<Passed> {
        let passed = self.identity.since(&since.identity);
        passed.into_iter().filter(|passed| passed.request.starts_with(start)).collect()
    }

    /// Lists what the browser got from the site for a path, whatever its query.
    pub(crate) fn got(&self, since: &Moment, path: &str) -> Vec<Passed> {
        let is_path = |passed: &Passed| {
            let target = passed.request.split(' ').nth(1).unwrap_or_default();
            target.split('?').next() == Some(path)
        };
        self.wire.since(&since.wire).into_iter().filter(is_path).collect()
    }

    /// Counts the redirects, at the site and at the identity service.
    pub(crate) fn redirects(&self, since: &Moment) -> usize {
        let passed = self.wire.since(&since.wire).into_iter().chain(self.identity.since(&since.identity));
        passed.filter(|passed| (300..400).contains(&passed.status)).count()
    }

    /// Counts the targets on this path that the edge stored or answered from its store.
    pub(crate) fn kept(&self, path: &str) -> usize {
        let is_path = |target: &&String| target.split('?').next() == Some(path);
        self.stored.lock().unwrap().iter().filter(is_path).count()
    }

    /// Signs Alice in by the identity service's page.
    pub(crate) async fn sign_in(&self, visitor: &Browser) {
        let opened = visitor.open(&self.at("/dashboard")).await;
        let page = format!("{}/sign-in", self.stage.issuer().origin());
        assert!(matches!(&opened, Opened::At(url) if url.starts_with(&page)), "{opened:?}");
        submit(visitor, ALICE).await;
        assert_eq!(visitor.wait_for("#who").await, ALICE);
        assert_eq!(visitor.url().await, self.at("/dashboard"));
    }

    /// Opens the dashboard, which must be Alice's, at its own address.
    pub(crate) async fn dashboard_is_alices(&self, visitor: &Browser, case: &str) {
        assert_eq!(visitor.open(&self.at("/dashboard")).await, Opened::At(self.at("/dashboard")), "{case}");
        assert_eq!(visitor.text("#who").await.as_deref(), Some(ALICE), "{case}");
    }

    /// Returns the session token that the browser holds, and which key signed it.
    pub(crate) async fn token(&self, visitor: &Browser) -> (String, String) {
        let token = visitor.cookie(&self.suffixed("__session")).await.unwrap();
        let kid = Jws::parse(&token).unwrap().header().kid().unwrap().to_owned();
        (token, kid)
    }

    /// Asks the running identity service for a new signing key.
    pub(crate) async fn rotate(&self) {
        let issuer = self.stage.issuer();
        let authority = issuer.origin().authority();
        let mut stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
        let request = format!(
            "POST /v1/instance/rotate_key HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer {}\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n",
            issuer.secret_key().expose()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
}

/// Asserts that an answer carries the whole field set.
pub(crate) fn is_protected(passed: &Passed, case: &str) {
    // Netlify takes its own field away, as the platform does.
    let netlify = passed.values("server").any(|server| server == "Netlify");
    let taken = if netlify { "netlify-cdn-cache-control" } else { "" };
    is_protected_but_for(passed, taken, case);
}

/// Asserts the same behind a cache that takes one field for itself.
pub(crate) fn is_protected_but_for(passed: &Passed, taken: &str, case: &str) {
    for (name, value) in FIELD_SET {
        let name = name.to_ascii_lowercase();
        let found: Vec<&str> = passed.values(&name).collect();
        let expected = if name == taken { vec![] } else { vec![value] };
        assert_eq!(found, expected, "{case}: {name} of {passed:?}");
    }
    let varies = passed.values("vary").any(|line| line.split(',').any(|name| name.trim() == "Cookie"));
    assert!(varies, "{case}: Vary of {passed:?}");
}

/// Asks from within the page who is signed in.
pub(crate) async fn who(visitor: &Browser) -> Option<String> {
    let me: Value = serde_json::from_str(&visitor.fetch("/api/me").await.body).unwrap();
    me["email"].as_str().map(ToOwned::to_owned)
}
