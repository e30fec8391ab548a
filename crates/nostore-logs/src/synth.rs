//! Labelled traffic: what visitors of a site with sign-in do, what is innocent and looks odd, and what leaks.
//!
//! One stream of [`Hit`]s is written in every format ([`write`]); what is true of each session stands beside it
//! ([`Label`]). The same seed gives the same traffic. It knows nothing of how leaks are found: it was written first, and
//! is not changed to please the finder.

mod bulk;
mod cast;
mod emit;
mod leaks;
mod random;
mod scenes;

use std::net::IpAddr;

pub use bulk::bulk;
pub use cast::Agent;
pub use emit::{Written, event_session_text, session_text, write};
pub use random::Random;

/// When the window of all traffic begins: 2026-03-02T00:00:00Z.
pub const START: i64 = 1_772_409_600;
/// How long the window is, in seconds.
pub const WINDOW: i64 = 2 * 86_400;

/// What a visitor asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// Something that needs no session, by somebody who has none.
    Anonymous,
    /// A file of the site, sent with the session's cookie.
    Asset,
    /// A protected page without a session: the answer leads to the sign-in page.
    Redirect,
    /// The provider's tokens are renewed on the way.
    Refresh,
    /// A page with the cookie of a session that has ended: not let in.
    Refused,
    /// The provider sends the visitor back: a session begins with the answer.
    SignIn,
    /// The session is ended.
    SignOut,
    /// A page with the cookie of a session: let in.
    Use,
}

/// Who answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Edge {
    /// The cache in front: the site never sees the request.
    Hit,
    /// The site.
    Miss,
}

/// One request with its answer.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Milliseconds since 1970.
    pub at: i64,
    /// What is asked for.
    pub act: Act,
    /// The session whose cookie is sent; at a sign-in, the one that begins.
    pub session: Option<u32>,
    /// Whose session it is.
    pub person: u32,
    /// The program.
    pub agent: Agent,
    /// The address.
    pub address: IpAddr,
    /// The path.
    pub path: String,
    /// The path of the page before.
    pub referer: String,
    /// Who answered.
    pub edge: Edge,
}

/// What a session is part of.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scene {
    /// Visits from one device.
    Ordinary,
    /// A phone that changes between networks.
    MobileMove,
    /// Many people behind one address.
    OfficeNat,
    /// IPv6 addresses that change within a network.
    PrivacyAddresses,
    /// One machine at which several people sign in and out.
    SharedMachine,
    /// Crawlers without a session, monitors with one of their own.
    Bots,
    /// A window of an app and the browser on the same phone, with the same cookie.
    WebviewPair,
    /// A program that is updated while its session lasts.
    AgentUpdate,
    /// A session from before the log begins.
    MidSession,
    /// One account, several devices, each with a sign-in of its own.
    PasswordShared,
    /// A relay whose exits change by the minute.
    Relay,
    /// A page in the cache, without a cookie.
    CachedPage,
    /// A page in the cache with somebody's cookie: everybody who gets it becomes that person.
    CachedCookie,
    /// Somebody else's program has the cookie.
    Thief,
    /// The same, with a program of the same kind.
    ThiefSameKind,
    /// A session that goes on after its sign-out.
    StaleSignOut,
}

impl Scene {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Ordinary,
        Self::MobileMove,
        Self::OfficeNat,
        Self::PrivacyAddresses,
        Self::SharedMachine,
        Self::Bots,
        Self::WebviewPair,
        Self::AgentUpdate,
        Self::MidSession,
        Self::PasswordShared,
        Self::Relay,
        Self::CachedPage,
        Self::CachedCookie,
        Self::Thief,
        Self::ThiefSameKind,
        Self::StaleSignOut,
    ];

    /// Tells whether such a session is one that a report should name.
    #[must_use]
    pub const fn is_leak(self) -> bool {
        matches!(self, Self::CachedCookie | Self::Thief | Self::ThiefSameKind | Self::StaleSignOut)
    }
}

/// What is true of a session.
#[derive(Clone, Debug)]
pub struct Label {
    /// The session.
    pub session: u32,
    /// What it is part of.
    pub scene: Scene,
    /// The path whose stored answer handed it out.
    pub path: Option<String>,
    /// Since when others have it, in seconds since 1970.
    pub since: i64,
    /// How many others have it.
    pub others: u32,
    /// Whether anything of the leak is within the window: a use by somebody else, or one after the sign-out.
    pub visible: bool,
}

/// Requests in the order of their times, and what is true of them.
#[derive(Debug, Default)]
pub struct Traffic {
    /// The requests.
    pub hits: Vec<Hit>,
    /// One label for each session.
    pub labels: Vec<Label>,
    people: u32,
}

impl Traffic {
    /// Makes traffic of one kind alone.
    #[must_use]
    pub fn only(scene: Scene, count: u32, seed: u64) -> Self {
        let mut traffic = Self::default();
        let mut random = Random::new(seed);
        for _ in 0..count {
            traffic.play(scene, &mut random);
        }
        traffic.sorted()
    }

    /// Makes traffic of all kinds: of `scale * 1,000` scenes or so, 30 in a thousand leak.
    #[must_use]
    pub fn mixed(scale: u32, seed: u64) -> Self {
        const PER_MILLE: [(Scene, u32); 16] = [
            (Scene::Ordinary, 420),
            (Scene::MobileMove, 150),
            (Scene::OfficeNat, 20),
            (Scene::PrivacyAddresses, 100),
            (Scene::SharedMachine, 30),
            (Scene::Bots, 20),
            (Scene::WebviewPair, 40),
            (Scene::AgentUpdate, 20),
            (Scene::MidSession, 100),
            (Scene::PasswordShared, 30),
            (Scene::Relay, 30),
            (Scene::CachedPage, 10),
            (Scene::CachedCookie, 10),
            (Scene::Thief, 7),
            (Scene::ThiefSameKind, 3),
            (Scene::StaleSignOut, 10),
        ];
        let mut traffic = Self::default();
        let mut random = Random::new(seed);
        for (scene, count) in PER_MILLE {
            for _ in 0..count * scale {
                traffic.play(scene, &mut random);
            }
        }
        traffic.sorted()
    }

    /// The log of the incident: one sign-in at 09:22, 29 uses by 11 clients over 10 h 04 min, among a few innocent visits.
    #[must_use]
    pub fn post_mortem() -> Self {
        let mut traffic = Self::default();
        leaks::post_mortem(&mut traffic, &mut Random::new(922));
        traffic.sorted()
    }

    fn play(&mut self, scene: Scene, random: &mut Random) {
        match scene {
            Scene::Ordinary => scenes::ordinary(self, random),
            Scene::MobileMove => scenes::mobile_move(self, random),
            Scene::OfficeNat => scenes::office(self, random),
            Scene::PrivacyAddresses => scenes::privacy_addresses(self, random),
            Scene::SharedMachine => scenes::shared_machine(self, random),
            Scene::Bots => scenes::bots(self, random),
            Scene::WebviewPair => scenes::webview_pair(self, random),
            Scene::AgentUpdate => scenes::agent_update(self, random),
            Scene::MidSession => scenes::mid_session(self, random),
            Scene::PasswordShared => scenes::password_shared(self, random),
            Scene::Relay => scenes::relay(self, random),
            Scene::CachedPage => leaks::cached_page(self, random),
            Scene::CachedCookie => leaks::cached_cookie(self, random),
            Scene::Thief => leaks::thief(self, random, false),
            Scene::ThiefSameKind => leaks::thief(self, random, true),
            Scene::StaleSignOut => leaks::stale_sign_out(self, random),
        }
    }

    /// What happens after the window is in no log.
    fn sorted(mut self) -> Self {
        self.hits.retain(|hit| (START..START + WINDOW).contains(&hit.at.div_euclid(1_000)));
        self.hits.sort_by_key(|hit| hit.at);
        let mut owners = vec![None; self.labels.len()];
        for hit in self.hits.iter().filter(|hit| matches!(hit.act, Act::SignIn | Act::Use)) {
            let Some(session) = hit.session.and_then(|session| usize::try_from(session).ok()) else {
                continue;
            };
            let owner = *owners[session].get_or_insert(hit.person);
            let label = &mut self.labels[session];
            let late = label.scene == Scene::StaleSignOut && hit.at > (label.since + 10) * 1_000;
            label.visible |= label.scene.is_leak() && (late || hit.person != owner);
        }
        self
    }

    fn person(&mut self) -> u32 {
        self.people += 1;
        self.people
    }

    fn label(&mut self, scene: Scene) -> u32 {
        let session = u32::try_from(self.labels.len()).unwrap_or(u32::MAX);
        self.labels.push(Label { session, scene, path: None, since: 0, others: 0, visible: false });
        session
    }
}
