//! List K: how the cookie looks; the last of list C: who writes it, and when.

use nostore_browser::{Attributes, Input, Names, Options, Page, Read};

use crate::world::{Mint, World, focused, mint, options, suffix, unfocused};

const TOP: Attributes = Attributes { framed: false, secure: false, partitioned: false };

fn names() -> Names {
    Names::new("abcdefgh")
}

/// What stands behind the value of the first line.
fn attributes(attributes: Attributes) -> String {
    let lines = names().write("a.b.c", attributes);
    lines.last().unwrap().split_once("; ").unwrap().1.to_owned()
}

#[test]
fn k1_k7_both_names_are_written_for_a_year() {
    assert_eq!(
        names().write("a.b.c", TOP),
        [
            "__session_abcdefgh=a.b.c; Path=/; Max-Age=31536000; SameSite=Lax",
            "__session=a.b.c; Path=/; Max-Age=31536000; SameSite=Lax",
        ]
    );
}

#[test]
fn k2_k8_no_value_removes_both_names() {
    let expected = [
        "__session_abcdefgh=; Path=/; Max-Age=0; SameSite=Lax",
        "__session=; Path=/; Max-Age=0; SameSite=Lax",
    ];
    assert_eq!(names().write("", TOP), expected);
    assert_eq!(names().remove(TOP).concat(), expected);
    assert_eq!(names().write("a.b.c; Domain=example.com", TOP), expected, "what is no token is not written");
}

#[test]
fn k3_k4_k5_where_the_page_is_says_how_they_are_sent() {
    let rows = [
        (TOP, "SameSite=Lax"),
        (Attributes { secure: true, ..TOP }, "SameSite=Lax; Secure"),
        (Attributes { framed: true, secure: true, ..TOP }, "SameSite=None; Secure"),
        (Attributes { framed: true, ..TOP }, "SameSite=None; Secure"),
        (Attributes { partitioned: true, ..TOP }, "SameSite=None; Secure; Partitioned"),
        (Attributes { framed: true, secure: true, partitioned: true }, "SameSite=None; Secure; Partitioned"),
    ];
    for (given, expected) in rows {
        assert_eq!(attributes(given), format!("Path=/; Max-Age=31536000; {expected}"), "{given:?}");
    }
}

#[test]
fn k6_the_unpartitioned_twin_goes_first() {
    let partitioned = Attributes { secure: true, partitioned: true, ..TOP };
    let tail = "SameSite=None; Secure; Partitioned";
    assert_eq!(
        names().write("a.b.c", partitioned),
        [
            "__session_abcdefgh=; Path=/; Max-Age=0; SameSite=Lax; Secure".to_owned(),
            format!("__session_abcdefgh=a.b.c; Path=/; Max-Age=31536000; {tail}"),
            "__session=; Path=/; Max-Age=0; SameSite=Lax; Secure".to_owned(),
            format!("__session=a.b.c; Path=/; Max-Age=31536000; {tail}"),
        ]
    );
    assert_eq!(names().write("", partitioned).len(), 4, "and both go where there is none");
}

#[test]
fn k9_k10_the_suffixed_name_is_read_first_and_then_the_plain_one() {
    let [one, two] = [mint("sess_1", 0).raw(), mint("sess_2", 0).raw()];
    let rows = [
        (format!("__session={two}; __session_abcdefgh={one}"), Some("sess_1")),
        (format!("__session_abcdefgh={one}"), Some("sess_1")),
        (format!("__session={two}"), Some("sess_2")),
        (format!("__session={two}; __session_abcdefgh="), Some("sess_2")),
        (format!("__session={two}; __session_other={one}"), Some("sess_2")),
        ("__session=garbage".to_owned(), None),
        (String::new(), None),
    ];
    for (jar, expected) in rows {
        let held = names().read(&jar);
        assert_eq!(held.token().and_then(|token| token.session()), expected, "{jar}");
        assert_eq!(held.any, !jar.is_empty(), "{jar}");
    }
    let held = names().read("__client_uat=5; __client_uat_abcdefgh=0; __clerk_db_jwt=dvb_1");
    assert_eq!((held.nobody, held.somebody, held.browser.as_deref()), (true, false, Some("dvb_1")));
}

/// A tab that has a token of its own, beside what the cookie holds: `None` is nothing.
fn beside(held: Option<&Mint>, page: Page) -> (World, usize) {
    let mut world = World::new("sess_1");
    world.cookies.insert("__client_uat".into(), "5".into());
    let held = held.map(Mint::raw);
    if let Some(raw) = &held {
        world.set_session(raw);
    }
    let pinned = Options { session: Some("sess_1".into()), polls: false, ..options() };
    let tab = world.open_with(pinned, page);
    world.pass(0.5);
    (world, tab)
}

fn in_cookie(world: &World) -> Option<String> {
    let [suffixed, plain] = world.session_cookies();
    assert_eq!(suffixed, plain, "both names say the same");
    suffixed.map(str::to_owned)
}

#[test]
fn c87_c88_c89_c90_who_is_looked_at_writes_and_others_only_over_their_own() {
    let other = mint("sess_2", 0);
    let own = Mint { iat: -50, ..mint("sess_1", 0) };
    let frame = |visible| Page { framed: true, visible: Some(visible), ..unfocused() };
    let rows = [
        (Some(&other), focused(), true),
        (Some(&other), unfocused(), false),
        (Some(&other), frame(true), true),
        (Some(&other), frame(false), false),
        (Some(&other), Page::default(), false),
        (Some(&own), unfocused(), true),
        (None, unfocused(), true),
        (None, frame(false), true),
    ];
    for (held, page, writes) in rows {
        let (mut world, tab) = beside(held, page);
        world.ask(tab, Read::default());
        world.pass(1.0);
        let token = world.peek(tab).unwrap();
        let expected = if writes { Some(token) } else { held.map(Mint::raw) };
        assert_eq!(in_cookie(&world), expected, "{held:?} {page:?}");
    }
}

#[test]
fn c86_c91_r2_13_on_focus_and_when_seen_the_cookie_is_written_before_anything_is_fetched() {
    let seen = unfocused();
    let hidden = Page { visible: Some(false), ..unfocused() };
    for (before, after) in
        [(unfocused(), focused()), (hidden, Page { framed: true, ..seen }), (hidden, focused())]
    {
        let (mut world, tab) = beside(Some(&mint("sess_2", 0)), before);
        world.ask(tab, Read::default());
        world.pass(1.0);
        let token = world.peek(tab).unwrap();
        assert_eq!(in_cookie(&world), Some(mint("sess_2", 0).raw()), "another's, and nobody is looking");
        // Stale by now: what is there is written all the same, and the fetch comes behind.
        world.now_ms += 48_000;
        world.tabs[tab].done.clear();
        world.looked(tab, after);
        assert_eq!(in_cookie(&world), Some(token), "in the same turn");
        let done = &world.tabs[tab].done;
        let place = |what: &str| done.iter().position(|done| done.starts_with(what));
        assert!(place("cookie") < place("fetch") && place("fetch").is_some(), "{done:?}");
    }
}

#[test]
fn c92_the_cookie_is_written_again_after_the_environment_changed() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    world.pass(1.0);
    world.tabs[tab].done.clear();
    world.tell(tab, Input::Environment { partitioned: true });
    let cookies = world.tabs[tab].done.iter().filter(|done| done.starts_with("cookie __session")).count();
    assert!(cookies >= 4, "{:?}", world.tabs[tab].done);
    assert_eq!(in_cookie(&world), Some(world.peek(tab).unwrap()));
}

#[test]
fn a_staler_token_is_never_written_over_one_that_knows_more() {
    let rows = [
        (Mint { oiat: Some(50), ..mint("sess_1", 0) }, Mint { oiat: Some(40), ..mint("sess_1", 1) }, false),
        (Mint { oiat: Some(50), ..mint("sess_1", 0) }, Mint { oiat: Some(60), ..mint("sess_1", 0) }, true),
        (mint("sess_1", 5), mint("sess_1", 0), false),
        (mint("sess_1", 0), mint("sess_1", 5), true),
        // One that has run out is no measure.
        (
            Mint { oiat: Some(50), lives: 3, ..mint("sess_1", 0) },
            Mint { oiat: Some(40), ..mint("sess_1", 1) },
            true,
        ),
    ];
    for (held, own, writes) in rows {
        let mut world = World::signed_in("sess_1");
        world.set_session(&own.raw());
        world.now_ms = 6_000;
        let tab = world.open_with(Options { polls: false, ..options() }, focused());
        assert_eq!(world.peek(tab), Some(own.raw()));
        world.set_session(&held.raw());
        world.looked(tab, focused());
        let expected = if writes { &own } else { &held };
        assert_eq!(in_cookie(&world), Some(expected.raw()), "{held:?} {own:?}");
        assert_eq!(world.peek(tab), Some(expected.raw()), "and the tab takes what knows more");
    }
}

#[test]
fn f27_what_is_there_already_is_not_written_again() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    world.pass(20.0);
    world.looked(tab, unfocused());
    world.looked(tab, focused());
    let writes =
        |world: &World| world.tabs[tab].done.iter().filter(|done| done.starts_with("cookie _")).count();
    assert_eq!(writes(&world), 0, "{:?}", world.tabs[tab].done);
    world.pass(30.0);
    assert_eq!(writes(&world), 2, "one refresh, two names");
    let mut world = World::signed_in("sess_1");
    let tab = world.open_with(Options { writes_cookie: false, ..options() }, focused());
    world.pass(100.0);
    assert_eq!(in_cookie(&world), Some(mint("sess_1", 0).raw()), "who asked for no cookie gets none");
    assert!(world.peek(tab).is_some());
}

#[test]
fn a_tab_follows_where_the_site_signed_somebody_else_in() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(unfocused());
    world.pass(10.0);
    world.sessions.insert("sess_2", String::new());
    let other = mint("sess_2", 9).raw();
    world.set_session(&other);
    world.looked(tab, focused());
    assert_eq!((world.peek(tab), in_cookie(&world)), (Some(other.clone()), Some(other)));
    // An older one is a leftover, and is written over.
    let mut world = World::signed_in("sess_1");
    let tab = world.open(unfocused());
    world.set_session(&Mint { iat: -5, ..mint("sess_2", 0) }.raw());
    world.looked(tab, focused());
    assert_eq!(in_cookie(&world), Some(mint("sess_1", 0).raw()));
    assert_eq!(world.tabs[tab].keeper.session(), Some("sess_1"));
}

#[test]
fn the_suffix_is_the_sites_own() {
    assert_eq!(options().suffix, suffix());
}
