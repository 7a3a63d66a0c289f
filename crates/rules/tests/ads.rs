//! AD-6: what is counted for an ad, over the life of a thread.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

use baton_rules::build::{Page, app, asks, desk, did, did_by_ad, page, person};
use baton_rules::{
    Action, AdCount, Ask, Desk, MenuLevel, Send, Signal, Thread, Timestamp, What, decide, standing,
};

const HOUR: i64 = 3600;

/// A page and a thread as they go on.
struct Talk {
    page: Page,
    thread: Option<Thread>,
    now: Timestamp,
}

impl Talk {
    fn on(page: Page) -> Self {
        Self { page, thread: None, now: Timestamp(1_700_000_000_400) }
    }

    /// Hours later, somebody does something that is allowed: `(ad, entries, conversations)` of what is counted.
    fn then(&mut self, hours: i64, action: &Action<'_>) -> Vec<(String, u64, u64)> {
        self.now = self.now.plus_seconds(hours * HOUR);
        let decided = decide(&self.page, &person("pat"), self.thread.as_ref(), action, self.now).unwrap();
        self.thread = Some(decided.thread);
        let told = |AdCount { ad, entries, conversations }: AdCount| (ad.into(), entries, conversations);
        decided.counts.into_iter().map(told).collect()
    }
}

fn nothing() -> Vec<(String, u64, u64)> {
    Vec::new()
}

fn one(ad: &str, entries: u64, conversations: u64) -> Vec<(String, u64, u64)> {
    vec![(ad.to_owned(), entries, conversations)]
}

/// `shop` is the default app, `week` an ad of the desk's for seven days.
fn routed() -> Page {
    let page = page().default_app("shop").app("desk").app("bot");
    let page = page.ad("week", Some("desk"), Some(7)).ad("sale", Some("desk"), None);
    page.ad("own", Some("shop"), None).ad("plain", None, None)
}

fn message() -> Action<'static> {
    did(What::Message)
}

#[test]
fn ad_6_an_entry_with_a_message_is_an_entry_and_a_conversation() {
    let mut talk = Talk::on(routed());
    assert_eq!(talk.then(0, &message()), nothing(), "an organic conversation is no ad's");
    assert_eq!(talk.then(1, &did_by_ad(What::Message, "week")), one("week", 1, 1));
    assert_eq!(talk.then(1, &message()), nothing(), "the conversation goes on");
    assert_eq!(talk.then(1, &did_by_ad(What::Message, "week")), one("week", 1, 0), "an entry into it");
    assert_eq!(talk.then(1, &did_by_ad(What::QuickReply, "sale")), one("sale", 1, 1), "another ad");
}

#[test]
fn ad_6_a_tap_opens_nothing_until_something_is_said() {
    let mut talk = Talk::on(routed());
    assert_eq!(talk.then(0, &did_by_ad(What::Referral, "week")), one("week", 1, 0));
    assert_eq!(talk.then(0, &did(What::Signal(Signal::Read))), nothing());
    assert_eq!(talk.then(1, &asks("desk", Ask::SetMenu { level: MenuLevel::User })), nothing());
    assert_eq!(talk.then(1, &message()), one("week", 0, 1));
    assert_eq!(talk.then(1, &message()), nothing());
}

#[test]
fn ad_6_as_long_as_the_app_has_it_by_the_ad_new_conversations_are_the_ads() {
    let mut talk = Talk::on(routed());
    assert_eq!(talk.then(0, &did_by_ad(What::Message, "week")), one("week", 1, 1));
    assert_eq!(talk.then(30, &message()), one("week", 0, 1), "the window had closed, control had not lapsed");
    assert_eq!(talk.then(23, &message()), nothing(), "the window is open");
    assert_eq!(talk.then(0, &asks("desk", Ask::Send(Send::default()))), nothing());
    assert_eq!(talk.then(24, &message()), one("week", 0, 1));
    assert_eq!(talk.then(7 * 24, &message()), nothing(), "control lapsed");
}

#[test]
fn ad_6_a_pass_or_release_ends_it() {
    let ends = [
        asks("desk", Ask::Pass { to: Some(app("bot")) }),
        asks("desk", Ask::Release),
        desk(Desk::MoveToMain),
    ];
    for action in ends {
        let mut talk = Talk::on(routed());
        assert_eq!(talk.then(0, &did_by_ad(What::Referral, "week")), one("week", 1, 0));
        assert_eq!(talk.then(1, &action), nothing());
        assert_eq!(talk.then(1, &message()), nothing(), "{action:?}");
        assert_eq!(talk.then(30, &message()), nothing(), "{action:?}");
    }
}

#[test]
fn ad_6_control_that_comes_back_by_a_pass_is_not_the_ads() {
    let mut talk = Talk::on(routed());
    talk.then(0, &did_by_ad(What::Message, "week"));
    talk.then(1, &asks("desk", Ask::Pass { to: None }));
    talk.then(1, &asks("shop", Ask::Pass { to: Some(app("desk")) }));
    assert_eq!(talk.then(23, &message()), nothing());
    assert_eq!(talk.then(1, &did_by_ad(What::Message, "week")), one("week", 1, 1), "a new entry counts anew");
}

#[test]
fn ad_6_an_ad_of_the_default_apps_counts_for_a_day_from_the_last_message() {
    let mut talk = Talk::on(routed());
    assert_eq!(talk.then(0, &did_by_ad(What::Message, "own")), one("own", 1, 1));
    assert_eq!(talk.then(1, &did_by_ad(What::Referral, "own")), one("own", 1, 0));
    assert_eq!(talk.then(25, &message()), nothing(), "its control does not lapse, and the ad's day is over");
    assert_eq!(talk.then(1, &did_by_ad(What::Referral, "own")), one("own", 1, 0));
    talk.then(0, &asks("shop", Ask::Release));
    assert_eq!(talk.then(1, &message()), nothing(), "it said that it is done");
}

#[test]
fn ad_6_an_ad_without_a_valid_app_has_entries_and_no_conversations() {
    let mut talk = Talk::on(routed());
    assert_eq!(talk.then(0, &did_by_ad(What::Message, "plain")), one("plain", 1, 0));
    assert_eq!(talk.then(30, &message()), nothing());
    assert_eq!(talk.then(1, &did_by_ad(What::Message, "week")), one("week", 1, 1));
    let both = vec![("plain".to_owned(), 1, 0), ("week".to_owned(), 0, 1)];
    assert_eq!(talk.then(30, &did_by_ad(What::Message, "plain")), both, "the desk has it by the other ad");
}

#[test]
fn ad_6_in_the_handover_protocol_too() {
    let mut talk = Talk::on(page().primary("bot").app("desk").ad("sale", Some("desk"), None));
    assert_eq!(talk.then(0, &did_by_ad(What::Referral, "sale")), one("sale", 1, 0));
    assert_eq!(talk.then(1, &asks("bot", Ask::Take)), nothing());
    assert_eq!(talk.then(1, &message()), nothing());
    assert_eq!(talk.then(1, &did_by_ad(What::Message, "sale")), one("sale", 1, 1));
}

#[test]
fn ad_6_it_ends_with_the_connection() {
    let mut talk = Talk::on(routed());
    talk.then(0, &did_by_ad(What::Referral, "week"));
    let stands = |page: &Page| standing(page, talk.thread.as_ref().unwrap(), talk.now).thread.entered;
    assert!(stands(&talk.page).is_some());
    assert_eq!(stands(&routed().without("desk")), None);
    assert_eq!(stands(&routed().app_with("desk", |desk| desk.connection = 2)), None);
}
