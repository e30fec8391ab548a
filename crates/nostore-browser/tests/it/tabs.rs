//! Several tabs: one lock, one channel, one cookie.

use nostore_browser::{Channel, Input, Options, Page, Read};
use nostore_token::{MAX_MESSAGE_BYTES, Message, SessionToken, TokenKey};
use serde_json::json;

use crate::world::{Mint, World, claim, focused, mint, options, unfocused};

#[test]
fn r2_12_tabs_that_all_believe_to_be_looked_at_fetch_once_a_refresh() {
    for pages in [[focused(); 3], [Page::default(); 3], [focused(), unfocused(), unfocused()]] {
        let mut world = World::signed_in("sess_1");
        for page in pages {
            world.open(page);
        }
        for _ in 0..100 {
            world.pass(4.3);
            let tokens = [0, 1, 2].map(|tab| world.ready(tab));
            assert!(
                tokens.iter().all(|token| *token == tokens[0]),
                "all have the same at {} ms",
                world.now_ms
            );
        }
        let fetches = world.fetched_at().len();
        assert!((9..=10).contains(&fetches), "{pages:?}: {fetches} in 430 s");
        world.pass(1.0);
        assert_eq!(world.held(), 0, "no lock is kept");
    }
}

#[test]
fn i2_two_users_in_two_tabs_do_not_mix() {
    let mut world = World::signed_in("sess_1");
    world.sessions.insert("sess_2", String::new());
    let pinned = |session: &str| Options { session: Some(session.into()), ..options() };
    let first = world.open_with(pinned("sess_1"), focused());
    let second = world.open_with(pinned("sess_2"), unfocused());
    for _ in 0..60 {
        world.pass(5.0);
        assert_eq!(claim(&world.ready(first), "sid"), "sess_1");
        assert_eq!(claim(&world.ready(second), "sid"), "sess_2");
        assert_eq!(claim(world.session_cookies()[0].unwrap(), "sid"), "sess_1", "whose tab is looked at");
    }
    let asked = |session: &str| world.sent.iter().filter(|sent| sent.target.contains(session)).count();
    assert!((5..=7).contains(&asked("sess_1/tokens")) && (5..=7).contains(&asked("sess_2/tokens")));
    world.looked(first, unfocused());
    world.looked(second, focused());
    assert_eq!(claim(world.session_cookies()[0].unwrap(), "sid"), "sess_2", "and then the other's");
}

#[test]
fn f25_a_tab_that_closes_or_freezes_with_the_lock_in_its_hand_costs_nobody_a_token() {
    for closes in [true, false] {
        let mut world = World::signed_in("sess_1");
        let (first, second) = (world.open(focused()), world.open(unfocused()));
        world.pass(42.9);
        world.pass(0.11);
        assert_eq!((world.fetched_at().len(), world.held()), (1, 1), "one tab is at it");
        let holder = world.sent.last().unwrap().tab;
        assert_eq!(holder, first);
        let _never = world.intercept();
        if closes {
            world.close(first);
        } else {
            world.tabs[first].frozen = true;
        }
        let mut waited = 0;
        for _ in 0..100 {
            world.pass(0.2);
            let ticket = world.ask(second, Read::default());
            if world.settled(second, ticket).is_none() {
                waited += 1;
                world.pass(0.05);
                assert!(matches!(world.settled(second, ticket), Some(Ok(Some(_)))), "for one answer at most");
            }
        }
        // Where the lock never comes, the fetch goes on without it as the token gets into its last seconds.
        assert!(waited <= usize::from(!closes), "{closes}: {waited} waited");
        let token = world.ready(second);
        assert!(claim(&token, "iat").as_i64().unwrap() > crate::world::START + 40, "{closes}");
    }
}

/// What a tab does with a message: whether it takes its token.
fn taken(text: String) -> bool {
    // One that the cookie would not put right, either.
    let alone = {
        let mut world = World::signed_in("sess_1");
        let known = Mint { iat: 1, ..mint("sess_1", 0) };
        world.set_session(&known.raw());
        world.now_ms = 4_000;
        let tab = world.open_with(Options { writes_cookie: false, ..options() }, focused());
        world.cookies.clear();
        world.tell(tab, Input::Heard { channel: Channel::Tokens, text: text.clone().into() });
        assert_eq!(world.tabs[tab].keeper.entries(), 1, "no entry is made for others");
        world.peek(tab).unwrap() != known.raw()
    };
    let mut world = World::signed_in("sess_1");
    let known = Mint { iat: 1, ..mint("sess_1", 0) };
    world.set_session(&known.raw());
    world.now_ms = 4_000;
    let tab = world.open(focused());
    world.tell(tab, Input::Heard { channel: Channel::Tokens, text: text.into() });
    let token = world.peek(tab).unwrap();
    assert_eq!(world.session_cookies()[0], Some(&*token), "the cookie follows");
    assert_eq!(token != known.raw(), alone);
    alone
}

fn message(session: &str, token: &Mint) -> String {
    let key = TokenKey::of_session(session);
    let token = SessionToken::parse(&token.raw()).unwrap();
    Message::of(&key, &token, "trace").unwrap().expose().to_owned()
}

#[test]
fn r2_12_staler_and_foreign_messages_are_refused() {
    assert!(taken(message("sess_1", &mint("sess_1", 3))), "a fresher one is taken");
    assert!(!taken(message("sess_1", &mint("sess_1", 0))), "an older one is not");
    assert!(!taken(message("sess_2", &mint("sess_2", 3))), "another session's is not");
    let expired = Mint { lives: 1, ..mint("sess_1", 2) };
    assert!(!taken(message("sess_1", &expired)), "nor one that has run out");
    let forged = |session: &str, id: &str| {
        json!({ "sessionId": session, "tokenId": id, "tokenRaw": mint("sess_2", 3).raw(), "traceId": "" })
            .to_string()
    };
    assert!(!taken(forged("sess_1", "sess_1")), "nor one whose claims name another");
    assert!(!taken(forged("sess_1", "sess_2")));
    for garbage in ["", "{}", "null", "[", "\u{0}"] {
        assert!(!taken(garbage.to_owned()), "{garbage:?}");
    }
    assert!(!taken("x".repeat(MAX_MESSAGE_BYTES + 1)));
}

#[test]
fn whoever_gets_the_lock_looks_at_the_cookie_before_it_asks() {
    let mut world = World::signed_in("sess_1");
    let (first, second) = (world.open(focused()), world.open(focused()));
    // They do not hear each other.
    for tab in [first, second] {
        world.tabs[tab].listens = false;
    }
    world.pass(44.0);
    assert_eq!(world.fetched_at().len(), 1);
    assert_eq!(world.peek(first), world.peek(second));
}

#[test]
fn without_a_lock_and_without_a_channel_a_tab_works_alone() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open_with(Options { locks: false, ..options() }, focused());
    world.tabs[tab].listens = false;
    for _ in 0..50 {
        world.pass(5.0);
        world.ready(tab);
    }
    assert!((5..=6).contains(&world.fetched_at().len()));
    assert!(!world.tabs[tab].done.iter().any(|done| done.starts_with("lock")));
}

#[test]
fn callers_of_one_tab_share_a_fetch_and_each_gets_it() {
    let mut world = World::new("sess_1");
    let pinned = Options { session: Some("sess_1".into()), organization: Some(String::new()), ..options() };
    let tab = world.open_with(pinned, focused());
    let tickets = [0; 5].map(|_| world.ask(tab, Read::default()));
    world.pass(1.0);
    let got = tickets.map(|ticket| world.settled(tab, ticket).unwrap().unwrap().unwrap());
    assert!(got.iter().all(|token| *token == got[0]));
    assert_eq!(world.fetched_at().len(), 1);
}
