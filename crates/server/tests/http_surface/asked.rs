//! Every request that `docs/protocol/wire.md` names (`GET /me?fields=id,name`), asked with its values. The document is
//! read: a request that is written into it and not asked here fails the test, and so does one here that it does not name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Reply, World};

const DOCUMENT: &str = include_str!("../../../../docs/protocol/wire.md");
/// What other chapters say of these requests is what libraries do (9), and what was chosen here (11).
const LAST_CHAPTER: &str = "\n## 9. ";
/// Asked of a receiver, by Baton: `handshake.rs` has it.
const OF_RECEIVERS: &str =
    "GET {callback_url}?hub.mode=subscribe&hub.challenge=<decimal int>&hub.verify_token=<token>";

const PAGE: &str = "market-bot";
const APP: &str = "111%7Ctest_secret";

/// A request as it is written; who asks; method and path; the body; the keys of the answer, in their order, or its error.
struct Asked(&'static str, &'static str, &'static str, &'static str, &'static str);

/// In this order: what is in braces comes from an answer before.
const ASKED: &[Asked] = &[
    Asked(
        "POST /",
        PAGE,
        "POST /",
        r#"{"batch":[{"method":"GET","relative_url":"me"}],"include_headers":false}"#,
        "[code body]",
    ),
    Asked("GET /me?fields=id,name", PAGE, "GET /me?fields=id,name", "", "name id"),
    Asked(
        "GET /me?fields=user_id,username",
        "IGAAmarket",
        "GET /me?fields=user_id,username",
        "",
        "user_id username id",
    ),
    Asked("GET /me/accounts", PAGE, "GET /me/accounts", "", "100"),
    Asked(
        "GET /{page-id}?fields=access_token,instagram_business_account",
        PAGE,
        "GET /2001?fields=access_token,instagram_business_account",
        "",
        "access_token instagram_business_account id",
    ),
    Asked(
        "GET /debug_token?input_token&access_token=APP\\|SECRET",
        APP,
        "GET /debug_token?input_token=market-bot",
        "",
        "data",
    ),
    Asked(
        "GET /oauth/access_token?grant_type=client_credentials\\|fb_exchange_token",
        "",
        "GET /oauth/access_token?grant_type=client_credentials&client_id=111&client_secret=test_secret",
        "",
        "access_token token_type",
    ),
    Asked("GET /{app-id}", APP, "GET /111", "", "name link id"),
    Asked("POST /me/nlp_configs", PAGE, "POST /me/nlp_configs?nlp_enabled=true", "", "success"),
    Asked("POST /{app-id}/activities", APP, "POST /111/activities", "{}", "success"),
    Asked("POST /{app-id}/page_activities", PAGE, "POST /111/page_activities", "{}", "success"),
    Asked("POST /me/unlink_accounts", PAGE, "POST /me/unlink_accounts", r#"{"psid":"ann"}"#, "result"),
    Asked(
        "GET /me?fields=recipient&account_linking_token=T",
        PAGE,
        "GET /me?fields=recipient&account_linking_token=T",
        "",
        "10303",
    ),
    Asked("POST /me/messenger_codes", PAGE, "POST /me/messenger_codes", r#"{"type":"standard"}"#, "uri"),
    Asked("GET /me/messaging_feature_review", PAGE, "GET /me/messaging_feature_review", "", "data"),
    Asked("GET /me/insights", PAGE, "GET /me/insights", "", "data"),
    Asked(
        "POST /me/custom_labels {page_label_name\\|name}",
        PAGE,
        "POST /me/custom_labels",
        r#"{"page_label_name":"vip"}"#,
        "id=label",
    ),
    Asked("POST", PAGE, "POST /{label}/label", r#"{"user":"ann"}"#, "success"),
    Asked("GET /{psid}/custom_labels", PAGE, "GET /ann/custom_labels", "", "data paging"),
    Asked("GET /me/custom_labels", PAGE, "GET /me/custom_labels", "", "data paging"),
    Asked("DELETE /{label}/label {user}", PAGE, "DELETE /{label}/label", r#"{"user":"ann"}"#, "success"),
    Asked("DELETE /{label}", PAGE, "DELETE /{label}", "", "success"),
    Asked(
        "POST /{page-id|ig-id|me}/messages",
        PAGE,
        "POST /2001/messages",
        r#"{"recipient":{"id":"ann"},"message":{"text":"hi"}}"#,
        "recipient_id message_id=message",
    ),
    Asked("GET /{message-id}", PAGE, "GET /{message}", "", "created_time id"),
    Asked(
        "POST /{page|ig|me}/message_attachments",
        PAGE,
        "POST /me/message_attachments",
        r#"{"message":{"attachment":{"type":"image","payload":{"url":"https://cdn.test/a.png"}}}}"#,
        "attachment_id",
    ),
    Asked(
        "POST object=page|instagram|user|permissions|…, callback_url, verify_token, fields (comma list), include_values",
        APP,
        "POST /111/subscriptions?object=permissions&callback_url=http://bot.test/w&verify_token=v&fields=a,b&include_values=true",
        "",
        "100",
    ),
    Asked(
        "DELETE object=page[, fields=…]",
        APP,
        "DELETE /111/subscriptions",
        r#"{"object":"page","fields":"messages"}"#,
        "success",
    ),
    Asked(
        "POST subscribed_fields=messages,messaging_postbacks",
        PAGE,
        "POST /me/subscribed_apps?subscribed_fields=messages,messaging_postbacks",
        "",
        "success",
    ),
    Asked(
        "POST {psid, persistent_menu:[…]}",
        PAGE,
        "POST /me/custom_user_settings",
        r#"{"psid":"ann","persistent_menu":[{"locale":"default","call_to_actions":[{"type":"postback","title":"a","payload":"A"}]}]}"#,
        "result",
    ),
    Asked("GET ?psid=", PAGE, "GET /me/custom_user_settings?psid=ann", "", "data"),
    Asked(
        "DELETE ?psid=&params=[\"persistent_menu\"]",
        PAGE,
        "DELETE /me/custom_user_settings?psid=ann&params=[%22persistent_menu%22]",
        "",
        "result",
    ),
    Asked(
        "POST /{page}/personas {name ≤50, profile_picture_url (≤8 MB)}",
        PAGE,
        "POST /2001/personas",
        r#"{"name":"Ada","profile_picture_url":"https://cdn.test/a.png"}"#,
        "id=persona",
    ),
    Asked("GET /{page}/personas", PAGE, "GET /2001/personas", "", "data paging"),
    Asked("GET /{persona}", PAGE, "GET /{persona}", "", "name profile_picture_url id"),
    Asked("DELETE /{persona}", PAGE, "DELETE /{persona}", "", "success"),
    Asked("GET /{psid}?fields=…", PAGE, "GET /ann?fields=id,first_name", "", "first_name id"),
    Asked("GET /{igsid}", PAGE, "GET /iggy", "", "name username id"),
    Asked(
        "GET /{page|ig|me}/conversations?platform=messenger|instagram[&user_id=][&folder=][&tags=]&fields=…",
        PAGE,
        "GET /2001/conversations?platform=messenger&user_id=ann&folder=inbox&tags=x&fields=id",
        "",
        "data=conversation paging",
    ),
    Asked(
        "GET /{conversation}?fields=messages{…}",
        PAGE,
        "GET /{conversation}?fields=messages{id,message,from}",
        "",
        "id messages",
    ),
    Asked(
        "GET /{message-id}?fields=id,created_time,from,to,message,attachments,shares,sticker,tags,reactions,story,reply_to,is_unsupported",
        PAGE,
        "GET /{message}?fields=id,created_time,from,to,message,attachments,shares,sticker,tags,reactions,story,reply_to,is_unsupported",
        "",
        "created_time from to message id",
    ),
];

/// The requests of a text: what stands between backticks and begins with a method.
fn named(text: &str) -> BTreeSet<&str> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    quoted.filter(|text| ["GET ", "POST ", "DELETE "].iter().any(|method| text.starts_with(method))).collect()
}

#[test]
fn every_request_that_wire_md_names_is_asked() {
    let (text, _) = DOCUMENT.split_once(LAST_CHAPTER).unwrap();
    let mut asked: BTreeSet<&str> = ASKED.iter().map(|asked| asked.0).collect();
    // Named without its path: `POST`/`DELETE /{label}/label {user}`.
    assert!(asked.remove("POST") && text.contains("`POST`/`DELETE /{label}/label {user}`"));
    asked.insert(OF_RECEIVERS);
    assert_eq!(named(text), asked);
}

async fn ask(w: &World, asked: &Asked, values: &BTreeMap<String, String>) -> Reply {
    let Asked(_, token, request, body, _) = asked;
    let request = values
        .iter()
        .fold((*request).to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
    let (method, path) = request.split_once(' ').unwrap();
    let path = if token.is_empty() { w.url(path) } else { w.with_token(path, token) };
    let request = w.client.request(method.parse().unwrap(), path);
    let request = if body.is_empty() {
        request
    } else {
        request.header("content-type", "application/json").body((*body).to_owned())
    };
    w.send(request).await
}

/// `name id=label`: the keys of an answer, in order; what is kept of it, by which name. What is wrong, if anything is.
fn check(asked: &Asked, reply: &Reply, values: &mut BTreeMap<String, String>) -> Option<String> {
    let Asked(request, _, _, _, expected) = asked;
    let wrong = || Some(format!("{request}: {} {}, not {expected}", reply.status, reply.text));
    if let Ok(code) = expected.parse::<u64>() {
        return if (reply.status, reply.code().0) == (400, code) { None } else { wrong() };
    }
    let answer = reply.json();
    let (one, expected) = match expected.strip_prefix('[') {
        Some(item) => (&answer[0], item.trim_end_matches(']')),
        None => (&answer, *expected),
    };
    let keys: Vec<&str> = one.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
    let mut named = Vec::new();
    for word in expected.split(' ') {
        let (key, kept) = word.split_once('=').map_or((word, None), |(key, name)| (key, Some(name)));
        named.push(key);
        let value = if one[key].is_array() { &one[key][0]["id"] } else { &one[key] };
        values.extend(kept.zip(value.as_str()).map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    if reply.status == 200 && keys == named { None } else { wrong() }
}

#[tokio::test]
async fn what_wire_md_names_is_answered_as_it_says() {
    // The account's own token, as it begins on the platform.
    let market = r#"{ app = "Sales bot", token = "market-bot" },"#;
    let with_account = format!("{market}\n    {{ app = \"Desk\", token = \"IGAAmarket\" }},");
    let routing = crate::world::ROUTING.replace(market, &with_account);
    let routing =
        routing.replace("    { app = \"Desk\", token = \"market-desk\", take_control = true },\n", "");
    let w = World::start().await;
    let put = w.put("/baton/v1/routing", "application/toml", &routing).await;
    assert_eq!(put.status, 200, "{}", put.text);
    w.writes("2001", "ann").await;
    w.writes(ACCOUNT, "iggy").await;
    for (page, person, known) in [
        ("2001", "ann", json!({"first_name": "Ann"})),
        (ACCOUNT, "iggy", json!({"name": "Iggy", "username": "iggy_pop"})),
    ] {
        let path = format!("/baton/v1/pages/{page}/people/{person}");
        assert_eq!(w.put(&path, "application/json", &known.to_string()).await.status, 200);
    }
    let menu: Value = json!({"get_started": {"payload": "GO"}});
    assert_eq!(w.call(PAGE, "/me/messenger_profile", menu).await.status, 200);
    let (mut values, mut wrong) = (BTreeMap::new(), Vec::new());
    for asked in ASKED {
        let reply = ask(&w, asked, &values).await;
        wrong.extend(check(asked, &reply, &mut values));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
