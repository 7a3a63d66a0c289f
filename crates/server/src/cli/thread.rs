//! `baton thread show` and `baton thread explain`: who controls a conversation, and why.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::outcome::control;
use super::{Common, Failure, look};

/// Who controls a conversation, and why
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Who controls it, until when, who waits
    Show(Which),
    /// Each change of control, with its rule
    Explain {
        #[command(flatten)]
        which: Which,
        /// As it was at a moment, as in 2030-01-01T09:00:00Z
        #[arg(long, value_name = "TIME", value_parser = look::given_moment)]
        at: Option<String>,
    },
}

/// A conversation.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The page's id or name
    page: String,
    /// The person's id
    person: String,
}

/// Messages that `show` shows.
const NEWEST: usize = 5;

pub(crate) async fn run(common: &Common, command: &Command) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let names = Names::of(&client).await?;
    match command {
        Command::Show(which) => show(common, &client, &names, which).await,
        Command::Explain { which, at } => explain(common, &client, &names, which, at.as_deref()).await,
    }
}

fn path(page: &str, which: &Which) -> String {
    format!("/pages/{}/threads/{}", part(page), part(&which.person))
}

async fn show(common: &Common, client: &Client, names: &Names, which: &Which) -> Result<(), Failure> {
    let page = names.page_id(&which.page)?;
    let thread = client.get(&path(&page, which)).await?;
    if common.json {
        look::json(&thread);
        return Ok(());
    }
    let messages = client.get(&format!("{}/messages?limit={NEWEST}", path(&page, which))).await?;
    let now = &thread["last_message_at"];
    look::line(format!(
        "{} on {}",
        look::styled(look::PERSON, &which.person),
        look::styled(look::STRONG, names.page(&page))
    ));
    look::line(format!("  control   {}", control(&thread, now, &page, names)));
    look::line(format!("  folder    {}", thread["folder"].as_str().unwrap_or_default()));
    if let Some(closes) = thread["window_closes_at"].as_str() {
        look::line(format!("  window    closes {}", said_moment(closes, now)));
    }
    for (index, waiting) in thread["requests"].as_array().into_iter().flatten().enumerate() {
        let word = if index == 0 { "waiting" } else { "" };
        let app = names.app_of(&waiting["app_id"]).unwrap_or_default();
        let at = said_moment(waiting["at"].as_str().unwrap_or_default(), now);
        let said = waiting["metadata"].as_str().filter(|said| !said.is_empty());
        let said = said.map(|said| format!("  \"{}\"", look::cut(said, 40))).unwrap_or_default();
        look::line(format!("  {word:<8}  {}. {} since {at}{said}", index + 1, look::styled(look::APP, app)));
    }
    let mut said: Vec<&Value> = messages["data"].as_array().into_iter().flatten().collect();
    said.reverse();
    for (index, message) in said.into_iter().enumerate() {
        let word = if index == 0 { "newest" } else { "" };
        look::line(format!("  {word:<8}  {}", message_line(message, now, which, names)));
    }
    Ok(())
}

/// A time of an answer, as it is said beside another one.
fn said_moment(text: &str, now: &Value) -> String {
    let now = now.as_str().and_then(look::milliseconds_of).unwrap_or_default();
    look::milliseconds_of(text).map_or_else(|| text.to_owned(), |at| look::moment(at, now))
}

fn message_line(message: &Value, now: &Value, which: &Which, names: &Names) -> String {
    let at = said_moment(message["at"].as_str().unwrap_or_default(), now);
    let who = match names.app_of(&message["app_id"]) {
        Some(app) => look::column(look::APP, &app, 16),
        None => look::column(look::PERSON, &which.person, 16),
    };
    let content = &message["content"];
    let words =
        ["text", "title"].into_iter().find_map(|key| content[key].as_str()).map(|text| format!("\"{text}\""));
    let words = words.unwrap_or_else(|| message["event"].as_str().unwrap_or_default().to_owned());
    format!("{}  {who}  {}", look::column(look::DIM, &at, 12), look::cut(&words, 60))
}

async fn explain(
    common: &Common,
    client: &Client,
    names: &Names,
    which: &Which,
    at: Option<&str>,
) -> Result<(), Failure> {
    let page = names.page_id(&which.page)?;
    let at = at.map(|at| format!("&at={}", part(at))).unwrap_or_default();
    let mut entries: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let list = client.get(&format!("{}/history?limit=200{at}{after}", path(&page, which))).await?;
        entries.extend(list["data"].as_array().into_iter().flatten().cloned());
        match list["next"].as_str() {
            Some(next) => after = format!("&after={}", part(next)),
            None => break,
        }
    }
    if common.json {
        look::json(&json!({"data": entries, "next": null}));
        return Ok(());
    }
    look::line(format!(
        "{} on {}",
        look::styled(look::PERSON, &which.person),
        look::styled(look::STRONG, names.page(&page))
    ));
    if entries.is_empty() {
        look::line("  control never changed, and nothing was refused");
    }
    let mut day = String::new();
    for entry in entries.iter().rev() {
        let time = entry["at"].as_str().and_then(look::milliseconds_of).unwrap_or_default();
        if look::day(time) != day {
            day = look::day(time);
            look::line(format!("  {}", look::styled(look::DIM, &day)));
        }
        look::line(format!("  {}", entry_line(entry, time, which, names)));
    }
    Ok(())
}

/// One entry: when, the rule, who did what, and who controls the conversation since.
fn entry_line(entry: &Value, at: i64, which: &Which, names: &Names) -> String {
    let text = |key: &str| entry[key].as_str();
    let via = text("via").map(|via| format!(" ({via})")).unwrap_or_default();
    let rule = look::column(look::RULE, &format!("{}{via}", text("rule").unwrap_or_default()), 22);
    let who = match (names.app_of(&entry["by_app_id"]), text("cause")) {
        (Some(app), _) => look::column(look::APP, &app, 16),
        (None, Some("expiry" | "settings")) => look::column(look::DIM, "—", 16),
        (None, _) => look::column(look::PERSON, &which.person, 16),
    };
    let cause = text("cause").unwrap_or_default().replace('_', " ");
    let what = if entry["refused"].is_null() { cause } else { format!("{cause} refused") };
    let outcome = outcome(entry, at, names);
    let said = text("metadata").filter(|said| !said.is_empty());
    let said = said
        .map(|said| look::styled(look::DIM, format!("  \"{}\"", look::cut(said, 30))))
        .unwrap_or_default();
    format!(
        "{}  {who}  {}  {rule}  {outcome}{said}",
        look::clock_time(at),
        look::column(look::STRONG, &what, 16)
    )
}

fn outcome(entry: &Value, at: i64, names: &Names) -> String {
    if !entry["refused"].is_null() {
        let (code, subcode) = (&entry["refused"]["code"], &entry["refused"]["subcode"]);
        let error =
            if subcode.is_null() { format!("error {code}") } else { format!("error {code}/{subcode}") };
        return look::styled(look::BAD, error);
    }
    let until = entry["expires_at"].as_str().and_then(look::milliseconds_of);
    let until = until.map(|until| format!(" until {}", look::moment(until, at))).unwrap_or_default();
    match (names.app_of(&entry["from_app_id"]), names.app_of(&entry["to_app_id"])) {
        (from, Some(to)) if from.as_ref() == Some(&to) => format!("{to} keeps control{until}"),
        (_, Some(to)) => format!("→ {}{until}", look::styled(look::APP, to)),
        (_, None) => "→ idle".to_owned(),
    }
}
