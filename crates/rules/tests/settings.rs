//! What follows from settings alone, before anybody does anything.

use baton_rules::build::{Page, account, app, asks, name, page, person};
use baton_rules::{
    Action, AppId, Ask, Edge, Fields, Grant, Lack, Mode, PersonId, Profile, Refusal, Send, Surface, Thread,
    Timestamp, decide, lacks, resettled, standing,
};

#[test]
fn mode_1_follows_from_settings() {
    let modes = [
        (page(), Mode::HandoverOpen),
        (page().app("bot"), Mode::HandoverOpen),
        (page().primary("bot"), Mode::HandoverPrimary),
        (page().default_app("bot"), Mode::MessengerRouting),
        (page().default_app("inbox"), Mode::MessengerRouting),
        (page().profile(Profile::Page2025).app("bot"), Mode::MessengerZeroConfig),
        (page().profile(Profile::Page2025).default_app("bot"), Mode::MessengerRouting2025),
        (account().app("bot"), Mode::ZeroConfig),
        (account().default_app("bot"), Mode::InstagramRouting),
        (account().default_app("inbox"), Mode::InstagramRouting),
        (account().profile(Profile::Page2026).app("bot"), Mode::ZeroConfig),
        (account().profile(Profile::Page2026).default_app("bot"), Mode::InstagramRouting),
        (account().profile(Profile::Legacy).app("bot"), Mode::HandoverOpen),
        (account().profile(Profile::Legacy).primary("bot"), Mode::HandoverPrimary),
    ];
    for (page, mode) in &modes {
        assert_eq!(page.mode(), *mode, "MODE-1: {page:?}");
    }
    for mode in Mode::ALL {
        assert!(modes.iter().any(|(_, shown)| shown == mode), "MODE-1: {}", mode.name());
    }
}

#[test]
fn mode_1_a_profile_of_the_other_surface_counts_as_unset() {
    let other = |page: Page, profile| page.profile(profile).default_app("bot").mode();
    for profile in [Profile::Page2026, Profile::Legacy] {
        assert_eq!(other(page(), profile), Mode::MessengerRouting, "MODE-1: {profile:?}");
    }
    assert_eq!(other(account(), Profile::Page2025), Mode::InstagramRouting, "MODE-1");
    assert_eq!(Profile::named(Surface::Messenger, "2025"), Some(Profile::Page2025));
    for (surface, name) in
        [(Surface::Instagram, "2025"), (Surface::Messenger, "legacy"), (Surface::Instagram, "")]
    {
        assert_eq!(Profile::named(surface, name), None, "MODE-1: {name:?}");
    }
}

#[test]
fn mode_4_set_5_an_app_that_is_not_connected_counts_as_unset() {
    let unset = page().primary("bot").without("bot");
    assert_eq!(unset.mode(), Mode::HandoverOpen, "MODE-4: the primary receiver is gone");
    let unset = page().default_app("bot").without("bot");
    assert_eq!(unset.mode(), Mode::HandoverOpen, "MODE-4: the default app is gone");
    let linked = page().default_app("bot").app("desk").link("spring", "desk").without("desk");
    let action = baton_rules::build::did_by_link(baton_rules::What::Message, "spring");
    let decided = decide(&linked, &person("pat"), None, &action, Timestamp(0)).unwrap();
    assert_eq!((decided.rule.0, decided.to), ("MCR-LINK-3", Some(app("bot"))), "SET-5: a route to nobody");
}

#[test]
fn wh_2_fields_have_the_documents_names() {
    assert_eq!(Fields::named("messaging_handover"), Some(Fields::MESSAGING_HANDOVERS), "WH-2");
    assert_eq!(Fields::named("messaging_referral"), Some(Fields::MESSAGING_REFERRALS), "WH-2");
    assert_eq!(Fields::named("messaging_seen"), Some(Fields::MESSAGE_READS), "SB-3: Instagram's name");
    assert_eq!(Fields::named("message_edit"), Some(Fields::MESSAGE_EDITS), "Instagram's name");
    assert_eq!(Fields::named("nothing"), None, "WH-2");
    for (field, name) in Fields::ALL {
        assert_eq!(Fields::named(name), Some(*field), "WH-2: {name}");
    }
}

#[test]
fn every_refusal_has_its_own_name() {
    let names: std::collections::BTreeSet<&str> = Refusal::ALL.iter().map(|(why, _)| why.id()).collect();
    assert_eq!(names.len(), Refusal::ALL.len());
}

#[test]
fn api_13_an_app_that_is_not_connected_asks_in_vain() {
    let (empty, now) = (page(), Timestamp(0));
    let thread = Thread::default();
    assert_eq!(standing(&empty, &thread, now).owner, None);
    let refused = decide(&empty, &person("pat"), Some(&thread), &asks("bot", Ask::Take), now).unwrap_err();
    assert_eq!((refused.rule.0, refused.why), ("API-13", Refusal::Permission));
}

#[test]
fn api_14_an_app_that_is_not_live_sends_to_its_testers_only() {
    let page = page().app_with("bot", |bot| bot.testers = Some(vec![person("tess")]));
    let (thread, now) = (Thread { window_closes: Some(Timestamp(1)), ..Thread::default() }, Timestamp(0));
    let send = asks("bot", Ask::Send(Send::default()));
    let of = |name: &str, action: &Action<'_>| decide(&page, &person(name), Some(&thread), action, now);
    assert!(of("tess", &send).is_ok());
    let refused = of("pat", &send).unwrap_err();
    assert_eq!((refused.rule.0, refused.why), ("API-14", Refusal::NotLive));
    assert!(of("pat", &asks("bot", Ask::Request)).is_ok(), "it is about what is sent");
}

/// API-12: which task each call needs, with the Handover Protocol, with Conversation Routing on Messenger, elsewhere.
#[test]
fn api_12_a_call_needs_the_task_of_its_mode() {
    let (moderate, manage) = (Some("MODERATE"), Some("MANAGE"));
    let table = [
        (Edge::Messages, [None, None, None]),
        (Edge::Other, [None, None, None]),
        (Edge::ThreadControl, [None, manage, manage]),
        (Edge::Pass, [moderate, manage, manage]),
        (Edge::Release, [moderate, manage, manage]),
        (Edge::Owner, [moderate, manage, manage]),
        (Edge::Take, [moderate, None, manage]),
        (Edge::Request, [moderate, None, manage]),
        (Edge::Extend, [moderate, None, manage]),
        (Edge::Metadata, [moderate, None, None]),
        (Edge::Secondaries, [moderate, None, None]),
    ];
    let permissions = [String::from("pages_messaging")];
    for (edge, wanted) in table {
        for (mode, task) in
            [Mode::HandoverOpen, Mode::MessengerRouting, Mode::ZeroConfig].into_iter().zip(wanted)
        {
            let by = |tasks: &[String]| lacks((mode, Surface::Messenger), edge, &permissions, tasks);
            assert_eq!(by(&[]), task.map(Lack::Task), "{edge:?} in {mode:?}");
            assert_eq!(by(&[task.unwrap_or_default().to_owned()]), None, "{edge:?} in {mode:?}");
        }
    }
}

#[test]
fn api_13_a_token_needs_the_permission_of_its_surface() {
    let held = [String::from("pages_messaging")];
    let on = |surface| lacks((Mode::ZeroConfig, surface), Edge::Other, &held, &[]);
    assert_eq!(on(Surface::Messenger), None);
    assert_eq!(on(Surface::Instagram), Some(Lack::Permission("instagram_manage_messages")));
}

#[test]
fn ids_are_checked_where_they_enter() {
    for wrong in ["", "0", "007", "-1", "1.5", "9007199254740992", "12a", " 1"] {
        assert!(wrong.parse::<AppId>().is_err(), "{wrong:?} is no app id");
    }
    assert_eq!("9007199254740991".parse::<AppId>().unwrap().number(), 9_007_199_254_740_991);
    for wrong in ["", "a b", "é", &"x".repeat(65)] {
        assert!(wrong.parse::<PersonId>().is_err(), "{wrong:?} is no person id");
    }
    assert_eq!(Surface::Messenger.inbox(), AppId::PAGE_INBOX);
    assert_eq!(Surface::Instagram.inbox(), AppId::INSTAGRAM_INBOX);
}

#[test]
fn role_names_and_ids_are_the_same_thing() {
    for role in ["a", "z", "bot", "zzzzzzzzzz", "inbox"] {
        assert_eq!(name(app(role)), role);
        assert!(
            role == "inbox" || app(role).to_string().len() <= 15,
            "{role}: too long for deployed clients"
        );
    }
    assert_eq!(name("270".parse().unwrap()), "270", "no letter has the digit 0");
}

#[test]
fn mode_3_mode_4_mode_5_a_change_of_settings_says_who_has_control_then() {
    let free = Thread::default();
    let grant = |name: &str| Grant { app: app(name), connection: 1, until: Timestamp(9_000) };
    let held = |name: &str| Thread { control: Some(grant(name)), ..Thread::default() };
    let routed = |name: &str| page().app("bot").app("desk").default_app(name);
    let open = page().app("bot").app("desk");
    let cases = [
        ("MODE-3", open.clone(), routed("bot"), free.clone(), None, Some("bot")),
        ("MODE-3", routed("bot"), open.clone(), free.clone(), Some("bot"), None),
        ("MODE-5", routed("bot"), routed("desk"), free.clone(), Some("bot"), Some("desk")),
        ("MODE-4", routed("bot"), routed("bot").without("desk"), held("desk"), Some("desk"), Some("bot")),
        ("MODE-4", open.clone(), open.clone().without("desk"), held("desk"), Some("desk"), None),
        ("MODE-4", routed("bot"), open.clone().without("bot"), free.clone(), Some("bot"), None),
        // Nothing moves.
        ("MODE-5", routed("bot"), routed("bot").app("care"), free, None, None),
        ("MODE-3", open, routed("bot"), held("desk"), None, None),
        (
            "MODE-5",
            routed("bot"),
            page().app("bot").app("desk").default_app("care"),
            held("desk"),
            None,
            None,
        ),
    ];
    for (rule, before, after, thread, from, to) in cases {
        let said = resettled(&before, &after, &thread, Timestamp(1_000));
        let moved = said.map(|moved| (moved.rule.0, moved.from, moved.to));
        let expected = (from != to).then(|| (rule, from.map(app), to.map(app)));
        assert_eq!(moved, expected, "{rule}: {before:?} becomes {after:?}");
    }
}
