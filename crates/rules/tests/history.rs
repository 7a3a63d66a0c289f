//! Which decisions belong in a thread's history of control.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use baton_rules::build::{Page, app, asks, desk, did, did_by_ad, page, person, thread};
use baton_rules::{Action, Ask, Cause, Decision, Desk, Send, Signal, ThreadControl, Timestamp, What, decide};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn routed() -> Page {
    page().default_app("bot").app("desk").app_with("boss", |boss| boss.take_control = true).ad(
        "sale",
        Some("desk"),
        None,
    )
}

/// What is decided while `desk` owns.
fn decided(action: &Action<'_>) -> Decision {
    let page = routed();
    let owned = thread(&page, Some(("desk", NOW.plus_seconds(3600))), Some(NOW.plus_seconds(-3600)));
    decide(&page, &person("pat"), Some(&owned), action, NOW).unwrap()
}

#[test]
fn a_change_of_owner_belongs_in_the_history() {
    assert!(decided(&asks("desk", Ask::Release)).concerns_control());
    assert!(decided(&asks("boss", Ask::Send(Send::default()))).concerns_control());
    assert!(decided(&desk(Desk::Reply)).concerns_control());
    assert!(decided(&did(What::Postback { creator: Some(app("bot")) })).concerns_control());
}

#[test]
fn an_act_on_control_does_even_if_it_changes_nothing() {
    assert!(decided(&desk(Desk::MoveToMain)).concerns_control());
    assert!(decided(&desk(Desk::Done)).concerns_control());
    let back = ThreadControl::Pass { to: Some(app("desk")) };
    let back = decided(&asks("boss", Ask::Send(Send { control: Some(back), ..Send::default() })));
    assert_eq!(back.from, back.to);
    assert!(back.concerns_control(), "control was taken and came back");
}

#[test]
fn what_is_said_does_not() {
    assert!(!decided(&did(What::Message)).concerns_control());
    assert!(!decided(&did_by_ad(What::Message, "sale")).concerns_control());
    assert!(!decided(&did(What::Signal(Signal::Read))).concerns_control());
    assert!(!decided(&asks("desk", Ask::Send(Send::default()))).concerns_control());
}

#[test]
fn causes_have_names_of_their_own() {
    for (cause, name) in Cause::ALL {
        assert_eq!((cause.name(), Cause::named(name)), (*name, Some(*cause)));
    }
}
