//! Recommended practice, each rule by its identifier: what it warns of, and what it leaves alone.

use baton_rules::build::{Page, app, page};
use baton_rules::practice::{About, Advice, Warning, of_addresses, of_call, of_surface, of_waiting};
use baton_rules::{AppId, Cause, Fields, Mode, Timestamp, Waiting};

/// The rules, places and advice that a page is warned of.
fn warned(page: &Page) -> Vec<(&'static str, About, Advice)> {
    of_surface(page).into_iter().map(|Warning { rule, about, what }| (rule.0, about, what)).collect()
}

const fn nothing() -> Vec<(&'static str, About, Advice)> {
    Vec::new()
}

#[test]
fn chk_1_a_connected_app_hears_what_it_should() {
    let bot = About::Connection(app("bot"));
    assert_eq!(warned(&page().app("bot")), nothing());
    for field in ["messages", "messaging_referrals", "messaging_handovers", "messaging_postbacks", "standby"]
    {
        let field = Fields::named(field).unwrap();
        let others = Fields::ALL.iter().filter(|(other, _)| *other != field);
        let deaf = page().app_with("bot", |bot| {
            bot.fields = others.fold(Fields::NONE, |all, (field, _)| all.with(*field));
        });
        assert_eq!(warned(&deaf), [("CHK-1", bot, Advice::NotSubscribed(field))]);
    }
    let quiet = page().app_with("bot", |bot| bot.fields = Fields::NONE);
    let [("CHK-1", _, Advice::NotSubscribed(missing))] = warned(&quiet)[..] else { panic!() };
    assert_eq!(missing.names().count(), 5, "{missing:?}");
}

#[test]
fn chk_2_take_over_is_for_people() {
    let taker = page().app_with("bot", |bot| bot.take_control = true);
    assert_eq!(warned(&taker), [("CHK-2", About::Connection(app("bot")), Advice::BotMayTake)]);
    let people = page().app_with("desk", |desk| (desk.take_control, desk.human_agent) = (true, true));
    assert_eq!(warned(&people), nothing());
}

#[test]
fn chk_3_every_app_has_an_address_of_its_own() {
    let (one, two, three) = (app("one"), app("two"), app("three"));
    let found = of_addresses([(one, "http://x/a"), (two, "http://x/b"), (three, "http://x/a")]);
    let [warning] = found[..] else { panic!("{found:?}") };
    assert_eq!(
        (warning.rule.0, warning.about, warning.what),
        ("CHK-3", About::App(three), Advice::SharedAddress(one))
    );
    assert_eq!(of_addresses([(one, "http://x/a"), (two, "http://x/A")]), []);
}

#[test]
fn chk_4_people_see_what_bots_say_and_are_not_primary() {
    let human = |name: &str, standby| {
        page().primary("bot").app_with(name, |app| (app.human_agent, app.standby) = (true, standby))
    };
    assert_eq!(warned(&human("desk", true)), nothing());
    let blind = warned(&human("desk", false));
    assert_eq!(blind, [("CHK-4", About::Connection(app("desk")), Advice::PeopleWithoutStandby)]);
    let primary = warned(&human("bot", true));
    assert_eq!(primary, [("CHK-4", About::Surface, Advice::PeopleArePrimary(app("bot")))]);
    let routed = page().default_app("desk").app_with("desk", |desk| desk.human_agent = true);
    assert_eq!(warned(&routed), nothing(), "a default app is no primary receiver");
}

#[test]
fn chk_5_several_apps_need_somebody_in_front() {
    assert_eq!(warned(&page().app("bot")), nothing(), "one alone is in front");
    let crowd = page().app("bot").app("desk");
    assert_eq!(warned(&crowd), [("CHK-5", About::Surface, Advice::NobodyInFront)]);
    assert_eq!(warned(&crowd.clone().primary("bot")), nothing());
    assert_eq!(warned(&crowd.default_app("inbox")), nothing());
}

#[test]
fn chk_6_a_request_waits_for_a_day_and_the_owner_does_not_move() {
    let now = Timestamp(1_700_000_000_000);
    let ago = |seconds: i64| now.plus_seconds(-seconds);
    let waiting = |seconds| [Waiting { app: app("desk"), at: ago(seconds), metadata: "".into() }];
    let day = 86_400;
    let (owner, moved) = (Some(app("bot")), Some(ago(day)));
    let warned = |owner, requests: &[Waiting], moved| {
        of_waiting(owner, requests, moved, now).map(|warning| (warning.rule.0, warning.about))
    };
    let chk_6 = Some(("CHK-6", About::Thread));
    assert_eq!(warned(owner, &waiting(day), moved), chk_6);
    assert_eq!(warned(owner, &waiting(day), None), chk_6);
    assert_eq!(warned(owner, &waiting(day - 1), moved), None, "it has not waited so long");
    assert_eq!(warned(owner, &waiting(day), Some(ago(day - 1))), None, "control moved meanwhile");
    assert_eq!(warned(owner, &[], moved), None);
    assert_eq!(warned(None, &waiting(day), moved), None, "nobody owns it: anyone may ask again");
}

#[test]
fn chk_7_control_moves_with_a_message_in_conversation_routing() {
    let bot = Some(app("bot"));
    let warned = |mode, cause, by| of_call(mode, cause, by).map(|warning| (warning.rule.0, warning.about));
    for cause in [Cause::Pass, Cause::Release] {
        let chk_7 = Some(("CHK-7", About::Connection(app("bot"))));
        assert_eq!(warned(Mode::MessengerRouting, cause, bot), chk_7);
        assert_eq!(warned(Mode::HandoverPrimary, cause, bot), None);
        assert_eq!(warned(Mode::HandoverOpen, cause, bot), None);
        assert_eq!(warned(Mode::MessengerRouting, cause, Some(AppId::PAGE_INBOX)), None, "people click");
        assert_eq!(warned(Mode::MessengerRouting, cause, None), None);
    }
    assert_eq!(warned(Mode::MessengerRouting, Cause::Send, bot), None, "as it should be");
}
