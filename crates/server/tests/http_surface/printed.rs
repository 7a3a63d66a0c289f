//! Every request that the documents print, sent as it is printed: only the host is another one, and what stands for a
//! value has one. Beside each stands what the same document says comes back.

use serde_json::{Value, json};

use crate::world::{Reply, World};

/// What a request is answered with, and who has control afterwards.
struct Expected {
    keys: &'static [&'static str],
    owner: &'static str,
}

const SENT: &[&str] = &["recipient_id", "message_id"];
/// The documents print a text here, and no JSON; a boolean is what clients take (C-12).
const DONE: &[&str] = &["success"];

/// The bot (111) is the default app, which has control again when another app releases it; the desk (222) has control
/// when the request is made.
const PRINTED: &[(&str, Expected)] = &[
    // Messenger Conversation Routing: to the default app, with the last message.
    (
        r#"curl -X POST -H "Content-Type: application/json" -d '{
  "messaging_type": "RESPONSE",
  "thread_control": {
    "payload" : "pass_thread_control"
  },
  "recipient": {
    "id": "<PSID>"
  },
  "message": {
    "text" : "Let me transfer you to our live agent"
  }
}' "https://graph.facebook.com/v12.0/me/messages?access_token=<ACCESS_TOKEN>""#,
        Expected { keys: SENT, owner: "111" },
    ),
    (
        r#"curl -X POST -H "Content-Type: application/json" -d '{
  "messaging_type": "RESPONSE",
  "thread_control": {
    "payload" : "release_thread_control"
  },
  "recipient": {
    "id": "<PSID>"
  },
  "message": {
    "text" : "Thank you for contacting us."
  }
}' "https://graph.facebook.com/v12.0/me/messages?access_token=<ACCESS_TOKEN>""#,
        Expected { keys: SENT, owner: "111" },
    ),
    (
        r#"curl -X POST -H "Content-Type: application/json" -d '{
  "messaging_type": "RESPONSE",
  "thread_control": {
    "app_id": "<APPLICATION_ID>",
    "control_type": "pass"
  },
  "recipient": {
    "id": "<PSID>"
  },
  "message": {
    "text" : "Let me transfer you to our live agent"
  }
}' "https://graph.facebook.com/v12.0/me/messages?access_token=<ACCESS_TOKEN>""#,
        Expected { keys: SENT, owner: "333" },
    ),
    (
        r#"curl -X POST -H "Content-Type: application/json" -d '{
  "messaging_type": "RESPONSE",
  "thread_control": {
    "app_id": "<APPLICATION_ID>",
    "control_type": "release"
  },
  "recipient": {
    "id": "<PSID>"
  },
  "message": {
    "text" : "Thank you for contacting us."
  }
}' "https://graph.facebook.com/v12.0/me/messages?access_token=<ACCESS_TOKEN>""#,
        Expected { keys: SENT, owner: "111" },
    ),
    // The same by the Handover Protocol's edges.
    (
        r#"curl -X POST -H "Content-Type: application/json" -d '{
 "recipient": {
   "id": "<PSID>"
 },
 "metadata": "Passing thread control to the default application"
}' "https://graph.facebook.com/v12.0/me/pass_thread_control?access_token=<ACCESS_TOKEN>""#,
        Expected { keys: DONE, owner: "111" },
    ),
    (
        r#"curl -X POST -H "Content-Type: application/json" -d '{
 "recipient": {
   "id": "<PSID>"
 },
 "target_app_id": "<MARKETING_APP_ID>",
 "metadata": "Passing thread control to the marketing application"
}' "https://graph.facebook.com/v12.0/me/pass_thread_control?access_token=<ACCESS_TOKEN>""#,
        Expected { keys: DONE, owner: "333" },
    ),
    (
        r#"curl -X POST -H "Content-Type: application/json" -d '{
 "recipient": {
   "id": "<PSID>"
 },
 "metadata": "Release thread control to default application"
}' "https://graph.facebook.com/v12.0/me/release_thread_control?access_token=<ACCESS_TOKEN>""#,
        Expected { keys: DONE, owner: "111" },
    ),
    // Who has control, which changes nothing.
    (
        r#"curl -X GET "https://graph.facebook.com/LATEST-API-VERSION/PAGE-ID/thread_owner
    ?recipient=PSID
    &access_token=PAGE-ACCESS-TOKEN""#,
        Expected { keys: &["data"], owner: "222" },
    ),
    (
        r#"curl -X GET "https://graph.facebook.com/v12.0/me?fields=messaging_feature_status&access_token=<ACCESS_TOKEN>""#,
        Expected { keys: &["messaging_feature_status", "id"], owner: "222" },
    ),
];

/// A printed request with its values.
fn filled(printed: &str, person: &str) -> String {
    let values = [
        ("<PSID>", person),
        ("=PSID", &format!("={person}")),
        ("<APPLICATION_ID>", "333"),
        ("<MARKETING_APP_ID>", "333"),
        ("PAGE-ACCESS-TOKEN", "market-desk"),
        ("<ACCESS_TOKEN>", "market-desk"),
        ("LATEST-API-VERSION", "v25.0"),
        ("PAGE-ID", "2001"),
        ("\n    ", ""),
    ];
    values.into_iter().fold(printed.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// Does what curl does with these words.
async fn curl(w: &World, command: &str) -> Reply {
    let (_, url) = command.trim_end_matches('"').rsplit_once('"').unwrap();
    let url = url.replace("https://graph.facebook.com", &w.base);
    let data = command.split_once("-d '").map(|(_, rest)| rest.split_once('\'').unwrap().0.to_owned());
    let request = match data {
        Some(data) => w.client.post(url).header("content-type", "application/json").body(data),
        None => w.client.get(url),
    };
    w.send(request).await
}

#[tokio::test]
async fn every_request_that_the_documents_print_does_what_they_say() {
    let w = World::start().await;
    for (index, (printed, expected)) in PRINTED.iter().enumerate() {
        let person = format!("50{index}");
        w.writes("2001", &person).await;
        let to_desk = json!({"recipient": {"id": person}, "target_app_id": "222"});
        assert_eq!(w.call("market-bot", "/me/pass_thread_control", to_desk).await.status, 200);
        let reply = curl(&w, &filled(printed, &person)).await;
        assert_eq!(reply.status, 200, "{printed}: {}", reply.text);
        let answer = reply.json();
        let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, expected.keys, "{printed}");
        let thread = w.get(&format!("/baton/v1/pages/2001/threads/{person}")).await.json();
        assert_eq!(thread["owner_app_id"], expected.owner, "{printed}");
        match expected.keys {
            ["recipient_id", _] => assert_eq!(answer["recipient_id"], person.as_str()),
            ["success"] => assert_eq!(answer["success"], Value::Bool(true)),
            ["data"] => assert_eq!(answer["data"][0]["thread_owner"]["app_id"], 222),
            _ => assert_eq!(
                answer,
                json!({"messaging_feature_status": {"hop_v2": false, "msgr_multi_app": true, "ig_multi_app": false}, "id": "2001"})
            ),
        }
    }
}
