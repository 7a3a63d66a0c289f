//! The stage of a scenario: a server of its own, with a clock that stands still, and the apps that play in it.

use std::collections::{BTreeMap, HashMap, HashSet};

use baton_engine::ActivityKind;
use baton_rules::{AppId, Channel, PageId, Surface, ThreadKey, Timestamp};
use serde_json::{Value, json};

use super::file::Scenario;
use super::receiver::{Receiver, VERIFY_TOKEN};
use super::step::{INBOX, Step};
use super::watch::{Mark, Watch};
use crate::cli::client::{Client, cannot_make, innermost, part};
use crate::cli::document::Document;
use crate::cli::names::Names;
use crate::cli::{Common, Failure, apply};
use crate::config::Config;
use crate::start::{Place, Server, Wishes};

/// A server and its apps, ready for the first step.
pub(super) struct Stage {
    server: Server,
    receiver: Receiver,
    pub(super) client: Client,
    pub(super) http: reqwest::Client,
    pub(super) names: Names,
    pub(super) watch: Watch,
    /// Addresses of apps that play themselves, by name or id.
    own: BTreeMap<String, String>,
    /// What apps are called, with their ids.
    apps: Vec<(String, String)>,
    /// The page access tokens of the apps that are played, by page and app.
    tokens: HashMap<(String, String), String>,
}

impl Stage {
    /// Starts a server, and makes it run what the scenario says.
    pub(super) async fn set(
        scenario: &Scenario,
        config: &Config,
        own: &BTreeMap<String, String>,
    ) -> Result<Self, Failure> {
        let nothing = Common { server: None, token: None, data: None, json: false };
        let place = Place::ephemeral(&nothing)?.with(&config.database);
        let wishes = Wishes { frozen_at: Some(Timestamp(scenario.starts)), ..Wishes::default() };
        let server = Server::start(config, place, wishes).await.map_err(|failure| {
            // A bot that plays itself knows one address to call.
            let is_taken = !own.is_empty() && failure.what.starts_with("cannot listen on");
            let advice = "stop what listens there, often a `baton dev`; or take another port with --listen, and give \
                          your bot that address as its base URL";
            if is_taken { failure.advice(advice) } else { failure }
        })?;
        let watch = Watch::new(server.engine.activity());
        let opened = async {
            let http = reqwest::Client::builder().no_proxy().build();
            let http = http.map_err(|error| cannot_make("the story", innermost(&error)))?;
            Ok((Client::of(vec![server.file()])?, http, Receiver::open().await?))
        };
        let (client, http, receiver) = match opened.await {
            Ok(opened) => opened,
            Err(failure) => {
                server.stop().await;
                return Err(failure);
            }
        };
        let mut stage = Self {
            server,
            receiver,
            client,
            http,
            names: Names::default(),
            watch,
            own: own.clone(),
            apps: Vec::new(),
            tokens: HashMap::new(),
        };
        match stage.apply(&scenario.settings).await {
            Ok(()) => Ok(stage),
            Err(failure) => {
                stage.strike().await;
                Err(failure)
            }
        }
    }

    /// Ends the server.
    pub(super) async fn strike(self) {
        self.server.stop().await;
    }

    /// The server's address.
    pub(super) fn url(&self) -> &str {
        &self.server.url
    }

    /// Asks Baton's own API; answers the status and the body.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), Failure> {
        self.ask(self.http.post(format!("{}/baton/v1{path}", self.server.url)).json(body)).await
    }

    /// Reads from Baton's own API; answers the status and the body.
    pub(super) async fn get(&self, path: &str) -> Result<(u16, Value), Failure> {
        self.ask(self.http.get(format!("{}/baton/v1{path}", self.server.url))).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<(u16, Value), Failure> {
        let cannot = |error: reqwest::Error| Failure::new("the server did not answer").why(error);
        let answer = request.bearer_auth(&self.server.operator_token).send().await.map_err(cannot)?;
        let status = answer.status().as_u16();
        Ok((status, answer.json().await.map_err(cannot)?))
    }

    /// The time.
    pub(super) fn now(&self) -> Result<Timestamp, Failure> {
        let state = self.server.engine.clock();
        state.map(|state| state.now).map_err(|error| Failure::new("the clock").why(error))
    }

    /// Makes the server run what a routing file says. Apps without an address are played.
    pub(super) async fn apply(&mut self, settings: &Value) -> Result<(), Failure> {
        let mut settings = settings.clone();
        self.cast(&mut settings)?;
        let said = Document::made("what the scenario says in [settings]", settings);
        let answer = apply::put(&self.client, &said, "").await?;
        self.server.ready();
        self.names = Names::of(&self.client).await?;
        let routing = self.client.get("/routing").await?;
        let apps = routing["apps"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        self.apps = apps.iter().map(|app| (text(app, "name"), text(app, "id"))).collect();
        self.verified(&answer)?;
        for page in routing["pages"].as_array().into_iter().flatten() {
            for connection in page["connections"].as_array().into_iter().flatten() {
                self.token(&text(page, "id"), &text(connection, "app")).await?;
            }
        }
        Ok(())
    }

    /// Gives every app its address: its own where it plays itself, else the one that takes everything.
    fn cast(&self, settings: &mut Value) -> Result<(), Failure> {
        let mut unknown: HashSet<&String> = self.own.keys().collect();
        let apps = settings.get_mut("apps").and_then(Value::as_array_mut).into_iter().flatten();
        let apps = apps.filter_map(Value::as_object_mut);
        for (number, app) in apps.enumerate() {
            let called = |key: &str| app.get(key).and_then(Value::as_str);
            let own = self.own.iter().find(|(name, _)| {
                called("name") == Some(name.as_str()) || called("id") == Some(name.as_str())
            });
            if let Some((name, url)) = own {
                unknown.remove(name);
                app.insert("webhook_url".to_owned(), json!(url));
            } else if app.get("webhook_url").is_none() {
                app.insert("webhook_url".to_owned(), json!(format!("{}/{number}", self.receiver.url)));
                app.insert("verify_token".to_owned(), json!(VERIFY_TOKEN));
            }
        }
        match unknown.into_iter().next() {
            // Later settings need not name every app again.
            Some(name) if self.apps.is_empty() => {
                Err(Failure::usage(format!("--app {name}=…: the scenario has no app {name}")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An app whose address does not answer the handshake would hear nothing: said before the story begins.
    fn verified(&self, answer: &Value) -> Result<(), Failure> {
        let warnings = answer["warnings"].as_array().into_iter().flatten();
        // Warnings by a rule are advice on the settings; this is no story about them.
        for warning in warnings.filter(|warning| warning["rule"].is_null()) {
            let text = |key: &str| warning[key].as_str().unwrap_or_default();
            let app = text("pointer").strip_prefix("/apps/").and_then(|rest| rest.split('/').next());
            if let Some(name) = app.map(|id| self.names.app(id)) {
                return Err(Failure::new(format!("{name} cannot be reached: {}", text("detail"))).advice(
                    format!(
                        "start {name} first, with the verify_token that the settings give it; its address must \
                         answer GET with hub.challenge"
                    ),
                ));
            }
        }
        Ok(())
    }

    async fn token(&mut self, page: &str, app: &str) -> Result<(), Failure> {
        let key = (page.to_owned(), app.to_owned());
        if app == INBOX || self.tokens.contains_key(&key) {
            return Ok(());
        }
        let path = format!("/pages/{}/connections/{}/tokens", part(page), part(app));
        let made = self.client.post(&path, &json!({})).await?;
        self.tokens.insert(key, made["token"].as_str().unwrap_or_default().to_owned());
        Ok(())
    }

    /// The token by which an app may use a page. An app that is not connected any more uses its old one.
    pub(super) fn token_of(&self, page: &str, app: &str) -> Result<&str, Failure> {
        let page_id = self.page_of(page)?;
        let found = self.tokens.get(&(page_id, app.to_owned()));
        found.map(String::as_str).ok_or_else(|| {
            let name = self.names.app(app);
            Failure::new(format!("{name} is not connected to {}", self.names.page(page)))
                .advice(format!("connect it: [[settings.pages.connections]] with app = \"{name}\""))
        })
    }

    /// The id of a page that is named by its id or its name.
    fn page_of(&self, page: &str) -> Result<String, Failure> {
        let settings = self.server.engine.settings();
        let id = self.names.page_id(page)?;
        let known = id.parse::<PageId>().ok().and_then(|id| settings.page(id));
        known.map(|page| page.id.to_string()).ok_or_else(|| Failure::new(format!("there is no page {page}")))
    }

    /// The conversation that a step is about.
    pub(super) fn thread(&self, step: &Step) -> Result<ThreadKey, Failure> {
        let person = step.person.as_deref().unwrap_or_default();
        let page = self.page_of(step.page.as_deref().unwrap_or_default())?;
        let wrong = || Failure::new(format!("{page} and {person} name no conversation"));
        Ok(ThreadKey {
            page: page.parse().map_err(|_| wrong())?,
            surface: step.surface,
            person: person.parse().map_err(|_| wrong())?,
        })
    }

    /// The id in the paths of the side of a page that a step is about: the page's, or its Instagram account's.
    pub(super) fn side(&self, step: &Step) -> Result<String, Failure> {
        let named = self.names.page_id(step.page.as_deref().unwrap_or_default())?;
        if step.surface == Surface::Messenger {
            return Ok(named);
        }
        let settings = self.server.engine.settings();
        let page = named.parse::<PageId>().ok().and_then(|id| settings.page(id));
        let account = page.and_then(|page| page.instagram.as_ref()).map(|account| account.id.to_string());
        account.ok_or_else(|| {
            Failure::new(format!("{} has no Instagram account", self.names.page(&named)))
                .advice("give it one: instagram = { id = \"17841400000001\", username = \"…\" }")
        })
    }

    /// The id of an app that is named by its name or id.
    pub(super) fn app(&self, name: &str) -> Result<String, Failure> {
        if name == INBOX {
            return Ok(AppId::PAGE_INBOX.to_string());
        }
        let found = self.apps.iter().find(|(called, id)| called == name || id == name);
        found.map(|(_, id)| id.clone()).ok_or_else(|| {
            let known: Vec<&str> = self.apps.iter().map(|(name, _)| name.as_str()).collect();
            let failure = Failure::new(format!("there is no app {name:?}"));
            match crate::routing_file::nearest(name, known.iter().copied()) {
                Some(near) => failure.advice(format!("is {near:?} meant?")),
                None => failure.advice(format!("the apps are: {}", known.join(", "))),
            }
        })
    }

    /// The id by which a call names an app; each side of a page has an inbox of its own.
    pub(super) fn app_on(&self, name: &str, surface: Surface) -> Result<String, Failure> {
        if name == INBOX { Ok(surface.inbox().to_string()) } else { self.app(name) }
    }

    /// The last webhook that an app was sent, and how it answered, in words.
    pub(super) fn last_heard(&self, app: &str) -> Option<String> {
        let id: AppId = self.app(app).ok()?.parse().ok()?;
        let all = self.watch.all(Mark::default(), |line| match &line.kind {
            ActivityKind::Delivery { app, events, channel, status, duration_ms, .. } if *app == id => {
                let events: Vec<&str> = events.iter().map(|one| &*one.event).collect();
                let standby = if *channel == Channel::Standby { " on standby" } else { "" };
                let answer =
                    status.map_or_else(|| "not answered".to_owned(), |status| format!("answered {status}"));
                Some(format!("{}{standby}, {answer} after {duration_ms} ms", events.join(", ")))
            }
            _ => None,
        });
        all.into_iter().next_back()
    }

    /// What an app is called in scenarios.
    pub(super) fn called(&self, id: &str) -> String {
        let is_inbox = id.parse::<AppId>().is_ok_and(AppId::is_inbox);
        if is_inbox { INBOX.to_owned() } else { self.names.app(id) }
    }
}
