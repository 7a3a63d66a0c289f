//! What a batch writes and answers, with what was found given by hand.

use baton_rules::build::{app, person};
use baton_rules::{Ask, Channel, Fields, Grant, PageId, Send, Tag, ThreadControl};
use baton_store::{App, Connection, KeptMoveToMain, Secret, Settings, Side, Token};
use baton_wire::inbound::PersonEvent;
use baton_wire::requests::{Call, Message};
use serde_json::Value;

use super::*;
use crate::receipt::DeskAct;

const KEY: [u8; 32] = [7; 32];
const NOW: Timestamp = Timestamp(1_767_225_600_500);
const HOUR: i64 = 3_600;

fn connection(role: &str) -> Connection {
    let permissions = vec!["pages_messaging".to_owned()];
    Connection {
        app: app(role),
        generation: 1,
        tokens: vec![Token { hash: role.to_owned(), tasks: Vec::new(), permissions }],
        fields: Fields::ALL.iter().map(|(_, name)| (*name).to_owned()).collect(),
        standby_messenger: true,
        standby_instagram: true,
        take_control: role == "desk",
    }
}

fn new_app(role: &str) -> Arc<App> {
    Arc::new(App {
        id: app(role),
        name: role.to_owned(),
        secret: Secret::new("secret"),
        webhook_url: None,
        verify_token: None,
        verified: true,
        human_agent: role == "desk",
        live: true,
        testers: Vec::new(),
        max_batch: 1,
        compat: Vec::new(),
        subscribed: Vec::new(),
    })
}

/// Page 1 goes by the Handover Protocol, page 2 has a default app: `bot` in both.
mod surveys;

fn settings() -> Settings {
    let page = |id: u64| {
        let side = Side {
            default_app: (id == 2).then(|| app("bot")),
            primary_receiver: (id == 1).then(|| app("bot")),
            ad_max_days: 7,
            ad_window_days: 7,
            ..Side::default()
        };
        Arc::new(Page {
            id: PageId::new(id).unwrap(),
            name: "a page".to_owned(),
            messaging_enabled: true,
            inbox_move_to_main: KeptMoveToMain::Take,
            messenger: side,
            instagram: None,
            connections: vec![connection("bot"), connection("desk")],
            links: Vec::new(),
            ads: Vec::new(),
            had_default: id == 2,
        })
    };
    Settings::new(1, vec![new_app("bot"), new_app("desk")], vec![page(1), page(2)])
}

fn found() -> Found {
    Found {
        now: NOW,
        settings: Arc::new(settings()),
        head: Position(10),
        threads: HashMap::new(),
        seen: HashMap::new(),
        due: HashMap::new(),
        ends: HashMap::new(),
        assets: HashMap::new(),
    }
}

fn key(page: u64, name: &str) -> ThreadKey {
    ThreadKey { page: PageId::new(page).unwrap(), surface: Surface::Messenger, person: person(name) }
}

fn asked(thread: &ThreadKey, what: Requested) -> Prepared {
    Prepared {
        request: Request { thread: thread.clone(), what, key: None },
        creator: None,
        under: None,
        lack: None,
    }
}

fn says(thread: &ThreadKey, text: &str) -> Prepared {
    asked(thread, Requested::Person(PersonEvent::of_text(text)))
}

fn calls(thread: &ThreadKey, by: &str, ask: Ask) -> Prepared {
    let message = matches!(ask, Ask::Send(_)).then(|| Message::of_text("hello"));
    let call = Call { person: thread.person.clone(), ask, metadata: Some("why".to_owned()), message };
    asked(thread, Requested::App { by: app(by), call })
}

const fn plain() -> Ask {
    Ask::Send(Send { tag: None, control: None, survey: false })
}

fn keyed(mut prepared: Prepared, key: &str, body: u8) -> Prepared {
    prepared.request.key = Some(CallersKey { key: key.to_owned(), fingerprint: [body; 32] });
    prepared
}

fn decide(found: &Found, requests: &[Prepared]) -> (Batch, Vec<Outcome>) {
    let (batch, _, outcomes) = decide_batch(found, &[], requests, Stream(3), &KEY);
    (batch, outcomes)
}

fn rules(outcomes: &[Outcome]) -> Vec<String> {
    let rule = |outcome: &Outcome| match &outcome.answer {
        Ok(receipt) => receipt.rule.clone(),
        Err(Failure::Refused { refused, .. }) => refused.rule.0.to_owned(),
        Err(failure) => failure.to_string(),
    };
    outcomes.iter().map(rule).collect()
}

fn receipt(outcome: &Outcome) -> &Receipt {
    outcome.answer.as_ref().unwrap()
}

/// A thread that `owner` controls until a moment, whose person wrote just now; its last row is at 4.
fn owned(owner: &str, until: Timestamp) -> Remembered {
    let thread = Thread {
        control: Some(Grant { app: app(owner), connection: 1, until }),
        last_heard: Some(NOW),
        window_closes: Some(NOW.plus_seconds(24 * HOUR)),
        ..Thread::default()
    };
    Remembered { thread, last: Position(4), last_message_at: Timestamp(1) }
}

fn hears(row: &JournalRow) -> Vec<(AppId, Channel)> {
    row.notices.iter().map(|notice| (notice.app, notice.channel)).collect()
}

fn item(row: &JournalRow, path: &str) -> Value {
    let item: Value = serde_json::from_slice(&row.whole).unwrap();
    item.pointer(path).cloned().unwrap_or_default()
}

#[test]
fn each_request_sees_what_the_ones_before_it_came_to() {
    let ann = key(1, "ann");
    let desk = Ask::Pass { to: Some(app("desk")) };
    let requests = [
        calls(&ann, "bot", plain()),
        says(&ann, "hi"),
        calls(&ann, "desk", plain()),
        calls(&ann, "bot", desk),
        calls(&ann, "desk", plain()),
        calls(&ann, "bot", plain()),
        calls(&ann, "desk", Ask::Release),
    ];
    let (batch, outcomes) = decide(&found(), &requests);
    let seen = rules(&outcomes);
    assert_eq!(seen[0], "API-9", "nobody can be written to who has not written");
    assert!(outcomes[1].answer.is_ok());
    assert_eq!(seen[2], "HOP-SEND-3");
    assert_eq!(seen[3], "HOP-PASS-1");
    assert!(outcomes[4].answer.is_ok(), "the desk owns the thread by then");
    assert_eq!(seen[5], "HOP-SEND-3");
    assert_eq!(seen[6], "HOP-REL-1");
    assert_eq!(batch.threads.len(), 1);
    assert_eq!(batch.threads[0].1.thread.control, None);
}

#[test]
fn api_11_of_two_that_want_an_idle_thread_the_first_gets_it() {
    let ann = key(1, "ann");
    let ask = Ask::Request;
    let requests = [
        says(&ann, "hi"),
        calls(&ann, "bot", Ask::Release),
        calls(&ann, "desk", ask),
        calls(&ann, "bot", ask),
    ];
    let (batch, outcomes) = decide(&found(), &requests);
    assert_eq!(receipt(&outcomes[2]).rule, "HOP-REQ-1");
    assert_eq!(receipt(&outcomes[3]).rule, "HOP-REQ-2", "the second one waits");
    let thread = &batch.threads[0].1.thread;
    assert_eq!(thread.control.map(|grant| grant.app), Some(app("desk")));
    assert_eq!(thread.requests.iter().map(|waiting| waiting.app).collect::<Vec<_>>(), [app("bot")]);
    // The other way round it is the other.
    let (batch, _) =
        decide(&found(), &[&requests[..2], &[requests[3].clone(), requests[2].clone()]].concat());
    assert_eq!(batch.threads[0].1.thread.control.map(|grant| grant.app), Some(app("bot")));
}

#[test]
fn rows_follow_the_head_without_gaps_and_chain_up_by_thread() {
    let (ann, bob) = (key(1, "ann"), key(1, "bob"));
    let mut found = found();
    found.threads.insert(ann.clone(), owned("bot", NOW.plus_seconds(HOUR)));
    let (batch, _) = decide(&found, &[says(&ann, "1"), says(&bob, "2"), says(&ann, "3"), says(&bob, "4")]);
    let places: Vec<_> = batch.rows.iter().map(|row| (row.position.0, row.previous)).collect();
    assert_eq!(places[0], (11, Some(Position(4))), "a thread's first row here follows its last one");
    let bobs: Vec<_> = batch.rows.iter().filter(|row| row.thread() == Some(&bob)).collect();
    assert_eq!(bobs[0].previous, None);
    assert!(places.iter().zip(11..).all(|((position, _), wanted)| *position == wanted));
    for thread in [&ann, &bob] {
        let rows: Vec<_> = batch.rows.iter().filter(|row| row.thread() == Some(thread)).collect();
        assert!(rows.windows(2).all(|pair| pair[1].previous == Some(pair[0].position)));
        let kept = &batch.threads.iter().find(|(key, _)| key == thread).unwrap().1;
        assert_eq!(kept.last, rows.last().unwrap().position);
        assert_eq!(kept.thread, rows.last().unwrap().after);
    }
}

#[test]
fn a_lapse_that_is_found_gets_a_row_and_a_change_of_control_of_its_own() {
    let ann = key(1, "ann");
    let until = Timestamp(NOW.0 - 5_500);
    let mut found = found();
    found.threads.insert(ann.clone(), owned("desk", until));
    let (batch, outcomes) = decide(&found, &[says(&ann, "are you there?")]);
    let lapse = &batch.rows[0];
    assert_eq!((lapse.position, lapse.previous, lapse.at), (Position(11), Some(Position(4)), until));
    assert_eq!((&*lapse.rule, lapse.cause, lapse.notices.len()), ("HOP-EXP-1", Cause::Expiry, 0));
    assert_eq!((lapse.after.control, lapse.event.clone()), (None, None));
    let ended = &batch.control[0];
    assert_eq!((ended.position, ended.at, ended.cause), (Position(11), until, Cause::Expiry));
    assert_eq!((ended.from, ended.to), (Some(app("desk")), None));
    assert_eq!(batch.rows[1].previous, Some(Position(11)));
    assert_eq!(outcomes[0].decided[0].rows, 0..batch.rows.len());
    assert_eq!(outcomes[0].decided[0].from, None, "it had lapsed before");
}

#[test]
fn a_repeated_key_gets_the_first_answer_and_writes_nothing() {
    let ann = key(1, "ann");
    let first = keyed(says(&ann, "hi"), "k", 1);
    let (batch, outcomes) = decide(&found(), std::slice::from_ref(&first));
    let answered = receipt(&outcomes[0]).clone();
    let [(seen_key, seen)] = &batch.seen[..] else { panic!("{:?}", batch.seen) };
    assert_eq!((seen_key, seen.fingerprint, seen.at), (&(ann, "k".into()), [1; 32], NOW));

    let mut later = found();
    later.head = Position(20);
    later.now = NOW.plus_seconds(HOUR);
    later.threads = batch.threads.into_iter().collect();
    later.seen = batch.seen.into_iter().collect();
    let (batch, outcomes) = decide(&later, &[first]);
    assert_eq!(*receipt(&outcomes[0]), answered);
    assert!(outcomes[0].decided.is_empty());
    assert!(batch.rows.is_empty() && batch.threads.is_empty() && batch.seen.is_empty());
}

#[test]
fn a_key_is_known_within_the_same_batch_and_only_within_its_thread() {
    let (ann, bob) = (key(1, "ann"), key(1, "bob"));
    let one = keyed(says(&ann, "hi"), "k", 1);
    let other_body = keyed(says(&ann, "ho"), "k", 2);
    let other_thread = keyed(says(&bob, "ho"), "k", 2);
    let (batch, outcomes) = decide(&found(), &[one.clone(), one, other_body, other_thread]);
    assert_eq!(receipt(&outcomes[0]), receipt(&outcomes[1]));
    assert!(matches!(outcomes[2].answer, Err(Failure::KeyReused)));
    assert!(outcomes[3].answer.is_ok());
    let of_ann = batch.rows.iter().filter(|row| row.thread() == Some(&ann));
    assert_eq!(of_ann.filter(|row| row.event.as_deref() == Some("messages")).count(), 1);
}

#[test]
fn a_refused_request_may_be_asked_again_under_its_key() {
    let ann = key(1, "ann");
    let asks = keyed(calls(&ann, "bot", plain()), "k", 1);
    let (batch, outcomes) = decide(&found(), &[asks.clone(), says(&ann, "hi"), asks]);
    assert!(matches!(outcomes[0].answer, Err(Failure::Refused { .. })));
    assert!(outcomes[2].answer.is_ok());
    assert_eq!(batch.seen.len(), 1);
}

#[test]
fn api_7_refusals_are_kept_for_threads_that_exist_and_change_nothing() {
    let ann = key(1, "ann");
    let mut found = found();
    found.threads.insert(ann.clone(), owned("bot", NOW.plus_seconds(HOUR)));
    let (batch, outcomes) = decide(
        &found,
        &[
            calls(&ann, "desk", Ask::Pass { to: Some(app("bot")) }),
            calls(&key(1, "nobody"), "desk", plain()),
            calls(&ann, "bot", Ask::Send(Send { tag: Some(Tag::Retired), control: None, survey: false })),
        ],
    );
    assert!(batch.rows.is_empty() && batch.threads.is_empty());
    let [kept] = &batch.control[..] else { panic!("{:?}", batch.control) };
    assert_eq!((&*kept.rule, kept.refused.as_deref()), ("HOP-PASS-5", Some("E-PASS-NOTOWNER")));
    assert_eq!((kept.position, kept.from, kept.to), (found.head, None, None));
    assert_eq!((kept.by, kept.at, kept.metadata.as_deref()), (Some(app("desk")), NOW, Some("why")));
    let Err(Failure::Refused { thread, .. }) = &outcomes[0].answer else { panic!() };
    assert_eq!(thread.owner, Some(app("bot").number()), "the answer says who has control");
}

#[test]
fn a_receipt_says_what_was_decided_and_names_the_message() {
    let ann = key(1, "ann");
    let (batch, outcomes) = decide(&found(), &[says(&ann, "hi")]);
    let told = receipt(&outcomes[0]);
    let message = batch.rows.iter().find(|row| row.event.as_deref() == Some("messages")).unwrap();
    assert_eq!((told.at, &*told.rule), (NOW.0, &*message.rule));
    let mid = told.message_id.as_deref().unwrap();
    assert_eq!(MessageId::place(&KEY, mid), Some((3, message.position.0)));
    assert_eq!(MessageId::place(&[8; 32], mid), None, "another database did not make it");
    assert_eq!(item(message, "/message/mid"), mid);
    assert_eq!(item(message, "/message/text"), "hi");
    assert_eq!(item(message, "/timestamp"), NOW.0);
    let heard: usize = batch.rows.iter().map(|row| row.notices.len()).sum();
    assert_eq!(told.notices.len(), heard);
    let messages: Vec<_> = told.notices.iter().filter(|notice| notice.event == "messages").collect();
    assert_eq!(messages.len(), 2);
    let decided = &outcomes[0].decided[0];
    assert_eq!(told.thread.owner, decided.to.map(AppId::number));
    assert_eq!(told.thread.expires_at, decided.expires_at.map(|at| at.0));
}

#[test]
fn the_receipt_of_a_send_names_its_echo() {
    let ann = key(1, "ann");
    let mut found = found();
    found.threads.insert(ann.clone(), owned("bot", NOW.plus_seconds(HOUR)));
    let (batch, outcomes) = decide(&found, &[calls(&ann, "bot", plain())]);
    let [echo] = &batch.rows[..] else { panic!("{:?}", batch.rows) };
    assert_eq!(echo.event.as_deref(), Some("message_echoes"));
    assert_eq!(hears(echo), [(app("bot"), Channel::Messaging), (app("desk"), Channel::Standby)]);
    assert_eq!(item(echo, "/message/mid"), receipt(&outcomes[0]).message_id.clone().unwrap());
    assert_eq!(item(echo, "/message/app_id"), app("bot").number());
    assert_eq!(echo.by, Some(app("bot")));
    assert!(batch.control.is_empty(), "sending moved nothing");
}

#[test]
fn a_pass_tells_the_new_owner_and_is_kept_as_a_change_of_control() {
    let ann = key(1, "ann");
    let mut found = found();
    found.threads.insert(ann.clone(), owned("bot", NOW.plus_seconds(HOUR)));
    let (batch, outcomes) = decide(&found, &[calls(&ann, "bot", Ask::Pass { to: Some(app("desk")) })]);
    let [pass] = &batch.rows[..] else { panic!("{:?}", batch.rows) };
    assert_eq!(hears(pass), [(app("desk"), Channel::Messaging)]);
    assert_eq!(item(pass, "/pass_thread_control/previous_owner_app_id"), app("bot").to_string());
    assert_eq!(item(pass, "/pass_thread_control/new_owner_app_id"), app("desk").to_string());
    assert_eq!(item(pass, "/pass_thread_control/metadata"), "why");
    let [kept] = &batch.control[..] else { panic!("{:?}", batch.control) };
    assert_eq!((kept.position, kept.from, kept.to), (pass.position, Some(app("bot")), Some(app("desk"))));
    assert_eq!(kept.expires_at, receipt(&outcomes[0]).thread.expires_at.map(Timestamp));
    assert_eq!(receipt(&outcomes[0]).message_id, None);
    assert_eq!(batch.threads[0].1.last_message_at, Timestamp(1), "a pass is no message");
}

#[test]
fn a_take_tells_every_other_app() {
    let ann = key(1, "ann");
    let mut found = found();
    found.threads.insert(ann.clone(), owned("desk", NOW.plus_seconds(HOUR)));
    let (batch, _) = decide(&found, &[calls(&ann, "bot", Ask::Take)]);
    let [take] = &batch.rows[..] else { panic!("{:?}", batch.rows) };
    assert_eq!(hears(take), [(app("desk"), Channel::Messaging)]);
    assert_eq!(item(take, "/take_thread_control/previous_owner_app_id"), app("desk").to_string());
    assert_eq!(item(take, "/take_thread_control/new_owner_app_id"), app("bot").to_string());
}

#[test]
fn a_message_that_passes_control_is_told_before_the_pass() {
    let ann = key(2, "ann");
    let mut found = found();
    found.threads.insert(ann.clone(), owned("desk", NOW.plus_seconds(HOUR)));
    let control = Some(ThreadControl::Pass { to: Some(app("bot")) });
    let ask = Ask::Send(Send { tag: None, control, survey: false });
    let (batch, outcomes) = decide(&found, &[calls(&ann, "desk", ask)]);
    let events: Vec<_> = batch.rows.iter().map(|row| row.event.as_deref().unwrap_or("")).collect();
    assert_eq!(events, ["message_echoes", "pass_thread_control"]);
    assert_eq!(batch.rows[0].after, batch.rows[1].after, "one decision, one state");
    assert_eq!(batch.rows[1].previous, Some(batch.rows[0].position));
    assert_eq!(receipt(&outcomes[0]).thread.owner, Some(app("bot").number()));
    assert_eq!(batch.control[0].position, batch.rows[1].position);
}

#[test]
fn what_nobody_hears_has_a_row_all_the_same() {
    let ann = key(1, "ann");
    let mut found = found();
    found.threads.insert(ann.clone(), owned("bot", NOW.plus_seconds(HOUR)));
    let (batch, outcomes) = decide(&found, &[calls(&ann, "bot", Ask::Release)]);
    let [quiet] = &batch.rows[..] else { panic!("{:?}", batch.rows) };
    assert!(quiet.event.is_none() && quiet.whole.is_empty() && quiet.notices.is_empty());
    assert_eq!((batch.control[0].from, batch.control[0].to), (Some(app("bot")), None));
    assert_eq!(receipt(&outcomes[0]).thread, ThreadSeen::default());
}

#[test]
fn the_inbox_sends_as_the_inbox() {
    let ann = key(1, "ann");
    let mut found = found();
    found.threads.insert(ann.clone(), owned("bot", NOW.plus_seconds(HOUR)));
    let act = DeskAct {
        desk: Desk::Reply,
        message: Some(Message::of_text("hello")),
        metadata: None,
        if_owner: None,
    };
    let (batch, _) = decide(&found, &[asked(&ann, Requested::Inbox(act))]);
    let echo = batch.rows.iter().find(|row| row.event.as_deref() == Some("message_echoes")).unwrap();
    assert_eq!(item(echo, "/message/app_id"), AppId::PAGE_INBOX.number());
    assert_eq!(echo.by, Some(AppId::PAGE_INBOX));
}

#[test]
fn the_inbox_acts_only_while_control_is_where_it_was_seen() {
    let ann = key(1, "ann");
    let mut found = found();
    found.threads.insert(ann.clone(), owned("bot", NOW.plus_seconds(HOUR)));
    let done = |if_owner| {
        let act = DeskAct { desk: Desk::Done, message: None, metadata: None, if_owner };
        asked(&ann, Requested::Inbox(act))
    };
    for seen in [Some(None), Some(Some(AppId::PAGE_INBOX))] {
        let (batch, outcomes) = decide(&found, &[done(seen)]);
        let Err(Failure::ControlMoved { thread }) = &outcomes[0].answer else { panic!("{outcomes:?}") };
        assert_eq!(thread.owner, Some(app("bot").number()), "who has it is said");
        assert!(batch.rows.is_empty() && batch.control.is_empty());
    }
    for seen in [None, Some(Some(app("bot")))] {
        assert!(!matches!(decide(&found, &[done(seen)]).1[0].answer, Err(Failure::ControlMoved { .. })));
    }
}

#[test]
fn a_page_that_is_not_there_is_no_page() {
    let (batch, outcomes) = decide(&found(), &[says(&key(9, "ann"), "hi")]);
    assert!(matches!(outcomes[0].answer, Err(Failure::NoPage)));
    assert!(batch.rows.is_empty());
}

#[test]
fn who_was_let_in_by_other_settings_is_not_heard() {
    let (ann, found) = (key(1, "ann"), found());
    let let_in = |version| Prepared { under: Some(version), ..calls(&ann, "bot", Ask::Take) };
    let says = says(&ann, "hi");
    let (batch, outcomes) = decide(&found, &[says.clone(), let_in(found.settings.version - 1)]);
    assert!(matches!(outcomes[1].answer, Err(Failure::SettingsChanged)));
    assert_eq!(batch.rows, decide(&found, &[says]).0.rows, "nothing of it is written");
    let (_, outcomes) = decide(&found, &[let_in(found.settings.version)]);
    assert!(!matches!(outcomes[0].answer, Err(Failure::SettingsChanged)));
}

#[test]
fn deciding_twice_comes_to_the_same() {
    let ann = key(1, "ann");
    let requests = [says(&ann, "hi"), calls(&ann, "bot", plain()), calls(&ann, "bot", Ask::Take)];
    let found = found();
    let (once, first) = decide(&found, &requests);
    let (twice, second) = decide(&found, &requests);
    assert_eq!(once.rows, twice.rows);
    assert_eq!(rules(&first), rules(&second));
}
