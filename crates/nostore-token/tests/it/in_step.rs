//! Others are asked before the service is: for their token, and for the lock (sections 4.9 and 4.10).

use nostore_token::{FetchKind, Policy, ReadOptions, Reading};

use crate::world::{World, facts, lives, minute, saying, transient};

fn asking() -> World {
    World::of(Policy { asks_others: true, ..Policy::default() })
}

/// One that has a token of a minute and comes to refresh it.
fn stale() -> World {
    let mut world = asking();
    world.load(&minute(0));
    world.pass(45.0);
    world
}

#[test]
fn f25_whoever_waits_goes_on_without_the_lock_after_two_seconds() {
    for (waited, fetches) in [(1.999, 0), (2.0, 1), (2.001, 1)] {
        let mut world = asking();
        world.waits();
        world.pass(waited);
        assert_eq!(world.under_way.len(), fetches, "after {waited} s");
    }
}

#[test]
fn f25_a_frozen_holder_of_the_lock_costs_readers_nothing_until_the_token_ends() {
    let mut world = stale();
    assert_eq!((world.queued.len(), world.under_way.len()), (1, 0));
    // Since 43 s, give or take one; and for as long as a fetch may take.
    world.pass(6.9);
    assert_eq!(world.ready(), minute(0).raw());
    assert!(world.under_way.is_empty());
    world.pass(2.2);
    assert_eq!(world.under_way.len(), 1);
    world.answer(&minute(55));
    assert_eq!(world.ready(), minute(55).raw());
}

#[test]
fn f25_a_token_that_is_ending_is_not_waited_for_beyond_its_end() {
    let mut world = asking();
    world.load(&minute(0));
    world.wall_ms += 59_500;
    let id = world.waits();
    world.pass(0.499);
    assert!(world.under_way.is_empty());
    world.pass(0.002);
    assert_eq!(world.under_way, [(id, FetchKind::Blocking)]);
}

#[test]
fn whoever_joins_a_refresh_that_waits_for_the_lock_waits_two_seconds_more_at_most() {
    let mut world = stale();
    let options = ReadOptions { refresh_if_stale: true, ..ReadOptions::default() };
    assert!(matches!(world.read_with(options), Reading::Wait(_)));
    world.pass(1.999);
    assert!(world.under_way.is_empty());
    world.pass(0.002);
    assert_eq!(world.under_way.len(), 1);
}

#[test]
fn what_the_holder_got_spares_the_fetch() {
    let mut world = asking();
    let id = world.waits();
    assert!(world.receive(&minute(0)));
    assert_eq!(world.outcomes(id), [Ok(minute(0).raw())]);
    assert!(world.queued.is_empty());
    let now = world.now();
    assert!(!world.slot.admitted(id, now));
    world.pass(10.0);
    assert_eq!(world.fetched_at.len(), 0);
}

#[test]
fn a_refresh_that_waits_for_the_lock_is_spared_too() {
    let mut world = stale();
    assert!(world.receive(&minute(44)));
    assert!(world.queued.is_empty());
    world.pass(20.0);
    assert_eq!(world.fetched_at.len(), 1);
}

#[test]
fn a_token_that_is_ending_spares_nothing() {
    let mut world = asking();
    world.waits();
    assert!(world.receive(&minute(-56)));
    assert_eq!(world.queued.len(), 1);
    assert!(world.admit());
    assert_eq!(world.under_way.len(), 1);
}

#[test]
fn with_the_lock_the_fetch_begins_once() {
    let mut world = asking();
    let id = world.waits();
    assert_eq!(world.waits(), id);
    assert!(world.admit());
    let now = world.now();
    assert!(!world.slot.admitted(id, now));
    world.act();
    assert_eq!(world.under_way.len(), 1);
    world.answer(&minute(0));
    assert_eq!(world.outcomes(id), [Ok(minute(0).raw())]);
}

#[test]
fn the_lock_is_asked_for_again_after_a_failure_and_not_kept_in_between() {
    let mut world = asking();
    world.waits();
    world.admit();
    world.fail(transient());
    assert!(world.queued.is_empty());
    world.pass(0.6);
    assert_eq!((world.queued.len(), world.under_way.len()), (1, 0));
}

#[test]
fn a_fetch_of_ones_own_waits_for_no_lock_and_is_spared_by_nothing() {
    let mut world = stale();
    let id = world.forces();
    assert_eq!(world.under_way, [(id, FetchKind::Forced)]);
    assert!(world.receive(&minute(44)));
    assert!(world.outcomes(id).is_empty());
}

#[test]
fn whoever_wants_a_later_token_is_not_given_what_others_had() {
    let mut world = asking();
    world.waits();
    let options = ReadOptions { fresh_since_ms: Some(0), ..ReadOptions::default() };
    // The one that asks others may end with an older token.
    let Reading::Wait(own) = world.read_with(options) else { panic!("expected to wait") };
    assert_eq!(world.under_way, [(own, FetchKind::Forced)]);

    let mut world = World::new();
    let id = world.waits();
    assert!(matches!(world.read_with(options), Reading::Wait(joined) if joined == id));
    assert!(world.receive(&minute(0)));
    assert!(world.outcomes(id).is_empty());
    world.answer(&facts(5, 0));
    assert_eq!(world.outcomes(id), [Ok(facts(5, 0).raw())]);
}

#[test]
fn f11_after_sign_out_a_straggler_signs_nobody_in() {
    let mut world = World::with(&minute(0));
    world.pass(10.0);
    world.clear();
    // Minted by another just before, told just after; and one that was minted after.
    assert!(!world.receive(&minute(9)));
    world.pass(1.0);
    assert!(!world.receive(&minute(11)));
    assert_eq!((world.peek(), world.published.clone()), (None, None));
    // Somebody asks again, which is another session's beginning.
    let id = world.waits();
    assert!(!world.receive(&minute(10)));
    assert!(world.receive(&minute(11)));
    assert_eq!(world.outcomes(id), [Ok(minute(11).raw())]);
}

#[test]
fn f11_a_token_that_the_application_has_counts_at_once_after_sign_out() {
    let mut world = World::with(&minute(0));
    world.clear();
    assert!(world.hydrate(&minute(0)));
    assert_eq!(world.peek(), Some(minute(0).raw()));
}

#[test]
fn f11_sign_out_ends_the_waiting_for_the_lock() {
    let mut world = asking();
    let id = world.waits();
    world.clear();
    assert_eq!(world.outcomes(id), [Err("token-cleared")]);
    assert!(world.queued.is_empty());
    let now = world.now();
    assert!(!world.slot.admitted(id, now));
    world.pass(5.0);
    assert!(world.under_way.is_empty());
}

/// A token of 20 s is refreshed after 13 s, give or take a third; it is ending from 18.3 s on.
#[test]
fn f25_a_frozen_holder_leaves_two_seconds_for_a_fetch_of_ones_own() {
    let mut world = asking();
    world.load(&lives(0, 20));
    world.pass(16.3);
    assert_eq!((world.queued.len(), world.under_way.len()), (1, 0));
    world.pass(0.1);
    assert_eq!((world.queued.len(), world.under_way.len()), (0, 1));
    assert_eq!(world.ready(), lives(0, 20).raw());
}

/// Whoever was told of a token of 12 s refreshes it 2 s before its end, where nobody else did: a second before it is ending.
#[test]
fn f25_others_are_asked_however_short_the_time_is() {
    let mut world = asking();
    world.waits();
    assert!(world.receive(&lives(0, 12)));
    world.pass(10.3);
    assert_eq!((world.queued.len(), world.under_way.len()), (1, 0));
    world.pass(0.4);
    assert_eq!((world.queued.len(), world.under_way.len()), (0, 1));
}

/// Each hears of the other's token, and takes it: it says the same.
#[test]
fn f21_two_who_fetched_in_one_second_do_not_both_leave_the_refresh_to_the_other() {
    for (other, refreshed) in [(saying(&minute(0), "other"), 44.1), (minute(1), 52.1)] {
        let mut world = World::with(&minute(0));
        world.pass(1.0);
        assert!(world.receive(&other));
        world.pass(refreshed - 2.2 - world.secs());
        assert_eq!(world.fetched_at.len(), 1, "{other:?}");
        world.pass(2.2);
        assert_eq!(world.fetched_at.len(), 2, "{other:?}");
    }
}
