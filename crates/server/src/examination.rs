//! What is wrong with an app's receiver: it is sent one of everything, and its answers are judged. Nobody's conversation
//! is touched: the person of these events is in none, so whatever a bot answers is refused as it is for an unknown
//! person. `POST /apps/{app}/examinations` asks for it; `baton doctor` and the console show it.

use baton_engine::{Probe, Signed};
use baton_rules::{AppId, Channel, PageId, Surface};
use baton_wire::envelope::escaped;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::serve::Shared;

mod cases;
mod judge;

use cases::Case;
use judge::Answer;
pub(crate) use judge::{Finding, Weight};

/// How often is looked whether the bot has answered.
const LOOK_MS: i64 = 50;

/// Something that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReceiverCheck")]
pub(crate) struct Check {
    /// What, in a word or two.
    pub(crate) name: &'static str,
    /// What the receiver answered; null: what was found says it.
    pub(crate) said: Option<String>,
    /// What is wrong; null: it is as it must be.
    pub(crate) finding: Option<Finding>,
}

/// Examines a receiver.
pub(crate) struct Examination<'a> {
    shared: &'a Shared,
    app: AppId,
    /// Another address than the app's own.
    url: Option<&'a str>,
    /// A page that the app is on.
    page: PageId,
    /// Tells the persons and messages of this run from those of another.
    run: String,
    /// How long to wait for what the bot answers in the Graph API, in milliseconds.
    patience_ms: i64,
    checks: Vec<Check>,
}

/// How a webhook is sent.
#[derive(Clone, Copy)]
struct Sent<'a> {
    signed: Signed,
    /// Its `webhook-id`, where it is sent more than once.
    id: Option<&'a str>,
}

const USUAL: Sent<'_> = Sent { signed: Signed::Right, id: None };

/// The receiver has no address, or there is no such app.
#[derive(Debug)]
pub(crate) struct NoAddress;

impl<'a> Examination<'a> {
    /// Of an app's receiver, or of what listens at `url`.
    pub(crate) fn of(
        shared: &'a Shared,
        app: AppId,
        url: Option<&'a str>,
        patience_ms: i64,
    ) -> Result<Self, NoAddress> {
        let settings = shared.engine.settings();
        let page = settings.pages.iter().find(|page| page.connections.iter().any(|one| one.app == app));
        let page = page.map(|page| page.id).or_else(|| "1".parse().ok()).ok_or(NoAddress)?;
        let run = format!("{}-{}", shared.wall.now().0, shared.ids.number());
        Ok(Self { shared, app, url, page, run, patience_ms, checks: Vec::new() })
    }

    /// Sends one of everything; what was found, in the order in which it was looked for.
    pub(crate) async fn made(mut self) -> Result<Vec<Check>, NoAddress> {
        self.verification().await?;
        let usual = Case::usual();
        let first = self.webhook(&usual, USUAL).await?;
        if !self.judged("webhook", judge::webhook(&first), &first) {
            // What refuses the simplest webhook says nothing new about the others.
            return Ok(self.checks);
        }
        for (what, word, signed) in
            [("wrong signature", "wrong", Signed::Wrong), ("no signature", "not", Signed::Not)]
        {
            let answer = self.webhook(&usual, Sent { signed, ..USUAL }).await?;
            self.judged(what, judge::unsigned(&answer, word), &answer);
        }
        let answer = self.webhook(&Case::escaped(), USUAL).await?;
        self.judged("escaped text", judge::escaped(&answer), &answer);
        for case in cases::all() {
            let answer = self.webhook(&case, USUAL).await?;
            if !self.judged(case.name, judge::kind(&answer, &case), &answer) {
                let after = self.webhook(&usual, USUAL).await?;
                if let Some(finding) = judge::still_there(&after, &case) {
                    self.checks.push(Check { name: case.name, said: None, finding: Some(finding) });
                    return Ok(self.checks);
                }
            }
        }
        self.twice().await?;
        Ok(self.checks)
    }

    async fn verification(&mut self) -> Result<(), NoAddress> {
        let right = self.ask(Probe::Handshake { is_right: true }).await?;
        if self.judged("verification", judge::handshake(&right), &right) {
            let wrong = self.ask(Probe::Handshake { is_right: false }).await?;
            self.judged("wrong verify token", judge::wrong_token(&wrong), &wrong);
        }
        Ok(())
    }

    /// The same event twice, as it comes when an answer got lost.
    async fn twice(&mut self) -> Result<(), NoAddress> {
        let case = Case::usual();
        let id = format!("msg_doctor-{}", self.run);
        let person = format!("doctor-{}-twice", self.run);
        let sent = Sent { id: Some(&id), ..USUAL };
        self.send(&case, &person, "twice", sent).await?;
        let once = self.calls(&person, 0).await;
        self.send(&case, &person, "twice", sent).await?;
        let answered = if once == 0 { None } else { Some(self.calls(&person, once).await > once) };
        let finding = judge::twice(answered);
        let said = finding.is_none().then(|| "answered once".to_owned());
        self.checks.push(Check { name: "the same event twice", said, finding });
        Ok(())
    }

    /// How often the bot sent something to a person, when it is more than `before` or patience is over.
    async fn calls(&self, person: &str, before: usize) -> usize {
        let until = self.shared.wall.now().0 + self.patience_ms;
        loop {
            let calls = self.shared.calls.newest();
            let count = calls.iter().filter(|call| self.is_send_to(person, call)).count();
            let now = self.shared.wall.now();
            if count > before || now.0 >= until {
                return count;
            }
            self.shared.wall.sleep_until(baton_rules::Timestamp(now.0 + LOOK_MS)).await;
        }
    }

    fn is_send_to(&self, person: &str, call: &crate::calls::Call) -> bool {
        let about = call.asked.thread.as_ref();
        call.asked.app == Some(self.app)
            && &*call.asked.edge == "messages"
            && about.is_some_and(|thread| thread.person.as_str() == person)
    }

    async fn webhook(&self, case: &Case, sent: Sent<'_>) -> Result<Answer, NoAddress> {
        let person = format!("doctor-{}", self.run);
        self.send(case, &person, &self.checks.len().to_string(), sent).await
    }

    async fn send(
        &self,
        case: &Case,
        person: &str,
        number: &str,
        sent: Sent<'_>,
    ) -> Result<Answer, NoAddress> {
        let mid = format!("m_doctor-{}-{}-{number}", self.run, case.name.replace(' ', "-"));
        let item = case.item(person, &self.page.to_string(), &mid, self.shared.engine.now().0);
        let Value::Object(item) = item else { return Err(NoAddress) };
        let id = sent.id.map(str::to_owned);
        self.ask(Probe::Webhook {
            account: self.page,
            surface: Surface::Messenger,
            channel: if case.standby { Channel::Standby } else { Channel::Messaging },
            item: escaped(&item).into(),
            signed: sent.signed,
            id: id.unwrap_or_else(|| format!("msg_{}-probe-{}", self.app, self.shared.ids.number())),
        })
        .await
    }

    async fn ask(&self, probe: Probe) -> Result<Answer, NoAddress> {
        let probed = self.shared.engine.probe(self.app, self.url, probe).await.ok_or(NoAddress)?;
        Ok(Answer::of(&probed))
    }

    /// Notes what was found of an answer; true: it goes on.
    fn judged(&mut self, name: &'static str, finding: Option<Finding>, answer: &Answer) -> bool {
        let goes_on = finding.as_ref().is_none_or(|finding| finding.weight != Weight::Error);
        self.checks.push(Check { name, said: Some(answer.said()), finding });
        goes_on
    }
}
