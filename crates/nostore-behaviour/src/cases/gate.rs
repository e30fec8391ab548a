//! What the gate answers instead of the app, to the byte, and what a handshake's return adds.

use super::{STAMP, live, under};
use crate::adapter::Setting::{Bare, Development, Eager, Twice};
use crate::case::{Asks, Case, Expected, fetch, page, status};

pub(super) fn cases() -> Vec<Case> {
    [readers(), requirements(), rules(), returns(), development(), eager(), bare()].concat()
}

fn gate(code: u16, asks: Asks) -> Expected {
    status(code).gate(asks)
}

fn readers() -> Vec<Case> {
    let require = |code| gate(code, Asks::Require);
    let told = require(401).body("401: sign in first\n");
    let head = page("/mine", "").method("HEAD");
    let looping = page("/mine", "__clerk_redirect_count=3; {expired}");
    let identity = "https://accounts.nostore.example/sign-in?redirect_url=http%3A%2F%2Fshop.example%2Fwho";
    let identity = status(303).never(&[("location", identity), ("set-cookie", "__nostore_hops=*")]);
    let find_out = gate(307, Asks::Auth).body("");
    vec![
        live("Auth: an expired session on a page is sent to find out", page("/who", "{expired}"), find_out),
        live(
            "RequireAuth: a stranger's page is sent to sign in",
            page("/mine?q=1", ""),
            require(307).body(""),
        ),
        live("RequireAuth: an expired session is sent to find out", page("/mine", "{expired}"), require(307)),
        live("RequireAuth: a stranger's fetch is a 401 with a challenge", fetch("/mine", ""), told),
        live("RequireAuth: an expired session's fetch is a 401", fetch("/mine", "{expired}"), require(401)),
        live("RequireAuth: HEAD", head, require(307).body("")),
        live("RequireAuth: a loop is stopped", looping, require(401)),
        live("the sign-in page of the identity service", page("/exchange/identity", ""), identity),
        under(Twice, "twice: a refusal of an extractor is sent once", page("/mine", ""), require(307)),
    ]
}

/// What is asked besides being signed in: `/admins` in the extractor, `/erase` in the handler.
fn requirements() -> Vec<Case> {
    let alice = |body: &str| status(200).never(&[]).body(body);
    let forbidden = || status(403).never(&[]).body("403: you are signed in, but this is not for you\n");
    let require = |code| gate(code, Asks::Require);
    vec![
        live("Require: an admin", page("/admins", "{alice}"), alice("alice@example.com")),
        live("Require: a member is a 403", page("/admins", "{bob}"), forbidden()),
        live("Require: a member's fetch is a 403", fetch("/admins", "{bob}"), forbidden()),
        live("Require: a stranger's page is sent to sign in", page("/admins", ""), require(307).body("")),
        live("Require: a stranger's fetch is a 401", fetch("/admins", ""), require(401)),
        live("Require: an expired session is sent to find out", page("/admins", "{expired}"), require(307)),
        live("a check in the handler: an admin", page("/erase", "{alice}"), alice("erased")),
        live("a check in the handler: a member is a 403", page("/erase", "{bob}"), forbidden()),
        live("a check in the handler: a stranger's fetch is a 401", fetch("/erase", ""), require(401)),
        under(
            Bare,
            "without middleware: Require is a 500, too",
            page("/admins", "{alice}"),
            status(500).never(&[]),
        ),
    ]
}

fn rules() -> Vec<Case> {
    let begin = |code| gate(code, Asks::Begin);
    let post = fetch("/admin/rows", "").method("POST");
    let call = post.clone().field("content-type", "application/grpc");
    vec![
        live("a route rule sends a stranger to sign in", page("/admin/rows", ""), begin(307).body("")),
        live("a route rule refuses a fetch", fetch("/admin/rows", ""), begin(401)),
        live("a route rule refuses a POST", post, begin(401)),
        live("a route rule refuses a gRPC call without content", call, begin(401).body("")),
        live("a route rule covers pages that are not there", page("/admin/missing", ""), begin(307)),
        live("a route rule covers another spelling", page("/%61dmin/rows", ""), begin(307)),
        under(Twice, "twice: the gate answers once", page("/admin/rows", ""), begin(307)),
    ]
}

/// A live handshake returns in a cookie, on the page itself.
fn returns() -> Vec<Case> {
    let back = |target| page(target, "__clerk_handshake={handshake}");
    let stamped = |code| status(code).returns(&STAMP);
    let two = [
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2; Path=/; HttpOnly"),
        ("x-tag", "one"),
        ("x-tag", "two"),
    ];
    let four = status(200).returns(&two).body("two");
    let alice = || stamped(200).body("alice@example.com");
    let nonce = page("/who", "__clerk_handshake_nonce=n1");
    let forged = page("/?__clerk_handshake={handshake}x", "");
    vec![
        live("a handshake returns: both lines, on the page itself", back("/"), stamped(200)),
        live("a handshake returns on a page that reads", back("/who"), alice()),
        live("a handshake returns with a nonce", nonce, alice()),
        live("a handshake returns on a page that sets cookies: four lines", back("/two-cookies"), four),
        live("a handshake returns on a route rule", back("/admin/rows"), stamped(200).body("rows")),
        live("a handshake returns on a page that is not there", back("/missing"), status(404).returns(&[])),
        live("a handshake in a live URL is forged, and nothing", forged, status(200).keeps(&STAMP)),
    ]
}

fn development() -> Vec<Case> {
    let begin = |code| gate(code, Asks::Begin);
    let (back, lost) = ("/?x=1&__clerk_handshake={handshake}", "/missing?__clerk_handshake={handshake}");
    let forged = page("/?__clerk_handshake={handshake}x", "");
    let unnamed = gate(307, Asks::Auth).body("");
    vec![
        under(
            Development,
            "development: a handshake is redirected off the URL",
            page(back, ""),
            begin(307).body(""),
        ),
        under(Development, "development: on a page that is not there, too", page(lost, ""), begin(307)),
        under(Development, "development: a forged handshake is an error page", forged, begin(500)),
        under(
            Development,
            "development: a browser without a name is sent for one",
            page("/who", ""),
            unnamed,
        ),
    ]
}

fn eager() -> Vec<Case> {
    let begin = |code| gate(code, Asks::Begin);
    let public = || status(200).keeps(&STAMP);
    vec![
        under(
            Eager,
            "eager: an expired session's page is sent to find out",
            page("/", "{expired}"),
            begin(307),
        ),
        under(Eager, "eager: a page that is not there, too", page("/missing", "{expired}"), begin(307)),
        under(Eager, "eager: Alice's public page is still public", page("/", "{alice}"), public()),
        under(
            Eager,
            "eager: a public rule is left alone",
            page("/open/page", "{expired}"),
            public().body("open"),
        ),
        under(Eager, "eager: fetches are left alone", fetch("/", "{expired}"), public()),
    ]
}

/// Readers without middleware fail closed.
fn bare() -> Vec<Case> {
    let never = || status(500).never(&[]);
    vec![
        under(Bare, "without middleware: Auth is a 500 that nobody stores", page("/who", "{alice}"), never()),
        under(Bare, "without middleware: OptionalAuth, too", page("/maybe", ""), never()),
        under(Bare, "without middleware: RequireAuth, too", page("/mine", ""), never()),
        under(Bare, "without middleware: the exchange, too", page("/exchange/handle", ""), never()),
    ]
}
