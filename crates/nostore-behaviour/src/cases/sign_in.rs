//! A site's own sign-in, through the adapter's routes.

use std::collections::BTreeMap;

use nostore_message::SetCookie;

use super::STAMP;
use crate::adapter::Setting;
use crate::case::{Asks, Case, Expected, Play, fetch, page, status};
use crate::own::consent;
use crate::suite::Stage;
use crate::wire::{Received, Sent};

type Told = Result<(), String>;
/// A name, and what is played under it.
type Story = (&'static str, fn(&Stage) -> Told);

pub(super) fn cases() -> Vec<Case> {
    [refusals(), pages(), caching(), forms(), stories()].concat()
}

fn own(name: &'static str, sent: Sent, expected: Expected) -> Case {
    super::under(Setting::OwnSignIn, name, sent, expected)
}

/// What the sign-in answers to the same request, line by line.
fn answer(code: u16) -> Expected {
    status(code).gate(Asks::SignIn)
}

/// A form that a page of the site sends.
fn form(target: &str, cookie: &str, body: &str) -> Sent {
    let sent = page(target, cookie).method("POST").field("sec-fetch-site", "same-origin");
    let sent = sent.field("content-type", "application/x-www-form-urlencoded");
    sent.field("origin", "https://shop.example").content(body.as_bytes().to_vec())
}

fn sent_to(location: &'static str) -> Expected {
    status(307).never(&[("location", location), ("set-cookie", "__nostore_hops=*")]).body("")
}

fn refusals() -> Vec<Case> {
    let nested = "/auth/sign-in?callbackUrl=%2Fnested%2Fpage%3Fq%3D1";
    let mine = "/auth/sign-in?callbackUrl=%2Fmine";
    let me = |name: &str| status(200).never(&[]).body(&format!("{name}@example.com"));
    vec![
        own("own: a rule sends a stranger's page to sign in", page("/nested/page?q=1", ""), sent_to(nested)),
        own("own: a rule answers a stranger's fetch with 401", fetch("/nested/page", ""), gate(401)),
        own("own: RequireAuth sends a stranger's page to sign in", page("/mine", ""), sent_to(mine)),
        own("own: HEAD is sent to sign in", page("/mine", "").method("HEAD"), sent_to(mine)),
        own(
            "own: RequireAuth answers a stranger's fetch with 401",
            fetch("/mine", ""),
            status(401).gate(Asks::Require),
        ),
        own("own: a rule's role refuses a member with 403", page("/admin/rows", "{sealed-bob}"), gate(403)),
        own("own: a rule's role lets an admin pass", page("/admin/rows", "{sealed-alice}"), rows()),
        own("own: Require lets an admin pass", page("/admins", "{sealed-alice}"), me("alice")),
        own(
            "own: Require refuses a member with 403",
            page("/admins", "{sealed-bob}"),
            status(403).never(&[]),
        ),
        own("own: RequireAuth lets a member pass", page("/mine", "{sealed-bob}"), me("bob")),
    ]
}

fn gate(code: u16) -> Expected {
    status(code).gate(Asks::Begin)
}

fn rows() -> Expected {
    status(200).never(&[]).body("rows")
}

fn pages() -> Vec<Case> {
    let head = page("/auth/sign-in", "").method("HEAD");
    let delete = fetch("/auth/sign-in", "").method("DELETE");
    let alice = "{sealed-alice}";
    let back = "name=\"callbackUrl\" value=\"/mine\"";
    vec![
        own("own: the sign-in page", page("/auth/sign-in?callbackUrl=%2Fmine", ""), answer(200).holds(back)),
        own("own: the sign-in page to HEAD", head, answer(200).body("")),
        own("own: the sign-out page", page("/auth/sign-out", alice), answer(200).holds("alice@example.com")),
        own("own: the sign-out page of nobody", page("/auth/sign-out", ""), answer(200).holds("signed out")),
        own("own: a callback of no sign-in", page("/auth/callback?code=x&state=y", ""), answer(400)),
        own("own: the list, for an admin", page("/admin/users", alice), answer(200).holds("bob@example.com")),
        own("own: the list, for a member", page("/admin/users", "{sealed-bob}"), answer(403)),
        own("own: the list, for a stranger's fetch", fetch("/admin/users", ""), answer(401)),
        own("own: no page of the sign-in", page("/auth/none", ""), answer(404)),
        own("own: no page of the list", page("/admin/users/none", alice), answer(404)),
        own("own: a method that is not for the page", delete, answer(405)),
    ]
}

fn caching() -> Vec<Case> {
    let same = || status(200).keeps(&STAMP).body("the same for everyone");
    let renewed = || status(200).never(&[("set-cookie", "__Host-nostore.session=*")]);
    let due = "{sealed-due}";
    let stamped = status(200).never(&[]).body("alice@example.com");
    vec![
        own("own: a public page keeps its caching, for a stranger", page("/", ""), same()),
        own("own: a public page keeps its caching, with a session", page("/", "{sealed-alice}"), same()),
        own("own: a public page keeps its caching, with a session to renew", page("/", due), same()),
        own("own: a renewal goes with a page that nobody keeps", page("/who/silent", due), renewed()),
        own("own: a renewal waits where the author wanted caching", page("/who", due), stamped),
        own(
            "own: a session that is new is not renewed",
            page("/who/silent", "{sealed-alice}"),
            status(200).never(&[]),
        ),
    ]
}

fn forms() -> Vec<Case> {
    let alice = "{sealed-alice}";
    let forged = form("/auth/sign-out", alice, "");
    let forged = Sent { fields: forged.fields[..2].to_vec(), ..forged };
    let forged = forged.field("sec-fetch-site", "cross-site").field("origin", "https://evil.example");
    let list = form("/admin/users", alice, "act=add&who=x&role=member");
    let large = |size: usize| format!("callbackUrl=%2Fmine&pad={}", "x".repeat(size - 24));
    let unread = form("/auth/sign-in", "", &large(64 * 1_024 + 1));
    vec![
        own("own: a form of another site is a 403", forged, answer(403)),
        own("own: a form reaches the list", list, answer(400)),
        own("own: a form above 64 KiB is a 413", unread, status(413).never(&[])),
        own(
            "own: a form of 64 KiB is read",
            form("/auth/sign-in", "", &format!("{}&provider=none", large(64 * 1_024 - 14))),
            answer(400).holds("name=\"callbackUrl\" value=\"/mine\""),
        ),
    ]
}

fn stories() -> Vec<Case> {
    let stories: [Story; 3] = [
        ("own: a whole sign-in ends signed in on the page that was wanted", whole),
        ("own: a stranger is told so and not signed in", stranger),
        ("own: signing out clears the session, and it is over", sign_out),
    ];
    stories.map(|(name, story)| Case { name, setting: Setting::OwnSignIn, play: Play::Story(story) }).into()
}

/// A browser with its cookies.
#[derive(Clone, Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    fn cookies(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn send(&mut self, stage: &Stage, sent: Sent, expected: &Expected) -> Result<Received, String> {
        let sent = sent.last();
        let received = stage.connect()?.exchange(&sent)?;
        let told = |what| format!("{} {}: {what}", sent.method, sent.target);
        expected.check(stage, &sent, &received).map_err(told)?;
        for line in received.head.all("set-cookie") {
            let cookie = SetCookie::parse(line);
            if line.contains("Max-Age=0") || line.contains("01 Jan 1970") {
                self.0.remove(&*cookie.name);
            } else {
                self.0.insert(cookie.name.into_owned(), cookie.value.into_owned());
            }
        }
        Ok(received)
    }

    fn get(&mut self, stage: &Stage, target: &str, expected: &Expected) -> Result<Received, String> {
        let sent = page(target, &self.cookies());
        self.send(stage, sent, expected)
    }

    /// Begins a sign-in and comes back from the provider as that person.
    fn sign_in(&mut self, stage: &Stage, address: &str, expected: &Expected) -> Result<Received, String> {
        let sent = form("/auth/sign-in", &self.cookies(), "callbackUrl=%2Fmine");
        let gone = status(303).never(&[
            ("location", "http://127.0.0.1:*"),
            ("referrer-policy", "no-referrer"),
            ("set-cookie", "__Host-nostore.attempt.*"),
        ]);
        let gone = self.send(stage, sent, &gone)?;
        let callback = gone.head.first("location").and_then(|location| consent(location, address));
        let callback = callback.ok_or_else(|| format!("no way to the provider: {:?}", gone.head))?;
        self.get(stage, &callback, expected)
    }
}

fn whole(stage: &Stage) -> Told {
    let mut browser = Browser::default();
    browser.get(stage, "/mine", &sent_to("/auth/sign-in?callbackUrl=%2Fmine"))?;
    let back = status(303).never(&[
        ("location", "/mine"),
        ("referrer-policy", "no-referrer"),
        ("set-cookie", "__Host-nostore.attempt.*"),
        ("set-cookie", "__Host-nostore.session=*"),
        ("set-cookie", "__nostore_hops=*"),
    ]);
    browser.sign_in(stage, "bob@example.com", &back)?;
    let signed_in = browser.get(stage, "/mine", &status(200).body("bob@example.com"));
    signed_in.map(drop)
}

fn stranger(stage: &Stage) -> Told {
    let mut browser = Browser::default();
    let told = status(403).holds("mallory@example.com");
    let told = browser.sign_in(stage, "mallory@example.com", &told)?;
    let session = told.head.all("set-cookie").iter().any(|line| line.contains(".session="));
    if session { Err(format!("a stranger has a session: {:?}", told.head)) } else { Ok(()) }
}

fn sign_out(stage: &Stage) -> Told {
    let mut browser = Browser::default();
    browser.sign_in(stage, "bob@example.com", &status(303))?;
    let copy = browser.clone();
    let sent = form("/auth/sign-out", &browser.cookies(), "");
    let left = status(303).never(&[
        ("location", "/auth/sign-out"),
        ("referrer-policy", "no-referrer"),
        ("clear-site-data", "\"cache\", \"storage\""),
        ("set-cookie", "__Host-nostore.session=;*"),
    ]);
    browser.send(stage, sent, &left)?;
    if browser.cookies().contains(".session=") {
        return Err(format!("a session stayed: {}", browser.cookies()));
    }
    // Whoever has copied the cookie has nothing of it.
    copy.clone().get(stage, "/mine", &status(307)).map(drop)
}
