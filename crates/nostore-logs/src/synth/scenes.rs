//! What is innocent, and looks odd at times.

use super::cast::{self, Agent, Visitor};
use super::{Act, Edge, Random, START, Scene, Traffic, WINDOW};

/// Draws when a visit begins: rather by day than by night.
pub(super) fn morning(random: &mut Random) -> i64 {
    let day = START + random.between(0, 1) * 86_400;
    let hour = if random.percent(85) { random.between(7, 21) } else { random.between(0, 23) };
    day + hour * 3_600 + random.between(0, 3_599)
}

/// A visitor with a session, and when its sign-in was.
pub(super) fn signed_in(traffic: &mut Traffic, random: &mut Random, scene: Scene) -> (Visitor, i64) {
    let mut visitor = Visitor::new(traffic, random);
    let session = traffic.label(scene);
    let at = morning(random);
    let at = visitor.sign_in(traffic, random, at, session);
    (visitor, at)
}

/// Visits one after the other with hours between, and perhaps a sign-out.
pub(super) fn visits(visitor: &mut Visitor, traffic: &mut Traffic, random: &mut Random, mut at: i64) {
    for _ in 0..random.between(1, 3) {
        let pages = random.heavy(40);
        at = visitor.browse(traffic, random, at, (pages, 40));
        at += random.wait(3 * 3_600);
    }
    if random.percent(25) {
        visitor.sign_out(traffic, random, at);
    }
}

pub(super) fn ordinary(traffic: &mut Traffic, random: &mut Random) {
    let (mut visitor, at) = signed_in(traffic, random, Scene::Ordinary);
    visits(&mut visitor, traffic, random, at);
}

pub(super) fn mobile_move(traffic: &mut Traffic, random: &mut Random) {
    let mut visitor = Visitor::new(traffic, random);
    let class = *random.of(&["safari/ios", "chrome/android", "samsung/android"]);
    visitor.agent = Agent::of(class, random);
    let home = visitor.address;
    let session = traffic.label(Scene::MobileMove);
    let mut at = morning(random);
    at = visitor.sign_in(traffic, random, at, session);
    for _ in 0..random.between(2, 9) {
        let pages = random.heavy(8);
        at = visitor.browse(traffic, random, at, (pages, 40));
        at += random.wait(2_000);
        visitor.address = if random.percent(35) { home } else { cast::mobile(random) };
    }
}

pub(super) fn office(traffic: &mut Traffic, random: &mut Random) {
    let address = cast::home(random);
    for _ in 0..random.between(8, 40) {
        let mut visitor = Visitor::new(traffic, random);
        visitor.address = address;
        let session = traffic.label(Scene::OfficeNat);
        let at = morning(random);
        let at = visitor.sign_in(traffic, random, at, session);
        visits(&mut visitor, traffic, random, at);
    }
}

pub(super) fn privacy_addresses(traffic: &mut Traffic, random: &mut Random) {
    let network = 0x2a02_0000_0000_0000 | random.below(1 << 44);
    let mut visitor = Visitor::new(traffic, random);
    visitor.address = cast::privacy(network, random);
    let session = traffic.label(Scene::PrivacyAddresses);
    let mut at = morning(random);
    at = visitor.sign_in(traffic, random, at, session);
    for _ in 0..random.between(2, 6) {
        visitor.address = cast::privacy(network, random);
        let pages = random.heavy(10);
        at = visitor.browse(traffic, random, at, (pages, 60)) + random.wait(5_000);
    }
}

pub(super) fn shared_machine(traffic: &mut Traffic, random: &mut Random) {
    let mut visitor = Visitor::new(traffic, random);
    let mut at = morning(random);
    for _ in 0..random.between(2, 6) {
        visitor.person = traffic.person();
        let session = traffic.label(Scene::SharedMachine);
        at = visitor.sign_in(traffic, random, at, session);
        let pages = random.heavy(10);
        at = visitor.browse(traffic, random, at, (pages, 40)) + 60;
        if random.percent(60) {
            visitor.sign_out(traffic, random, at);
        }
        at += random.wait(1_800);
    }
}

pub(super) fn bots(traffic: &mut Traffic, random: &mut Random) {
    if random.percent(70) {
        let mut bot = Visitor::new(traffic, random);
        bot.agent = Agent::of("bot", random);
        let mut at = morning(random);
        for _ in 0..random.between(5, 80) {
            at += random.wait(60);
            let path = cast::page(random);
            bot.ask(traffic, random, Act::Redirect, (at, &path));
        }
        return;
    }
    // A monitor signs in by itself, and asks from three places.
    let mut monitor = Visitor::new(traffic, random);
    monitor.agent = Agent::of("curl", random);
    let places = [cast::home(random), cast::home(random), cast::home(random)];
    let session = traffic.label(Scene::Bots);
    let mut at = morning(random);
    at = monitor.sign_in(traffic, random, at, session);
    for turn in 0..random.between(50, 300) {
        monitor.address = places[usize::try_from(turn % 3).unwrap_or(0)];
        at += 60;
        monitor.ask(traffic, random, Act::Use, (at, "/me"));
    }
}

pub(super) fn webview_pair(traffic: &mut Traffic, random: &mut Random) {
    let pair = *random.of(&[
        ["safari/ios", "other/ios"],
        ["other/ios", "safari/ios"],
        ["chrome/android", "samsung/android"],
        ["samsung/android", "chrome/android"],
        // "Request desktop site".
        ["chrome/android", "chrome/linux"],
    ]);
    let agents = pair.map(|class| Agent::of(class, random));
    let mut visitor = Visitor::new(traffic, random);
    visitor.agent = agents[0];
    let session = traffic.label(Scene::WebviewPair);
    let mut at = morning(random);
    at = visitor.sign_in(traffic, random, at, session);
    for turn in 1..random.between(3, 8) {
        visitor.agent = agents[usize::try_from(turn % 2).unwrap_or(0)];
        let pages = random.heavy(5);
        at = visitor.browse(traffic, random, at, (pages, 40)) + random.wait(600);
        if random.percent(15) {
            visitor.address = cast::mobile(random);
        }
    }
}

pub(super) fn agent_update(traffic: &mut Traffic, random: &mut Random) {
    let (mut visitor, at) = signed_in(traffic, random, Scene::AgentUpdate);
    let pages = random.heavy(10);
    let at = visitor.browse(traffic, random, at, (pages, 60));
    visitor.agent = visitor.agent.updated();
    let again = at + random.wait(1_000);
    visits(&mut visitor, traffic, random, again);
}

/// Used from the first minutes on; the sign-in is in an older log. One in five moves, one in ten is a pair.
pub(super) fn mid_session(traffic: &mut Traffic, random: &mut Random) {
    let mut visitor = Visitor::new(traffic, random);
    visitor.session = Some(traffic.label(Scene::MidSession));
    let mut at = START + random.wait(1_200);
    let pages = random.heavy(10);
    at = visitor.browse(traffic, random, at, (pages, 60));
    if random.percent(20) {
        visitor.address = cast::mobile(random);
    }
    if random.percent(10) && visitor.agent.class() == "safari/ios" {
        visitor.agent = Agent::of("other/ios", random);
    }
    let again = at + random.wait(2_000);
    visits(&mut visitor, traffic, random, again);
}

pub(super) fn password_shared(traffic: &mut Traffic, random: &mut Random) {
    let person = traffic.person();
    for _ in 0..random.between(2, 5) {
        let mut visitor = Visitor::new(traffic, random);
        visitor.person = person;
        let session = traffic.label(Scene::PasswordShared);
        let at = morning(random);
        let at = visitor.sign_in(traffic, random, at, session);
        visits(&mut visitor, traffic, random, at);
    }
}

pub(super) fn relay(traffic: &mut Traffic, random: &mut Random) {
    let exits: Vec<_> = (0..40).map(|_| cast::home(random)).collect();
    let mut visitor = Visitor::new(traffic, random);
    let class = *random.of(&["safari/ios", "safari/macos"]);
    visitor.agent = Agent::of(class, random);
    let session = traffic.label(Scene::Relay);
    let mut at = morning(random);
    at = visitor.sign_in(traffic, random, at, session);
    for _ in 0..random.between(3, 30) {
        visitor.address = *random.of(&exits);
        let pages = random.between(1, 3);
        at = visitor.browse(traffic, random, at, (pages, 60));
    }
}

/// Somebody who looks at a page that the cache answers, with or without a session of their own.
pub(super) fn look(
    visitor: &mut Visitor,
    traffic: &mut Traffic,
    random: &mut Random,
    (at, path): (i64, &str),
) {
    let act = if visitor.session.is_some() { Act::Use } else { Act::Anonymous };
    visitor.ask_edge(traffic, random, act, (at, path, Edge::Hit));
}

/// Tells how much of the window is left.
pub(super) const fn left(at: i64) -> i64 {
    START + WINDOW - at
}
