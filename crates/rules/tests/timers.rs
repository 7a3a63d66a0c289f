//! Timers as policy: TIMER-1 to TIMER-3, and that nothing of them is there unless settings say so.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of a test may unwrap like the test")]

use baton_rules::build::{Page, account, app, asks, desk, did, page, person};
use baton_rules::{
    Action, Ask, Cause, Decision, Desk, EventKind, Granted, Metadata, Mode, MoveToMain, Profile, Refused,
    Routing, Send, Thread, Timestamp, What, decide, standing,
};

const START: Timestamp = Timestamp(1_700_000_000_000);
const MINUTE: i64 = 60;

fn at(minutes: i64) -> Timestamp {
    START.plus_seconds(minutes * MINUTE)
}

/// A page in each mode where one has to answer within 15 minutes, and `desk` is granted what `bot` has.
fn pages() -> Vec<Routing> {
    let new = || page().profile(Profile::Page2025);
    let all = vec![
        page().primary("boss"),
        page().app("boss"),
        page().default_app("boss"),
        account().default_app("boss"),
        account().app("boss"),
        new().default_app("boss"),
        new().app("boss"),
    ];
    all.into_iter().map(|page| timed(page.app("bot").app("desk").app("care"))).collect()
}

fn timed(page: Page) -> Routing {
    let granted = vec![Granted { from: app("bot"), to: app("desk") }];
    Routing { answer_within: Some(15 * MINUTE), granted, ..page.routing() }
}

fn done(
    page: &Routing,
    thread: Option<&Thread>,
    action: &Action<'_>,
    now: Timestamp,
) -> Result<Decision, Refused> {
    decide(page, &person("pat"), thread, action, now)
}

/// A thread that `owner` was given control of at the start, and has answered in.
fn given(page: &Routing, owner: &str) -> Thread {
    let heard = done(page, None, &did(What::Message), START).unwrap().thread;
    let first = ["boss", "bot", "desk", "care"].into_iter().find_map(|by| {
        let pass = asks(by, Ask::Pass { to: Some(app(owner)) });
        done(page, Some(&heard), &pass, START).ok().filter(|pass| pass.to == Some(app(owner)))
    });
    first.unwrap_or_else(|| panic!("nobody passes in {:?}", page.mode())).thread
}

fn says(by: &'static str) -> Action<'static> {
    asks(by, Ask::Send(Send::default()))
}

#[test]
fn timer_1_an_owner_that_does_not_answer_loses_control_at_that_moment() {
    for page in pages() {
        let mode = page.mode();
        let thread = given(&page, "bot");
        assert_eq!(standing(&page, &thread, at(14)).expires_at, Some(at(15)), "{mode:?}");
        let after = standing(&page, &thread, at(200));
        let lapse = after.lapse.unwrap();
        assert_eq!((lapse.rule.0, lapse.from, lapse.at), ("TIMER-1", app("bot"), at(15)), "{mode:?}");
        let leads = (mode == Mode::MessengerRouting).then(|| app("boss"));
        assert_eq!((after.owner, after.expires_at), (leads, None), "{mode:?}");
        // Its expiration is the end where that comes first.
        let mut short = thread.clone();
        short.control.as_mut().unwrap().until = at(3);
        let lapse = standing(&page, &short, at(200)).lapse.unwrap();
        assert!(lapse.rule.0 != "TIMER-1" && lapse.at == at(3), "{mode:?}");
    }
}

#[test]
fn timer_2_the_time_begins_with_control_and_with_what_is_not_answered() {
    for page in pages() {
        let thread = given(&page, "bot");
        assert_eq!(thread.answer_by, Some(at(15)));
        // What the person says meanwhile prolongs nothing; an answer ends it; what they say then begins it again.
        let more = done(&page, Some(&thread), &did(What::Message), at(5)).unwrap();
        assert_eq!(
            (more.thread.answer_by, more.expires_at),
            (Some(at(15)), Some(at(15))),
            "{:?}",
            page.mode()
        );
        let answered = done(&page, Some(&more.thread), &says("bot"), at(6)).unwrap();
        assert_eq!(answered.thread.answer_by, None);
        let until = answered.thread.control.unwrap().until;
        assert_eq!(answered.expires_at, Some(until), "and its own time is what it was: {:?}", page.mode());
        assert!(until > at(60));
        let again = done(&page, Some(&answered.thread), &did(What::Message), at(20)).unwrap();
        assert_eq!(again.thread.answer_by, Some(at(35)));
        // What ends control ends the time with it.
        if let Ok(other) = done(&page, Some(&again.thread), &desk(Desk::Done), at(21)) {
            assert_eq!(other.thread.control.is_some(), other.thread.answer_by.is_some(), "{:?}", page.mode());
        }
    }
}

#[test]
fn timer_2_other_settings_date_nothing_before_what_was_decided() {
    for page in pages() {
        let thread = given(&page, "bot");
        let untimed = Routing { answer_within: None, ..page.clone() };
        assert_eq!(standing(&untimed, &thread, at(20)).lapse.unwrap().at, at(15));
        let more = done(&untimed, Some(&thread), &did(What::Message), at(5)).unwrap().thread;
        assert_eq!((more.answer_by, standing(&untimed, &more, at(20)).lapse), (None, None));
    }
}

#[test]
fn timer_3_a_request_is_granted_at_once_between_the_apps_that_are_named() {
    for page in pages() {
        let thread = given(&page, "bot");
        let plain = Routing { granted: Vec::new(), ..page.clone() };
        let request = asks("desk", Ask::Request);
        let granted = done(&page, Some(&thread), &request, at(1));
        let (asked, granted) = match (done(&plain, Some(&thread), &request, at(1)), granted) {
            (Ok(asked), Ok(granted)) => (asked, granted),
            (asked, granted) => {
                assert_eq!(asked.unwrap_err(), granted.unwrap_err(), "{:?} has no requests", page.mode());
                continue;
            }
        };
        assert_eq!((asked.to, granted.to), (Some(app("bot")), Some(app("desk"))), "{:?}", page.mode());
        assert_eq!((granted.rule.0, granted.via), ("TIMER-3", asked.via.or(Some(asked.rule))));
        assert_eq!(granted.cause, Cause::Request);
        assert_eq!(
            (granted.expires_at, granted.thread.requests.len()),
            (Some(at(16)), 0),
            "it has to answer too"
        );
        let kinds: Vec<EventKind> = granted.events.iter().map(|event| event.kind).collect();
        assert!(
            matches!(kinds[..], [EventKind::Requested { .. }, EventKind::Passed { from: Some(from), to, .. }]
            if from == app("bot") && to == app("desk")),
            "{kinds:?}"
        );
        assert!(matches!(kinds[1], EventKind::Passed { metadata: Metadata::Given, .. }), "with what it said");
        // Nobody else's, and not the other way round.
        let care = done(&page, Some(&thread), &asks("care", Ask::Request), at(1)).unwrap();
        assert_eq!(care.to, Some(app("bot")));
        let of_desk = given(&page, "desk");
        assert_eq!(
            done(&page, Some(&of_desk), &asks("bot", Ask::Request), at(1)).unwrap().to,
            Some(app("desk"))
        );
    }
}

#[test]
fn timer_3_the_inbox_is_granted_what_it_asks_for() {
    let inbox = app("inbox");
    let granted = vec![Granted { from: app("bot"), to: inbox }];
    let page = page().primary("boss").app("bot").routing();
    let page = Routing { granted, inbox_move_to_main: MoveToMain::Request, ..page };
    let thread = given(&page, "bot");
    let moved = done(&page, Some(&thread), &desk(Desk::MoveToMain), at(1)).unwrap();
    assert_eq!((moved.rule.0, moved.to), ("TIMER-3", Some(inbox)));
}
