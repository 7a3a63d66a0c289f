//! `baton deliveries`: what became of an app's webhooks, and sending them again.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look, webhook};

/// What became of an app's webhooks, and sending them again
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// An app's webhooks, newest first, and what became of each
    List {
        /// The app's id or name
        app: String,
        /// Those in this state
        #[arg(long, value_parser = ["pending", "delivered", "parked", "dead", "expired"])]
        state: Option<String>,
        /// How many at most
        #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
    },
    /// One webhook: every try, the request and how it was answered
    Show {
        /// The app's id or name
        app: String,
        /// The delivery's id, as `list` has it
        id: String,
    },
    /// Send webhooks again: to the app, or to another address
    Resend(Resend),
    /// Webhooks that were given up, newest first
    DeadLetters {
        /// The app's id or name
        app: String,
        /// How many at most
        #[arg(long, value_name = "NUMBER", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
    },
    /// Deliver to an app again, whatever stopped it
    Resume {
        /// The app's id or name
        app: String,
    },
}

/// Which are sent again, and where.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ids", "person", "since"]))]
#[command(
    after_help = "Each keeps its header webhook-id, by which a receiver knows it again. Those of one conversation \
    go out in order.\n\n\
    Examples:\n  \
    baton deliveries resend \"Support bot\" 3-41 3-42\n  \
    baton deliveries resend \"Support bot\" --page 2001 --person ada\n  \
    baton deliveries resend \"Support bot\" --since 2030-01-01T09:00:00Z --to http://127.0.0.1:3000/webhook"
)]
pub(crate) struct Resend {
    /// The app's id or name
    app: String,
    /// Deliveries, by their ids
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All of the conversation with this person
    #[arg(long, requires = "page")]
    person: Option<String>,
    /// On this page: its id or name
    #[arg(long, requires = "person")]
    page: Option<String>,
    /// All since a time
    #[arg(long, value_name = "TIME", value_parser = look::given_moment)]
    since: Option<String>,
    /// To this address instead of the app's own
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

pub(crate) async fn run(common: &Common, command: &Command) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let names = Names::of(&client).await?;
    match command {
        Command::List { app, state, limit } => {
            list(common, &client, &names, app, (state.as_deref(), *limit)).await
        }
        Command::DeadLetters { app, limit } => {
            list(common, &client, &names, app, (Some("dead"), *limit)).await
        }
        Command::Show { app, id } => show(common, &client, &names, app, id).await,
        Command::Resend(wanted) => resend(common, &client, &names, wanted).await,
        Command::Resume { app } => {
            let app = names.app_id(app)?;
            let answer = client.post(&format!("/apps/{}/resume", part(&app)), &json!({})).await?;
            if let Some(reason) = answer["not_verified"].as_str() {
                let name = names.app(&app);
                return Err(Failure::new(format!("{name} gets nothing: its address did not verify itself"))
                    .why(reason)
                    .advice(format!(
                        "see what it answers with `baton doctor \"{name}\"`, mend it, and resume once more"
                    )));
            }
            counted(
                common,
                &answer,
                &format!("{} is delivered to again", names.app(&app)),
                ("webhook waited", "webhooks waited"),
            );
            Ok(())
        }
    }
}

async fn list(
    common: &Common,
    client: &Client,
    names: &Names,
    app: &str,
    (state, limit): (Option<&str>, u16),
) -> Result<(), Failure> {
    let app = names.app_id(app)?;
    let mut found: Vec<Value> = Vec::new();
    let mut after = String::new();
    // Of a state that is rare, a part may be short and go on all the same.
    while found.len() < usize::from(limit) {
        let state = state.map(|state| format!("&state={state}")).unwrap_or_default();
        let path = format!("/apps/{}/deliveries?limit={limit}{state}{after}", part(&app));
        let list = client.get(&path).await?;
        found.extend(list["data"].as_array().into_iter().flatten().cloned());
        match list["next"].as_str() {
            Some(next) => after = format!("&after={}", part(next)),
            None => break,
        }
    }
    found.truncate(usize::from(limit));
    if common.json {
        look::json(&found);
        return Ok(());
    }
    if found.is_empty() {
        let which = state.map(|state| format!(" that is {state}")).unwrap_or_default();
        look::line(format!("{} was told nothing{which}", look::styled(look::APP, names.app(&app))));
    }
    found.iter().for_each(|delivery| look::line(line(delivery, names).trim_end()));
    if found.iter().any(|delivery| delivery["state"] == "pending") {
        let health = client.get(&format!("/apps/{}/health", part(&app))).await?;
        if let Some(why) = stands_still(&health) {
            let name = names.app(&app);
            look::warning(format!(
                "nothing is sent to {name}: {why}. Once that is mended: baton deliveries resume \"{name}\""
            ));
        }
    }
    Ok(())
}

/// Why nothing is sent to an app at all, whatever waits.
fn stands_still(health: &Value) -> Option<String> {
    match health["state"].as_str()? {
        "unverified" => Some("its address has not verified itself".to_owned()),
        "disabled" => Some(format!(
            "it was stopped for {}",
            health["disabled"]["reason"].as_str().unwrap_or("its failures")
        )),
        _ => None,
    }
}

/// Its id, what it tells, and what became of it.
fn line(delivery: &Value, names: &Names) -> String {
    let id = look::column(look::STRONG, delivery["id"].as_str().unwrap_or_default(), 9);
    format!("{id} {}  {}", webhook::place(delivery, names), became(delivery))
}

/// What became of a delivery, in words.
fn became(delivery: &Value) -> String {
    let at = delivery["at"].as_str().and_then(look::milliseconds_of).unwrap_or_default();
    let attempts = delivery["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let last = attempts.last().map(answer).unwrap_or_default();
    let again = delivery["next_attempt_at"].as_str().and_then(look::milliseconds_of);
    let again = again.map(|again| format!(", again {}", look::moment(again, at))).unwrap_or_default();
    let tries = match attempts.len() {
        0 | 1 => String::new(),
        many => format!(", {many} tries"),
    };
    match delivery["state"].as_str().unwrap_or_default() {
        "delivered" => format!("{} {last}{tries}", look::styled(look::PERSON, "delivered")),
        state @ ("dead" | "expired") => {
            let why = delivery["given_up"]["reason"].as_str().unwrap_or(&last).to_owned();
            format!("{} {why}{tries}", look::styled(look::BAD, state))
        }
        "pending" if attempts.is_empty() => look::styled(look::DIM, format!("pending{again}")),
        state if last.is_empty() => format!("{}{again}", look::styled(look::WARNING, state)),
        state => format!("{} {last}{tries}{again}", look::styled(look::WARNING, state)),
    }
}

/// How a try was answered.
fn answer(attempt: &Value) -> String {
    let took = look::styled(look::DIM, format!("{} ms", attempt["duration_ms"]));
    match (attempt["status"].as_u64(), attempt["error"].as_str()) {
        (Some(status), _) => format!("{status} {took}"),
        (None, Some(error)) => format!("{error} {took}"),
        (None, None) => took,
    }
}

async fn show(common: &Common, client: &Client, names: &Names, app: &str, id: &str) -> Result<(), Failure> {
    let app = names.app_id(app)?;
    let delivery = client.get(&format!("/apps/{}/deliveries/{}", part(&app), part(id))).await?;
    if common.json {
        look::json(&delivery);
        return Ok(());
    }
    look::line(line(&delivery, names));
    for attempt in delivery["attempts"].as_array().into_iter().flatten() {
        let at =
            attempt["at"].as_str().and_then(look::milliseconds_of).map(look::clock_time).unwrap_or_default();
        let to = attempt["to"].as_str().map(|to| format!("  to {to}")).unwrap_or_default();
        let said = attempt["body_start"].as_str().filter(|said| !said.is_empty());
        let said = said
            .map(|said| format!("  {}", look::styled(look::DIM, look::cut(said, 60))))
            .unwrap_or_default();
        look::line(format!("  tried   {at}  {}{to}{said}", answer(attempt)));
    }
    let request = &delivery["request"];
    look::line(format!("  POST    {}", request["url"].as_str().unwrap_or("nowhere: the app has no address")));
    for header in request["headers"].as_array().into_iter().flatten() {
        let text = |key: &str| header[key].as_str().unwrap_or_default();
        look::line(format!(
            "          {}",
            look::styled(look::DIM, format!("{}: {}", text("name"), text("value")))
        ));
    }
    webhook::body(request).iter().for_each(look::line);
    Ok(())
}

async fn resend(common: &Common, client: &Client, names: &Names, wanted: &Resend) -> Result<(), Failure> {
    let app = names.app_id(&wanted.app)?;
    let mut body = match (&wanted.person, &wanted.page, &wanted.since) {
        (Some(person), Some(page), _) => json!({"page_id": names.page_id(page)?, "person_id": person}),
        (_, _, Some(since)) => json!({"since": since}),
        _ => json!({"ids": wanted.ids}),
    };
    if let Some(to) = &wanted.to {
        body["to"] = json!(to);
    }
    let answer = client.post(&format!("/apps/{}/resend", part(&app)), &body).await?;
    let to = wanted.to.clone().unwrap_or_else(|| names.app(&app));
    counted(common, &answer, &format!("sent again to {to}"), ("webhook", "webhooks"));
    if let Some(kept) = answer["kept_since"].as_str().filter(|_| !common.json) {
        look::line(format!("what was before {kept} is not kept any more"));
    }
    Ok(())
}

fn counted(common: &Common, answer: &Value, what: &str, (one, more): (&str, &str)) {
    if common.json {
        look::json(answer);
    } else {
        let unit = if answer["count"] == 1 { one } else { more };
        look::line(format!("{what}: {} {unit}", answer["count"]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(state: &str, attempts: &Value) -> Value {
        json!({
            "id": "3-41", "page_id": "2001", "person_id": "ada", "at": "2030-01-01T09:00:00.000Z", "event": "messages",
            "channel": "standby", "message_id": null, "state": state, "next_attempt_at": null, "attempts": attempts,
            "given_up": null,
        })
    }

    fn said(delivery: &Value) -> String {
        anstream::adapter::strip_str(&became(delivery)).to_string()
    }

    #[test]
    fn what_became_of_a_webhook_is_said_in_words() {
        let served = json!([{"status": 200, "duration_ms": 8, "error": null}]);
        assert_eq!(said(&delivery("delivered", &served)), "delivered 200 8 ms");
        assert_eq!(said(&delivery("pending", &json!([]))), "pending");
        let failed = json!([
            {"status": null, "duration_ms": 1, "error": "Connection refused"},
            {"status": 500, "duration_ms": 3, "error": "HTTP 500"},
        ]);
        let mut parked = delivery("parked", &failed);
        parked["next_attempt_at"] = json!("2030-01-01T09:05:00.000Z");
        assert_eq!(said(&parked), "parked 500 3 ms, 2 tries, again 09:05");
        let mut dead = delivery("dead", &failed);
        assert_eq!(said(&dead), "dead 500 3 ms, 2 tries");
        dead["given_up"] = json!({"reason": "HTTP 400"});
        assert_eq!(said(&dead), "dead HTTP 400, 2 tries");
    }

    #[test]
    fn a_line_names_it_and_says_whose_it_is() {
        let line = line(&delivery("pending", &json!([])), &Names::default());
        let line = anstream::adapter::strip_str(&line).to_string();
        let columns: Vec<&str> =
            line.split("  ").map(str::trim).filter(|column| !column.is_empty()).collect();
        assert_eq!(columns, ["3-41", "09:00:00", "messages standby", "ada, page 2001", "pending"]);
    }
}
