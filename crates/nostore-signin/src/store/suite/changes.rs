//! Cases of what must hold for a change to be made.

use super::{
    Case, Expected, Handle, Key, Kind, NOW, Outcome, Record, Stage, UnixTime, Written, conflict, ending,
    record, revision, same,
};

pub(super) const CASES: &[Case] = &[
    Case { name: "expected", run: |stage| Box::pin(expected(stage)) },
    Case { name: "expected-of-ended", run: |stage| Box::pin(expected_of_ended(stage)) },
    Case { name: "no-revision-comes-back", run: |stage| Box::pin(no_revision_comes_back(stage)) },
    Case { name: "sweep", run: |stage| Box::pin(sweep(stage)) },
];

/// What is there before a change.
#[derive(Clone, Copy, Debug, PartialEq)]
enum There {
    Nothing,
    That,
    Another,
}

/// Every expectation over whatever may be there, for a put and for a removal.
async fn expected(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    for (number, there) in [There::Nothing, There::That, There::Another].into_iter().enumerate() {
        for removes in [false, true] {
            for (name, holds) in
                [("absent", there == There::Nothing), ("anything", true), ("revision", there == There::That)]
            {
                let key = Key::new(Kind::Person, format!("{number} {removes} {name}"));
                let that = record("before");
                let expected = match name {
                    "absent" => Expected::Absent,
                    "anything" => Expected::Anything,
                    _ => Expected::Revision(that.revision),
                };
                let there = match there {
                    There::Nothing => None,
                    There::That => Some(that),
                    There::Another => Some(record("another")),
                };
                if let Some(record) = &there {
                    store.put(&key, record).await?;
                }
                let becomes = (!removes).then(|| record("after"));
                let what = format!("{expected:?} over {there:?}, removing: {removes}");
                one(&store, &key, &what, expected, becomes, holds, there.as_ref(), NOW).await?;
            }
        }
    }
    Ok(())
}

/// Makes one change, and looks at what it says and does.
#[expect(clippy::too_many_arguments, reason = "a row of a table")]
async fn one(
    store: &Handle,
    key: &Key,
    what: &str,
    expected: Expected,
    becomes: Option<Record>,
    holds: bool,
    there: Option<&Record>,
    now: UnixTime,
) -> Outcome {
    let written = store.write_at(key, expected, becomes.clone(), now).await?;
    if holds {
        same(what, written, Written::Done)?;
        store.has(key, becomes.as_ref(), now).await
    } else {
        conflict(what, written, there)?;
        store.has(key, there, now).await
    }
}

/// A record that has ended is absent to whoever writes, one millisecond before its end not yet.
async fn expected_of_ended(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    for (number, after) in [-1, 0, 1].into_iter().enumerate() {
        let now = UnixTime::from_millis(NOW.millis() + 5_000 + after);
        let ended = after >= 0;
        for (name, removes) in [("put", false), ("remove", true)] {
            for (of, holds) in [("absent", ended), ("anything", true), ("revision", !ended)] {
                let key = Key::new(Kind::Session, format!("{number} {name} {of}"));
                let there = ending(5_000);
                store.put(&key, &there).await?;
                let expected = match of {
                    "absent" => Expected::Absent,
                    "anything" => Expected::Anything,
                    _ => Expected::Revision(there.revision),
                };
                let becomes = (!removes).then(|| record("after"));
                let what = format!("{name} where {of} is expected, {after} ms after the end");
                let there = (!ended).then_some(&there);
                one(&store, &key, &what, expected, becomes, holds, there, now).await?;
            }
        }
    }
    Ok(())
}

/// Whoever saw a record before it was removed and made anew does not take the new one for it.
async fn no_revision_comes_back(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    let key = Key::new(Kind::Person, "phoenix");
    // The same content: it is the revision that tells them apart.
    let records = [(); 3].map(|()| record("{}"));
    for (at, record) in records.iter().enumerate() {
        let written = store.write(&key, Expected::Absent, Some(record.clone())).await?;
        same("it is made anew", written, Written::Done)?;
        for old in &records[..at] {
            for becomes in [Some(Record { revision: revision(), ..record.clone() }), None] {
                let written = store.write(&key, Expected::Revision(old.revision), becomes).await?;
                conflict("a change of the old one", written, Some(record))?;
            }
        }
        store.has(&key, Some(record), NOW).await?;
        let removed = store.write(&key, Expected::Revision(record.revision), None).await?;
        same("it is removed", removed, Written::Done)?;
        let again = store.write(&key, Expected::Revision(record.revision), None).await?;
        conflict("it is removed again", again, None)?;
        same("what is left", store.names(Kind::Person, "", NOW).await?, vec![])?;
    }
    Ok(())
}

/// A sweep removes all that has ended, and nothing else.
async fn sweep(stage: Stage) -> Outcome {
    let (store, other) = (stage.open().await?, stage.open().await?);
    let sweeps = stage.ground.sweeps();
    same("what is swept out of nothing", store.0.sweep(NOW).await?, 0)?;
    let mut left = Vec::new();
    for (number, end) in
        [Some(-1), Some(0), Some(1), Some(i64::MAX - NOW.millis()), None].into_iter().enumerate()
    {
        for kind in Kind::ALL {
            let key = Key::new(kind, format!("{number}"));
            let record = end.map_or_else(|| record("stays"), ending);
            store.put(&key, &record).await?;
            if end.is_none_or(|end| end > 0) {
                left.push((key, record));
            }
        }
    }
    // One that was to end, and was given more time.
    let key = Key::new(Kind::Session, "prolonged");
    store.put(&key, &ending(-1)).await?;
    let prolonged = ending(1);
    store.put(&key, &prolonged).await?;
    left.push((key, prolonged));
    same("what is swept", other.0.sweep(NOW).await?, if sweeps { 8 } else { 0 })?;
    same("what is swept again", store.0.sweep(NOW).await?, 0)?;
    for (key, record) in &left {
        store.has(key, Some(record), NOW).await?;
    }
    let kinds = Kind::ALL.into_iter();
    for (kind, wanted) in kinds.zip([3, 3, 3, 4]) {
        same("how many are left", store.names(kind, "", NOW).await?.len(), wanted)?;
        // What was swept is gone for whoever is asked about the past as well.
        let before = store.names(kind, "", UnixTime::from_millis(0)).await?.len();
        same("how many are left of all", before, if sweeps { wanted } else { wanted + 2 })?;
    }
    Ok(())
}
