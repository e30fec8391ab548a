//! Which addresses a browser is sent back to.

use std::fmt::Write as _;

use nostore_issuer::core::Mode;

use crate::world::World;

/// Addresses that must never be in a `Location`, each with what is wrong.
const REFUSED: [&str; 38] = [
    "",
    "/dashboard",
    "dashboard",
    "//evil.example/",
    "//localhost:8080/",
    "javascript:alert(1)",
    "javascript://localhost:8080/%0aalert(1)",
    "data:text/html,x",
    "ftp://localhost:8080/",
    "http:localhost:8080/",
    "http:/localhost:8080/",
    "http:///localhost:8080/",
    "http://",
    "http://evil.example/",
    "https://evil.example/",
    "http://localhost:8080.evil.example/",
    "http://localhost.evil.example:8080/",
    "http://evil-localhost:8080/",
    "http://localhost:8081/",
    "http://localhost:80/",
    "http://localhost/",
    "https://localhost:8080/",
    "http://127.0.0.1:8080/",
    "http://[::1]:8080/",
    "http://localhost:8080@evil.example/",
    "http://user@localhost:8080/",
    "http://user:secret@localhost:8080/",
    "http://evil.example#@localhost:8080/",
    "http://evil.example?@localhost:8080/",
    "http://evil.example\\@localhost:8080/",
    "http://localhost:8080\\@evil.example/",
    "http:\\\\localhost:8080/",
    "\\\\localhost:8080/",
    " http://localhost:8080/",
    "http://localhost:8080/\r\nset-cookie: a=1",
    "http://localhost:8080/\tx",
    "http://local\u{212a}host:8080/",
    "http://localhost:08080x/",
];

#[test]
fn r1_12_addresses_of_other_sites_are_refused_with_what_was_expected() {
    let mut table = String::new();
    for address in REFUSED {
        let text: String = form_urlencoded::byte_serialize(address.as_bytes()).collect();
        let mut world = World::new(Mode::Test);
        let handshake = world.get(&format!("/v1/client/handshake?redirect_url={text}"), &[]);
        assert_eq!(handshake.status, 400, "{address}");
        assert!(handshake.body.contains("<code>http://localhost:8080</code>"), "{address}");
        assert_eq!(handshake.fields.first("content-type"), Some("text/html; charset=utf-8"));
        for answer in [
            handshake.clone(),
            world.get(&format!("/sign-in?redirect_url={text}"), &[]),
            world.post("/sign-in", &[], &format!("email=alice%40example.com&redirect_url={text}")),
            world.post("/sign-out", &[], &format!("redirect_url={text}")),
        ] {
            assert!(!answer.fields.contains("location"), "{address}");
            assert!(!answer.fields.contains("set-cookie"), "{address}");
        }
        let part = |start: &str, end: &str| {
            handshake.body.split(start).nth(1).unwrap().split(end).next().unwrap().to_owned()
        };
        let (title, lead) = (part("<h1>", "</h1>"), part("<p class=\"lead\">", "</p>"));
        assert!(!handshake.body.contains('`'), "{address}");
        let _ = writeln!(table, "{address:?}\n    {}: {title}. {lead}", handshake.note);
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_longest_address_is_accepted_and_one_byte_more_is_not() {
    for (length, status) in [(8_191, 307), (8_192, 307), (8_193, 400)] {
        let address = format!("http://localhost:8080/{}", "a".repeat(length - 22));
        let mut world = World::new(Mode::Test);
        let answer = world.get(&format!("/v1/client/handshake?redirect_url={address}"), &[]);
        assert_eq!(answer.status, status, "{length}");
    }
}

#[test]
fn with_live_keys_site_and_service_share_their_host_name() {
    let mut world = World::new(Mode::Live);
    world.authority = "127.0.0.1:8081";
    let answer = world.get("/v1/client/handshake?redirect_url=http://localhost:8080/", &[]);
    assert_eq!((answer.status, answer.note.as_str()), (400, "redirect-url-other-host"));
    assert!(answer.body.contains("<code>127.0.0.1</code>"), "{}", answer.body);
    assert!(answer.body.contains("<h1>That site has another host name</h1>"), "{}", answer.body);
}

#[test]
fn the_refusal_names_every_site_and_the_flag() {
    let mut world = World::with_sites(Mode::Test, &["http://localhost:8080", "http://127.0.0.1:8080"]);
    let refused =
        |world: &mut World, query: &str| world.get(&format!("/v1/client/handshake{query}"), &[]).body;
    let sites = "<code>http://localhost:8080</code> or <code>http://127.0.0.1:8080</code>";
    let foreign = refused(&mut world, "?redirect_url=http://localhost:5173/");
    for expected in [sites, "<code>--allow-origin ORIGIN</code>", "<code>nostore dev</code>"] {
        assert!(foreign.contains(expected), "{expected}: {foreign}");
    }
    let missing = refused(&mut world, "");
    for expected in [sites, "<h1>No address to return to</h1>", "<code>redirect_url</code>"] {
        assert!(missing.contains(expected), "{expected}: {missing}");
    }
    assert!(!missing.contains("--allow-origin"), "no flag mends a missing address: {missing}");
}
