//! Who is let in, and what each may do: links, passwords, sessions, roles, and the log of what was done.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use baton_engine::Clock;
use baton_rules::Timestamp;
use baton_server::door::StartLink;
use baton_store::Secret;
use futures_util::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};

use crate::expect;
use crate::world::{OPERATOR, Reply, START, World};

const PASSWORD: &str = "correct horse battery";
const ROOT: &str = "/baton/v1";

/// The system's clock, which here goes on when it is told to.
struct Wall(AtomicI64);

impl Wall {
    fn set(&self, to: i64) {
        self.0.store(to, Ordering::SeqCst);
    }
}

impl Clock for Wall {
    fn lived_ms(&self) -> i64 {
        self.now().0
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, _at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// A browser: it keeps the cookie, and says where it asks from.
struct Browser<'a> {
    world: &'a World,
    cookie: String,
    site: &'static str,
    marked: bool,
}

impl<'a> Browser<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, cookie: String::new(), site: "same-origin", marked: true }
    }

    async fn asks(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = self.world.client.request(method, self.world.url(&format!("{ROOT}{path}")));
        request = request.header("sec-fetch-site", self.site).header("user-agent", "Browser of a test");
        if self.marked {
            request = request.header("x-baton-console", "1");
        }
        if !self.cookie.is_empty() {
            request = request.header("cookie", format!("baton_session={}", self.cookie));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.world.send(request).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.asks(Method::GET, path, None).await
    }

    async fn signs_in(&mut self, with: Value) -> Reply {
        let reply = self.asks(Method::POST, "/session", Some(with)).await;
        let set = reply.header("set-cookie");
        if let Some(code) = set.strip_prefix("baton_session=").and_then(|rest| rest.split(';').next()) {
            self.cookie = code.to_owned();
        }
        reply
    }
}

/// The code of a link that an operator was given.
async fn invited(world: &World, name: &str, role: &str) -> (String, String) {
    let reply = world.post("/baton/v1/members", json!({"name": name, "role": role})).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let (link, id) = (reply.json()["link"].clone(), reply.json()["id"].clone());
    let (_, code) = link.as_str().unwrap().split_once("#link=").unwrap();
    (code.to_owned(), id.as_str().unwrap().to_owned())
}

/// A member of this role, signed in.
async fn member<'a>(world: &'a World, name: &str, role: &str) -> Browser<'a> {
    let (link, _) = invited(world, name, role).await;
    let mut browser = Browser::new(world);
    expect!(browser.signs_in(json!({"link": link, "password": PASSWORD})).await, 200, name, role);
    browser
}

#[tokio::test]
async fn the_first_operator_comes_by_the_link_on_the_terminal_once() {
    let link = StartLink { code: Secret::new("first"), signs_in: false };
    let w = World::with_link(link, Arc::new(baton_engine::SystemClock)).await;
    let mut browser = Browser::new(&w);
    let looks = |code: &str| json!({ "link": code });
    let meaning = browser.asks(Method::POST, "/session/link", Some(looks("first"))).await;
    assert_eq!(meaning.json(), json!({"link": "first_operator", "name": null, "role": "operator"}));
    let told = browser.asks(Method::POST, "/session/link", Some(looks("other"))).await;
    expect!(told, 401, "used before");
    expect!(browser.signs_in(json!({"link": "first"})).await, 400, "/password");
    expect!(browser.signs_in(json!({"link": "first", "password": PASSWORD})).await, 400, "/name");
    let short = json!({"link": "first", "name": "Ada", "password": "short"});
    expect!(browser.signs_in(short).await, 400, "10 to 200 characters");
    let made = browser.signs_in(json!({"link": "first", "name": " Ada ", "password": PASSWORD})).await;
    assert_eq!((made.status, made.header("cache-control")), (200, "no-store"), "{}", made.text);
    let set = made.header("set-cookie");
    assert!(set.contains("; HttpOnly; SameSite=Strict") && set.contains("Max-Age=2592000"), "{set}");
    assert_eq!(made.json()["name"], "Ada");
    expect!(browser.get("/session").await, 200, "Ada", "operator");
    expect!(browser.get("/routing").await, 200, "apps");
    let again = json!({"link": "first", "name": "Eve", "password": PASSWORD});
    expect!(Browser::new(&w).signs_in(again).await, 401, "used before");
    let by_name = json!({"name": "Ada", "password": PASSWORD});
    expect!(Browser::new(&w).signs_in(by_name).await, 200, "Ada");
    w.stop().await;
}

#[tokio::test]
async fn the_link_of_dev_signs_in_once_and_the_session_ends_when_it_is_ended() {
    let w = World::start().await;
    let mut browser = Browser::new(&w);
    expect!(browser.get("/session").await, 401, "unauthorized");
    let given = browser.signs_in(json!({"link": "one-time"})).await;
    assert_eq!(given.json(), json!({"name": "console link", "role": "operator", "member_id": null}));
    assert!(!given.header("set-cookie").contains("Max-Age"), "it goes with the browser");
    expect!(Browser::new(&w).signs_in(json!({"link": "one-time"})).await, 401, "used before");
    expect!(browser.get("/routing").await, 200, "Sales bot");
    let left = browser.asks(Method::DELETE, "/session", None).await;
    assert_eq!(left.status, 204);
    assert!(
        left.header("set-cookie").starts_with("baton_session=; ")
            && left.header("set-cookie").contains("Max-Age=0")
    );
    expect!(browser.get("/routing").await, 401, "unauthorized");
    expect!(browser.signs_in(json!({"operator_token": "wrong"})).await, 401, "operator token");
    expect!(browser.signs_in(json!({"operator_token": OPERATOR})).await, 200, "operator token");
    expect!(browser.get("/routing").await, 200, "Sales bot");
    w.stop().await;
}

#[tokio::test]
async fn each_role_may_do_what_its_operations_say_and_nothing_else() {
    let w = World::start().await;
    w.writes("2001", "ada").await;
    let (operator, agent) = (member(&w, "Olga", "operator").await, member(&w, "Aki", "agent").await);
    let (viewer, nobody) = (member(&w, "Vera", "viewer").await, Browser::new(&w));
    let document: Value = w.send(w.client.get(w.url("/openapi.json"))).await.json();
    let mut seen = [0; 4];
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix(ROOT) else { continue };
        for (method, operation) in methods.as_object().unwrap() {
            if operation["security"] == json!([]) {
                continue;
            }
            let filled =
                [("{page}", "2001"), ("{person}", "ada"), ("{app}", "111"), ("{ref}", "x"), ("{ad}", "9001")];
            let at = filled.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value));
            let at = at.replace("{name}", "999").replace("{delivery}", "999");
            let about = operation["description"].as_str().unwrap_or_default();
            let (_, may) = about.rsplit_once("For: ").unwrap_or(("", about));
            let method: Method = method.to_uppercase().parse().unwrap();
            // A body that no operation takes: what is let in is refused for it, and nothing is changed.
            let body = (method != Method::GET).then(|| json!([]));
            let what = format!("{method} {at}: {may}");
            let asked = nobody.asks(method.clone(), &at, body.clone()).await;
            assert_eq!((asked.status, asked.slug().as_str()), (401, "unauthorized"), "{what}");
            for (place, (browser, word)) in [(&agent, "gents"), (&viewer, "iewers")].into_iter().enumerate() {
                if (method == Method::DELETE || path.ends_with("invitations")) && may.contains(word) {
                    continue;
                }
                let asked = browser.asks(method.clone(), &at, body.clone()).await;
                assert_eq!(asked.status == 403, !may.contains(word), "{what} {word}: {}", asked.text);
                assert_ne!(asked.status, 401, "{what}");
                seen[place * 2 + usize::from(asked.status == 403)] += 1;
            }
            if method == Method::GET && path != "/activity" {
                assert_ne!(operator.asks(method, &at, None).await.status, 500, "{what}");
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 5), "allowed and refused, agent and viewer: {seen:?}");
    // What each is for works.
    expect!(
        agent
            .asks(
                Method::POST,
                "/pages/2001/threads/ada/inbox",
                Some(json!({"action": "reply", "text": "Hi"}))
            )
            .await,
        200,
        "MCR-INBOX-1"
    );
    expect!(viewer.get("/routing").await, 200, "Sales bot");
    expect!(viewer.get("/pages/2001/threads/ada/messages").await, 200, "Hi");
    w.stop().await;
}

#[tokio::test]
async fn another_site_can_use_nobodys_session() {
    let w = World::start().await;
    let mut olga = member(&w, "Olga", "operator").await;
    let rename = || Some(json!({"name": "Shop"}));
    for (site, marked) in [("cross-site", true), ("same-site", true), ("same-origin", false)] {
        (olga.site, olga.marked) = (site, marked);
        let asked = olga.asks(Method::PATCH, "/pages/2001", rename()).await;
        assert_eq!((asked.status, asked.slug().as_str()), (403, "from-elsewhere"), "{site} {marked}");
    }
    olga.site = "cross-site";
    expect!(olga.get("/routing").await, 403, "from-elsewhere");
    expect!(
        Browser { site: "cross-site", ..Browser::new(&w) }
            .signs_in(json!({"operator_token": OPERATOR}))
            .await,
        403,
        "from-elsewhere"
    );
    (olga.site, olga.marked) = ("same-origin", true);
    expect!(olga.asks(Method::PATCH, "/pages/2001", rename()).await, 200, "Shop");
    // A token that is wrong is not helped by a session that is right.
    let both = w.client.get(w.url("/baton/v1/routing")).bearer_auth("wrong");
    assert_eq!(w.send(both.header("cookie", format!("baton_session={}", olga.cookie))).await.status, 401);
    w.stop().await;
}

#[tokio::test]
async fn wrong_passwords_are_slowed_down_and_tell_nothing() {
    let wall = Arc::new(Wall(AtomicI64::new(START)));
    let link = StartLink { code: Secret::new("x"), signs_in: true };
    let w = World::with_link(link, Arc::clone(&wall) as Arc<dyn Clock>).await;
    member(&w, "Olga", "operator").await;
    let mut browser = Browser::new(&w);
    let wrong = browser.signs_in(json!({"name": "Olga", "password": "not hers at all"})).await;
    let unknown = browser.signs_in(json!({"name": "Nobody", "password": "not hers at all"})).await;
    let same = |reply: &Reply| (reply.status, reply.json());
    assert_eq!(same(&wrong), same(&unknown), "whether there is such a member is not told");
    for _ in 0..4 {
        assert_eq!(browser.signs_in(json!({"name": "Olga", "password": "no no no no"})).await.status, 401);
    }
    let right = json!({"name": "Olga", "password": PASSWORD});
    let waits = browser.signs_in(right.clone()).await;
    assert_eq!((waits.status, waits.header("retry-after")), (429, "1"), "{}", waits.text);
    assert!(browser.cookie.is_empty());
    wall.set(START + 1_000);
    expect!(browser.signs_in(right).await, 200, "Olga");
    w.stop().await;
}

#[tokio::test]
async fn sessions_end_by_themselves_by_an_operator_and_with_the_member() {
    let wall = Arc::new(Wall(AtomicI64::new(START)));
    let link = StartLink { code: Secret::new("x"), signs_in: true };
    let w = World::with_link(link, Arc::clone(&wall) as Arc<dyn Clock>).await;
    let days = |days: i64| wall.set(START + days * 86_400_000);
    let aki = member(&w, "Aki", "agent").await;
    let vera = member(&w, "Vera", "viewer").await;
    for day in [6, 12, 18, 24] {
        days(day);
        expect!(aki.get("/session").await, 200, "Aki");
    }
    expect!(vera.get("/session").await, 401, "unauthorized");
    days(31);
    expect!(aki.get("/session").await, 401, "unauthorized");
    let mut aki = Browser::new(&w);
    expect!(aki.signs_in(json!({"name": "Aki", "password": PASSWORD})).await, 200, "Aki");
    let sessions = w.get("/baton/v1/sessions").await.json();
    assert_eq!(sessions["data"].as_array().unwrap().len(), 1, "{sessions}");
    assert_eq!(sessions["data"][0]["browser"], "Browser of a test");
    let end = format!("/baton/v1/sessions/{}", sessions["data"][0]["id"].as_str().unwrap());
    assert_eq!(w.send(w.client.delete(w.url(&end)).bearer_auth(OPERATOR)).await.status, 204);
    expect!(aki.get("/session").await, 401, "unauthorized");
    expect!(aki.signs_in(json!({"name": "Aki", "password": PASSWORD})).await, 200, "agent");
    let id = w.get("/baton/v1/members").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let at = w.url(&format!("/baton/v1/members/{id}"));
    let role = w.client.patch(&at).bearer_auth(OPERATOR).json(&json!({"role": "viewer"}));
    expect!(w.send(role).await, 200, "viewer");
    expect!(aki.get("/routing").await, 200, "apps");
    assert_eq!(w.send(w.client.delete(&at).bearer_auth(OPERATOR)).await.status, 204);
    expect!(aki.get("/session").await, 401, "unauthorized");
    expect!(aki.signs_in(json!({"name": "Aki", "password": PASSWORD})).await, 401, "wrong");
    w.stop().await;
}

#[tokio::test]
async fn what_somebody_listens_to_ends_when_they_are_sent_away_or_become_something_else() {
    let link = StartLink { code: Secret::new("x"), signs_in: true };
    let w = World::with_link(link, Arc::new(baton_engine::SystemClock)).await;
    let (agent, viewer) = (member(&w, "Aki", "agent").await, member(&w, "Vera", "viewer").await);
    let mut passing = Browser::new(&w);
    expect!(passing.signs_in(json!({"link": "x"})).await, 200, "console link");
    let listens = async |browser: &Browser<'_>, path: &str| {
        let asked = w.client.get(w.url(&format!("{ROOT}{path}"))).header("accept", "text/event-stream");
        let asked = asked.header("cookie", format!("baton_session={}", browser.cookie));
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer
    };
    let of_agent = listens(&agent, "/activity").await;
    let of_viewer = listens(&viewer, "/apps/111/webhooks").await;
    let mut of_passing = listens(&passing, "/activity").await;
    // What ends one ends no other's.
    assert_eq!(agent.asks(Method::DELETE, "/session", None).await.status, 204);
    assert!(!of_agent.text().await.unwrap().contains("decision"), "it has an end");
    let members = w.get("/baton/v1/members").await.json();
    let vera = w.url(&format!("/baton/v1/members/{}", members["data"][1]["id"].as_str().unwrap()));
    let role = w.client.patch(&vera).bearer_auth(OPERATOR).json(&json!({"role": "agent"}));
    expect!(w.send(role).await, 200, "agent");
    of_viewer.text().await.unwrap();
    w.writes("2001", "ada").await;
    let told = of_passing.chunk().await.unwrap().unwrap();
    assert!(std::str::from_utf8(&told).unwrap().contains("decision"));
    assert_eq!(passing.asks(Method::DELETE, "/session", None).await.status, 204);
    while of_passing.chunk().await.unwrap().is_some() {}
    w.stop().await;
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_and_the_old_one_is_out() {
    let w = World::start().await;
    let aki = member(&w, "Aki", "agent").await;
    let id = w.get("/baton/v1/members").await.json()["data"][0]["id"].as_str().unwrap().to_owned();
    let again = w.post(&format!("/baton/v1/members/{id}/invitations"), json!({})).await;
    assert_eq!(again.status, 201, "{}", again.text);
    let link = again.json()["link"].as_str().unwrap().split_once("#link=").unwrap().1.to_owned();
    let mut other = Browser::new(&w);
    let new = json!({"link": link, "password": "another one entirely"});
    expect!(other.signs_in(new.clone()).await, 200, "Aki", "agent");
    expect!(Browser::new(&w).signs_in(new).await, 401, "used before");
    expect!(aki.get("/session").await, 401, "unauthorized");
    expect!(Browser::new(&w).signs_in(json!({"name": "Aki", "password": PASSWORD})).await, 401, "wrong");
    let change = |present: &str| Some(json!({"present": present, "password": "a third one, long"}));
    expect!(other.asks(Method::PUT, "/session/password", change(PASSWORD)).await, 400, "/present");
    assert_eq!(
        other.asks(Method::PUT, "/session/password", change("another one entirely")).await.status,
        204
    );
    expect!(other.get("/session").await, 200, "Aki");
    expect!(
        Browser::new(&w).signs_in(json!({"name": "Aki", "password": "a third one, long"})).await,
        200,
        "Aki"
    );
    expect!(w.post("/baton/v1/members", json!({"name": "Aki", "role": "viewer"})).await, 409, "exists");
    expect!(w.post("/baton/v1/members", json!({"name": "  ", "role": "king"})).await, 400, "/name", "/role");
    w.stop().await;
}

#[tokio::test]
async fn what_was_done_and_what_was_refused_is_written_down_with_who_did_it() {
    let w = World::start().await;
    w.writes("2001", "ada").await;
    let aki = member(&w, "Aki", "agent").await;
    let _ = Browser::new(&w).signs_in(json!({"name": "Aki", "password": "secret typed wrong"})).await;
    let done = json!({"action": "done"});
    expect!(aki.asks(Method::POST, "/pages/2001/threads/ada/inbox", Some(done)).await, 200, "MCR-INBOX-4");
    expect!(aki.asks(Method::PATCH, "/apps/111", Some(json!({"name": "Mine"}))).await, 403, "forbidden");
    let dry = w
        .send(w.client.put(w.url("/baton/v1/routing?dry_run=true")).bearer_auth(OPERATOR).json(&json!({})))
        .await;
    assert_eq!(dry.status, 200, "{}", dry.text);
    // Where nothing is tried out, saying so hides nothing.
    let nobody = w.url("/baton/v1/members/77?dry_run=true");
    assert_eq!(w.send(w.client.delete(nobody).bearer_auth(OPERATOR)).await.status, 404);
    let audit = w.get("/baton/v1/audit").await;
    let lines: Vec<(String, String, String, u64)> = audit.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            (text("name"), text("operation"), text("path"), line["status"].as_u64().unwrap())
        })
        .collect();
    let line = |name: &str, operation: &str, path: &str, status| {
        (name.to_owned(), operation.to_owned(), path.to_owned(), status)
    };
    let must_be = [
        line("operator token", "deleteMember", "/members/77", 404),
        line("Aki", "patchApp", "/apps/111", 403),
        line("Aki", "actInInbox", "/pages/2001/threads/ada/inbox", 200),
        line("somebody", "signIn", "/session", 401),
        line("Aki", "signIn", "/session", 200),
        line("operator token", "inviteMember", "/members", 201),
        line("operator token", "putRouting", "/routing", 200),
    ];
    assert_eq!(lines, must_be, "what programs bring in of people is not in it");
    assert!(!audit.text.contains("secret typed"), "{}", audit.text);
    let first = w.get("/baton/v1/audit?limit=2").await.json();
    let rest =
        w.get(&format!("/baton/v1/audit?limit=5&after={}", first["next"].as_str().unwrap())).await.json();
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next"]), (5, &Value::Null));
    w.stop().await;
}

#[tokio::test]
async fn the_inbox_acts_only_while_control_is_where_it_was_seen() {
    let w = World::start().await;
    w.writes("2001", "ada").await;
    let path = "/baton/v1/pages/2001/threads/ada/inbox";
    let reply = |if_owner: Value| json!({"action": "reply", "text": "Late", "if_owner": if_owner});
    for other in [json!("222"), json!(null)] {
        expect!(w.post(path, reply(other.clone())).await, 409, "control-moved", "app 111 has control now");
        let dry = w.post("/baton/v1/pages/2001/threads/ada/dry-run", json!({"inbox": reply(other)})).await;
        expect!(dry, 409, "control-moved");
    }
    expect!(w.post(path, reply(json!("x"))).await, 400, "/if_owner");
    assert!(!w.get("/baton/v1/pages/2001/threads/ada/messages").await.text.contains("Late"));
    expect!(w.post(path, reply(json!("111"))).await, 200, "MCR-INBOX-1");
    w.stop().await;
}

#[tokio::test]
async fn an_agent_hears_of_conversations_and_not_of_webhooks() {
    let w = World::start().await;
    let hook = json!({"webhook_url": "http://127.0.0.1:9/hook", "verify_token": "x"});
    let patch = w.client.patch(w.url("/baton/v1/apps/111")).bearer_auth(OPERATOR).json(&hook);
    assert_eq!(w.send(patch).await.status, 200);
    w.writes("2001", "ada").await;
    let (agent, viewer) = (member(&w, "Aki", "agent").await, member(&w, "Vera", "viewer").await);
    expect!(viewer.get("/activity").await, 200, "\"decision\"", "verification\":{");
    let heard = agent.get("/activity").await;
    expect!(&heard, 200, "\"decision\"");
    assert!(!heard.text.contains("verification\":{"), "{}", heard.text);
    let directory = agent.get("/directory").await;
    expect!(&directory, 200, "Sales bot", "Market", "default_app");
    assert!(!directory.text.contains("webhook"), "{}", directory.text);
    w.stop().await;
}

#[tokio::test]
async fn colleagues_in_a_conversation_see_each_other() {
    let w = World::start().await;
    w.writes("2001", "ada").await;
    let (nadia, vera) = (member(&w, "Nadia", "agent").await, member(&w, "Vera", "viewer").await);
    let at = "/pages/2001/conversations/ada/presence";
    let says = async |browser: &Browser<'_>, doing: &str| {
        let told = browser.asks(Method::PUT, at, Some(json!({"doing": doing}))).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let data = told.json()["data"].as_array().unwrap().clone();
        data.iter().map(|one| format!("{} {}", one["name"], one["doing"])).collect::<Vec<_>>()
    };
    assert!(says(&nadia, "looking").await.is_empty(), "she does not see herself");
    assert_eq!(says(&vera, "looking").await, [r#""Nadia" "looking""#]);
    says(&nadia, "writing").await;
    assert_eq!(says(&vera, "looking").await, [r#""Nadia" "writing""#]);
    // A program sees both, and is not there.
    let told = w.send(
        w.client.put(w.url(&format!("{ROOT}{at}"))).bearer_auth(OPERATOR).json(&json!({"doing": "looking"})),
    );
    assert_eq!(told.await.json()["data"].as_array().unwrap().len(), 2);
    let there = vera.get(at).await.json();
    assert_eq!(there["data"].as_array().unwrap().len(), 2, "{there}");
    says(&nadia, "left").await;
    assert!(says(&vera, "looking").await.is_empty());
    for wrong in [json!({}), json!({"doing": "sleeping"}), json!({"doing": "looking", "x": 1})] {
        let refused = vera.asks(Method::PUT, at, Some(wrong.clone())).await;
        assert_eq!((refused.status, refused.slug().as_str()), (400, "bad-body"), "{wrong}");
    }
    let audit = w.get("/baton/v1/audit").await.text;
    assert!(!audit.contains("presence"), "it is nothing that anybody did: {audit}");
    w.stop().await;
}
