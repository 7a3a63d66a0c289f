//! Who may see roles and control: `secondary_receivers` (3.9) by the errors of the catalogue, `is_owner` (3.15).

use baton_rules::build::{account, app, did, page, person};
use baton_rules::{
    AppId, Profile, Refusal, Routing, Rule, Thread, Timestamp, What, decide, is_owner, roles_changed,
    secondary_receivers,
};

fn seen(routing: &Routing, caller: &str) -> Result<Vec<AppId>, (&'static str, Refusal)> {
    secondary_receivers(routing, app(caller)).map_err(|(Rule(rule), why)| (rule, why))
}

#[test]
fn secondary_receivers_are_for_the_primary_and_include_the_inbox() {
    let page = page().primary("bot").app("desk").app("care");
    assert_eq!(seen(&page, "bot"), Ok(vec![app("desk"), app("care"), AppId::PAGE_INBOX]));
    let alone = baton_rules::build::page().primary("bot");
    assert_eq!(seen(&alone, "bot"), Ok(vec![AppId::PAGE_INBOX]));
    let instagram = account().profile(Profile::Legacy).primary("bot");
    assert_eq!(seen(&instagram, "bot").unwrap().last(), Some(&AppId::INSTAGRAM_INBOX));
}

#[test]
fn e_secvis_a_secondary_sees_no_other() {
    let page = page().primary("bot").app("desk");
    assert_eq!(seen(&page, "desk"), Err(("E-SECVIS", Refusal::SecondariesHidden)));
}

#[test]
fn e_role_without_a_primary_receiver_there_are_no_roles() {
    let page = page().app("bot").app("desk");
    assert_eq!(seen(&page, "bot"), Err(("E-ROLE", Refusal::NoRoles)));
    let gone = baton_rules::build::page().app("desk").primary("bot").without("bot");
    assert_eq!(seen(&gone, "desk"), Err(("E-ROLE", Refusal::NoRoles)), "MODE-4");
}

#[test]
fn e_role_beyond_messengers_own_modes_there_are_no_roles_either() {
    let pages = [
        account().app("bot"),
        account().default_app("bot"),
        page().profile(Profile::Page2025).app("bot"),
        page().profile(Profile::Page2025).default_app("bot"),
    ];
    for page in pages {
        assert_eq!(seen(&page, "bot"), Err(("E-ROLE", Refusal::NoRoles)), "{}", page.mode().name());
    }
}

#[test]
fn wh_role_2_only_the_handover_protocol_tells_of_roles() {
    let legacy = account().profile(Profile::Legacy);
    let told = |before: &Routing, after: &Routing| roles_changed(before, after).len();
    assert_eq!(told(&account().app("bot"), &legacy.clone().primary("bot")), 1);
    assert_eq!(told(&legacy.primary("bot"), &account().app("bot")), 0);
    let messenger = page().primary("bot").app("desk");
    assert_eq!(told(&messenger, &messenger.clone().profile(Profile::Page2025)), 0);
}

#[test]
fn e_hop_disabled_conversation_routing_has_no_secondary_receivers() {
    let page = page().default_app("bot").app("desk");
    for caller in ["bot", "desk"] {
        assert_eq!(seen(&page, caller), Err(("E-HOP-DISABLED", Refusal::HandoverDisabled)));
    }
}

#[test]
fn api_13_an_app_that_is_not_connected_sees_nothing() {
    let page = page().primary("bot").app("desk").without("desk");
    assert_eq!(seen(&page, "desk"), Err(("API-13", Refusal::Permission)));
}

#[test]
fn is_owner_is_answered_in_conversation_routing_alone() {
    let now = Timestamp(0);
    let routed = page().default_app("bot").app("desk").routing();
    let thread = decide(&routed, &person("pat"), None, &did(What::Message), now).unwrap().thread;
    assert_eq!(is_owner(&routed, &thread, app("bot"), now), Some(true));
    assert_eq!(is_owner(&routed, &thread, app("desk"), now), Some(false));
    for routed in [account().default_app("bot"), page().profile(Profile::Page2025).default_app("bot")] {
        assert_eq!(is_owner(&routed, &Thread::default(), app("bot"), now), Some(false), "it is idle");
    }
    let others = [
        page().primary("bot"),
        page().app("bot"),
        account().app("bot"),
        account().profile(Profile::Legacy).primary("bot"),
        page().profile(Profile::Page2025).app("bot"),
    ];
    for other in others {
        assert_eq!(is_owner(&other, &Thread::default(), app("bot"), now), None, "{}", other.mode().name());
    }
}
