//! Cases of several who share a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use super::{
    Case, Expected, Fault, Handle, Key, Kind, NOW, Outcome, Record, Stage, Written, conflict, record,
    refused, same, same_record,
};
use crate::store::Change;

pub(super) const CASES: &[Case] = &[
    Case { name: "two-handles", run: |stage| Box::pin(two_handles(stage)) },
    Case { name: "one-wins", run: |stage| Box::pin(one_wins(stage)) },
    Case { name: "read-while-written", run: |stage| Box::pin(read_while_written(stage)) },
    Case { name: "newer", run: |stage| Box::pin(newer(stage)) },
];

/// So many write at once.
const WRITERS: usize = 32;

/// Each sees at once what the other did.
async fn two_handles(stage: Stage) -> Outcome {
    let handles = [stage.open().await?, stage.open().await?];
    let key = Key::new(Kind::Session, "shared");
    let mut there: Option<Record> = None;
    for round in 0..10 {
        let (one, other) = (&handles[round % 2], &handles[(round + 1) % 2]);
        let next = (round % 5 != 4).then(|| record(format!("{round}")));
        let expected = there.as_ref().map_or(Expected::Absent, |record| Expected::Revision(record.revision));
        same("a change", one.write(&key, expected, next.clone()).await?, Written::Done)?;
        other.has(&key, next.as_ref(), NOW).await?;
        same("how many", other.names(Kind::Session, "", NOW).await?.len(), usize::from(next.is_some()))?;
        if expected != Expected::Absent || next.is_some() {
            let late = other.write(&key, expected, Some(record("late"))).await?;
            conflict("a change that comes late", late, next.as_ref())?;
        }
        there = next;
    }
    // One that is opened later sees what the others left.
    stage.open().await?.has(&key, there.as_ref(), NOW).await
}

/// Of many who expect the same, one has its way, and the others are told what is there.
async fn one_wins(stage: Stage) -> Outcome {
    let handles = [stage.open().await?, stage.open().await?];
    let key = Key::new(Kind::Session, "contended");
    let mut there: Option<Record> = None;
    for round in 0..8 {
        let expected = there.as_ref().map_or(Expected::Absent, |record| Expected::Revision(record.revision));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (handle, key) = (handles[writer % 2].clone(), key.clone());
            let mine = record(format!("{round} {writer}"));
            writers.spawn(async move {
                let written = handle.write(&key, expected, Some(mine.clone())).await?;
                Ok::<_, Fault>((mine, written))
            });
        }
        let mut winners = Vec::new();
        let mut told = Vec::new();
        while let Some(ended) = writers.join_next().await {
            match ended?? {
                (mine, Written::Done) => winners.push(mine),
                (_, Written::Conflict(there)) => told.push(there),
            }
        }
        same(&format!("how many won round {round}"), winners.len(), 1)?;
        for told in &told {
            same_record("what a loser is told of", told.as_ref(), winners.first())?;
        }
        for handle in &handles {
            handle.has(&key, winners.first(), NOW).await?;
        }
        there = winners.pop();
    }
    Ok(())
}

/// Whoever reads meanwhile finds one whole record or another one, and none that is older than what it found before.
async fn read_while_written(stage: Stage) -> Outcome {
    const WRITES: usize = 60;
    let writer = stage.open().await?;
    let key = Key::new(Kind::Session, "changing");
    let contents = |number: usize| format!("{number:06} ").repeat(1_000 + number);
    writer.put(&key, &record(contents(0))).await?;
    let done = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (handle, key, done) = (stage.open().await?, key.clone(), Arc::clone(&done));
        readers.spawn(async move { watch(&handle, &key, &done, contents).await });
    }
    let writing = async {
        for number in 1..=WRITES {
            writer.put(&key, &record(contents(number))).await?;
            tokio::task::yield_now().await;
        }
        Ok::<_, Fault>(())
    };
    let written = writing.await;
    done.store(true, Ordering::Release);
    while let Some(read) = readers.join_next().await {
        same("the last record that is read", read??, WRITES)?;
    }
    written
}

/// Reads until the writer is done and once more. Returns the number of the last record.
async fn watch(
    handle: &Handle,
    key: &Key,
    done: &AtomicBool,
    contents: impl Fn(usize) -> String,
) -> Result<usize, Fault> {
    let mut last = 0;
    loop {
        let was_done = done.load(Ordering::Acquire);
        let found = handle.read_at(key, NOW).await?.ok_or_else(|| Fault("expected a record".to_owned()))?;
        let number = found.content.get(..6).and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| Fault("expected a number in the record".to_owned()))?;
        same("a whole record", found.content == contents(number), true)?;
        same("an older record after a newer one", number < last, false)?;
        last = number;
        if was_done {
            return Ok(last);
        }
        tokio::task::yield_now().await;
    }
}

/// What a newer release has taken over is neither opened nor changed, and what it holds stays.
async fn newer(stage: Stage) -> Outcome {
    let store = stage.open().await?;
    let key = Key::new(Kind::Person, "precious");
    store.put(&key, &record("{}")).await?;
    for version in [2, 1_000] {
        if !stage.ground.take_over(stage.name, version).await? {
            return Ok(());
        }
        refused("a store of a newer release", stage.ground.open(stage.name).await, "store-newer")?;
        if stage.ground.guards_writes() {
            let change = Change { key: key.clone(), expected: Expected::Anything, record: None };
            let written = store.0.write(&change, NOW).await;
            refused("a write where a newer release has taken over", written, "store-newer")?;
        }
    }
    // Back from the copy: what was there is there.
    stage.ground.take_over(stage.name, 1).await?;
    same("whether it is still there", stage.open().await?.read_at(&key, NOW).await?.is_some(), true)
}
