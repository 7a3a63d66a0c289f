//! Journals and webhooks for their judges.

use std::sync::Arc;

use baton_rules::{
    AppId, Cause, Channel, Form, Grant, Mode, Notice, PageId, Surface, Thread, ThreadKey, Timestamp,
};
use baton_server::routing_file::{Mint, RoutingInput, apply};
use baton_store::{JournalRow, Position, Settings};
use serde_json::{Value, json};

use crate::client::person;
use crate::journal::Journal;
use crate::receivers::Arrived;
use crate::{deliveries, told};

const UNTIL: Timestamp = Timestamp(86_400_000);

fn app(number: u64) -> AppId {
    AppId::new(number).unwrap()
}

fn key() -> ThreadKey {
    ThreadKey { page: PageId::new(2003).unwrap(), surface: Surface::Messenger, person: person("ann") }
}

/// A page with these apps, in the Handover Protocol without a primary receiver.
fn settings(before: &Settings, apps: &[u64]) -> Arc<Settings> {
    let named: Vec<Value> =
        [101, 102, 103].map(|id: u64| json!({"id": id.to_string(), "name": format!("App {id}")})).to_vec();
    let fields = ["messages", "messaging_handovers"];
    let connect = |id: &u64| json!({"app": id.to_string(), "token": format!("token-{id}"), "fields": fields});
    let connections: Vec<Value> = apps.iter().map(connect).collect();
    let file =
        json!({"apps": named, "pages": [{"id": "2003", "name": "Theatre", "connections": connections}]});
    let input = RoutingInput::from_json(&file).unwrap();
    Arc::new(apply(&input, before, false, &mut Mint::seeded([1; 32])).unwrap().settings)
}

/// A PASS from one app to another, told to these.
fn pass(position: u64, from: u64, to: u64, hearers: &[u64]) -> JournalRow {
    let parties = json!({"sender": {"id": "ann"}, "recipient": {"id": "2003"}});
    let mut item = parties;
    item["pass_thread_control"] =
        json!({"previous_owner_app_id": from.to_string(), "new_owner_app_id": to.to_string()});
    let notice = |app| Notice { app, channel: Channel::Messaging, form: Form::Whole, context: false };
    JournalRow {
        position: Position(position),
        chain: Some(key().into()),
        previous: (position > 2).then(|| Position(position - 1)),
        at: Timestamp(1_000 + i64::try_from(position).unwrap()),
        rule: "HOP-PASS-1".into(),
        via: None,
        cause: Cause::Pass,
        by: Some(app(from)),
        event: Some("pass_thread_control".into()),
        notices: hearers.iter().map(|number| notice(app(*number))).collect(),
        whole: item.to_string().into(),
        reduced: None,
        context: None,
        after: Thread {
            control: Some(Grant { app: app(to), connection: 1, until: UNTIL }),
            length_days: 1,
            mode: Some(Mode::HandoverOpen),
            ..Thread::default()
        },
    }
}

fn change(position: u64) -> JournalRow {
    JournalRow {
        chain: None,
        previous: None,
        cause: Cause::Settings,
        event: None,
        notices: Vec::new(),
        ..pass(position, 101, 102, &[])
    }
}

/// A journal of one stream in which all three apps are connected from the first row on.
fn journal(rows: Vec<JournalRow>) -> Journal {
    let connected = settings(&Settings::default(), &[101, 102, 103]);
    let rows = [change(1)].into_iter().chain(rows).map(Arc::new).collect();
    Journal { streams: vec![rows], changes: vec![(vec![Position(1)], connected)] }
}

#[test]
fn two_are_never_told_that_they_own() {
    let right = journal(vec![pass(2, 101, 102, &[102]), pass(3, 102, 103, &[103])]);
    assert_eq!((right.check(), told::check(&right)), (vec![], vec![]));
    let wrong = journal(vec![pass(2, 101, 102, &[102]), pass(3, 101, 103, &[103])]);
    assert!(told::check(&wrong)[0].contains("102 was told so at 2"), "{:?}", told::check(&wrong));
    // Control that had lapsed, or was another connection's, was nobody's.
    let mut later = pass(3, 101, 103, &[103]);
    later.at = UNTIL;
    assert_eq!(told::check(&journal(vec![pass(2, 101, 102, &[102]), later])), Vec::<String>::new());
}

#[test]
fn the_apps_connected_at_the_position_hear() {
    let wrong = |row: JournalRow| journal(vec![row]).check();
    assert_eq!(wrong(pass(2, 101, 102, &[102])), Vec::<String>::new());
    assert_eq!(wrong(pass(2, 101, 102, &[])).len(), 1, "nobody heard");
    assert_eq!(wrong(pass(2, 101, 102, &[102, 103])).len(), 1, "somebody else heard too");
    assert_eq!(wrong(pass(2, 101, 102, &[102, 102])).len(), 1, "it was heard twice");
    let mut overheard = pass(2, 101, 102, &[102]);
    overheard.notices[0].channel = Channel::Standby;
    assert_eq!(wrong(overheard).len(), 1, "on the wrong channel");
    assert_eq!(wrong(pass(3, 101, 102, &[102])).len(), 2, "a gap");
}

#[test]
fn no_decision_crosses_a_change() {
    let decided = pass(3, 101, 102, &[102]);
    let mut crossed = journal(vec![change(2), JournalRow { previous: None, ..decided }]);
    let without = settings(&crossed.changes[0].1, &[101, 103]);
    crossed.changes.push((vec![Position(2)], without));
    let wrong = crossed.check();
    assert!(wrong.iter().any(|wrong| wrong.contains("a connection that was not there")), "{wrong:?}");
    assert!(wrong.iter().any(|wrong| wrong.contains("had to hear it")), "{wrong:?}");
    let mut other_mode = pass(2, 101, 102, &[102]);
    other_mode.after.mode = Some(Mode::MessengerRouting);
    assert_eq!(journal(vec![other_mode]).check().len(), 1);
    // A change whose place nobody was told, and one that is not where it should be.
    assert_eq!(journal(vec![change(2)]).check().len(), 1);
}

#[test]
fn webhooks_are_the_journals_once_and_in_order() {
    let journal =
        journal(vec![pass(2, 101, 102, &[102]), pass(3, 102, 103, &[102]), pass(4, 103, 102, &[102])]);
    let arrived = |row: usize, accepted: bool| {
        let row = &journal.streams[0][row];
        let item: Value = serde_json::from_slice(&row.whole).unwrap();
        let entry = json!({"time": row.at.0, "id": "2003", "messaging": [item]});
        Arrived { app: app(102), body: json!({"object": "page", "entry": [entry]}), accepted }
    };
    let wrong = |webhooks: &[Arrived]| !deliveries::check(&journal, webhooks, false).is_empty();
    let (first, second, third) = (arrived(1, true), arrived(2, true), arrived(3, true));
    assert!(!wrong(&[first.clone(), second.clone(), third.clone()]));
    assert!(!wrong(&[arrived(1, false), first.clone(), second.clone(), third.clone()]), "refused, so again");
    assert!(wrong(&[first.clone(), third.clone()]), "one is missing");
    assert!(wrong(&[first.clone(), second.clone()]), "the last one is missing");
    assert!(wrong(&[second.clone(), first.clone(), third.clone()]), "out of order");
    assert!(wrong(&[first.clone(), first.clone(), second.clone(), third.clone()]), "twice without a reason");
    assert!(
        wrong(&[arrived(1, false), second.clone(), first.clone(), third.clone()]),
        "past one that was refused"
    );
    let other = Arrived { app: app(103), ..first.clone() };
    assert!(wrong(&[other, first.clone(), second.clone(), third.clone()]), "to somebody else");
    let mut forged = second;
    forged.body["entry"][0]["messaging"][0]["pass_thread_control"]["new_owner_app_id"] = json!("101");
    assert!(wrong(&[first, forged, third]), "of other content");
}
