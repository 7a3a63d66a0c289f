//! Apps, pages, connections, link routes, ads and tokens, one by one.

use baton_server::config::Limits;
use serde_json::{Value, json};

use crate::expect;
use crate::world::{BOT, DESK, OPERATOR, ROUTING, Reply, World};

const APPS: &str = "/baton/v1/apps";
const PAGES: &str = "/baton/v1/pages";

async fn filed() -> World {
    World::as_filed(Limits::default()).await
}

async fn send(w: &World, method: &str, path: &str, body: Option<Value>, if_match: Option<&str>) -> Reply {
    let mut request = w.client.request(method.parse().unwrap(), w.url(path)).bearer_auth(OPERATOR);
    if let Some(body) = body {
        request = request.json(&body);
    }
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    w.send(request).await
}

async fn patch(w: &World, path: &str, body: Value) -> Reply {
    send(w, "PATCH", path, Some(body), None).await
}

async fn put(w: &World, path: &str, body: Value) -> Reply {
    send(w, "PUT", path, Some(body), None).await
}

async fn delete(w: &World, path: &str) -> Reply {
    send(w, "DELETE", path, None, None).await
}

async fn owner(w: &World, page: &str, person: &str) -> Value {
    w.get(&format!("{PAGES}/{page}/threads/{person}")).await.json()["owner_app_id"].clone()
}

#[tokio::test]
async fn an_app_is_made_shown_changed_and_removed() {
    let w = filed().await;
    let made = w.post(APPS, json!({"name": "New", "human_agent": true})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, secret) = (made.json()["id"].clone(), made.json()["secret"].clone());
    let (id, secret) = (id.as_str().unwrap(), secret.as_str().unwrap());
    assert_eq!((id.len(), secret.len()), (15, 32));
    assert_eq!(made.header("location"), format!("{APPS}/{id}"));
    let path = format!("{APPS}/{id}");
    let shown = w.get(&path).await;
    let table = json!({"id": id, "name": "New", "human_agent": true, "live": true, "testers": [], "max_batch": 1, "compat": [], "verified": false});
    assert_eq!((shown.status, shown.json()), (200, table), "the secret is told once");
    assert_eq!(shown.header("etag"), made.header("etag"));

    let change = json!({"webhook_url": "http://127.0.0.1:9/a", "verify_token": "v", "live": false, "testers": ["ann"]});
    let changed = patch(&w, &path, change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!((&changed.json()["human_agent"], &changed.json()["live"]), (&json!(true), &json!(false)));
    assert!(changed.json().get("secret").is_none(), "{}", changed.text);
    assert_ne!(changed.header("etag"), shown.header("etag"));
    let cleared = patch(&w, &path, json!({"webhook_url": null, "testers": null, "verify_token": null})).await;
    assert_eq!((cleared.status, &cleared.json()["testers"]), (200, &json!([])), "{}", cleared.text);
    assert!(cleared.json().get("webhook_url").is_none(), "{}", cleared.text);
    let app = w.engine.settings().app(id.parse().unwrap()).cloned().unwrap();
    assert_eq!((app.secret.reveal(), app.verify_token.is_none()), (secret, true), "the secret is kept");

    let gone = delete(&w, &path).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    assert_eq!(w.get(&path).await.slug(), "unknown-app");
    assert_eq!(delete(&w, &path).await.slug(), "unknown-app");
}

#[tokio::test]
async fn lists_are_newest_first_and_in_parts() {
    let w = filed().await;
    let ids = |reply: &Reply| -> Vec<String> {
        let body = reply.json();
        body["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&w.get(APPS).await), ["333", "222", "111"]);
    let first = w.get(&format!("{APPS}?limit=2")).await;
    assert_eq!(ids(&first), ["333", "222"]);
    let next = first.json()["next"].as_str().unwrap().to_owned();
    let rest = w.get(&format!("{APPS}?limit=2&after={next}")).await;
    assert_eq!((ids(&rest), &rest.json()["next"]), (vec!["111".to_owned()], &Value::Null));
    assert_eq!(ids(&w.get(PAGES).await), ["2002", "2001"]);
    assert_eq!(w.get(&format!("{PAGES}?after={next}")).await.slug(), "bad-parameter");
    assert!(!w.get(PAGES).await.text.contains("market-bot"));
}

#[tokio::test]
async fn if_match_keeps_two_operators_apart() {
    let w = filed().await;
    let path = format!("{APPS}/{BOT}");
    let tag = w.get(&path).await.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let change = |name: &str| Some(json!({"name": name}));
    assert_eq!(send(&w, "PATCH", &path, change("One"), Some(&tag)).await.status, 200);
    let late = send(&w, "PATCH", &path, change("Two"), Some(&tag)).await;
    assert_eq!((late.status, late.slug().as_str()), (412, "precondition-failed"), "{}", late.text);
    assert_eq!(send(&w, "DELETE", &path, None, Some(&tag)).await.status, 412);
    assert_eq!(w.get(&path).await.json()["name"], "One");
    let weak = format!("W/{}", w.get(&path).await.header("etag"));
    assert_eq!(send(&w, "PATCH", &path, change("Two"), Some(&weak)).await.status, 412);
    let several = format!("\"x\", {}", w.get(&path).await.header("etag"));
    assert_eq!(send(&w, "PATCH", &path, change("Three"), Some(&several)).await.status, 200);
    // What is not there matches nothing, not even `*`.
    let link = format!("{PAGES}/2001/links/x");
    assert_eq!(send(&w, "PUT", &link, Some(json!({"app": DESK})), Some("*")).await.status, 412);
    assert_eq!(w.get(&link).await.status, 404);
    // The whole file has a tag too.
    let routing = w.get("/baton/v1/routing").await;
    let body = json!({"apps": [{"id": DESK, "name": "Desk 2"}]});
    let tag = routing.header("etag").to_owned();
    assert_eq!(send(&w, "PUT", "/baton/v1/routing", Some(body.clone()), Some(&tag)).await.status, 200);
    let late = send(&w, "PUT", "/baton/v1/routing", Some(body), Some(&tag)).await;
    assert_eq!(late.status, 412, "{}", late.text);
}

#[tokio::test]
async fn a_page_is_made_changed_in_part_and_removed() {
    let w = filed().await;
    let body = json!({"id": "2003", "name": "Bakery", "connections": [{"app": "Desk"}]});
    let made = w.post(PAGES, body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let token = made.json()["connections"][0]["token"].as_str().unwrap().to_owned();
    expect!(w.read(&token, "/me").await, 200, "Bakery");
    let path = format!("{PAGES}/2003");
    assert!(!w.get(&path).await.text.contains(&token));

    let fields = json!(["messages"]);
    let narrow = put(&w, &format!("{path}/connections/222"), json!({"fields": fields})).await;
    assert_eq!((narrow.status, &narrow.json()["fields"]), (200, &fields), "{}", narrow.text);
    // MODE-2: the first default app subscribes everybody to standby, as nobody names fields here.
    let changed = patch(&w, &path, json!({"messenger": {"default_app": "Desk"}})).await;
    assert_eq!((changed.status, &changed.json()["messenger"]["default_app"]), (200, &json!(DESK)));
    assert_eq!(changed.json()["connections"][0]["fields"], json!(["messages", "standby"]));
    assert_eq!(
        (&changed.json()["messenger"]["ad_max_days"], &changed.json()["name"]),
        (&json!(7), &json!("Bakery"))
    );
    // The rules refuse what the file would be refused, and say where in what was given.
    let both = patch(&w, &path, json!({"messenger": {"primary_receiver": "Desk"}})).await;
    assert_eq!((both.status, &both.json()["rule"]), (409, &json!("SET-2")), "{}", both.text);
    assert_eq!(both.json()["errors"][0]["pointer"], "/messenger/primary_receiver");
    let off = patch(&w, &path, json!({"messenger": {"default_app": null}})).await;
    assert_eq!((off.status, off.json()["messenger"].get("default_app")), (200, None), "{}", off.text);
    expect!(w.read(&token, "/me").await, 200, "Bakery");

    assert_eq!(delete(&w, &path).await.status, 204);
    assert_eq!(w.get(&path).await.slug(), "unknown-page");
    assert_eq!(w.read(&token, "/me").await.code().0, 190);
}

#[tokio::test]
async fn a_connection_is_put_and_removed() {
    let w = filed().await;
    let path = format!("{PAGES}/2001/connections/{DESK}");
    let kept = w.get(&path).await.json();
    assert_eq!((&kept["app"], &kept["take_control"]), (&json!(DESK), &json!(true)));
    let named =
        put(&w, &format!("{PAGES}/2001/connections/Desk"), json!({"app": "Desk", "standby": false})).await;
    assert_eq!((named.status, &named.json()["standby"]), (200, &json!(false)), "{}", named.text);
    assert_eq!(named.json()["take_control"], false, "PUT is the whole table");
    expect!(w.read("market-desk", "/me").await, 200, "Market");

    assert_eq!(delete(&w, &path).await.status, 204);
    assert_eq!(w.get(&path).await.slug(), "not-found");
    assert_eq!(w.read("market-desk", "/me").await.code().0, 190);
    let again = put(&w, &path, json!({})).await;
    assert_eq!(again.status, 201, "{}", again.text);
    let token = again.json()["token"].as_str().unwrap().to_owned();
    expect!(w.read(&token, "/me").await, 200, "Market");
}

#[tokio::test]
async fn mode_4_whoever_goes_while_it_owns_leaves_the_thread_to_the_mode() {
    let w = filed().await;
    for page in ["2001", "2002"] {
        w.writes(page, "ann").await;
    }
    let pass = json!({"recipient": {"id": "ann"}, "target_app_id": DESK});
    assert_eq!(w.call("market-bot", "/me/pass_thread_control", pass.clone()).await.status, 200);
    assert_eq!(w.call("garage-bot", "/me/pass_thread_control", pass).await.status, 200);
    assert_eq!((owner(&w, "2001", "ann").await, owner(&w, "2002", "ann").await), (json!(DESK), json!(DESK)));
    assert_eq!(delete(&w, &format!("{APPS}/{DESK}")).await.status, 204);
    assert_eq!(owner(&w, "2001", "ann").await, BOT, "Conversation Routing: the default app");
    assert_eq!(owner(&w, "2002", "ann").await, Value::Null, "Handover: idle");
    // Without its default app the page is no longer in Conversation Routing, without its primary open.
    assert_eq!(delete(&w, &format!("{PAGES}/2001/connections/{BOT}")).await.status, 204);
    assert_eq!(delete(&w, &format!("{APPS}/{BOT}")).await.status, 204);
    let pages = w.get(PAGES).await.json();
    for page in pages["data"].as_array().unwrap() {
        assert_eq!(page["messenger"], json!({"ad_max_days": 7, "ad_window_days": 1}), "{page:#}");
        assert_eq!(page["connections"].as_array().unwrap().len(), 1, "{page:#}");
    }
    assert_eq!(w.writes("2001", "bob").await.json()["rule"], "HOP-MSG-2");
}

#[tokio::test]
async fn links_and_ads_are_put_and_removed() {
    let w = filed().await;
    let link = format!("{PAGES}/2001/links/spring%2Fsale");
    let made = put(&w, &link, json!({"app": "Desk"})).await;
    assert_eq!(
        (made.status, made.json()),
        (201, json!({"on": "messenger", "ref": "spring/sale", "app": DESK}))
    );
    let event =
        json!({"type": "message", "message": {"text": "x"}, "entry": {"type": "link", "ref": "spring/sale"}});
    let entered = w.post(&format!("{PAGES}/2001/people/ann/events"), event).await.json();
    assert_eq!((&entered["rule"], &entered["thread"]["owner_app_id"]), (&json!("MCR-LINK-1"), &json!(DESK)));
    assert_eq!(put(&w, &link, json!({"app": BOT})).await.status, 200);
    assert_eq!(w.get(&link).await.json()["app"], BOT);
    assert_eq!(delete(&w, &link).await.status, 204);
    assert_eq!(w.get(&link).await.status, 404);
    let elsewhere = put(&w, &format!("{PAGES}/2002/links/x"), json!({"app": BOT})).await;
    assert_eq!((elsewhere.status, &elsewhere.json()["rule"]), (409, &json!("SET-4")), "{}", elsewhere.text);

    let ad = format!("{PAGES}/2001/ads/9001");
    assert_eq!(w.get(&ad).await.json()["name"], "Sale");
    let paused = put(&w, &ad, json!({"name": "Sale", "status": "paused"})).await;
    assert_eq!((paused.status, &paused.json()["status"]), (200, &json!("paused")));
    assert!(paused.json().get("template").is_none(), "PUT is the whole table");
    assert_eq!(put(&w, &format!("{PAGES}/2001/ads/7"), json!({})).await.status, 201);
    assert_eq!(delete(&w, &ad).await.status, 204);
    assert_eq!(delete(&w, &ad).await.status, 404);
    assert_eq!(w.get(&format!("{PAGES}/2001")).await.json()["ads"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_token_is_shown_once_and_may_what_it_says() {
    let w = filed().await;
    let path = format!("{PAGES}/2001/connections/{BOT}/tokens");
    let made = w.post(&path, json!({"tasks": ["MESSAGING"]})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let body = made.json();
    assert_eq!(
        (&body["app_id"], &body["page_id"], &body["tasks"]),
        (&json!(BOT), &json!("2001"), &json!(["MESSAGING"]))
    );
    let token = body["token"].as_str().unwrap();
    expect!(w.read(token, "/me").await, 200, "Market");
    expect!(w.read("market-bot", "/me").await, 200, "Market");
    w.writes("2001", "ann").await;
    let release = json!({"recipient": {"id": "ann"}});
    assert_eq!(w.call(token, "/me/release_thread_control", release).await.code().0, 200, "API-12");
    assert!(!w.get("/baton/v1/routing").await.text.contains(token));
    // It stays when the file is applied again, and goes with its connection.
    assert_eq!(w.put("/baton/v1/routing", "application/toml", ROUTING).await.status, 200);
    expect!(w.read(token, "/me").await, 200, "Market");
    let other = w.post(&path, json!({})).await.json();
    assert_ne!(other["token"], body["token"]);
    assert_eq!(other["permissions"], json!(["pages_messaging", "instagram_manage_messages"]));
    // Each can be ended by itself, known by what is left of it.
    let list = w.get(&path).await;
    assert!(!list.text.contains(token), "{}", list.text);
    let ids = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let [newest, id, first] = &ids(&list.json())[..] else { panic!("{}", list.text) };
    assert_eq!((json!(newest), json!(id)), (other["id"].clone(), body["id"].clone()));
    assert_eq!(list.json()["data"][1]["tasks"], json!(["MESSAGING"]));
    assert_eq!(delete(&w, &format!("{path}/{id}")).await.status, 204);
    expect!(w.read(token, "/me").await, 400, "190");
    expect!(w.read("market-bot", "/me").await, 200, "Market");
    expect!(delete(&w, &format!("{path}/{id}")).await, 404, "not-found", id);
    assert_eq!(delete(&w, &format!("{path}/{newest}")).await.status, 204);
    expect!(delete(&w, &format!("{path}/{first}")).await, 409, "only-token");
    assert_eq!(ids(&w.get(&path).await.json()), [first.as_str()]);
    assert_eq!(w.post("/baton/v1/apps", json!({"id": "444", "name": "Elsewhere"})).await.status, 201);
    expect!(w.get(&format!("{PAGES}/2001/connections/444/tokens")).await, 404, "not-found", "444");
}

#[tokio::test]
async fn bad_settings_by_table() {
    let w = filed().await;
    let before = w.get("/baton/v1/routing").await.json();
    #[rustfmt::skip]
    let table: Vec<(&str, &str, Value, u16, &str, &str)> = vec![
        // method, path, body, status, slug, part of the answer
        ("POST", "/apps", json!({}), 400, "bad-body", "\"/name\""),
        ("POST", "/apps", json!([]), 400, "bad-body", "an object"),
        ("POST", "/apps", json!({"name": "Desk"}), 409, "exists", "222"),
        ("POST", "/apps", json!({"id": "222", "name": "Other"}), 409, "exists", "Desk"),
        ("POST", "/apps", json!({"name": "inbox"}), 400, "bad-body", "built-in"),
        ("POST", "/apps", json!({"name": "x", "hmm": 1}), 400, "bad-body", "\"/hmm\""),
        ("POST", "/apps", json!({"name": "x", "compat": ["no-hop"]}), 400, "bad-body", "no-hop-context"),
        ("POST", "/apps", json!({"name": "x", "testers": ["a b"]}), 400, "bad-body", "\"/testers/0\""),
        ("PATCH", "/apps/222", json!({"id": "223"}), 400, "bad-body", "\"/id\""),
        ("PATCH", "/apps/222", json!(7), 400, "bad-body", "object"),
        ("PATCH", "/apps/222", json!({"name": "Draft"}), 400, "bad-body", "\"/name\""),
        ("PATCH", "/apps/224", json!({}), 404, "unknown-app", "224"),
        ("PUT", "/apps/222", json!({}), 405, "method-not-allowed", "PUT"),
        ("POST", "/pages", json!({"name": "Market"}), 409, "exists", "2001"),
        ("POST", "/pages", json!({"name": "x", "connections": [{"app": "Nobody"}]}), 400, "bad-body", "\"/connections/0/app\""),
        ("PATCH", "/pages/2001", json!({"messenger": {"default_app": "Nobody"}}), 400, "bad-body", "\"/messenger/default_app\""),
        ("PATCH", "/pages/2009", json!({}), 404, "unknown-page", "2009"),
        ("PUT", "/pages/2001/connections/Nobody", json!({}), 404, "unknown-app", "Nobody"),
        ("PUT", "/pages/2001/connections/222", json!({"app": "Sales bot"}), 400, "bad-body", "\"/app\""),
        ("PUT", "/pages/2001/connections/222", json!({"fields": ["mesages"]}), 400, "bad-body", "\"/fields/0\""),
        ("PUT", "/pages/2001/connections/222", json!({"token": "market-bot"}), 400, "bad-body", "\"/token\""),
        ("PUT", "/pages/2001/connections/111", json!({"permissions": []}), 409, "settings-refused", "SET-1"),
        ("PUT", "/pages/2001/links/a", json!({}), 400, "bad-body", "app"),
        ("PUT", "/pages/2001/links/a", json!({"app": "222", "ref": "b"}), 400, "bad-body", "\"/ref\""),
        ("PUT", "/pages/2001/links/a", json!({"app": "222", "on": "instagram"}), 400, "bad-body", "\"/on\""),
        ("PUT", "/pages/2001/ads/a", json!({"status": "live"}), 400, "bad-body", "\"/status\""),
        ("DELETE", "/pages/2001/links/a", json!({}), 404, "not-found", "\\\"a\\\""),
        ("POST", "/pages/2001/connections/111/tokens", json!({"tasks": ["X"]}), 400, "bad-body", "\"/tasks/0\""),
        ("POST", "/pages/2001/connections/111/tokens", json!({"task": []}), 400, "bad-body", "\"/task\""),
        ("POST", "/pages/2001/connections/9/tokens", json!({}), 404, "unknown-app", "9"),
    ];
    for (method, path, body, status, slug, part) in table {
        let reply = send(&w, method, &format!("/baton/v1{path}"), Some(body.clone()), None).await;
        let what = format!("{method} {path} {body}: {}", reply.text);
        assert_eq!((reply.status, reply.slug().as_str()), (status, slug), "{what}");
        assert!(reply.text.contains(part), "{part:?} not in {what}");
    }
    assert_eq!(w.get("/baton/v1/routing").await.json(), before, "nothing changed");
}

#[tokio::test]
async fn what_is_known_of_a_person_is_put_and_got() {
    let w = World::start().await;
    let path = format!("{PAGES}/2001/people/ann");
    let ann = json!({"name": "Ann Lee", "first_name": "Ann", "last_name": "Lee", "username": null, "profile_pic": "http://x/a.png"});
    assert_eq!(w.get(&path).await.slug(), "unknown-person");
    w.writes("2001", "ann").await;
    let nothing = w.get(&path).await.json();
    assert_eq!(nothing["name"], Value::Null);
    assert_eq!(nothing.as_object().unwrap().len(), 5);
    let kept = put(&w, &path, ann.clone()).await;
    assert_eq!((kept.status, kept.json()), (200, ann.clone()));
    assert_eq!(w.get(&path).await.json(), ann);
    assert_eq!(
        put(&w, &path, json!({"name": 7, "age": 3})).await.json()["errors"].as_array().unwrap().len(),
        2
    );
    assert_eq!(w.get(&path).await.json(), ann);
    assert_eq!(put(&w, &path, json!({})).await.json(), nothing, "PUT is the whole");
}
