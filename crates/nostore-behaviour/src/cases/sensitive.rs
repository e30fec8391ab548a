//! What depends on a session carries the whole field set, whatever its author said.

use super::{live, under};
use crate::adapter::Setting::{Netlify, ProtectAll, Twice};
use crate::case::{Case, Expected, fetch, page, status};

const ALICE: &str = "alice@example.com";
const TWO: [(&str, &str); 4] = [
    ("set-cookie", "a=1; Path=/"),
    ("set-cookie", "b=2; Path=/; HttpOnly"),
    ("x-tag", "one"),
    ("x-tag", "two"),
];
const CLOSED: [(&str, &str); 2] = [("edge-control", "no-store"), ("akamai-cache-control", "no-store")];

pub(super) fn cases() -> Vec<Case> {
    [readers(), auth_around_the_page(), said_by_the_app(), options()].concat()
}

fn alice() -> Expected {
    status(200).never(&[]).body(ALICE)
}

fn nobody() -> Expected {
    status(200).never_with_state(&[]).body("nobody")
}

fn readers() -> Vec<Case> {
    let bearer = || fetch("/who", "").field("authorization", "Bearer x");
    let head = |target, cookie| page(target, cookie).method("HEAD");
    let expired_head = status(200).never_with_state(&[]).body("");
    let optional = status(200).never(&[]).body("nobody");
    vec![
        live("Auth: Alice", page("/who", "{alice}"), alice()),
        live("Auth: nobody", page("/who", ""), nobody()),
        live("Auth: an expired session on a fetch is nobody", fetch("/who", "{expired}"), nobody()),
        live("Auth: a bearer token that is none", bearer(), nobody()),
        live("Auth: in a nested router", page("/nested/who", "{alice}"), alice()),
        live("Auth: HEAD", head("/who", "{alice}"), status(200).never(&[]).body("")),
        live("Auth: HEAD of an expired session", head("/who", "{expired}"), expired_head),
        live("OptionalAuth: Alice", page("/maybe", "{alice}"), alice()),
        live("OptionalAuth: an expired session is nobody, and stays", page("/maybe", "{expired}"), optional),
        live("RequireAuth: Alice", page("/mine", "{alice}"), alice()),
        live("RequireAuth: Bob", page("/mine", "{bob}"), status(200).never(&[]).body("bob@example.com")),
    ]
}

fn auth_around_the_page() -> Vec<Case> {
    let merged = || status(200).never(&[("vary", "Accept-Encoding, Cookie")]).body(ALICE);
    let (closed, two) = (status(200).never(&CLOSED).body(ALICE), status(200).never(&TWO).body(ALICE));
    let unchanged = page("/who/not-modified", "{alice}").field("if-none-match", "\"v1\"");
    let validator = status(304).never(&[("etag", "\"v1\"")]).body("");
    let refuses = "an extractor of the framework that refuses after Auth";
    vec![
        live("Auth: on a page without a word on caching", page("/who/silent", "{alice}"), alice()),
        live("Auth: Cookie joins the page's own Vary", page("/who/vary", "{alice}"), merged()),
        live("Auth: every dialect is closed, none is joined", page("/who/dialects", "{alice}"), closed),
        live("Auth: a 304 is protected and keeps its validator", unchanged, validator),
        live("Auth: a 204 is protected", page("/who/no-content", "{alice}"), status(204).never(&[]).body("")),
        live(
            "Auth: a 500 is protected",
            page("/who/broken", "{alice}"),
            status(500).never(&[]).body("broken"),
        ),
        live(
            "Auth: the page's own cookies keep their order",
            page("/who/two-cookies", "{alice}"),
            two.clone(),
        ),
        live("Auth: a large page", page("/who/large", "{alice}"), status(200).never(&[]).large()),
        live(refuses, page("/number?n=abc", "{alice}"), status(400).never(&[])),
        live(
            "an error that the handler returns after Auth",
            page("/fails", "{alice}"),
            status(418).never(&[]),
        ),
        under(Twice, "twice around a page that reads is once", page("/who/vary", "{alice}"), merged()),
        under(Twice, "twice around a page with cookies is once", page("/who/two-cookies", "{alice}"), two),
    ]
}

fn said_by_the_app() -> Vec<Case> {
    let sets = |line| status(200).never(&[("set-cookie", line)]);
    let never = |code, body: &str| status(code).never(&[]).body(body);
    let lowered = page("/lowered/session-cookie", "{alice}");
    let cacheable = page("/cacheable-cookie", "");
    vec![
        live("protect: one response", page("/one", ""), never(200, "yours")),
        live("danger_mark_public lets no session cookie out", lowered, sets("__session=x")),
        live("a cookie on a page that its author made cacheable", cacheable, sets("theme=dark")),
        live("a session cookie of the app", page("/session-cookie", ""), sets("__session=x; Path=/")),
        live("403 of the app", page("/forbidden", ""), never(403, "no")),
        live("401 of the app", page("/unauthorized", ""), never(401, "no")),
        live("Auth-Sensitive: ?1 is honoured and removed", page("/marked", ""), never(200, "yours")),
        live("Auth-Sensitive that is no boolean is yes", page("/marked-junk", ""), never(200, "yours")),
        live("the app raises the level", page("/exchange/raise", ""), never(200, "raised")),
        live("a route rule lets Alice pass", page("/admin/rows", "{alice}"), never(200, "rows")),
        live("HEAD by a route rule", page("/admin/rows", "{alice}").method("HEAD"), never(200, "")),
    ]
}

fn options() -> Vec<Case> {
    let never = || status(200).never(&[]);
    let elsewhere = status(302).never(&[("location", "/elsewhere"), ("set-cookie", "__nostore_hops=*")]);
    let netlify = || status(200).never(&[("netlify-vary", "cookie=*")]);
    let delete = fetch("/", "").method("DELETE");
    vec![
        under(ProtectAll, "protect_all: a public page", page("/", ""), never()),
        under(ProtectAll, "protect_all: 404", page("/missing", ""), status(404).never(&[])),
        under(ProtectAll, "protect_all: 405", delete, status(405).never(&[])),
        under(ProtectAll, "protect_all: a redirect", page("/redirect", ""), elsewhere),
        under(
            ProtectAll,
            "protect_all: in a nested router",
            page("/nested/page", ""),
            never().body("nested"),
        ),
        under(
            Netlify,
            "Netlify: a page that reads carries one instruction",
            page("/who", "{alice}"),
            netlify(),
        ),
        under(Netlify, "Netlify: a protected response too", page("/one", ""), netlify()),
        under(
            Netlify,
            "Netlify: a public page carries none",
            page("/", "{alice}"),
            status(200).keeps(&super::STAMP),
        ),
    ]
}
