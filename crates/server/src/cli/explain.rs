//! `baton explain`: why an app was told of a message or was not, and why a call was answered as it was, in plain words.

use clap::Args;
use serde_json::Value;

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look, receiving, webhook};

/// Why an app did not get a message, or was refused
#[derive(Debug, Args)]
#[command(
    after_help = "Takes the id of a message (m_…), of a webhook (its header webhook-id), or the fbtrace_id of an \
    error or an answer of the Graph API.\n\n\
    Examples:\n  \
    baton explain A8fLxVHWkyQ8Tn1nEBtCYqA\n  \
    baton send 2001 you \"hello\" --json | jq -r .message_id | xargs baton explain"
)]
pub(crate) struct Arguments {
    /// The id of a message or a webhook, or an fbtrace_id
    id: String,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let mut names = Names::of(&client).await?;
    let told = client.get(&format!("/explain/{}", part(&arguments.id))).await?;
    if common.json {
        look::json(&told);
        return Ok(());
    }
    let apps = told["apps"].as_array().into_iter().flatten();
    let waiting = apps.filter(|app| app["delivery"]["state"] == "pending");
    names.ask_for_trouble(&client, waiting.filter_map(|app| app["app_id"].as_str())).await;
    Explanation { told: &told, names: &names }.lines().iter().for_each(look::line);
    Ok(())
}

struct Explanation<'a> {
    told: &'a Value,
    names: &'a Names,
}

impl Explanation<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.told["call"].is_null() {
            lines.push(self.call());
        }
        if !self.told["event"].is_null() {
            lines.push(self.event());
        }
        let then = &self.told["then"];
        let now = &self.told["now"];
        if then.is_object() {
            lines.push(format!("  then   {}", self.control(then, true)));
        }
        if now.is_object() {
            let same = ["owner_app_id", "since"].iter().all(|key| now[key] == then[key]);
            let how =
                if same { format!("still {}", self.control(now, false)) } else { self.control(now, true) };
            lines.push(format!("  now    {how}"));
        }
        let apps = self.told["apps"].as_array().map(Vec::as_slice).unwrap_or_default();
        let apps: Vec<String> = apps.iter().flat_map(|app| self.app(app)).collect();
        if !apps.is_empty() {
            lines.push(String::new());
        }
        lines.extend(apps);
        lines
    }

    fn name(&self, app: &Value) -> Option<String> {
        self.names.app_of(app).map(|name| look::styled(look::APP, name))
    }

    fn at(&self) -> i64 {
        let at = [&self.told["event"]["at"], &self.told["call"]["at"]].into_iter().find_map(Value::as_str);
        at.and_then(look::milliseconds_of).unwrap_or_default()
    }

    fn place(&self) -> String {
        let thread = &self.told["thread"];
        let (Some(person), Some(page)) = (thread["person_id"].as_str(), thread["page_id"].as_str()) else {
            return "nobody that is known".to_owned();
        };
        format!(
            "{} on {}",
            look::styled(look::PERSON, person),
            look::styled(look::STRONG, self.names.page(page))
        )
    }

    /// What was called, and what came of it.
    fn call(&self) -> String {
        let call = &self.told["call"];
        let text = |key: &str| call[key].as_str().unwrap_or_default();
        let edge = if text("edge").is_empty() { "a node" } else { text("edge") };
        let who =
            self.name(&call["app_id"]).unwrap_or_else(|| "somebody without a token that is known".to_owned());
        let about =
            if self.told["thread"].is_null() { String::new() } else { format!(" about {}", self.place()) };
        let outcome = if call["refused"].is_null() {
            look::styled(look::PERSON, format!("answered {}", call["status"]))
        } else {
            let (code, subcode) = (&call["refused"]["code"], &call["refused"]["subcode"]);
            let error = if subcode.is_null() { format!("{code}") } else { format!("{code}/{subcode}") };
            look::styled(look::BAD, format!("refused: error {error}"))
        };
        let at = look::clock_time(look::milliseconds_of(text("at")).unwrap_or_default());
        format!("{who} called {} {edge}{about} at {at}: {outcome}{}", text("method"), rule(call))
    }

    /// What happened.
    fn event(&self) -> String {
        let event = &self.told["event"];
        let who = self.name(&event["by_app_id"]);
        let thread = &self.told["thread"];
        let person = thread["person_id"].as_str().map(|person| look::styled(look::PERSON, person));
        let said = webhook::said(&event["content"], self.names);
        let name = event["event"].as_str().unwrap_or("nothing to be told");
        let what = if said.is_empty() { name.to_owned() } else { format!("{name}: {said}") };
        let page = thread["page_id"].as_str().map(|page| self.names.page(page)).unwrap_or_default();
        let who = match (who, person) {
            (Some(app), Some(person)) => format!("{app} to {person}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => "the page".to_owned(),
        };
        let at = look::clock_time(self.at());
        format!("{who} on {}, {at}  {what}{}", look::styled(look::STRONG, page), rule(event))
    }

    /// Who is in control, since when, by what.
    fn control(&self, control: &Value, with_since: bool) -> String {
        let at = self.at();
        let moment = |key: &str| {
            control[key].as_str().and_then(look::milliseconds_of).map(|time| look::moment(time, at))
        };
        let who = self.name(&control["owner_app_id"]).unwrap_or_else(|| "nobody".to_owned());
        let mut said = format!(
            "{who} {}",
            if control["owner_app_id"].is_null() { "was in control" } else { "in control" }
        );
        if control["owner_app_id"].is_null() {
            said = "nobody in control: the conversation is idle".to_owned();
        }
        if with_since && let Some(since) = moment("since") {
            said += &format!(" since {since}");
            let cause = control["cause"].as_str().unwrap_or_default().replace('_', " ");
            let by = self.name(&control["by_app_id"]).map(|by| format!(" by {by}")).unwrap_or_default();
            let rule = control["rule"].as_str().map(|rule| format!(", {}", look::styled(look::RULE, rule)));
            said += &format!(" ({cause}{by}{})", rule.unwrap_or_default());
        }
        if let Some(until) = moment("expires_at") {
            said += &format!(", until {until}");
        }
        said
    }

    /// What an app was told, or why it was not, and what to do.
    fn app(&self, app: &Value) -> Vec<String> {
        let id = app["app_id"].as_str().unwrap_or_default();
        let name = look::column(look::APP, &self.names.app(id), 18);
        let mut lines = Vec::new();
        let (heard, advice) = self.heard(app);
        if !heard.is_empty() {
            lines.push(format!("  {name} {heard}"));
        }
        lines.extend(self.came(app).map(|came| format!("  {} {came}", " ".repeat(18))));
        let blank = if lines.is_empty() { name } else { " ".repeat(18) };
        let mut advice: Vec<String> = advice.into_iter().collect();
        advice.extend(self.could(app));
        for (index, advice) in advice.iter().enumerate() {
            let first = if index == 0 { blank.clone() } else { " ".repeat(18) };
            lines.push(format!("  {first} {}", look::styled(look::DIM, advice)));
        }
        lines
    }

    fn heard(&self, app: &Value) -> (String, Option<String>) {
        let event = self.told["event"]["event"].as_str().unwrap_or_default();
        let owner = self.name(&self.told["then"]["owner_app_id"]);
        match (app["channel"].as_str(), app["unheard"].as_str()) {
            (Some("standby"), _) => {
                let why = owner
                    .map_or("nobody was in control".to_owned(), |owner| format!("{owner} was in control"));
                (format!("was told {event} on standby, because {why}"), None)
            }
            (Some(_), _) => (format!("was told {event}"), None),
            (None, None) => (String::new(), None),
            (None, Some(why)) => self.not_told(event, why, app),
        }
    }

    /// What came of the webhook that tells it.
    fn came(&self, app: &Value) -> Option<String> {
        let delivery = app.get("delivery").filter(|delivery| delivery.is_object())?;
        let id = app["app_id"].as_str().unwrap_or_default();
        let came = receiving::came(delivery, self.names.trouble(id));
        let (name, number) = (self.names.app(id), delivery["id"].as_str().unwrap_or_default());
        let how = match delivery["state"].as_str() {
            Some("dead" | "expired" | "parked") => {
                format!("  `baton deliveries resend \"{name}\" {number}` sends it again")
            }
            Some("pending") if delivery["next_attempt_at"].is_null() && self.names.trouble(id).is_some() => {
                format!("  `baton listen --app \"{name}\"` shows what it is told")
            }
            Some(_) | None => String::new(),
        };
        Some(format!("{came}{}", look::styled(look::DIM, how)))
    }

    fn not_told(&self, event: &str, why: &str, app: &Value) -> (String, Option<String>) {
        let field = app["field"].as_str().unwrap_or_default();
        let (why, advice) = match why {
            "not_connected" => (
                "it is not connected to the page".to_owned(),
                Some("connect it: [[pages.connections]] in routing.toml, then baton apply".to_owned()),
            ),
            "not_concerned" => ("only those whom it concerns are told of it".to_owned(), None),
            "not_subscribed" => (
                format!("it is not subscribed to {field}"),
                Some(format!("add \"{field}\" to `fields` of its connection")),
            ),
            "not_in_standby" => {
                ("it was not in control, and standby does not carry this kind of event".to_owned(), None)
            }
            "standby_off" => (
                "it was not in control, and its connection has no access to standby".to_owned(),
                Some("set `standby = true` on its connection".to_owned()),
            ),
            "not_subscribed_to_standby" => (
                "it was not in control, and is not subscribed to standby".to_owned(),
                Some("add \"standby\" to `fields` of its connection".to_owned()),
            ),
            _ => ("the settings, or its connection, were others then: now it would be told".to_owned(), None),
        };
        let said = look::styled(look::BAD, "was not told");
        (format!("{said} {event}: {why}{}", rule(app)), advice)
    }

    /// How an app that is not in control would get it.
    fn could(&self, app: &Value) -> Option<String> {
        if app["app_id"] == self.told["now"]["owner_app_id"] || self.told["now"].is_null() {
            return None;
        }
        let now = &self.told["now"];
        let could: Vec<&str> =
            app["could"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let lapse = now["expires_at"].as_str().and_then(look::milliseconds_of);
        let lapse = lapse.map(|lapse| {
            let to = match self.names.app_of(&now["lapses_to_app_id"]) {
                Some(_) if now["lapses_to_app_id"] == app["app_id"] => "returns to it".to_owned(),
                Some(to) => format!("returns to {to}"),
                None => "ends".to_owned(),
            };
            format!("; control {to} {}", look::moment(lapse, self.at()))
        });
        let lapse = lapse.unwrap_or_default();
        let calls: Vec<&str> = could.iter().copied().filter(|call| *call != "messages").collect();
        Some(match (could.contains(&"messages"), calls.as_slice()) {
            (true, []) => "may send now".to_owned(),
            (true, calls) => format!("may send now, or call {}", calls.join(" or ")),
            (false, []) => {
                let owner = self.names.app_of(&self.told["now"]["owner_app_id"]);
                let owner = owner.unwrap_or_else(|| "whoever is in control".to_owned());
                format!("may not send now{lapse}; {owner} can pass_thread_control to it, or release it")
            }
            (false, calls) => format!("may not send now{lapse}; it may call {}", calls.join(" or ")),
        })
    }
}

/// The row of the specification, in brackets.
fn rule(of: &Value) -> String {
    of["rule"].as_str().map(|rule| format!("  {}", look::styled(look::RULE, rule))).unwrap_or_default()
}
