//! Sessions whose signature was checked, so that the same token costs no second check.
//!
//! # Invariants
//!
//! - The whole text of a token counts. A lookup hashes its end alone, with keys of its own: the end is part
//!   of the signature, and only tokens with a good one are kept, so nobody can choose many that collide.
//! - A session counts under the JWK Set that its signature was checked with. A set with other keys empties
//!   the memo, and a decision that was made before cannot put anything back that counts.
//! - What has expired (`exp`) is not found and goes. What else the claims say is the law's to check.
//! - Bounded in bytes. A lookup allocates nothing.
//!
//! # Not covered
//!
//! A session that is revoked at the identity service stays good until its token expires, here as without
//! the memo; a sign-out here, or [`Sessions::forget_session`](crate::Sessions::forget_session), takes it
//! out.

use std::fmt;
use std::hash::{Hash, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nostore_message::UnixTime;
use nostore_session::{Session, TokenMemo};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{Equivalent, OptionsBuilder, Weighter};

use crate::metrics::Counters;

/// How much is kept, unless the site says otherwise: about four thousand sessions.
pub(crate) const DEFAULT_BYTES: u64 = 16 * 1_024 * 1_024;

/// What a token of usual length weighs here.
const USUAL_BYTES: u64 = 4_096;

/// The smallest part that the memo is divided into: much more than one token.
const SHARD_BYTES: u64 = 256 * 1_024;

/// How much of a token's end is hashed, in bytes: 258 bits of its signature.
const HASHED_BYTES: usize = 43;

type Sessions = Cache<Key, Known, ByBytes, RandomState>;

/// The sessions of one site. `None` inside: nothing is kept.
pub(crate) struct Memo {
    bytes: u64,
    sessions: Option<Sessions>,
    generation: AtomicU64,
}

#[derive(Clone)]
struct Known {
    session: Arc<Session>,
    generation: u64,
}

struct Key(Arc<Session>);

struct Lookup<'t>(&'t str);

#[derive(Clone, Copy)]
struct ByBytes;

impl Memo {
    pub(crate) fn new(bytes: u64) -> Self {
        let shards = usize::try_from((bytes / SHARD_BYTES).clamp(1, 16)).unwrap_or(1);
        let items = usize::try_from((bytes / USUAL_BYTES).max(1)).unwrap_or(usize::MAX);
        let mut options = OptionsBuilder::new();
        options.shards(shards).estimated_items_capacity(items).weight_capacity(bytes);
        // Without all three there are no options; without options nothing is kept.
        let options = if bytes == 0 { None } else { options.build().ok() };
        let sessions = options.map(|options| {
            Cache::with_options(options, ByBytes, RandomState::new(), DefaultLifecycle::default())
        });
        Self { bytes, sessions, generation: AtomicU64::new(0) }
    }

    /// Returns how much may be kept.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the memo as the law sees it, at `now` and under that generation of keys.
    pub(crate) fn view<'m>(&'m self, generation: u64, now: UnixTime, counters: &'m Counters) -> View<'m> {
        if self.generation.load(Ordering::Acquire) < generation
            && self.generation.fetch_max(generation, Ordering::AcqRel) < generation
        {
            self.clear();
        }
        View { memo: self, generation, now, counters }
    }

    /// Keeps a session whose signature was checked under that generation of keys.
    pub(crate) fn remember(&self, session: &Arc<Session>, generation: u64, now: UnixTime) {
        let current = self.generation.load(Ordering::Acquire) == generation;
        if let Some(sessions) = self.sessions.as_ref().filter(|_| current && !has_expired(session, now)) {
            sessions.insert(Key(Arc::clone(session)), Known { session: Arc::clone(session), generation });
        }
    }

    /// Forgets every token of a session.
    pub(crate) fn forget(&self, session_id: &str) {
        if let Some(sessions) = &self.sessions {
            sessions.retain(|_, known| known.session.session_id() != Some(session_id));
        }
    }

    fn clear(&self) {
        if let Some(sessions) = &self.sessions {
            sessions.clear();
        }
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo")
            .field("sessions", &self.sessions.as_ref().map(Cache::len))
            .field("bytes", &self.sessions.as_ref().map(Cache::weight))
            .finish_non_exhaustive()
    }
}

/// The memo at one time, under one set of keys.
pub(crate) struct View<'m> {
    memo: &'m Memo,
    generation: u64,
    now: UnixTime,
    counters: &'m Counters,
}

impl View<'_> {
    fn known(&self, token: &str) -> Option<Arc<Session>> {
        let sessions = self.memo.sessions.as_ref()?;
        let known = sessions.get(&Lookup(token))?;
        if has_expired(&known.session, self.now) {
            sessions.remove(&Lookup(token));
            return None;
        }
        (known.generation == self.generation).then_some(known.session)
    }
}

impl TokenMemo for View<'_> {
    fn find(&self, token: &str) -> Option<Arc<Session>> {
        let known = self.known(token);
        self.counters.memo(known.is_some());
        known
    }
}

fn has_expired(session: &Session, now: UnixTime) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    let now = now.millis() as f64;
    // Without `exp` no session is verified.
    session.claims().exp().is_none_or(|exp| exp * 1_000.0 <= now)
}

fn hash_end<H: Hasher>(token: &str, state: &mut H) {
    let bytes = token.as_bytes();
    state.write(bytes.get(bytes.len().saturating_sub(HASHED_BYTES)..).unwrap_or_default());
}

impl Key {
    fn token(&self) -> &str {
        self.0.token().expose()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(self.token(), state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.token() == other.token()
    }
}

impl Eq for Key {}

impl Hash for Lookup<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_end(self.0, state);
    }
}

impl Equivalent<Key> for Lookup<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.token()
    }
}

impl Weighter<Key, Known> for ByBytes {
    /// The token, its claims as a tree, and what holds them.
    fn weight(&self, key: &Key, _: &Known) -> u64 {
        let length = u64::try_from(key.token().len()).unwrap_or(u64::MAX);
        length.saturating_mul(4).saturating_add(512)
    }
}

#[cfg(test)]
mod tests {
    use nostore_jose::{JwkSet, SigningKey};
    use nostore_message::{Fields, RequestHead, Scheme, Secret};
    use nostore_session::{Config, Facts, Instance, PublishableKey, Step, authenticate};
    use serde_json::{Map, Value, json};

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_767_225_600);

    fn session(key: &SigningKey, number: usize) -> Arc<Session> {
        let Value::Object(claims) =
            json!({ "sub": "user", "sid": format!("sess_{number}"), "exp": NOW.secs() + 60 })
        else {
            panic!("expected an object")
        };
        let bearer = format!("Bearer {}", key.sign(&Map::new(), &claims).unwrap());
        let publishable = PublishableKey::encode(Instance::Production, "accounts.nostore.example");
        let config = Config::new(PublishableKey::parse(&publishable).unwrap(), Secret::new("sk_hush"));
        let request = RequestHead {
            method: "GET".into(),
            scheme: Scheme::Http,
            authority: "localhost".into(),
            target: "/".into(),
            fields: Fields::from_iter([("authorization", &*bearer)]),
        };
        let keys = JwkSet::new([key.jwk().clone()]);
        let facts = Facts { keys: Some(&keys), ..Facts::default() };
        match authenticate(&request, &config, &facts, NOW) {
            Step::Done(decision) => decision.verified.unwrap(),
            Step::Need(need) => panic!("{need:?}"),
        }
    }

    #[test]
    fn what_was_decided_under_other_keys_does_not_count() {
        let (memo, counters) = (Memo::new(DEFAULT_BYTES), Counters::default());
        let session = session(&SigningKey::generate().unwrap(), 0);
        let found =
            |generation| memo.view(generation, NOW, &counters).find(session.token().expose()).is_some();
        assert!(!found(1));
        memo.remember(&session, 1, NOW);
        assert!(found(1));
        // A decision that still runs under the keys before is not helped by it.
        assert!(!found(0));
        // Other keys: it is gone, and the decision that comes late puts nothing back.
        assert!(!found(2));
        memo.remember(&session, 1, NOW);
        assert!(!found(2) && !found(1));
        memo.remember(&session, 2, NOW);
        assert!(found(2));
        assert!(!found(1));
    }

    #[test]
    fn it_is_bounded_in_bytes() {
        let bytes = 256 * 1_024;
        let (memo, counters, key) = (Memo::new(bytes), Counters::default(), SigningKey::generate().unwrap());
        let sessions: Vec<_> = (0..300).map(|number| session(&key, number)).collect();
        assert!(memo.view(1, NOW, &counters).find("").is_none());
        for session in &sessions {
            memo.remember(session, 1, NOW);
        }
        let cache = memo.sessions.as_ref().unwrap();
        assert!(cache.weight() <= bytes, "{memo:?}");
        assert!((50..300).contains(&cache.len()), "{memo:?}");
        memo.forget("sess_299");
        assert!(memo.view(1, NOW, &counters).find(sessions[299].token().expose()).is_none());
    }

    #[test]
    fn the_whole_token_counts() {
        let (memo, counters) = (Memo::new(DEFAULT_BYTES), Counters::default());
        let session = session(&SigningKey::generate().unwrap(), 0);
        memo.remember(&session, 0, NOW);
        let token = session.token().expose();
        let find = |token: &str| memo.view(0, NOW, &counters).find(token).is_some();
        assert!(find(token));
        // The same end, which is all that is hashed.
        assert!(!find(&token[1..]) && !find(&format!("x{token}")) && !find(&token.replacen('e', "f", 1)));
        assert!(!find(&token[token.len() - HASHED_BYTES..]) && !find(""));
    }
}
