//! What leaks, and what only looks like it: a stored page without a cookie.

use super::cast::{self, Agent, Visitor};
use super::scenes::{left, look, morning, signed_in};
use super::{Act, Random, Scene, Traffic};

/// A page is stored with its `Set-Cookie`: whoever gets it within its lifetime sends that cookie from then on.
pub(super) fn cached_cookie(traffic: &mut Traffic, random: &mut Random) {
    let (mut owner, at) = signed_in(traffic, random, Scene::CachedCookie);
    let session = owner.session;
    let path = (*random.of(&["/", "/tree", "/search?q=name", "/album/7"])).to_owned();
    let before = random.between(0, 5);
    let stored = owner.browse(traffic, random, at, (before, 40)) + random.wait(60);
    owner.ask(traffic, random, Act::Use, (stored, &path));
    let lifetime = (*random.of(&[60, 300, 3_600, 36_000])).min(left(stored) - 60).max(30);
    let others = random.between(1, 3) * random.heavy(14);
    for _ in 0..others {
        let at = stored + 1 + random.between(0, lifetime);
        adopt(traffic, random, session, (at, &path));
    }
    let after = random.between(0, 10);
    let last = owner.browse(traffic, random, stored, (after, 600));
    if random.percent(15) {
        owner.sign_out(traffic, random, last + 30);
    }
    tell(traffic, session, (Some(path), stored + 1, others));
}

/// One who gets the stored page, perhaps signed in as somebody else until then.
fn adopt(traffic: &mut Traffic, random: &mut Random, session: Option<u32>, (at, path): (i64, &str)) {
    let mut other = Visitor::new(traffic, random);
    if random.percent(20) {
        other.address = cast::mobile(random);
    }
    if random.percent(30) {
        let own = traffic.label(Scene::Ordinary);
        let pages = random.between(0, 4);
        let back = other.sign_in(traffic, random, at - 900, own);
        other.browse(traffic, random, back, (pages, 60));
    }
    look(&mut other, traffic, random, (at, path));
    other.session = session;
    let pages = random.heavy(8);
    let at = other.browse(traffic, random, at, (1, 6));
    other.browse(traffic, random, at, (pages - 1, 120));
}

/// A page is stored, without a cookie: everybody stays who they are.
pub(super) fn cached_page(traffic: &mut Traffic, random: &mut Random) {
    let path = (*random.of(&["/", "/tree", "/album/7"])).to_owned();
    let stored = morning(random);
    for _ in 0..random.between(5, 40) {
        let mut visitor = Visitor::new(traffic, random);
        let own = traffic.label(Scene::CachedPage);
        let before = stored - random.between(60, 3_600);
        let at = visitor.sign_in(traffic, random, before, own);
        let pages = random.between(0, 4);
        visitor.browse(traffic, random, at, (pages, 40));
        let at = at.max(stored) + random.wait(600);
        look(&mut visitor, traffic, random, (at, &path));
        let pages = random.heavy(10);
        visitor.browse(traffic, random, at, (pages, 40));
    }
}

/// One other person has the cookie, elsewhere, and uses it while the owner does.
pub(super) fn thief(traffic: &mut Traffic, random: &mut Random, same_kind: bool) {
    let scene = if same_kind { Scene::ThiefSameKind } else { Scene::Thief };
    let (mut owner, at) = signed_in(traffic, random, scene);
    let session = owner.session;
    let pages = random.between(2, 12);
    let stolen = owner.browse(traffic, random, at, (pages, 60)) + random.wait(900);
    let mut other = Visitor::new(traffic, random);
    other.agent = if same_kind { Agent::of(owner.agent.class(), random) } else { owner.agent.unlike(random) };
    other.session = session;
    let mut taken = stolen;
    for _ in 0..random.between(1, 4) {
        let pages = random.between(1, 10);
        taken = other.browse(traffic, random, taken, (pages, 60)) + random.wait(1_200);
    }
    let pages = random.between(2, 20);
    owner.browse(traffic, random, stolen, (pages, 200));
    tell(traffic, session, (None, stolen, 1));
}

/// The visitor signs out, and the session goes on: in an old tab, or for somebody else at that machine.
pub(super) fn stale_sign_out(traffic: &mut Traffic, random: &mut Random) {
    let (mut owner, at) = signed_in(traffic, random, Scene::StaleSignOut);
    let session = owner.session;
    let pages = random.between(1, 10);
    let out = owner.browse(traffic, random, at, (pages, 60)) + 30;
    owner.ask(traffic, random, Act::SignOut, (out, "/auth/sign-out"));
    let pages = random.between(1, 6);
    let again = out + random.between(30, 3_600);
    owner.browse(traffic, random, again, (pages, 60));
    tell(traffic, session, (None, out, 0));
}

fn tell(traffic: &mut Traffic, session: Option<u32>, (path, since, others): (Option<String>, i64, i64)) {
    let label = traffic.labels.iter_mut().find(|label| Some(label.session) == session);
    if let Some(label) = label {
        label.path = path;
        label.since = since;
        label.others = u32::try_from(others).unwrap_or(u32::MAX);
    }
}

/// The incident. The owner signs in at 09:22 and looks at a page that is stored with the cookie; ten others get it, each
/// with another program or from another network, until 19:26.
pub(super) fn post_mortem(traffic: &mut Traffic, random: &mut Random) {
    const OTHERS: [&str; 10] = [
        "safari/ios",
        "chrome/android",
        "chrome/windows",
        "safari/macos",
        "edge/windows",
        "firefox/linux",
        "chrome/windows",
        "safari/ios",
        "samsung/android",
        "chrome/android",
    ];
    for _ in 0..20 {
        super::scenes::ordinary(traffic, random);
    }
    let mut owner = Visitor::new(traffic, random);
    owner.agent = Agent::of("chrome/macos", random);
    let session = traffic.label(Scene::CachedCookie);
    let day = super::START;
    let (nine, until) = (day + 9 * 3_600 + 22 * 60, day + 19 * 3_600 + 26 * 60);
    owner.session = None;
    owner.ask(traffic, random, Act::Redirect, (nine - 21, "/tree"));
    owner.ask(traffic, random, Act::Anonymous, (nine - 20, "/auth/sign-in"));
    owner.session = Some(session);
    owner.ask(traffic, random, Act::SignIn, (nine, "/auth/callback?code=x"));
    owner.open.clear();
    // Nine uses by the owner, two each by the others: 29.
    owner.ask(traffic, random, Act::Use, (nine + 1, "/tree"));
    for turn in 1..9 {
        owner.ask(traffic, random, Act::Use, (nine + turn * 1_500, "/tree/12"));
    }
    for (class, turn) in OTHERS.iter().zip(0..) {
        let mut other = Visitor::new(traffic, random);
        other.agent = Agent::of(class, random);
        let at = nine + 240 + turn * 3_600;
        look(&mut other, traffic, random, (at, "/tree"));
        other.session = Some(session);
        other.ask(traffic, random, Act::Use, (at + 9, "/me"));
        let last = if turn == 9 { until } else { at + 300 };
        other.ask(traffic, random, Act::Use, (last, "/messages"));
    }
    tell(traffic, Some(session), (Some("/tree".to_owned()), nine + 240, 10));
}
