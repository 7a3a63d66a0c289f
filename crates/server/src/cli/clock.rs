//! `baton clock`: the virtual clock.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use super::{Common, Failure, look};

/// Show or move the virtual clock; it never goes back
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  baton clock advance 24h\n  baton clock set 2030-01-01T09:00:00Z")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the time
    Show,
    /// Move it forward
    Advance {
        /// By how much: 24h, 7d, 90s, 1h30m
        #[arg(value_parser = duration)]
        by: String,
    },
    /// Move it forward to a moment
    Set {
        /// As in 2030-01-01T09:00:00Z
        #[arg(value_parser = look::given_moment)]
        time: String,
    },
    /// Stop it
    Freeze,
    /// Let it run on
    Run,
}

fn duration(text: &str) -> Result<String, String> {
    match crate::config::milliseconds(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a duration looks like 24h, 7d, 90s or 1h30m".to_owned()),
    }
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let turned = match &arguments.command {
        None | Some(Command::Show) => client.get("/clock").await?,
        Some(Command::Advance { by }) => client.post("/clock", &json!({"advance": by})).await?,
        Some(Command::Set { time }) => client.post("/clock", &json!({"set": time})).await?,
        Some(Command::Freeze) => client.post("/clock", &json!({"freeze": true})).await?,
        Some(Command::Run) => client.post("/clock", &json!({"freeze": false})).await?,
    };
    if common.json {
        look::json(&turned);
    } else {
        shown(&turned);
    }
    Ok(())
}

fn shown(turned: &Value) {
    let text = |key: &str| turned[key].as_str().unwrap_or_default();
    let state = if turned["frozen"] == true { "frozen" } else { "running" };
    let now = look::styled(look::STRONG, text("now"));
    let was = turned["was"].as_str().map(|was| format!(", was {was}")).unwrap_or_default();
    let ran = match turned["ran"].as_u64() {
        Some(ran) if ran > 0 => format!("; {ran} due"),
        Some(_) | None => String::new(),
    };
    look::line(format!("{now}  {state}{was}{ran}"));
}
