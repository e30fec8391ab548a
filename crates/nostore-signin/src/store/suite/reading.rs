//! Cases of what is read and listed.

use super::{
    Case, Expected, Handle, Key, Kind, NOW, Outcome, Record, Revision, Stage, UnixTime, ending, record,
    refused, same, same_record,
};
use crate::store::{Change, MAX_CONTENT_BYTES, MAX_NAME_BYTES};

pub(super) const CASES: &[Case] = &[
    Case { name: "empty", run: |stage| Box::pin(empty(stage)) },
    Case { name: "written-is-read", run: |stage| Box::pin(written_is_read(stage)) },
    Case { name: "order-of-keys", run: |stage| Box::pin(order_of_keys(stage)) },
    Case { name: "many-keys", run: |stage| Box::pin(many_keys(stage)) },
    Case { name: "kinds-apart", run: |stage| Box::pin(kinds_apart(stage)) },
    Case { name: "ends", run: |stage| Box::pin(ends(stage)) },
    Case { name: "names-in-order", run: |stage| Box::pin(names_in_order(stage)) },
    Case { name: "long-lists", run: |stage| Box::pin(long_lists(stage)) },
    Case { name: "limits", run: |stage| Box::pin(limits(stage)) },
];

async fn empty(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    for kind in Kind::ALL {
        store.has(&Key::new(kind, "nobody"), None, NOW).await?;
        same("names in an empty store", store.names(kind, "", NOW).await?, vec![])?;
    }
    same("records of no keys", store.0.read(&[], NOW).await?.len(), 0)
}

/// Whatever may be in a record comes back, to the handle that wrote it and to another one.
async fn written_is_read(stage: Stage) -> Outcome {
    let (store, other) = (stage.open().await?, stage.open().await?);
    let contents = [
        "{}",
        "",
        "{\n\t\"name\": \"O'Brien \\u0000\"\r\n}\n",
        "\u{0}\u{1f}\u{7f}",
        "äöü 日本語 𝕏 \u{10ffff}",
        "' OR 1=1; --",
        "12\n34\n",
    ];
    let revisions = [0, 1, u64::from(u32::MAX), 1 << 53, (1 << 53) + 1, i64::MAX as u64, 1 << 63, u64::MAX];
    let far = UnixTime::from_millis(i64::MAX);
    let ends = [None, Some(far), Some(UnixTime::from_millis(NOW.millis() + 1)), None];
    let key = Key::new(Kind::Session, "the one");
    for at in 0..revisions.len().max(contents.len()) {
        let written = Record {
            content: contents[at % contents.len()].to_owned(),
            revision: Revision(revisions[at % revisions.len()]),
            ends: ends[at % ends.len()],
        };
        store.put(&key, &written).await?;
        store.has(&key, Some(&written), NOW).await?;
        other.has(&key, Some(&written), NOW).await?;
        let listed = other.0.list(Kind::Session, "", NOW).await?;
        same("how many are listed", listed.len(), 1)?;
        let listed = listed.first().map(|(name, record)| (name.as_str(), record));
        same("the name that is listed", listed.map(|(name, _)| name), Some("the one"))?;
        same_record("the record that is listed", listed.map(|(_, record)| record), Some(&written))?;
    }
    Ok(())
}

async fn order_of_keys(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    let (one, two) = (record("1"), record("2"));
    let [a, b] = ["a", "b"].map(|name| Key::new(Kind::Person, name));
    store.put(&a, &one).await?;
    store.put(&b, &two).await?;
    let keys = [b.clone(), Key::new(Kind::Allow, "a"), a.clone(), Key::new(Kind::Person, "c"), b, a];
    let found = store.0.read(&keys, NOW).await?;
    let wanted = [Some(&two), None, Some(&one), None, Some(&two), Some(&one)];
    same("how many records", found.len(), wanted.len())?;
    for (at, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        same_record(&format!("record {at}"), found.as_ref(), wanted)?;
    }
    Ok(())
}

/// More than any engine takes at once.
async fn many_keys(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    let keys: Vec<Key> =
        (0..130).rev().map(|number| Key::new(Kind::Session, format!("{number:03}"))).collect();
    let records: Vec<Record> = keys.iter().map(|key| record(key.name.clone())).collect();
    for (key, record) in keys.iter().zip(&records).step_by(2) {
        store.put(key, record).await?;
    }
    let found = store.0.read(&keys, NOW).await?;
    same("how many records", found.len(), keys.len())?;
    for (at, (found, record)) in found.iter().zip(&records).enumerate() {
        same_record(&format!("record {at}"), found.as_ref(), (at % 2 == 0).then_some(record))?;
    }
    Ok(())
}

/// One name is as many records as there are kinds, and no name runs into a kind.
async fn kinds_apart(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    let names = ["x", "session", "allow:x", "session:x", ":x", "version"];
    let keys: Vec<Key> =
        Kind::ALL.into_iter().flat_map(|kind| names.map(|name| Key::new(kind, name))).collect();
    let records: Vec<Record> = keys.iter().map(|key| record(format!("{key:?}"))).collect();
    for (key, record) in keys.iter().zip(&records) {
        let written = store.write(key, Expected::Absent, Some(record.clone())).await?;
        same(&format!("the first write of {key:?}"), written, crate::store::Written::Done)?;
    }
    for (key, record) in keys.iter().zip(&records) {
        store.has(key, Some(record), NOW).await?;
    }
    for kind in Kind::ALL {
        let mut wanted = names.map(str::to_owned).to_vec();
        wanted.sort();
        same("the names of one kind", store.names(kind, "", NOW).await?, wanted)?;
    }
    Ok(())
}

/// A record is there up to the millisecond before its end.
async fn ends(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    let key = Key::new(Kind::Session, "ending");
    let at = |millis: i64| UnixTime::from_millis(NOW.millis() + millis);
    for (end, now, there) in [
        (1_000, 0, true),
        (1_000, 999, true),
        (1_000, 1_000, false),
        (1_000, 1_001, false),
        (1, 0, true),
        (0, 0, false),
        (-1, 0, false),
        (-1, -2, true),
        (400 * 86_400_000, 0, true),
        (400 * 86_400_000, 400 * 86_400_000, false),
    ] {
        let written = ending(end);
        store.put(&key, &written).await?;
        let wanted = there.then_some(&written);
        store.has(&key, wanted, at(now)).await?;
        let listed = store.names(Kind::Session, "", at(now)).await?;
        let names = wanted.map(|_| "ending".to_owned()).into_iter().collect();
        same(&format!("what is listed {now} ms on, where it ends {end} ms on"), listed, names)?;
    }
    // An end goes with the record that had it.
    let stays = record("stays");
    store.put(&key, &stays).await?;
    store.has(&key, Some(&stays), UnixTime::from_millis(i64::MAX)).await
}

/// Names that engines compare by case, by language or in UTF-16, or read as patterns.
const NAMES: [&str; 40] = [
    "a",
    "ab",
    "abc",
    "abd",
    "b",
    "A",
    "AB",
    "B",
    "a%",
    "a%b",
    "a_",
    "a_b",
    "a\\",
    "a\\b",
    "a*",
    "a*b",
    "a?",
    "a[b]",
    "a[",
    "a]",
    "a'",
    "a''b",
    "a\"",
    "a\"b",
    "a ",
    "a b",
    " a",
    "a:",
    "a:b",
    "a-",
    "a+",
    "(a",
    "[a",
    "-",
    "+",
    "é",
    "e\u{301}",
    "\u{ff5e}",
    "𝕏",
    "a\u{10ffff}b",
];

async fn names_in_order(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    for name in NAMES {
        store.put(&Key::new(Kind::Allow, name), &record(name)).await?;
    }
    let more = ["zz", "%", "_", "*", "\\", "'", "\"", "[", "a\u{10ffff}", "𝕏y"];
    for prefix in [""].into_iter().chain(NAMES).chain(more) {
        let mut wanted: Vec<&str> = NAMES.into_iter().filter(|name| name.starts_with(prefix)).collect();
        wanted.sort_unstable_by(|left, right| left.as_bytes().cmp(right.as_bytes()));
        let listed = store.0.list(Kind::Allow, prefix, NOW).await?;
        let names: Vec<&str> = listed.iter().map(|(name, _)| name.as_str()).collect();
        same(&format!("names from {prefix:?} on"), names, wanted)?;
        for (name, record) in &listed {
            same("the content of a record that is listed", record.content.as_str(), name)?;
        }
    }
    same("names of another kind", store.names(Kind::Person, "", NOW).await?, vec![])
}

/// Longer than any engine answers at once, by number and by size.
async fn long_lists(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    let (small, big): (Vec<String>, Vec<String>) =
        (0..300).map(|number| (format!("small {number:03}"), format!("big {number:03}"))).unzip();
    let big = &big[..20];
    for name in small.iter().rev() {
        store.put(&Key::new(Kind::Session, name), &record(name)).await?;
    }
    for name in big {
        store.put(&Key::new(Kind::Session, name), &record("x".repeat(MAX_CONTENT_BYTES))).await?;
    }
    same("the small ones", store.names(Kind::Session, "small", NOW).await?, small.clone())?;
    let all = [big, &small[..]].concat();
    same("all", store.names(Kind::Session, "", NOW).await?, all)
}

async fn limits(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    let longest = "n".repeat(MAX_NAME_BYTES);
    let wide = "é".repeat(MAX_NAME_BYTES / 2);
    for name in [&longest, &wide] {
        let (key, record) = (Key::new(Kind::Session, name), record("é".repeat(MAX_CONTENT_BYTES / 2)));
        store.put(&key, &record).await?;
        store.has(&key, Some(&record), NOW).await?;
        let listed = store.names(Kind::Session, name, NOW).await?;
        same("what is listed of the longest name", listed, vec![name.clone()])?;
    }
    let bad = [longest + "n", wide + "e", "\u{0}".into(), "a\nb".into(), "\u{7f}".into(), "\u{85}".into()];
    for name in &bad {
        name_is_refused(&store, name).await?;
        let listed = store.0.list(Kind::Person, name, NOW).await;
        refused(&format!("a list from {name:?} on"), listed, "store-refused")?;
    }
    name_is_refused(&store, "").await?;
    let key = Key::new(Kind::Person, "too much");
    let much = record("x".repeat(MAX_CONTENT_BYTES + 1));
    let change = Change { key: key.clone(), expected: Expected::Anything, record: Some(much) };
    refused("a content that is too long", store.0.write(&change, NOW).await, "store-refused")?;
    store.has(&key, None, NOW).await?;
    same("what was refused", store.names(Kind::Person, "", NOW).await?, vec![])
}

async fn name_is_refused(store: &Handle, name: &str) -> Outcome {
    let key = Key::new(Kind::Person, name);
    let read = store.0.read(&[Key::new(Kind::Person, "good"), key.clone()], NOW).await;
    refused(&format!("a read of {name:?}"), read, "store-refused")?;
    for record in [Some(record("{}")), None] {
        let change = Change { key: key.clone(), expected: Expected::Anything, record };
        refused(&format!("a write of {name:?}"), store.0.write(&change, NOW).await, "store-refused")?;
    }
    Ok(())
}
