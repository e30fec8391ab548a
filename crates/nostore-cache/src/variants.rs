//! What is stored under one primary key, and which of it answers a request (RFC 9111 sections 4 and 4.1).

use nostore_message::{RequestHead, UnixTime};

use crate::control::CacheControl;
use crate::freshness::current_age;
use crate::marks::Forward;
use crate::netlify_vary::NetlifyVary;
use crate::profile::{NetlifyVaryRule, Profile, RequestDirectives};
use crate::store::StorePlan;
use crate::verdict::{REQUEST, REUSE, STALE, VARYING, Verdict, period};

/// The most responses that are kept under one key; beyond it the oldest goes.
const MOST: usize = 256;

/// The responses stored under one primary key, with a payload of the caller's.
///
/// Under a profile that honours `Netlify-Vary` the instructions of the first response stored count for
/// all, until nothing fresh is left.
#[derive(Clone, Debug)]
pub struct Variants<T> {
    instructions: NetlifyVary,
    /// Oldest first.
    stored: Vec<Variant<T>>,
}

#[derive(Clone, Debug)]
struct Variant<T> {
    /// The fields that `Vary` nominates, as the request that was stored had them.
    nominated: Vec<(String, Option<String>)>,
    /// The same for what `Netlify-Vary` instructs.
    instructed: Vec<(String, Option<String>)>,
    lifetime_secs: i64,
    initial_age_secs: i64,
    response_time: UnixTime,
    must_revalidate: bool,
    payload: T,
}

impl<T> Variant<T> {
    fn age(&self, now: UnixTime) -> i64 {
        current_age(self.initial_age_secs, self.response_time, now)
    }

    fn is_fresh(&self, now: UnixTime) -> bool {
        self.lifetime_secs > self.age(now)
    }
}

/// What a cache has for a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Selection<'a, T> {
    /// A response that may be delivered.
    Fresh {
        /// What was stored.
        payload: &'a T,
        /// Its current age in seconds.
        age_secs: i64,
        /// For how many seconds more it is fresh, above 0.
        fresh_for_secs: i64,
        /// Why.
        verdict: Verdict,
    },
    /// A response that may not be delivered without asking the origin.
    Stale {
        /// What was stored.
        payload: &'a T,
        /// Its current age in seconds.
        age_secs: i64,
        /// Why.
        verdict: Verdict,
    },
    /// Nothing that may answer the request.
    None {
        /// Whether nothing fits, or the visitor refuses what does.
        forward: Forward,
        /// Why.
        verdict: Verdict,
    },
}

impl<T> Default for Variants<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Variants<T> {
    /// Makes an empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { instructions: NetlifyVary::none(), stored: Vec::new() }
    }

    /// Finds the response for `request` at wall time `now`: of those that match, the one that came last.
    #[must_use]
    pub fn select(&self, profile: &Profile, request: &RequestHead<'_>, now: UnixTime) -> Selection<'_, T> {
        let instructed = self.instructed(profile, request);
        let matches = |variant: &&Variant<T>| {
            variant.instructed == instructed
                && variant
                    .nominated
                    .iter()
                    .all(|(name, value)| request.fields.combined(name).as_deref() == value.as_deref())
        };
        let Some(variant) = self.stored.iter().rev().find(matches) else {
            return self.nothing(profile);
        };
        let age_secs = variant.age(now);
        if let Some(verdict) =
            refused_by_request(profile, request, age_secs, variant.lifetime_secs - age_secs)
        {
            return Selection::None { forward: Forward::Request, verdict };
        }
        let lifetime_secs = variant.lifetime_secs;
        if variant.is_fresh(now) {
            let text = format!("it is {age_secs} s old, and fresh for {}", period(lifetime_secs));
            let verdict = Verdict::new("fresh", REUSE, text);
            return Selection::Fresh {
                payload: &variant.payload,
                age_secs,
                fresh_for_secs: lifetime_secs - age_secs,
                verdict,
            };
        }
        let code = if variant.must_revalidate { "stale-must-revalidate" } else { "stale" };
        let text = format!("it is {age_secs} s old, and was fresh for {}", period(lifetime_secs));
        Selection::Stale { payload: &variant.payload, age_secs, verdict: Verdict::new(code, STALE, text) }
    }

    /// Stores a response, in place of the one that `request` would have been answered with.
    pub fn insert(
        &mut self,
        profile: &Profile,
        request: &RequestHead<'_>,
        plan: &StorePlan,
        payload: T,
        now: UnixTime,
    ) {
        if !self.stored.iter().any(|variant| variant.is_fresh(now)) {
            let instructions = plan.netlify_vary.clone().unwrap_or_default();
            if instructions != self.instructions {
                self.stored.clear();
                self.instructions = instructions;
            }
        }
        let nominated = plan.vary.values(request);
        let instructed = self.instructed(profile, request);
        self.stored.retain(|variant| variant.nominated != nominated || variant.instructed != instructed);
        if self.stored.len() >= MOST {
            self.stored.remove(0);
        }
        self.stored.push(Variant {
            nominated,
            instructed,
            lifetime_secs: plan.lifetime_secs,
            initial_age_secs: plan.age_secs,
            response_time: plan.response_time,
            must_revalidate: plan.must_revalidate,
            payload,
        });
    }

    /// Lists the payloads, the oldest first.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.stored.iter().map(|variant| &variant.payload)
    }

    /// Returns how many responses are stored.
    #[must_use]
    pub fn len(&self) -> usize {
        self.stored.len()
    }

    /// Tells whether nothing is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// Drops what is no longer fresh at wall time `now`.
    pub fn retain_fresh(&mut self, now: UnixTime) {
        self.stored.retain(|variant| variant.is_fresh(now));
    }

    fn instructed(&self, profile: &Profile, request: &RequestHead<'_>) -> Vec<(String, Option<String>)> {
        match profile.law.netlify_vary {
            NetlifyVaryRule::Honoured(_) => self.instructions.values(request, profile.law.query_in_key),
            NetlifyVaryRule::Ignored => Vec::new(),
        }
    }

    fn nothing(&self, profile: &Profile) -> Selection<'_, T> {
        if self.stored.is_empty() {
            let verdict = Verdict::new("uri-miss", REUSE, "nothing is stored for this URL");
            return Selection::None { forward: Forward::UriMiss, verdict };
        }
        let rule = match profile.law.netlify_vary {
            NetlifyVaryRule::Honoured(_) => profile.law.sources.key,
            NetlifyVaryRule::Ignored => VARYING,
        };
        let text = "what is stored for this URL was for other request fields";
        Selection::None { forward: Forward::VaryMiss, verdict: Verdict::new("vary-miss", rule, text) }
    }
}

/// Tells whether the visitor's own directives refuse a stored response, where the cache minds them.
fn refused_by_request(
    profile: &Profile,
    request: &RequestHead<'_>,
    age_secs: i64,
    fresh_for_secs: i64,
) -> Option<Verdict> {
    let rule = profile.law.request_directives;
    if rule == RequestDirectives::Ignored {
        return None;
    }
    let control = CacheControl::parse(request.fields.all("cache-control"));
    // `Pragma: no-cache` speaks for visitors that know no Cache-Control (RFC 9111 section 5.4).
    let pragma = !request.fields.contains("cache-control")
        && request
            .fields
            .all("pragma")
            .flat_map(|line| line.split(','))
            .any(|word| word.trim().eq_ignore_ascii_case("no-cache"));
    let too_old = control.max_age.is_some_and(|limit| age_secs > limit);
    let too_short = control.min_fresh.is_some_and(|limit| fresh_for_secs < limit);
    let asked = control.no_cache.is_whole() || pragma;
    let picky = rule == RequestDirectives::All && (too_old || too_short);
    (asked || picky)
        .then(|| Verdict::new("request", REQUEST, "the visitor asked for a response from the origin"))
}
