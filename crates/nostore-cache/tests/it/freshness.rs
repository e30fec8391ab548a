//! Age and freshness: before, at and after each limit.

use nostore_cache::{Selection, Storability, Variants, storability};
use nostore_message::UnixTime;

use crate::support::{NOW, plan, profile, profile_with, request, response};

#[test]
fn r0_4_fresh_before_the_lifetime_and_stale_at_it() {
    // seconds after it came, age it came with, lifetime, what becomes of it
    let rows = [
        (0, 0, 60, "fresh age 0 for 60"),
        (59, 0, 60, "fresh age 59 for 1"),
        (60, 0, 60, "stale age 60"),
        (61, 0, 60, "stale age 61"),
        (0, 59, 60, "fresh age 59 for 1"),
        (1, 59, 60, "stale age 60"),
        (-5, 0, 60, "fresh age 0 for 60"),
        (0, 0, 1, "fresh age 0 for 1"),
        (1, 0, 1, "stale age 1"),
    ];
    let rfc = profile("rfc9111");
    let asking = request("GET /");
    for (after, age, lifetime, expected) in rows {
        let text = format!("200 | cache-control: max-age={lifetime} | age: {age}");
        let plan = plan(&rfc, &asking, &response(&text));
        let mut variants = Variants::new();
        variants.insert(&rfc, &asking, &plan, (), NOW);
        let found = match variants.select(&rfc, &asking, NOW.plus_secs(after)) {
            Selection::Fresh { age_secs, fresh_for_secs, .. } => {
                format!("fresh age {age_secs} for {fresh_for_secs}")
            }
            Selection::Stale { age_secs, .. } => format!("stale age {age_secs}"),
            Selection::None { verdict, .. } => verdict.code().to_owned(),
        };
        assert_eq!(found, expected, "{after} s after {text}");
    }
}

#[test]
fn milliseconds_do_not_round_a_response_fresh() {
    let rfc = profile("rfc9111");
    let asking = request("GET /");
    let mut variants = Variants::new();
    variants.insert(
        &rfc,
        &asking,
        &plan(&rfc, &asking, &response("200 | cache-control: max-age=60")),
        (),
        NOW,
    );
    let at = |millis| variants.select(&rfc, &asking, UnixTime::from_millis(NOW.millis() + millis));
    assert!(matches!(at(59_999), Selection::Fresh { age_secs: 59, fresh_for_secs: 1, .. }));
    assert!(matches!(at(60_000), Selection::Stale { age_secs: 60, .. }));
}

#[test]
fn the_age_it_came_with() {
    // fields, delay in seconds, initial age or the refusal
    let rows = [
        ("", 0, "0"),
        (" | age: 10", 0, "10"),
        (" | age: 10", 3, "13"),
        (" | age: 10, 20", 0, "10"),
        (" | age: -1", 0, "0"),
        (" | age: abc", 0, "0"),
        (" | age: 1.5", 0, "0"),
        (" | date: Sat, 21 Nov 2026 11:59:50 GMT", 0, "10"),
        (" | date: Sat, 21 Nov 2026 11:59:50 GMT | age: 30", 0, "30"),
        (" | date: Saturday, 21-Nov-26 11:59:50 GMT", 0, "10"),
        (" | date: Sat Nov 21 11:59:50 2026", 0, "10"),
        (" | date: Sat, 21 Nov 2026 12:00:50 GMT", 0, "0"),
        (" | date: junk", 0, "0"),
        (" | age: 99", 0, "99"),
        (" | age: 100", 0, "already-stale"),
        (" | age: 99999999999999999999", 0, "already-stale"),
    ];
    for (fields, delay, expected) in rows {
        let text = format!("200 | cache-control: max-age=100{fields}");
        let asked = NOW.plus_secs(-delay);
        let found = match storability(&profile("rfc9111"), &request("GET /"), &response(&text), asked, NOW) {
            Storability::Store(plan) => plan.age_secs.to_string(),
            Storability::Refuse(verdict) => verdict.code().to_owned(),
        };
        assert_eq!(found, expected, "{text}, {delay} s on the way");
    }
}

#[test]
fn what_a_visitor_may_ask_of_the_rfc_cache() {
    let rows = [
        ("rfc9111", "GET /", "fresh"),
        ("rfc9111", "GET / | cache-control: no-cache", "request"),
        ("rfc9111", "GET / | pragma: no-cache", "request"),
        ("rfc9111", "GET / | pragma: no-cache | cache-control: x", "fresh"),
        ("rfc9111", "GET / | cache-control: max-age=0", "fresh"),
        ("rfc9111 request-directives=all", "GET / | cache-control: max-age=9", "request"),
        ("rfc9111 request-directives=all", "GET / | cache-control: max-age=10", "fresh"),
        ("rfc9111 request-directives=all", "GET / | cache-control: max-age=11", "fresh"),
        ("rfc9111 request-directives=all", "GET / | cache-control: min-fresh=49", "fresh"),
        ("rfc9111 request-directives=all", "GET / | cache-control: min-fresh=50", "fresh"),
        ("rfc9111 request-directives=all", "GET / | cache-control: min-fresh=51", "request"),
        ("cloudfront", "GET / | cache-control: no-cache | pragma: no-cache", "fresh"),
        ("netlify", "GET / | cache-control: no-cache", "fresh"),
    ];
    for (name, asked, expected) in rows {
        let profile = profile_with(name);
        let asking = request("GET /");
        let mut variants = Variants::new();
        let answer = response("200 | cache-control: max-age=60 | netlify-cdn-cache-control: max-age=60");
        variants.insert(&profile, &asking, &plan(&profile, &asking, &answer), (), NOW);
        let verdict = match variants.select(&profile, &request(asked), NOW.plus_secs(10)) {
            Selection::Fresh { verdict, .. }
            | Selection::Stale { verdict, .. }
            | Selection::None { verdict, .. } => verdict,
        };
        assert_eq!(verdict.code(), expected, "{name}: {asked}");
    }
}
