//! A store of sign-ins in Redis or Valkey.
//!
//! ```no_run
//! use nostore_message::Secret;
//! use nostore_redis::RedisStore;
//!
//! # async fn started(url: Secret) -> Result<RedisStore, nostore_redis::OpenFault> {
//! RedisStore::builder(&url)?.prefix("shop").open().await
//! # }
//! ```
//!
//! | | |
//! |---|---|
//! | a record | `{<prefix>}:<kind>:<name>`: `<revision> <end in ms, or nothing>`, a line feed, the content |
//! | the names of a kind | `{<prefix>}/names:<kind>`: a sorted set, by name |
//! | what ends | `{<prefix>}/ends`: a sorted set of `<kind>:<name>`, by end |
//! | the version of all this | `{<prefix>}/version` |
//!
//! A read is one `MGET`, and one round trip. A change is one script, which looks at what is expected and changes the record and
//! the sets in one step. A list is a `ZRANGEBYLEX` and an `MGET` a page.
//!
//! # Invariants
//!
//! - *No exchange takes longer* than [`RedisStoreBuilder::patience`], connecting included: then there is a [`StoreError::Engine`].
//! - A change is sent once. Where its answer is lost, the caller is told that it may have been made.
//! - Time is what the caller says. Redis itself removes a record a day after its end, to clean up after whoever never sweeps.
//! - A store that a newer release has taken over is neither read nor written, also not by who opened it before.
//!
//! # Deployments
//!
//! *What Redis confirms is only as durable as it is told to be*: this store wants `appendonly yes` and `appendfsync always`. With
//! `everysec`, which is Redis's default for its log, sign-ins and sign-outs of the last second or two are lost with the power;
//! without a log all since the last snapshot. A replica that takes over may lack what was confirmed last.
//! Memory that runs full must refuse writes, not forget records: `maxmemory-policy noeviction`. A token client's link
//! ([`crate::RedisLink`]) wants the opposite; give them two servers.
//!
//! # Not covered
//!
//! Discovery by Sentinel or Cluster; a cluster's one node will do, for all keys are of one slot. Secrecy of contents: whoever
//! writes seals.
//!
//! Specifications: the commands [EVALSHA](https://redis.io/docs/latest/commands/evalsha/),
//! [ZRANGEBYLEX](https://redis.io/docs/latest/commands/zrangebylex/) and
//! [persistence](https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/) of Redis.

mod line;
mod names;
mod value;

use std::fmt;
use std::time::Duration;

use nostore_message::{Secret, UnixTime};
use nostore_signin::store::{
    Change, Expected, Key, Kind, Record, Store, StoreError, StoreFuture, Written, check_prefix,
};
use redis::{ConnectionInfo, Value, cmd};

use crate::settings::{self, SettingsFault};
use line::{Line, Script};
use names::Names;

/// The version of what is written. Version 1 is the first.
const VERSION: u32 = 1;
/// So many records are listed at once: 4 MiB of the longest.
const PAGE: usize = 64;
/// So many are swept at once.
const SWEPT_AT_ONCE: usize = 256;
/// So long after its end Redis removes a record that nobody swept.
const KEPT_MS: i64 = 86_400_000;
/// Ends further away than that are left to sweeps: a hundred years.
const FARTHEST_MS: i64 = 100 * 366 * 86_400_000;

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenFault {
    /// A setting makes no sense.
    #[error(transparent)]
    Settings(#[from] SettingsFault),
    /// It does not answer, or not as it must.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenFault {
    /// Returns the stable name of the fault.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Settings(fault) => fault.code(),
            Self::Store(error) => error.code(),
        }
    }
}

/// Makes a [`RedisStore`]. `Debug` does not show the URL.
pub struct RedisStoreBuilder {
    server: ConnectionInfo,
    prefix: String,
    patience: Duration,
    /// In PEM; else those that the system trusts.
    roots: Option<Vec<u8>>,
}

impl RedisStoreBuilder {
    /// Starts all keys with `prefix` (in braces): those with the same one are one store. Default: `nostore-signin`.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Waits so long for an answer, connecting included. Default: 2 s.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Trusts these root certificates (PEM) and no others. Default: those that the system trusts.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Connects, and looks whether the store is one that this release understands.
    ///
    /// # Errors
    ///
    /// - [`OpenFault::Settings`] where a setting makes no sense.
    /// - [`StoreError::Newer`] where a newer release has written there; nothing is changed.
    /// - [`StoreError::Engine`] where there is no answer in time.
    pub async fn open(self) -> Result<RedisStore, OpenFault> {
        settings::check_prefix(&self.prefix)?;
        settings::between("a patience", self.patience, 10, 60_000)?;
        let client = settings::client(self.server, self.roots)?;
        let store = RedisStore { line: Line::new(client, self.patience), names: Names::new(&self.prefix) };
        store.look().await?;
        Ok(store)
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("prefix", &self.prefix)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// Keeps records in Redis or Valkey, over one connection that is made anew when it breaks.
pub struct RedisStore {
    line: Line,
    names: Names,
}

impl RedisStore {
    /// Sets up a store in the Redis at `url`, as in `redis://user:password@host:6379/0`.
    ///
    /// # Errors
    ///
    /// When the URL is none.
    pub fn builder(url: &Secret) -> Result<RedisStoreBuilder, SettingsFault> {
        let patience = Duration::from_secs(2);
        let prefix = "nostore-signin".to_owned();
        Ok(RedisStoreBuilder { server: settings::server(url)?, prefix, patience, roots: None })
    }

    async fn look(&self) -> Result<(), StoreError> {
        let version = self.line.read("opening", cmd("GET").arg(self.names.version())).await?;
        current(&version)?;
        if version == Value::Nil {
            // Whoever else opens it at the same time writes as well, and the higher version stays.
            let mut note = cmd("SET");
            note.arg(self.names.version()).arg(VERSION).arg("NX");
            self.line.read("opening", &note).await?;
            current(&self.line.read("opening", cmd("GET").arg(self.names.version())).await?)?;
        }
        Ok(())
    }

    /// Reads what is there, all of one moment: ended or not.
    async fn fetch(
        &self,
        doing: &'static str,
        keys: impl Iterator<Item = (Kind, &str)>,
    ) -> Result<Vec<Option<Record>>, StoreError> {
        let mut command = cmd("MGET");
        command.arg(self.names.version());
        let mut count = 0;
        for (kind, name) in keys {
            command.arg(self.names.record(kind, name));
            count += 1;
        }
        if count == 0 {
            return Ok(Vec::new());
        }
        let Value::Array(values) = self.line.read(doing, &command).await? else {
            return Err(strange(doing));
        };
        let Some((version, values)) = values.split_first().filter(|(_, values)| values.len() == count) else {
            return Err(strange(doing));
        };
        current(version)?;
        values.iter().map(|value| value::parse(value).ok_or_else(|| strange(doing))).collect()
    }

    async fn read_now(&self, keys: &[Key], now: UnixTime) -> Result<Vec<Option<Record>>, StoreError> {
        keys.iter().try_for_each(Key::check)?;
        let records = self.fetch("reading", keys.iter().map(|key| (key.kind, key.name.as_str()))).await?;
        Ok(records.into_iter().map(|record| record.filter(|record| !record.has_ended(now))).collect())
    }

    async fn list_now(
        &self,
        kind: Kind,
        prefix: &str,
        now: UnixTime,
    ) -> Result<Vec<(String, Record)>, StoreError> {
        check_prefix(prefix)?;
        let mut listed = Vec::new();
        let mut least = [b"[", prefix.as_bytes()].concat();
        // No octet of UTF-8 is as great.
        let most = [b"(", prefix.as_bytes(), &[0xff]].concat();
        loop {
            let mut command = cmd("ZRANGEBYLEX");
            command.arg(self.names.listed(kind)).arg(&least).arg(&most).arg("LIMIT").arg(0).arg(PAGE);
            let names = value::texts(&self.line.read("listing", &command).await?);
            let names = names.ok_or_else(|| strange("listing"))?;
            let records = self.fetch("listing", names.iter().map(|name| (kind, name.as_str()))).await?;
            let Some(last) = names.last() else { return Ok(listed) };
            least = [b"(", last.as_bytes()].concat();
            let pairs = names.into_iter().zip(records);
            listed.extend(pairs.filter_map(|(name, record)| {
                record.filter(|record| !record.has_ended(now)).map(|record| (name, record))
            }));
        }
    }

    async fn write_now(&self, change: &Change, now: UnixTime) -> Result<Written, StoreError> {
        change.check()?;
        let Change { key: Key { kind, name }, expected, record } = change;
        let expected = match expected {
            Expected::Absent => "absent".to_owned(),
            Expected::Anything => "anything".to_owned(),
            Expected::Revision(revision) => revision.0.to_string(),
        };
        let mut arguments = vec![
            VERSION.to_string(),
            now.millis().to_string(),
            name.clone(),
            names::ending(*kind, name),
            expected,
        ];
        if let Some(record) = record {
            arguments.push(value::print(record));
            arguments.push(record.ends.map_or_else(String::new, |ends| ends.millis().to_string()));
            arguments.push(kept_ms(record.ends, now).map_or_else(String::new, |ms| ms.to_string()));
        }
        let keys = self.names.of_change(*kind, name);
        match self.line.run("writing", Script::Write, &keys, &arguments).await? {
            Value::Array(answer) => answered(&answer, now),
            _ => Err(strange("writing")),
        }
    }

    async fn sweep_now(&self, now: UnixTime) -> Result<u64, StoreError> {
        let mut swept = 0;
        loop {
            let mut command = cmd("ZRANGEBYSCORE");
            command.arg(self.names.ends()).arg("-inf").arg(now.millis());
            command.arg("LIMIT").arg(0).arg(SWEPT_AT_ONCE);
            let ended = value::texts(&self.line.read("sweeping", &command).await?);
            let before = swept;
            for ended in ended.ok_or_else(|| strange("sweeping"))? {
                let Some((kind, name)) = names::ended(&ended) else { continue };
                let keys = self.names.of_change(kind, name);
                let arguments =
                    [VERSION.to_string(), now.millis().to_string(), name.to_owned(), ended.clone()];
                match self.line.run("sweeping", Script::Sweep, &keys, &arguments).await? {
                    Value::Int(count) => swept += u64::from(count > 0),
                    Value::Array(answer) => drop(answered(&answer, now)?),
                    _ => return Err(strange("sweeping")),
                }
            }
            // What is left was given more time meanwhile.
            if swept == before {
                return Ok(swept);
            }
        }
    }
}

impl Store for RedisStore {
    fn read<'a>(&'a self, keys: &'a [Key], now: UnixTime) -> StoreFuture<'a, Vec<Option<Record>>> {
        Box::pin(self.read_now(keys, now))
    }

    fn list<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        now: UnixTime,
    ) -> StoreFuture<'a, Vec<(String, Record)>> {
        Box::pin(self.list_now(kind, prefix, now))
    }

    fn write<'a>(&'a self, change: &'a Change, now: UnixTime) -> StoreFuture<'a, Written> {
        Box::pin(self.write_now(change, now))
    }

    fn sweep(&self, now: UnixTime) -> StoreFuture<'_, u64> {
        Box::pin(self.sweep_now(now))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("names", &self.names).finish_non_exhaustive()
    }
}

/// So long from now on Redis keeps a record, in milliseconds. `None`: until it is removed.
fn kept_ms(ends: Option<UnixTime>, now: UnixTime) -> Option<i64> {
    let left = ends?.millis().saturating_sub(now.millis()).max(0);
    (left < FARTHEST_MS).then_some(left + KEPT_MS)
}

/// Reads what the script says that makes a change.
fn answered(answer: &[Value], now: UnixTime) -> Result<Written, StoreError> {
    let word = answer.first().and_then(value::text);
    match (word.as_deref(), answer.get(1).unwrap_or(&Value::Nil)) {
        (Some("done"), _) => Ok(Written::Done),
        (Some("conflict"), there) => {
            let there = value::parse(there).ok_or_else(|| strange("writing"))?;
            Ok(Written::Conflict(there.filter(|record| !record.has_ended(now))))
        }
        (Some("newer"), version) => current(version).and_then(|()| Err(strange("writing"))),
        _ => Err(strange("writing")),
    }
}

/// Refuses a store that a newer release wrote.
fn current(version: &Value) -> Result<(), StoreError> {
    if *version == Value::Nil {
        return Ok(());
    }
    // None of ours is anything else than a number.
    let found = value::text(version).and_then(|version| version.parse().ok()).unwrap_or(u32::MAX);
    if found > VERSION { Err(StoreError::Newer { expected: VERSION, found }) } else { Ok(()) }
}

fn strange(doing: &'static str) -> StoreError {
    let source =
        "expected the answer of a store, found something else: another program may use the same prefix";
    StoreError::Engine { doing, source: source.into() }
}
