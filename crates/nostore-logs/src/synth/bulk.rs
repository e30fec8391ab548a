//! A stream of any number of sessions, for measurements: nothing is kept.

use super::cast::{Agent, Visitor};
use super::{Act, Hit, Random, START, Traffic};

/// Hands each request of so many sessions to `take`: a sign-in and `uses` uses each, some at a time, one in a million
/// with a use by somebody else.
pub fn bulk(sessions: u32, uses: u32, seed: u64, mut take: impl FnMut(&Hit)) {
    const TOGETHER: u32 = 1_000;
    let mut random = Random::new(seed);
    let mut traffic = Traffic::default();
    let mut first = 0;
    while first < sessions {
        let group: Vec<u32> = (first..sessions.min(first + TOGETHER)).collect();
        let begin = START + i64::from(first / TOGETHER) * 8;
        let mut visitors: Vec<Visitor> =
            group.iter().map(|_| Visitor::new(&mut traffic, &mut random)).collect();
        for (visitor, session) in visitors.iter_mut().zip(&group) {
            visitor.session = Some(*session);
            visitor.ask(&mut traffic, &mut random, Act::SignIn, (begin, "/auth/callback?code=x"));
        }
        for turn in 1..=uses {
            for (visitor, session) in visitors.iter_mut().zip(&group) {
                if session % 1_000_000 == 999_999 && turn == uses {
                    visitor.agent = Agent::unlike(visitor.agent, &mut random);
                }
                let path = super::cast::page(&mut random);
                let at = begin + i64::from(turn) * 2;
                visitor.ask(&mut traffic, &mut random, Act::Use, (at, &path));
            }
        }
        traffic.hits.sort_by_key(|hit| hit.at);
        traffic.hits.drain(..).for_each(|hit| take(&hit));
        first += TOGETHER;
    }
}
