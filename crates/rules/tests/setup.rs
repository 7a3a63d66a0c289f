//! The rules of settings, each by its identifier.

use baton_rules::build::{account, app, page};
use baton_rules::setup::{NotAccepted, Why, default_app, primary_receiver, route, subscribed};
use baton_rules::{AppId, Fields, Mode, Profile, Routing, Rule};

fn refused(rule: &'static str, why: Why) -> Result<(), NotAccepted> {
    Err(NotAccepted { rule: Rule(rule), why })
}

fn changed(mut routing: Routing, change: impl FnOnce(&mut Routing)) -> Routing {
    change(&mut routing);
    routing
}

#[test]
fn set_1_a_default_app_is_the_inbox_or_a_connected_app_that_hears_messages() {
    assert_eq!(default_app(&page().app("bot").routing()), Ok(()), "none is always accepted");
    assert_eq!(default_app(&page().default_app("bot")), Ok(()));
    assert_eq!(default_app(&page().app("bot").default_app("inbox")), Ok(()));

    let gone = page().app("desk").default_app("bot").without("bot");
    assert_eq!(default_app(&gone), refused("SET-1", Why::DefaultNotConnected));
    for fields in [Fields::NONE, Fields::STANDBY] {
        let deaf = page().default_app("bot").app_with("bot", |bot| bot.fields = fields);
        assert_eq!(default_app(&deaf), refused("SET-1", Why::DefaultHearsNothing), "{fields:?}");
    }
    let one = page().default_app("bot").app_with("bot", |bot| bot.fields = Fields::MESSAGING_POSTBACKS);
    assert_eq!(default_app(&one), Ok(()), "one messaging field is enough");
}

#[test]
fn set_1_messaging_is_on_and_somebody_is_connected() {
    let off = changed(page().default_app("bot").routing(), |page| page.messaging_enabled = false);
    assert_eq!(default_app(&off), refused("SET-1", Why::MessagingOff));
    let alone = page().default_app("inbox");
    assert_eq!(default_app(&alone), refused("SET-1", Why::NobodyConnected));
}

#[test]
fn set_1_the_other_surfaces_inbox_is_no_default_app() {
    let wrong = changed(page().app("bot").routing(), |page| page.default = Some(AppId::INSTAGRAM_INBOX));
    assert_eq!(default_app(&wrong), refused("SET-1", Why::DefaultNotConnected));
}

#[test]
fn set_2_a_primary_receiver_is_a_connected_app_and_no_inbox() {
    assert_eq!(primary_receiver(&page().app("bot")), Ok(()), "none is always accepted");
    assert_eq!(primary_receiver(&page().primary("bot")), Ok(()));
    let gone = page().primary("bot").without("bot");
    assert_eq!(primary_receiver(&gone), refused("SET-2", Why::PrimaryNotConnected));
    for inbox in [AppId::PAGE_INBOX, AppId::INSTAGRAM_INBOX] {
        let page = changed(page().app("bot").routing(), |page| page.primary = Some(inbox));
        assert_eq!(primary_receiver(&page), refused("SET-2", Why::PrimaryIsInbox));
    }
}

#[test]
fn set_2_never_a_default_app_and_a_primary_receiver() {
    let both = page().primary("bot").default_app("desk");
    assert_eq!(primary_receiver(&both), refused("SET-2", Why::DefaultAndPrimary));
    assert_eq!(default_app(&both), refused("SET-2", Why::DefaultAndPrimary));
}

#[test]
fn mode_1_a_primary_receiver_is_the_handover_protocols_and_a_default_app_is_not() {
    for page in [account(), account().profile(Profile::Page2026), page().profile(Profile::Page2025)] {
        assert_eq!(primary_receiver(&page), Ok(()), "none is always accepted");
        assert_eq!(primary_receiver(&page.primary("bot")), refused("MODE-1", Why::PrimaryWithoutHandover));
    }
    let legacy = account().profile(Profile::Legacy);
    assert_eq!(primary_receiver(&legacy.clone().primary("bot")), Ok(()));
    assert_eq!(default_app(&legacy.default_app("bot")), refused("MODE-1", Why::DefaultInLegacy));
    for page in [account(), account().profile(Profile::Page2026), page().profile(Profile::Page2025)] {
        assert_eq!(default_app(&page.default_app("bot")), Ok(()));
    }
}

#[test]
fn set_4_without_a_default_app_routes_stay_as_they_were_and_no_new_one_is_set() {
    let (bot, desk) = (Some(app("bot")), Some(app("desk")));
    let open = page().app("bot").app("desk");
    assert_eq!(route(&open, None, bot), refused("SET-4", Why::RouteWithoutDefault));
    assert_eq!(route(&open, desk, bot), refused("SET-4", Why::RouteWithoutDefault), "nor another one");
    assert_eq!(route(&open, bot, bot), Ok(()), "one left from before is kept");
    assert_eq!(route(&open, bot, None), Ok(()), "and can be taken away");

    let routed = page().app("bot").default_app("desk");
    assert_eq!(route(&routed, None, bot), Ok(()));
    let lost = page().app("bot").default_app("desk").without("desk");
    assert_eq!(lost.mode(), Mode::HandoverOpen);
    assert_eq!(route(&lost, None, bot), refused("SET-4", Why::RouteWithoutDefault), "it counts as none");
}

#[test]
fn mode_2_the_first_default_app_subscribes_to_standby_unless_the_change_names_the_fields() {
    let kept = Fields::MESSAGES;
    assert_eq!(subscribed(kept, None, true), Fields::MESSAGES.with(Fields::STANDBY));
    assert_eq!(subscribed(kept, None, false), kept, "later assignments change no switch");
    let named = Some(Fields::MESSAGING_POSTBACKS);
    assert_eq!(subscribed(kept, named, true), Fields::MESSAGING_POSTBACKS);
    assert_eq!(subscribed(kept, named, false), Fields::MESSAGING_POSTBACKS);
}

#[test]
fn every_reason_has_its_rule() {
    for (why, rule) in Why::ALL {
        assert!(["SET-1", "SET-2", "SET-4", "MODE-1"].contains(&rule.0), "{why:?}: {rule:?}");
    }
}
