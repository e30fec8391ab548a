//! Records as items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use nostore_message::UnixTime;
use nostore_signin::store::{Key, Record, Revision};

pub(crate) const KIND: &str = "kind";
pub(crate) const NAME: &str = "name";
pub(crate) const CONTENT: &str = "content";
pub(crate) const REVISION: &str = "revision";
pub(crate) const ENDS: &str = "ends";
pub(crate) const EXPIRES: &str = "expires";
pub(crate) const VERSION: &str = "version";

/// So long after its end the table removes a record.
const KEPT_SECS: i64 = 86_400;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// Returns the key of a record.
pub(crate) fn key(key: &Key) -> Item {
    at(key.kind.code(), &key.name)
}

/// Returns the key of the item that says the version.
pub(crate) fn version_key() -> Item {
    at(VERSION, "store")
}

fn at(kind: &str, name: &str) -> Item {
    HashMap::from([(KIND.to_owned(), text(kind)), (NAME.to_owned(), text(name))])
}

pub(crate) fn print(of: &Key, record: &Record) -> Item {
    let mut item = key(of);
    item.insert(CONTENT.to_owned(), text(&record.content));
    item.insert(REVISION.to_owned(), number(&record.revision.0));
    if let Some(ends) = record.ends {
        item.insert(ENDS.to_owned(), number(&ends.millis()));
        item.insert(EXPIRES.to_owned(), number(&ends.secs().saturating_add(KEPT_SECS).max(1)));
    }
    item
}

/// Reads a record. `None`: it is none of ours.
pub(crate) fn parse(item: &Item) -> Option<Record> {
    let ends = match item.get(ENDS) {
        None => None,
        Some(ends) => Some(UnixTime::from_millis(ends.as_n().ok()?.parse().ok()?)),
    };
    Some(Record {
        content: item.get(CONTENT)?.as_s().ok()?.clone(),
        revision: Revision(item.get(REVISION)?.as_n().ok()?.parse().ok()?),
        ends,
    })
}

/// Reads one of the two parts of a key.
pub(crate) fn part<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn number(number: &impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
