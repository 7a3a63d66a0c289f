//! What a server's log says, and what it must never say.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use serde_json::{Value, json};

use super::support::{Server, World, bearer, http};

/// Every secret that a server is given or gives. None is a part of another word that is logged.
const OPERATOR: &str = "operator-5ecret-a1";
const APP_SECRET: &str = "app-5ecret-b2";
const VERIFY_TOKEN: &str = "verify-5ecret-c3";
const PAGE_TOKEN: &str = "EAA-page-5ecret-d4";
const HOOK: [&str; 3] = ["hook-user-5ecret-e5", "hook-pass-5ecret-f6", "hook-key-5ecret-g7"];
const WRONG: &str = "EAA-wrong-5ecret-h8";
const PROOF: &str = "0123456789abcdef5ecret0i9";
const FROM_ENVIRONMENT: &str = "env-5ecret-j0";

/// A receiver that takes everything, and verifies where it is asked to. Answers its port, and tells of each
/// webhook.
fn receiver() -> (u16, std::sync::mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let request = lines.next().unwrap_or_default();
            lines.take_while(|line| !line.is_empty()).for_each(drop);
            let challenge = request.split_once("hub.challenge=").map(|(_, rest)| rest);
            let body = challenge.and_then(|rest| rest.split(['&', ' ']).next()).unwrap_or_default();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).unwrap();
            if request.starts_with("POST") && heard.send(()).is_err() {
                return;
            }
        }
    });
    (port, told)
}

fn routing(port: u16) -> String {
    let [user, password, key] = HOOK;
    format!(
        "[[apps]]\nid = \"111\"\nname = \"Bot\"\nsecret = \"{APP_SECRET}\"\nverify_token = \"{VERIFY_TOKEN}\"\n\
         webhook_url = \"http://{user}:{password}@127.0.0.1:{port}/hook?key={key}\"\n\
         [[apps]]\nid = \"222\"\nname = \"Desk\"\nsecret = \"env:DESK_SECRET\"\n\
         webhook_url = \"http://{user}:{password}@127.0.0.1:1/hook?key={key}\"\n\
         [[pages]]\nid = \"2001\"\nname = \"Shop\"\nmessenger = {{ default_app = \"Bot\" }}\n\
         connections = [{{ app = \"Bot\", token = \"{PAGE_TOKEN}\" }}, {{ app = \"Desk\" }}]\n"
    )
}

/// Calls with a secret wherever a client may put one. Answers secrets that were made on the way.
fn calls(url: &str) -> Vec<String> {
    let form = ("content-type", "application/x-www-form-urlencoded".to_owned());
    let message = json!({"recipient": {"id": "ada"}, "message": {"text": "hi"}});
    let mut in_body = message.clone();
    in_body["access_token"] = json!(PAGE_TOKEN);
    let message = message.to_string();
    let ask = |method: &str, path: &str, headers: &[(&'static str, String)], body: &str| {
        http(method, &format!("{url}{path}"), headers, body)
    };
    let app_token = format!("111|{APP_SECRET}");
    for (token, status) in [(PAGE_TOKEN, 200), (WRONG, 400)] {
        let sent = ask("POST", "/v25.0/me/messages", &[bearer(token)], &message);
        assert_eq!(sent.status / 100, status / 100, "{}", sent.body);
        ask("POST", &format!("/v25.0/me/messages?access_token={token}"), &[], &message);
        ask(
            "GET",
            &format!("/v25.0/me/thread_owner?recipient=ada&access_token={token}&appsecret_proof={PROOF}"),
            &[],
            "",
        );
        let fields = format!(
            "access_token={token}&recipient=%7B%22id%22%3A%22ada%22%7D&message=%7B%22text%22%3A%22x%22%7D"
        );
        ask("POST", "/v25.0/me/messages", std::slice::from_ref(&form), &fields);
        ask("GET", &format!("/v25.0/debug_token?input_token={token}&access_token={app_token}"), &[], "");
        ask("GET", &format!("/baton/v1/routing?token={token}"), &[bearer(token)], "");
    }
    assert_eq!(ask("POST", "/v25.0/me/messages", &[], &in_body.to_string()).status, 200);
    ask("GET", &format!("/v25.0/111/subscriptions?access_token={app_token}"), &[], "");
    ask("POST", &format!("/v25.0/me/pass_thread_control?access_token={PAGE_TOKEN}"), &[], "{broken");
    ask("GET", "/baton/v1/routing", &[bearer(OPERATOR)], "");
    let kept = format!("/v25.0/me/messages/{PAGE_TOKEN}");
    assert_eq!(ask("GET", &kept, &[], "").status, 400);
    let changed = json!({"secret": "patched-5ecret-k1"}).to_string();
    assert_eq!(ask("PATCH", "/baton/v1/apps/222", &[bearer(OPERATOR)], &changed).status, 200);
    let refused = json!({"secret": "refused-5ecret-l2", "verify_token": 3}).to_string();
    assert_eq!(ask("PATCH", "/baton/v1/apps/222", &[bearer(OPERATOR)], &refused).status, 400);
    let made = ask("POST", "/baton/v1/pages/2001/connections/222/tokens", &[bearer(OPERATOR)], "{}");
    assert_eq!(made.status, 201, "{}", made.body);
    let made: Value = serde_json::from_str(&made.body).unwrap();
    vec![made["token"].as_str().unwrap().to_owned()]
}

#[test]
fn secrets_are_in_no_log() {
    let (port, heard) = receiver();
    for format in ["text", "json"] {
        let world = World::new();
        let file = world.write("routing.toml", &routing(port));
        let mut command = world.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        command
            .env("BATON_OPERATOR_TOKEN", OPERATOR)
            .env("BATON_LOG__LEVEL", "trace")
            .env("BATON_LOG__FORMAT", format)
            .env("BATON_DELIVERY__ALLOW_ADDRESSES", "127.0.0.0/8");
        let serve = Server::start(&mut command);
        let mut apply = world.command(&["apply", "--json", "-f", &file]);
        let applied = apply.env("DESK_SECRET", FROM_ENVIRONMENT).output().unwrap();
        let applied: Value = serde_json::from_slice(&applied.stdout).unwrap();
        let generated = &applied["generated"]["pages"][0]["connections"][0]["token"];
        let mut secrets = vec![generated.as_str().unwrap().to_owned()];
        assert_eq!(world.run(&["send", "Shop", "ada", "hello"]).code, 0);
        secrets.extend(calls(&serve.url));
        heard.recv_timeout(std::time::Duration::from_secs(30)).unwrap();
        let log = serve.stop();

        assert!(log.contains("/v25.0/me/messages"), "there is a log: {log}");
        for word in ["TRACE", "DEBUG", "hyper_util::client"] {
            assert!(log.contains(word), "it is a talkative one: no {word}");
        }
        assert!(!log.contains("5ecret"), "a secret is in the {format} log:\n{}", lines_with(&log, "5ecret"));
        for secret in secrets {
            assert!(!log.contains(&secret), "a made-up token is in the log:\n{}", lines_with(&log, &secret));
        }
    }
}

fn lines_with(log: &str, word: &str) -> String {
    log.lines().filter(|line| line.contains(word)).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_request_is_found_by_its_id_and_its_rule() {
    for format in ["text", "json"] {
        let world = World::new();
        let mut command = world.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        command.env("BATON_LOG__FORMAT", format).env("BATON_OPERATOR_TOKEN", OPERATOR);
        let serve = Server::start(&mut command);
        let file = world.write("routing.toml", "[[pages]]\nid = \"2001\"\nname = \"Shop\"\n[[pages.ads]]\nid = \"9\"\nname = \"Ad\"\nstatus = \"draft\"\n");
        let applied = world.run(&["apply", "-f", &file]);
        assert_eq!(applied.code, 0, "{}", applied.err);
        let url = format!("{}/baton/v1/pages/2001/people/ada/events", serve.url);
        let headers = |id: &str| [bearer(OPERATOR), ("x-request-id", id.to_owned())];
        let hello = r#"{"type": "message", "message": {"text": "hello"}}"#;
        assert_eq!(http("POST", &url, &headers("taken-1"), hello).status, 200);
        let by_ad =
            r#"{"type": "message", "message": {"text": "hi"}, "entry": {"type": "ad", "ad_id": "9"}}"#;
        assert_eq!(http("POST", &url, &headers("refused-2"), by_ad).status, 409);
        let serve_url = serve.url.clone();
        let log = serve.stop();
        for (id, rule, status) in [("taken-1", "HOP-MSG-", 200), ("refused-2", "AD-4", 409)] {
            let line =
                log.lines().find(|line| line.contains(id)).unwrap_or_else(|| panic!("no {id} in {log}"));
            assert!(line.contains(rule) && line.contains(&status.to_string()), "{line}");
            if format == "json" {
                let line: Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["fields"]["request_id"], id);
                assert_eq!(line["fields"]["status"], status);
                assert!(line["fields"]["rule"].as_str().unwrap().starts_with(rule), "{line}");
            }
        }
        let begins = log.lines().find(|line| line.contains("serving")).unwrap_or_default();
        assert!(begins.contains(&serve_url), "it says where it serves: {log}");
        assert!(log.lines().last().is_some_and(|line| line.contains("stopped")), "{log}");
        if format == "json" {
            assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
        }
    }
}
