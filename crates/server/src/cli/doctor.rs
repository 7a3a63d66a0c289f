//! `baton doctor`: sends an app's receiver one of everything, and judges its answers. Nobody's conversation is touched:
//! the person of these events is in none, so whatever a bot answers is refused as it is for an unknown person.

use baton_engine::{Clock, SystemClock};
use baton_rules::Timestamp;
use clap::{Args, ValueHint};
use serde_json::{Value, json};

use super::client::{Client, part};
use super::names::Names;
use super::{Common, Failure, look};

mod cases;
mod judge;

use cases::Case;
use judge::{Answer, Finding, Weight};

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

/// How often is looked whether the bot has answered.
const LOOK_MS: i64 = 50;

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
    let page = page_of(&client, &app).await?;
    let mut doctor = Doctor {
        client,
        app,
        url: arguments.url.clone(),
        page,
        run: format!("{}-{}", SystemClock.now().0, std::process::id()),
        patience: arguments.patience,
        quiet: common.json,
        findings: Vec::new(),
        passed: Vec::new(),
    };
    if !common.json {
        look::line(format!("{} at {url}", look::styled(look::APP, names.app(&doctor.app))));
        look::line("");
    }
    doctor.examine().await?;
    doctor.conclude(common, &url)
}

/// A page that the app is on.
async fn page_of(client: &Client, app: &str) -> Result<String, Failure> {
    let routing = client.get("/routing").await?;
    let pages = routing["pages"].as_array().cloned().unwrap_or_default();
    let on = pages.iter().find(|page| {
        page["connections"].as_array().into_iter().flatten().any(|connection| connection["app"] == app)
    });
    Ok(on.and_then(|page| page["id"].as_str()).unwrap_or("1").to_owned())
}

struct Doctor {
    client: Client,
    app: String,
    url: Option<String>,
    page: String,
    /// Tells the persons and messages of this run from those of another.
    run: String,
    patience: i64,
    quiet: bool,
    findings: Vec<Finding>,
    passed: Vec<String>,
}

impl Doctor {
    async fn examine(&mut self) -> Result<(), Failure> {
        self.verification().await?;
        let usual = Case::usual();
        let first = self.webhook(&usual, json!({})).await?;
        if !self.judged("webhook", judge::webhook(&first), &first) {
            // What refuses the simplest webhook says nothing new about the others.
            return Ok(());
        }
        for (what, signed) in [("wrong signature", "wrong"), ("no signature", "not")] {
            let answer = self.webhook(&usual, json!({"signed": signed})).await?;
            self.judged(what, judge::unsigned(&answer, signed), &answer);
        }
        let answer = self.webhook(&Case::escaped(), json!({})).await?;
        self.judged("escaped text", judge::escaped(&answer), &answer);
        for case in cases::all() {
            let answer = self.webhook(&case, json!({})).await?;
            let is_well = self.judged(case.name, judge::kind(&answer, &case), &answer);
            if !is_well {
                let after = self.webhook(&usual, json!({})).await?;
                if let Some(finding) = judge::still_there(&after, &case) {
                    self.found(case.name, finding);
                    return Ok(());
                }
            }
        }
        self.twice().await
    }

    async fn verification(&mut self) -> Result<(), Failure> {
        let right = self.ask(json!({"handshake": "right"})).await?;
        if self.judged("verification", judge::handshake(&right), &right) {
            let wrong = self.ask(json!({"handshake": "wrong"})).await?;
            self.judged("wrong verify token", judge::wrong_token(&wrong), &wrong);
        }
        Ok(())
    }

    /// The same event twice, as it comes when an answer got lost.
    async fn twice(&mut self) -> Result<(), Failure> {
        let case = Case::usual();
        let id = format!("msg_doctor-{}", self.run);
        let person = format!("doctor-{}-twice", self.run);
        let again = json!({"webhook_id": id});
        self.send(&case, &person, "twice", again.clone()).await?;
        let once = self.calls(&person, 0).await?;
        self.send(&case, &person, "twice", again).await?;
        let answered = if once == 0 { None } else { Some(self.calls(&person, once).await? > once) };
        match judge::twice(answered) {
            Some(finding) => self.found("the same event twice", finding),
            None => self.well("the same event twice", "answered once"),
        }
        Ok(())
    }

    /// How often the bot called the Graph API about a person, when it is more than `before` or patience is over.
    async fn calls(&self, person: &str, before: usize) -> Result<usize, Failure> {
        let until = SystemClock.now().0 + self.patience;
        loop {
            let path = format!("/calls?limit=200&app={}&person={}", part(&self.app), part(person));
            let calls = self.client.get(&path).await?;
            let sends =
                calls["data"].as_array().into_iter().flatten().filter(|call| call["edge"] == "messages");
            let count = sends.count();
            let now = SystemClock.now().0;
            if count > before || now >= until {
                return Ok(count);
            }
            SystemClock.sleep_until(Timestamp(now + LOOK_MS)).await;
        }
    }

    async fn webhook(&self, case: &Case, more: Value) -> Result<Answer, Failure> {
        let number = self.findings.len() + self.passed.len();
        let person = format!("doctor-{}", self.run);
        self.send(case, &person, &number.to_string(), more).await
    }

    async fn send(&self, case: &Case, person: &str, number: &str, more: Value) -> Result<Answer, Failure> {
        let mid = format!("m_doctor-{}-{}-{number}", self.run, case.name.replace(' ', "-"));
        let mut body = json!({
            "webhook": case.item(person, &self.page, &mid, SystemClock.now().0),
            "channel": if case.standby { "standby" } else { "messaging" },
        });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        self.ask(body).await
    }

    async fn ask(&self, mut body: Value) -> Result<Answer, Failure> {
        if let Some(url) = &self.url {
            body["url"] = json!(url);
        }
        let answer = self.client.post(&format!("/apps/{}/probe", part(&self.app)), &body).await?;
        Ok(Answer::of(&answer))
    }

    /// Notes what was found of an answer; true: it is as it must be.
    fn judged(&mut self, what: &str, finding: Option<Finding>, answer: &Answer) -> bool {
        match finding {
            Some(finding) => {
                let goes_on = finding.weight != Weight::Error;
                self.found(what, finding);
                goes_on
            }
            None => {
                self.well(what, &answer.said());
                true
            }
        }
    }

    fn well(&mut self, what: &str, said: &str) {
        self.passed.push(what.to_owned());
        if !self.quiet {
            let mark = look::styled(look::PERSON, "✓");
            look::line(format!(
                "  {mark} {}  {}",
                look::column(anstyle::Style::new(), what, 24),
                look::styled(look::DIM, said)
            ));
        }
    }

    fn found(&mut self, what: &str, finding: Finding) {
        if !self.quiet {
            let mark = match finding.weight {
                Weight::Error => look::styled(look::BAD, "✗"),
                Weight::Warning => look::styled(look::WARNING, "!"),
                Weight::Note => look::styled(look::DIM, "·"),
            };
            look::line(format!("  {mark} {}  {}", look::column(look::STRONG, what, 24), finding.what));
            for (word, text) in [("why", finding.why), ("do", finding.advice)] {
                look::line(format!("    {:<24}  {} {text}", "", look::column(look::DIM, word, 4)));
            }
        }
        self.findings.push(finding);
    }

    fn conclude(self, common: &Common, url: &str) -> Result<(), Failure> {
        let many = |weight: Weight| self.findings.iter().filter(|one| one.weight == weight).count();
        let (errors, warnings) = (many(Weight::Error), many(Weight::Warning));
        if common.json {
            let all: Vec<Value> = self.findings.iter().map(Finding::json).collect();
            look::json(&json!({"url": url, "passed": self.passed, "findings": all}));
        } else {
            look::line("");
            let many =
                |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
            look::line(match (errors, warnings) {
                (0, 0) => "nothing is wrong with it".to_owned(),
                (errors, warnings) => format!("{}, {}", many(errors, "error"), many(warnings, "warning")),
            });
        }
        if errors == 0 { Ok(()) } else { Err(Failure::told()) }
    }
}
