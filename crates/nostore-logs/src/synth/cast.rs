//! Who takes part: programs with their shares, networks, visitors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Act, Edge, Hit, Random, Traffic};

/// A program: one of the kinds, and its version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Agent {
    kind: usize,
    version: u32,
}

/// Share in a hundred, class as our event file names it, text with `{v}` for the version.
const KINDS: [(u64, &str, &str); 14] = [
    (
        27,
        "chrome/windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    ),
    (
        20,
        "safari/ios",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.1 Mobile/15E148 Safari/604.1",
    ),
    (
        19,
        "chrome/android",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36",
    ),
    (
        8,
        "chrome/macos",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    ),
    (
        7,
        "safari/macos",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.5 Safari/605.1.15",
    ),
    (
        7,
        "edge/windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36 Edg/{v}.0.0.0",
    ),
    (
        4,
        "samsung/android",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/{v}.0.0.0 Mobile Safari/537.36",
    ),
    (
        3,
        "firefox/windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
    ),
    (2, "firefox/linux", "Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0"),
    (
        2,
        "chrome/linux",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36",
    ),
    (1, "firefox/android", "Mozilla/5.0 (Android 15; Mobile; rv:{v}.0) Gecko/{v}.0 Firefox/{v}.0"),
    (
        0,
        "other/ios",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/{v}.0]",
    ),
    (0, "bot", "Mozilla/5.0 (compatible; Googlebot/2.{v}; +http://www.google.com/bot.html)"),
    (0, "curl", "curl/8.{v}.0"),
];

impl Agent {
    /// Draws one as they are spread among visitors.
    pub(super) fn draw(random: &mut Random) -> Self {
        let mut left = random.below(100);
        let kind = KINDS.iter().position(|(share, _, _)| {
            let here = left < *share;
            left = left.saturating_sub(*share);
            here
        });
        let version = 120 + random.below(25);
        Self { kind: kind.unwrap_or(0), version: u32::try_from(version).unwrap_or(120) }
    }

    /// Draws one of a kind.
    pub(super) fn of(class: &str, random: &mut Random) -> Self {
        let kind = KINDS.iter().position(|(_, name, _)| *name == class).unwrap_or(0);
        Self { kind, ..Self::draw(random) }
    }

    /// Draws one of another kind.
    pub(super) fn unlike(self, random: &mut Random) -> Self {
        loop {
            let other = Self::draw(random);
            if other.kind != self.kind {
                return other;
            }
        }
    }

    pub(super) const fn updated(self) -> Self {
        Self { version: self.version + 1, ..self }
    }

    /// Returns the kind as our event file names it.
    #[must_use]
    pub fn class(self) -> &'static str {
        KINDS[self.kind].1
    }

    /// Returns what it says of itself.
    #[must_use]
    pub fn text(self) -> String {
        KINDS[self.kind].2.replace("{v}", &self.version.to_string())
    }
}

/// Draws the address of a household: IPv4 mostly.
pub(super) fn home(random: &mut Random) -> IpAddr {
    if random.percent(30) {
        let network = random.below(1 << 28) << 4;
        return privacy(0x2003_0000_0000_0000 | network << 16, random);
    }
    v4(random, 80, 96)
}

/// Draws an address of a mobile network.
pub(super) fn mobile(random: &mut Random) -> IpAddr {
    v4(random, 100, 8)
}

fn v4(random: &mut Random, first: u64, width: u64) -> IpAddr {
    let bits = (first + random.below(width)) << 24 | random.below(1 << 24);
    IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits).unwrap_or(0)))
}

/// Draws an address within an IPv6 network of 64 bits.
pub(super) fn privacy(network: u64, random: &mut Random) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_bits(u128::from(network) << 64 | u128::from(random.next())))
}

/// Draws the path of a protected page.
pub(super) fn page(random: &mut Random) -> String {
    match random.below(10) {
        0 | 1 => "/".to_owned(),
        2 => "/me".to_owned(),
        3 | 4 => "/tree".to_owned(),
        5 => "/messages".to_owned(),
        6 | 7 => format!("/tree/{}", random.heavy(400)),
        8 => format!("/album/{}", random.heavy(2_000)),
        _ => "/search?q=name".to_owned(),
    }
}

/// Somebody at a device.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) person: u32,
    pub(super) agent: Agent,
    pub(super) address: IpAddr,
    /// The session in the cookie.
    pub(super) session: Option<u32>,
    /// The page that is open.
    pub(super) open: String,
}

impl Visitor {
    pub(super) fn new(traffic: &mut Traffic, random: &mut Random) -> Self {
        let agent = Agent::draw(random);
        Self { person: traffic.person(), agent, address: home(random), session: None, open: String::new() }
    }

    /// Asks for something, at a second; the millisecond is drawn.
    pub(super) fn ask(
        &mut self,
        traffic: &mut Traffic,
        random: &mut Random,
        act: Act,
        (at, path): (i64, &str),
    ) {
        self.ask_edge(traffic, random, act, (at, path, Edge::Miss));
    }

    pub(super) fn ask_edge(
        &mut self,
        traffic: &mut Traffic,
        random: &mut Random,
        act: Act,
        (at, path, edge): (i64, &str, Edge),
    ) {
        let has_session = !matches!(act, Act::Anonymous | Act::Redirect);
        traffic.hits.push(Hit {
            at: at * 1_000 + random.between(0, 999),
            act,
            session: self.session.filter(|_| has_session),
            person: self.person,
            agent: self.agent,
            address: self.address,
            path: path.to_owned(),
            referer: self.open.clone(),
            edge,
        });
        if matches!(act, Act::Use | Act::Anonymous | Act::Refused) {
            path.clone_into(&mut self.open);
        }
    }

    /// Goes to a page, is sent to the sign-in page and comes back with a session some seconds later. Returns when.
    pub(super) fn sign_in(
        &mut self,
        traffic: &mut Traffic,
        random: &mut Random,
        at: i64,
        session: u32,
    ) -> i64 {
        self.session = None;
        self.open.clear();
        let wanted = page(random);
        self.ask(traffic, random, Act::Redirect, (at, &wanted));
        self.ask(traffic, random, Act::Anonymous, (at + 1, "/auth/sign-in"));
        let back = at + 5 + random.wait(20);
        self.session = Some(session);
        self.ask(traffic, random, Act::SignIn, (back, "/auth/callback?code=x"));
        self.open.clear();
        self.ask(traffic, random, Act::Use, (back + 1, &wanted));
        back + 1
    }

    /// Looks at so many pages, one after the other. Returns when the last was.
    pub(super) fn browse(
        &mut self,
        traffic: &mut Traffic,
        random: &mut Random,
        at: i64,
        (pages, mean): (i64, i64),
    ) -> i64 {
        let mut at = at;
        for _ in 0..pages {
            at += random.wait(mean);
            let path = page(random);
            self.ask(traffic, random, Act::Use, (at, &path));
            if random.percent(30) {
                self.ask(traffic, random, Act::Asset, (at + 1, "/static/site.css"));
            }
            if random.percent(2) {
                self.ask(traffic, random, Act::Refresh, (at, &path));
            }
        }
        at
    }

    /// Ends the session. A page that was on its way comes a second later; seldom an old tab is tried, and refused.
    pub(super) fn sign_out(&mut self, traffic: &mut Traffic, random: &mut Random, at: i64) {
        self.ask(traffic, random, Act::SignOut, (at, "/auth/sign-out"));
        if random.percent(5) {
            self.ask(traffic, random, Act::Use, (at + 1, "/messages"));
        }
        if random.percent(10) {
            let late = at + random.wait(600);
            self.ask(traffic, random, Act::Refused, (late, "/me"));
        }
        self.session = None;
        self.open.clear();
    }
}
