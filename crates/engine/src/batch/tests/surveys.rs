//! Surveys that are held back (HOP-SURVEY-1 to 5), over batches as a store would keep them.

use std::collections::BTreeMap;

use baton_store::{ControlRow, Due};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// What a store keeps between batches.
struct Disk {
    found: Found,
    due: BTreeMap<Position, Due>,
    rows: Vec<Arc<JournalRow>>,
    control: Vec<ControlRow>,
    /// Ids of surveys that were accepted and held back, in order.
    accepted: Vec<String>,
}

fn ann() -> ThreadKey {
    key(1, "ann")
}

fn survey() -> Ask {
    Ask::Send(Send { tag: None, control: None, survey: true })
}

impl Disk {
    fn new() -> Self {
        let mut disk = Self {
            found: found(),
            due: BTreeMap::new(),
            rows: Vec::new(),
            control: Vec::new(),
            accepted: Vec::new(),
        };
        disk.ask(says(&ann(), "hello"));
        disk
    }

    fn batch(&mut self, due: &[ThreadKey], requests: &[Prepared]) -> Vec<Outcome> {
        let holds = |kept: &&Remembered| kept.thread.held > 0;
        let held = self.found.threads.get(&ann()).filter(holds).map(|_| self.due.values().cloned().collect());
        self.found.due = held.map(|held| (ann(), held)).into_iter().collect();
        let (batch, _, outcomes) = decide_batch(&self.found, due, requests, Stream(3), &KEY);
        self.found.head = batch.rows.last().map_or(self.found.head, |row| row.position);
        self.found.threads.extend(batch.threads);
        for (_, number) in batch.undue {
            self.due.remove(&number).expect("only what is held goes");
        }
        for due in batch.due {
            self.due.insert(due.number, due);
        }
        self.rows.extend(batch.rows);
        self.control.extend(batch.control);
        for outcome in &outcomes {
            if let Ok(receipt) = &outcome.answer
                && receipt.rule == "HOP-SURVEY-1"
            {
                self.accepted.push(receipt.message_id.clone().unwrap());
            }
        }
        outcomes
    }

    fn ask(&mut self, request: Prepared) -> Outcome {
        self.batch(&[], &[request]).remove(0)
    }

    fn look(&mut self) {
        self.batch(&[ann()], &[]);
    }

    fn later(&mut self, by_ms: i64) -> &mut Self {
        self.found.now = Timestamp(self.found.now.0 + by_ms);
        self
    }

    fn settings(&mut self, change: impl Fn(&mut Page)) {
        let mut pages = self.found.settings.pages.clone();
        change(Arc::make_mut(&mut pages[0]));
        self.found.settings = Arc::new(Settings::new(2, self.found.settings.apps.clone(), pages));
    }

    /// The rules of the last rows.
    fn last(&self, count: usize) -> Vec<&str> {
        self.rows[self.rows.len() - count..].iter().map(|row| &*row.rule).collect()
    }

    /// The ids of the surveys that went out, in order.
    fn sent(&self) -> Vec<String> {
        let sent = self.rows.iter().filter(|row| &*row.rule == "HOP-SURVEY-3");
        let mid = |row: &Arc<JournalRow>| {
            let item: serde_json::Value = serde_json::from_slice(&row.whole).unwrap();
            item["message"]["mid"].as_str().unwrap().to_owned()
        };
        sent.map(mid).collect()
    }

    /// When what is held is due, in hours; control ends with a whole second.
    fn hours(&self) -> Vec<i64> {
        self.due.values().map(|due| (due.at.0 - NOW.0 + 999) / HOUR).collect()
    }

    fn thread(&self) -> &Thread {
        &self.found.threads[&ann()].thread
    }
}

fn held(by: &[&str]) -> Disk {
    let mut disk = Disk::new();
    for app in by {
        let outcome = disk.ask(calls(&ann(), app, survey()));
        assert_eq!(receipt(&outcome).rule, "HOP-SURVEY-1");
    }
    disk
}

#[test]
fn what_is_held_back_goes_out_with_what_left_the_thread_idle_oldest_first() {
    let mut disk = held(&["desk", "desk"]);
    assert_eq!((disk.thread().held, disk.due.len()), (2, 2));
    assert_eq!(disk.hours(), [24, 24], "due when control lapses");
    let outcome = disk.ask(calls(&ann(), "bot", Ask::Release));
    assert_eq!(disk.last(3), ["HOP-REL-1", "HOP-SURVEY-3", "HOP-SURVEY-3"]);
    assert_eq!(disk.sent(), disk.accepted, "by the ids that were answered");
    assert!(disk.due.is_empty());
    assert_eq!(outcome.decided.len(), 3, "listeners hear of each");
    let sent = disk.rows.last().unwrap();
    assert_eq!((sent.by, sent.event.as_deref()), (Some(app("desk")), Some("message_echoes")));
    assert_eq!(disk.thread().held, 0);
}

#[test]
fn what_waited_for_a_lapse_comes_before_what_finds_it() {
    let mut disk = held(&["desk"]);
    disk.later(DAY).ask(says(&ann(), "hello again"));
    assert_eq!(disk.last(3), ["HOP-EXP-1", "HOP-SURVEY-3", "HOP-MSG-1"]);
    assert_eq!(disk.sent(), disk.accepted);
}

#[test]
fn it_is_due_when_control_lapses_however_that_moves() {
    let mut disk = held(&["desk"]);
    disk.ask(calls(&ann(), "bot", Ask::Extend { duration: Some(3 * DAY / 1000) }));
    assert_eq!(disk.hours(), [72]);
    // A new owner's time starts anew, and is shorter.
    disk.later(HOUR).ask(calls(&ann(), "bot", Ask::Pass { to: Some(app("desk")) }));
    assert_eq!(disk.hours(), [25], "HOP-SURVEY-4: still held, also for its own app");
    disk.later(24 * HOUR).look();
    assert_eq!(disk.last(2), ["HOP-EXP-1", "HOP-SURVEY-3"]);
    // A look that comes for nothing changes nothing.
    let rows = disk.rows.len();
    disk.look();
    assert_eq!((disk.rows.len(), disk.due.len()), (rows, 0));
}

#[test]
fn a_look_while_somebody_owns_puts_it_off_and_writes_nothing_else() {
    let mut disk = held(&["desk"]);
    let rows = disk.rows.len();
    disk.due.values_mut().for_each(|due| due.at = NOW);
    disk.later(HOUR).look();
    assert_eq!((disk.hours(), disk.rows.len()), (vec![24], rows));
}

#[test]
fn when_the_owner_is_gone_it_goes_out() {
    let mut disk = held(&["desk"]);
    disk.settings(|page| page.connections.retain(|known| known.app != app("bot")));
    disk.later(HOUR).look();
    assert_eq!(disk.last(1), ["HOP-SURVEY-3"]);
    assert_eq!(disk.sent(), disk.accepted);
}

#[test]
fn what_is_too_old_is_given_up_and_shown_in_the_history() {
    let mut disk = held(&["desk", "desk"]);
    disk.later(8 * DAY).look();
    assert_eq!(disk.last(3), ["HOP-EXP-1", "HOP-SURVEY-5", "HOP-SURVEY-5"]);
    assert!(disk.due.is_empty() && disk.sent().is_empty());
    let shown: Vec<_> =
        disk.control.iter().rev().take(2).map(|row| (&*row.rule, row.by, row.cause)).collect();
    assert_eq!(shown, [("HOP-SURVEY-5", Some(app("desk")), Cause::Send); 2]);
}

#[test]
fn a_page_that_leaves_the_handover_protocol_holds_nothing_for_ever() {
    let mut disk = held(&["desk"]);
    disk.settings(|page| {
        (page.messenger.primary_receiver, page.messenger.default_app) = (None, Some(app("bot")));
    });
    disk.look();
    let last = disk.rows.last().unwrap();
    assert_eq!((&*last.rule, last.via.as_deref()), ("MCR-SURVEY-1", Some("HOP-SURVEY-5")));
    assert_eq!(&*disk.control.last().unwrap().rule, "MCR-SURVEY-1");
    assert!(disk.due.is_empty());
}

#[test]
fn while_messaging_is_off_it_waits_until_it_can_never_be_sent() {
    let mut disk = held(&["desk"]);
    disk.settings(|page| page.messaging_enabled = false);
    disk.ask(calls(&ann(), "bot", Ask::Release));
    assert_eq!(disk.last(1), ["HOP-REL-1"]);
    assert_eq!(disk.hours(), [168]);
    disk.later(HOUR).settings(|page| page.messaging_enabled = true);
    disk.look();
    assert_eq!(disk.sent(), disk.accepted);
}

#[test]
fn no_more_is_held_back_than_there_is_room_for() {
    let mut disk = held(&["desk"; HELD as usize]);
    let outcome = disk.ask(calls(&ann(), "desk", survey()));
    assert!(matches!(outcome.answer, Err(Failure::Busy)), "{:?}", outcome.answer);
    assert_eq!(disk.due.len(), usize::from(HELD));
}

#[test]
fn a_page_that_is_gone_holds_nothing() {
    let mut disk = held(&["desk"]);
    disk.found.settings = Arc::new(Settings::new(3, Vec::new(), Vec::new()));
    disk.look();
    assert!(disk.due.is_empty() && disk.thread().held == 0);
}

/// Something that happens to a conversation.
#[derive(Clone, Debug)]
enum Step {
    Survey(&'static str),
    Says,
    Ask(&'static str, Ask),
    Look,
    Later(i64),
    Messaging(bool),
    Connected(&'static str, bool),
    Default(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || prop_oneof![Just("bot"), Just("desk"), Just("care")];
    let ask = (who(), who(), 0..5_u8).prop_map(|(by, to, which)| match which {
        0 => Step::Ask(by, Ask::Release),
        1 => Step::Ask(by, Ask::Take),
        2 => Step::Ask(by, Ask::Request),
        3 => Step::Ask(by, Ask::Extend { duration: Some(200_000) }),
        _ => Step::Ask(by, Ask::Pass { to: Some(app(to)) }),
    });
    prop_oneof![
        6 => who().prop_map(Step::Survey),
        2 => Just(Step::Says),
        6 => ask,
        2 => Just(Step::Look),
        3 => prop_oneof![Just(HOUR), Just(25 * HOUR), Just(8 * DAY)].prop_map(Step::Later),
        1 => any::<bool>().prop_map(Step::Messaging),
        1 => (who(), any::<bool>()).prop_map(|(who, is)| Step::Connected(who, is)),
        1 => any::<bool>().prop_map(Step::Default),
    ]
}

fn take(disk: &mut Disk, step: &Step) {
    match step {
        Step::Survey(by) => drop(disk.ask(calls(&ann(), by, survey()))),
        Step::Says => drop(disk.ask(says(&ann(), "hello"))),
        Step::Ask(by, ask) => drop(disk.ask(calls(&ann(), by, *ask))),
        Step::Look => disk.look(),
        Step::Later(by) => drop(disk.later(*by)),
        Step::Messaging(is) => disk.settings(|page| page.messaging_enabled = *is),
        Step::Connected(who, is) => disk.settings(|page| {
            let permissions = if *is { vec!["pages_messaging".to_owned()] } else { Vec::new() };
            for known in page.connections.iter_mut().filter(|known| known.app == app(who)) {
                known.tokens.iter_mut().for_each(|token| token.permissions.clone_from(&permissions));
            }
        }),
        Step::Default(is) => disk.settings(|page| page.messenger.default_app = is.then(|| app("bot"))),
    }
    // As the node does: what is due at once because of a change is looked at.
    if matches!(step, Step::Messaging(_) | Step::Connected(..) | Step::Default(_)) {
        disk.look();
    }
}

proptest! {
    #[test]
    fn nothing_that_is_held_back_is_lost_or_sent_twice(steps in vec(step(), 1..40)) {
        let mut disk = Disk::new();
        for step in &steps {
            take(&mut disk, step);
            let thread = disk.thread().clone();
            prop_assert_eq!(usize::from(thread.held), disk.due.len(), "{:?}", step);
            let routing = disk.found.settings.routing(ann().page, ann().surface).unwrap();
            let stands = standing(routing, &thread, disk.found.now);
            // Time alone does nothing; whatever else happens leaves no idle thread holding anything.
            if !matches!(step, Step::Later(_)) && stands.owner.is_none() && routing.messaging_enabled {
                prop_assert!(disk.due.is_empty(), "idle and held after {:?}", step);
            }
            if !matches!(step, Step::Later(_)) && stands.expires_at.is_some() {
                let at = stands.expires_at.unwrap();
                prop_assert!(disk.due.values().all(|due| due.at == at), "due at another time after {:?}", step);
            }
        }
        let sent = disk.sent();
        let mut given = disk.accepted.iter();
        prop_assert!(sent.iter().all(|mid| given.any(|known| known == mid)), "once, in order: {:?}", sent);
        let dropped = disk.control.iter().filter(|row| {
            let via = row.via.as_deref();
            let given_up = matches!(&*row.rule, "HOP-SURVEY-5" | "API-13") || via == Some("HOP-SURVEY-5");
            given_up && row.refused.is_none()
        });
        prop_assert_eq!(disk.accepted.len(), sent.len() + dropped.count() + disk.due.len());
    }
}
