//! Exit codes and messages: 0 done, 1 failed, 2 wrong usage; what happened, why, what to do; and standard
//! output holds nothing but what was asked for.

use super::support::World;

#[track_caller]
fn assert_fails(world: &World, arguments: &[&str], code: i32, parts: &[&str]) {
    let said = world.run(arguments);
    assert_eq!((said.code, said.out.as_str()), (code, ""), "{arguments:?}: {}", said.err);
    for part in parts {
        assert!(said.err.contains(part), "{arguments:?}: {part:?} is not in\n{}", said.err);
    }
    assert!(!said.err.contains('\u{1b}'), "colours are for terminals: {:?}", said.err);
    assert!(!said.err.contains("panicked"), "{}", said.err);
}

#[test]
fn wrong_usage_is_2() {
    let world = World::new();
    assert_fails(&world, &[], 2, &["Usage: baton"]);
    assert_fails(&world, &["nonsense"], 2, &["unrecognized subcommand 'nonsense'"]);
    // What is not built is no command.
    assert_fails(&world, &["chat"], 2, &["unrecognized subcommand"]);
    let which = ["deliveries", "resend", "Bot"];
    assert_fails(&world, &which, 2, &["the following required arguments were not provided"]);
    let both = ["deliveries", "resend", "Bot", "3-41", "--since", "2030-01-01T09:00:00Z"];
    assert_fails(&world, &both, 2, &["cannot be used with"]);
    assert_fails(
        &world,
        &["send", "2001", "you"],
        2,
        &["error: there is nothing to send", "do: give a text"],
    );
    assert_fails(
        &world,
        &["send", "2001", "you", "hi", "--ad", "1", "--link", "a"],
        2,
        &["cannot be used with"],
    );
    assert_fails(&world, &["clock", "advance", "soon"], 2, &["a duration looks like 24h"]);
    assert_fails(&world, &["clock", "set", "tomorrow"], 2, &["a time looks like"]);
    assert_fails(&world, &["clock", "--server", "http://127.0.0.1:1"], 2, &["no operator token", "--token"]);
    assert_fails(&world, &["clock", "--server", "here", "--token", "x"], 2, &["no address of a server"]);
    let server = ["--server", "http://127.0.0.1:1"];
    let all = [
        &["serve"][..],
        &["dev"],
        &["migrate"],
        &["openapi"],
        &["completions", "bash"],
        &["token", "operator"],
    ];
    for alone in all {
        assert_fails(&world, &[alone, &server].concat(), 2, &["talks to no server", "leave out --server"]);
        assert_fails(&world, &[&server, alone].concat(), 2, &["talks to no server"]);
    }
}

#[test]
fn the_description_is_printed_whole() {
    let printed = World::new().run(&["openapi"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let printed: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(printed, baton_server::openapi(env!("CARGO_PKG_VERSION"), None));
}

#[test]
fn help_is_0_and_on_standard_output() {
    let world = World::new();
    let help = world.run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    let mut command = world.command(&["--help"]);
    let secret = command.env("BATON_OPERATOR_TOKEN", "very-secret").output().unwrap();
    assert!(!String::from_utf8(secret.stdout).unwrap().contains("very-secret"));
    let version = world.run(&["--version"]);
    assert_eq!(version.out, format!("baton {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn without_a_server_is_1_and_says_how_to_start_one() {
    let world = World::new();
    for arguments in [
        &["send", "2001", "you", "hello"][..],
        &["thread", "show", "2001", "you", "--json"],
        &["thread", "explain", "2001", "you"],
        &["clock"],
    ] {
        assert_fails(
            &world,
            arguments,
            1,
            &["error: no Baton is running here", "do: start one with `baton dev` or"],
        );
    }
    // A server that is gone without having said so.
    let data = world.path("data");
    std::fs::create_dir(&data).unwrap();
    let stale = r#"{"url": "http://127.0.0.1:1", "operator_token": "gone"}"#;
    std::fs::write(data.join("server.json"), stale).unwrap();
    let data = data.display().to_string();
    assert_fails(
        &world,
        &["clock", "--data", &data],
        1,
        &["no Baton answers", "http://127.0.0.1:1", "baton dev"],
    );
}

#[test]
fn wrong_settings_are_2_and_all_named_at_once() {
    let world = World::new();
    let file = world.write("baton.toml", "lissten = \"x\"\nclock = \"sundial\"\ntls_listen = \"x\"\n");
    let parts = [
        "3 settings are wrong",
        "baton.toml:1: ",
        "`listen`",
        "\"system\" or \"virtual\"",
        "baton.toml:3: tls_listen: an address and a port belong here",
    ];
    assert_fails(&world, &["serve", "-c", &file], 2, &parts);
    assert_fails(&world, &["dev", "--listen", "here"], 2, &["--listen: an address and a port belong here"]);
    let named = world.write("db.toml", "database = \"sqlite:///tmp/x.db\"\n");
    assert_fails(&world, &["dev", "--ephemeral", "-c", &named], 2, &["--ephemeral keeps nothing"]);
    assert_fails(&world, &["serve", "-c", "nowhere.toml"], 1, &["cannot read nowhere.toml"]);
    // Not where a Baton may run already, of whoever runs these tests.
    let listen = "listen = \"127.0.0.1:0\"\ntls_listen = \"127.0.0.1:0\"\n";
    let bare = world.write("tls.toml", listen);
    assert_fails(&world, &["serve", "-c", &bare], 2, &["HTTPS needs a certificate", "`tls_certificate`"]);
    let files = "tls_certificate = \"no.pem\"\ntls_key = \"no.pem\"\n";
    let missing = world.write("tls2.toml", &format!("{listen}{files}"));
    assert_fails(&world, &["dev", "-c", &missing], 1, &["cannot read no.pem"]);
}

#[test]
fn a_wrong_routing_file_starts_nothing() {
    let world = World::new();
    let toml = world.write("broken.toml", "[[apps]\n");
    assert_fails(
        &world,
        &["dev", "-f", &toml, "--listen", "127.0.0.1:0"],
        1,
        &["is not TOML", "broken.toml:1: "],
    );
    let wrong = world.write("wrong.toml", "[[apps]]\nname = \"A\"\nwebhok_url = \"x\"\n[[apps]]\n");
    let parts = [&format!("{wrong} was not applied"), "wrong.toml:3: /apps/0/webhok_url: ", "`webhook_url`"];
    assert_fails(&world, &["dev", "-f", &wrong, "--listen", "127.0.0.1:0"], 1, &parts);
    assert!(!world.path("home/.local/share/baton/server.json").exists());
}

#[test]
fn a_port_that_is_taken_says_what_to_do() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let parts = [&format!("cannot listen on {at}"), "perhaps another Baton", "--listen 127.0.0.1:0"];
    assert_fails(&world, &["dev", "--listen", &at], 1, &parts);
    assert_fails(&world, &["serve", "--listen", &at], 1, &parts);
}

#[test]
fn a_port_that_a_bot_calls_is_not_advised_to_be_any() {
    let world = World::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let file = world.write(
        "story.toml",
        "title = \"A story\"\n[settings]\napps = [{ name = \"Bot\" }]\n[[settings.pages]]\nname = \"Shop\"\n\
         messenger.default_app = \"Bot\"\nconnections = [{ app = \"Bot\" }]\n[[steps]]\nperson = \"ada\"\nwrites = \"hi\"\n",
    );
    let said = world.run(&["test", &file, "--app", "Bot=http://127.0.0.1:1/hook", "--listen", &at]);
    assert_eq!(said.code, 1);
    let all = format!("{}{}", said.out, said.err);
    assert!(
        all.contains("cannot listen on") && all.contains("base URL") && !all.contains("127.0.0.1:0 "),
        "{all}"
    );
}

#[test]
fn whoever_has_read_enough_of_the_description_is_not_scolded() {
    let world = World::new();
    let mut command = world.command(&["openapi"]);
    let mut child =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = super::support::said(&child.wait_with_output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}
