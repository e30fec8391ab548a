//! List A: what the cache does, for one entry.

use nostore_token::{Compat, Failure, Policy, Reading};

use crate::world::{Mint, START, World, facts, lives, minute, saying, transient};

#[test]
fn a7_a_received_token_that_is_older_is_ignored() {
    let mut world = World::with(&facts(10, 10));
    assert!(!world.receive(&facts(5, 5)));
    assert_eq!(world.peek(), Some(facts(10, 10).raw()));
}

#[test]
fn a8_a10_a11_c13_c14_c15_c16_a_received_token_that_is_fresher_is_taken_and_not_sent_on() {
    let mut world = World::new();
    assert!(world.receive(&facts(5, 5)));
    assert_eq!(world.peek(), Some(facts(5, 5).raw()));
    assert!(!world.receive(&facts(4, 6)));
    assert!(world.receive(&facts(10, 10)));
    assert_eq!(world.peek(), Some(facts(10, 10).raw()));
    assert!(world.announced.is_empty());
}

/// What a fetch brought and what is readable may differ: the readable one counts.
#[test]
fn a9_a_received_token_is_compared_with_the_readable_one() {
    let mut world = World::with(&facts(10, 10));
    let own = world.forces();
    world.answer_to(own, &facts(2, 2));
    assert!(
        !world.receive(&facts(5, 5)),
        "fresher than what the fetch brought, and staler than what is read"
    );
    assert_eq!(world.peek(), Some(facts(10, 10).raw()));
}

#[test]
fn a12_every_token_of_ones_own_is_sent() {
    let mut world = World::new();
    for mint in [facts(1, 1), facts(2, 2), saying(&facts(2, 2), "a tie")] {
        world.load(&mint);
        assert_eq!(world.announced.pop(), Some(mint.raw()));
    }
}

#[test]
fn a13_a14_b49_b50_b51_the_fresher_of_two_tokens_stays() {
    let rows = [(facts(10, 10), facts(5, 20)), (facts(5, 20), facts(10, 10)), (facts(10, 5), facts(10, 10))];
    for (first, second) in rows {
        let mut world = World::new();
        world.load(&first);
        world.load(&second);
        let fresher = if second.token().rank().gives_way_to(first.token().rank()) { &first } else { &second };
        assert_eq!(world.ready(), fresher.raw(), "{first:?} {second:?}");
        // Who forced it gets their own.
        assert_eq!(world.finished.last().unwrap().1, Ok(second.raw()));
    }
}

#[test]
fn a15_of_a_tie_the_later_one_stays() {
    let mut world = World::with(&saying(&facts(1, 1), "first"));
    world.load(&saying(&facts(1, 1), "second"));
    assert_eq!(world.ready(), saying(&facts(1, 1), "second").raw());
}

/// The reference's way: whoever comes while a token is replaced waits.
#[test]
fn a16_a22_in_compat_a_token_that_is_being_replaced_is_hidden() {
    for compat in [Compat::Head, Compat::Pr7317] {
        let mut world = World::compat(compat);
        world.load(&facts(10, 10));
        let own = world.forces();
        assert_eq!(world.peek(), None);
        assert_eq!(world.waits(), own);
        assert_eq!(world.under_way.len(), 1);
        world.answer_to(own, &facts(5, 5));
        assert_eq!(world.ready(), facts(10, 10).raw(), "the hidden one wins");
    }
}

#[test]
fn a17_a_cleared_entry_is_not_revived() {
    let mut world = World::new();
    let id = world.waits();
    world.clear();
    world.answer_to(id, &minute(0));
    assert_eq!((world.peek(), world.updates.len(), world.announced.len()), (None, 0, 0));
    assert_eq!(world.outcomes(id), [Err("token-cleared")]);
}

#[test]
fn a18_the_end_is_that_of_the_fresher_token() {
    let mut world = World::with(&facts(10, 0));
    world.load(&Mint { lives: 20, ..facts(5, 0) });
    world.pass(59.0);
    assert_eq!(world.peek(), Some(facts(10, 0).raw()));
    world.pass(1.0);
    assert_eq!((world.peek(), world.published.clone()), (None, None));
}

#[test]
fn a19_a20_a21_overlapping_fetches_leave_the_fresher() {
    let (fresh, stale) = (facts(10, 8), facts(5, 9));
    for order in [[&fresh, &stale], [&stale, &fresh]] {
        let mut world = World::new();
        let ids = [world.forces(), world.forces()];
        for (id, mint) in ids.into_iter().zip(order) {
            world.answer_to(id, mint);
        }
        assert_eq!(world.ready(), fresh.raw());
        // Its own times count.
        world.pass_ms(68_000 - 1);
        assert!(world.peek().is_some());
        world.pass_ms(1);
        assert_eq!(world.peek(), None);
    }
}

#[test]
fn a23_an_aged_token_has_the_times_of_what_is_left_of_it() {
    let mut world = World::compat(Compat::Head);
    world.load(&lives(-30, 120));
    world.pass(72.9);
    assert!(world.under_way.is_empty());
    world.pass(0.1);
    assert_eq!(world.fetched_at.last().copied(), Some(73.0));
    world.pass(16.9);
    assert!(world.peek().is_some());
    world.pass(0.1);
    assert_eq!(world.peek(), None);
}

#[test]
fn a24_a25_a26_a44_a45_what_is_left_decides() {
    // Lifetime, age, and whether it is handed out.
    let rows = [
        (86_400, 0, true),
        (60, 61, false),
        (60, 60, false),
        (20, 11, true),
        (60, 50, true),
        (60, 54, true),
        (60, 55, false),
        (60, 56, false),
    ];
    for (lifetime, age, handed_out) in rows {
        let mut world = World::new();
        world.hydrate(&lives(-age, lifetime));
        let ready = matches!(world.read(), Reading::Ready { .. });
        assert_eq!(ready, handed_out, "{lifetime} s, {age} s old");
    }
}

#[test]
fn a27_a55_what_is_under_way_is_waited_for() {
    let mut world = World::new();
    assert_eq!(world.peek(), None);
    let id = world.waits();
    assert_eq!((world.waits(), world.under_way.len()), (id, 1));
    world.answer(&minute(0));
    assert_eq!(world.peek(), Some(minute(0).raw()));
    assert_eq!(world.outcomes(id), [Ok(minute(0).raw())]);
}

#[test]
fn a32_a36_clearing_forgets_tokens_and_timers() {
    let mut world = World::with(&minute(0));
    world.clear();
    assert_eq!(
        (world.peek(), world.published.clone(), world.slot.poll_wake(world.now())),
        (None, None, None)
    );
    world.pass(120.0);
    assert_eq!(world.fetched_at.len(), 1);
}

#[test]
fn a33_a_token_goes_at_its_end() {
    let mut world = World::with(&lives(0, 10));
    world.pass(9.999);
    assert!(world.peek().is_some());
    world.pass(0.001);
    assert_eq!((world.peek(), world.published.clone()), (None, None));
}

#[test]
fn a34_b1_b25_the_timer_fires_once_around_43_s() {
    for seed in 0..50 {
        let mut world = World::seeded(Policy::default(), seed);
        world.load(&minute(0));
        world.pass(50.0);
        let [_, at] = world.fetched_at[..] else { panic!("{:?}", world.fetched_at) };
        assert!((42.0..=44.0).contains(&at), "{at}");
    }
    let mut world = World::compat(Compat::Head);
    world.load(&minute(0));
    world.pass(50.0);
    assert_eq!(world.fetched_at, [0.0, 43.0]);
}

/// In the reference a slot without a callback has no timer: here, one that is out of focus.
#[test]
fn a35_a63_b2_without_a_duty_there_is_no_timer_and_the_token_is_served() {
    let mut world = World::compat(Compat::Head);
    world.slot.focus(false, world.now());
    world.load(&minute(0));
    world.pass(50.0);
    assert_eq!((world.fetched_at.len(), world.ready()), (1, minute(0).raw()));
}

#[test]
fn a37_ten_seconds_have_no_timer() {
    let mut world = World::with(&lives(0, 10));
    world.pass(9.9);
    assert_eq!(world.fetched_at.len(), 1);
    let mut world = World::with(&lives(0, 11));
    world.pass(9.9);
    assert_eq!(world.fetched_at.len(), 2);
}

#[test]
fn r2_3_a38_b26_b27_the_token_is_served_while_the_refresh_runs_and_after_it_failed() {
    let mut world = World::with(&minute(0));
    world.pass(50.0);
    assert_eq!(world.under_way.len(), 1);
    for _ in 0..3 {
        assert_eq!(world.ready(), minute(0).raw());
    }
    world.fail(transient());
    assert_eq!(world.ready(), minute(0).raw());
}

#[test]
fn a39_a40_a41_a42_a43_a46_a47_a48_lifetimes_may_change() {
    for chain in [&[60, 200][..], &[200, 60], &[60, 200, 60], &[30], &[120], &[20, 45, 300]] {
        let mut world = World::compat(Compat::Head);
        world.load(&lives(0, chain[0]));
        for (n, lifetime) in chain.iter().enumerate() {
            // In thousandths of a second: a quarter of the lifetime, or 15 s, and the lead.
            let due = lifetime * 1_000 - (lifetime * 250).min(15_000) - 2_000;
            world.pass_ms(u64::try_from(due).unwrap() - 1);
            assert!(world.under_way.is_empty(), "{chain:?}, {n}: too early");
            assert!(matches!(world.read(), Reading::Ready { .. }));
            world.pass_ms(1);
            assert_eq!(world.under_way.len(), 1, "{chain:?}, {n}");
            // Tokens are issued at whole seconds.
            let at = (world.wall_ms - START * 1_000).div_euclid(1_000);
            world.wall_ms = (START + at) * 1_000;
            world.answer(&lives(at, chain.get(n + 1).copied().unwrap_or(60)));
        }
    }
}

#[test]
fn a53_b47_a_refused_fetch_leaves_nothing() {
    let mut world = World::new();
    let id = world.waits();
    world.fail(Failure::Refused { status: 400, code: "no".to_owned() });
    assert_eq!((world.peek(), world.outcomes(id)), (None, vec![Err("token-refused")]));
    assert!(world.under_way.is_empty());
    world.waits();
    assert_eq!(world.under_way.len(), 1, "and the next caller starts anew");
}

#[test]
fn a56_b8_b10_a_token_known_at_the_start_is_readable_at_once() {
    let mut world = World::new();
    assert!(world.hydrate(&minute(0)));
    assert_eq!((world.ready(), world.fetched_at.len()), (minute(0).raw(), 0));
}

#[test]
fn a57_a58_a59_a62_each_cycle_has_one_refresh() {
    let mut world = World::compat(Compat::Head);
    world.hydrate(&minute(0));
    for cycle in 0..5 {
        let at = cycle * 43;
        world.load(&minute(at));
        world.load(&minute(at));
        let before = world.fetched_at.len();
        world.pass(42.999);
        assert_eq!(world.fetched_at.len(), before);
        world.pass(0.001);
        assert_eq!(world.fetched_at.len(), before + 1);
        world.answer(&minute(at + 43));
    }
}

#[test]
fn a61_after_clearing_only_the_last_token_counts() {
    let mut world = World::compat(Compat::Head);
    world.load(&minute(0));
    world.pass(10.0);
    world.clear();
    world.load(&minute(10));
    world.pass(42.9);
    assert_eq!(world.fetched_at.len(), 2);
    world.pass(0.1);
    assert_eq!(world.fetched_at.len(), 3);
}

#[test]
fn a65_a_newer_token_of_the_same_session_is_taken() {
    let mut world = World::with(&minute(0));
    world.pass(5.0);
    assert!(world.receive(&minute(5)));
    assert_eq!(world.ready(), minute(5).raw());
}

#[test]
fn b15_b16_b17_without_network_there_are_four_tries_and_no_update() {
    let mut world = World::new();
    let id = world.waits();
    while world.outcomes(id).is_empty() {
        if !world.under_way.is_empty() {
            world.fail(Failure::Offline);
        }
        world.pass(0.1);
    }
    assert_eq!((world.fetched_at.len(), world.outcomes(id)), (4, vec![Err("token-offline")]));
    assert_eq!((world.updates.len(), world.peek()), (0, None));
}

#[test]
fn b29_a_refresh_without_network_tells_of_no_token_and_the_one_there_is_served() {
    let mut world = World::with(&minute(0));
    world.pass(44.5);
    world.fail(Failure::Offline);
    world.pass(5.0);
    assert_eq!((world.updates.len(), world.ready()), (1, minute(0).raw()));
    // Back again: what waited is tried at once.
    world.under_way.clear();
    world.slot.online(world.now());
    world.act();
    assert_eq!(world.ready(), minute(0).raw());
}

#[test]
fn b30_a_timer_that_fires_too_late_asks_nobody() {
    for mut world in [World::new(), World::compat(Compat::Head)] {
        world.load(&minute(0));
        // The machine slept past the end.
        world.wall_ms += 120_000;
        world.slot.wake(world.now());
        world.act();
        assert_eq!((world.fetched_at.len(), world.peek()), (1, None));
    }
}

#[test]
fn b31_with_forty_seconds_left_nobody_is_asked() {
    let mut world = World::with(&minute(0));
    world.pass(20.0);
    assert_eq!((world.ready(), world.fetched_at.len()), (minute(0).raw(), 1));
}

#[test]
fn b55_where_nobody_says_when_facts_were_read_the_newest_wins() {
    let mut world = World::with(&minute(0));
    world.load(&minute(-5));
    assert_eq!(world.ready(), minute(-5).raw());
}
