//! List F: what the reference does not do, for one entry.

use nostore_token::{Exchange, Failure, FetchKind, Policy, ReadOptions, Reading, Skew};

use crate::world::{START, World, facts, lives, minute, transient};

#[test]
fn f1_f2_a_forced_fetch_hides_nothing_and_loses_nothing() {
    let mut world = World::with(&minute(0));
    let own = world.forces();
    assert_eq!(world.ready(), minute(0).raw());
    world.fail(Failure::Refused { status: 400, code: "no".to_owned() });
    assert_eq!(world.outcomes(own), [Err("token-refused")]);
    assert_eq!(world.ready(), minute(0).raw());
}

/// Ten minutes of reading every second against a service that tells the time.
fn reads_for_ten_minutes(clock_is_ahead_ms: i64) -> (usize, usize) {
    let mut world = World::new();
    let mut skew = Skew::default();
    let (mut fetches, mut expired) = (0, 0);
    for second in 0..600 {
        let steady_ms = second * 1_000_u64;
        let truth_ms = START * 1_000 + i64::try_from(steady_ms).unwrap();
        world.steady_ms = steady_ms;
        world.wall_ms = skew.service_ms(truth_ms + clock_is_ahead_ms, steady_ms);
        world.slot.wake(world.now());
        world.act();
        if let Reading::Ready { token, .. } = world.read() {
            expired += usize::from(token.expires_ms() <= truth_ms);
        }
        while let Some((id, _)) = world.under_way.first().copied() {
            fetches += 1;
            let exchange = Exchange {
                sent_ms: truth_ms + clock_is_ahead_ms,
                took_ms: 0,
                service_ms: Some(truth_ms),
                issued_ms: Some(truth_ms),
            };
            skew.learn(exchange, false);
            world.wall_ms = skew.service_ms(truth_ms + clock_is_ahead_ms, steady_ms);
            world.answer_to(id, &minute(i64::try_from(second).unwrap()));
        }
    }
    (fetches, expired)
}

#[test]
fn f3_f4_a_wrong_clock_costs_no_fetch_and_serves_no_expired_token() {
    let (right, expired) = reads_for_ten_minutes(0);
    assert!((13..=15).contains(&right), "{right}");
    assert_eq!(expired, 0);
    for ahead in [600_000, -600_000, 50_000, -50_000] {
        let (fetches, expired) = reads_for_ten_minutes(ahead);
        assert!(fetches.abs_diff(right) <= 1, "{ahead}: {fetches} instead of {right}");
        assert_eq!(expired, 0, "{ahead}");
    }
}

#[test]
fn f6_what_expired_in_a_sleep_is_not_handed_out() {
    let mut world = World::with(&minute(0));
    // Steady time stands while a machine sleeps.
    world.wall_ms += 300_000;
    assert_eq!(world.peek(), None);
    world.waits();
}

#[test]
fn f7_a_hundred_days_are_cached_and_refreshed_once() {
    let mut world = World::with(&lives(0, 100 * 86_400));
    world.pass(100.0 * 86_400.0 - 20.0);
    assert_eq!(world.fetched_at.len(), 1);
    assert!(world.peek().is_some());
    world.pass(10.0);
    assert_eq!(world.fetched_at.len(), 2);
}

#[test]
fn f8_a_fetch_that_hangs_has_an_end_and_its_late_result_counts() {
    let mut world = World::new();
    let first = world.waits();
    world.pass(9.9);
    assert!(world.outcomes(first).is_empty());
    world.pass(0.1);
    assert_eq!(world.outcomes(first), [Err("token-timed-out")]);
    let second = world.waits();
    assert_ne!(first, second);
    world.answer_to(first, &minute(10));
    assert_eq!(world.peek(), Some(minute(10).raw()), "late, and good");
    world.answer_to(second, &minute(9));
    assert_eq!(world.outcomes(second), [Ok(minute(9).raw())]);
}

#[test]
fn f9_f10_what_is_known_outlives_the_token_until_its_own_end() {
    let mut world = World::with(&facts(10, 0));
    let token = facts(10, 0).token();
    assert!(world.slot.invalidate(&token));
    world.act();
    assert_eq!((world.peek(), world.published.clone()), (None, None));
    assert!(!world.receive(&facts(5, 0)), "knows less than one that is valid");
    world.pass(60.0);
    assert!(world.receive(&facts(5, 50)), "what has expired stands in nobody's way");
}

#[test]
fn f11_f12_clearing_is_final_for_every_kind_of_fetch() {
    for kind in [FetchKind::Blocking, FetchKind::Background, FetchKind::Forced] {
        let mut world = World::new();
        match kind {
            FetchKind::Blocking => drop(world.waits()),
            FetchKind::Forced => drop(world.forces()),
            FetchKind::Background => {
                world.load(&minute(0));
                world.pass(46.0);
            }
        }
        let [(id, found)] = world.under_way[..] else { panic!("{kind:?}: {:?}", world.under_way) };
        assert_eq!(found, kind);
        let before = (world.updates.len(), world.announced.len());
        world.clear();
        world.answer_to(id, &minute(46));
        assert_eq!((world.peek(), world.published.clone()), (None, None), "{kind:?}");
        assert_eq!((world.updates.len(), world.announced.len()), before, "{kind:?}");
    }
}

/// The same for what took too long and was given up before.
#[test]
fn f11_a_fetch_that_was_given_up_changes_nothing_after_clearing() {
    let mut world = World::new();
    let first = world.waits();
    world.pass(10.0);
    world.clear();
    world.answer_to(first, &minute(10));
    assert_eq!((world.peek(), world.updates.len()), (None, 0));
}

/// Nobody waited when it began, but now somebody does.
#[test]
fn a_refresh_that_is_waited_for_in_the_end_is_tried_again() {
    let mut world = World::with(&minute(0));
    world.pass(44.5);
    assert_eq!(world.under_way.len(), 1);
    world.wall_ms += 60_000;
    let id = world.waits();
    assert_eq!(world.under_way.len(), 1);
    world.fail(transient());
    assert!(world.outcomes(id).is_empty());
    world.pass(1.0);
    world.answer(&minute(105));
    assert_eq!(world.outcomes(id), [Ok(minute(105).raw())]);
}

#[test]
fn f16_a_failed_refresh_is_tried_again_a_few_times_and_no_more() {
    let mut world = World::with(&minute(0));
    world.pass(44.0);
    while world.secs() < 54.0 {
        if !world.under_way.is_empty() {
            world.fail(transient());
        }
        world.pass(0.1);
    }
    assert!((3..=4).contains(&(world.fetched_at.len() - 1)), "{:?}", world.fetched_at);
    assert_eq!(world.ready(), minute(0).raw());
}

#[test]
fn f17_however_many_wait_there_is_one_loop_of_retries() {
    let mut world = World::new();
    let ids: Vec<_> = (0..1_000).map(|_| world.waits()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    let mut tries = 0;
    while world.outcomes(ids[0]).is_empty() {
        if !world.under_way.is_empty() {
            tries += 1;
            world.fail(transient());
        }
        world.pass(0.5);
    }
    assert_eq!((tries, world.outcomes(ids[0])), (5, vec![Err("token-transient")]));
}

#[test]
fn f18_a_service_that_asks_for_patience_gets_it() {
    let busy = Failure::Busy { status: 429, retry_after_ms: Some(7_000) };
    let mut world = World::new();
    world.waits();
    world.fail(busy.clone());
    world.pass(6.9);
    assert!(world.under_way.is_empty());
    world.pass(0.1);
    assert_eq!(world.under_way.len(), 1);
    // Behind a good token as well.
    let mut world = World::with(&minute(0));
    world.pass(45.0);
    world.fail(busy);
    world.pass(6.9);
    world.ready();
    assert!(world.under_way.is_empty());
    world.pass(0.2);
    world.ready();
    assert_eq!(world.under_way.len(), 1);
}

#[test]
fn f19_a_session_ends_once() {
    let mut world = World::with(&minute(0));
    let ids = [world.forces(), world.forces(), world.forces()];
    world.fail(Failure::Unauthenticated { status: 401 });
    assert_eq!(world.ended, 1);
    for id in ids {
        assert_eq!(world.outcomes(id), [Err("token-unauthenticated")]);
    }
    assert_eq!((world.peek(), world.published.clone()), (None, None));
    assert!(matches!(world.read(), Reading::Ended(_)));
    assert!(!world.receive(&minute(1)), "nobody else revives it");
    world.pass(60.0);
    assert_eq!((world.ended, world.fetched_at.len()), (1, 4));
}

#[test]
fn f20_tokens_that_end_at_once_are_not_asked_for_in_a_hurry() {
    for (age, lifetime) in [(60, 60), (70, 60), (57, 60), (59, 60)] {
        let mut world = World::new();
        while world.secs() < 10.0 {
            let _ = world.read();
            while !world.under_way.is_empty() {
                #[expect(clippy::cast_possible_truncation, reason = "small")]
                let now = world.secs() as i64;
                world.answer(&lives(now - age, lifetime));
            }
            world.pass(0.01);
        }
        assert!(world.fetched_at.len() <= 16, "{age} of {lifetime}: {}", world.fetched_at.len());
    }
}

#[test]
fn f21_b3_whoever_was_told_of_a_token_still_refreshes_it_when_nobody_else_does() {
    let mut world = World::new();
    assert!(world.receive(&minute(0)));
    world.pass(47.0);
    assert!(world.under_way.is_empty(), "others first");
    world.pass(4.5);
    assert_eq!(world.under_way.len(), 1);
}

#[test]
fn f27_the_same_token_again_tells_nobody() {
    let mut world = World::with(&minute(0));
    for _ in 0..3 {
        world.load(&minute(0));
        world.ready();
    }
    assert_eq!(world.updates.len(), 1);
}

#[test]
fn f28_a_fleet_with_one_expiry_does_not_come_at_once() {
    let mut at: Vec<_> = (0..100)
        .map(|seed| {
            let mut world = World::seeded(Policy::default(), seed);
            world.load(&minute(0));
            world.pass(50.0);
            world.fetched_at[1]
        })
        .collect();
    at.sort_by(f64::total_cmp);
    let crowd = at.windows(20).map(|window| window[19] - window[0]).fold(f64::MAX, f64::min);
    assert!(crowd > 0.1, "20 within {crowd} s");
    assert!(at[99] - at[0] > 1.0 && at[99] - at[0] <= 2.0);
}

#[test]
fn f29_no_token_is_ever_printed() {
    let mut world = World::with(&minute(0));
    let id = world.forces();
    let raw = minute(0).raw();
    let secret = raw.split('.').nth(1).unwrap();
    let failure = Failure::Busy { status: 429, retry_after_ms: None };
    let reading = world.read();
    let printed = format!("{:?} {reading:?} {id:?} {failure} {failure:?}", world.slot);
    assert!(!printed.contains(secret) && !printed.contains(&raw));
}

#[test]
fn callers_share_a_fetch_that_began_late_enough() {
    let mut world = World::with(&minute(0));
    world.pass(10.0);
    let since = |ms| ReadOptions { fresh_since_ms: Some(ms), ..ReadOptions::default() };
    let now = world.steady_ms;
    let Reading::Wait(first) = world.read_with(since(now)) else { panic!() };
    let Reading::Wait(second) = world.read_with(since(now)) else { panic!() };
    assert_eq!((first, world.under_way.len()), (second, 1));
    world.pass(1.0);
    let Reading::Wait(third) = world.read_with(since(now + 500)) else { panic!() };
    assert_ne!(first, third);
}

#[test]
fn in_its_last_seconds_a_token_is_handed_out_where_no_other_can_be_had() {
    let mut world = World::new();
    world.hydrate(&minute(-56));
    let id = world.waits();
    world.fail(transient());
    assert_eq!(world.outcomes(id), [Ok(minute(-56).raw())]);
    assert_eq!(world.ready(), minute(-56).raw(), "and nobody is made to wait for the next try");
    world.pass(4.0);
    world.waits();
}

#[test]
fn a_good_token_is_handed_out_where_nobody_knows_what_the_service_did() {
    for (failure, handed_out) in [
        (Failure::Unknown { what: "test" }, true),
        (transient(), true),
        (Failure::Refused { status: 400, code: String::new() }, false),
    ] {
        let mut world = World::with(&minute(0));
        world.wall_ms += 57_000;
        let id = world.waits();
        world.fail(failure.clone());
        assert_eq!(world.outcomes(id)[0].is_ok(), handed_out, "{failure}");
        assert_eq!(world.peek(), Some(minute(0).raw()), "{failure}");
    }
}

#[test]
fn who_shares_a_lock_need_not_be_spread() {
    let at = |policy: Policy, seed: u64| {
        let mut world = World::seeded(policy, seed);
        world.load(&minute(0));
        world.pass(59.0);
        world.fetched_at[1]
    };
    let together = Policy { spreads: false, ..Policy::default() };
    for seed in 0..20 {
        assert!((at(together, seed) - 43.0).abs() < 1e-9, "{seed}");
    }
    assert!((0..20).any(|seed| (at(Policy::default(), seed) - 43.0).abs() > 0.1), "others are");
}
