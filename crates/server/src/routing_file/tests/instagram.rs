//! The Instagram account of a page, and the profiles of both surfaces.

use std::collections::BTreeSet;

use baton_rules::Profile;

use super::*;

const DEFAULT: &str = "default_app = \"Sales bot\"\n";
const ACCOUNT: &str = "17841400000001";

/// The shop with an account, its own settings as given.
fn linked(settings: &str) -> String {
    let account = format!("{DEFAULT}\n[pages.instagram]\nid = \"{ACCOUNT}\"\n{settings}\n");
    shop().replace(DEFAULT, &account)
}

fn account(settings: &Settings) -> &baton_store::InstagramSide {
    page(settings).instagram.as_ref().unwrap()
}

/// The mode of a surface under a file.
fn mode(text: &str, surface: Surface) -> Mode {
    let settings = applied(text, &Settings::default());
    settings.routing(page(&settings).id, surface).unwrap().mode()
}

#[track_caller]
fn assert_not_accepted(settings: &str, pointer: &str, detail: &str) {
    let found = tried(&linked(settings), &Settings::default(), false).unwrap_err();
    let is = |(at, why): &(String, String)| at == pointer && why.contains(detail);
    assert!(found.iter().any(is), "{pointer}: {detail}\nnot in\n{found:#?}");
}

#[test]
fn an_account_is_read_and_written_and_is_a_surface_of_its_own() {
    let text = linked(
        "username = \"jaspers.market\"\ndefault_app = \"Help desk\"\norganic_app = \"Sales bot\"\nad_max_days = 12\n\
         ad_window_days = 7\nprofile = \"2026\"",
    );
    let settings = applied(&text, &Settings::default());
    let kept = account(&settings);
    assert_eq!((kept.id.to_string(), kept.username.as_str()), (ACCOUNT.to_owned(), "jaspers.market"));
    assert_eq!((kept.side.ad_max_days, kept.side.ad_window_days), (12, 7));
    let (on, surface) = settings.surface(ACCOUNT.parse().unwrap()).unwrap();
    assert_eq!((on.id.to_string(), surface), ("2001".to_owned(), Surface::Instagram));
    let routing = settings.routing(on.id, Surface::Instagram).unwrap();
    assert_eq!((routing.mode(), routing.profile), (Mode::InstagramRouting, Profile::Page2026));
    assert_eq!(settings.routing(on.id, Surface::Messenger).unwrap().mode(), Mode::MessengerRouting);

    let again = RoutingInput::from_json(&render(&settings)).unwrap();
    let plan = apply(&again, &settings, false, &mut Mint::seeded([3; 32])).unwrap();
    assert_eq!(plan.changes, [], "what is rendered changes nothing");
}

#[test]
fn what_the_file_does_not_say_is_usual_or_kept() {
    let settings = applied(&linked("username = \"jaspers.market\""), &Settings::default());
    let side = &account(&settings).side;
    assert_eq!((side.ad_max_days, side.ad_window_days, side.profile.as_deref()), (30, 1, None));
    assert_eq!(mode(&linked(""), Surface::Instagram), Mode::ZeroConfig);
    let unsaid = linked("").replace(&format!("id = \"{ACCOUNT}\"\n"), "");
    let kept = applied(&unsaid, &settings);
    assert_eq!(account(&kept), account(&settings));
    let made = applied(&unsaid, &Settings::default());
    assert_eq!(account(&made).username, account(&made).id.to_string(), "made up");
    // A page is replaced as a whole: without the table no account is linked.
    assert_eq!(page(&applied(&shop(), &settings)).instagram, None);
}

#[test]
fn each_profile_is_of_its_surface() {
    let messenger = |profile: &str| shop().replace(DEFAULT, &format!("{DEFAULT}profile = \"{profile}\"\n"));
    assert_eq!(mode(&messenger("2025"), Surface::Messenger), Mode::MessengerRouting2025);
    let open = messenger("2025").replace(DEFAULT, "").replace(LINK, "");
    assert_eq!(mode(&open, Surface::Messenger), Mode::MessengerZeroConfig);
    let legacy = linked("profile = \"legacy\"\nprimary_receiver = \"Sales bot\"");
    assert_eq!(mode(&legacy, Surface::Instagram), Mode::HandoverPrimary);
    assert_eq!(mode(&linked("profile = \"legacy\""), Surface::Instagram), Mode::HandoverOpen);
    for wrong in ["2026", "legacy", "2024"] {
        let found = tried(&messenger(wrong), &Settings::default(), false).unwrap_err();
        assert_eq!(found[0].0, "/pages/0/messenger/profile", "{wrong}");
    }
    assert_not_accepted("profile = \"2025\"", "/pages/0/instagram/profile", "2026");
}

#[test]
fn mode_1_a_primary_receiver_is_for_the_handover_protocol() {
    let found = refused(DEFAULT, "primary_receiver = \"Sales bot\"\nprofile = \"2025\"\n");
    assert!(found.iter().any(|(at, _)| at == "/pages/0/messenger/primary_receiver"), "{found:?}");
    assert_not_accepted("primary_receiver = \"Sales bot\"", "/pages/0/instagram/primary_receiver", "legacy");
    assert_not_accepted(
        "profile = \"legacy\"\ndefault_app = \"Sales bot\"",
        "/pages/0/instagram/default_app",
        "Handover Protocol",
    );
    // Choosing the profile is a change too, whatever stays as it was.
    let before = applied(&linked("default_app = \"Sales bot\""), &Settings::default());
    let turned = tried(&linked("default_app = \"Sales bot\"\nprofile = \"legacy\""), &before, false);
    assert_eq!(turned.unwrap_err()[0].0, "/pages/0/instagram/default_app");
}

#[test]
fn set_1_set_4_and_the_inbox_hold_on_each_surface() {
    let inbox = applied(&linked("default_app = \"inbox\""), &Settings::default());
    assert_eq!(account(&inbox).side.default_app, Some(AppId::INSTAGRAM_INBOX));
    assert_eq!(render(&inbox)["pages"][0]["instagram"]["default_app"], "inbox");
    let alone = linked("default_app = \"Sales bot\"")
        .replace("token = \"sales-token\"", "permissions = [\"pages_messaging\"]");
    let found = tried(&alone, &Settings::default(), false).unwrap_err();
    let is = |(at, why): &(String, String)| {
        at == "/pages/0/instagram/default_app" && why.contains("instagram_manage_messages")
    };
    assert!(found.iter().any(is), "SET-1: {found:#?}");
    assert_not_accepted("organic_app = \"Sales bot\"", "/pages/0/instagram/organic_app", "default_app");
    let link = LINK.replace("[[pages.links]]", "[[pages.links]]\non = \"instagram\"");
    let found = tried(&linked("").replace(LINK, &format!("{LINK}\n{link}")), &Settings::default(), false);
    assert_eq!(found.unwrap_err()[0].0, "/pages/0/links/1", "SET-4: only the one of Instagram");
}

#[test]
fn links_and_ads_are_of_one_surface_each() {
    let ad = "[[pages.ads]]\nid = \"9001\"\n";
    let text = linked("default_app = \"Sales bot\"")
        .replace(LINK, &format!("{LINK}\n{}", LINK.replace("ref", "on = \"instagram\"\nref")))
        .replace(ad, &format!("{ad}on = \"instagram\"\n"));
    let settings = applied(&text, &Settings::default());
    let routing = |surface| settings.routing(page(&settings).id, surface).unwrap();
    let here = |surface| (routing(surface).links.len(), routing(surface).ads.len());
    assert_eq!((here(Surface::Messenger), here(Surface::Instagram)), ((1, 0), (1, 1)));
    assert_refused(
        "ref = \"spring\"",
        "ref = \"spring\"\non = \"instagram\"",
        "/pages/0/links/0/on",
        "no Instagram account",
    );
    let both = "ref = \"spring\"\non = \"whatsapp\"";
    assert_refused("ref = \"spring\"", both, "/pages/0/links/0/on", "messenger, instagram");
}

#[test]
fn wrong_values_are_pointed_at() {
    assert_not_accepted("ad_max_days = 31", "/pages/0/instagram/ad_max_days", "1 to 30");
    assert_not_accepted("ad_window_days = 8", "/pages/0/instagram/ad_window_days", "1 to 7");
    assert_not_accepted("username = \"two words\"", "/pages/0/instagram/username", "letters");
    assert_not_accepted("user = \"x\"", "/pages/0/instagram/user", "username");
    let same = linked("").replace(ACCOUNT, "2001");
    let found = tried(&same, &Settings::default(), false).unwrap_err();
    assert_eq!(found[0].0, "/pages/0/instagram/id", "an account is no page");
    let name = linked("").replace(ACCOUNT, "market");
    assert_eq!(tried(&name, &Settings::default(), false).unwrap_err()[0].0, "/pages/0/instagram/id");
    let second =
        format!("[[pages]]\nid = \"2002\"\nname = \"Garage\"\n[pages.instagram]\nid = \"{ACCOUNT}\"\n");
    let before = applied(&linked(""), &Settings::default());
    assert_eq!(tried(&second, &before, false).unwrap_err()[0].0, "/pages/0/instagram/id");
    let page =
        second.replace("2002", ACCOUNT).replace(&format!("[pages.instagram]\nid = \"{ACCOUNT}\"\n"), "");
    assert_eq!(tried(&page, &before, false).unwrap_err()[0].0, "/pages/0/id");
}

#[test]
fn mode_2_a_first_default_app_on_either_surface_subscribes_to_standby() {
    let plain = shop().replace(DEFAULT, "").replace(LINK, "");
    let deaf = plain.replace("token = \"sales-token\"", "token = \"sales-token\"\nfields = [\"messages\"]");
    let before = applied(&deaf, &Settings::default());
    let account = "\n[pages.instagram]\nid = \"5\"\ndefault_app = \"Help desk\"\n[[pages.connections]]\napp = \"Sales bot\"";
    let text = plain.replacen("\n[[pages.connections]]\napp = \"Sales bot\"", account, 1);
    let after = applied(&text, &before);
    assert!(page(&after).had_default);
    assert_eq!(page(&after).connections[0].fields, ["messages", "standby"]);
}

#[test]
fn links_and_ads_of_the_same_name_on_both_surfaces_are_told_apart() {
    let before = applied(&linked(DEFAULT), &Settings::default());
    let link = "[[pages.links]]\non = \"instagram\"\nref = \"spring\"\napp = \"Sales bot\"\n";
    let ad = "[[pages.ads]]\non = \"instagram\"\nid = \"9001\"\nname = \"Sale\"\ntemplate = '{}'\n";
    let plan = tried(&format!("{}\n{link}\n{ad}", linked(DEFAULT)), &before, false).unwrap();
    let told: BTreeSet<&str> = plan.changes.iter().map(|change| change.pointer.as_str()).collect();
    let wanted = ["/pages/2001/instagram/links/spring", "/pages/2001/instagram/ads/9001"];
    assert_eq!(told, BTreeSet::from(wanted), "and nothing of those on Messenger, which have the same names");
}
