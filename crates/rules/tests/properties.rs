//! What holds for every history, whatever the settings and whoever acts: found by playing random ones.
//! `PROPTEST_CASES=10000 cargo test -p baton-rules --test properties` looks harder.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may unwrap like the test")]

mod histories;

use std::collections::BTreeSet;

use baton_rules::build::{app, name, person};
use baton_rules::{
    Action, AppId, Ask, Channel, Decision, Did, Entry, EventKind, Fields, Folder, Form, MenuLevel, Mode,
    Notice, Profile, Refusal, Routing, Send, Signal, Standing, Surface, Survey, Tag, Thread, Timestamp, What,
    decide, standing, thread_owner,
};
use proptest::prelude::*;

use histories::{APPS, HOUR, Step, pages, step};

/// As many histories as fit into a few seconds.
fn config() -> ProptestConfig {
    let chosen = std::env::var_os("PROPTEST_CASES").is_some();
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if chosen { default } else { ProptestConfig { cases: 3000, ..default } }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_history(page in pages(), steps in proptest::collection::vec(step(), 1..40)) {
        let (mut page, mut thread, mut now) = (page, None::<Thread>, Timestamp(1_700_000_000_123));
        for step in steps {
            match step {
                Step::Wait(milliseconds) => now = Timestamp(now.0 + milliseconds),
                Step::Settings(changed) => page = changed,
                Step::Act(action) => thread = act(&page, thread, &action, now),
            }
            stands(&page, &thread.clone().unwrap_or_default(), now);
        }
    }
}

/// Who owns what nobody was given.
fn fallback(page: &Routing) -> Option<AppId> {
    if page.mode() == Mode::MessengerRouting { page.default_app() } else { None }
}

/// What holds for a thread whenever it is looked at.
fn stands(page: &Routing, thread: &Thread, now: Timestamp) {
    let stands = standing(page, thread, now);
    if page.mode() == Mode::MessengerRouting {
        assert!(stands.owner.is_some(), "MCR: a thread always has an owner");
    }
    match (stands.owner, stands.expires_at) {
        (Some(owner), Some(until)) => {
            assert!(page.reaches(owner), "MODE-4: {} owns and is not connected", name(owner));
            assert!(now < until, "CLK: control that has lapsed is still shown");
            assert_eq!(until, until.whole_second(), "CLK-8");
            assert_ne!(fallback(page), Some(owner), "CLK-7: the default app's control does not lapse");
            lapses(page, thread, owner, until);
        }
        (Some(owner), None) => {
            assert_eq!(fallback(page), Some(owner), "only the default app of MCR owns without end");
        }
        (None, None) => {}
        (None, Some(_)) => panic!("nobody owns, until a moment"),
    }
    waiting(page, &stands);
    // Who asks sees no more than the rules allow, and never a wrong owner.
    for role in APPS {
        let seen = thread_owner(page, thread, app(role), now).element.and_then(|seen| seen.app);
        assert!(seen.is_none() || seen == stands.owner, "OWN: {role} sees {seen:?}");
        assert!(
            seen.is_some() || stands.owner != Some(app(role)),
            "OWN-1, OWN-4, OWN-5, OWN-7: {role} owns and is not told"
        );
    }
}

/// Control lapses exactly at its expiration.
fn lapses(page: &Routing, thread: &Thread, owner: AppId, until: Timestamp) {
    let before = standing(page, thread, Timestamp(until.0 - 1));
    assert_eq!((before.owner, before.lapse), (Some(owner), None), "lapsed before its time");
    let after = standing(page, thread, until);
    assert_eq!(after.owner, fallback(page), "the EXP rules: still owns at its expiration");
    let lapse = after.lapse.unwrap();
    assert_eq!((lapse.from, lapse.to, lapse.at), (owner, fallback(page), until));
}

fn waiting(page: &Routing, stands: &Standing) {
    let apps: Vec<AppId> = stands.thread.requests.iter().map(|waiting| waiting.app).collect();
    let once: BTreeSet<AppId> = apps.iter().copied().collect();
    assert_eq!(once.len(), apps.len(), "Q-1: an app waits twice: {apps:?}");
    assert!(apps.is_empty() || stands.owner.is_some(), "Q-4: apps wait for an idle thread");
    assert!(apps.iter().all(|app| Some(*app) != stands.owner), "Q-3: the owner waits");
    assert!(apps.iter().all(|app| page.app(*app).is_some()), "Q-3: an app that is not connected waits");
    let refused = matches!(page.mode(), Mode::MessengerRouting | Mode::MessengerRouting2025);
    assert!(apps.is_empty() || !refused, "Q-2: apps wait where no request is accepted");
}

/// Plays one action and checks the decision; the thread as it is to be remembered.
fn act(page: &Routing, thread: Option<Thread>, action: &Action<'_>, now: Timestamp) -> Option<Thread> {
    let pat = person("pat");
    let decided = decide(page, &pat, thread.as_ref(), action, now);
    let again = decide(page, &pat, thread.as_ref(), action, now);
    assert_eq!(decided, again, "the same question has one answer");
    as_on_instagram(page, thread.as_ref(), action, now);
    match decided {
        Err(refused) => {
            assert!(!refused.rule.0.is_empty() && !refused.why.id().is_empty());
            assert_eq!(refused.by.is_none(), matches!(action, Action::Person(_)));
            // API-7: there is no thread in the answer, so what is remembered is what was remembered.
            thread
        }
        Ok(decision) => {
            let before = standing(page, &thread.unwrap_or_default(), now);
            consistent(page, &before, &decision, now);
            if let Action::App { by, .. } = action {
                assert!(page.app(*by).is_some(), "API-13: {} is not connected and was heard", name(*by));
            }
            entitled(page, &before, action, &decision);
            timely(&before, action, &decision);
            heard(page, action, &decision);
            counted(action, &decision);
            Some(decision.thread)
        }
    }
}

/// AD-6: every entry counts once, and a conversation only for the ad by which the owner has the thread.
fn counted(action: &Action<'_>, decision: &Decision) {
    let entry = match action {
        Action::Person(Did { what, entry: Some(Entry::Ad { id }) }) if what.is_user_message() => Some(*id),
        Action::Person(_) | Action::App { .. } | Action::Inbox { .. } | Action::Due { .. } => None,
    };
    let entries = decision.counts.iter().filter(|count| count.entries > 0).map(|count| &*count.ad);
    assert_eq!(entries.collect::<Vec<_>>(), Vec::from_iter(entry), "AD-6: {decision:?}");
    let entered = decision.thread.entered.as_ref();
    assert!(entered.is_none_or(|entered| Some(entered.app) == decision.to), "AD-6: the ad's app has lost it");
    for count in &decision.counts {
        assert!(count.entries <= 1 && count.conversations <= 1, "AD-6: counted twice: {count:?}");
        let by_it = entered.is_some_and(|entered| entered.ad == count.ad && entered.opened);
        assert!(count.conversations == 0 || by_it, "AD-6: not the ad's conversation: {decision:?}");
        assert!(matches!(action, Action::Person(_)), "AD-6: only people open conversations");
    }
}

/// The same settings and thread on the other surface, by the documents: what M25-1 and ZCM-1 refer to. None where
/// an inbox takes part, since each surface has its own.
fn twin(page: &Routing, thread: Option<&Thread>, action: &Action<'_>) -> Option<(Routing, Option<Thread>)> {
    let owner = thread.and_then(|thread| thread.control).map(|grant| grant.app);
    let named = format!("{action:?}");
    let inboxes = [AppId::PAGE_INBOX, AppId::INSTAGRAM_INBOX];
    let partakes = |app: &AppId| {
        [page.default, page.organic, owner].contains(&Some(*app)) || named.contains(&format!("{app:?}"))
    };
    if matches!(action, Action::Inbox { .. }) || inboxes.iter().any(partakes) {
        return None;
    }
    let twin =
        Routing { surface: Surface::Instagram, profile: Profile::Documents, ad_max_days: 7, ..page.clone() };
    let mode = twin.mode();
    let thread = thread.cloned().map(|thread| Thread { mode: Some(mode), ..thread });
    Some((twin, thread))
}

/// M25-1, ZCM-1: Messenger by the page of 2025 does as Instagram does, but for what section 5.5 names.
fn as_on_instagram(page: &Routing, thread: Option<&Thread>, action: &Action<'_>, now: Timestamp) {
    if !matches!(page.mode(), Mode::MessengerRouting2025 | Mode::MessengerZeroConfig) {
        return;
    }
    let named = match action {
        Action::Person(did) => {
            // M25-4; and a message taken back is of another field.
            let started = matches!(did.what, What::GetStarted { .. }) && page.default_app().is_some();
            started || did.what == What::Signal(Signal::Unsend)
        }
        // M25-3, M25-6.
        Action::App { ask: Ask::Request, .. } => page.default_app().is_some(),
        Action::App { ask: Ask::SetMenu { level: MenuLevel::User }, .. } => true,
        Action::App { .. } | Action::Inbox { .. } | Action::Due { .. } => false,
    };
    let Some((other, its_thread)) = twin(page, thread, action).filter(|_| !named) else { return };
    let pat = person("pat");
    let here = decide(page, &pat, thread, action, now);
    let there = decide(&other, &pat, its_thread.as_ref(), action, now);
    match (here, there) {
        (Ok(here), Ok(there)) => {
            let told = |decision: &Decision| {
                let kinds = decision.events.iter().map(|event| event.kind);
                (decision.to, decision.expires_at, decision.thread.length_days, kinds.collect::<Vec<_>>())
            };
            assert_eq!(told(&here), told(&there), "M25-1, ZCM-1: {action:?}");
            for (here, there) in here.events.iter().zip(&there.events) {
                // SB-7: echoes are of another field on Instagram.
                let bare = |n: &Notice| (n.app, n.channel, n.form);
                let same = here.notices.iter().map(bare).eq(there.notices.iter().map(bare));
                assert!(same || here.kind == EventKind::Echo, "M25-1, ZCM-1: {here:?} {there:?}");
            }
        }
        (Err(here), Err(there)) if there.why == Refusal::NotThreadOwner => {
            let messengers = [
                Refusal::SendOther,
                Refusal::PassNotOwner,
                Refusal::ReleaseNotOwner,
                Refusal::ExtendNotOwner,
            ];
            assert!(messengers.contains(&here.why), "M25-1: {here:?}");
        }
        (Err(here), Err(there)) => assert_eq!(here.why, there.why, "M25-1, ZCM-1: {action:?}"),
        (here, there) => panic!("M25-1, ZCM-1: {action:?}: {here:?} {there:?}"),
    }
}

/// What the decision says of the thread is what the remembered thread says.
fn consistent(page: &Routing, before: &Standing, decision: &Decision, now: Timestamp) {
    let after = standing(page, &decision.thread, now);
    assert_eq!(decision.from, before.owner);
    assert_eq!(decision.lapse, before.lapse, "a lapse is told once, by the next decision");
    assert_eq!((decision.to, decision.expires_at), (after.owner, after.expires_at));
    assert_eq!(after.lapse, None, "a lapse is told once");
    assert_eq!(after.thread, decision.thread, "what is remembered needs no tidying");
    assert!(!decision.events.is_empty(), "everything decided has an event");
    if decision.from != decision.to && decision.to.is_some() && decision.expires_at.is_some() {
        let day = now.plus_seconds(24 * HOUR).whole_second();
        let ad = decision.thread.length_days > 1;
        assert!(ad || decision.expires_at == Some(day), "CLK-4: a new owner has a day: {decision:?}");
    }
}

/// Nobody moves control without the right to.
fn entitled(page: &Routing, before: &Standing, action: &Action<'_>, decision: &Decision) {
    let Action::App { by, ask, .. } = action else { return };
    if decision.from == decision.to {
        return;
    }
    let connection = page.app(*by);
    let owns = before.owner == Some(*by);
    let (idle, permitted) = (before.owner.is_none(), connection.is_some_and(|app| app.take_control));
    let allowed = match page.mode() {
        Mode::MessengerRouting => owns || permitted,
        Mode::InstagramRouting | Mode::MessengerRouting2025 => match ask {
            // S0 Idle: only the default app sends; anybody may pass or ask, and with the permission take.
            Ask::Send(_) if idle => page.default_app() == Some(*by),
            Ask::Take => permitted,
            _ => owns || idle || permitted,
        },
        Mode::ZeroConfig | Mode::MessengerZeroConfig => {
            owns || (idle && matches!(ask, Ask::Pass { .. } | Ask::Request))
        }
        Mode::HandoverPrimary | Mode::HandoverOpen => {
            let leads = page.primary_receiver() == Some(*by) && *ask == Ask::Take;
            let agent = matches!(ask, Ask::Send(send) if send.tag == Some(Tag::HumanAgent));
            owns || idle || leads || (agent && connection.is_some_and(|app| app.human_agent))
        }
    };
    assert!(allowed, "{} moved control by {ask:?}: {decision:?}", name(*by));
}

/// CLK-1 to CLK-3: who keeps control keeps its time.
fn timely(before: &Standing, action: &Action<'_>, decision: &Decision) {
    let kept = decision.from == decision.to;
    match action {
        Action::Person(did) => {
            if kept {
                assert!(decision.expires_at >= before.expires_at, "CLK-3: a person shortened control");
            }
            if did.what.is_user_message() {
                assert_ne!(decision.thread.folder, Folder::Done, "FOLD-4");
            } else {
                assert!(
                    kept && decision.expires_at == before.expires_at,
                    "what is no user message moves nothing"
                );
            }
        }
        Action::App { ask, .. } => {
            let shortens = matches!(ask, Ask::Extend { .. } | Ask::Send(Send { control: Some(_), .. }));
            assert!(!kept || shortens || decision.expires_at >= before.expires_at, "CLK-4: {decision:?}");
        }
        Action::Inbox { .. } | Action::Due { .. } => {
            assert!(!kept || decision.expires_at >= before.expires_at, "CLK-4: {decision:?}");
        }
    }
}

/// Who hears what.
fn heard(page: &Routing, action: &Action<'_>, decision: &Decision) {
    for event in &decision.events {
        let apps: BTreeSet<AppId> = event.notices.iter().map(|notice| notice.app).collect();
        assert_eq!(apps.len(), event.notices.len(), "an app hears an event twice: {event:?}");
        let standby: Vec<&Notice> =
            event.notices.iter().filter(|notice| notice.channel == Channel::Standby).collect();
        for notice in &event.notices {
            assert!(page.app(notice.app).is_some(), "{} hears and is not connected", name(notice.app));
        }
        for notice in standby {
            let app = page.app(notice.app).unwrap();
            assert!(
                app.standby && app.fields.has(Fields::STANDBY),
                "SB-1: {} has no standby",
                name(notice.app)
            );
            assert!(
                decision.to != Some(notice.app) || event.kind == EventKind::Echo,
                "SB-1: the owner is in standby"
            );
        }
        match event.kind {
            EventKind::Said => {
                said(page, action, decision, &event.notices.iter().copied().collect::<Vec<_>>());
            }
            EventKind::Echo => {
                let field = match page.surface {
                    Surface::Messenger => Fields::MESSAGE_ECHOES,
                    Surface::Instagram => Fields::MESSAGES,
                };
                let hears = |n: &Notice| page.app(n.app).unwrap().fields.has(field);
                assert!(event.notices.iter().all(hears), "SB-7");
            }
            EventKind::Passed { .. }
            | EventKind::Taken { .. }
            | EventKind::Requested { .. }
            | EventKind::Metadata { .. } => {
                let listens = |n: &Notice| page.app(n.app).unwrap().fields.has(Fields::MESSAGING_HANDOVERS);
                assert!(event.notices.iter().all(|n| n.channel == Channel::Messaging && listens(n)), "WH-9");
            }
            EventKind::Quiet => assert!(event.notices.is_empty()),
        }
    }
    if decision.survey == Survey::Held {
        assert!(
            decision.events.iter().all(|event| event.kind == EventKind::Quiet),
            "HOP-SURVEY-1: told before its time"
        );
    }
}

/// SB-1, SB-2: an owned thread's event is one app's, an idle one's without a leader is everybody's.
fn said(page: &Routing, action: &Action<'_>, decision: &Decision, notices: &[Notice]) {
    let Action::Person(did) = action else { panic!("an app's action said something: {decision:?}") };
    let field = match did.what {
        What::Message | What::QuickReply => Fields::MESSAGES,
        What::Postback { .. } | What::Menu { .. } | What::GetStarted { .. } | What::IceBreaker { .. } => {
            Fields::MESSAGING_POSTBACKS
        }
        What::Referral => Fields::MESSAGING_REFERRALS,
        What::Signal(_) => return,
    };
    let active: BTreeSet<AppId> = notices
        .iter()
        .filter(|notice| notice.channel == Channel::Messaging)
        .map(|notice| notice.app)
        .collect();
    let subscribed = |app: AppId| page.app(app).is_some_and(|app| app.fields.has(field));
    let mut expected: BTreeSet<AppId> = match decision.to {
        Some(owner) => BTreeSet::from([owner]),
        None => page.apps.iter().map(|app| app.id).collect(),
    };
    // ZC-PB-2: who made the button hears its payload, whoever owns.
    let zero_config = matches!(page.mode(), Mode::ZeroConfig | Mode::MessengerZeroConfig);
    let by_ad = decision.rule.0 == "ZC-AD-1" || decision.via.is_some_and(|via| via.0 == "ZC-AD-1");
    if zero_config && !by_ad {
        expected.extend(maker(did.what));
    }
    let expected: BTreeSet<AppId> = expected.into_iter().filter(|app| subscribed(*app)).collect();
    assert_eq!(active, expected, "SB-1, SB-2: who hears it in messaging: {decision:?}");
    payload(did.what, notices, decision);
}

/// The app that made the button.
fn maker(what: What) -> Option<AppId> {
    match what {
        What::Postback { creator }
        | What::Menu { creator, .. }
        | What::GetStarted { creator }
        | What::IceBreaker { creator } => creator,
        What::Message | What::QuickReply | What::Referral | What::Signal(_) => None,
    }
}

/// SB-4: at most one app sees a button's payload, in `messaging`: its owner or its maker.
fn payload(what: What, notices: &[Notice], decision: &Decision) {
    if matches!(what, What::Message | What::QuickReply | What::Referral | What::Signal(_)) {
        return;
    }
    let whole: Vec<&Notice> = notices.iter().filter(|notice| notice.form == Form::Whole).collect();
    assert!(whole.len() <= 1, "SB-4: seen by many: {decision:?}");
    for notice in whole {
        assert_eq!(notice.channel, Channel::Messaging, "SB-4: seen in standby: {decision:?}");
        let whose = [decision.to, maker(what)];
        assert!(whose.contains(&Some(notice.app)), "SB-4: seen by a stranger: {decision:?}");
    }
}
