//! What the suite writes: apps, pages, people and what they say.

use std::sync::Arc;

use baton_rules::{
    AppId, Cause, Channel, Folder, Form, Grant, Mode, Notice, PageId, Surface, Thread, ThreadKey, Timestamp,
};
use baton_store::{
    AdCounts, Announce, Announcement, App, AssetChange, Batch, Chain, Change, Configured, Connection,
    ControlRow, Counted, DeadLetter, Decide, Due, Found, JournalRow, KeptMoveToMain, Page, Parked, Position,
    Remembered, Secret, Seen, Settings, Side, Store, StoreError, Stream, Token, Wanted, stream_of,
};
use bytes::Bytes;

pub(crate) const STREAMS: u16 = 4;
pub(crate) const START: i64 = 1_790_000_000_000;

pub(crate) fn app(number: u64) -> AppId {
    AppId::new(number).unwrap()
}

pub(crate) fn page(number: u64) -> PageId {
    PageId::new(number).unwrap()
}

pub(crate) fn person(number: usize) -> ThreadKey {
    ThreadKey { page: page(104), surface: Surface::Messenger, person: format!("P{number}").parse().unwrap() }
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(START + seconds * 1000)
}

pub(crate) fn hears(number: u64) -> Notice {
    Notice { app: app(number), channel: Channel::Messaging, form: Form::Whole, context: false }
}

/// Persons of one stream.
pub(crate) fn persons_of(stream: Stream) -> impl Iterator<Item = ThreadKey> {
    (0..).map(person).filter(move |key| stream_of(key, STREAMS) == stream)
}

pub(crate) fn row(
    key: &ThreadKey,
    position: Position,
    previous: Option<Position>,
    now: Timestamp,
) -> JournalRow {
    JournalRow {
        position,
        chain: Some(key.clone().into()),
        previous,
        at: now,
        rule: "HOP-MSG-1".into(),
        via: Some("CLK-1".into()),
        cause: Cause::Message,
        by: None,
        event: Some("messages".into()),
        notices: vec![hears(11), Notice { channel: Channel::Standby, form: Form::Reduced, ..hears(12) }],
        whole: Bytes::from(format!("{{\"at\":{}}}", position.0)),
        reduced: Some(Bytes::from_static(b"{}")),
        context: None,
        after: thread(now),
    }
}

pub(crate) fn thread(now: Timestamp) -> Thread {
    let grant = Grant { app: app(11), connection: 2, until: now.plus_seconds(86_400).whole_second() };
    Thread {
        control: Some(grant),
        length_days: 1,
        last_heard: Some(now),
        window_closes: Some(now.plus_seconds(86_400)),
        folder: Folder::Main,
        mode: Some(Mode::HandoverPrimary),
        ..Thread::default()
    }
}

/// What one message of each of these persons writes.
pub(crate) fn messages(keys: &[ThreadKey], found: &Found) -> Batch {
    let mut batch = Batch::default();
    let mut head = found.head;
    for key in keys {
        head = head.next();
        let written = batch.threads.iter().rev().find(|(of, _)| of == key).map(|(_, kept)| kept.last);
        let previous = written.or_else(|| found.threads.get(key).map(|kept| kept.last));
        batch.rows.push(Arc::new(row(key, head, previous, found.now)));
        batch.threads.retain(|(of, _)| of != key);
        let kept = Remembered { thread: thread(found.now), last: head, last_message_at: found.now };
        batch.threads.push((key.clone(), kept));
    }
    batch
}

pub(crate) fn wants(now: Timestamp, keys: &[ThreadKey]) -> Wanted {
    Wanted { now: Some(now), threads: keys.to_vec(), ..Wanted::default() }
}

/// Persons of one stream write a message each, in one batch.
pub(crate) async fn say(store: &dyn Store, now: Timestamp, keys: &[ThreadKey]) -> Batch {
    let stream = stream_of(&keys[0], STREAMS);
    let own = keys.to_vec();
    let decide: Decide = Box::new(move |found| messages(&own, found));
    store.commit(stream, wants(now, keys), decide).await.unwrap()
}

/// A batch whatever is found.
pub(crate) async fn write(
    store: &dyn Store,
    now: Timestamp,
    stream: Stream,
    batch: Batch,
) -> Result<Batch, StoreError> {
    store.commit(stream, wants(now, &[]), Box::new(move |_| batch.clone())).await
}

pub(crate) fn an_app(number: u64) -> Arc<App> {
    Arc::new(App {
        id: app(number),
        name: format!("app {number}"),
        secret: Secret::new("s3cret"),
        webhook_url: Some("https://example.org/webhook".to_owned()),
        verify_token: Some(Secret::new("t")),
        verified: true,
        human_agent: false,
        live: true,
        testers: vec!["P1".to_owned()],
        max_batch: 1,
        compat: Vec::new(),
        subscribed: vec!["messages".to_owned()],
    })
}

pub(crate) fn a_page(number: u64, apps: &[u64]) -> Arc<Page> {
    let connection = |id: &u64| Connection {
        app: app(*id),
        generation: 1,
        tokens: vec![Token {
            hash: format!("{number}-{id}"),
            tasks: vec!["MESSAGING".to_owned()],
            permissions: vec!["pages_messaging".to_owned()],
        }],
        fields: vec!["messages".to_owned()],
        standby_messenger: true,
        standby_instagram: true,
        take_control: true,
    };
    Arc::new(Page {
        id: page(number),
        name: "Page".to_owned(),
        messaging_enabled: true,
        inbox_move_to_main: KeptMoveToMain::Request,
        messenger: Side { primary_receiver: apps.first().copied().map(app), ..Side::default() },
        instagram: None,
        connections: apps.iter().map(connection).collect(),
        links: Vec::new(),
        ads: Vec::new(),
        had_default: false,
    })
}

pub(crate) fn change_to(apps: &[u64], pages: &[u64]) -> Change {
    let (apps, pages) = (apps.to_vec(), pages.to_vec());
    Box::new(move |_| {
        let kept = apps.iter().map(|id| an_app(*id)).collect();
        Ok(Settings::new(999, kept, pages.iter().map(|id| a_page(*id, &apps)).collect()))
    })
}

pub(crate) async fn configure(store: &dyn Store, now: Timestamp, apps: &[u64], pages: &[u64]) -> Configured {
    store.configure(now, change_to(apps, pages), silent()).await.unwrap()
}

/// Tells each of these apps of its role, on these chains.
pub(crate) fn telling(chains: &[Chain], apps: &[u64]) -> Announce {
    let (chains, apps) = (chains.to_vec(), apps.to_vec());
    Box::new(move |change| {
        let own = chains.iter().filter(|chain| chain.stream(change.streams) == change.stream);
        let told = |chain: &Chain, to: u64| Announcement {
            chain: chain.clone(),
            rule: "HOP-ROLE-1".into(),
            event: "app_roles".into(),
            notices: vec![hears(to)],
            whole: Bytes::from(format!("{{\"to\":{to},\"at\":{}}}", change.at.0)),
        };
        own.flat_map(|chain| apps.iter().map(move |to| told(chain, *to))).collect()
    })
}

/// Tells nobody anything.
pub(crate) fn silent() -> Announce {
    Box::new(|_| Vec::new())
}

pub(crate) fn streams() -> impl Iterator<Item = Stream> {
    (0..STREAMS).map(Stream)
}

pub(crate) fn everything(key: &ThreadKey, position: Position, now: Timestamp) -> Batch {
    Batch {
        rows: vec![Arc::new(row(key, position, None, now))],
        threads: vec![(
            key.clone(),
            Remembered { thread: thread(now), last: position, last_message_at: now },
        )],
        control: vec![control_row(key, now, position), refusal(key, now, position, "again")],
        seen: vec![((key.clone(), "k".into()), Seen { fingerprint: [1; 32], answer: Bytes::new(), at: now })],
        due: vec![due_row(key, 1, now)],
        undue: Vec::new(),
        counted: vec![counted(104, "9001", 1, 1)],
        assets: AssetChange::default(),
    }
}

/// What was answered to the key "k" of a thread.
pub(crate) async fn seen(store: &dyn Store, now: Timestamp, key: &ThreadKey) -> Option<Seen> {
    let wanted = (key.clone(), "k".into());
    let found: Arc<std::sync::Mutex<Option<Seen>>> = Arc::default();
    let (of, to) = (wanted.clone(), Arc::clone(&found));
    let decide: Decide = Box::new(move |found| {
        *to.lock().unwrap() = found.seen.get(&of).cloned();
        Batch::default()
    });
    let wanted = Wanted { now: Some(now), seen: vec![wanted], ..Wanted::default() };
    store.commit(stream_of(key, STREAMS), wanted, decide).await.unwrap();
    let found = found.lock().unwrap();
    found.clone()
}

pub(crate) fn parked(of: u64, key: &ThreadKey, due: Timestamp) -> Parked {
    let stream = stream_of(key, STREAMS);
    let chain = key.clone().into();
    Parked { app: app(of), stream, chain, next: Position(3), attempts: 2, since: at(1), due }
}

pub(crate) fn dead(of: u64, key: &ThreadKey, position: u64, now: Timestamp) -> DeadLetter {
    DeadLetter {
        app: app(of),
        stream: stream_of(key, STREAMS),
        position: Position(position),
        chain: key.clone().into(),
        at: now,
        attempts: 6,
        reason: "500".into(),
        expired: false,
    }
}

pub(crate) fn control_row(key: &ThreadKey, now: Timestamp, position: Position) -> ControlRow {
    ControlRow {
        thread: key.clone(),
        position,
        at: now,
        rule: "HOP-PASS-1".into(),
        via: None,
        cause: Cause::Pass,
        by: Some(app(11)),
        from: Some(app(11)),
        to: None,
        expires_at: Some(at(86_400)),
        metadata: Some("please".into()),
        number: 0,
        refused: None,
    }
}

pub(crate) fn refusal(key: &ThreadKey, now: Timestamp, position: Position, said: &str) -> ControlRow {
    ControlRow {
        rule: "HOP-PASS-5".into(),
        from: None,
        expires_at: None,
        metadata: Some(said.into()),
        refused: Some("E-PASS-NOTOWNER".into()),
        ..control_row(key, now, position)
    }
}

pub(crate) fn due_row(key: &ThreadKey, number: u64, when: Timestamp) -> Due {
    Due {
        thread: key.clone(),
        number: Position(number),
        at: when,
        by: app(11),
        content: Bytes::from_static(b"survey"),
    }
}

pub(crate) fn counted(of: u64, ad: &str, entries: u64, conversations: u64) -> Counted {
    let counts = AdCounts { entries, conversations };
    Counted { page: page(of), surface: Surface::Messenger, ad: ad.into(), counts }
}
