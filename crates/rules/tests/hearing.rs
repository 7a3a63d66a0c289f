//! Why an app is not told of an event: against what is decided, for every mode, kind of event and connection.

use baton_rules::build::{account, app, asks, did, page, person, thread};
use baton_rules::{
    Ask, ConnectedApp, EventKind, Fields, Heard, Profile, Routing, Rule, Send, Signal, Timestamp, Unheard,
    What, decide, unheard,
};

/// A page of each mode, with an app whose connection is as it is said.
fn pages(change: impl Fn(&mut ConnectedApp)) -> Vec<Routing> {
    let of = |page: baton_rules::build::Page| page.app("desk").app_with("care", |app| change(app)).routing();
    vec![
        of(page().app("bot")),
        of(page().primary("bot")),
        of(page().default_app("bot")),
        of(page().default_app("care")),
        of(page().profile(Profile::Page2025).default_app("bot")),
        of(page().profile(Profile::Page2025).app("bot")),
        of(account().default_app("bot")),
        of(account().app("bot")),
    ]
}

/// What people do, with the field that it belongs to.
const DOES: [(What, &str); 8] = [
    (What::Message, "messages"),
    (What::GetStarted { creator: None }, "messaging_postbacks"),
    (What::Referral, "messaging_referrals"),
    (What::Signal(Signal::Read), "message_reads"),
    (What::Signal(Signal::Delivery), "message_deliveries"),
    (What::Signal(Signal::Reaction), "message_reactions"),
    (What::Signal(Signal::Optin), "messaging_optins"),
    (What::Signal(Signal::Edit), "message_edits"),
];

/// Connections: all fields, none, some; with standby and without.
fn connections() -> Vec<(Fields, bool)> {
    let all = Fields::ALL.iter().fold(Fields::NONE, |all, (field, _)| all.with(*field));
    let sets =
        [all, Fields::NONE, Fields::STANDBY, Fields::MESSAGES, Fields::MESSAGE_ECHOES.with(Fields::STANDBY)];
    sets.into_iter().flat_map(|fields| [(fields, true), (fields, false)]).collect()
}

#[test]
fn sb_1_sb_3_whoever_is_not_told_is_told_why_and_nobody_else() {
    let now = Timestamp(1_000_000);
    let mut reasons = std::collections::HashSet::new();
    for (fields, standby) in connections() {
        for page in pages(|app| (app.fields, app.standby) = (fields, standby)) {
            for owner in [None, Some("desk"), Some("care"), Some("inbox")] {
                let thread =
                    thread(&page, owner.map(|owner| (owner, now.plus_seconds(600))), Some(Timestamp(0)));
                for (what, event) in DOES {
                    let Ok(decision) = decide(&page, &person("ada"), Some(&thread), &did(what), now) else {
                        continue;
                    };
                    let said = decision.events.iter().find(|event| event.kind == EventKind::Said).unwrap();
                    let told = said.notices.iter().any(|notice| notice.app == app("care"));
                    let heard = Heard { event, by: None, owner: decision.to };
                    let why = unheard(&page, app("care"), heard);
                    assert_eq!(
                        why == Unheard::NotAnyMore,
                        told,
                        "{event} {:?} {fields:?} {standby} {why:?}",
                        page.mode()
                    );
                    reasons.insert(why);
                }
            }
        }
    }
    assert_eq!(
        reasons.into_iter().filter(|why| matches!(why, Unheard::NotSubscribed(_))).count(),
        DOES.len()
    );
}

#[test]
fn sb_7_echoes_are_explained_as_they_are_told() {
    let now = Timestamp(1_000_000);
    for (fields, standby) in connections() {
        for page in pages(|app| (app.fields, app.standby) = (fields, standby)) {
            let thread = thread(&page, Some(("desk", now.plus_seconds(600))), Some(Timestamp(0)));
            let send = asks("desk", Ask::Send(Send::default()));
            let Ok(decision) = decide(&page, &person("ada"), Some(&thread), &send, now) else { continue };
            let Some(echo) = decision.events.iter().find(|event| event.kind == EventKind::Echo) else {
                continue;
            };
            let told = echo.notices.iter().any(|notice| notice.app == app("care"));
            let event =
                if page.surface == baton_rules::Surface::Messenger { "message_echoes" } else { "messages" };
            let heard = Heard { event, by: Some(app("desk")), owner: decision.to };
            assert_eq!(unheard(&page, app("care"), heard) == Unheard::NotAnyMore, told, "{:?}", page.mode());
        }
    }
}

#[test]
fn each_reason_names_its_row() {
    let page = page().default_app("bot").app_with("care", |app| app.standby = false).routing();
    let heard = |event| Heard { event, by: None, owner: Some(app("bot")) };
    for (event, to, why, rule) in [
        ("messages", "gone", Unheard::NotConnected, None),
        ("messages", "care", Unheard::StandbyOff, Some(Rule("SB-1"))),
        ("message_reactions", "care", Unheard::NotInStandby, Some(Rule("SB-3"))),
        ("pass_thread_control", "care", Unheard::NotConcerned, Some(Rule("WH-9"))),
    ] {
        let found = unheard(&page, app(to), heard(event));
        assert_eq!((found, found.rule()), (why, rule));
    }
}
