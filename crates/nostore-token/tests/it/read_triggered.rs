//! List E: a token that is stale is refreshed because it is read.

use nostore_token::{Compat, Policy, ReadOptions, Reading};

use crate::world::{World, minute, transient};

/// Both ways that refresh when a token is read.
fn worlds() -> [World; 2] {
    [World::compat(Compat::Pr7317), World::of(Policy { refreshes_by_timer: false, ..Policy::default() })]
}

const fn within(ms: i64) -> ReadOptions {
    ReadOptions {
        background_threshold_ms: Some(ms),
        refresh_if_stale: false,
        skip_cache: false,
        fresh_since_ms: None,
    }
}

#[test]
fn r2_2_e1_e2_e3_e6_e7_e10_e19_a_read_tells_whether_the_token_is_stale() {
    for mut world in worlds() {
        world.load(&minute(0));
        for (at, stale) in [(0.0, false), (44.999, false), (45.0, true), (45.001, true), (50.0, true)] {
            world.pass(at - world.secs());
            let Reading::Ready { token, stale: found } = world.read() else { panic!("at {at}") };
            assert_eq!((found, token.expose()), (stale, &*minute(0).raw()), "at {at}");
        }
    }
}

#[test]
fn e4_e5_e8_e17_e18_a_callers_threshold_counts_and_five_seconds_at_least() {
    let rows = [
        (30_000, 29.9, false),
        (30_000, 30.0, true),
        (8_000, 50.0, false),
        (8_000, 52.0, true),
        (0, 54.9, false),
    ];
    for (threshold, at, stale) in rows {
        for mut world in worlds() {
            world.load(&minute(0));
            world.pass(at);
            let Reading::Ready { stale: found, .. } = world.read_with(within(threshold)) else { panic!() };
            assert_eq!((found, world.under_way.len()), (stale, usize::from(stale)), "{threshold} at {at}");
        }
    }
}

#[test]
fn e11_e14_b28_a_stale_token_is_handed_out_and_refreshed_behind() {
    for mut world in worlds() {
        world.load(&minute(0));
        world.pass(46.0);
        for _ in 0..100 {
            assert_eq!(world.ready(), minute(0).raw());
        }
        assert_eq!(world.under_way.len(), 1, "once");
        world.answer(&minute(46));
        assert_eq!(world.ready(), minute(46).raw());
        assert!(world.under_way.is_empty());
    }
}

#[test]
fn e12_e13_after_a_failure_the_token_is_served_and_a_later_call_tries_again() {
    for mut world in worlds() {
        world.load(&minute(0));
        world.pass(46.0);
        world.ready();
        world.fail(transient());
        assert_eq!(world.ready(), minute(0).raw());
        world.pass(1.0);
        assert_eq!(world.ready(), minute(0).raw());
        assert_eq!(world.under_way.len(), 1);
        world.answer(&minute(47));
        assert_eq!(world.ready(), minute(47).raw());
    }
}

#[test]
fn r2_8_e15_e16_who_wants_no_stale_token_waits() {
    let options = ReadOptions { refresh_if_stale: true, ..ReadOptions::default() };
    for mut world in worlds() {
        world.load(&minute(0));
        world.pass(44.9);
        assert!(matches!(world.read_with(options), Reading::Ready { stale: false, .. }));
        world.pass(0.1);
        let Reading::Wait(id) = world.read_with(options) else { panic!() };
        world.answer(&minute(45));
        assert_eq!(world.outcomes(id), [Ok(minute(45).raw())]);
    }
}
