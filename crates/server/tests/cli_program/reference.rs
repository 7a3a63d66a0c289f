//! The reference in `docs/reference` is what the program itself says: the settings as the embedded default file
//! describes them, the commands as `--help` does, its own API as `baton openapi` does.
//! `BATON_WRITE_REFERENCE=1 cargo test -p baton-server --test cli_program reference` writes it anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use baton_rules::{Refusal, Surface};
use baton_server::config::{Config, DEFAULT_FILE};
use baton_wire::GraphError;
use serde_json::Value;

use crate::support::World;

/// Compares a document with what it should say, or writes it where that is asked for.
#[track_caller]
fn assert_written(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference").join(name);
    if std::env::var_os("BATON_WRITE_REFERENCE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/reference/{name} is not what the program says; write it anew with\n  \
         BATON_WRITE_REFERENCE=1 cargo test -p baton-server --test cli_program reference\n\
         and read the difference"
    );
}

/// One setting as the default file has it.
struct Setting {
    key: String,
    /// What it is when nobody says; none: an example.
    default: Option<String>,
    example: Option<String>,
    meaning: String,
}

/// The settings of the default file, in its order.
fn settings() -> Vec<Setting> {
    let (mut section, mut remarks, mut found) = (String::new(), Vec::new(), Vec::new());
    for line in DEFAULT_FILE.lines() {
        let commented = line.strip_prefix("# ").filter(|text| text.contains(" = ") && !text.contains(". "));
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, value)) = commented
            .unwrap_or(line)
            .split_once(" = ")
            .filter(|_| commented.is_some() || !line.starts_with('#'))
        {
            let value = Some(value.to_owned());
            let (default, example) = if commented.is_some() { (None, value) } else { (value, None) };
            let meaning = std::mem::take(&mut remarks).join(" ");
            found.push(Setting { key: format!("{section}{key}"), default, example, meaning });
        } else if let Some(remark) = line.strip_prefix("# ") {
            remarks.push(remark);
        } else {
            // An empty line ends a remark that is about no setting.
            remarks.clear();
        }
    }
    found
}

#[test]
fn settings_are_as_the_default_file_describes_them() {
    let mut text = "# Settings\n\n\
        Written from `baton.default.toml`, which is part of the program; do not edit.\n\n\
        `baton serve -c baton.toml` reads them from a TOML file; `baton dev` takes the same ones. Each can be given in\n\
        the environment too: `BATON_` and its path in capitals, with two underscores between levels. Flags win over the\n\
        environment, the environment over the file, the file over the defaults. A key that is no setting is an error.\n\
        `baton check -c baton.toml` says what is wrong without starting anything.\n\n\
        Durations are texts: `\"250ms\"`, `\"90s\"`, `\"24h\"`, `\"7d\"`.\n\n\
        Three variables are no settings of a server but say which one is meant: `BATON_SERVER`, `BATON_OPERATOR_TOKEN`\n\
        (also the token that a server takes when it starts with it) and `BATON_DATA`, the data directory.\n"
        .to_owned();
    for Setting { key, default, example, meaning } in settings() {
        let variable = format!("BATON_{}", key.replace('.', "__").to_uppercase());
        write!(text, "\n## `{key}`\n\n{meaning}\n\n").unwrap();
        match (default, example) {
            (Some(default), _) => write!(text, "Default `{default}`"),
            (None, example) => write!(text, "No default; for example `{}`", example.unwrap_or_default()),
        }
        .unwrap();
        writeln!(text, ". In the environment: `{variable}`.").unwrap();
    }
    assert_written("settings.md", &text);
}

/// An error as a line: what a client sees, and what to do.
fn error_row(id: &str, error: &GraphError, advice: Option<&str>) -> String {
    let code = error.subcode.map_or(error.code.to_string(), |subcode| format!("{} / {subcode}", error.code));
    let plain = error
        .plain
        .as_ref()
        .map(|(title, text)| format!("**{}{}** {text}", title, if title.ends_with('?') { "" } else { "." }));
    let advice = advice.map(str::to_owned).or(plain).unwrap();
    format!("| {id} | {} | {code} | {} | {advice} |\n", error.status, error.message)
}

/// The errors that no rule of threads gives, each with what to do.
fn other_errors() -> [(&'static str, GraphError, &'static str); 18] {
    [
        (
            "E-TOKEN",
            GraphError::token(),
            "The token is none of this server's, or was replaced: `baton token create --app APP --page PAGE` makes one.",
        ),
        (
            "E-TOKEN",
            GraphError::no_token(),
            "Give the token as `access_token`, or in the header `Authorization: Bearer`.",
        ),
        ("E-PARAM", GraphError::required("recipient[id]"), "Add the parameter that the text names."),
        (
            "E-PARAM",
            GraphError::parameter(
                "Length of param metadata must be less than or equal to 2000 (limits.metadata)",
            ),
            "The text says what would be right; in brackets the setting, where one bounds it.",
        ),
        (
            "–",
            GraphError::not_built("message[template]"),
            "Baton does not have this: [what differs](../what-differs.md) has the list.",
        ),
        (
            "–",
            GraphError::unknown_recipient("user_ref"),
            "No opt-in brought it to this page: the same of tokens for notifications, and of `live_chat_id` always.",
        ),
        (
            "–",
            GraphError::unknown_recipient("phone_number"),
            "Customer matching is no part of Baton: write to the id in `sender.id`.",
        ),
        (
            "–",
            GraphError::wrong_proof(),
            "`appsecret_proof` is the HMAC-SHA256 of the token with the app's secret, in hex.",
        ),
        (
            "–",
            GraphError::unknown_attachment(),
            "An attachment id is the page's own, and is kept for 90 days.",
        ),
        ("–", GraphError::attachment_too_large(), "Pictures up to 8 MB, other files up to 25 MB."),
        ("–", GraphError::message_and_action(), "Send the message and the sender action in two calls."),
        (
            "–",
            GraphError::unknown_node("POST", "77"),
            "The path names nothing that this token may see, or the call does not exist: [what differs](../what-differs.md).",
        ),
        ("–", GraphError::unknown_path("/x"), "There is no such edge."),
        (
            "–",
            GraphError::callback("HTTP 500"),
            "The webhook's address must answer the handshake with the challenge: `baton doctor APP` tries it.",
        ),
        ("E-RATE", GraphError::rate(), "`limits.sends` messages in a second: slow down, and try again."),
        ("–", GraphError::app_limit(), "`limits.app_calls` in an hour: `x-app-usage` says how much is used."),
        (
            "–",
            GraphError::page_limit(Surface::Messenger),
            "`limits.page_calls` in an hour: `x-business-use-case-usage` says how much is used.",
        ),
        (
            "–",
            GraphError::transient(),
            "Nothing was done, or it is not known: try again, with the same `Idempotency-Key`.",
        ),
    ]
}

#[test]
fn errors_are_as_the_graph_api_answers_them() {
    let head = "| in the specification | status | code / subcode | message | what to do |\n| --- | --- | --- | --- | --- |\n";
    let mut text = "# Errors of the Graph API\n\n\
        Written from the program's own table; do not edit. Every error is an object `error` with `message`, `type`, `code`,\n\
        `fbtrace_id` and, where there are, `error_subcode`, `error_user_title` and `error_user_msg`. The last two say in\n\
        plain words what would work, and where it depends on it, who is in control and until when. `baton explain` takes\n\
        the `fbtrace_id`.\n\n## What the rules of conversations refuse\n\n"
        .to_owned();
    text.push_str(head);
    for (refusal, id) in Refusal::ALL {
        let [messenger, instagram] =
            [Surface::Messenger, Surface::Instagram].map(|on| GraphError::of(*refusal, on));
        text.push_str(&error_row(id, &messenger, None));
        if instagram != messenger {
            text.push_str(&error_row(&format!("{id} on Instagram"), &instagram, None));
        }
    }
    write!(text, "\n## What is refused before\n\n{head}").unwrap();
    for (id, error, advice) in other_errors() {
        text.push_str(&error_row(id, &error, Some(advice)));
    }
    assert_written("errors.md", &text);
}

#[test]
fn every_setting_is_in_the_reference() {
    let described: Vec<String> = settings()
        .iter()
        .map(|setting| {
            assert!(!setting.meaning.is_empty(), "{} says nothing", setting.key);
            format!("BATON_{}", setting.key.replace('.', "__").to_uppercase())
        })
        .collect();
    let known = Config::variables();
    assert_eq!(described, known, "in the order of the table");
}

/// A client that plays stories with the program (`e2e/clients`): its name, its version, where it comes from, and what
/// its stories are called.
fn client(folder: &Path) -> Option<String> {
    let name = folder.file_name()?.to_str()?.to_owned();
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let stories = |text: String, begins: &str, ends: char| -> Vec<String> {
        let begun = text.lines().filter_map(|line| line.trim_start().strip_prefix(begins));
        begun.filter_map(|rest| rest.split(ends).next().map(str::to_owned)).collect()
    };
    let (version, from, stories) = if let Some(package) = read("package.json") {
        let package: serde_json::Value = serde_json::from_str(&package).unwrap();
        let version = package["dependencies"][&name].as_str().unwrap().to_owned();
        (version, "npm", stories(read("stories.test.mjs")?, "test('", '\''))
    } else {
        let needed = read("requirements.txt")?;
        let of = |line: &str| {
            line.split_once("==")
                .map(|(known, version)| (known.replace('_', "-").to_lowercase(), version.to_owned()))
        };
        let (_, version) = needed.lines().filter_map(of).find(|(known, _)| *known == name).unwrap();
        let text = read("test_stories.py")?.replace("async def", "def");
        let named = stories(text, "def test_", '(');
        (version, "PyPI", named.iter().map(|name| name.replace('_', " ")).collect())
    };
    assert!(!stories.is_empty(), "{name} plays nothing");
    Some(format!("| `{name}` | {version} | {from} | {} |", stories.join("; ")))
}

/// What all files of a client's stories say.
fn sources(folder: &Path) -> String {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let inner = |path: PathBuf| match path.file_name().and_then(|name| name.to_str()) {
        Some("node_modules" | ".venv" | "__pycache__" | "package-lock.json") => String::new(),
        _ if path.is_dir() => sources(&path),
        _ => std::fs::read_to_string(&path).unwrap_or_default(),
    };
    files.map(inner).collect()
}

#[test]
fn every_client_is_pointed_here_as_its_stories_do_it() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/point-your-client.md");
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/clients");
    let page = std::fs::read_to_string(docs).unwrap();
    let headings = page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let mut told: Vec<&str> = Vec::new();
    for heading in headings {
        let (name, option) = heading.split_once("`: `").unwrap();
        assert!(sources(&clients.join(name)).contains(option), "{name} is not pointed here by {option}");
        let after = page.split_once(heading).unwrap().1;
        let code = after.split("```").nth(1).unwrap();
        assert!(code.contains(option), "{name}: {option} is not in {code}");
        told.push(name);
    }
    told.sort_unstable();
    let mut tested: Vec<String> = std::fs::read_dir(&clients)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|folder| {
            client(&folder).map(|_| folder.file_name().unwrap().to_string_lossy().into_owned())
        })
        .collect();
    tested.sort_unstable();
    assert_eq!(told, tested);
}

#[test]
fn clients_are_those_that_play_stories() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/clients");
    let mut rows: Vec<String> =
        std::fs::read_dir(folder).unwrap().filter_map(|entry| client(&entry.unwrap().path())).collect();
    rows.sort();
    assert!(rows.len() > 10, "{rows:?}");
    let text = format!(
        "# Clients that are tested\n\n\
         Written from `e2e/clients`; do not edit. Each is taken from its registry as it is, and only its address is \
         changed: it\nsends, receives, hands over where it can, and fails as documented. `make e2e` plays all of it \
         with the program that is\nbuilt.\n\n\
         | client | version | from | stories |\n| --- | --- | --- | --- |\n{}\n\n\
         What other clients were seen to do, and what follows from it: [What client libraries do](protocol/clients.md). \
         Clients that\nspeak nothing but HTTPS: [HTTPS](https.md). Where a client notices that this is not the \
         platform:\n[What differs from the platform](what-differs.md).\n",
        rows.join("\n")
    );
    assert_written("../clients.md", &text);
}

#[test]
fn the_own_api_is_as_the_program_describes_it() {
    let printed = World::new().run(&["openapi"]);
    assert_eq!(printed.code, 0, "{}", printed.err);
    assert_written("openapi.json", &printed.out);
}

/// The tables of a routing file, and what the description of the API calls the shape of each.
const TABLES: [(&str, &str); 8] = [
    ("[[apps]]", "NewApp"),
    ("[[pages]]", "NewPage"),
    ("[pages.messenger]", "NewSide"),
    ("[pages.instagram]", "NewAccount"),
    ("[[pages.messenger.grant]], [[pages.instagram.grant]]", "NewGrant"),
    ("[[pages.connections]]", "NewConnection"),
    ("[[pages.links]]", "NewLink"),
    ("[[pages.ads]]", "NewAd"),
];

/// What may stand for a key, in words.
fn kind_of(schema: &Value) -> String {
    let quoted = |words: &[Value]| {
        let words = words.iter().filter(|word| !word.is_null()).map(|word| format!("`{word}`"));
        words.collect::<Vec<_>>().join(", ")
    };
    if let Some(words) = schema["enum"].as_array() {
        return quoted(words);
    }
    if let Some(words) = schema["items"]["enum"].as_array() {
        return format!("a list of {}", quoted(words));
    }
    let kind =
        schema["type"].as_array().map_or_else(|| vec![&schema["type"]], |kinds| kinds.iter().collect());
    let kinds: Vec<&str> =
        kind.into_iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect();
    match kinds[..] {
        ["string"] => "text".to_owned(),
        ["boolean"] => "`true` or `false`".to_owned(),
        ["integer"] => format!("{} to {}", schema["minimum"], schema["maximum"]),
        ["array"] => "a list of texts".to_owned(),
        ["object", "string"] => "a table, or JSON in a text".to_owned(),
        _ => panic!("no words for {schema}"),
    }
}

#[test]
fn a_routing_file_is_as_the_program_reads_it() {
    let printed = World::new().run(&["openapi"]);
    let description: Value = serde_json::from_str(&printed.out).unwrap();
    let shapes = &description["components"]["schemas"];
    let mut text = "# The routing file\n\n\
        Written from what the program reads; do not edit.\n\n\
        Who works on which page, and who gets its conversations, stands in a TOML file. `baton dev -f routing.toml` starts\n\
        with it, `baton apply -f routing.toml` makes a running server what it says (`--dry-run`: says what would change),\n\
        `baton check -f routing.toml` says what is wrong with it, line by line. [The first ten minutes](../start.md) build one\n\
        up, and `examples/` has some. The same as JSON goes over [Baton's own API](api.md), which also gives what a server\n\
        has now (`GET /baton/v1/routing`). A key that is not here is an error. Apps are named by id or by name; the Inbox is\n\
        `inbox`. Secrets are better not in the file: `\"env:NAME\"` is a variable of the environment.\n\n\
        What has no default may be left out, unless it is **required**.\n"
        .to_owned();
    for (heading, shape) in TABLES {
        let shape = &shapes[shape];
        let about = shape["description"].as_str().unwrap().replace('\n', " ");
        let about = about.replace(", as the file has it", "");
        write!(text, "\n## `{}`\n\n{about}\n\n", heading.replace(", ", "`, `")).unwrap();
        writeln!(text, "| key | is | default | meaning |\n| --- | --- | --- | --- |").unwrap();
        let required = shape["required"].as_array().cloned().unwrap_or_default();
        for (key, is) in shape["properties"].as_object().unwrap() {
            let meaning = is["description"].as_str().unwrap_or_default().replace('\n', " ");
            let inner = is.get("anyOf").is_some() && key != "standby" || is["items"].get("$ref").is_some();
            // Tables have their own section; what is passed over is nothing to write.
            if inner || meaning.starts_with("Passed over") {
                continue;
            }
            assert!(!meaning.is_empty(), "{heading} {key} has no words");
            let kind = if key == "standby" {
                "`true`, `false`, or `{ messenger = true, instagram = false }`".to_owned()
            } else {
                kind_of(is)
            };
            let default = match is.get("default").filter(|default| !default.is_null()) {
                _ if required.contains(&Value::from(key.as_str())) => "**required**".to_owned(),
                Some(default) => format!("`{default}`"),
                None => String::new(),
            };
            writeln!(text, "| `{key}` | {kind} | {default} | {meaning} |").unwrap();
        }
    }
    assert_written("routing.md", &text);
}

/// A command and those below it. The options of every command are told once.
fn command(found: &clap::Command, text: &mut String) {
    let path = found.get_bin_name().unwrap();
    let hidden = |option: clap::Arg| {
        let hide = option.is_global_set() && path != "baton";
        option.hide(hide)
    };
    let shown = found.clone().mut_args(hidden).term_width(100).render_help();
    write!(text, "\n## `{path}`\n\n```text\n{}\n```\n", shown.to_string().trim_end()).unwrap();
    found.get_subcommands().for_each(|inner| command(inner, text));
}

#[test]
fn commands_are_as_their_help_describes_them() {
    let mut text = "# Commands\n\n\
        Written from the program's own help; do not edit.\n\n\
        Exit codes: 0 done, 1 failed, 2 wrong usage. With `--json`, standard output holds JSON and nothing else. Colours\n\
        are for terminals, and not where `NO_COLOR` is set. Errors go to standard error: what happened, why, what to do.\n\
        The options of every command stand in the first help below.\n"
        .to_owned();
    let mut all = baton_server::cli::command().bin_name("baton");
    all.build();
    command(&all, &mut text);
    assert_written("commands.md", &text);
}
