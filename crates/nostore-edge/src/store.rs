//! The stored responses of one edge, bounded by bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use nostore_cache::{PrimaryKey, Profile, StorePlan, Variants};
use nostore_message::{RequestHead, UnixTime};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::body::Copied;

/// What a field line, one of the parts that a key or `Vary` is taken apart into, and an entry cost beside their bytes: an estimate, on the safe side.
const LINE_OVERHEAD: usize = 64;
const PART_OVERHEAD: usize = 96;
const ENTRY_OVERHEAD: usize = 512;

/// A response as it was stored. Shares no buffer with the connection that it came from.
#[derive(Debug)]
pub(crate) struct StoredResponse {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
    weight: u64,
}

impl StoredResponse {
    /// Copies a response for the store. `request` counts too, since what it varied on is kept with it.
    pub(crate) fn new(
        request: &RequestHead<'_>,
        status: StatusCode,
        fields: &HeaderMap,
        body: Vec<u8>,
    ) -> Self {
        let own = |(name, value): (&HeaderName, &HeaderValue)| {
            let copy = HeaderValue::from_bytes(value.as_bytes()).unwrap_or_else(|_| value.clone());
            (name.clone(), copy)
        };
        let copied: HeaderMap = fields.iter().map(own).collect();
        let bytes = Self::weight(request, &copied).saturating_add(body.len() as u64);
        Self { status, fields: copied, body: Bytes::from(body), weight: bytes }
    }

    /// Estimates what a response with these fields weighs without its body, in bytes.
    pub(crate) fn weight(request: &RequestHead<'_>, fields: &HeaderMap) -> u64 {
        // The key holds parts of the request too, at most all of it, cookie by cookie.
        let named = request.authority.len() + request.target.len();
        let kept = request.fields.iter().map(|line| {
            line.name.len() + line.value.len() + LINE_OVERHEAD + parts(line.value.as_bytes(), b";")
        });
        // What a response varies on is kept name by name.
        let varying = [header::VARY, HeaderName::from_static("netlify-vary")];
        let varying = varying.iter().flat_map(|name| fields.get_all(name));
        let varying = varying.map(|value| parts(value.as_bytes(), b",|"));
        let lines = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE_OVERHEAD);
        let heads = kept.chain(varying).chain(lines).sum::<usize>();
        (named + heads + ENTRY_OVERHEAD) as u64
    }
}

type Payload = Arc<StoredResponse>;

/// Everything under one primary key, with its weight.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) variants: Arc<Variants<Payload>>,
    weight: u64,
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<PrimaryKey, Entry> for Bytewise {
    fn weight(&self, _: &PrimaryKey, entry: &Entry) -> u64 {
        entry.weight
    }
}

/// A store that never weighs more than its capacity.
pub(crate) struct Store {
    entries: Cache<PrimaryKey, Entry, Bytewise>,
    capacity: u64,
    /// Bytes of copies in the making.
    pending: AtomicU64,
    /// Held while an entry is replaced, so that two responses for one key do not undo each other.
    writing: Mutex<()>,
}

impl Store {
    /// Makes a store for `capacity` bytes. One shard, so that the capacity is one number and not a share of it.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity((capacity / 8192).clamp(16, 65_536))
            .weight_capacity(capacity as u64)
            .build()
            .ok()?;
        let entries = Cache::with_options(
            options,
            Bytewise,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        );
        Some(Self { entries, capacity: capacity as u64, pending: AtomicU64::new(0), writing: Mutex::new(()) })
    }

    pub(crate) fn get(&self, key: &PrimaryKey) -> Option<Entry> {
        self.entries.get(key)
    }

    /// Stores a response beside those under the same key, and tells whether it is there.
    pub(crate) fn insert(
        &self,
        key: &PrimaryKey,
        profile: &Profile,
        request: &RequestHead<'_>,
        plan: &StorePlan,
        response: StoredResponse,
        now: UnixTime,
    ) -> bool {
        let own = response.weight;
        let payload = Arc::new(response);
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let earlier = self.entries.peek(key);
        let mut variants = earlier.map_or_else(Variants::new, |entry| Variants::clone(&entry.variants));
        variants.insert(profile, request, plan, Arc::clone(&payload), now);
        let mut weight = weigh(&variants);
        if weight > self.capacity / 2 {
            variants.retain_fresh(now);
            weight = weigh(&variants);
        }
        if weight > self.capacity / 2 && weight > own {
            // One key crowds out all others: it starts anew with the latest response.
            variants = Variants::new();
            variants.insert(profile, request, plan, payload, now);
            weight = weigh(&variants);
        }
        if weight > self.capacity {
            return false;
        }
        self.entries.insert(key.clone(), Entry { variants: Arc::new(variants), weight });
        self.entries.contains_key(key)
    }

    pub(crate) fn remove(&self, key: &PrimaryKey) {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.entries.remove(key));
    }

    /// Forgets everything; returns how many keys there were.
    pub(crate) fn clear(&self) -> usize {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = self.entries.len();
        self.entries.clear();
        keys
    }

    /// Forgets the keys for which `is` holds; returns how many there were.
    pub(crate) fn remove_if(&self, is: impl Fn(&PrimaryKey) -> bool) -> usize {
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let meant: Vec<PrimaryKey> = self.entries.iter().map(|(key, _)| key).filter(is).collect();
        meant.iter().filter(|key| self.entries.remove(*key).is_some()).count()
    }

    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    pub(crate) fn weight(&self) -> u64 {
        self.entries.weight()
    }

    pub(crate) fn keys(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Reserves room for `bytes` more of copies in the making; all of them share one capacity's worth.
    fn reserve(&self, bytes: u64) -> bool {
        let add = |pending: u64| pending.checked_add(bytes).filter(|sum| *sum <= self.capacity);
        self.pending.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
    }
}

/// Estimates what the parts of a value cost beside their bytes.
fn parts(value: &[u8], separators: &[u8]) -> usize {
    value.iter().filter(|byte| separators.contains(byte)).count() * PART_OVERHEAD
}

fn weigh(variants: &Variants<Payload>) -> u64 {
    variants.values().map(|payload| payload.weight).sum()
}

/// A copy of a body in the making.
pub(crate) struct Copy {
    store: Arc<Store>,
    bytes: Vec<u8>,
    reserved: u64,
    most: usize,
}

impl Copy {
    /// Starts an empty copy of at most `most` bytes.
    pub(crate) const fn new(store: Arc<Store>, most: usize) -> Self {
        Self { store, bytes: Vec::new(), reserved: 0, most }
    }

    /// Appends a frame's data, or says why the copying ends here.
    pub(crate) fn push(&mut self, data: &[u8]) -> Result<(), Copied> {
        if data.len() > self.most.saturating_sub(self.bytes.len()) {
            return Err(Copied::TooLong);
        }
        let more = data.len() as u64;
        if !self.store.reserve(more) {
            return Err(Copied::NoRoom);
        }
        self.reserved += more;
        self.bytes.extend_from_slice(data);
        Ok(())
    }

    /// Takes the bytes, no larger than they are.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.shrink_to_fit();
        bytes
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.store.pending.fetch_sub(self.reserved, Ordering::AcqRel);
    }
}
