//! What does not depend on a session passes as its author wrote it.

use super::{STAMP, live, under};
use crate::adapter::Setting::{Bare, Cookies, Development, Twice};
use crate::case::{Case, Expected, fetch, page, status};
use crate::wire::Sent;

const PRIVATE: [(&str, &str); 1] = [("cache-control", "private, no-cache")];
const ETAG: [(&str, &str); 2] = [("etag", "\"v1\""), ("cache-control", "public, max-age=60")];
const VARY: [(&str, &str); 2] = [("cache-control", "s-maxage=60"), ("vary", "Accept-Encoding")];
const DIALECTS: [(&str, &str); 5] = [
    ("cache-control", "s-maxage=60"),
    ("surrogate-control", "max-age=60"),
    ("edge-control", "max-age=60"),
    ("akamai-cache-control", "max-age=60"),
    ("x-accel-expires", "60"),
];
const TWO: [(&str, &str); 4] = [
    ("set-cookie", "a=1; Path=/"),
    ("set-cookie", "b=2; Path=/; HttpOnly"),
    ("x-tag", "one"),
    ("x-tag", "two"),
];

pub(super) fn cases() -> Vec<Case> {
    [visitors(), of_the_author(), bodies_and_heads(), not_there(), exchange(), of_cookies()].concat()
}

fn same() -> Expected {
    status(200).keeps(&STAMP).body("the same for everyone")
}

fn bearer(target: &str) -> Sent {
    fetch(target, "").field("authorization", "Bearer x")
}

fn visitors() -> Vec<Case> {
    let private = || status(200).keeps(&PRIVATE);
    vec![
        live("a public page keeps its caching, for a stranger", page("/", ""), same()),
        live("a public page keeps its caching, for Alice", page("/", "{alice}"), same()),
        live("a public page keeps its caching, for an expired session", page("/", "{expired}"), same()),
        live("a public page keeps its caching, for a bearer", bearer("/"), same()),
        live("a public page keeps its caching, for a fetch", fetch("/", "{alice}"), same()),
        live("silence stays silence, for a stranger", page("/silent", ""), status(200).keeps(&[])),
        live("silence is not consent where a session came along", page("/silent", "{alice}"), private()),
        live("silence is not consent where a bearer came along", bearer("/silent"), private()),
        under(Development, "a development instance is lazy too", page("/", ""), same()),
        under(Twice, "twice around a public page is not at all", page("/", "{alice}"), same()),
    ]
}

fn of_the_author() -> Vec<Case> {
    let no_store = status(200).keeps(&[("cache-control", "no-store")]);
    let elsewhere = status(302).keeps(&[STAMP[0], ("location", "/elsewhere")]);
    let broken = status(500).keeps(&STAMP).body("broken");
    let two = [PRIVATE[0], TWO[0], TWO[1], TWO[2], TWO[3]];
    let one = status(200).never(&[]).body("yours");
    vec![
        live("an author's own no-store is left alone", page("/no-store", "{alice}"), no_store),
        live("a public page keeps its Vary", page("/vary", "{alice}"), status(200).keeps(&VARY)),
        live("a public page keeps every dialect", page("/dialects", "{alice}"), status(200).keeps(&DIALECTS)),
        live("a public 500 keeps what its author said", page("/broken", "{alice}"), broken),
        live("a redirect of the app passes", page("/redirect", "{alice}"), elsewhere),
        live("the app's own two cookies keep their order", page("/two-cookies", ""), status(200).keeps(&two)),
        live(
            "Auth-Sensitive: ?0 is removed, that is all",
            page("/marked-not", ""),
            status(200).keeps(&STAMP[..1]),
        ),
        live("a public rule keeps a page public", page("/open/page", "{expired}"), status(200).keeps(&STAMP)),
        live(
            "danger_mark_public after a read",
            page("/who/lowered", "{alice}"),
            status(200).keeps(&STAMP).body("same"),
        ),
        under(
            Bare,
            "without middleware: nothing is touched",
            page("/two-cookies", ""),
            status(200).keeps(&TWO),
        ),
        under(Bare, "without middleware: protect still protects one response", page("/one", ""), one),
    ]
}

fn bodies_and_heads() -> Vec<Case> {
    let unchanged = page("/not-modified", "{alice}").field("if-none-match", "\"v1\"");
    let head = page("/", "{alice}").method("HEAD");
    let posted = fetch("/echo", "{alice}").method("POST").content(b"to and fro".to_vec());
    let nested = status(200).keeps(&STAMP).body("nested");
    vec![
        live("a public 304 keeps caching and validator", unchanged, status(304).keeps(&ETAG).body("")),
        live("a public 204 keeps its caching", page("/no-content", ""), status(204).keeps(&STAMP).body("")),
        live("HEAD of a public page", head, status(200).keeps(&STAMP).body("")),
        live("a public page in a nested router", page("/nested/page", "{alice}"), nested),
        live("a large public page", page("/large", "{alice}"), status(200).keeps(&STAMP).large()),
        live("a posted body arrives whole", posted, status(200).keeps(&PRIVATE).body("to and fro")),
    ]
}

fn not_there() -> Vec<Case> {
    let private = |code| status(code).keeps(&PRIVATE);
    let delete = |cookie| fetch("/", cookie).method("DELETE");
    vec![
        live("404 for a stranger", page("/missing", ""), status(404).keeps(&[])),
        live("404 with a session is private", page("/missing", "{alice}"), private(404)),
        live("404 in a nested router", page("/nested/missing", "{alice}"), private(404)),
        live("405 for a stranger", delete(""), status(405).keeps(&[])),
        live("405 with a session is private", delete("{alice}"), private(405)),
    ]
}

fn exchange() -> Vec<Case> {
    let forwarded = page("/exchange/return-path", "")
        .field("forwarded", "host=evil.example;proto=https")
        .field("x-forwarded-host", "evil.example")
        .field("x-forwarded-proto", "https");
    let path = || status(200).keeps(&STAMP).body("/x?y /");
    let handle = status(200).keeps(&STAMP).body("same");
    vec![
        live("taking the exchange reads nothing", page("/exchange/handle", "{alice}"), handle),
        live("a safe return path reads nothing", page("/exchange/return-path", "{alice}"), path()),
        live("what a client says about forwarding changes nothing", forwarded, path()),
    ]
}

/// The response side alone.
fn of_cookies() -> Vec<Case> {
    let keeps = || status(200).keeps(&STAMP);
    let never = |lines: &[(&'static str, &str)]| status(200).never(lines);
    let (id, theme) = ([("set-cookie", "id=x; Path=/")], [("set-cookie", "theme=dark")]);
    let elsewhere = status(302).never(&[("location", "/elsewhere")]);
    vec![
        under(Cookies, "response side: a stranger's page keeps its caching", page("/", ""), keeps()),
        under(Cookies, "response side: a visitor's page is never stored", page("/", "id=x"), never(&[])),
        under(
            Cookies,
            "response side: a public rule outranks the cookie",
            page("/open/page", "id=x"),
            keeps(),
        ),
        under(
            Cookies,
            "response side: a public page drops its cookie alone",
            page("/open/cookie", "id=x"),
            never(&theme),
        ),
        under(Cookies, "response side: a page that sets the cookie", page("/own-cookie", ""), never(&id)),
        under(Cookies, "response side: a redirect is never stored", page("/redirect", ""), elsewhere),
        under(Cookies, "response side: 404 for a visitor", page("/missing", "id=x"), status(404).never(&[])),
        under(Cookies, "response side: a bearer's page is never stored", bearer("/"), never(&[])),
    ]
}
