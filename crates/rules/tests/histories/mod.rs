//! Random histories: pages, what happens on them, and how much time passes between.

use baton_rules::build::{self, app, page, person};
use baton_rules::{
    Action, AppId, Ask, Desk, Did, Entry, Fields, MenuLevel, MoveToMain, Profile, Routing, Send, Signal,
    Surface, Tag, ThreadControl, What,
};
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const HOUR: i64 = 60 * 60;
pub(crate) const APPS: [&str; 3] = ["bot", "desk", "care"];

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Somebody acts.
    Act(Action<'static>),
    /// An operator changes the settings.
    Settings(Routing),
    /// Time passes, in milliseconds.
    Wait(i64),
}

/// An app that an action may name: a connected one, the inbox, or one that is nowhere.
fn anybody() -> impl Strategy<Value = AppId> + Clone {
    let inboxes = select(vec![AppId::PAGE_INBOX, AppId::INSTAGRAM_INBOX]);
    prop_oneof![4 => select(vec!["bot", "desk", "care", "gone"]).prop_map(app), 1 => inboxes]
}

fn whats() -> impl Strategy<Value = What> {
    let creator = proptest::option::of(anybody());
    let level = select(vec![MenuLevel::Page, MenuLevel::User]);
    prop_oneof![
        4 => Just(What::Message),
        1 => Just(What::QuickReply),
        2 => creator.clone().prop_map(|creator| What::Postback { creator }),
        1 => (creator.clone(), level, any::<bool>()).prop_map(|(creator, level, url)| What::Menu { creator, level, url }),
        1 => creator.clone().prop_map(|creator| What::GetStarted { creator }),
        1 => creator.prop_map(|creator| What::IceBreaker { creator }),
        1 => Just(What::Referral),
        2 => select(vec![
            Signal::Read,
            Signal::Delivery,
            Signal::Reaction,
            Signal::Optin,
            Signal::Edit,
            Signal::Unsend,
            Signal::AccountLinking,
            Signal::Feedback,
        ])
        .prop_map(What::Signal),
    ]
}

fn entries() -> impl Strategy<Value = Option<Entry<'static>>> {
    prop_oneof![
        6 => Just(None),
        1 => Just(Some(Entry::Organic)),
        2 => select(vec!["spring", "nowhere"]).prop_map(|reference| Some(Entry::Link { reference })),
        3 => select(vec!["sale", "week", "month", "plain", "draft", "theirs"]).prop_map(|id| Some(Entry::Ad { id })),
    ]
}

fn sends() -> impl Strategy<Value = Send> {
    let tag = prop_oneof![3 => Just(None), 2 => Just(Some(Tag::HumanAgent)), 1 => Just(Some(Tag::CustomerFeedback)),
        1 => Just(Some(Tag::Retired))];
    let control = prop_oneof![
        4 => Just(None),
        2 => proptest::option::of(anybody()).prop_map(|to| Some(ThreadControl::Pass { to })),
        1 => Just(Some(ThreadControl::Release)),
        1 => select(vec![Some(ThreadControl::Both), Some(ThreadControl::Unknown)]),
    ];
    (tag, control, any::<bool>()).prop_map(|(tag, control, survey)| Send { tag, control, survey })
}

fn asks() -> impl Strategy<Value = Ask> {
    let duration =
        proptest::option::of(select(vec![-1, 0, 1, 7200, 3 * 24 * HOUR, 7 * 24 * HOUR, 7 * 24 * HOUR + 1]));
    prop_oneof![
        3 => sends().prop_map(Ask::Send),
        2 => proptest::option::of(anybody()).prop_map(|to| Ask::Pass { to }),
        1 => Just(Ask::Take),
        3 => Just(Ask::Request),
        1 => Just(Ask::Release),
        1 => duration.prop_map(|duration| Ask::Extend { duration }),
        1 => anybody().prop_map(|to| Ask::Metadata { to }),
        1 => select(vec![MenuLevel::Page, MenuLevel::User]).prop_map(|level| Ask::SetMenu { level }),
    ]
}

fn actions() -> impl Strategy<Value = Action<'static>> {
    let caller = select(APPS.to_vec()).prop_map(app);
    let desk = prop_oneof![
        2 => Just(Desk::Reply),
        1 => Just(Desk::MoveToMain),
        1 => Just(Desk::Done),
        1 => anybody().prop_map(|to| Desk::Pass { to }),
        1 => anybody().prop_map(|to| Desk::Grant { to }),
    ];
    let metadata = select(vec![None, Some("m")]);
    prop_oneof![
        6 => (whats(), entries()).prop_map(|(what, entry)| Action::Person(Did { what, entry })),
        6 => (caller.clone(), asks(), metadata.clone()).prop_map(|(by, ask, metadata)| Action::App { by, ask, metadata }),
        2 => (desk, metadata).prop_map(|(desk, metadata)| Action::Inbox { desk, metadata }),
        1 => caller.prop_map(|by| Action::Due { by }),
    ]
}

/// Whose rules: the documents' on either surface, or a profile.
fn sides() -> impl Strategy<Value = (Surface, Profile)> {
    let profiles: Vec<_> = Profile::ALL.iter().map(|(profile, surface, _)| (*surface, *profile)).collect();
    let surfaces = [Surface::Messenger, Surface::Instagram].map(|surface| (surface, Profile::Documents));
    prop_oneof![3 => select(surfaces.to_vec()), 2 => select(profiles)]
}

/// A page of three apps, some of them perhaps not connected, or again, or deaf.
pub(crate) fn pages() -> impl Strategy<Value = Routing> {
    let leader = proptest::option::of(select(vec!["bot", "desk", "inbox"]));
    let app = (0..4u32, any::<u16>(), any::<bool>(), any::<bool>(), any::<bool>());
    let apps = [app.clone(), app.clone(), app];
    (sides(), leader.clone(), leader.clone(), leader, apps, any::<bool>(), 0..20u8, 1..=7u8).prop_map(
        |((surface, profile), default, primary, organic, apps, request, off, window)| {
            let blank = if surface == Surface::Messenger { page() } else { build::account() };
            let mut built = blank.profile(profile);
            for (role, (connection, deaf, standby, take_control, human_agent)) in APPS.into_iter().zip(apps) {
                if connection == 0 {
                    continue;
                }
                built = built.app_with(role, |app| {
                    app.connection = connection / 2;
                    app.standby = standby;
                    app.take_control = take_control;
                    app.human_agent = human_agent;
                    // Most apps have all fields, some lack a few.
                    if deaf % 4 == 0 {
                        let kept = Fields::ALL.iter().enumerate().filter(|(bit, _)| deaf >> bit & 1 == 1);
                        app.fields = kept.fold(Fields::NONE, |all, (_, (field, _))| all.with(*field));
                    }
                });
            }
            let ads = built
                .link("spring", "desk")
                .ad("sale", Some("desk"), None)
                .ad("week", Some("care"), Some(7))
                .ad("month", Some("care"), Some(30))
                .ad("plain", None, None)
                .ad_with("draft", |ad| ad.published = false)
                .ad_with("theirs", |ad| ad.audience = vec![person("sam")]);
            let mut routing = ads.routing();
            let id = |role: &str| if role == "inbox" { surface.inbox() } else { build::app(role) };
            routing.default = default.map(id);
            routing.primary = primary.filter(|role| *role != "inbox").map(build::app);
            routing.organic = organic.map(id);
            routing.messaging_enabled = off > 0;
            routing.ad_window_days = window;
            if request {
                routing.inbox_move_to_main = MoveToMain::Request;
            }
            routing
        },
    )
}

/// Something that happens.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let wait = select(vec![
        1,
        999,
        1000,
        60_000,
        HOUR * 1000,
        23 * HOUR * 1000,
        24 * HOUR * 1000 - 1,
        24 * HOUR * 1000,
    ]);
    prop_oneof![
        12 => actions().prop_map(Step::Act),
        4 => wait.prop_map(Step::Wait),
        1 => (1..8 * 24 * HOUR * 1000).prop_map(Step::Wait),
        1 => pages().prop_map(Step::Settings),
    ]
}
