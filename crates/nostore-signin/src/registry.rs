//! What the site knows of persons and sessions, on top of any store.
//!
//! # Invariants
//!
//! - Who may in is read from the store with every request that asks: removing somebody holds from the next request on, in
//!   every process.
//! - A change is one write where nothing else changed in the meantime, tried again where something did. A process that is
//!   killed leaves it made or not made.
//! - A session that is over stays over: no write brings one back.
//! - What is done in two writes is done in the order in which a kill between them lets nobody in.

use std::collections::HashMap;
use std::sync::Arc;

use nostore_message::UnixTime;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::draw;
use crate::people::{Person, Role, Who};
use crate::records::{Allowed, Layout, PersonRecord, SessionRecord};
use crate::store::{Change, Expected, Key, Kind, Record, Revision, Store, StoreError, Written};

/// The contents that this release writes and reads.
const LAYOUT: u32 = 1;
/// How often a change that met others is tried again. Each try means that somebody else's was made.
const TRIES: usize = 64;

/// Persons and sessions.
#[derive(Debug)]
pub(crate) struct Registry {
    store: Arc<dyn Store>,
    /// Who may in by configuration.
    fixed: Vec<(Who, Role)>,
}

/// How a session stands.
#[derive(Debug)]
pub(crate) struct Standing {
    /// What is kept of it, where something is.
    pub(crate) session: Option<SessionRecord>,
    /// Sessions of the person with a smaller version are over.
    pub(crate) version: u64,
    /// What the person may do; none: nothing.
    pub(crate) role: Option<Role>,
}

/// One line of the list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Who may in.
    pub who: Who,
    /// As what.
    pub role: Role,
    /// Who added it; none: the configuration.
    pub by: Option<String>,
}

/// A session of somebody's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedSession {
    /// The person's id.
    pub person: String,
    /// The session's id.
    pub sid: String,
    /// When it began.
    pub began: UnixTime,
    /// What kind of program signed in.
    pub client: String,
}

impl Registry {
    pub(crate) fn new(store: Arc<dyn Store>, fixed: Vec<(Who, Role)>) -> Self {
        Self { store, fixed }
    }

    /// Checks that this release understands what is in the store, and says so to those that come later.
    pub(crate) async fn open(&self, now: UnixTime) -> Result<(), StoreError> {
        let key = Key::new(Kind::Meta, "layout");
        let own = record(&Layout { version: LAYOUT }, None)?;
        let change = Change { key, expected: Expected::Absent, record: Some(own) };
        match self.store.write(&change, now).await? {
            Written::Conflict(Some(there)) => {
                let found = content::<Layout>(&there)?.version;
                if found > LAYOUT { Err(StoreError::Newer { expected: LAYOUT, found }) } else { Ok(()) }
            }
            Written::Conflict(None) | Written::Done => Ok(()),
        }
    }

    /// Tells how a session stands, with one reading of the store.
    pub(crate) async fn standing(
        &self,
        person: &Person,
        sid: &str,
        now: UnixTime,
    ) -> Result<Standing, StoreError> {
        let rules = person.rules();
        let mut keys = vec![session_key(&person.id, sid), person_key(&person.id)];
        keys.extend(rules.iter().map(Who::key));
        let found = self.store.read(&keys, now).await?;
        let at = |place: usize| found.get(place).and_then(Option::as_ref);
        let session = at(0).map(content::<SessionRecord>).transpose()?;
        let version = at(1).map(content::<PersonRecord>).transpose()?.unwrap_or_default().version;
        let listed = found.iter().skip(2).flatten().filter_map(granted);
        Ok(Standing { session, version, role: self.fixed_role(&rules).into_iter().chain(listed).max() })
    }

    /// Tells what a person may do, and the version that their next session has.
    pub(crate) async fn admission(
        &self,
        person: &Person,
        now: UnixTime,
    ) -> Result<(Option<Role>, u64), StoreError> {
        let standing = self.standing(person, "", now).await?;
        Ok((standing.role, standing.version))
    }

    fn fixed_role(&self, rules: &[Who]) -> Option<Role> {
        self.fixed.iter().filter(|(who, _)| rules.contains(who)).map(|(_, role)| *role).max()
    }

    /// Writes a session down that begins.
    pub(crate) async fn begin(
        &self,
        person: &str,
        sid: &str,
        session: &SessionRecord,
        ends: UnixTime,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let record = record(session, Some(ends))?;
        let change =
            Change { key: session_key(person, sid), expected: Expected::Absent, record: Some(record) };
        match self.store.write(&change, now).await? {
            Written::Done => Ok(()),
            // Its id was drawn for it.
            Written::Conflict(_) => {
                Err(StoreError::Refused { expected: "a session id that is not there yet" })
            }
        }
    }

    /// Reads a session.
    pub(crate) async fn session(
        &self,
        person: &str,
        sid: &str,
        now: UnixTime,
    ) -> Result<Option<(SessionRecord, Record)>, StoreError> {
        let found = self.store.read(&[session_key(person, sid)], now).await?.pop().flatten();
        found.map(|found| Ok((content(&found)?, found))).transpose()
    }

    /// Changes a session that was read before. `false`: it was changed meanwhile.
    pub(crate) async fn replace(
        &self,
        person: &str,
        sid: &str,
        (session, read): (&SessionRecord, &Record),
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let expected = Expected::Revision(read.revision);
        let record = record(session, read.ends)?;
        let change = Change { key: session_key(person, sid), expected, record: Some(record) };
        Ok(self.store.write(&change, now).await? == Written::Done)
    }

    /// Ends one session, whether or not anything is kept of it: until then it may go on from its cookie alone.
    pub(crate) async fn end(
        &self,
        person: &str,
        sid: &str,
        until: UnixTime,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let found = self.session(person, sid, now).await?;
            let (session, expected, ends) = match &found {
                Some((session, _)) if session.ended => return Ok(()),
                Some((session, read)) => (
                    session.clone(),
                    Expected::Revision(read.revision),
                    read.ends.map(|ends| ends.max(until)),
                ),
                None => (SessionRecord::default(), Expected::Absent, Some(until)),
            };
            // Its tokens are of no use to anybody any more.
            let over = SessionRecord { ended: true, tokens: None, profile: None, ..session };
            let change =
                Change { key: session_key(person, sid), expected, record: Some(record(&over, ends)?) };
            if self.store.write(&change, now).await? == Written::Done {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Ends all sessions of a person.
    pub(crate) async fn end_all(&self, person: &str, now: UnixTime) -> Result<(), StoreError> {
        let key = person_key(person);
        for _ in 0..TRIES {
            let found = self.store.read(std::slice::from_ref(&key), now).await?.pop().flatten();
            let own = found.as_ref().map(content::<PersonRecord>).transpose()?.unwrap_or_default();
            let expected =
                found.as_ref().map_or(Expected::Absent, |found| Expected::Revision(found.revision));
            let next = record(&PersonRecord { version: own.version.saturating_add(1) }, None)?;
            let change = Change { key: key.clone(), expected, record: Some(next) };
            if self.store.write(&change, now).await? == Written::Done {
                return Ok(());
            }
        }
        Err(busy())
    }

    /// Lets somebody in, or changes as what.
    pub(crate) async fn allow(
        &self,
        who: &Who,
        role: Role,
        by: &str,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let line = Allowed { role: role.code().to_owned(), by: by.to_owned(), at: now.millis() };
        let change =
            Change { key: who.key(), expected: Expected::Anything, record: Some(record(&line, None)?) };
        match self.store.write(&change, now).await? {
            Written::Done => Ok(()),
            Written::Conflict(_) => Err(busy()),
        }
    }

    /// Takes somebody off the list, and ends the sessions of an address.
    pub(crate) async fn remove(&self, who: &Who, now: UnixTime) -> Result<(), StoreError> {
        if let Who::Address(address) = who {
            // First, so that the sessions of before stay over also where the address is added again.
            self.end_all(address, now).await?;
        }
        let change = Change { key: who.key(), expected: Expected::Anything, record: None };
        match self.store.write(&change, now).await? {
            Written::Done => Ok(()),
            Written::Conflict(_) => Err(busy()),
        }
    }

    /// Lists who may in: by configuration, then by name.
    pub(crate) async fn allowed(&self, now: UnixTime) -> Result<Vec<Listed>, StoreError> {
        let fixed = self.fixed.iter().map(|(who, role)| Listed { who: who.clone(), role: *role, by: None });
        let mut all: Vec<Listed> = fixed.collect();
        for (name, found) in self.store.list(Kind::Allow, "", now).await? {
            let line = content::<Allowed>(&found)?;
            if let (Ok(who), Some(role)) = (Who::parse(&name), Role::parse(&line.role)) {
                all.push(Listed { who, role, by: Some(line.by) });
            }
        }
        Ok(all)
    }

    /// Lists the sessions that are not over. `person`: only that person's.
    pub(crate) async fn sessions(
        &self,
        person: Option<&str>,
        now: UnixTime,
    ) -> Result<Vec<(ListedSession, SessionRecord)>, StoreError> {
        let prefix = person.map_or_else(String::new, |person| format!("{person} "));
        let mut versions = HashMap::new();
        for (name, found) in self.store.list(Kind::Person, person.unwrap_or_default(), now).await? {
            versions.insert(name, content::<PersonRecord>(&found)?.version);
        }
        let mut sessions = Vec::new();
        for (name, found) in self.store.list(Kind::Session, &prefix, now).await? {
            let session = content::<SessionRecord>(&found)?;
            let Some((person, sid)) = name.rsplit_once(' ').filter(|_| !session.ended) else { continue };
            if session.version != versions.get(person).copied().unwrap_or_default() {
                continue;
            }
            let (person, sid) = (person.to_owned(), sid.to_owned());
            let began = UnixTime::from_millis(session.began);
            sessions.push((ListedSession { person, sid, began, client: session.client.clone() }, session));
        }
        Ok(sessions)
    }

    pub(crate) async fn sweep(&self, now: UnixTime) -> Result<u64, StoreError> {
        self.store.sweep(now).await
    }
}

fn session_key(person: &str, sid: &str) -> Key {
    Key::new(Kind::Session, format!("{person} {sid}"))
}

fn person_key(person: &str) -> Key {
    Key::new(Kind::Person, person)
}

/// A line that cannot be read, or whose role is not known, lets nobody in.
fn granted(record: &Record) -> Option<Role> {
    Role::parse(&content::<Allowed>(record).ok()?.role)
}

fn content<T: DeserializeOwned>(record: &Record) -> Result<T, StoreError> {
    serde_json::from_str(&record.content)
        .map_err(|error| StoreError::Engine { doing: "reading a record", source: Box::new(error) })
}

fn record<T: Serialize>(content: &T, ends: Option<UnixTime>) -> Result<Record, StoreError> {
    let content = serde_json::to_string(content)
        .map_err(|error| StoreError::Engine { doing: "writing a record", source: Box::new(error) })?;
    let revision: Revision = draw::revision();
    Ok(Record { content, revision, ends })
}

fn busy() -> StoreError {
    StoreError::Refused { expected: "to come to a turn among those who change the same record" }
}
