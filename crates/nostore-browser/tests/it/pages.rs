//! Lists B and C: what a page is to its user, the poller, the channel.

use nostore_browser::{FOCUSED_MS, Input, OTHERWISE_MS, Options, Page, Poller, Read};

use crate::world::{World, focused, options, unfocused};

/// No document, no such function, or one that throws: the page says `null`, or nothing.
fn unknown() -> Page {
    Page::default()
}

#[test]
fn c81_c82_c83_c84_c85_the_pollers_pace() {
    let hidden = Page { visible: Some(false), ..unfocused() };
    let rows = [
        (focused(), 1_500),
        (unfocused(), 5_000),
        (hidden, 5_000),
        (unknown(), 5_000),
        (Page { focused: None, ..focused() }, 5_000),
    ];
    for (page, expected) in rows {
        assert_eq!(Poller::interval_ms(page), expected, "{page:?}");
    }
    assert_eq!((FOCUSED_MS, OTHERWISE_MS), (1_500, 5_000));
}

#[test]
fn r2_11_ticks_come_one_after_the_other_and_a_look_makes_the_next_one_soon() {
    let mut poller = Poller::default();
    assert!(!poller.take(0), "it was not started");
    poller.start(10);
    assert!(!poller.take(9));
    assert!(poller.take(10) && !poller.take(10_000), "the next one is settled when this has ended");
    poller.ended(unfocused(), false, 60);
    assert_eq!(poller.next_ms(), Some(5_060));
    poller.looked(focused(), 100);
    assert_eq!(poller.next_ms(), Some(1_600));
    poller.looked(unfocused(), 200);
    assert_eq!(poller.next_ms(), Some(1_600), "and none is put off");
    assert!(poller.take(1_600));
    poller.ended(focused(), true, 1_700);
    assert_eq!(poller.next_ms(), Some(6_700), "after a failure nobody is in a hurry");
    poller.stop();
    assert!(!poller.take(u64::MAX));
}

#[test]
fn b4_b5_b6_who_cannot_tell_whether_it_is_looked_at_refreshes_as_if_it_were() {
    for (page, at) in [(focused(), 43.0), (unknown(), 43.0), (unfocused(), 50.0)] {
        let mut world = World::signed_in("sess_1");
        // Without the poller, which reads: the timer alone.
        world.open_with(Options { polls: false, ..options() }, page);
        world.pass(58.0);
        assert_eq!(world.fetched_at(), [at], "{page:?}");
    }
}

#[test]
fn b43_b44_a_tab_that_cannot_tell_says_nothing_of_itself() {
    let rows = [
        (focused(), Some("focused")),
        (unfocused(), Some("visible")),
        (Page { visible: Some(false), ..unfocused() }, Some("hidden")),
        (Page { focused: None, ..focused() }, None),
        (Page { visible: None, ..unfocused() }, None),
        (unknown(), None),
    ];
    for (page, expected) in rows {
        let mut world = World::signed_in("sess_1");
        let tab = world.open(page);
        world.ask(tab, Read { skip_cache: true, ..Read::default() });
        let form = &world.sent.last().unwrap().form;
        let said = form.split('&').find_map(|pair| pair.strip_prefix("tab_state="));
        assert_eq!(said, expected, "{page:?}");
    }
}

#[test]
fn a66_a67_the_channel_closes_and_opens_again_with_what_is_told_next() {
    let mut world = World::signed_in("sess_1");
    let (first, second) = (world.open(focused()), world.open(unfocused()));
    world.tell(second, Input::Hidden);
    assert!(world.tabs[first].listens && !world.tabs[second].listens, "closed");
    world.ask(first, Read { skip_cache: true, ..Read::default() });
    world.now_ms += 2_000;
    world.pass(1.0);
    assert_eq!(world.peek(second), Some(crate::world::mint("sess_1", 0).raw()), "it hears nothing");
    let before = world.tabs[second].done.len();
    world.ask(second, Read { skip_cache: true, ..Read::default() });
    world.pass(1.0);
    let done = &world.tabs[second].done[before..];
    let place = |what: &str| done.iter().position(|done| done == what);
    assert!(place("listen") < place("post Tokens") && place("listen").is_some(), "{done:?}");
    assert!(world.tabs[second].listens);
    world.tell(first, Input::Stop);
    assert!(!world.tabs[first].listens, "and stopping closes it for good");
}

#[test]
fn f26_r2_11_stopping_in_the_middle_of_a_tick_really_stops() {
    for locks in [true, false] {
        let mut world = World::new("sess_1");
        let pinned =
            Options { session: Some("sess_1".into()), organization: Some(String::new()), locks, ..options() };
        let tab = world.open_with(pinned, focused());
        // The first tick waits for its token.
        world.now_ms += 1;
        world.pass(0.0);
        assert_eq!(world.fetched_at().len(), 1, "a tick is under way");
        let waits = world.ask(tab, Read::default());
        world.tell(tab, Input::Stop);
        assert_eq!(world.settled(tab, waits), Some(Err("session-stopped")));
        assert_eq!((world.held(), world.tabs[tab].events.len()), (0, 0));
        world.pass(600.0);
        assert_eq!(world.fetched_at().len(), 1, "no tick, no timer, no request any more");
        let late = world.ask(tab, Read::default());
        assert_eq!(world.settled(tab, late), Some(Err("session-stopped")));
        assert_eq!(world.session_cookies(), [None, None], "and what came late is written nowhere");
    }
}
