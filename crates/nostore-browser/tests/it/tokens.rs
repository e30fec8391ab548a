//! List B: events, organizations, touches; list I: a service that fails.

use nostore_browser::{Input, Options, Page, Read};
use serde_json::{Value, json};

use crate::world::{Mint, Mood, World, claim, focused, mint, options};

fn of_organization(organization: &str) -> Read {
    Read { organization: Some(organization.into()), ..Read::default() }
}

/// A tab of a session with an organization active in it.
fn in_organization() -> (World, usize) {
    let mut world = World::signed_in("sess_1");
    world.sessions.insert("sess_1", "org_1".into());
    world.set_session(&Mint { organization: "org_1", ..mint("sess_1", 0) }.raw());
    let tab = world.open(focused());
    world.pass(0.2);
    world.tabs[tab].events.clear();
    (world, tab)
}

#[test]
fn b11_b12_b13_b14_listeners_hear_of_the_sessions_own_token_alone() {
    let skip = Read { skip_cache: true, ..Read::default() };
    let rows = [
        (skip.clone(), true),
        (Read { organization: Some("org_1".into()), ..skip.clone() }, true),
        (Read { template: "t".into(), ..skip.clone() }, false),
        (Read { organization: Some("org_2".into()), ..skip.clone() }, false),
        (Read { organization: Some(String::new()), ..skip }, false),
    ];
    for (read, heard) in rows {
        let (mut world, tab) = in_organization();
        world.pass(3.0);
        let ticket = world.ask(tab, read.clone());
        world.pass(1.0);
        assert!(matches!(world.settled(tab, ticket), Some(Ok(Some(_)))), "{read:?}");
        let expected: &[&str] = if heard { &["token 3"] } else { &[] };
        assert_eq!(world.tabs[tab].events, expected, "{read:?}");
    }
}

#[test]
fn b20_without_a_word_it_is_the_organization_that_is_active_in_the_session() {
    let (mut world, tab) = in_organization();
    world.ask(tab, Read { skip_cache: true, ..Read::default() });
    assert!(world.sent.last().unwrap().form.contains("organization_id=org_1"));
    world.ask(tab, of_organization(""));
    assert!(world.sent.last().unwrap().form.starts_with("organization_id=&"), "the personal workspace");
    // A session that is named, without a cookie: the service says what is active in it.
    let mut world = World::new("sess_1");
    world.sessions.insert("sess_1", "org_9".into());
    let tab = world.open_with(Options { session: Some("sess_1".into()), ..options() }, focused());
    let ticket = world.ask(tab, Read::default());
    world.pass(1.0);
    let token = world.settled(tab, ticket).unwrap().unwrap().unwrap();
    assert_eq!(claim(&token, "org_id"), "org_9");
    assert_eq!(world.fetched_at().len(), 0, "which comes with its token");
}

fn session(token: &Value) -> Value {
    json!({ "id": "sess_1", "status": "active", "last_active_organization_id": null, "last_active_token": token })
}

fn jwt(mint: &Mint) -> Value {
    json!({ "jwt": mint.raw() })
}

/// What a touch answers with, and what is there after it: `None` is nothing.
fn after_touch(answer: Value) -> Option<String> {
    let mut world = World::signed_in("sess_1");
    let known = Mint { oiat: Some(50), ..mint("sess_1", 0) };
    world.set_session(&known.raw());
    let tab = world.open(focused());
    assert_eq!(world.ready(tab), known.raw());
    world.touched = Some(answer);
    let ticket = world.choose(tab, "");
    world.pass(0.1);
    assert_eq!(world.settled(tab, ticket), Some(Ok(None)));
    let cookies = world.session_cookies();
    assert_eq!(cookies[0], cookies[1], "both names say the same");
    let token = world.peek(tab);
    assert_eq!(cookies[0], token.as_deref(), "and what is there");
    token
}

#[test]
fn b57_b58_b59_a_touchs_token_counts_where_it_knows_more() {
    let known = Mint { oiat: Some(50), ..mint("sess_1", 0) };
    let stale = Mint { oiat: Some(40), ..mint("sess_1", 1) };
    let fresh = Mint { oiat: Some(60), ..mint("sess_1", 0) };
    let answer = |token: &Value| json!({ "response": session(token), "client": null });
    assert_eq!(after_touch(answer(&jwt(&stale))), Some(known.raw()));
    assert_eq!(after_touch(answer(&jwt(&fresh))), Some(fresh.raw()));
    assert_eq!(after_touch(answer(&Value::Null)), None, "the service took it away");
    let foreign = Mint { oiat: Some(70), ..mint("sess_2", 0) };
    assert_eq!(after_touch(answer(&jwt(&foreign))), Some(known.raw()), "another session's is not taken");
}

#[test]
fn b60_what_comes_along_counts_in_the_same_way() {
    let known = Mint { oiat: Some(50), ..mint("sess_1", 0) };
    let stale = Mint { oiat: Some(40), ..mint("sess_1", 1) };
    let fresh = Mint { oiat: Some(60), ..mint("sess_1", 0) };
    let answer = |token: &Value| {
        let client = json!({ "sessions": [session(token)], "last_active_session_id": "sess_1" });
        json!({ "response": null, "client": client })
    };
    assert_eq!(after_touch(answer(&jwt(&stale))), Some(known.raw()));
    assert_eq!(after_touch(answer(&jwt(&fresh))), Some(fresh.raw()));
    assert_eq!(after_touch(answer(&Value::Null)), None);
}

#[test]
fn another_organization_is_another_entry_and_the_cookie_follows() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    world.pass(1.0);
    let before = world.ready(tab);
    world.choose(tab, "org_1");
    world.pass(0.1);
    let token = world.ready(tab);
    assert_eq!((claim(&token, "org_id"), claim(&before, "org_id")), (json!("org_1"), Value::Null));
    assert_eq!(world.session_cookies(), [Some(&*token), Some(&*token)]);
    let old = world.ask(tab, of_organization(""));
    assert_eq!(world.settled(tab, old), Some(Ok(Some(before))), "the other's token is there still");
    world.pass(30.0);
    assert_eq!(Some(world.ready(tab)).as_deref(), world.session_cookies()[0], "and is not written back");
}

#[test]
fn i4_five_touches_do_not_cluster_refreshes() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    for _ in 0..5 {
        world.pass(2.0);
        world.choose(tab, "");
    }
    world.pass(50.0);
    let at = world.fetched_at();
    assert!((1..=3).contains(&at.len()), "{at:?}");
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] > 10.0), "{at:?}");
    world.ready(tab);
}

#[test]
fn i5_the_token_endpoint_fails_for_a_while_and_everybody_is_signed_in_still() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    world.mood = Mood::NoTokens;
    // Longer than the token lives.
    world.pass(120.0);
    assert_eq!(world.peek(tab), None);
    let events = &world.tabs[tab].events;
    assert!(events.iter().any(|event| event == "degraded token-transient"), "{events:?}");
    assert!(!events.iter().any(|event| event.starts_with("ended")), "{events:?}");
    assert!(world.session_cookies()[0].is_some(), "the server may still refresh it");
    world.mood = Mood::Well;
    world.pass(12.0);
    let token = world.ready(tab);
    assert_eq!(world.session_cookies(), [Some(&*token), Some(&*token)]);
    let asked = world.sent.iter().filter(|sent| sent.target == "/v1/client").count();
    assert_eq!(asked, 0, "an outage is not a sign-out");
}

#[test]
fn i6_an_outage_and_a_reload_in_it() {
    let mut world = World::signed_in("sess_1");
    world.mood = Mood::Gone;
    let before = world.open(focused());
    world.pass(30.0);
    world.close(before);
    let tab = world.open(focused());
    assert_eq!(world.ready(tab), mint("sess_1", 0).raw(), "the cookie's token is served");
    world.pass(60.0);
    world.close(tab);
    // The token has run out by now, and the session is known by it all the same.
    let tab = world.open(focused());
    assert_eq!((world.peek(tab), world.tabs[tab].keeper.session()), (None, Some("sess_1")));
    let ticket = world.ask(tab, Read::default());
    world.mood = Mood::Well;
    world.pass(5.0);
    assert!(matches!(world.settled(tab, ticket), Some(Ok(Some(_)))), "{:?}", world.settled(tab, ticket));
    assert_eq!(Some(world.ready(tab)).as_deref(), world.session_cookies()[0]);
}

#[test]
fn i7_no_network_at_all_and_back() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    let offline = Page { offline: true, ..focused() };
    world.pass(10.0);
    world.looked(tab, offline);
    world.pass(110.0);
    assert_eq!(world.fetched_at().len(), 0, "nothing is sent without a network");
    assert_eq!(world.session_cookies()[0], Some(&*mint("sess_1", 0).raw()), "the cookie stays as it was");
    let ticket = world.ask(tab, Read::default());
    world.pass(20.0);
    assert_eq!(world.settled(tab, ticket), Some(Err("token-offline")));
    world.looked(tab, focused());
    world.pass(0.1);
    let token = world.ready(tab);
    assert!(claim(&token, "iat").as_i64().unwrap() > crate::world::START + 130);
    assert_eq!(world.session_cookies(), [Some(&*token), Some(&*token)]);
}

#[test]
fn r2_11_an_hour_with_one_fetch_a_refresh_whether_the_poller_runs_or_not() {
    for polls in [true, false] {
        let mut world = World::signed_in("sess_1");
        let tab = world.open_with(Options { polls, ..options() }, focused());
        for _ in 0..360 {
            world.pass(10.0);
            world.ready(tab);
        }
        assert_eq!(world.fetched_at().len(), 3_600 / 43, "{polls}");
    }
    // Timers that are late: a read decides by itself.
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    world.now_ms += 50_000;
    world.ready(tab);
    assert_eq!(world.fetched_at(), [50.0]);
    // Timers that never come: whoever reads next waits, and never gets what has run out.
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    world.now_ms += 70_000;
    let ticket = world.ask(tab, Read::default());
    assert_eq!(world.settled(tab, ticket), None);
    world.pass(0.1);
    let token = world.settled(tab, ticket).unwrap().unwrap().unwrap();
    assert_eq!(claim(&token, "iat"), crate::world::START + 70);
}

#[test]
fn a_clock_that_is_wrong_costs_nothing_where_scripts_may_not_read_the_time() {
    for ahead_ms in [-600_000, 600_000] {
        let mut world = World::new("sess_1");
        world.ahead_ms = ahead_ms;
        let pinned =
            Options { session: Some("sess_1".into()), organization: Some(String::new()), ..options() };
        let tab = world.open_with(pinned, focused());
        world.pass(1.0);
        for _ in 0..60 {
            world.pass(5.0);
            world.ready(tab);
        }
        let fetches = world.fetched_at().len();
        assert!((7..=8).contains(&fetches), "{ahead_ms}: {fetches}");
    }
}

#[test]
fn a_token_of_another_session_is_given_to_nobody() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    let ticket = world.ask(tab, Read { skip_cache: true, ..Read::default() });
    let sent = world.intercept();
    world.reply(&sent, 200, &json!({ "jwt": mint("sess_2", 0).raw() }));
    world.pass(1.0);
    assert_ne!(world.settled(tab, ticket), Some(Ok(Some(mint("sess_2", 0).raw()))));
    assert_eq!(world.ready(tab), mint("sess_1", 0).raw());
}

#[test]
fn a_service_that_wants_the_token_before_gets_it_once() {
    let mut world = World::signed_in("sess_1");
    let tab = world.open(focused());
    let ticket = world.ask(tab, Read { skip_cache: true, ..Read::default() });
    let sent = world.intercept();
    let wants = json!({ "errors": [{ "code": "missing_expired_token" }] });
    world.reply(&sent, 422, &wants);
    let again = world.intercept();
    assert!(again.target.contains(&format!("expired_token={}", mint("sess_1", 0).raw())), "{}", again.target);
    world.reply(&again, 422, &wants);
    assert_eq!(world.settled(tab, ticket), Some(Ok(None)), "then the session is over");
    assert_eq!(world.tabs[tab].events.last().unwrap(), "ended sess_1");
    world.tell(tab, Input::Woke);
}
