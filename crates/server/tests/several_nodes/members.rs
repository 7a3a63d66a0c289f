//! Members come in at one node and go at another: what one of them is told of them counts at the others with the next call.

use std::sync::mpsc;
use std::time::Duration;

use baton_pgtest::Server as Postgres;
use serde_json::{Value, json};

use super::support::{Server, World, bearer, http};
use super::{OPERATOR, ask, serve, value};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often what must be known at once is tried: a node hears of others a few times in a second.
const ROUNDS: usize = 10;
const PASSWORD: &str = "correct horse battery";
const ANOTHER: &str = "staple and paper, long";

/// A member's browser.
#[derive(Clone)]
struct Browser(String);

impl Browser {
    fn asks(&self, node: &Server, method: &str, path: &str, body: &Value) -> u16 {
        self.asks_at(&node.url, method, path, body)
    }

    fn asks_at(&self, url: &str, method: &str, path: &str, body: &Value) -> u16 {
        let headers = [
            ("cookie", format!("baton_session={}", self.0)),
            ("sec-fetch-site", "same-origin".to_owned()),
            ("x-baton-console", "1".to_owned()),
        ];
        let text = if body.is_null() { String::new() } else { body.to_string() };
        http(method, &format!("{url}/baton/v1{path}"), &headers, &text).status
    }

    fn looks(&self, node: &Server, path: &str) -> u16 {
        self.asks(node, "GET", path, &Value::Null)
    }
}

/// Asks something whose answer is more than a status and a body.
fn with_client<T>(asks: impl AsyncFnOnce(reqwest::Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(asks(reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()))
}

/// What comes of signing in at a node: a browser, or the status.
fn signs_in(node: &Server, with: &Value) -> Result<Browser, u16> {
    let answer = with_client(async |client| {
        let asked = client.post(format!("{}/baton/v1/session", node.url)).json(with);
        asked.header("sec-fetch-site", "same-origin").send().await.unwrap()
    });
    let Some(set) = answer.headers().get("set-cookie") else { return Err(answer.status().as_u16()) };
    let (code, _) = set.to_str().unwrap().split_once(';').unwrap();
    Ok(Browser(code.strip_prefix("baton_session=").unwrap().to_owned()))
}

fn by_name(name: &str, password: &str) -> Value {
    json!({"name": name, "password": password})
}

/// Somebody new, invited at a node: their path, and the code of their link.
fn invited(node: &Server, name: &str) -> (String, String) {
    let told = value(&ask(node, "POST", "/baton/v1/members", &json!({"name": name, "role": "operator"})));
    let (_, link) = told["link"].as_str().unwrap().split_once("#link=").unwrap();
    (format!("/baton/v1/members/{}", told["id"].as_str().unwrap()), link.to_owned())
}

/// Two nodes over one database, and the folders that they live in.
fn two_nodes(database: &str) -> (World, World, Server, Server) {
    let (first, second) = (World::new(), World::new());
    let (one, two) = (serve(&first, database, &[]), serve(&second, database, &[]));
    (first, second, one, two)
}

#[test]
fn who_is_let_in_at_one_node_is_in_at_the_others_at_once() {
    let (_first, _second, one, two) = two_nodes(&Postgres::shared().database());
    let nobody = Browser(String::new());
    for round in 0..ROUNDS {
        let name = format!("Ann {round}");
        let (path, link) = invited(&one, &name);
        let looks = |node| nobody.asks(node, "POST", "/session/link", &json!({ "link": link }));
        assert_eq!(looks(&two), 200, "{round}: the other node was not told of the link");
        let ann =
            signs_in(&two, &json!({"link": link, "password": PASSWORD})).map_err(|status| (round, status));
        let ann = ann.unwrap();
        assert_eq!(looks(&one), 401, "{round}: it was used");
        assert_eq!(ann.looks(&one, "/session"), 200, "{round}: the session began at the other node");
        let again = signs_in(&one, &by_name(&name, PASSWORD)).map_err(|status| (round, status)).unwrap();
        assert_eq!(again.looks(&two, "/session"), 200, "{round}: and this one");
        let listed = |what: &str| {
            let told = value(&ask(&two, "GET", &format!("/baton/v1/{what}"), &Value::Null));
            told["data"].as_array().unwrap().len()
        };
        assert_eq!((listed("members"), listed("sessions")), (1, 2), "{round}");
        assert_eq!(ask(&one, "DELETE", &path, &Value::Null).status, 204);
        assert_eq!((listed("members"), listed("sessions")), (0, 0), "{round}");
    }
    one.stop();
    two.stop();
}

#[test]
fn who_is_sent_away_at_one_node_is_out_at_the_others_at_once() {
    let (_first, _second, one, two) = two_nodes(&Postgres::shared().database());
    for round in 0..ROUNDS {
        let name = format!("Ann {round}");
        let (path, link) = invited(&one, &name);
        let first = signs_in(&two, &json!({"link": link, "password": PASSWORD})).unwrap();
        let second = signs_in(&one, &by_name(&name, PASSWORD)).unwrap();
        // What she may do.
        assert_eq!(first.looks(&two, "/routing"), 200);
        assert_eq!(ask(&one, "PATCH", &path, &json!({"role": "agent"})).status, 200);
        assert_eq!(first.looks(&two, "/routing"), 403, "{round}: she is no operator any more");
        assert_eq!(ask(&two, "PATCH", &path, &json!({"role": "viewer"})).status, 200);
        assert_eq!(first.looks(&one, "/routing"), 200, "{round}: and now she may look");
        // Her password: whoever knows the old one is out.
        let changed = json!({"present": PASSWORD, "password": ANOTHER});
        assert_eq!(first.asks(&one, "PUT", "/session/password", &changed), 204);
        assert_eq!(second.looks(&two, "/session"), 401, "{round}: the other browser is signed out");
        assert_eq!(signs_in(&two, &by_name(&name, PASSWORD)).err(), Some(401), "{round}: the old password");
        let third = signs_in(&two, &by_name(&name, ANOTHER)).map_err(|status| (round, status)).unwrap();
        // Her sessions, and she herself.
        assert_eq!(third.asks(&one, "DELETE", "/session", &Value::Null), 204);
        assert_eq!(third.looks(&two, "/session"), 401, "{round}: she signed out");
        assert_eq!(first.looks(&two, "/session"), 200);
        assert_eq!(ask(&one, "DELETE", &path, &Value::Null).status, 204);
        assert_eq!(first.looks(&two, "/session"), 401, "{round}: she is gone");
        assert_eq!(signs_in(&two, &by_name(&name, ANOTHER)).err(), Some(401), "{round}");
    }
    one.stop();
    two.stop();
}

#[test]
fn what_a_member_listens_to_ends_where_it_is_when_she_is_sent_away_elsewhere() {
    let (_first, _second, one, two) = two_nodes(&Postgres::shared().database());
    let (path, link) = invited(&one, "Ann");
    let ann = signs_in(&one, &json!({"link": link, "password": PASSWORD})).unwrap();
    let (url, cookie) = (format!("{}/baton/v1/activity", two.url), format!("baton_session={}", ann.0));
    let (told, tells) = mpsc::channel();
    let listening = std::thread::spawn(move || {
        with_client(async |client| {
            let asked = client.get(url).header("cookie", cookie).header("accept", "text/event-stream");
            let mut answer = asked.send().await.unwrap();
            told.send(answer.status().as_u16()).unwrap();
            while answer.chunk().await.unwrap().is_some() {}
            told.send(0).unwrap();
        });
    });
    assert_eq!(tells.recv(), Ok(200));
    assert_eq!(ask(&one, "PATCH", &path, &json!({"name": "Ann B."})).status, 200);
    assert_eq!(ann.looks(&two, "/session"), 200);
    assert!(tells.try_recv().is_err(), "another name sends nobody away");
    assert_eq!(ask(&one, "DELETE", &path, &Value::Null).status, 204);
    assert_eq!(tells.recv_timeout(PATIENCE / 2), Ok(0), "she still hears what happens");
    listening.join().unwrap();
    one.stop();
    two.stop();
}

#[test]
fn strangers_with_what_they_made_up_cost_one_look_at_a_time() {
    let postgres = Postgres::shared();
    let database = postgres.database();
    let name = database.rsplit('/').next().unwrap().to_owned();
    let world = World::new();
    let node = serve(&world, &database, &[]);
    std::thread::scope(|scope| {
        // Whoever would read who may sign in waits meanwhile, and can be counted.
        let holding = scope.spawn(|| postgres.hold(&name, "baton.team", 1.5));
        while !postgres.is_held(&name, "baton.team") {}
        let strangers: Vec<_> = (0..30)
            .map(|number| {
                let (url, made_up) = (node.url.clone(), Browser(format!("made-up-{number}")));
                scope.spawn(move || made_up.asks_at(&url, "GET", "/session", &Value::Null))
            })
            .collect();
        // A program is let in meanwhile, and waits for none of them.
        let program = http("GET", &format!("{}/baton/v1/clock", node.url), &[bearer(OPERATOR)], "");
        assert_eq!(program.status, 409, "{}", program.body);
        let mut most = 0;
        while !holding.is_finished() {
            most = most.max(postgres.waiting(&name, "document FROM baton.team"));
        }
        assert_eq!(most, 1);
        for stranger in strangers {
            assert_eq!(stranger.join().unwrap(), 401);
        }
    });
    node.stop();
}
