//! Whatever a stranger sends over HTTP: an answer that says what is wrong, never a 5xx, and a server that goes on.
//! `FUZZ_SECONDS` says how long it looks (`make soak`); else it is a moment.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::world::{OPERATOR, World};

const METHODS: &[&str] = &["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"];
const NODES: &[&str] =
    &["me", "2001", "17841400000001", "ann", "m_x", "t_00", "111", "debug_token", "oauth", "%ff", "..", ""];
const EDGES: &[&str] = &[
    "",
    "messages",
    "message_attachments",
    "pass_thread_control",
    "take_thread_control",
    "thread_owner",
    "conversations",
    "subscribed_apps",
    "messenger_profile",
    "custom_user_settings",
    "personas",
    "custom_labels",
    "label",
    "access_token",
    "subscriptions",
    "messenger_codes",
    "thread_settings",
    "permissions",
    "nothing/at/all",
];
const QUERIES: &[&str] = &[
    "",
    "fields=id,messages.limit(2){from}",
    "fields=a{",
    "limit=-1",
    "after=x",
    "before=zz",
    "ids=me,,ann",
    "method=delete",
    "recipient=ann",
    "recipient={id:ann}",
    "psid=ann",
    "appsecret_proof=00",
    "appsecret_time=x&appsecret_proof=00",
    "suppress_http_code=1",
    "user_id=%00",
    "%=%&&==",
];
const KINDS: &[&str] = &[
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "",
];
const BODIES: &[&str] = &[
    "",
    "{",
    "[]",
    "null",
    "{\"recipient\":{\"id\":\"ann\"},\"message\":{\"text\":\"hi\"}}",
    "{\"recipient\":{\"id\":{}},\"message\":[]}",
    "{\"recipient\":{\"user_ref\":\"u\"},\"message\":{\"text\":\"hi\"}}",
    "{\"recipient\":{\"one_time_notif_token\":\"u\"},\"message\":{\"text\":\"hi\"}}",
    "recipient[id]=ann&message[text]=hi",
    "recipient[id]=ann&message[][]=x",
    "--x\r\nContent-Disposition: form-data; name=\"filedata\"; filename=\"f\"\r\n\r\nbytes\r\n--x--\r\n",
    "--x\r\nContent-Disposition: form-data\r\n\r\n",
    "batch=[{\"relative_url\":\"me\"},{\"relative_url\":\"{result=a:$}\"}]",
    "{\"batch\":[{\"method\":\"POST\",\"relative_url\":\"me/messages\",\"body\":\"recipient={id:ann}&message={text:x}\"}]}",
    "{\"persistent_menu\":[{\"locale\":\"default\"}],\"get_started\":{\"payload\":\"x\"}}",
    "{\"name\":\"n\",\"profile_picture_url\":\"http://x\",\"page_label_name\":\"l\",\"user\":\"ann\"}",
    "{\"subscribed_fields\":[1,{},\"messages\"]}",
    "setting_type=call_to_actions&thread_state=existing_thread&call_to_actions=[{}]",
    "setting_type=domain_whitelisting&domain_action_type=add&whitelisted_domains=https://x.test",
    "target_app_id=99999999999999999999&recipient={'id':'ann'}",
];

/// A text out of a list, with a few letters changed now and then.
fn drawn(random: &mut StdRng, list: &[&str]) -> String {
    let mut text = (*list.choose(random).unwrap()).to_owned();
    if random.random_ratio(1, 4) {
        let letters: Vec<char> = "{}[]\"':,=&%ä\u{1F44D}0a ".chars().collect();
        let mut changed: Vec<char> = text.chars().collect();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..=changed.len());
            changed.insert(at, *letters.choose(random).unwrap());
        }
        text = changed.into_iter().collect();
    }
    text
}

#[tokio::test]
async fn nothing_that_is_sent_is_answered_with_5xx() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let mut random = StdRng::seed_from_u64(seconds.unwrap_or(7));
    #[expect(clippy::disallowed_methods, reason = "whoever looks longer says for how long in real time")]
    let begun = Instant::now();
    let mut tried = 0;
    while match seconds {
        Some(seconds) => begun.elapsed() < Duration::from_secs(seconds),
        None => tried < 1500,
    } {
        tried += 1;
        let escaped = |text: String| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let (node, edge) = (drawn(&mut random, NODES), drawn(&mut random, EDGES));
        let node = if NODES.contains(&node.as_str()) { node } else { escaped(node) };
        let edge = if EDGES.contains(&edge.as_str()) { edge } else { escaped(edge) };
        let query = drawn(&mut random, QUERIES).replace([' ', '"', '\''], "%20");
        let token =
            ["market-bot", "garage-bot", "111%7Ctest_secret", "wrong", ""].choose(&mut random).unwrap();
        let url = format!("{}/v25.0/{node}/{edge}?{query}&access_token={token}", w.base);
        let method = METHODS.choose(&mut random).unwrap().parse::<reqwest::Method>().unwrap();
        let (kind, body) = (*KINDS.choose(&mut random).unwrap(), drawn(&mut random, BODIES));
        let mut request = w.client.request(method.clone(), &url).body(body.clone());
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        let reply = w.send(request).await;
        assert!(reply.status < 500, "{method} {url} {kind} {body:?}: {} {}", reply.status, reply.text);
        if reply.status == 200 && method != "HEAD" {
            assert!(
                !reply.text.starts_with("{\"error\"") || query.contains("suppress"),
                "{url}: {}",
                reply.text
            );
        }
    }
    assert_eq!(w.read("market-bot", "/me").await.status, 200, "and it goes on");
}

/// What a channel may bring, a little wrong.
const EVENTS: &[&str] = &[
    "{\"type\":\"message\",\"message\":{\"text\":\"hi\"}}",
    "{\"type\":\"message\",\"message\":{\"attachments\":[{\"type\":\"image\",\"payload\":{\"url\":\"https://x.test\"}}]}}",
    "{\"type\":\"message\",\"message\":{\"text\":\"\\ud83d\"}}",
    "{\"type\":\"postback\",\"postback\":{\"payload\":\"P\",\"mid\":\"m_x\"}}",
    "{\"type\":\"menu\",\"menu\":{\"url\":\"https://x.test\"}}",
    "{\"type\":\"get_started\",\"entry\":{\"type\":\"ad\",\"ad_id\":\"9001\"}}",
    "{\"type\":\"referral\",\"referral\":{\"ref\":\"x\"},\"event_id\":\"1\"}",
    "{\"type\":\"optin\",\"optin\":{\"user_ref\":\"u\"}}",
    "{\"type\":\"read\",\"read\":{\"watermark\":9223372036854775807}}",
    "{\"type\":\"delivery\",\"delivery\":{\"mids\":[\"m\"],\"watermark\":1}}",
    "{\"type\":\"reaction\",\"reaction\":{\"mid\":\"m\",\"action\":\"react\",\"emoji\":\"x\"}}",
    "{\"type\":\"edit\",\"edit\":{\"mid\":\"m\",\"text\":\"t\"}}",
    "{\"type\":\"unsend\",\"unsend\":{\"mid\":\"m\"}}",
    "{\"type\":\"account_linking\",\"account_linking\":{\"status\":\"linked\"}}",
    "{\"type\":\"feedback\",\"feedback\":{\"feedback_screens\":[{}]}}",
    "[{\"person\":\"ann\",\"type\":\"message\",\"message\":{\"text\":\"hi\"}},{\"person\":\"a b\"},1]",
    "{\"person_id\":\"ann\",\"message\":\"In blue?\"}",
    "{}",
];
const BROUGHT: &[&str] = &[
    "people/ann/events",
    "people/%ff/events",
    "events",
    "people/ann",
    "comments/77_1",
    "threads/ann/inbox",
    "threads/ann/dry-run",
];

#[tokio::test]
async fn nothing_that_a_channel_brings_is_answered_with_5xx() {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let w = World::start().await;
    let mut random = StdRng::seed_from_u64(seconds.unwrap_or(7));
    #[expect(clippy::disallowed_methods, reason = "whoever looks longer says for how long in real time")]
    let begun = Instant::now();
    let (mut tried, mut taken) = (0, 0);
    while match seconds {
        Some(seconds) => begun.elapsed() < Duration::from_secs(seconds),
        None => tried < 1000,
    } {
        tried += 1;
        let (page, what) = (
            ["2001", "2002", "17841400000001", "9"].choose(&mut random).unwrap(),
            BROUGHT.choose(&mut random).unwrap(),
        );
        let body = drawn(&mut random, EVENTS);
        let method = if what.ends_with("ann") || what.contains("comments") {
            reqwest::Method::PUT
        } else {
            reqwest::Method::POST
        };
        let url = w.url(&format!("/baton/v1/pages/{page}/{what}"));
        let request =
            w.client.request(method, &url).bearer_auth(OPERATOR).header("content-type", "application/json");
        let reply = w.send(request.body(body.clone())).await;
        assert!(reply.status < 500, "{url} {body:?}: {} {}", reply.status, reply.text);
        assert!(reply.text.len() <= body.len() * 64 + 65_536, "{url} {body:?}: {} bytes", reply.text.len());
        taken += usize::from(reply.status == 200);
    }
    assert!(taken > tried / 20, "only {taken} of {tried} were taken");
    w.writes("2001", "ann").await;
}
