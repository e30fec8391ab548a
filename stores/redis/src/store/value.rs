//! Records as values: `<revision> <end in ms, or nothing>`, a line feed, the content.

use nostore_message::UnixTime;
use nostore_signin::store::{Record, Revision};
use redis::Value;

pub(super) fn print(record: &Record) -> String {
    let ends = record.ends.map_or_else(String::new, |ends| ends.millis().to_string());
    format!("{} {ends}\n{}", record.revision.0, record.content)
}

/// Reads a record. `Some(None)`: there is none. `None`: there is something else.
pub(super) fn parse(value: &Value) -> Option<Option<Record>> {
    if *value == Value::Nil {
        return Some(None);
    }
    let value = text(value)?;
    let (head, content) = value.split_once('\n')?;
    let (revision, ends) = head.split_once(' ')?;
    let ends = match ends {
        "" => None,
        ends => Some(UnixTime::from_millis(ends.parse().ok()?)),
    };
    Some(Some(Record { content: content.to_owned(), revision: Revision(revision.parse().ok()?), ends }))
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(octets) => String::from_utf8(octets.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) | Value::Set(values) => values.iter().map(text).collect(),
        _ => None,
    }
}
