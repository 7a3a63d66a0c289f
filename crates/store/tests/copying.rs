//! A copy from one kind of database into the other, and back. A program of its own, because starting a server forks, and
//! what is forked holds the locks of SQLite's files for a moment: the server is started before any file is opened.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

#[expect(dead_code, reason = "shared with the conformance suite, which uses all of it")]
#[path = "conformance/made.rs"]
mod made;

use std::path::Path;
use std::sync::Arc;

use baton_pgtest::Server;
use baton_rules::Surface;
use baton_store::postgres::{Address, Options as PostgresOptions, PostgresStore, Time};
use baton_store::sqlite::{Options, SqliteStore};
use baton_store::{
    Asset, AssetChange, AssetKey, AssetKind, Attempt, AuditLine, Chain, Cursor, DeliveryHealth, End, Person,
    Place, Position, Resend, Round, Store, Stream, Team, copy, stream_of,
};
use made::{app, at, change_to, configure, dead, everything, page, parked, persons_of, say, telling, write};

const STREAMS: u16 = made::STREAMS;

/// Something in every table.
async fn fill(store: &dyn Store) {
    configure(store, at(0), &[11], &[104]).await;
    for stream in 0..STREAMS {
        for key in persons_of(Stream(stream)).take(3) {
            say(store, at(1), std::slice::from_ref(&key)).await;
            store
                .keep_person(&key, Person { name: Some("Ann\0".into()), ..Person::default() })
                .await
                .unwrap();
        }
    }
    let told = telling(&[Chain::Page(page(104), Surface::Messenger)], &[11, 12]);
    store.configure(at(2), change_to(&[11, 12], &[104]), told).await.unwrap();
    let key = persons_of(Stream(1)).next().unwrap();
    let head = store.heads().await.unwrap()[1];
    write(store, at(2), Stream(1), everything(&key, head.next(), at(2))).await.unwrap();
    let asset = AssetKey { page: page(104), kind: AssetKind::Label, key: "k".into() };
    let asset = Asset { key: asset, at: at(3), document: "{}".into(), content: Some(vec![0, 1].into()) };
    store.change_assets(AssetChange { keep: vec![asset], ..AssetChange::default() }).await.unwrap();
    store.keep_team(Team { last_id: 7, ..Team::default() }).await.unwrap();
    let line = |status| AuditLine {
        at: at(4),
        member: None,
        name: "Ann".into(),
        operation: "o".into(),
        path: "p".into(),
        status,
    };
    for status in [200, 404] {
        store.audit(line(status)).await.unwrap();
    }
    let round = Round {
        cursors: vec![Cursor { app: app(11), stream: Stream(1), served: Position(3) }],
        park: vec![parked(11, &key, at(5))],
        dead: vec![dead(11, &key, 1, at(5))],
        attempts: vec![Attempt {
            app: app(11),
            place: Place { stream: Stream(1), position: Position(2) },
            at: at(5),
            number: 1,
            status: Some(500),
            duration_ms: 3,
            error: Some("HTTP 500".into()),
            body_start: "oops".into(),
            to: None,
        }],
        health: vec![(app(11), DeliveryHealth { delivered_at: Some(9), ..DeliveryHealth::default() })],
        ..Round::default()
    };
    store.settle(round).await.unwrap();
    let place = Place { stream: stream_of(&key, STREAMS), position: Position(2) };
    let to = "http://127.0.0.1/".into();
    store.resend(Resend { app: app(11), to, places: vec![place], at: at(6) }).await.unwrap();
}

/// What a store says of itself.
async fn said(store: &dyn Store) -> String {
    let settings = store.settings();
    let mut said = format!("{:?} {:?} {}\n", store.key(), store.heads().await, settings.version);
    said += &format!("{:?}\n{:?}\n", settings.apps, settings.pages);
    for stream in 0..STREAMS {
        for key in persons_of(Stream(stream)).take(3) {
            let (rows, control) =
                (store.conversation(&key, None, 99).await, store.control(&key, None, 99).await);
            let (thread, person) = (store.thread(&key).await, store.person(&key).await);
            said += &format!("{rows:?}\n{control:?}\n{thread:?}\n{person:?}\n");
        }
    }
    said += &format!("{:?}\n{:?}\n", store.cursors(app(11)).await, store.parked(app(11)).await);
    said += &format!(
        "{:?}\n{:?}\n",
        store.dead_letters(app(11), None, 9).await,
        store.delivery_state(app(11)).await
    );
    said += &format!("{:?}\n{:?}\n", store.team().await, store.audited(None, 9).await);
    said += &format!(
        "{:?}\n{:?}\n",
        store.assets(page(104), AssetKind::Label, "", 9).await,
        store.errands().await
    );
    said + &format!("{:?}", store.due(at(99), 9).await)
}

/// Line by line, so that what differs is seen.
fn assert_same(one: &str, other: &str) {
    for (one, other) in one.lines().zip(other.lines()) {
        assert_eq!(one, other);
    }
    assert_eq!(one.lines().count(), other.lines().count());
}

async fn refused(from: &End, to: &End) -> String {
    copy(from, to, |_, _| {}).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_copy_is_the_same_and_so_is_its_copy() {
    let server = Server::shared();
    let folder = tempfile::tempdir().unwrap();
    let address: Address = server.database().parse().unwrap();
    let file = |name: &str| folder.path().join(name);
    let open = |name: &str| {
        Arc::new(SqliteStore::open(&file(name), Options { streams: STREAMS, ..Options::default() }).unwrap())
    };
    let first = open("first.db");
    fill(&*first).await;
    let (one, database) = (End::File(file("first.db")), End::Postgres(Box::new(address.clone())));
    assert!(refused(&one, &database).await.contains("another baton is using"));
    let before = said(&*first).await;
    first.close().await.unwrap();
    drop(first);

    let mut tables = Vec::new();
    let copied = copy(&one, &database, |table, _| tables.push(table)).await.unwrap();
    assert_eq!(copied.streams, STREAMS);
    let empty: Vec<_> =
        copied.tables.iter().filter(|(_, rows)| *rows == 0).map(|(table, _)| *table).collect();
    assert_eq!(empty, [""; 0], "all were filled, or this shows nothing");
    assert!(tables.contains(&"journal"));
    assert!(refused(&one, &database).await.contains("there already"));

    let options = PostgresOptions { streams: 1, connections: 8, time: Time::Caller };
    let store = PostgresStore::open(&address, options).await.unwrap();
    assert_same(&said(&store).await, &before);
    let nodes = store.nodes().unwrap();
    let lasting = std::time::Duration::from_secs(600);
    nodes
        .beat(baton_store::Beat { name: "one".into(), lasting, ..baton_store::Beat::default() })
        .await
        .unwrap();
    let second = End::File(file("second.db"));
    assert!(refused(&database, &second).await.contains("the node one uses it"));
    store.close().await.unwrap();

    assert_eq!(copy(&database, &second, |_, _| {}).await.unwrap(), copied);
    assert!(refused(&database, &second).await.contains("there already"));
    assert_same(&dump(&file("second.db")), &dump(&file("first.db")));
    let second = open("second.db");
    assert_same(&said(&*second).await, &before);
    say(&*second, at(9), &[persons_of(Stream(1)).next().unwrap()]).await;
}

/// Everything that stands in a file, table by table, but what was folded last (decision 11): nothing is left of that.
fn dump(path: &Path) -> String {
    let db = rusqlite::Connection::open(path).unwrap();
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'migrations' ORDER BY name";
    let mut names = db.prepare(names).unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut dumped = String::new();
    for name in names {
        let kept = if name == "meta" { "WHERE name <> 'folding'" } else { "" };
        let mut rows = db.prepare(&format!("SELECT * FROM {name} {kept}")).unwrap();
        let columns = rows.column_count();
        let found = rows.query_map([], |row| {
            (0..columns)
                .map(|column| row.get::<_, rusqlite::types::Value>(column))
                .collect::<Result<Vec<_>, _>>()
        });
        let mut lines: Vec<String> = found.unwrap().map(|row| format!("{:?}", row.unwrap())).collect();
        lines.sort();
        dumped += &format!("{name}\n{}\n", lines.join("\n"));
    }
    dumped
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    let server = Server::shared();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let store =
        SqliteStore::open(&file("first.db"), Options { streams: STREAMS, ..Options::default() }).unwrap();
    fill(&store).await;
    store.close().await.unwrap();
    drop(store);
    let text = server.database();
    let database = End::Postgres(Box::new(text.parse().unwrap()));
    let name = text.rsplit('/').next().unwrap();
    // PostgreSQL keeps no such text, and comes to it late.
    let db = rusqlite::Connection::open(file("first.db")).unwrap();
    assert_eq!(db.execute("UPDATE dead_letters SET chain = 'a' || char(0)", []).unwrap(), 1);
    drop(db);
    let first = End::File(file("first.db"));
    let mut tables = Vec::new();
    copy(&first, &database, |table, _| tables.push(table)).await.unwrap_err();
    assert!(tables.contains(&"journal"), "{tables:?}");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'baton'";
    assert_eq!(server.tell(name, schemas), "0");

    // The other way round: a text that is none.
    let db = rusqlite::Connection::open(file("first.db")).unwrap();
    db.execute("UPDATE dead_letters SET chain = '104/m/p'", []).unwrap();
    drop(db);
    copy(&first, &database, |_, _| {}).await.unwrap();
    server.tell(name, "UPDATE baton.dead_letters SET reason = '\\xff'");
    let why = refused(&database, &End::File(file("second.db"))).await;
    assert!(why.contains("dead_letters.reason"), "{why}");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("first.db")), "{left:?}");
    // What a newer version keeps is not left out.
    server.go_further(name);
    let why = refused(&database, &End::File(file("second.db"))).await;
    assert!(why.contains("a newer baton used it (schema 2, and this one knows 1)"), "{why}");
    server.tell(name, "DELETE FROM baton.migrations WHERE number = 2");
    // What a copy left that was killed is no hindrance.
    server.tell(name, "UPDATE baton.dead_letters SET reason = 'a reason'");
    std::fs::write(file("second.db.making"), "half of it").unwrap();
    copy(&database, &End::File(file("second.db")), |_, _| {}).await.unwrap();
}
