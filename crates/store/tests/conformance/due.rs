//! What must happen by itself.

use std::collections::HashMap;
use std::sync::Arc;

use baton_rules::{ThreadKey, Timestamp};
use baton_store::{Batch, Change, Decide, Due, Position, Settings, Store, Stream, stream_of};

use crate::disk::Disk;
use crate::made::{
    STREAMS, at, configure, due_row, messages, page, person, persons_of, say, silent, wants, write,
};

every_store! {
    due_rows_come_in_due_order
    what_a_thread_holds_back_is_found_with_it
    a_page_that_is_routed_otherwise_has_nothing_to_wait_for
}

async fn due_rows_come_in_due_order(disk: Disk) {
    let store = disk.open().await;
    let stream = Stream(0);
    let keys: Vec<_> = persons_of(stream).take(2).collect();
    let rows = [
        due_row(&keys[0], 1, at(30)),
        due_row(&keys[0], 2, at(10)),
        due_row(&keys[0], 3, at(10)),
        due_row(&keys[1], 1, at(20)),
    ];
    write(&*store, at(0), stream, Batch { due: rows.to_vec(), ..Batch::default() }).await.unwrap();
    let [last, first, second, third] = rows;
    let all = [first.clone(), second.clone(), third.clone(), last.clone()];
    assert_eq!(store.due(at(30), 100).await.unwrap(), all);
    assert_eq!(store.due(at(29), 100).await.unwrap(), all[..3]);
    assert_eq!(store.due(at(30), 2).await.unwrap(), all[..2]);
    assert_eq!(store.due(at(9), 100).await.unwrap(), []);
    // One is put off, one is done.
    let later = due_row(&keys[0], 2, at(40));
    let batch =
        Batch { due: vec![later.clone()], undue: vec![(keys[1].clone(), Position(1))], ..Batch::default() };
    write(&*store, at(0), stream, batch).await.unwrap();
    assert_eq!(store.due(at(100), 100).await.unwrap(), [second, last, later]);
}

/// Writes a thread that holds back what is due at these moments.
async fn hold(store: &dyn Store, key: &ThreadKey, due: &[Timestamp]) {
    let due: Vec<Due> = (1..).zip(due).map(|(number, when)| due_row(key, number, *when)).collect();
    let held = u16::try_from(due.len()).unwrap();
    let of = key.clone();
    let decide: Decide = Box::new(move |found| {
        let mut batch = messages(std::slice::from_ref(&of), found);
        batch.threads[0].1.thread.held = held;
        Batch { due: due.clone(), ..batch }
    });
    store.commit(stream_of(key, STREAMS), wants(at(0), std::slice::from_ref(key)), decide).await.unwrap();
}

async fn what_a_thread_holds_back_is_found_with_it(disk: Disk) {
    let store = disk.open().await;
    let keys: Vec<_> = persons_of(Stream(0)).take(3).collect();
    hold(&*store, &keys[0], &[at(30), at(10)]).await;
    hold(&*store, &keys[1], &[at(20)]).await;
    say(&*store, at(1), &keys[2..]).await;
    let found: Arc<std::sync::Mutex<HashMap<ThreadKey, Vec<Due>>>> = Arc::default();
    let to = Arc::clone(&found);
    let decide: Decide = Box::new(move |found| {
        *to.lock().unwrap() = found.due.clone();
        Batch::default()
    });
    let asked = [keys[0].clone(), keys[2].clone()];
    store.commit(Stream(0), wants(at(2), &asked), decide).await.unwrap();
    let own = vec![due_row(&keys[0], 1, at(30)), due_row(&keys[0], 2, at(10))];
    assert_eq!(
        *found.lock().unwrap(),
        HashMap::from([(keys[0].clone(), own)]),
        "in the order of their making"
    );
}

async fn a_page_that_is_routed_otherwise_has_nothing_to_wait_for(disk: Disk) {
    let store = disk.open().await;
    configure(&*store, at(0), &[11, 12], &[104, 1041]).await;
    let (one, other) = (person(1), ThreadKey { page: page(1041), ..person(1) });
    hold(&*store, &one, &[at(30), at(5)]).await;
    hold(&*store, &other, &[at(40)]).await;
    // A change of an app's name moves nothing; that page 104 lost an app does.
    let change: Change = Box::new(|settings| {
        let mut pages = settings.pages.clone();
        Arc::make_mut(&mut pages[0]).connections.pop();
        Ok(Settings::new(0, settings.apps.clone(), pages))
    });
    store.configure(at(10), change, silent()).await.unwrap();
    let times: Vec<_> =
        store.due(at(100), 10).await.unwrap().into_iter().map(|due| (due.thread, due.at)).collect();
    assert_eq!(times, [(one.clone(), at(5)), (one, at(10)), (other, at(40))]);
}
