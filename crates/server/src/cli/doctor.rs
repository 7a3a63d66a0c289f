//! `baton doctor`: has the server send an app's receiver one of everything, and shows what it found of its answers.

use clap::{Args, ValueHint};
use serde_json::{Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look};

/// Send an app's receiver one of everything, and judge its answers
#[derive(Debug, Args)]
#[command(
    after_help = "The events are those of a person who is in no conversation, and are in no journal: nothing that \
    the bot answers to them reaches anybody. The server signs them; the app's secret stays there.\n\n\
    Ends with 1 when something is wrong that loses messages or lets strangers in.\n\n\
    Examples:\n  \
    baton doctor \"Support bot\"\n  \
    baton doctor \"Support bot\" --url http://127.0.0.1:3000/webhook"
)]
pub(crate) struct Arguments {
    /// The app's id or name
    app: String,
    /// Another address than the app's own
    #[arg(long, value_hint = ValueHint::Url)]
    url: Option<String>,
    /// How long to wait for what the bot answers in the Graph API
    #[arg(long, value_name = "DURATION", default_value = "3s", value_parser = duration)]
    patience: i64,
}

fn duration(text: &str) -> Result<i64, String> {
    crate::config::milliseconds(text).ok_or_else(|| "a duration looks like 3s".to_owned())
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let names = Names::of(&client).await?;
    let app = names.app_id(&arguments.app)?;
    let known = client.get(&format!("/apps/{}", part(&app))).await?;
    let url = arguments.url.clone().or_else(|| known["webhook_url"].as_str().map(str::to_owned));
    let Some(url) = url else {
        return Err(Failure::new(format!("{} has no webhook address", names.app(&app)))
            .advice("name one with --url, or set webhook_url in routing.toml and apply it"));
    };
    if !common.json {
        look::line(format!("{} at {url}", look::styled(look::APP, names.app(&app))));
        look::line("");
    }
    let mut wanted = json!({"patience": format!("{}ms", arguments.patience)});
    if let Some(url) = &arguments.url {
        wanted["url"] = json!(url);
    }
    let examined = client.post(&format!("/apps/{}/examinations", part(&app)), &wanted).await?;
    let checks: Vec<Check> = examined["checks"].as_array().into_iter().flatten().map(Check::of).collect();
    conclude(common, &url, &checks)
}

/// Something that was looked at, as the server tells it.
struct Check<'a> {
    name: &'a str,
    said: &'a str,
    /// What is wrong; none: it is as it must be.
    finding: Option<&'a Value>,
}

impl<'a> Check<'a> {
    fn of(told: &'a Value) -> Self {
        let text = |name: &str| told[name].as_str().unwrap_or_default();
        Self {
            name: text("name"),
            said: text("said"),
            finding: told.get("finding").filter(|one| !one.is_null()),
        }
    }

    fn weighs(&self, weight: &str) -> bool {
        self.finding.is_some_and(|finding| finding["weight"] == weight)
    }

    fn show(&self) {
        let Some(finding) = self.finding else {
            let name = look::column(anstyle::Style::new(), self.name, 24);
            let mark = look::styled(look::PERSON, "✓");
            return look::line(format!("  {mark} {name}  {}", look::styled(look::DIM, self.said)));
        };
        let mark = match finding["weight"].as_str() {
            Some("error") => look::styled(look::BAD, "✗"),
            Some("warning") => look::styled(look::WARNING, "!"),
            _ => look::styled(look::DIM, "·"),
        };
        let text = |name: &str| finding[name].as_str().unwrap_or_default();
        look::line(format!("  {mark} {}  {}", look::column(look::STRONG, self.name, 24), text("what")));
        for word in ["why", "do"] {
            look::line(format!("    {:<24}  {} {}", "", look::column(look::DIM, word, 4), text(word)));
        }
    }
}

fn conclude(common: &Common, url: &str, checks: &[Check<'_>]) -> Result<(), Failure> {
    let many = |weight: &str| checks.iter().filter(|one| one.weighs(weight)).count();
    let (errors, warnings) = (many("error"), many("warning"));
    if common.json {
        let passed: Vec<&str> =
            checks.iter().filter(|one| one.finding.is_none()).map(|one| one.name).collect();
        let findings: Vec<&Value> = checks.iter().filter_map(|one| one.finding).collect();
        look::json(&json!({"url": url, "passed": passed, "findings": findings}));
    } else {
        checks.iter().for_each(Check::show);
        look::line("");
        let many = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
        look::line(match (errors, warnings) {
            (0, 0) => "nothing is wrong with it".to_owned(),
            (errors, warnings) => format!("{}, {}", many(errors, "error"), many(warnings, "warning")),
        });
    }
    if errors == 0 { Ok(()) } else { Err(Failure::told()) }
}
