//! What happens, as lines for people: when, who to whom, what, by which rule, and who controls the
//! conversation since, until when.

use std::collections::HashMap;

use baton_engine::{Activity, ActivityKind, Carried, Engine, Standing};
use baton_rules::{AppId, Cause, Refused, ThreadKey, Timestamp};
use baton_store::{JournalRow, Settings};
use serde_json::Value;

use super::Words;
use super::lapses::Lapses;
use crate::api;
use crate::cli::look;

const WHO: usize = 20;
const WHAT: usize = 40;
const RULE: usize = 11;

/// Tells what happens.
pub(super) struct Teller {
    engine: Engine,
    json: bool,
    log: Log,
    lapses: Lapses,
}

impl Teller {
    pub(super) async fn new(engine: Engine, json: bool) -> Self {
        let lapses = Lapses::of(&engine).await;
        Self { engine, json, log: Log::default(), lapses }
    }

    pub(super) async fn happened(&mut self, activity: &Activity) {
        if self.json {
            look::json_line(&api::happening(self.engine.run(), activity));
            return;
        }
        if let ActivityKind::Decision { thread, expires_at, rows, .. } = &activity.kind {
            let lapse = rows.first().filter(|row| row.cause == Cause::Expiry);
            self.log.found = lapse.is_none_or(|row| self.lapses.is_news(thread, row.at));
            self.lapses.note(thread, *expires_at);
        }
        // What lapsed on the way did so before the clock stood where it stands.
        self.tell_lapses().await;
        self.log.lines(activity, &self.engine.settings()).iter().for_each(look::line);
    }

    /// Tells of control that has lapsed.
    pub(super) async fn tell_lapses(&mut self) {
        for (thread, entry) in self.lapses.lapsed(&self.engine).await {
            let settings = self.engine.settings();
            let control = control((entry.from, entry.to, entry.expires_at), entry.at, &thread, &settings);
            let (who, what) = (who(&thread, None, &settings), plain_column("control lapsed"));
            let told = vec![line(entry.at, &who, &what, (&entry.rule, None), &control)];
            self.log.with_day(entry.at, told).iter().for_each(look::line);
        }
    }

    /// Waits until control of something lapses.
    pub(super) async fn next_lapse(&self) {
        match self.lapses.next().filter(|_| !self.json) {
            Some(at) => self.engine.until(at).await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn missed(&mut self, lines: u64) {
        if !self.json {
            look::line(look::styled(
                look::DIM,
                format!("          … {lines} lines left out: too much at once"),
            ));
        }
    }

    pub(super) fn narrate(&mut self, words: &Words) {
        if self.json {
            return;
        }
        match words {
            Words::Step(text) => {
                look::line("");
                look::line(format!("  {}", look::styled(look::STRONG, text)));
            }
            Words::Stopped(why) => look::warning(why),
            Words::YourTurn => your_turn().iter().for_each(look::line),
        }
    }
}

fn your_turn() -> Vec<String> {
    let command = |command: &str, about: &str| {
        format!("    {} {}", look::column(look::STRONG, command, 38), look::styled(look::DIM, about))
    };
    vec![
        String::new(),
        "  Your turn, in a second terminal:".to_owned(),
        command("baton send 2001 you \"hello\"", "be somebody; ask for a human"),
        command("baton thread explain 2001 ada", "why did who have control?"),
        command("baton listen --app \"Support bot\"", "what one app is told, live"),
        command("baton trigger --list", "everything else that a person can do"),
        command("baton clock advance 24h", "and control lapses"),
        String::new(),
    ]
}

/// The lines so far, as far as the next one depends on them.
#[derive(Default)]
struct Log {
    day: Option<i64>,
    /// Whether a lapse that the next decision found has not been told yet.
    found: bool,
    /// What is wrong with an app's receiver: said when it begins, when it changes and when it ends.
    troubles: HashMap<AppId, String>,
}

impl Log {
    fn lines(&mut self, activity: &Activity, settings: &Settings) -> Vec<String> {
        let at = activity.at;
        let told = match &activity.kind {
            ActivityKind::Decision { thread, from, to, expires_at, rows } => {
                let rows: Vec<&JournalRow> = rows.iter().map(|row| &**row).collect();
                decision(thread, (*from, *to, *expires_at), (&rows, self.found), settings)
            }
            ActivityKind::Refusal { thread, refused, owner } => {
                vec![refusal(at, thread, refused, *owner, settings)]
            }
            ActivityKind::Delivery { app, events, error, again_at, .. } => {
                let again = again_at
                    .map_or("given up".to_owned(), |again| format!("again {}", look::clock_time(again.0)));
                let what = events.first().map(|Carried { chain, event, .. }| match chain.thread() {
                    Some(thread) => format!("{event} for {}", thread.person),
                    None => format!("{event} of page {}", chain.page()),
                });
                let trouble = error.as_ref().map(|error| {
                    (format!("did not take {}: {error}", what.unwrap_or_default()), error.to_string(), again)
                });
                self.receiver(at, *app, trouble, settings)
            }
            ActivityKind::Verification { app, error } => {
                let trouble = error.as_ref().map(|error| {
                    let said = format!("did not verify: {error}");
                    (said.clone(), said, "its webhooks wait until it does".to_owned())
                });
                self.receiver(at, *app, trouble, settings)
            }
            ActivityKind::Standing { app, standing, reason } => {
                let word = match standing {
                    Standing::Alerted => "fails",
                    Standing::Disabled => "stopped",
                    Standing::Resumed => "resumed",
                    Standing::Recovered => "recovered",
                    Standing::Expired => "expired",
                };
                vec![plain(at, "delivery", &format!("{}: {word}: {reason}", name(*app, settings)))]
            }
            ActivityKind::Settings { version, told, .. } => {
                let apps =
                    told.iter().flat_map(|row| row.notices.iter().map(move |notice| (row, notice.app)));
                let told = apps.map(|(row, app)| {
                    let event = row.event.as_deref().unwrap_or_default();
                    plain(at, "", &format!("{} hears {event}", name(app, settings)))
                });
                let changed = plain(at, "settings", &format!("changed, version {version}"));
                std::iter::once(changed).chain(told).collect()
            }
            ActivityKind::Comment { by, row } => {
                let apps: Vec<_> = row.notices.iter().map(|notice| name(notice.app, settings)).collect();
                let heard = if apps.is_empty() { "nobody".to_owned() } else { apps.join(", ") };
                let event = row.event.as_deref().unwrap_or_default();
                vec![plain(at, "comment", &format!("by {}: {heard} hears {event}", by.person))]
            }
            ActivityKind::Clock { was } => vec![plain(at, "clock", &clock(*was, at))],
        };
        if told.is_empty() { told } else { self.with_day(at, told) }
    }

    /// A line between two days.
    fn with_day(&mut self, at: Timestamp, told: Vec<String>) -> Vec<String> {
        let day = at.0.div_euclid(86_400_000);
        let another = self.day.is_some_and(|before| before != day);
        self.day = Some(day);
        let line = look::styled(look::DIM, format!("── {} ──", look::day(at.0)));
        another.then_some(line).into_iter().chain(told).collect()
    }

    fn receiver(
        &mut self,
        at: Timestamp,
        app: AppId,
        trouble: Option<(String, String, String)>,
        settings: &Settings,
    ) -> Vec<String> {
        let who = look::column(look::APP, &name(app, settings), WHO);
        match trouble {
            Some((said, why, next)) => {
                let before = self.troubles.insert(app, why.clone());
                if before.as_ref() == Some(&why) {
                    return Vec::new();
                }
                let line = format!(
                    "{}  {who}  {}  {}",
                    time(at),
                    look::styled(look::BAD, said),
                    look::styled(look::DIM, next)
                );
                vec![line]
            }
            None if self.troubles.remove(&app).is_some() => {
                vec![format!("{}  {who}  {}", time(at), look::styled(look::PERSON, "answers again"))]
            }
            None => Vec::new(),
        }
    }
}

fn time(at: Timestamp) -> String {
    look::styled(look::DIM, look::clock_time(at.0))
}

fn plain(at: Timestamp, word: &str, text: &str) -> String {
    format!("{}  {}  {text}", time(at), look::column(look::DIM, word, WHO))
}

fn name(app: AppId, settings: &Settings) -> String {
    if app.is_inbox() {
        return "Inbox".to_owned();
    }
    settings.app(app).map_or_else(|| format!("app {app}"), |app| app.name.clone())
}

fn clock(was: Timestamp, now: Timestamp) -> String {
    let seconds = (now.0 - was.0) / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s")];
    let span: Vec<String> =
        parts.iter().filter(|(many, _)| *many > 0).map(|(many, unit)| format!("{many}{unit}")).collect();
    if span.is_empty() {
        "frozen, or running again".to_owned()
    } else {
        format!("moved forward by {}", span.join(" "))
    }
}

fn decision(
    thread: &ThreadKey,
    (from, to, expires_at): (Option<AppId>, Option<AppId>, Option<Timestamp>),
    (mut rows, found): (&[&JournalRow], bool),
    settings: &Settings,
) -> Vec<String> {
    let mut told = Vec::new();
    if let Some((lapse, others)) = rows.split_first().filter(|(first, _)| first.cause == Cause::Expiry) {
        if found {
            let control = control((None, from, None), lapse.at, thread, settings);
            let (who, what) = (who(thread, None, settings), plain_column("control lapsed"));
            told.push(line(lapse.at, &who, &what, (&lapse.rule, None), &control));
        }
        rows = others;
    }
    let Some(last) = rows.last() else { return told };
    let rule = (&*last.rule, last.via.as_deref());
    let control = control((from, to, expires_at), last.at, thread, settings);
    let what = plain_column(&deed(rows, last, (from, to)));
    told.push(line(last.at, &who(thread, last.by, settings), &what, rule, &control));
    told
}

fn refusal(
    at: Timestamp,
    thread: &ThreadKey,
    refused: &Refused,
    owner: Option<AppId>,
    settings: &Settings,
) -> String {
    let error = baton_wire::GraphError::of(refused.why, thread.surface);
    let code =
        error.subcode.map_or_else(|| error.code.to_string(), |subcode| format!("{}/{subcode}", error.code));
    let what = format!("{} refused: error {code}", refused.cause.name().replace('_', " "));
    let keeps = match owner {
        Some(owner) => format!("  {} keeps control", name(owner, settings)),
        None => "  idle".to_owned(),
    };
    let rule = (refused.rule.0, refused.via.map(|via| via.0));
    line(
        at,
        &who(thread, refused.by, settings),
        &look::column(look::BAD, &what, WHAT),
        rule,
        &look::styled(look::DIM, keeps),
    )
}

fn plain_column(what: &str) -> String {
    look::column(anstyle::Style::new(), what, WHAT)
}

fn line(at: Timestamp, who: &str, what: &str, (rule, via): (&str, Option<&str>), control: &str) -> String {
    let rule = look::column(look::RULE, rule, RULE.max(rule.chars().count()));
    let via = via.map(|via| look::styled(look::DIM, format!("  as {via}"))).unwrap_or_default();
    format!("{}  {who}  {what}  {rule}  {control}{via}", time(at))
}

fn who(thread: &ThreadKey, by: Option<AppId>, settings: &Settings) -> String {
    let person = thread.person.as_str();
    match by {
        None => look::column(look::PERSON, person, WHO),
        Some(app) => {
            let arrow = format!("{} → {person}", name(app, settings));
            look::column(look::APP, &arrow, WHO)
        }
    }
}

/// Who controls the conversation: strong when that is new.
fn control(
    (from, to, expires_at): (Option<AppId>, Option<AppId>, Option<Timestamp>),
    at: Timestamp,
    thread: &ThreadKey,
    settings: &Settings,
) -> String {
    let routing = settings.routing(thread.page, thread.surface);
    let is_default = to.is_some() && routing.and_then(|routing| routing.default_app()) == to;
    let until = match expires_at {
        Some(until) => format!(" until {}", look::moment(until.0, at.0)),
        None if is_default => " (default)".to_owned(),
        None => String::new(),
    };
    match to {
        Some(to) if from == Some(to) => look::styled(look::DIM, format!("  {}{until}", name(to, settings))),
        Some(to) => format!("→ {}{until}", look::styled(look::APP, name(to, settings))),
        None if from.is_none() => look::styled(look::DIM, "  idle"),
        None => "→ idle".to_owned(),
    }
}

/// What was done, in a few words.
fn deed(rows: &[&JournalRow], last: &JournalRow, (from, to): (Option<AppId>, Option<AppId>)) -> String {
    let items = rows.iter().filter_map(|row| serde_json::from_slice::<Value>(&row.whole).ok());
    let content = items.filter_map(|item| said(&item)).next().unwrap_or_default();
    let text = |key: &str| content[key].as_str().map(|text| format!("\"{text}\""));
    let words = text("text").or_else(|| text("title"));
    let said = words.unwrap_or_else(|| thing(&content).to_owned());
    let referral = &content["referral"];
    let given = |key: &str| referral[key].as_str().or(content[key].as_str()).unwrap_or_default().to_owned();
    match last.cause {
        Cause::Message | Cause::InboxReply => said,
        Cause::Ad => format!("taps ad {}: {said}", given("ad_id")),
        Cause::Link => format!("by link {}: {said}", given("ref")),
        Cause::GetStarted => "taps Get Started".to_owned(),
        Cause::Postback | Cause::QuickReply => format!("taps {said}"),
        Cause::Menu => format!("chooses {said} in the menu"),
        Cause::IceBreaker => format!("taps the ice breaker {said}"),
        Cause::Referral => "comes by another way".to_owned(),
        Cause::Signal => last.event.as_deref().map_or_else(String::new, |event| event.replace('_', " ")),
        Cause::Send if last.by.is_some() && from == last.by && to != from => {
            let passes = rows.iter().any(|row| row.event.as_deref() == Some("pass_thread_control"));
            let then = if passes { "passes control" } else { "lets go" };
            let room = WHAT.saturating_sub(then.len() + 2);
            format!("{}, {then}", look::cut(&said, room))
        }
        Cause::Send => said,
        Cause::Pass => "passes control".to_owned(),
        Cause::Take => "takes control".to_owned(),
        Cause::Request => "asks for control".to_owned(),
        Cause::Grant => "grants control".to_owned(),
        Cause::Release => "releases control".to_owned(),
        Cause::Extend => "keeps control longer".to_owned(),
        Cause::Metadata => "sends metadata".to_owned(),
        Cause::SetMenu => "sets a menu".to_owned(),
        Cause::InboxMain => "moves it to Main".to_owned(),
        Cause::InboxDone => "marks it as done".to_owned(),
        Cause::Expiry => "control lapsed".to_owned(),
        Cause::Settings => "settings".to_owned(),
    }
}

/// The part of an event that says what was said.
fn said(item: &Value) -> Option<Value> {
    ["message", "postback", "referral", "reaction", "optin"].iter().find_map(|key| item.get(*key).cloned())
}

/// What a message without text is.
fn thing(content: &Value) -> &'static str {
    if content.get("attachments").is_some() || content.get("attachment").is_some() {
        "an attachment"
    } else {
        "…"
    }
}
