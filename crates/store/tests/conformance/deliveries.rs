//! What is kept of delivery: how far it is, how tries went, what is to be sent again, how apps do.

use std::sync::Arc;

use baton_store::{
    Attempt, Batch, Cursor, DeliveryHealth, DeliveryState, Disabled, Lag, LastFailure, Parked, Place,
    Position, Resend, Resent, Round, Store, Stream,
};

use crate::disk::Disk;
use crate::made::{app, at, configure, dead, hears, parked, person, persons_of, row, write};

every_store! {
    a_stream_is_read_backwards_to_where_the_app_began
    tries_are_found_by_what_they_were_for
    what_is_sent_again_is_kept_until_it_arrives
    how_an_app_does_is_kept_and_goes_with_it
    rounds_are_kept
}

fn place(stream: u16, position: u64) -> Place {
    Place { stream: Stream(stream), position: Position(position) }
}

/// Six rows of a stream, of which an app hears every third, and another all.
async fn six_rows(store: &dyn Store, stream: Stream) {
    let key = persons_of(stream).next().unwrap();
    let head = store.heads().await.unwrap()[usize::from(stream.0)].0;
    for number in 1..=6 {
        let mut next = row(&key, Position(head + number), None, at(number.cast_signed()));
        next.notices = if number % 3 == 0 { vec![hears(11), hears(12)] } else { vec![hears(12)] };
        let batch = Batch { rows: vec![Arc::new(next)], ..Batch::default() };
        write(store, at(number.cast_signed()), stream, batch).await.unwrap();
    }
}

async fn a_stream_is_read_backwards_to_where_the_app_began(disk: Disk) {
    let store = disk.open().await;
    let stream = Stream(1);
    six_rows(&*store, stream).await;
    // Positions 1 to 6 were before the app, 7 is the change that made it.
    configure(&*store, at(10), &[11, 12], &[104]).await;
    six_rows(&*store, stream).await;
    let look = async |of: u64, before: u64, limit: usize| {
        let slice = store.read_back(app(of), stream, Position(before), limit).await.unwrap();
        (slice.rows.iter().map(|row| row.position.0).collect::<Vec<_>>(), slice.scanned.0)
    };
    assert_eq!(look(12, 14, 2).await, (vec![13, 12], 12));
    assert_eq!(look(12, 12, 100).await, (vec![11, 10, 9, 8], 0), "what was before the app is nobody's");
    assert_eq!(look(11, 14, 2).await, (vec![13], 12), "rows for others are looked at, and passed over");
    assert_eq!(look(11, 12, 100).await, (vec![10], 0));
    assert_eq!(look(12, 100, 1).await, (vec![13], 13));
    assert_eq!(look(12, 8, 100).await, (vec![], 0));
    assert_eq!(look(13, 100, 100).await, (vec![], 0), "an app that there is not");
    let lag = store.lag(app(11), stream, Position(7), 100).await.unwrap();
    assert_eq!(lag, Lag { events: 2, oldest: Some(at(3)), scanned: Position(13) });
    let lag = store.lag(app(11), stream, Position(10), 2).await.unwrap();
    assert_eq!(lag, Lag { events: 0, oldest: None, scanned: Position(12) });
}

fn attempt(of: u64, at_place: Place, number: u32, error: Option<&str>) -> Attempt {
    Attempt {
        app: app(of),
        place: at_place,
        at: at(i64::from(number)),
        number,
        status: error.is_none().then_some(200),
        duration_ms: 12,
        error: error.map(Into::into),
        body_start: "so be it".into(),
        to: None,
    }
}

async fn tries_are_found_by_what_they_were_for(disk: Disk) {
    let store = disk.open().await;
    configure(&*store, at(0), &[11, 12], &[104]).await;
    let (one, neighbour, far) = (place(1, 255), place(1, 256), place(2, 255));
    let failed = attempt(11, one, 1, Some("no answer"));
    let arrived = attempt(11, one, 2, None);
    let elsewhere = Attempt { to: Some("http://elsewhere.test/".into()), ..attempt(11, one, 1, None) };
    let of_neighbour = attempt(11, neighbour, 1, None);
    let attempts = vec![failed.clone(), of_neighbour.clone(), attempt(12, one, 7, None)];
    store.settle(Round { attempts, ..Round::default() }).await.unwrap();
    let attempts = vec![arrived.clone(), elsewhere.clone()];
    store.settle(Round { attempts, ..Round::default() }).await.unwrap();
    let tried = store.tried(app(11), vec![neighbour, far, one]).await.unwrap();
    assert_eq!(tried.iter().map(|tried| tried.place).collect::<Vec<_>>(), [neighbour, far, one]);
    assert_eq!(tried[0].attempts, [of_neighbour]);
    assert_eq!(tried[1].attempts, []);
    assert_eq!(tried[2].attempts, [failed, arrived, elsewhere]);
}

async fn what_is_sent_again_is_kept_until_it_arrives(disk: Disk) {
    let store = disk.open().await;
    configure(&*store, at(0), &[11, 12], &[104]).await;
    let key = persons_of(Stream(1)).next().unwrap();
    six_rows(&*store, Stream(1)).await;
    let letter = dead(11, &key, 4, at(9));
    store.settle(Round { dead: vec![letter.clone()], ..Round::default() }).await.unwrap();
    let resend = |of: u64, to: &str, positions: &[u64]| Resend {
        app: app(of),
        to: to.into(),
        places: positions.iter().map(|position| place(1, *position)).collect(),
        at: at(10),
    };
    assert_eq!(store.resend(resend(11, "", &[7, 4])).await.unwrap(), 2);
    assert_eq!(store.resend(resend(11, "", &[4, 5])).await.unwrap(), 1, "one is to be sent already");
    assert_eq!(store.resend(resend(11, "http://b.test/", &[4])).await.unwrap(), 1);
    assert_eq!(store.resend(resend(13, "", &[4])).await.unwrap(), 0, "there is no such app");
    let mut errands = store.errands().await.unwrap();
    errands.sort();
    assert_eq!(errands, [(app(11), "".into()), (app(11), "http://b.test/".into())]);
    let look = async |to: &str, after: u64, limit: usize| {
        let slice = store.resends(app(11), to, Stream(1), Position(after), limit).await.unwrap();
        (slice.rows.iter().map(|row| row.position.0).collect::<Vec<_>>(), slice.scanned.0)
    };
    assert_eq!(look("", 0, 2).await, (vec![4, 5], 5));
    assert_eq!(look("", 5, 2).await, (vec![7], 7));
    assert_eq!(look("", 7, 2).await, (vec![], 7));
    assert_eq!(look("http://b.test/", 0, 9).await, (vec![4], 4));

    let resent = |to: &str, position, arrived| Resent {
        app: app(11),
        to: to.into(),
        place: place(1, position),
        arrived,
    };
    // Elsewhere is not the app itself: its dead letter stays.
    let round =
        Round { resent: vec![resent("http://b.test/", 4, true), resent("", 5, true)], ..Round::default() };
    store.settle(round).await.unwrap();
    let tried = store.tried(app(11), vec![place(1, 4), place(1, 5)]).await.unwrap();
    assert_eq!((tried[0].again, tried[0].dead.as_ref(), tried[1].again), (true, Some(&letter), false));
    let again = dead(11, &key, 7, at(11));
    let round = Round {
        resent: vec![resent("", 4, true), resent("", 7, false)],
        dead: vec![again.clone()],
        ..Round::default()
    };
    store.settle(round).await.unwrap();
    assert_eq!(store.dead_letters(app(11), None, 9).await.unwrap(), [again]);
    assert_eq!(store.errands().await.unwrap(), []);
}

async fn how_an_app_does_is_kept_and_goes_with_it(disk: Disk) {
    let store = disk.open().await;
    configure(&*store, at(0), &[11, 12], &[104]).await;
    assert_eq!(store.delivery_state(app(11)).await.unwrap(), DeliveryState::default());
    let health = DeliveryHealth {
        delivered_at: Some(at(1).0),
        failing_since: Some(at(2).0),
        failing_since_lived: Some(7),
        failed_lived: Some(8),
        back_lived: Some(6),
        alerted: true,
        last_failure: Some(LastFailure { at: at(3).0, status: None, error: "no answer".into() }),
        disabled: Some(Disabled { at: at(4).0, reason: "nothing but failures".into() }),
        resumed_at: Some(1),
    };
    let begin = store.cursors(app(11)).await.unwrap()[0].served;
    let key = person(1);
    let expired = baton_store::DeadLetter { expired: true, ..dead(11, &key, 2, at(2)) };
    let round = Round {
        health: vec![(app(11), health.clone()), (app(13), health.clone())],
        park: vec![baton_store::Parked { next: begin.next(), ..parked(11, &key, at(9)) }],
        dead: vec![dead(11, &key, 1, at(1)), expired.clone(), dead(13, &key, 1, at(1))],
        ..Round::default()
    };
    store.settle(round).await.unwrap();
    let resend = Resend { app: app(11), to: "".into(), places: vec![place(0, 1), place(1, 1)], at: at(1) };
    store.resend(resend).await.unwrap();
    let state = DeliveryState { health, parked: 1, dead: 1, expired: 1, again: vec![("".into(), 2)] };
    assert_eq!(store.delivery_state(app(11)).await.unwrap(), state);
    assert_eq!(store.dead_letters(app(11), None, 1).await.unwrap(), std::slice::from_ref(&expired));
    let before = Some((expired.at, expired.place()));
    assert_eq!(store.dead_letters(app(11), before, 9).await.unwrap(), [dead(11, &key, 1, at(1))]);
    assert_eq!(
        store.delivery_state(app(13)).await.unwrap(),
        DeliveryState::default(),
        "there is no such app"
    );
    configure(&*store, at(5), &[12], &[104]).await;
    configure(&*store, at(6), &[11, 12], &[104]).await;
    assert_eq!(store.delivery_state(app(11)).await.unwrap(), DeliveryState::default(), "it is another app");
    assert_eq!(store.errands().await.unwrap(), []);
}

async fn rounds_are_kept(disk: Disk) {
    let store = disk.open().await;
    configure(&*store, at(0), &[11, 12], &[104]).await;
    let keys = [person(1), person(2), person(3)];
    let moved = Cursor { app: app(11), stream: Stream(2), served: Position(9) };
    let waits = [parked(11, &keys[0], at(30)), parked(11, &keys[1], at(10)), parked(11, &keys[2], at(20))];
    let given_up = [dead(11, &keys[0], 1, at(1)), dead(11, &keys[1], 2, at(3)), dead(11, &keys[2], 3, at(2))];
    let round =
        Round { cursors: vec![moved], park: waits.to_vec(), dead: given_up.to_vec(), ..Round::default() };
    store.settle(round).await.unwrap();
    assert_eq!(store.cursors(app(11)).await.unwrap()[2], moved);
    let [late, soon, middle] = waits;
    assert_eq!(store.parked(app(11)).await.unwrap(), [soon.clone(), middle.clone(), late.clone()]);
    assert_eq!(store.parked(app(12)).await.unwrap(), []);
    let [oldest, newest, other] = given_up;
    assert_eq!(store.dead_letters(app(11), None, 10).await.unwrap(), [newest.clone(), other, oldest]);
    assert_eq!(store.dead_letters(app(11), None, 1).await.unwrap(), [newest]);
    assert_eq!(store.dead_letters(app(12), None, 10).await.unwrap(), []);

    // Parked anew, with a later try; and no longer parked.
    let anew = Parked { attempts: 3, due: at(40), ..soon };
    let round = Round {
        park: vec![anew.clone()],
        unpark: vec![(app(11), middle.stream, middle.chain)],
        ..Round::default()
    };
    store.settle(round).await.unwrap();
    assert_eq!(store.parked(app(11)).await.unwrap(), [late, anew]);
    store.settle(Round::default()).await.unwrap();
}
