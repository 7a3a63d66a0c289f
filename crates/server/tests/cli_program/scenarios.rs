//! `baton test`: the scenarios that are shipped, and what is said of those that do not hold.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use serde_json::{Value, json};

use super::support::{Said, World};

/// A page with Conversation Routing and two apps; the second may take control.
const ROUTING: &str = r#"
title = "A story"
[settings]
apps = [{ name = "Bot" }, { name = "Desk" }, { name = "Human desk" }]
[[settings.pages]]
name = "Jasper's Market"
messenger.default_app = "Bot"
instagram = { id = "17841400000001", username = "jaspers", default_app = "Bot" }
connections = [{ app = "Bot" }, { app = "Desk", take_control = true }, { app = "Human desk" }]
[[steps]]
person = "tess"
writes = "Hello"
"#;

/// What `baton test` says of a scenario whose last step is this one.
fn told(step: &str, arguments: &[&str]) -> Said {
    let world = World::new();
    world.write("home/story.toml", &format!("{ROUTING}{step}"));
    world.run(&[&["test", "story.toml"], arguments].concat())
}

/// How long a receiver took differs from run to run.
fn without_durations(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let shown = words.iter().enumerate().map(|(index, word)| {
        let before_ms = words.get(index + 1).is_some_and(|next| next.starts_with("ms"));
        if before_ms && word.parse::<u64>().is_ok() { "N" } else { word }
    });
    shown.collect::<Vec<&str>>().join(" ")
}

#[test]
fn the_scenarios_that_are_shipped_hold() {
    let world = World::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.display().to_string())
        .collect();
    files.sort();
    let arguments: Vec<&str> = ["test"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let said = world.run(&arguments);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    assert!(said.out.ends_with(&format!("{} passed, 0 failed\n", files.len())), "{}", said.out);
}

#[test]
fn each_wrong_expectation_says_what_would_hold() {
    let wrong = [
        ("rule", "rule = \"MCR-MSG-2\""),
        ("via", "via = \"MCR-MSG-1\""),
        ("owner", "owner = \"Desk\""),
        ("until", "until = \"24h\""),
        ("folder", "folder = \"done\""),
        ("waiting", "waiting = [\"Desk\"]"),
        ("heard", "heard.Bot = [\"messages\", \"messages\"]"),
        ("heard on standby", "heard.Desk = [\"messages\"]"),
        ("not refused", "refused = \"MCR-MSG-9\""),
        (
            "refused",
            "[[steps]]\napp = \"Bot\"\nsends = \"hi\"\n[[steps]]\nwith = \"tess\"\napp = \"Desk\"\ntakes = true",
        ),
        (
            "refused otherwise",
            "[[steps]]\napp = \"Desk\"\ntakes = true\nrefused = { rule = \"MCR-SEND-3\", code = 10 }\n[[steps]]\nafter = \"1h\"",
        ),
        ("nobody in control", "[[steps]]\nafter = \"24h\"\nowner = \"nobody\""),
        ("heard by an app with a longer name", "heard.\"Human desk\" = [\"messages\"]"),
        ("until a time", "[[steps]]\napp = \"Bot\"\npasses_to = \"Desk\"\nuntil = \"2026-01-02T10:00:00Z\""),
        ("until no end", "[[steps]]\napp = \"Bot\"\npasses_to = \"Desk\"\nuntil = \"no end\""),
        (
            "waits",
            "[[steps]]\non = \"instagram\"\nperson = \"tess\"\nwrites = \"hi\"\n[[steps]]\napp = \"Desk\"\nrequests = true\nwaiting = []",
        ),
        (
            "refused with a code",
            "[[steps]]\napp = \"Desk\"\ntakes = true\nrefused = { code = 10, subcode = 2018300 }",
        ),
        (
            "refused by no rule",
            "[[steps]]\napp = \"Desk\"\nsets = { persistent_menu = [] }\nrefused = \"MCR-MENU-3\"",
        ),
    ];
    let mut all = String::new();
    for (name, step) in wrong {
        let said = told(step, &[]);
        assert_eq!((said.code, said.err.as_str()), (1, ""), "{name}: {}", said.out);
        all += &format!("=== {name}\n{step}\n---\n{}\n", said.out);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_file_that_makes_no_sense_says_where_and_why() {
    let wrong = [
        ("a word that is none", "[[steps]]\nperson = \"tess\"\nwrits = \"hi\""),
        ("nobody acts", "[[steps]]\nwrites = \"hi\""),
        ("two act", "[[steps]]\nperson = \"tess\"\napp = \"Bot\"\nsends = \"hi\""),
        ("not an app's word", "[[steps]]\napp = \"Bot\"\nwrites = \"hi\""),
        ("two things at once", "[[steps]]\nperson = \"tess\"\ntaps = \"A\"\nmenu = \"B\""),
        ("nothing is done", "[[steps]]\napp = \"Bot\""),
        ("no time", "[[steps]]\nafter = \"soon\""),
        ("no such folder", "[[steps]]\nperson = \"tess\"\nwrites = \"hi\"\nfolder = \"spam\""),
        ("no such side", "[[steps]]\nperson = \"tess\"\nwrites = \"hi\"\non = \"telegram\""),
        ("a menu and a message", "[[steps]]\napp = \"Bot\"\nsends = \"hi\"\nsets = { persistent_menu = [] }"),
        ("a message and a request", "[[steps]]\napp = \"Bot\"\nsends = \"hi\"\nrequests = true"),
        ("a pass that names an app", "[[steps]]\napp = \"Bot\"\npasses = \"Desk\""),
    ];
    let mut all = String::new();
    for (name, step) in wrong {
        let said = told(step, &[]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{name}: {}", said.err);
        all += &format!("=== {name}\n{}\n", said.err);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn what_only_playing_shows_is_told_with_its_step() {
    let wrong = [
        ("an app that is none", "[[steps]]\napp = \"Bott\"\nsends = \"hi\""),
        ("a malformed event", "[[steps]]\nperson = \"tess\"\ndoes = { type = \"jump\" }"),
        (
            "a side that the page has not",
            "[[steps]]\nsettings = { pages = [{ name = \"Jasper's Market\" }] }\n[[steps]]\nperson = \"tess\"\non = \"instagram\"\nwrites = \"hi\"",
        ),
        ("an ad that is none", "[[steps]]\nperson = \"tess\"\nby_ad = \"9\""),
        (
            "settings that are refused",
            "[[steps]]\nsettings = { pages = [{ name = \"Jasper's Market\", nam = \"\" }] }",
        ),
    ];
    let mut all = String::new();
    for (name, step) in wrong {
        let said = told(step, &[]);
        assert_eq!((said.code, said.err.as_str()), (1, ""), "{name}: {}", said.out);
        all += &format!("=== {name}\n{}\n", said.out);
    }
    insta::assert_snapshot!(all);
}

#[test]
fn programs_get_json_and_junit() {
    let world = World::new();
    world.write("home/story.toml", &format!("{ROUTING}owner = \"Desk\"\n[[steps]]\nafter = \"1h\"\n"));
    let said = world.run(&["test", "story.toml", "--json", "--junit", "report.xml"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    let report = std::fs::read_to_string(world.path("home/report.xml")).unwrap();
    insta::assert_snapshot!(format!("{}\n{report}", said.out));
}

/// An app that plays itself: it answers every message that it hears as the owner.
struct Bot {
    base: String,
    status: u16,
}

fn bot(base: &str, status: u16) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/webhook", listener.local_addr().unwrap());
    let bot = Arc::new(Bot { base: base.to_owned(), status });
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let router = Router::new().route("/webhook", get(handshake).post(webhook)).with_state(bot);
            axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap();
        });
    });
    url
}

async fn handshake(Query(query): Query<HashMap<String, String>>) -> String {
    query["hub.challenge"].clone()
}

async fn webhook(State(bot): State<Arc<Bot>>, Json(body): Json<Value>) -> axum::http::StatusCode {
    let status = axum::http::StatusCode::from_u16(bot.status).unwrap();
    let event = body["entry"][0]["messaging"][0].clone();
    if bot.status == 200 && event["message"]["is_echo"].is_null() && event["message"]["text"].is_string() {
        tokio::spawn(async move {
            let answer = json!({"recipient": event["sender"], "message": {"text": "You said: hello"}});
            let url = format!("{}/v25.0/me/messages?access_token=the-token", bot.base);
            reqwest::Client::builder()
                .no_proxy()
                .build()
                .unwrap()
                .post(url)
                .json(&answer)
                .send()
                .await
                .unwrap();
        });
    }
    status
}

/// A story with a bot at this address, played where the bot looks for the Graph API.
fn told_with_bot(status: u16, step: &str) -> Said {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let world = World::new();
    let settings = r#"
title = "A bot of one's own"
[settings]
apps = [{ name = "Bot", verify_token = "v" }]
[[settings.pages]]
name = "Jasper's Market"
messenger.default_app = "Bot"
connections = [{ app = "Bot", token = "the-token" }]
[[steps]]
person = "tess"
writes = "hello"
owner = "Bot"
"#;
    world.write("home/story.toml", &format!("{settings}{step}"));
    let app = format!("Bot={}", bot(&format!("http://{free}"), status));
    world.run(&["test", "story.toml", "--listen", &free, "--app", &app])
}

#[test]
fn a_bot_that_plays_itself_is_waited_for() {
    let right = "[[steps]]\nawaits = \"Bot\"\nsends = \"*hello*\"\nrule = \"MCR-SEND-8\"\nheard.Bot = [\"message_echoes\"]";
    let said = told_with_bot(200, right);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    let wrong = "[[steps]]\nawaits = \"Bot\"\npasses_to = \"inbox\"";
    let otherwise = told_with_bot(200, wrong);
    let silent = "[[steps]]\nawaits = \"Bot\"\nsends = \"*\"\n[[steps]]\nawaits = \"Bot\"\nsends = \"*\"\nwithin = \"200ms\"";
    let silent = told_with_bot(200, silent);
    let broken = told_with_bot(500, "");
    let all = [otherwise, silent, broken].map(|said| {
        assert_eq!((said.code, said.err.as_str()), (1, ""), "{}", said.out);
        without_durations(&said.out)
    });
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_bot_that_is_not_there_is_told() {
    let world = World::new();
    let story = |settings: &str| world.write("home/story.toml", settings);
    let arguments = ["test", "story.toml", "--listen", "127.0.0.1:0", "--app", "Bot=http://127.0.0.1:1/"];
    story(ROUTING);
    let when_it_hears = world.run(&arguments);
    // With a verify token its address is asked before the story begins.
    story(&ROUTING.replace("name = \"Bot\"", "name = \"Bot\", verify_token = \"v\""));
    let before = world.run(&arguments);
    let [command, file, listen, anywhere, app, _] = arguments;
    let nobody = world.run(&[command, file, listen, anywhere, app, "Nobody=http://127.0.0.1:1/"]);
    let all = [when_it_hears, before, nobody].map(|said| {
        assert_eq!((said.code, said.err.as_str()), (1, ""), "{}", said.out);
        without_durations(&said.out)
    });
    insta::assert_snapshot!(all.join("\n"));
}
