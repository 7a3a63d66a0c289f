//! What a file makes of the settings, and what is refused.

use baton_rules::{AppId, Mode, PageId, Surface};
use baton_store::Settings;
use serde_json::{Value, json};

use super::{Generated, Mint, Plan, RoutingInput, apply, render, token_hash};

mod instagram;

/// A page with two apps, a link and an ad.
const SHOP: &str = r#"
[[apps]]
id = "1278416343931139"
name = "Sales bot"
secret = "the sales secret"
webhook_url = "http://127.0.0.1:5001/webhook"
verify_token = "please"

[[apps]]
name = "Help desk"
human_agent = true

[[pages]]
id = "2001"
name = "Jasper's Market"

[pages.messenger]
default_app = "Sales bot"

[[pages.connections]]
app = "Sales bot"
token = "sales-token"

[[pages.connections]]
app = "Help desk"
take_control = true
standby = { messenger = true, instagram = false }

[[pages.links]]
ref = "spring"
app = "Help desk"

[[pages.ads]]
id = "9001"
name = "Spring sale"
template = '{"message": {"receiving_app_id": 127841634393113, "receiving_app_control_expiration": 4}}'
"#;

fn shop() -> String {
    SHOP.replace("1278416343931139", "127841634393113")
}

fn tried(text: &str, settings: &Settings, prune: bool) -> Result<Plan, Vec<(String, String)>> {
    let told = |problems: Vec<baton_store::SettingsRefused>| {
        problems.into_iter().map(|problem| (problem.pointer, problem.detail)).collect::<Vec<_>>()
    };
    let input = RoutingInput::from_toml(text).map_err(told)?;
    let mut seed = [3; 32];
    seed[0] = u8::try_from(settings.version).unwrap();
    apply(&input, settings, prune, &mut Mint::seeded(seed)).map_err(told)
}

fn applied(text: &str, settings: &Settings) -> Settings {
    tried(text, settings, false).unwrap().settings
}

fn started() -> Settings {
    applied(&shop(), &Settings::default())
}

fn page(settings: &Settings) -> &baton_store::Page {
    settings.page(PageId::new(2001).unwrap()).unwrap()
}

/// The shop with a text replaced, applied to a new server: what is refused, and where.
fn refused(from: &str, to: &str) -> Vec<(String, String)> {
    assert!(shop().contains(from), "{from} is not in the file");
    tried(&shop().replace(from, to), &Settings::default(), false).unwrap_err()
}

#[track_caller]
fn assert_refused(from: &str, to: &str, pointer: &str, detail: &str) {
    let found = refused(from, to);
    let is = |(at, why): &(String, String)| at == pointer && why.contains(detail);
    assert!(found.iter().any(is), "{pointer}: {detail}\nnot in\n{found:#?}");
}

#[test]
fn a_file_becomes_settings() {
    let settings = started();
    let app = settings.app(AppId::new(127_841_634_393_113).unwrap()).unwrap();
    assert_eq!(app.secret.reveal(), "the sales secret");
    assert!(!app.verified && app.live && app.max_batch == 1);
    let page = page(&settings);
    assert_eq!(page.connections.len(), 2);
    assert_eq!(page.ads[0].receiving_app, Some(app.id));
    assert_eq!(page.ads[0].control_days, Some(4));
    assert!(page.connections[0].standby_instagram && !page.connections[1].standby_instagram);
    let routing = settings.routing(page.id, Surface::Messenger).unwrap();
    assert_eq!(routing.mode(), Mode::MessengerRouting);
    assert_eq!(settings.version, 1);
}

#[test]
fn the_files_of_the_readme_are_accepted() {
    let readme = include_str!("../../../../README.md");
    // A story is played by the tests of the program.
    let fences = readme.split("```toml").skip(1).filter_map(|rest| rest.split("```").next());
    let files: Vec<&str> = fences.filter(|text| !text.contains("[[steps]]")).collect();
    assert!(!files.is_empty());
    for file in files {
        let plan = tried(file, &Settings::default(), false).unwrap();
        assert_eq!(plan.warnings, []);
    }
}

#[test]
fn the_same_file_again_changes_nothing() {
    let settings = started();
    let again = tried(&shop(), &settings, true).unwrap();
    assert_eq!(again.changes, []);
    assert_eq!(again.settings.version, settings.version);
    assert_eq!(again.generated, Generated::default());
    assert_eq!((&again.settings.apps, &again.settings.pages), (&settings.apps, &settings.pages));
}

#[test]
fn what_is_rendered_can_be_applied_and_changes_nothing() {
    let settings = started();
    let rendered = render(&settings);
    let text = rendered.to_string();
    for secret in ["the sales secret", "please", "sales-token", "EAA", &token_hash("sales-token")] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let input = RoutingInput::from_json(&rendered).unwrap();
    let plan = apply(&input, &settings, true, &mut Mint::seeded([9; 32])).unwrap();
    assert_eq!(plan.changes, []);
    assert_eq!(plan.settings.version, settings.version);
}

#[test]
fn what_is_not_said_is_generated_told_once_and_kept() {
    let plan = tried(&shop(), &Settings::default(), false).unwrap();
    let desk = plan.settings.apps.iter().find(|app| app.name == "Help desk").unwrap();
    assert_eq!(desk.id.to_string().len(), 15);
    let token = plan.generated.pages[0].connections[0].token.as_str();
    assert!(token.starts_with("EAA"));
    let expected = json!({
        "apps": [{"id": desk.id.to_string(), "name": "Help desk", "secret": desk.secret.reveal()}],
        "pages": [{
            "id": "2001", "name": "Jasper's Market",
            "connections": [{"app": desk.id.to_string(), "name": "Help desk", "token": token}],
        }],
    });
    assert_eq!(json!(plan.generated), expected);

    let changed =
        shop().replace("name = \"Sales bot\"\nsecret = \"the sales secret\"", "name = \"Sales bot\"");
    let later = tried(&changed.replace("token = \"sales-token\"\n", ""), &plan.settings, false).unwrap();
    assert_eq!(later.changes, [], "absent secrets and tokens are kept");
}

#[test]
fn tokens_are_kept_as_hashes_only() {
    let settings = started();
    let hash = &page(&settings).connections[0].tokens[0].hash;
    assert_eq!(*hash, token_hash("sales-token"));
    assert!(settings.token(hash).is_some());
    assert!(!format!("{settings:?}").contains("sales-token"));
    assert!(!format!("{settings:?}").contains("the sales secret"));
}

#[test]
fn a_new_token_replaces_the_files_and_leaves_others() {
    let mut settings = started();
    let mut with_another = page(&settings).clone();
    let another = baton_store::Token { hash: token_hash("another"), tasks: vec![], permissions: vec![] };
    with_another.connections[0].tokens.push(another.clone());
    settings = Settings::new(2, settings.apps.clone(), vec![with_another.into()]);
    let plan = tried(&shop().replace("sales-token", "new-token"), &settings, false).unwrap();
    let tokens = &page(&plan.settings).connections[0].tokens;
    assert_eq!(
        tokens.iter().map(|token| token.hash.clone()).collect::<Vec<_>>(),
        [token_hash("new-token"), another.hash]
    );
    assert_eq!(plan.changes.len(), 1);
    assert_eq!(plan.changes[0].pointer, "/pages/2001/connections/127841634393113/token");
    assert_eq!((&plan.changes[0].from, &plan.changes[0].to), (&json!("(old)"), &json!("(new)")));
}

#[test]
fn changes_name_what_changes_by_id() {
    let settings = started();
    let text = shop()
        .replace("take_control = true", "take_control = false")
        .replace("name = \"Spring sale\"", "name = \"Spring sale\"\nstatus = \"paused\"")
        .replace("\"the sales secret\"", "\"another\"");
    let plan = tried(&text, &settings, false).unwrap();
    let desk = plan.settings.apps[1].id;
    let changes: Vec<(&str, &Value, &Value)> =
        plan.changes.iter().map(|change| (change.pointer.as_str(), &change.from, &change.to)).collect();
    assert_eq!(
        changes,
        [
            ("/apps/127841634393113/secret", &json!("(old)"), &json!("(new)")),
            (format!("/pages/2001/connections/{desk}/take_control").as_str(), &json!(true), &json!(false)),
            ("/pages/2001/ads/9001/status", &json!("published"), &json!("paused")),
        ]
    );
}

#[test]
fn what_a_file_does_not_name_stays_unless_pruned() {
    let settings = started();
    let other = "[[apps]]\nname = \"Other\"\n[[pages]]\nname = \"Second\"\n";
    let kept = tried(other, &settings, false).unwrap().settings;
    assert_eq!((kept.apps.len(), kept.pages.len()), (3, 2));
    let pruned = tried(other, &settings, true).unwrap();
    assert_eq!((pruned.settings.apps.len(), pruned.settings.pages.len()), (1, 1));
    assert!(pruned.changes.iter().any(|change| change.pointer == "/pages/2001" && change.to.is_null()));
    assert!(!json!(pruned.changes).to_string().contains("the sales secret"));
}

#[test]
fn entries_match_by_id_else_by_name() {
    let settings = started();
    let renamed = "[[apps]]\nid = \"127841634393113\"\nname = \"Renamed\"\n";
    let plan = tried(renamed, &settings, false).unwrap();
    assert_eq!(plan.settings.apps.len(), 2);
    assert_eq!(plan.settings.apps[0].name, "Renamed");
    let by_name = tried("[[apps]]\nname = \"Help desk\"\nhuman_agent = false\n", &settings, false).unwrap();
    assert_eq!(by_name.changes.len(), 1, "{:?}", by_name.changes);
    let page = tried("[[pages]]\nname = \"Jasper's Market\"\n", &settings, false).unwrap();
    assert_eq!(page.settings.pages.len(), 1);
    assert!(page.settings.pages[0].connections.is_empty(), "a page is replaced whole");
}

#[test]
fn a_connection_that_comes_back_is_another_one() {
    let settings = started();
    let first = page(&settings).connections[1].generation;
    let without = "[[pages]]\nid = \"2001\"\n[[pages.connections]]\napp = \"Sales bot\"\n";
    let gone = applied(without, &settings);
    assert_eq!(page(&gone).connections[0].generation, page(&settings).connections[0].generation);
    let back = applied(&shop(), &gone);
    assert!(page(&back).connections[1].generation > first);
    let twice = applied(&shop(), &applied(without, &back));
    assert!(page(&twice).connections[1].generation > page(&back).connections[1].generation);
}

#[test]
fn an_address_that_changes_must_verify_again() {
    let mut settings = started();
    let mut app = (*settings.apps[0]).clone();
    app.verified = true;
    settings = Settings::new(2, vec![app.into(), settings.apps[1].clone()], settings.pages.clone());
    assert!(applied(&shop(), &settings).apps[0].verified);
    assert!(!applied(&shop().replace(":5001", ":5002"), &settings).apps[0].verified);
    assert!(!applied(&shop().replace("\"please\"", "\"now\""), &settings).apps[0].verified);
    let none = shop().replace("verify_token = \"please\"", "verify_token = \"\"");
    assert!(applied(&none, &settings).apps[0].verified, "without a verify token there is nothing to ask");
}

#[test]
fn mode_2_the_first_default_app_subscribes_everybody_to_standby() {
    let open = "[[apps]]\nname = \"A\"\n[[apps]]\nname = \"B\"\n[[pages]]\nid = \"2001\"\nname = \"P\"\n\
                [[pages.connections]]\napp = \"A\"\nfields = [\"messages\"]\n\
                [[pages.connections]]\napp = \"B\"\nfields = [\"messages\"]\n";
    let before = applied(open, &Settings::default());
    let page_with = |default: &str, fields: &str| {
        format!(
            "[[pages]]\nid = \"2001\"\n[pages.messenger]\n{default}\n[[pages.connections]]\napp = \"A\"\n{fields}\n\
             [[pages.connections]]\napp = \"B\"\n"
        )
    };
    let first = applied(&page_with("default_app = \"A\"", "fields = [\"messages\"]"), &before);
    assert_eq!(page(&first).connections[0].fields, ["messages"], "a change that names the fields means them");
    assert_eq!(page(&first).connections[1].fields, ["messages", "standby"]);

    let narrowed = page_with("default_app = \"A\"", "fields = [\"messages\"]")
        .replace("app = \"B\"\n", "app = \"B\"\nfields = [\"messages\"]\n");
    let later = applied(&narrowed, &first);
    let again = applied(&page_with("default_app = \"B\"", ""), &later);
    assert_eq!(page(&again).connections[1].fields, ["messages"], "later assignments change no switch");
}

#[test]
fn singular_spellings_are_the_same_fields() {
    let text = shop().replace(
        "take_control = true",
        "fields = [\"messaging_handover\", \"messages\", \"messaging_referral\"]",
    );
    let settings = applied(&text, &Settings::default());
    let fields = &page(&settings).connections[1].fields;
    assert_eq!(*fields, ["messages", "messaging_referrals", "messaging_handovers"]);
}

#[test]
fn fields_of_the_platform_that_no_webhook_here_has_may_be_named() {
    let text =
        |field: &str| shop().replace("take_control = true", &format!("fields = [\"messages\", \"{field}\"]"));
    let settings = applied(&text("messaging_payments"), &Settings::default());
    assert_eq!(page(&settings).connections[1].fields, ["messages", "messaging_payments"]);
    let wrong = tried(&text("mesages"), &Settings::default(), false).unwrap_err();
    assert_eq!(wrong[0].0, "/pages/0/connections/1/fields/1", "and what nobody knows is a mistake");
}

#[test]
fn an_ads_template_is_read_as_the_documents_write_it() {
    let read = |message: &str| {
        let from = r#"{"receiving_app_id": 127841634393113, "receiving_app_control_expiration": 4}"#;
        let ad = page(&applied(&shop().replace(from, message), &Settings::default())).ads[0].clone();
        (ad.receiving_app.map(AppId::number), ad.control_days)
    };
    let id = Some(127_841_634_393_113);
    let both = |app: &str, days: &str| {
        read(&format!("{{\"receiving_app_id\": {app}, \"receiving_app_control_expiration\": {days}}}"))
    };
    assert_eq!(both("\"127841634393113\"", "30"), (id, Some(30)));
    assert_eq!(both("127841634393113", "-1"), (id, Some(-1)));
    for days in ["4.5", "\"4\"", "null", "4.0", "[4]"] {
        assert_eq!(both("127841634393113", days), (id, None), "{days}");
    }
    for app in ["\"x\"", "0", "1.5", "null", "{}"] {
        assert_eq!(both(app, "2"), (None, Some(2)), "{app}");
    }
    assert_eq!(read("null"), (None, None));
    assert_refused("'{\"message\"", "'{\"message", "/pages/0/ads/0/template", "JSON");
    assert_refused("'{\"message\": {", "'[{", "/pages/0/ads/0/template", "JSON");
}

#[test]
fn only_the_first_apps_that_are_not_there_are_compared_with_all_that_are() {
    // Each with each would be a hundred million of names, for as many minutes.
    let apps = (1..10_001).map(|n| format!("[[apps]]\nid = \"{n}\"\nname = \"App {n}\"\nsecret = \"s\"\n"));
    let wrong: Vec<String> = (1..10_001).map(|n| format!("{{ app = \"Ap {n}\" }}")).collect();
    let page = format!("[[pages]]\nid = \"2001\"\nname = \"Market\"\nconnections = [{}]\n", wrong.join(", "));
    let file = RoutingInput::from_toml(&(apps.collect::<String>() + &page)).unwrap();
    let refused = apply(&file, &Settings::default(), false, &mut Mint::seeded([1; 32])).unwrap_err();
    assert_eq!(refused.len(), 10_000);
    let compared = refused.iter().filter(|one| one.detail.contains("the nearest name is `App "));
    assert_eq!(compared.count(), 20);
}

#[test]
fn apps_that_are_not_there_are_refused_with_the_nearest_name() {
    assert_refused(
        "default_app = \"Sales bot\"",
        "default_app = \"Sale bot\"",
        "/pages/0/messenger/default_app",
        "`Sales bot`",
    );
    assert_refused("app = \"Help desk\"\ntake", "app = \"99\"\ntake", "/pages/0/connections/1/app", "`99`");
    assert_refused(
        "ref = \"spring\"\napp = \"Help desk\"",
        "ref = \"spring\"\napp = \"zz\"",
        "/pages/0/links/0/app",
        "`zz`",
    );
}

#[test]
fn set_1_a_default_app_must_be_fit_for_it() {
    let at = "/pages/0/messenger/default_app";
    let sales = "token = \"sales-token\"";
    assert_refused(sales, "fields = [\"standby\"]", at, "messaging field");
    assert_refused(sales, "permissions = []", at, "must be connected");
    assert_refused("id = \"2001\"", "id = \"2001\"\nmessaging_enabled = false", at, "messaging_enabled");
    let alone = "[[pages]]\nname = \"P\"\n[pages.messenger]\ndefault_app = \"inbox\"\n";
    let found = tried(alone, &Settings::default(), false).unwrap_err();
    assert_eq!(found[0].0, at);
    let rule = |text: &str| {
        let input = RoutingInput::from_toml(text).unwrap();
        apply(&input, &Settings::default(), false, &mut Mint::seeded([1; 32])).unwrap_err()[0].rule.clone()
    };
    assert_eq!(rule(alone).as_deref(), Some("SET-1"));
}

#[test]
fn a_default_app_that_stays_is_asked_nothing_new() {
    let settings = started();
    let off =
        tried(&shop().replace("id = \"2001\"", "id = \"2001\"\nmessaging_enabled = false"), &settings, false);
    assert!(!page(&off.unwrap().settings).messaging_enabled, "messaging can be switched off");
    let lost = tried(
        &shop().replace("app = \"Sales bot\"\ntoken = \"sales-token\"", "app = \"Help desk\""),
        &settings,
        false,
    );
    assert!(lost.is_err(), "twice the same app");
    let without = "[[pages]]\nid = \"2001\"\n[pages.messenger]\ndefault_app = \"Sales bot\"\n\
                   [[pages.connections]]\napp = \"Help desk\"\n";
    let found = tried(without, &settings, false).unwrap_err();
    assert_eq!(
        found[0].0, "/pages/0/messenger/default_app",
        "a change that disconnects it says so: {found:?}"
    );
}

#[test]
fn set_2_a_primary_receiver_is_no_inbox_and_stands_beside_no_default_app() {
    let primary = "/pages/0/messenger/primary_receiver";
    let default = "default_app = \"Sales bot\"";
    assert_refused(default, "primary_receiver = \"inbox\"", primary, "Inbox cannot");
    assert_refused(default, "primary_receiver = \"263902037430900\"", primary, "Inbox cannot");
    let both = "default_app = \"Sales bot\"\nprimary_receiver = \"Help desk\"";
    assert_refused(default, both, "/pages/0/messenger/default_app", "never both");
    let found = tried(&shop().replace(default, both), &started(), false).unwrap_err();
    assert_eq!((found.len(), found[0].0.as_str()), (1, primary), "the new one is refused: {found:?}");
    let gone =
        "[[apps]]\nname = \"A\"\n[[pages]]\nname = \"P\"\n[pages.messenger]\nprimary_receiver = \"A\"\n";
    assert_eq!(tried(gone, &Settings::default(), false).unwrap_err()[0].0, primary);
}

#[test]
fn set_4_routes_need_a_default_app_and_old_ones_are_kept() {
    let default = "default_app = \"Sales bot\"";
    assert_refused(default, "primary_receiver = \"Sales bot\"", "/pages/0/links/0", "default app");
    assert_refused(default, "organic_app = \"Sales bot\"", "/pages/0/messenger/organic_app", "default app");
    let kept = applied(&shop().replace(default, ""), &started());
    assert_eq!(page(&kept).links.len(), 1);
    let another = shop().replace(default, "").replace("ref = \"spring\"", "ref = \"summer\"");
    assert_eq!(tried(&another, &started(), false).unwrap_err()[0].0, "/pages/0/links/0");
}

#[test]
fn names_and_ids_are_one_apps_and_one_pages() {
    assert_refused(
        "name = \"Help desk\"\nhuman",
        "name = \"Sales bot\"\nhuman",
        "/apps/1/name",
        "has this name too",
    );
    assert_refused("name = \"Help desk\"\nhuman", "name = \"Inbox\"\nhuman", "/apps/1/name", "built-in");
    assert_refused("name = \"Help desk\"\nhuman", "name = \"42\"\nhuman", "/apps/1/name", "digits");
    assert_refused("name = \"Help desk\"\nhuman", "name = \" x\"\nhuman", "/apps/1/name", "space");
    assert_refused("name = \"Help desk\"\nhuman", "human", "/apps/1/name", "needs a name");
    let id = "id = \"127841634393113\"";
    assert_refused(id, "id = \"1278416343931139\"", "/apps/0/id", "at most 15 digits");
    assert_refused(id, "id = \"263902037430900\"", "/apps/0/id", "Inbox");
    assert_refused(id, "id = \"012\"", "/apps/0/id", "leading zeros");
    let second = "name = \"Help desk\"\nid = \"127841634393113\"\nhuman";
    assert_refused("name = \"Help desk\"\nhuman", second, "/apps/1", "the same app as /apps/0");
    assert_refused("id = \"2001\"", "id = \"x\"", "/pages/0/id", "a page id is");
    let pages = "[[pages]]\nid = \"1\"\nname = \"P\"\n[[pages]]\nid = \"1\"\nname = \"Q\"\n";
    assert_eq!(tried(pages, &Settings::default(), false).unwrap_err()[0].0, "/pages/1");
    let names = "[[pages]]\nid = \"1\"\nname = \"P\"\n[[pages]]\nid = \"2\"\nname = \"P\"\n";
    assert_eq!(tried(names, &Settings::default(), false).unwrap_err()[0].0, "/pages/0/name");
}

#[test]
fn what_is_there_twice_is_refused() {
    let link = "[[pages.links]]\nref = \"spring\"\napp = \"Help desk\"\n";
    assert_refused(link, &format!("{link}{link}"), "/pages/0/links/1/ref", "twice");
    let ad = "[[pages.ads]]\nid = \"9001\"\n";
    assert_refused(ad, &format!("{ad}{ad}"), "/pages/0/ads/1/id", "twice");
    assert_refused(
        "app = \"Help desk\"\ntake",
        "app = \"Sales bot\"\ntake",
        "/pages/0/connections/1/app",
        "twice",
    );
    assert_refused(
        "take_control = true",
        "token = \"sales-token\"",
        "/pages/0/connections/1/token",
        "names one app",
    );
}

#[test]
fn wrong_values_are_refused_where_they_stand() {
    let desk = "human_agent = true";
    for (to, pointer) in [
        ("secret = \"\"", "/apps/1/secret"),
        ("webhook_url = \"ftp://x\"", "/apps/1/webhook_url"),
        ("webhook_url = \"nonsense\"", "/apps/1/webhook_url"),
        ("webhook_url = \"http://x/#a\"", "/apps/1/webhook_url"),
        ("max_batch = 0", "/apps/1/max_batch"),
        ("testers = [\"a\", \"a b\"]", "/apps/1/testers/1"),
        ("testers = [\"a\", \"a\"]", "/apps/1/testers/1"),
        ("compat = [\"nothing\"]", "/apps/1/compat/0"),
    ] {
        assert_refused(desk, to, pointer, "");
    }
    let connection = "take_control = true";
    for (to, pointer) in [
        ("fields = [\"mesages\"]", "/pages/0/connections/1/fields/0"),
        ("tasks = [\"MODERATOR\"]", "/pages/0/connections/1/tasks/0"),
        ("permissions = [\"pages_mesaging\"]", "/pages/0/connections/1/permissions/0"),
        ("token = \"a b\"", "/pages/0/connections/1/token"),
    ] {
        assert_refused(connection, to, pointer, "");
    }
    assert_refused(
        "app = \"Help desk\"\ntake",
        "app = \"inbox\"\ntake",
        "/pages/0/connections/1/app",
        "by itself",
    );
    assert_refused("name = \"Spring sale\"", "status = \"live\"", "/pages/0/ads/0/status", "published");
    assert_refused(
        "name = \"Spring sale\"",
        "audience = [\"a b\"]",
        "/pages/0/ads/0/audience/0",
        "person id",
    );
    assert_refused(
        "id = \"2001\"",
        "id = \"2001\"\ninbox_move_to_main = \"x\"",
        "/pages/0/inbox_move_to_main",
        "take",
    );
    let default = "default_app = \"Sales bot\"";
    let days = format!("{default}\nad_max_days = 8");
    assert_refused(default, &days, "/pages/0/messenger/ad_max_days", "1 to 7");
}

#[test]
fn every_problem_is_reported_at_once() {
    let text = shop()
        .replace("human_agent = true", "max_batch = 0\nsecret = \"\"")
        .replace("default_app = \"Sales bot\"", "default_app = \"Nobody\"")
        .replace("ref = \"spring\"", "ref = \"\"");
    let found = tried(&text, &Settings::default(), false).unwrap_err();
    assert_eq!(found.len(), 4, "{found:#?}");
}

/// The warnings of a file: rule, pointer, and whether something is said.
fn warned(text: &str) -> Vec<(&'static str, String)> {
    let plan = tried(text, &Settings::default(), false).unwrap();
    assert!(plan.warnings.iter().all(|warning| !warning.detail.is_empty()));
    plan.warnings.into_iter().map(|warning| (warning.rule.unwrap(), warning.pointer)).collect()
}

const SALES: &str = "/pages/2001/connections/127841634393113";
const LINK: &str = "[[pages.links]]\nref = \"spring\"\napp = \"Help desk\"\n";

#[test]
fn recommended_practice_is_not_warned_of() {
    assert_eq!(warned(&shop()), []);
}

#[test]
fn chk_1_a_connected_app_hears_what_it_should() {
    let all = ["messages", "messaging_referrals", "messaging_handovers", "messaging_postbacks", "standby"];
    let with =
        |fields: &[&str]| warned(&shop().replace("token = \"sales-token\"", &format!("fields = {fields:?}")));
    assert_eq!(with(&all), []);
    for missing in all {
        let fields: Vec<&str> = all.into_iter().filter(|field| *field != missing).collect();
        assert_eq!(with(&fields), [("CHK-1", format!("{SALES}/fields"))], "{missing}");
    }
}

#[test]
fn chk_2_take_over_is_for_people() {
    let text = shop().replace("token = \"sales-token\"", "take_control = true");
    assert_eq!(warned(&text), [("CHK-2", format!("{SALES}/take_control"))]);
}

#[test]
fn chk_3_every_app_has_an_address_of_its_own() {
    let text = shop()
        .replace("human_agent = true", "human_agent = true\nwebhook_url = \"http://127.0.0.1:5001/webhook\"");
    let found = warned(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "CHK-3");
    assert!(found[0].1.ends_with("/webhook_url"), "{found:?}");
}

#[test]
fn chk_4_people_see_what_bots_say_and_are_not_primary() {
    let text = shop().replace("standby = { messenger = true, instagram = false }", "standby = false");
    let found = warned(&text);
    assert_eq!((found.len(), found[0].0), (1, "CHK-4"), "{found:?}");
    assert!(found[0].1.ends_with("/standby"), "{found:?}");
    let primary =
        shop().replace(LINK, "").replace("default_app = \"Sales bot\"", "primary_receiver = \"Help desk\"");
    assert_eq!(warned(&primary), [("CHK-4", "/pages/2001/messenger/primary_receiver".to_owned())]);
}

#[test]
fn chk_5_several_apps_need_somebody_in_front() {
    let text = shop().replace(LINK, "").replace("default_app = \"Sales bot\"", "");
    assert_eq!(warned(&text), [("CHK-5", "/pages/2001/messenger".to_owned())]);
    let primary =
        shop().replace(LINK, "").replace("default_app = \"Sales bot\"", "primary_receiver = \"Sales bot\"");
    assert_eq!(warned(&primary), []);
}

#[test]
fn an_app_may_be_kept_to_its_testers_and_have_switches() {
    let text = shop().replace(
        "human_agent = true",
        "human_agent = true\nlive = false\ntesters = [\"ann\", \"bob\"]\ncompat = [\"no-hop-context\"]",
    );
    let settings = applied(&text, &Settings::default());
    let desk = settings.apps.iter().find(|app| app.name == "Help desk").unwrap();
    assert!(!desk.live && desk.testers == ["ann", "bob"]);
    assert_eq!(desk.compat, ["no-hop-context"]);
    assert_eq!(tried(&text, &settings, false).unwrap().changes, []);
    for word in super::plan::COMPAT {
        let text =
            shop().replace("human_agent = true", &format!("human_agent = true\ncompat = [\"{word}\"]"));
        let settings = applied(&text, &Settings::default());
        assert!(settings.apps.iter().any(|app| app.compat == [*word]), "{word}");
    }
    let twice = "compat = [\"no-hop-context\", \"no-hop-context\"]";
    assert_refused("human_agent = true", twice, "/apps/1/compat/1", "twice");
}
