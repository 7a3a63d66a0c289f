//! The story that the demo plays once: ad, marketing bot, pass, default bot, the Inbox takes over, Done. Ada
//! and the person in the Inbox are played over Baton's own API, as any program could.

use std::time::Duration;

use serde_json::{Value, json};

use super::{AD, PAGE};

/// The person in the story.
pub const ADA: &str = "ada";

/// Why the story did not end.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// A call failed.
    #[error("the story stopped: {0}")]
    Call(#[from] reqwest::Error),
    /// The server refused a step.
    #[error("the story stopped: {step}: HTTP {status}: {body}")]
    Refused {
        /// Which step.
        step: &'static str,
        /// The status.
        status: u16,
        /// What it said.
        body: String,
    },
    /// An app did not answer.
    #[error("the story stopped: nobody answered Ada within {0} seconds")]
    Silence(u64),
}

/// How it is told.
pub struct Telling<'a> {
    /// The server's address.
    pub base: &'a str,
    /// The operator's token.
    pub token: &'a str,
    /// Between two steps, so that people can read along.
    pub pause: Duration,
}

/// How long an app may take.
const PATIENCE: u64 = 10;

/// Plays it; `narrate` is told what happens next.
pub async fn play(telling: &Telling<'_>, mut narrate: impl FnMut(&str)) -> Result<(), StoryError> {
    let stage = Stage { telling, client: super::client() };
    let before = stage.spoken().await?;

    narrate(
        "Ada taps the ad \"Spring sale\" and writes. The ad names the marketing bot, so it gets control.",
    );
    stage.ada("Is the sale still on?", Some(json!({"type": "ad", "ad_id": AD}))).await?;
    stage.until_spoken(before + 1).await?;

    narrate(
        "Ada answers. The marketing bot is done: it sends a last message and passes control in one call.",
    );
    stage.ada("Plants, please", None).await?;
    stage.until_spoken(before + 3).await?;

    narrate("The default app has the conversation now. The marketing bot would be refused if it spoke.");
    stage.ada("Do you deliver on Saturdays?", None).await?;
    stage.until_spoken(before + 4).await?;

    narrate("Jasper reads along in the Inbox, and answers himself. That takes control; the bots stand by.");
    stage.inbox(json!({"action": "reply", "text": "Jasper here: on Saturdays too."})).await?;
    stage.rest().await;
    stage.ada("Wonderful, thank you!", None).await?;
    stage.rest().await;

    narrate("Jasper marks the conversation as done. Control goes back to the default app.");
    stage.inbox(json!({"action": "done"})).await?;
    stage.rest().await;
    Ok(())
}

struct Stage<'a> {
    telling: &'a Telling<'a>,
    client: reqwest::Client,
}

impl Stage<'_> {
    async fn ada(&self, text: &str, entry: Option<Value>) -> Result<(), StoryError> {
        let mut event = json!({"type": "message", "message": {"text": text}});
        if let Some(entry) = entry {
            event["entry"] = entry;
        }
        self.post("Ada writes", &format!("/pages/{PAGE}/people/{ADA}/events"), &event).await
    }

    async fn inbox(&self, act: Value) -> Result<(), StoryError> {
        self.post("Jasper uses the Inbox", &format!("/pages/{PAGE}/threads/{ADA}/inbox"), &act).await
    }

    async fn post(&self, step: &'static str, path: &str, body: &Value) -> Result<(), StoryError> {
        let url = format!("{}/baton/v1{path}", self.telling.base);
        let answer = self.client.post(url).bearer_auth(self.telling.token).json(body).send().await?;
        let status = answer.status().as_u16();
        if status == 200 {
            return Ok(());
        }
        Err(StoryError::Refused { step, status, body: answer.text().await? })
    }

    /// How many messages the business has sent Ada.
    async fn spoken(&self) -> Result<usize, StoryError> {
        let mut spoken = 0;
        let mut after = String::new();
        loop {
            let url = format!(
                "{}/baton/v1/pages/{PAGE}/threads/{ADA}/messages?limit=200{after}",
                self.telling.base
            );
            let answer = self.client.get(url).bearer_auth(self.telling.token).send().await?;
            if answer.status().as_u16() == 404 {
                return Ok(0);
            }
            let page: Value = answer.json().await?;
            let messages = page["data"].as_array().into_iter().flatten();
            spoken += messages.filter(|message| message["from"] != "person").count();
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return Ok(spoken),
            }
        }
    }

    async fn until_spoken(&self, wanted: usize) -> Result<(), StoryError> {
        let looks = PATIENCE * 20;
        for _ in 0..looks {
            if self.spoken().await? >= wanted {
                self.rest().await;
                return Ok(());
            }
            wait(Duration::from_millis(50)).await;
        }
        Err(StoryError::Silence(PATIENCE))
    }

    async fn rest(&self) {
        wait(self.telling.pause).await;
    }
}

async fn wait(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "a person reads along: that takes real time")]
    tokio::time::sleep(time).await;
}
