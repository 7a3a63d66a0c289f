//! `baton serve` as an operator has it: which setting wins, where it listens, who else may use its database, how
//! it stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{Server, World, bearer, http, mode};

/// The address of a URL.
fn address(url: &str) -> &str {
    url.trim_start_matches("http://")
}

#[test]
fn it_starts_with_the_defaults_of_production() {
    let world = World::new();
    let data = world.path("home/.local/share/baton");
    let serve = world.serve(&[]);
    assert_eq!(serve.ready["database"], json!(data.join("baton.db")), "{}", serve.ready);
    assert!(serve.url.starts_with("http://127.0.0.1:"), "loopback unless told: {}", serve.url);
    assert_eq!(
        (mode(&data), mode(&data.join("server.json")), mode(&data.join("baton.db"))),
        (0o700, 0o600, 0o600)
    );
    let file: Value = serde_json::from_slice(&std::fs::read(data.join("server.json")).unwrap()).unwrap();
    assert_eq!(file["url"], json!(serve.url));
    let token = file["operator_token"].as_str().unwrap();
    let clock =
        http("POST", &format!("{}/baton/v1/clock", serve.url), &[bearer(token)], r#"{"advance": "1h"}"#);
    assert_eq!(clock.status, 409, "the clock is the system's: {}", clock.body);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(http("GET", &format!("{}{path}", serve.url), &[], "").status, 200, "{path}");
    }
    // A receiver must be public, or in a network that the settings name.
    let file = world.write(
        "routing.toml",
        "[[apps]]\nname = \"A\"\nwebhook_url = \"http://127.0.0.1:1/\"\nverify_token = \"v\"\n",
    );
    let applied = world.run(&["apply", "-f", &file]);
    assert_eq!(applied.code, 1, "{}", applied.err);
    assert!(applied.err.contains("delivery.allow_addresses"), "{}", applied.err);
    serve.stop();
    assert!(!data.join("server.json").exists());
}

#[test]
fn flags_win_over_the_environment_over_the_file() {
    let world = World::new();
    let free = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (of_file, of_environment, of_flag) = (free(), free(), free());
    let config = world.write("baton.toml", &format!("listen = \"{of_file}\"\n"));
    let start = |flags: &[&str], variables: &[(&str, &str)]| {
        let mut command = world.command(&[&["serve", "--json", "-c", &config], flags].concat());
        let serve = Server::start(command.envs(variables.iter().copied()));
        let at = address(&serve.url).to_owned();
        serve.stop();
        at
    };
    assert_eq!(start(&[], &[]), of_file);
    assert_eq!(start(&[], &[("BATON_LISTEN", &of_environment)]), of_environment);
    assert_eq!(start(&["--listen", &of_flag], &[("BATON_LISTEN", &of_environment)]), of_flag);
}

#[test]
fn the_file_and_the_environment_reach_what_they_are_about() {
    let world = World::new();
    let database = world.path("elsewhere.db");
    let text = format!("database = \"sqlite://{}\"\n[limits]\nbody = 2_000\n", database.display());
    let config = world.write("baton.toml", &text);
    let mut command = world.command(&["serve", "--json", "--listen", "127.0.0.1:0", "-c", &config]);
    command.env("BATON_CLOCK", "virtual").env("BATON_PUBLIC_URL", "https://baton.example.com/");
    let serve = Server::start(&mut command);
    assert!(database.exists());
    assert_eq!(serve.url, "https://baton.example.com");
    // Clients on this machine reach it where it listens.
    assert_eq!(world.run(&["clock", "advance", "1h"]).code, 0);
    let long = world.write("long.json", &format!("{{\"apps\": [{{\"name\": \"{}\"}}]}}", "a".repeat(2_000)));
    let refused = world.run(&["apply", "-f", &long]);
    assert!(refused.err.contains("limits.body"), "the limit has its name: {}", refused.err);
    serve.stop();
}

#[test]
fn unknown_keys_start_nothing() {
    let world = World::new();
    let config = world.write("baton.toml", "[delivery]\ntimeot = \"5s\"\n");
    let said = world.run(&["serve", "-c", &config, "--listen", "127.0.0.1:0"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("baton.toml:2: there is no setting `delivery.timeot`"), "{}", said.err);
    assert!(said.err.contains("the nearest one is `delivery.timeout`"), "{}", said.err);
    assert!(!world.path("home/.local/share/baton").exists());
}

#[test]
fn a_second_process_is_refused_and_disturbs_nothing() {
    let world = World::new();
    let serve = world.serve(&[]);
    let second = world.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!((second.code, second.out.as_str()), (1, ""));
    assert!(
        second.err.contains("another baton is using") && second.err.contains("baton.db"),
        "{}",
        second.err
    );
    assert_eq!(world.run(&["apply", "--dry-run", "-f", &world.write("none.toml", "")]).code, 0);
    serve.stop();
}

/// The next answer of a connection: its status, and its body where it has one of known length.
fn answer(stream: &mut BufReader<TcpStream>) -> (u16, String) {
    let mut lines = stream.by_ref().lines().map(|line| line.unwrap());
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let length =
        head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    (status, String::from_utf8(body).unwrap())
}

fn stops_gracefully(signal: &str) {
    let world = World::new();
    let file = world.write("routing.toml", "[[pages]]\nid = \"2001\"\nname = \"Shop\"\n");
    let serve = world.serve(&[]);
    assert_eq!(world.run(&["apply", "-f", &file]).code, 0);
    let file: Value =
        serde_json::from_slice(&std::fs::read(world.path("home/.local/share/baton/server.json")).unwrap())
            .unwrap();
    let at = address(&serve.url).to_owned();
    let connect = || TcpStream::connect(&at).unwrap();

    // A person's event of which the server has the head, and of whose body only a part.
    let body = r#"{"type": "message", "message": {"text": "hello"}}"#;
    let mut writes = connect();
    write!(
        writes,
        "POST /baton/v1/pages/2001/people/ada/events HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        file["operator_token"].as_str().unwrap(),
        body.len()
    )
    .unwrap();
    let mut heard = BufReader::new(writes.try_clone().unwrap());
    // "100 Continue": the request is under way.
    assert_eq!(answer(&mut heard).0, 100);
    writes.write_all(&body.as_bytes()[..10]).unwrap();
    // A probe that asks as the server is told to stop: the head is not whole yet.
    let mut probe = connect();
    write!(probe, "GET /readyz HTTP/1.1\r\nhost: {at}\r\n").unwrap();
    let mut probed = BufReader::new(probe.try_clone().unwrap());
    // Connections are taken in the order in which they come: with this one answered, the probe is taken too.
    assert_eq!(http("GET", &format!("{}/healthz", serve.url), &[], "").status, 200);

    let begun = Instant::now();
    serve.signal(signal);
    // It takes no more connections: only then both of those that it has go on.
    while TcpStream::connect(&at).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(8), "it goes on listening");
        std::thread::yield_now();
    }
    probe.write_all(b"\r\n").unwrap();
    let (status, problem) = answer(&mut probed);
    assert_eq!(status, 503, "a server that stops is not ready: {problem}");
    assert!(problem.contains("/problems/stopping"), "{problem}");
    writes.write_all(&body.as_bytes()[10..]).unwrap();
    let (status, taken) = answer(&mut heard);
    assert_eq!(status, 200, "{taken}");
    let taken: Value = serde_json::from_str(&taken).unwrap();

    serve.ended();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(!world.path("home/.local/share/baton/server.json").exists());
    // What was answered is there.
    let serve = world.serve(&[]);
    let messages = http(
        "GET",
        &format!("{}/baton/v1/pages/2001/threads/ada/messages", serve.url),
        &[bearer(file["operator_token"].as_str().unwrap())],
        "",
    );
    assert!(messages.body.contains(taken["message_id"].as_str().unwrap()), "{}", messages.body);
    serve.stop();
}

#[test]
fn sigterm_lets_what_is_under_way_end() {
    stops_gracefully("-TERM");
}

#[test]
fn sigint_lets_what_is_under_way_end() {
    stops_gracefully("-INT");
}

#[test]
fn a_new_operator_token_counts_from_the_next_start_on() {
    let world = World::new();
    let serve = world.serve(&[]);
    let made = world.run(&["token", "operator"]);
    let new = made.out.trim().to_owned();
    let can = |url: &str, token: &str| {
        http("GET", &format!("{url}/baton/v1/routing"), &[bearer(token)], "").status == 200
    };
    assert!(!can(&serve.url, &new));
    assert_eq!(world.run(&["thread", "show", "1", "ada"]).code, 1);
    let path = world.path("home/.local/share/baton/server.json");
    let file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let old = file["operator_token"].as_str().unwrap().to_owned();
    assert!(can(&serve.url, &old));
    serve.stop();
    let serve = world.serve(&[]);
    assert!(can(&serve.url, &new) && !can(&serve.url, &old));
    assert_eq!(mode(&world.path("home/.local/share/baton/operator-token")), 0o600);
    serve.stop();
}

#[test]
fn a_backup_is_made_while_it_serves_and_takes_the_databases_place() {
    let world = World::new();
    let serve = world.serve(&[]);
    let file = world.write("routing.toml", "[[pages]]\nid = \"2001\"\nname = \"Market\"\n");
    let applied = world.run(&["apply", "-f", &file]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    assert_eq!(world.run(&["send", "2001", "ada", "before"]).code, 0);
    let copy = world.path("copy.db").display().to_string();
    let made = world.json(&["backup", &copy, "--json"]);
    let size = std::fs::metadata(&copy).unwrap().len();
    assert_eq!((&made["file"], &made["bytes"]), (&json!(copy), &json!(size)));
    assert_eq!(mode(&world.path("copy.db")), 0o600);
    let again = world.run(&["backup", &copy]);
    assert_eq!(again.code, 1, "{}", again.out);
    assert!(again.err.contains("a backup is written into a new file"), "{}", again.err);
    // Of `baton dev`, where nothing else is there.
    let elsewhere = world.path("elsewhere").display().to_string();
    world.dev(&["--data", &elsewhere]).stop();
    let made = world.json(&[
        "backup",
        &world.path("demo-copy.db").display().to_string(),
        "--data",
        &elsewhere,
        "--json",
    ]);
    assert_eq!(made["database"], json!(world.path("elsewhere/demo.db")));
    assert_eq!(world.run(&["send", "2001", "ada", "after"]).code, 0);
    serve.stop();

    let data = world.path("home/.local/share/baton");
    std::fs::rename(&copy, data.join("baton.db")).unwrap();
    for beside in ["baton.db-wal", "baton.db-shm"] {
        // A server that stopped well has left neither.
        assert!(!data.join(beside).exists(), "{beside}");
    }
    let serve = world.serve(&[]);
    let file: Value = serde_json::from_slice(&std::fs::read(data.join("server.json")).unwrap()).unwrap();
    let token = file["operator_token"].as_str().unwrap();
    let path = format!("{}/baton/v1/pages/2001/threads/ada/messages", serve.url);
    let messages = http("GET", &path, &[bearer(token)], "").body;
    assert!(messages.contains("before") && !messages.contains("after"), "{messages}");
    assert_eq!(world.run(&["send", "2001", "ada", "goes on"]).code, 0);
    serve.stop();
}

/// A certificate for localhost that nobody but itself stands for, and its key; valid from 2020 until so many days from
/// now. PEM.
fn certificate(days: i64) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    let end = jiff::tz::Offset::UTC.to_datetime(end);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(end.year().into(), end.month() as u8, end.day() as u8);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// What is answered over HTTPS to who trusts this certificate.
fn over_https(port: u16, trusted: &str) -> reqwest::Result<u16> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let trusted = reqwest::Certificate::from_pem(trusted.as_bytes()).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([trusted]).no_proxy().build().unwrap();
        let answer = client.get(format!("https://localhost:{port}/healthz")).send().await?;
        Ok(answer.status().as_u16())
    })
}

#[test]
fn a_certificate_that_runs_out_is_told_and_a_renewed_one_is_read_at_a_hangup() {
    let world = World::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (files, key_file) = (world.path("home/certificate.pem"), world.path("home/key.pem"));
    let write = |(certificate, key): &(String, String)| {
        std::fs::write(&files, certificate).unwrap();
        std::fs::write(&key_file, key).unwrap();
    };
    let config = world.write(
        "home/baton.toml",
        &format!(
            "tls_listen = \"127.0.0.1:{port}\"\ntls_certificate = \"{}\"\ntls_key = \"{}\"\n",
            files.display(),
            key_file.display()
        ),
    );
    for (days, wanted) in [(-2, "ran out on"), (5, "runs out on"), (40, "")] {
        write(&certificate(days));
        let checked = world.run(&["check", "-c", &config]);
        assert_eq!(checked.code, 0, "{}", checked.err);
        let said = format!("{}{}", checked.out, checked.err);
        assert_eq!(said.contains("the certificate"), !wanted.is_empty(), "{days}: {said}");
        assert!(said.contains(wanted), "{days}: {said}");
    }
    let (old, new) = (certificate(-2), certificate(90));
    write(&old);
    let serve = world.serve(&["-c", &config]);
    assert!(over_https(port, &old.0).is_err(), "it ran out");
    // A key of another certificate changes nothing, and ends nothing.
    std::fs::write(&key_file, &new.1).unwrap();
    serve.signal("-HUP");
    write(&new);
    let began = Instant::now();
    while over_https(port, &new.0).ok() != Some(200) {
        assert!(began.elapsed() < Duration::from_secs(30), "it is not shown");
        serve.signal("-HUP");
        std::thread::yield_now();
    }
    let log = serve.stop();
    assert!(log.contains("ran out on"), "{log}");
    assert!(log.contains("the certificate was read again"), "{log}");
}
