//! The emulated caches, and the story that is told through each.

use std::net::SocketAddr;
use std::sync::Arc;

use nostore_cache::Profile;
use nostore_edge::{Edge, EdgeConfig, Record};
use nostore_web::SystemClock;
use tokio::sync::mpsc;

use crate::app::{ALICE, ALICE_IN_PARTS, PUBLIC, STRANGER};
use crate::wire::{ask, field, get, listener};

/// Puts an emulated cache in front of `origin`: a profile with parameters, `cloudfront min-lifetime=0`.
pub(crate) async fn edge(profile: &str, origin: SocketAddr) -> SocketAddr {
    let mut words = profile.split(' ');
    let mut profile = Profile::named(words.next().unwrap()).unwrap();
    for (name, value) in words.map(|word| word.split_once('=').unwrap()) {
        profile.set(name, value).unwrap();
    }
    let mut config = EdgeConfig::new(format!("http://{origin}"), profile, Arc::new(SystemClock));
    let (sender, _) = mpsc::unbounded_channel::<Record>();
    config.sink = Arc::new(move |record| drop(sender.send(record)));
    let edge = Edge::new(config).unwrap();
    let (listener, address) = listener().await;
    tokio::spawn(async move { edge.serve(listener, std::future::pending()).await });
    address
}

/// Somebody who asks: target and further field lines in, the whole answer out.
pub(crate) trait Asks {
    async fn ask(&self, target: &str, lines: &str) -> String;
}

impl Asks for SocketAddr {
    async fn ask(&self, target: &str, lines: &str) -> String {
        ask(*self, &get(target, lines)).await
    }
}

/// What came of a story.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ending {
    /// Somebody was given Alice's session cookie.
    pub(crate) cookie_leaked: bool,
    /// Somebody was shown Alice's page.
    pub(crate) page_leaked: bool,
    /// Alice was sent to sign in although she has a session.
    pub(crate) loops: bool,
    /// Somebody was given the step of a sign-in that was begun for another visitor.
    pub(crate) redirect_shared: bool,
    /// The page of everybody came from the cache.
    pub(crate) public_is_kept: bool,
}

impl Ending {
    /// Whether nobody was harmed.
    pub(crate) fn is_safe(self) -> bool {
        !self.cookie_leaked && !self.page_leaked && !self.loops && !self.redirect_shared
    }

    /// One line.
    pub(crate) fn print(self) -> String {
        let harms = [
            (self.cookie_leaked, "session leaked"),
            (self.page_leaked, "page leaked"),
            (self.loops, "loop"),
            (self.redirect_shared, "redirect shared"),
        ];
        let harms: Vec<&str> = harms.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
        let safe = if harms.is_empty() { "safe".to_owned() } else { harms.join(", ") };
        format!("{safe}; public page {}", if self.public_is_kept { "kept" } else { "not kept" })
    }
}

/// Alice and strangers visit the same pages, Alice first; a stranger is sent to sign in before Alice; both read the page of
/// everybody.
pub(crate) async fn story(site: &impl Asks) -> Ending {
    let (mut cookie_leaked, mut page_leaked) = (false, false);
    for (path, alice) in [("/", ALICE), ("/account", ALICE), ("/account?in=parts", ALICE_IN_PARTS)] {
        site.ask(path, alice).await;
        site.ask(path, alice).await;
        for stranger in ["", STRANGER] {
            let answer = site.ask(path, stranger).await;
            cookie_leaked |= answer.contains("secret-of-alice");
            page_leaked |= answer.contains("alice, copy");
        }
    }
    // Whoever opens this without a cookie is signed in there; a second visitor must not be handed the same session.
    site.ask("/login", "").await;
    cookie_leaked |= site.ask("/login", STRANGER).await.contains("secret-of-alice");
    let steps = [site.ask("/dashboard", "").await, site.ask("/dashboard", STRANGER).await];
    let [one, other] = steps.each_ref().map(|step| field(step, "location").unwrap());
    let redirect_shared = one == other;
    let loops = !site.ask("/dashboard", ALICE).await.contains("alice, copy");
    let mut copies = Vec::new();
    for _ in 0..2 {
        let answer = site.ask(PUBLIC, "").await;
        copies.push(answer.rsplit("a tree, ").next().unwrap().to_owned());
    }
    Ending { cookie_leaked, page_leaked, loops, redirect_shared, public_is_kept: copies[0] == copies[1] }
}
