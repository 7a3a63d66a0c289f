//! What apps say about a page and its people: profile, menus, personas, labels; and what a tap on it comes to.

use serde_json::{Value, json};

use crate::expect;
use crate::world::{ACCOUNT, Reply, World};

const DONE: &str = r#"{"result":"success"}"#;
const SUCCESS: &str = r#"{"success":true}"#;

fn menu(title: &str, payload: &str) -> Value {
    json!([{"locale": "default", "call_to_actions": [
        {"type": "postback", "title": title, "payload": payload},
        {"type": "web_url", "title": "Shop", "url": format!("https://{payload}.test")},
    ]}])
}

async fn delete(w: &World, token: &str, path: &str, body: Value) -> Reply {
    w.send(w.client.delete(w.with_token(path, token)).json(&body)).await
}

async fn event(w: &World, page: &str, person: &str, body: Value) -> Value {
    let reply = w.post(&format!("/baton/v1/pages/{page}/people/{person}/events"), body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// What the newest event of a conversation says.
async fn newest(w: &World, page: &str, person: &str) -> Value {
    let messages = w.get(&format!("/baton/v1/pages/{page}/threads/{person}/messages?limit=1")).await.json();
    messages["data"][0]["content"].clone()
}

#[tokio::test]
async fn a_profile_is_set_read_and_deleted_by_property() {
    let w = World::start().await;
    let path = "/v19.0/me/messenger_profile";
    let read = async |fields: &str| w.read("market-bot", &format!("{path}?fields={fields}")).await.json();
    assert_eq!(read("get_started").await, json!({"data": []}));
    let no_start = w.call("market-bot", path, json!({"persistent_menu": menu("Talk", "P")})).await;
    expect!(no_start, 400, "must set a Get Started button");
    assert_eq!(
        w.call(
            "market-bot",
            path,
            json!({"get_started": {"payload": "START"}, "greeting": [{"locale": "default", "text": "Hi"}]})
        )
        .await
        .text,
        DONE
    );
    assert_eq!(w.call("market-desk", path, json!({"persistent_menu": menu("Talk", "P")})).await.text, DONE);
    assert_eq!(read("get_started").await, json!({"data": [{"get_started": {"payload": "START"}}]}));
    let all = json!({"data": [{"get_started": {"payload": "START"}, "persistent_menu": menu("Talk", "P")}]});
    assert_eq!(read("%5B%22persistent_menu%22,%22get_started%22,%22home_url%22%5D").await, all);
    let whole = w.read("market-bot", path).await.json();
    assert_eq!(whole["data"][0].as_object().unwrap().len(), 3, "without fields, all that is set: {whole}");
    // Another page has its own, and only what is named is overwritten or goes.
    assert_eq!(w.read("garage-bot", path).await.text, r#"{"data":[]}"#);
    expect!(
        delete(&w, "market-bot", path, json!({"fields": ["get_started"]})).await,
        400,
        "delete the persistent menu before"
    );
    assert_eq!(delete(&w, "market-bot", path, json!({"fields": ["greeting"]})).await.text, DONE);
    assert_eq!(
        delete(&w, "market-bot", &format!("{path}?fields=[\"persistent_menu\"]"), json!({})).await.text,
        DONE
    );
    assert_eq!(
        delete(&w, "market-bot", &format!("{path}?fields[0]=get_started"), json!({})).await.text,
        DONE
    );
    assert_eq!(w.read("market-bot", path).await.text, r#"{"data":[]}"#);
    // Ice breakers come back in the form in which they were set.
    let flat = json!([{"question": "Where?", "payload": "W"}]);
    let by_locale = json!([{"call_to_actions": flat, "locale": "default"}]);
    w.call("market-bot", path, json!({"ice_breakers": flat})).await;
    assert_eq!(read("ice_breakers").await, json!({"data": [{"ice_breakers": flat}]}));
    w.call("market-bot", path, json!({"ice_breakers": by_locale})).await;
    assert_eq!(read("ice_breakers").await, json!({"data": by_locale}));
    for (reply, part) in [
        (w.call("market-bot", path, json!({"x": 1})).await, "Requires one of the params"),
        (delete(&w, "market-bot", path, json!({})).await, "fields is required"),
        (delete(&w, "market-bot", path, json!({"fields": ["x"]})).await, "fields must be one or more of"),
        (w.call("market-bot", &format!("{path}?platform=telegraph"), json!({})).await, "platform must be"),
    ] {
        expect!(reply, 400, part, "\"code\":100");
    }
}

#[tokio::test]
async fn the_instagram_account_has_a_profile_of_its_own() {
    let w = World::start().await;
    let ours = json!({"ice_breakers": [{"question": "Where?", "payload": "W"}], "platform": "INSTAGRAM"});
    assert_eq!(w.call("market-bot", "/me/messenger_profile", ours).await.text, DONE);
    for path in
        [format!("/{ACCOUNT}/messenger_profile"), "/2001/messenger_profile?platform=instagram".to_owned()]
    {
        let read = w.read("market-bot", &path).await.json();
        assert_eq!(read["data"][0]["ice_breakers"][0]["payload"], "W", "{path}");
    }
    assert_eq!(w.read("market-bot", "/me/messenger_profile").await.text, r#"{"data":[]}"#);
    let menu = w
        .call(
            "market-bot",
            &format!("/{ACCOUNT}/messenger_profile"),
            json!({"persistent_menu": menu("Talk", "P")}),
        )
        .await;
    assert_eq!(menu.text, DONE, "no Get Started there");
    // Its taps are whoever's set it, and the account's alone.
    for (body, title, payload, rule) in [
        (json!({"type": "menu", "menu": {"payload": "P"}}), "Talk", "P", "ZC-PB-1"),
        (json!({"type": "ice_breaker", "ice_breaker": {"payload": "W"}}), "Where?", "W", "ZC-PB-1"),
    ] {
        let tap = event(&w, ACCOUNT, "ines", body).await;
        let said = newest(&w, ACCOUNT, "ines").await;
        assert_eq!((&said["title"], &said["payload"]), (&json!(title), &json!(payload)), "{tap}");
        assert_eq!(tap["rule"], rule, "{tap}");
    }
    let start = json!({"get_started": {"payload": "S"}, "platform": "instagram"});
    expect!(w.call("market-bot", "/me/messenger_profile", start).await, 400, "not available on Instagram");
    let none = w.read("garage-bot", "/me/messenger_profile?platform=instagram").await;
    assert_eq!(none.code(), (100, Some(2_534_013)), "{}", none.text);
}

/// HOP-MENU-3 to HOP-MENU-7 and MCR-MENU-3: who may set menus, from outside.
#[tokio::test]
async fn who_may_set_menus() {
    let w = World::start().await;
    let page = json!({"get_started": {"payload": "S"}, "persistent_menu": menu("Talk", "P")});
    let profile = "/me/messenger_profile";
    let denied = w.call("garage-desk", profile, page.clone()).await;
    assert_eq!(denied.code(), (10, Some(2_018_171)), "HOP-MENU-4: {}", denied.text);
    assert_eq!(w.read("garage-bot", profile).await.text, r#"{"data":[]}"#, "and nothing of it is kept");
    assert_eq!(w.call("garage-bot", profile, page.clone()).await.text, DONE, "HOP-MENU-3");
    let denied = delete(&w, "garage-desk", profile, json!({"fields": ["persistent_menu"]})).await;
    assert_eq!(denied.code(), (10, Some(2_018_171)), "HOP-MENU-4: {}", denied.text);
    assert_eq!(
        w.call("garage-desk", profile, json!({"greeting": [{"locale": "default", "text": "Hi"}]})).await.text,
        DONE
    );
    assert_eq!(w.call("market-draft", profile, page).await.text, DONE, "MCR-MENU-3");

    let settings = "/me/custom_user_settings";
    let own = json!({"psid": "ann", "persistent_menu": menu("Mine", "M")});
    let nobody = w.call("garage-bot", settings, own.clone()).await;
    assert_eq!(nobody.code(), (100, Some(2_018_001)), "{}", nobody.text);
    w.writes("2002", "ann").await;
    w.writes("2001", "ann").await;
    let other = w.call("garage-desk", settings, own.clone()).await;
    assert_eq!(other.code(), (10, Some(2_018_300)), "HOP-MENU-7: {}", other.text);
    assert!(
        other.json()["error"]["error_user_msg"].as_str().unwrap().starts_with("\"Sales bot\" controls"),
        "{}",
        other.text
    );
    assert_eq!(w.call("garage-bot", settings, own.clone()).await.text, DONE, "HOP-MENU-6");
    let draft = w.call("market-desk", settings, own.clone()).await;
    assert_eq!(draft.code(), (10, Some(2_018_300)), "MCR-MENU-3: {}", draft.text);
    assert_eq!(w.call("market-bot", settings, own).await.text, DONE, "MCR-MENU-3");
    let delete_menu = json!({"params": ["persistent_menu"]});
    let other = delete(&w, "garage-desk", "/me/custom_user_settings?psid=ann", delete_menu).await;
    assert_eq!(other.code(), (10, Some(2_018_300)), "HOP-MENU-7: {}", other.text);
}

#[tokio::test]
async fn a_persons_own_menu_stands_before_the_pages() {
    let w = World::start().await;
    w.writes("2002", "ann").await;
    let path = "/me/custom_user_settings";
    let read = async || w.read("garage-bot", &format!("{path}?psid=ann")).await.json();
    assert_eq!(read().await, json!({"data": []}));
    w.call(
        "garage-bot",
        "/me/messenger_profile",
        json!({"get_started": {"payload": "S"}, "persistent_menu": menu("Talk", "P")}),
    )
    .await;
    assert_eq!(read().await, json!({"data": [{"page_level_persistent_menu": menu("Talk", "P")}]}));
    assert_eq!(
        w.call("garage-bot", path, json!({"psid": "ann", "persistent_menu": menu("Mine", "M")})).await.text,
        DONE
    );
    assert_eq!(read().await, json!({"data": [{"user_level_persistent_menu": menu("Mine", "M")}]}));
    // A tap says what the menu says, and by which of the two it was.
    let tap = event(&w, "2002", "ann", json!({"type": "menu", "menu": {"payload": "M"}})).await;
    assert_eq!((&tap["rule"], &tap["via"]), (&json!("HOP-MENU-2"), &json!("HOP-PB-2")), "{tap}");
    let said = newest(&w, "2002", "ann").await;
    assert_eq!((&said["title"], &said["payload"]), (&json!("Mine"), &json!("M")));
    let tap = event(&w, "2002", "ann", json!({"type": "menu", "menu": {"payload": "P"}})).await;
    assert_eq!(tap["rule"], "HOP-MENU-1", "{tap}");
    let gone =
        delete(&w, "garage-bot", &format!("{path}?psid=ann&params=[\"persistent_menu\"]"), json!({})).await;
    assert_eq!(gone.text, DONE);
    assert_eq!(read().await["data"][0]["page_level_persistent_menu"], menu("Talk", "P"));
    for (reply, part) in [
        (w.call("garage-bot", path, json!({"psid": "ann"})).await, "persistent_menu is required"),
        (w.call("garage-bot", path, json!({"persistent_menu": []})).await, "psid is required"),
        (w.read("garage-bot", &format!("{path}?psid=a%20b")).await, "Invalid parameter psid"),
        (delete(&w, "garage-bot", &format!("{path}?psid=ann"), json!({})).await, "params must be"),
    ] {
        expect!(reply, 400, part, "\"code\":100");
    }
    let instagram = w.read("market-bot", &format!("/{ACCOUNT}/custom_user_settings?psid=ann")).await;
    expect!(instagram, 400, "not available on Instagram");
}

#[tokio::test]
async fn whoever_set_it_hears_its_taps() {
    let w = World::start().await;
    let set = json!({"get_started": {"payload": "START"}, "persistent_menu": menu("Talk", "P"), "ice_breakers": [{"question": "Where?", "payload": "W"}]});
    assert_eq!(w.call("market-desk", "/me/messenger_profile", set).await.text, DONE);
    w.writes("2001", "ann").await;
    let owner = |receipt: &Value| receipt["thread"]["owner_app_id"].clone();
    for (person, body, title, payload) in [
        ("bea", json!({"type": "get_started"}), "Get Started", "START"),
        ("ann", json!({"type": "menu", "menu": {"payload": "P"}}), "Talk", "P"),
        ("cem", json!({"type": "ice_breaker", "ice_breaker": {"payload": "W"}}), "Where?", "W"),
    ] {
        let receipt = event(&w, "2001", person, body).await;
        let said = newest(&w, "2001", person).await;
        assert_eq!((&said["title"], &said["payload"]), (&json!(title), &json!(payload)), "{receipt}");
        if person == "ann" {
            assert_eq!(owner(&receipt), "222", "MCR-MENU-1: {receipt}");
        }
    }
    // An address of the menu moves control too, where the Handover Protocol has it (HOP-MENU-8).
    let set = json!({"get_started": {"payload": "START"}, "persistent_menu": menu("Talk", "shop")});
    w.call("garage-bot", "/me/messenger_profile", set).await;
    w.writes("2002", "ann").await;
    let tap = event(&w, "2002", "ann", json!({"type": "menu", "menu": {"url": "https://shop.test"}})).await;
    assert_eq!((&tap["rule"], owner(&tap)), (&json!("HOP-MENU-8"), json!("111")), "{tap}");
}

#[tokio::test]
async fn personas_come_in_pages_and_go() {
    let w = World::start().await;
    let persona = |name: &str| json!({"name": name, "profile_picture_url": "https://x.test/p.png"});
    let mut ids = Vec::new();
    for name in ["Ann", "Ben", "Cem"] {
        let made = w.call("market-bot", "/v19.0/me/personas", persona(name)).await.json();
        ids.push(made["id"].as_str().unwrap().to_owned());
    }
    let one = w.read("market-desk", &format!("/{}", ids[0])).await.json();
    assert_eq!(one, json!({"name": "Ann", "profile_picture_url": "https://x.test/p.png", "id": ids[0]}));
    assert_eq!(w.read("market-bot", &format!("/{}?fields=id", ids[0])).await.json(), json!({"id": ids[0]}));
    // By pages, the address of the next as it is; the last page leads nowhere.
    let (mut seen, mut next) = (Vec::new(), Some(w.with_token("/me/personas?limit=2", "market-bot")));
    while let Some(url) = next.take() {
        let part = w.send(w.client.get(url.replace("http://baton.test", &w.base))).await.json();
        seen.extend(
            part["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()),
        );
        assert!(part["paging"]["cursors"]["after"].is_string(), "{part}");
        next = part["paging"]["next"].as_str().map(str::to_owned);
    }
    ids.sort();
    seen.sort();
    assert_eq!(seen, ids);
    let past = format!("/me/personas?after={}", ids[2]);
    assert_eq!(w.read("market-bot", &past).await.text, r#"{"data":[]}"#, "an empty page has no paging");
    w.writes("2001", "ann").await;
    let send = |id: &str| {
        w.call(
            "market-bot",
            "/me/messages",
            json!({"recipient": {"id": "ann"}, "message": {"text": "hi"}, "persona_id": id}),
        )
    };
    assert_eq!(send(&ids[1]).await.status, 200);
    assert_eq!(delete(&w, "market-bot", &format!("/{}", ids[1]), json!({})).await.text, SUCCESS);
    expect!(send(&ids[1]).await, 400, "persona_id is no persona of this page");
    assert_eq!(w.read("market-bot", &format!("/{}", ids[1])).await.code(), (100, Some(33)));
    assert_eq!(w.read("garage-bot", &format!("/{}", ids[0])).await.code(), (100, Some(33)), "another page's");
    assert_eq!(w.call("market-bot", &format!("/{}", ids[0]), json!({})).await.code(), (100, Some(33)));
    for (body, part) in [
        (json!({"name": "x"}), "profile_picture_url is required"),
        (json!({"name": "x".repeat(51), "profile_picture_url": "https://x"}), "equal to 50"),
        (json!({"name": "x", "profile_picture_url": "x"}), "must be a web address"),
    ] {
        expect!(w.call("market-bot", "/me/personas", body).await, 400, part);
    }
}

#[tokio::test]
async fn labels_and_who_has_them() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let make = async |body: Value| {
        w.call("market-bot", "/me/custom_labels", body).await.json()["id"].as_str().unwrap().to_owned()
    };
    let vip = make(json!({"page_label_name": "VIP"})).await;
    let late = make(json!({"name": "late"})).await;
    assert_eq!(make(json!({"name": "VIP"})).await, vip, "the same name is the same label");
    let has = |method: &str, label: &str, user: &str| {
        let method = method.parse().unwrap();
        w.send(
            w.client
                .request(method, w.with_token(&format!("/{label}/label"), "market-bot"))
                .json(&json!({"user": user})),
        )
    };
    assert_eq!(has("POST", &vip, "ann").await.text, SUCCESS);
    assert_eq!(has("POST", &late, "ann").await.text, SUCCESS);
    assert_eq!(has("POST", &vip, "nobody").await.code(), (100, Some(2_018_001)));
    let of_ann = async || {
        let list = w.read("market-bot", "/ann/custom_labels?fields=name").await.json();
        let mut names: Vec<String> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(of_ann().await, ["VIP", "late"]);
    assert_eq!(w.read("market-bot", "/nobody/custom_labels").await.code(), (100, Some(33)));
    assert_eq!(has("DELETE", &vip, "ann").await.text, SUCCESS);
    assert_eq!(of_ann().await, ["late"]);
    let label = w.read("market-bot", &format!("/{late}?fields=page_label_name")).await.json();
    assert_eq!(label, json!({"page_label_name": "late", "id": late}));
    assert_eq!(delete(&w, "market-bot", &format!("/{late}"), json!({})).await.text, SUCCESS);
    assert_eq!(of_ann().await, Vec::<String>::new());
    let left = w.read("market-bot", "/me/custom_labels").await.json();
    assert_eq!(left["data"], json!([{"page_label_name": "VIP", "id": vip}]));
    expect!(w.call("market-bot", "/me/custom_labels", json!({})).await, 400, "page_label_name is required");
}

#[tokio::test]
async fn a_persons_profile_is_what_is_known() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    w.writes(ACCOUNT, "iggy").await;
    assert_eq!(w.read("market-bot", "/v19.0/ann").await.json(), json!({"id": "ann"}));
    let known = r#"{"first_name": "Ann", "last_name": "Lee", "profile_pic": "https://x.test/p?ext=1"}"#;
    assert_eq!(w.put("/baton/v1/pages/2001/people/ann", "application/json", known).await.status, 200);
    let usual = json!({"first_name": "Ann", "last_name": "Lee", "profile_pic": "https://x.test/p?ext=1", "id": "ann"});
    assert_eq!(w.read("market-bot", "/ann").await.json(), usual);
    let asked = w.read("market-bot", "/ann?fields=first_name,%20name,locale,timezone,gender").await;
    assert_eq!(asked.json(), json!({"first_name": "Ann", "name": "Ann Lee", "id": "ann"}));
    assert_eq!(w.read("market-bot", "/iggy?fields=username").await.json(), json!({"id": "iggy"}));
    for token in ["market-bot", "garage-bot"] {
        assert_eq!(w.read(token, "/nobody").await.code(), (100, Some(33)));
    }
    assert_eq!(w.read("garage-bot", "/ann").await.code(), (100, Some(33)), "another page's");
    let unlinked = w.call("market-bot", "/me/unlink_accounts", json!({"psid": "ann"})).await;
    assert_eq!(unlinked.text, r#"{"result":"unlink account success"}"#);
    assert_eq!(newest(&w, "2001", "ann").await, json!({"status": "unlinked"}));
    assert_eq!(
        w.call("market-bot", "/me/unlink_accounts", json!({"psid": "nobody"})).await.code(),
        (100, Some(2_018_001))
    );
}

#[tokio::test]
async fn conversations_and_their_messages() {
    let w = World::start().await;
    let first = w.writes("2001", "ann").await.json()["message_id"].clone();
    w.post("/baton/v1/clock", json!({"advance": "1s"})).await;
    let said = w.call("market-bot", "/me/messages", json!({"recipient": {"id": "ann"}, "message": {"text": "What size?", "quick_replies": [{"title": "M", "payload": "M"}]}})).await.json()["message_id"].clone();
    let image = json!({"type": "image", "payload": {"url": "https://x.test/i.png"}});
    w.call(
        "market-bot",
        "/me/messages",
        json!({"recipient": {"id": "ann"}, "message": {"attachment": image}}),
    )
    .await;
    event(&w, "2001", "ann", json!({"type": "edit", "edit": {"mid": first, "text": "hello there"}})).await;
    event(
        &w,
        "2001",
        "ann",
        json!({"type": "reaction", "reaction": {"mid": said, "action": "react", "reaction": "love"}}),
    )
    .await;
    let gone =
        event(&w, "2001", "ann", json!({"type": "message", "message": {"text": "oops"}})).await["message_id"]
            .clone();
    event(&w, "2001", "ann", json!({"type": "unsend", "unsend": {"mid": gone}})).await;
    let list = w
        .read("market-bot", "/me/conversations?fields=id,snippet,can_reply,messages.limit(2){id,message}")
        .await
        .json();
    let conversation = &list["data"][0];
    assert_eq!((&conversation["snippet"], &conversation["can_reply"]), (&json!(""), &json!(true)), "{list}");
    let texts = |messages: &Value| -> Vec<Value> {
        messages["data"].as_array().unwrap().iter().map(|one| one["message"].clone()).collect()
    };
    assert_eq!(texts(&conversation["messages"]), [json!(""), json!("What size?")]);
    let next = conversation["messages"]["paging"]["next"].as_str().unwrap();
    let rest = w.send(w.client.get(next.replace("http://baton.test", &w.base))).await.json();
    assert_eq!(texts(&rest), [json!("hello there")], "edited, and {rest}");
    assert!(rest["paging"].get("next").is_none(), "{rest}");
    let id = conversation["id"].as_str().unwrap();
    let edge = w.read("market-bot", &format!("/v19.0/{id}/messages?limit=1")).await.json();
    assert_eq!(edge["data"][0].as_object().unwrap().keys().collect::<Vec<_>>(), ["created_time", "id"]);
    let node = w.read("market-bot", &format!("/{id}?fields=messages{{message}},participants")).await.json();
    assert_eq!((texts(&node["messages"]).len(), &node["id"]), (3, &json!(id)));
    let person = json!({"name": "ann", "email": "ann@facebook.com", "id": "ann"});
    let page = json!({"name": "Market", "email": "2001@facebook.com", "id": "2001"});
    let whole = w
        .read(
            "market-bot",
            &format!("/{}?fields=created_time,from,to,message,reactions,attachments", said.as_str().unwrap()),
        )
        .await;
    assert_eq!(
        whole.json(),
        json!({"created_time": "2026-01-01T00:00:01+0000", "from": page, "to": {"data": [person]},
        "message": "What size?", "reactions": {"data": [{"reaction": "love", "users": [{"id": "ann"}]}]}, "id": said})
    );
    let newest = node["messages"]["data"][0]["id"].as_str().unwrap();
    let shown = w.read("market-bot", &format!("/{newest}?fields=attachments")).await.json();
    assert_eq!(shown["attachments"]["data"][0]["image_data"]["url"], "https://x.test/i.png");
    // What was taken back is gone, and so is what is older than the twenty newest.
    let read =
        async |mid: &Value, token: &'static str| w.read(token, &format!("/{}", mid.as_str().unwrap())).await;
    assert_eq!(read(&gone, "market-bot").await.code(), (9_000_001, None));
    assert_eq!(read(&said, "garage-bot").await.code(), (100, Some(33)), "another page's");
    assert_eq!(read(&first, "market-bot").await.status, 200);
    for _ in 0..18 {
        w.writes("2001", "ann").await;
    }
    assert_eq!(read(&first, "market-bot").await.code(), (9_000_001, None));
    assert_eq!(read(&said, "market-bot").await.status, 200);
    for path in [format!("/{id}/nothing"), "/t_00".to_owned(), "/m_none".to_owned()] {
        assert_eq!(w.read("market-bot", &path).await.code(), (100, Some(33)), "{path}");
    }
    assert_eq!(w.read("garage-bot", &format!("/{id}")).await.code(), (100, Some(33)));
}

#[tokio::test]
async fn conversations_say_how_much_was_written_and_not_answered() {
    let w = World::start().await;
    let counts = async || {
        let list = w.read("market-bot", "/me/conversations?fields=message_count,unread_count").await.json();
        (list["data"][0]["message_count"].clone(), list["data"][0]["unread_count"].clone())
    };
    w.writes("2001", "ann").await;
    let gone = w.writes("2001", "ann").await.json()["message_id"].clone();
    assert_eq!(counts().await, (json!(2), json!(2)));
    event(&w, "2001", "ann", json!({"type": "unsend", "unsend": {"mid": gone}})).await;
    assert_eq!(counts().await, (json!(1), json!(1)), "what was taken back is no message any more");
    let answer = json!({"recipient": {"id": "ann"}, "message": {"text": "yes"}});
    assert_eq!(w.call("market-bot", "/me/messages", answer).await.status, 200);
    assert_eq!(counts().await, (json!(2), json!(0)));
    w.writes("2001", "ann").await;
    assert_eq!(counts().await, (json!(3), json!(1)));
    // More than is counted while somebody waits: no number, rather than a wrong one.
    let many: Vec<Value> = (0..1000)
        .map(|number| json!({"person": "ann", "type": "message", "message": {"text": format!("{number}")}}))
        .collect();
    assert_eq!(w.post("/baton/v1/pages/2001/events", json!(many)).await.status, 200);
    assert_eq!(counts().await, (Value::Null, Value::Null));
}

/// Really at once: several threads, and often enough that two would meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_label_that_many_make_at_once_is_one() {
    let w = World::start().await;
    for round in 0..150 {
        let make =
            |_| w.call("market-bot", "/me/custom_labels", json!({"page_label_name": format!("{round}")}));
        let made = futures_util::future::join_all((0..16).map(make)).await;
        assert!(made.iter().all(|reply| reply.json() == made[0].json()), "round {round}: {}", made[0].text);
    }
}
