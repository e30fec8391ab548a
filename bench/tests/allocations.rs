//! A known token costs nothing but its result.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use nostore_bench::allocations::count;
use nostore_bench::ours;
use nostore_bench::world::World;
use nostore_session::Decision;

#[test]
fn a_known_token_allocates_its_boxed_decision_and_nothing_else() {
    for world in [World::new().unwrap(), World::with_organization().unwrap()] {
        let (request, memo) = (world.request(), ours::memo(&world).unwrap());
        let (decision, count) = count(|| ours::known_token(&world, &request, &memo));
        assert!(decision.session().is_some());
        assert_eq!((count.calls, count.bytes), (1, size_of::<Decision>() as u64));
    }
}

#[test]
fn the_counter_counts() {
    let (_, count) = count(|| std::hint::black_box((Box::new(1_u64), Vec::<u8>::with_capacity(10))));
    assert_eq!((count.calls, count.bytes), (2, 18));
}
