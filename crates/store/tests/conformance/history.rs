//! A thread's changes of control and refused asks.

use std::sync::Arc;

use baton_rules::ThreadKey;
use baton_store::{Batch, ControlRow, Position, Stream};

use crate::disk::Disk;
use crate::made::{at, control_row, persons_of, refusal, row, write};

every_store! {
    control_is_paged_newest_first
    refusals_stand_among_the_changes_each_on_its_own
}

async fn control_is_paged_newest_first(disk: Disk) {
    let store = disk.open().await;
    let stream = Stream(0);
    let keys: Vec<_> = persons_of(stream).take(2).collect();
    let mut all = Vec::new();
    for position in 1..=5 {
        let (mine, other) = (at(position as i64 / 2), Position(2 * position));
        let own = Position(2 * position - 1);
        let batch = Batch {
            rows: vec![Arc::new(row(&keys[0], own, None, mine)), Arc::new(row(&keys[1], other, None, mine))],
            control: vec![control_row(&keys[0], mine, own), control_row(&keys[1], mine, other)],
            ..Batch::default()
        };
        write(&*store, mine, stream, batch).await.unwrap();
        all.insert(0, control_row(&keys[0], mine, own));
    }
    assert_eq!(store.control(&keys[0], None, 100).await.unwrap(), all);
    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let some = store.control(&keys[0], before, 2).await.unwrap();
        let Some(last) = some.last() else { break };
        before = Some(last.place());
        paged.extend(some);
    }
    assert_eq!(paged, all);
}

async fn refusals_stand_among_the_changes_each_on_its_own(disk: Disk) {
    let store = disk.open().await;
    let stream = Stream(0);
    let keys: Vec<_> = persons_of(stream).take(2).collect();
    let (key, other) = (&keys[0], &keys[1]);
    // A clock that stands still: the order is told by the places alone. Nothing but a refusal moves no position.
    let changed = |position: u64| Batch {
        rows: vec![Arc::new(row(key, Position(position), None, at(0)))],
        control: vec![control_row(key, at(0), Position(position))],
        ..Batch::default()
    };
    let refused = |key: &ThreadKey, position: u64, said: &[&str]| Batch {
        control: said.iter().map(|said| refusal(key, at(0), Position(position), said)).collect(),
        ..Batch::default()
    };
    let batches = [
        refused(key, 0, &["a"]),
        changed(1),
        refused(key, 1, &["b", "c"]),
        refused(other, 1, &["of another"]),
        refused(key, 1, &["d"]),
        changed(2),
        refused(key, 2, &["e"]),
    ];
    for batch in batches {
        write(&*store, at(0), stream, batch).await.unwrap();
    }
    let told = |rows: &[ControlRow]| -> Vec<(u64, u32, String)> {
        let said =
            |row: &ControlRow| row.refused.as_ref().and(row.metadata.as_deref()).unwrap_or("").to_owned();
        rows.iter().map(|row| (row.position.0, row.number, said(row))).collect()
    };
    let all = store.control(key, None, 100).await.unwrap();
    let newest_first =
        [(2, 1, "e"), (2, 0, ""), (1, 3, "d"), (1, 2, "c"), (1, 1, "b"), (1, 0, ""), (0, 1, "a")];
    assert_eq!(told(&all), newest_first.map(|(position, number, said)| (position, number, said.to_owned())));
    for (index, last) in all.iter().enumerate() {
        let next = store.control(key, Some(last.place()), 2).await.unwrap();
        assert_eq!(next, all[index + 1..].iter().take(2).cloned().collect::<Vec<_>>());
    }
    assert_eq!(store.control(other, None, 100).await.unwrap().len(), 1);
}
