//! The worked scenarios of the specification (section 5.6), from outside: the router, the engine, a clock that the
//! story moves, and a real receiver for each of three apps. After each step stands what its caller was answered and
//! who has control, at the end all that each app ever heard, so that an app which hears too much fails the story
//! too. Hours count from the beginning.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::receiver::{Receiver, change};
use crate::stage::{ACCOUNT, MARKET, PAGE, Stage};
use crate::world::{BOT, DESK, Reply, START};

/// What everybody hears last, so that whatever was to come before it has come.
const THE_END: &str = "the end";
const ON_MESSENGER: &str = "default_app = \"Sales bot\"";
const ON_INSTAGRAM: &str = ", default_app = \"Sales bot\"";
const HANDOVER: &str = "primary_receiver = \"Sales bot\"";

/// A story about one person on one surface of a page.
struct Story {
    stage: Stage,
    /// The page, or its account.
    id: &'static str,
    object: &'static str,
}

impl Story {
    fn on_messenger(stage: Stage) -> Self {
        Self { stage, id: PAGE, object: "page" }
    }

    fn on_instagram(stage: Stage) -> Self {
        Self { stage, id: ACCOUNT, object: "instagram" }
    }

    /// So many minutes after the beginning; who has control then.
    async fn at(&self, minutes: i64) -> String {
        let when = time(START + minutes * 60_000);
        let reply = self.stage.w.post("/baton/v1/clock", json!({"set": when})).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        self.control().await
    }

    /// Who has control, and until when.
    async fn control(&self) -> String {
        let thread = self.stage.w.get(&format!("/baton/v1/pages/{}/threads/ann", self.id)).await.json();
        match (called(&thread["owner_app_id"]), thread["expires_at"].as_str()) {
            (owner, Some(until)) => format!("{owner} until {}", hours(milliseconds(until))),
            (owner, None) => owner,
        }
    }

    /// The person does something.
    async fn person(&self, event: Value) -> String {
        let reply = self.stage.w.post(&format!("/baton/v1/pages/{}/people/ann/events", self.id), event).await;
        self.by_rule(&reply).await
    }

    async fn writes(&self, text: &str) -> String {
        self.person(json!({"type": "message", "message": {"text": text}})).await
    }

    /// Somebody does something at the inbox.
    async fn inbox(&self, act: Value) -> String {
        let reply = self.stage.w.post(&format!("/baton/v1/pages/{}/threads/ann/inbox", self.id), act).await;
        self.by_rule(&reply).await
    }

    async fn by_rule(&self, reply: &Reply) -> String {
        assert_eq!(reply.status, 200, "{}", reply.text);
        format!("{}: {}", reply.json()["rule"].as_str().unwrap(), self.control().await)
    }

    /// An app makes a call.
    async fn calls(&self, app: &str, edge: &str, more: Value) -> String {
        let mut body = json!({"recipient": {"id": "ann"}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = self.stage.w.call(app, &format!("/{}/{edge}", self.id), body).await;
        let answer = reply.json();
        let answer = match (reply.status, reply.code()) {
            (200, _) if answer["success"] == true || answer["message_id"].is_string() => "done".to_owned(),
            (400, (code, None)) => format!("error {code}"),
            (400, (code, Some(subcode))) => format!("error {code}/{subcode}"),
            (status, _) => format!("{status} {answer}"),
        };
        format!("{answer}: {}", self.control().await)
    }

    async fn sends(&self, app: &str, text: &str) -> String {
        self.calls(app, "messages", json!({"message": {"text": text}})).await
    }

    /// All that each app heard, and nothing else.
    async fn heard(mut self, bot: &[&str], desk: &[&str], market: &[&str]) {
        self.writes(THE_END).await;
        let mut all = BTreeMap::new();
        let Stage { bot: at_bot, desk: at_desk, market: at_market, .. } = &mut self.stage;
        for (name, receiver) in [("bot", at_bot), ("desk", at_desk), ("market", at_market)] {
            all.insert(name, heard(receiver, self.object, self.id).await);
        }
        for (name, expected) in [("bot", bot), ("desk", desk), ("market", market)] {
            assert_eq!(all[name], expected, "{name}: {all:#?}");
        }
    }
}

/// The time as Baton's API writes it.
fn time(at: i64) -> String {
    let (days, rest) = ((at - START) / 86_400_000, (at - START) % 86_400_000);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    format!("2026-01-{:02}T{hours:02}:{minutes:02}:00Z", days + 1)
}

/// The milliseconds since the beginning of a time that Baton's API wrote.
fn milliseconds(text: &str) -> i64 {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    assert!(text.starts_with("2026-01-") && text.ends_with(":00.000Z"), "{text}");
    ((number(8, 10) - 1) * 24 + number(11, 13)) * 3_600_000 + number(14, 16) * 60_000
}

/// Hours since the beginning: `24`, `24.5`.
fn hours(milliseconds: i64) -> String {
    assert_eq!(milliseconds % 360_000, 0, "{milliseconds} ms are no tenths of an hour");
    let tenths = milliseconds / 360_000;
    if tenths % 10 == 0 { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

/// What an app is called here, by its id as text or number.
fn called(id: &Value) -> String {
    let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    let name = match id.as_str() {
        "null" => "nobody",
        BOT => "bot",
        DESK => "desk",
        MARKET => "market",
        "263902037430900" | "1217981644879628" => "inbox",
        _ => panic!("who is {id}?"),
    };
    name.to_owned()
}

/// All that a receiver was sent before the end, one line for each event.
async fn heard(receiver: &mut Receiver, object: &str, id: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let whole = receiver.next().await;
        assert_eq!(whole["object"], object, "{whole}");
        for entry in whole["entry"].as_array().unwrap() {
            assert_eq!(entry["id"], id, "{whole}");
            for channel in ["messaging", "standby"] {
                for item in entry[channel].as_array().into_iter().flatten() {
                    if item["message"]["text"] == THE_END {
                        return all;
                    }
                    all.push(line(item, channel, id));
                }
            }
        }
    }
}

/// `24.5 standby echo of desk "hi"`
fn line(item: &Value, channel: &str, id: &str) -> String {
    let message = &item["message"];
    let is_echo = message["is_echo"] == true;
    let (from, to) = if is_echo { (id, "ann") } else { ("ann", id) };
    assert_eq!((&item["sender"]["id"], &item["recipient"]["id"]), (&json!(from), &json!(to)), "{item}");
    let at = hours(item["timestamp"].as_i64().unwrap() - START);
    let on = if channel == "standby" { " standby" } else { "" };
    let moved = |event: &Value| {
        let (from, to) = (called(&event["previous_owner_app_id"]), called(&event["new_owner_app_id"]));
        format!("{from}>{to} {}", event["metadata"])
    };
    let what = if item["pass_thread_control"].is_object() {
        format!("PASS {}", moved(&item["pass_thread_control"]))
    } else if item["take_thread_control"].is_object() {
        format!("TAKE {}", moved(&item["take_thread_control"]))
    } else if item["request_thread_control"].is_object() {
        let asked = &item["request_thread_control"];
        format!("REQUEST of {} {}", called(&asked["requested_owner_app_id"]), asked["metadata"])
    } else if is_echo {
        format!("echo of {} {}", called(&message["app_id"]), message["text"])
    } else if message["referral"].is_object() {
        format!("{} by ad {}", message["text"], message["referral"]["ad_id"].as_str().unwrap())
    } else if item["referral"].is_object() {
        format!("referral by ad {}", item["referral"]["ad_id"].as_str().unwrap())
    } else {
        message["text"].to_string()
    };
    format!("{at}{on} {what}")
}

#[tokio::test]
async fn scn_1_an_ad_leads_to_its_app_which_passes_back() {
    let s = Story::on_messenger(Stage::set(ON_MESSENGER, "", "", "").await);
    let by_ad = json!({"type": "referral", "entry": {"type": "ad", "ad_id": "9001"}});
    assert_eq!(s.person(by_ad).await, "MCR-AD-1: market until 24");
    s.at(60).await;
    assert_eq!(s.writes("still on?").await, "MCR-MSG-3: market until 25");
    s.at(120).await;
    assert_eq!(s.calls("market", "pass_thread_control", json!({"metadata": "buys"})).await, "done: bot");
    s.heard(
        &["0 standby referral by ad 9001", "1 standby \"still on?\"", "2 PASS market>bot \"buys\""],
        &["0 standby referral by ad 9001", "1 standby \"still on?\""],
        &["0 PASS bot>market \"\"", "0 referral by ad 9001", "1 \"still on?\""],
    )
    .await;
}

#[tokio::test]
async fn scn_2_an_ads_day_ends_untold() {
    let s = Story::on_messenger(Stage::set(ON_MESSENGER, "", "", "").await);
    let by_ad = json!({"type": "referral", "entry": {"type": "ad", "ad_id": "9001"}});
    assert_eq!(s.person(by_ad).await, "MCR-AD-1: market until 24");
    assert_eq!(s.at(24 * 60 - 1).await, "market until 24");
    assert_eq!(s.at(24 * 60).await, "bot");
    s.at(24 * 60 + 30).await;
    assert_eq!(s.sends("market", "last call").await, "error 10/2018300: bot");
    s.heard(
        &["0 standby referral by ad 9001"],
        &["0 standby referral by ad 9001"],
        &["0 PASS bot>market \"\"", "0 referral by ad 9001"],
    )
    .await;
}

#[tokio::test]
async fn scn_3_who_may_takes_over_by_sending() {
    let s = Story::on_messenger(Stage::set(ON_MESSENGER, "", ", take_control = true", "").await);
    assert_eq!(s.writes("hello").await, "MCR-MSG-1: bot");
    s.at(30).await;
    assert_eq!(s.sends("desk", "Nadia here").await, "done: desk until 24.5");
    s.heard(
        &["0 \"hello\"", "0.5 TAKE bot>desk \"\"", "0.5 standby echo of desk \"Nadia here\""],
        &["0 standby \"hello\"", "0.5 echo of desk \"Nadia here\""],
        &["0 standby \"hello\"", "0.5 standby echo of desk \"Nadia here\""],
    )
    .await;
}

#[tokio::test]
async fn scn_4_an_ads_four_days_end_with_a_pass() {
    let s = Story::on_instagram(Stage::set("", ON_INSTAGRAM, "", "").await);
    let entry = json!({"type": "ad", "ad_id": "7001"});
    let by_ad = json!({"type": "message", "message": {"text": "buns?"}, "entry": entry});
    assert_eq!(s.person(by_ad).await, "ICR-AD-1: market until 96");
    s.at(30 * 60).await;
    assert_eq!(s.writes("and rye?").await, "ICR-MSG-3: market until 126");
    s.at(31 * 60).await;
    let to_desk = json!({"target_app_id": DESK, "metadata": "yours"});
    assert_eq!(s.calls("market", "pass_thread_control", to_desk).await, "done: desk until 55");
    s.at(32 * 60).await;
    assert_eq!(s.writes("thanks").await, "ICR-MSG-3: desk until 56", "W is 1 day again");
    let standby = ["0 standby \"buns?\" by ad 7001", "30 standby \"and rye?\""];
    s.heard(
        &[standby[0], standby[1], "32 standby \"thanks\""],
        &[standby[0], standby[1], "31 PASS market>desk \"yours\"", "32 \"thanks\""],
        &["0 PASS nobody>market \"\"", "0 \"buns?\" by ad 7001", "30 \"and rye?\"", "32 standby \"thanks\""],
    )
    .await;
}

#[tokio::test]
async fn scn_5_a_thread_goes_idle_untold_and_then_few_may_send() {
    let s = Story::on_instagram(Stage::set("", ON_INSTAGRAM, "", "").await);
    assert_eq!(s.writes("hello").await, "ICR-MSG-1: bot until 24");
    assert_eq!(s.at(24 * 60).await, "nobody");
    s.at(25 * 60).await;
    assert_eq!(s.sends("bot", "are you there?").await, "error 10/2534022: nobody", "E-WINDOW");
    s.at(25 * 60 + 6).await;
    assert_eq!(s.sends("desk", "are you?").await, "error 100/2534037: nobody", "E-IG-NOTOWNER");
    s.heard(&["0 \"hello\""], &["0 standby \"hello\""], &["0 standby \"hello\""]).await;
}

#[tokio::test]
async fn scn_6_control_for_a_week_is_no_window_for_a_week() {
    let s = Story::on_instagram(Stage::set("", ON_INSTAGRAM, "", "").await);
    change(&s.stage.w, BOT, |app| app.human_agent = true).await;
    assert_eq!(s.writes("hello").await, "ICR-MSG-1: bot until 24");
    s.at(60).await;
    let week = json!({"duration": 604_800});
    assert_eq!(s.calls("bot", "extend_thread_control", week).await, "done: bot until 169");
    s.at(120).await;
    assert_eq!(s.writes("and?").await, "ICR-MSG-3: bot until 169", "a message never shortens it");
    s.at(100 * 60).await;
    assert_eq!(s.sends("bot", "well").await, "error 10/2534022: bot until 169", "E-WINDOW");
    s.at(100 * 60 + 6).await;
    let tagged = json!({"message": {"text": "well"}, "messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"});
    assert_eq!(s.calls("bot", "messages", tagged).await, "done: bot until 169");
    let standby = ["0 standby \"hello\"", "2 standby \"and?\"", "100.1 standby echo of bot \"well\""];
    s.heard(&["0 \"hello\"", "2 \"and?\"", "100.1 echo of bot \"well\""], &standby, &standby).await;
}

#[tokio::test]
async fn scn_7_without_a_default_app_the_first_who_asks_has_control() {
    let s = Story::on_instagram(Stage::set("", "", "", "").await);
    assert_eq!(s.writes("hello").await, "ZC-MSG-1: nobody");
    s.at(6).await;
    for app in ["bot", "desk"] {
        let asked = s.calls(app, "request_thread_control", json!({"metadata": app})).await;
        assert_eq!(asked, "done: bot until 24.1", "{app}");
    }
    s.heard(
        &["0 \"hello\"", "0.1 PASS nobody>bot \"bot\"", "0.1 REQUEST of desk \"desk\""],
        &["0 \"hello\""],
        &["0 \"hello\""],
    )
    .await;
}

#[tokio::test]
async fn scn_8_a_secondary_asks_gets_and_releases() {
    let s = Story::on_messenger(Stage::set(HANDOVER, "", "", "").await);
    assert_eq!(s.writes("hello").await, "HOP-MSG-1: bot until 24");
    s.at(60).await;
    let asked = s.calls("desk", "request_thread_control", json!({"metadata": "a regular"})).await;
    assert_eq!(asked, "done: bot until 24");
    s.at(66).await;
    let passed = s.calls("bot", "pass_thread_control", json!({"target_app_id": DESK})).await;
    assert_eq!(passed, "done: desk until 25.1");
    s.at(120).await;
    assert_eq!(s.calls("desk", "release_thread_control", json!({})).await, "done: nobody");
    s.at(180).await;
    assert_eq!(s.writes("one more thing").await, "HOP-MSG-1: bot until 27");
    s.heard(
        &["0 \"hello\"", "1 REQUEST of desk \"a regular\"", "3 \"one more thing\""],
        &["0 standby \"hello\"", "1.1 PASS bot>desk \"\"", "3 standby \"one more thing\""],
        &["0 standby \"hello\"", "3 standby \"one more thing\""],
    )
    .await;
}

#[tokio::test]
async fn scn_9_without_a_primary_all_may_send_until_one_takes() {
    let s = Story::on_messenger(Stage::set("", "", "", "").await);
    assert_eq!(s.writes("hello").await, "HOP-MSG-2: nobody");
    s.at(6).await;
    assert_eq!(s.sends("bot", "the bot").await, "done: nobody");
    s.at(12).await;
    assert_eq!(s.sends("desk", "Nadia").await, "done: nobody");
    s.at(18).await;
    assert_eq!(s.calls("desk", "take_thread_control", json!({})).await, "done: desk until 24.3");
    s.at(24).await;
    assert_eq!(s.sends("bot", "offers?").await, "error 10/2018300: desk until 24.3");
    let all = ["0 \"hello\"", "0.1 echo of bot \"the bot\"", "0.2 echo of desk \"Nadia\""];
    let told = [all[0], all[1], all[2], "0.3 TAKE nobody>desk \"\""];
    s.heard(&told, &all, &told).await;
}

#[tokio::test]
async fn scn_10_somebody_answers_at_the_inbox_and_is_done() {
    let s = Story::on_messenger(Stage::set(HANDOVER, "", "", "").await);
    assert_eq!(s.writes("hello").await, "HOP-MSG-1: bot until 24");
    s.at(60).await;
    let reply = json!({"action": "reply", "text": "Jasper here"});
    assert_eq!(s.inbox(reply).await, "HOP-INBOX-1: inbox until 25");
    s.at(120).await;
    assert_eq!(s.inbox(json!({"action": "done"})).await, "HOP-INBOX-7: bot until 26");
    let others = ["0 standby \"hello\"", "1 TAKE bot>inbox \"\"", "1 standby echo of inbox \"Jasper here\""];
    s.heard(
        &["0 \"hello\"", others[1], others[2], "2 PASS inbox>bot \"Pass thread control from Page Inbox\""],
        &others,
        &others,
    )
    .await;
}
