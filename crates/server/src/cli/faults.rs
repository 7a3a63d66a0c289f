//! `baton faults`: things go wrong on purpose, so that a bot can be shown to bear them.

use clap::Args;
use serde_json::{Map, Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look};

/// Let things go wrong for an app on purpose; only with a virtual clock
#[derive(Debug, Args)]
#[command(
    after_help = "Without chances: shows what goes wrong. What is not named goes well again. Delays are by the \
    server's clock: while it is frozen, they last until it is moved.\n\n\
    Examples:\n  \
    baton faults \"Support bot\" --duplicates 0.2 --lost 0.1\n  \
    baton faults \"Support bot\" --slow 1 --slow-by 25s\n  \
    baton faults \"Support bot\" --errors 0.3 --error-code 613 --seed 7\n  \
    baton faults \"Support bot\" --off"
)]
pub(crate) struct Arguments {
    /// The app's id or name
    app: String,
    /// The chance that a webhook is sent twice, from 0 to 1
    #[arg(long, value_name = "CHANCE")]
    duplicates: Option<f64>,
    /// The chance that a webhook arrives and its answer is lost, so that it comes again
    #[arg(long, value_name = "CHANCE")]
    lost: Option<f64>,
    /// The chance that a webhook is overtaken by those of other conversations
    #[arg(long, value_name = "CHANCE")]
    reorder: Option<f64>,
    /// The chance that a webhook is sent later
    #[arg(long, value_name = "CHANCE", requires = "delay_by")]
    delay: Option<f64>,
    /// By how much
    #[arg(long, value_name = "DURATION")]
    delay_by: Option<String>,
    /// The chance that the answer to a webhook arrives later
    #[arg(long, value_name = "CHANCE", requires = "slow_by")]
    slow: Option<f64>,
    /// By how much
    #[arg(long, value_name = "DURATION")]
    slow_by: Option<String>,
    /// The chance that a call of the Graph API is refused
    #[arg(long, value_name = "CHANCE")]
    errors: Option<f64>,
    /// With this code of the platform's [default: 2, away for a moment]
    #[arg(long, value_name = "CODE", requires = "errors")]
    error_code: Option<u32>,
    /// What the draws begin with: the same seed draws the same again
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Let everything go well again
    #[arg(long, conflicts_with_all = ["duplicates", "lost", "reorder", "delay", "slow", "errors", "seed"])]
    off: bool,
}

pub(crate) async fn run(common: &Common, arguments: &Arguments) -> Result<(), Failure> {
    let client = Client::find(common)?;
    let names = Names::of(&client).await?;
    let app = names.app_id(&arguments.app)?;
    let path = format!("/apps/{}/faults", part(&app));
    let body = body(arguments);
    let faults = if arguments.off {
        client.put(&path, &json!({})).await?
    } else if body.is_empty() {
        client.get(&path).await?
    } else {
        client.put(&path, &Value::Object(body)).await?
    };
    if common.json {
        look::json(&faults);
    } else {
        shown(&names.app(&app), &faults).iter().for_each(look::line);
    }
    Ok(())
}

/// What is given.
fn body(arguments: &Arguments) -> Map<String, Value> {
    let all = [
        ("duplicates", json!(arguments.duplicates)),
        ("lost", json!(arguments.lost)),
        ("reorder", json!(arguments.reorder)),
        ("delay", json!(arguments.delay)),
        ("delay_by", json!(arguments.delay_by)),
        ("slow", json!(arguments.slow)),
        ("slow_by", json!(arguments.slow_by)),
        ("errors", json!(arguments.errors)),
        ("error_code", json!(arguments.error_code)),
        ("seed", json!(arguments.seed)),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn shown(app: &str, faults: &Value) -> Vec<String> {
    let app = look::styled(look::APP, app);
    let chance = |name: &str| faults[name].as_f64().filter(|chance| *chance > 0.0);
    let by = |name: &str| format!(" by {} ms", faults[name]);
    let all = [
        ("duplicates", "of its webhooks come twice", String::new()),
        ("lost", "of its answers are lost, and the webhook comes again", String::new()),
        ("reorder", "of its webhooks are overtaken by those of other conversations", String::new()),
        ("delay", "of its webhooks come later", by("delay_by_ms")),
        ("slow", "of its answers arrive later", by("slow_by_ms")),
        ("errors", "of its calls are refused", format!(" with error {}", faults["error_code"])),
    ];
    let wrong = all.iter().filter_map(|(name, says, more)| {
        let percent = (chance(name)? * 100.0).round();
        Some(format!("  {percent:>3} %  {says}{more}"))
    });
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() {
        return vec![format!("{app}: nothing goes wrong on purpose")];
    }
    let seed = look::styled(look::DIM, format!("  seed {}", faults["seed"]));
    std::iter::once(format!("{app}, on purpose:{seed}")).chain(wrong).collect()
}
