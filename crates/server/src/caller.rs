//! Who calls the Graph API, from a token wherever a client put it, and what that token may do: everything
//! that is checked before a call is decided (API-10: token, permission; the rules see to the rest).

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use baton_engine::{CallersKey, Engine, Failure, Receipt, Request, Requested};
use baton_rules::{
    AppId, Ask, OwnerSeen, PageId, PersonId, Refusal, Routing, Rule, Send, Surface, ThreadKey,
};
use baton_store::{App, Change, ConfigureError, Connection, Page, Settings, StoreError, Token};
use baton_wire::params::Params;
use baton_wire::requests::Call;
use baton_wire::{GraphError, signature};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::graph::{Wrong, in_plain_words};
use crate::routing_file::token_hash;
use crate::serve::Shared;

/// How far `appsecret_time` may be off, in seconds (wire.md 1.3).
const PROOF_AGE: i64 = 300;

/// What is called, as far as the right to call it depends on it (API-12, API-14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edge {
    Messages,
    Pass,
    Take,
    Request,
    Release,
    Extend,
    Metadata,
    Owner,
    Secondaries,
    Conversations,
    Subscribed,
    Profile,
}

/// A token that is known.
pub(crate) struct Known {
    settings: Arc<Settings>,
    page: Arc<Page>,
    app: Arc<App>,
    token: Token,
}

/// An app that calls about a page that its token is for.
pub(crate) struct Caller {
    shared: Arc<Shared>,
    known: Known,
    /// The id in the path: the page's, or its Instagram account's.
    node: PageId,
    /// The header `Idempotency-Key`, as it came.
    once: Option<Vec<u8>>,
}

/// An app that calls about itself, with its app access token: `APP_ID|APP_SECRET`.
pub(crate) struct AppCaller {
    shared: Arc<Shared>,
    app: Arc<App>,
}

/// The longest `Idempotency-Key`.
const LONGEST_KEY: usize = 128;
/// Parameters that say who calls and not what is asked.
const OF_THE_CALLER: [&str; 3] = ["access_token", "appsecret_proof", "appsecret_time"];

impl AppCaller {
    /// The app whose access token this is; none where it is no app access token by its form. A proof beside
    /// one is ignored: a deployed client sends another token's (clients.md 4).
    pub(crate) fn of(shared: &Arc<Shared>, token: &str) -> Option<Result<Self, GraphError>> {
        let (id, secret) = token.split_once('|')?;
        let settings = shared.engine.settings();
        if settings.token(&token_hash(token)).is_some() {
            // Whoever writes the routing file may call a page access token what they like.
            return None;
        }
        let app = id.trim().parse::<AppId>().ok().and_then(|id| settings.app(id).cloned());
        let hash = |text: &str| -> [u8; 32] { Sha256::digest(text.as_bytes()).into() };
        let right = |app: &Arc<App>| {
            let same = hash(app.secret.reveal()).ct_eq(&hash(secret));
            bool::from(same) && !secret.is_empty()
        };
        let found = app.filter(right).map(|app| Self { shared: Arc::clone(shared), app });
        Some(found.ok_or_else(GraphError::token))
    }

    /// Itself.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// A call that was allowed.
pub(crate) struct Done {
    pub(crate) receipt: Receipt,
    pub(crate) person: PersonId,
    pub(crate) is_handover: bool,
}

impl Caller {
    /// The caller, if the token is known: at the token's page.
    pub(crate) fn of(
        shared: &Arc<Shared>,
        headers: &HeaderMap,
        query: &str,
        params: &Params,
    ) -> Result<Self, Wrong> {
        let token = Self::token(headers, query, params).ok_or_else(GraphError::no_token)?;
        let known = Self::known(shared, &token, params)?;
        let node = known.page.id;
        let once = headers.get("idempotency-key").map(|value| value.as_bytes().to_vec());
        Ok(Self { shared: Arc::clone(shared), known, node, once })
    }

    /// Goes to a node of the path: the token's page (`me` too, API-1), or that page's account. False where it is
    /// neither: other nodes are all alike, so that nobody learns what else there is.
    pub(crate) fn goes_to(&mut self, node: &str) -> bool {
        let page = &self.known.page;
        let is_here =
            |id: &PageId| *id == page.id || page.instagram.as_ref().is_some_and(|account| account.id == *id);
        let found = if node == "me" { Some(page.id) } else { node.parse().ok().filter(is_here) };
        self.node = found.unwrap_or(self.node);
        found.is_some()
    }

    /// The token: query string, body, header; the first that is found (API-4, wire.md 1.2).
    pub(crate) fn token(headers: &HeaderMap, query: &str, params: &Params) -> Option<String> {
        let mut in_query = url::form_urlencoded::parse(query.as_bytes());
        let in_query = in_query.find(|(name, _)| name == "access_token").map(|(_, value)| value.into_owned());
        let in_header = || {
            let (scheme, token) =
                headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
            let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
            known.then(|| token.trim().to_owned())
        };
        let some = |token: String| Some(token).filter(|token| !token.is_empty());
        in_query
            .and_then(some)
            .or_else(|| params.access_token().map(str::to_owned).and_then(some))
            .or_else(|| in_header().and_then(some))
    }

    /// What a token is for. It is found by its hash, so the time that this takes tells nothing about tokens.
    pub(crate) fn known(shared: &Shared, token: &str, params: &Params) -> Result<Known, Wrong> {
        let settings = shared.engine.settings();
        let found = settings.token(&token_hash(token)).and_then(|(page, connection, held)| {
            Some((Arc::clone(page), Arc::clone(settings.app(connection.app)?), held.clone()))
        });
        let (page, app, held) = found.ok_or_else(GraphError::token)?;
        check_proof(shared, &app, token, params)?;
        Ok(Known { settings, page, app, token: held })
    }

    /// The id in the path.
    pub(crate) fn node(&self) -> PageId {
        self.node
    }

    /// The token's page.
    pub(crate) fn page(&self) -> &Page {
        &self.known.page
    }

    /// The app.
    pub(crate) fn app(&self) -> &App {
        &self.known.app
    }

    /// The settings by which this call is answered.
    pub(crate) fn settings(&self) -> &Settings {
        &self.known.settings
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The app's connection to the page.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        self.page().connections.iter().find(|connection| connection.app == self.known.app.id)
    }

    /// What the rules read of a surface of the page.
    pub(crate) fn routing(&self, surface: Surface) -> Option<&Routing> {
        self.known.settings.routing(self.known.page.id, surface).map(|routing| &**routing)
    }

    /// The surface of the id in the path.
    pub(crate) fn side(&self) -> Surface {
        if self.node == self.known.page.id { Surface::Messenger } else { Surface::Instagram }
    }

    /// Whether a surface of the page has a default app.
    pub(crate) fn has_default(&self, surface: Surface) -> bool {
        let routing = self.known.settings.routing(self.known.page.id, surface);
        routing.is_some_and(|routing| routing.default_app().is_some())
    }

    /// Whether the app wants app ids as numbers (WH-5).
    pub(crate) fn wants_numbers(&self) -> bool {
        self.known.app.compat.iter().any(|switch| switch == "app-ids-as-numbers")
    }

    /// Asks the engine. The call is read before permissions are checked, since they depend on it, and its
    /// mistakes are reported after them.
    pub(crate) async fn ask(&self, edge: Edge, call: Result<Call, GraphError>) -> Result<Done, Wrong> {
        let request = self.request(edge, call).await?;
        self.submit(request).await
    }

    /// Asks the engine, once for each `Idempotency-Key`: the same call with the same key gets the first answer.
    pub(crate) async fn ask_once(
        &self,
        edge: Edge,
        call: Result<Call, GraphError>,
        params: &Params,
    ) -> Result<Done, Wrong> {
        let mut request = self.request(edge, call).await?;
        request.key = self.key(params)?;
        self.submit(request).await
    }

    /// Asks what would become of a call, and does nothing.
    pub(crate) async fn would(&self, edge: Edge, call: Result<Call, GraphError>) -> Result<Done, Wrong> {
        let request = self.request(edge, call).await?;
        let thread = request.thread.clone();
        let answer = self.shared.engine.dry_run(request).await;
        self.done(thread, answer).await
    }

    async fn request(&self, edge: Edge, call: Result<Call, GraphError>) -> Result<Request, Wrong> {
        let surface = self.surface(call.as_ref().ok().map(|call| &call.person)).await?;
        self.check(surface, edge, call.as_ref().ok())?;
        let call = call?;
        let thread = ThreadKey { page: self.known.page.id, surface, person: call.person.clone() };
        let what = Requested::App { by: self.known.app.id, call };
        Ok(Request { thread, what, key: None })
    }

    /// `Idempotency-Key`, as this app's own: another app's same key is another key.
    fn key(&self, params: &Params) -> Result<Option<CallersKey>, GraphError> {
        let Some(given) = self.once.as_deref().map(<[u8]>::trim_ascii) else { return Ok(None) };
        let is_plain = given.iter().all(u8::is_ascii_graphic) && (1..=LONGEST_KEY).contains(&given.len());
        let key = std::str::from_utf8(given).ok().filter(|_| is_plain).ok_or_else(|| {
            let text =
                format!("The header Idempotency-Key must be 1 to {LONGEST_KEY} letters, digits and signs");
            GraphError::parameter(text)
        })?;
        let mut body = params.as_object().clone();
        OF_THE_CALLER.iter().for_each(|name| drop(body.shift_remove(*name)));
        let mut body = serde_json::Value::Object(body);
        body.sort_all_objects();
        // What a person's event is known by begins otherwise, so neither is ever taken for the other.
        let fingerprint = Sha256::digest(format!("graph {body}").as_bytes()).into();
        Ok(Some(CallersKey { key: format!("app:{}:{key}", self.known.app.id), fingerprint }))
    }

    async fn submit(&self, request: Request) -> Result<Done, Wrong> {
        let thread = request.thread.clone();
        let answer = self.shared.engine.submit(request).await;
        self.done(thread, answer).await
    }

    async fn done(&self, thread: ThreadKey, answer: Result<Receipt, Failure>) -> Result<Done, Wrong> {
        match answer {
            Ok(receipt) => Ok(Done {
                receipt,
                person: thread.person,
                is_handover: self
                    .known
                    .settings
                    .routing(thread.page, thread.surface)
                    .is_some_and(|r| r.mode().is_handover()),
            }),
            Err(failure) => Err(self.wrong(failure, &thread).await),
        }
    }

    /// What this app sees of a thread's owner.
    pub(crate) async fn owner(
        &self,
        edge: Edge,
        person: Result<PersonId, GraphError>,
    ) -> Result<OwnerSeen, Wrong> {
        let surface = self.surface(person.as_ref().ok()).await?;
        self.check(surface, edge, None)?;
        let thread = ThreadKey { page: self.known.page.id, surface, person: person? };
        let seen = self
            .shared
            .engine
            .owner(&thread, self.known.app.id)
            .await
            .map_err(|error| unavailable(&error))?;
        let unknown =
            || Wrong { error: GraphError::of(Refusal::UnknownPerson, surface), rule: Some(Rule("API-9")) };
        seen.ok_or_else(unknown)
    }

    /// The surface that is meant. Deployed clients send to a person on Instagram by the page's path too
    /// (wire.md 1.1): a person whom the page knows only there is meant there.
    pub(crate) async fn surface(&self, person: Option<&PersonId>) -> Result<Surface, Wrong> {
        let page = &self.known.page;
        if self.node != page.id {
            return Ok(Surface::Instagram);
        }
        let Some(person) = person.filter(|_| page.instagram.is_some()) else { return Ok(Surface::Messenger) };
        let key = |surface| ThreadKey { page: page.id, surface, person: person.clone() };
        let engine = &self.shared.engine;
        let on_messenger =
            engine.thread(&key(Surface::Messenger)).await.map_err(|error| unavailable(&error))?;
        if on_messenger.is_some() {
            return Ok(Surface::Messenger);
        }
        let on_instagram =
            engine.thread(&key(Surface::Instagram)).await.map_err(|error| unavailable(&error))?;
        Ok(if on_instagram.is_some() { Surface::Instagram } else { Surface::Messenger })
    }

    /// Whether the token may call an edge that is about no person.
    pub(crate) fn may(&self, surface: Surface, edge: Edge) -> Result<(), Wrong> {
        self.check(surface, edge, None)
    }

    /// API-12, API-13, API-14.
    fn check(&self, surface: Surface, edge: Edge, call: Option<&Call>) -> Result<(), Wrong> {
        let permission = match surface {
            Surface::Messenger => "pages_messaging",
            Surface::Instagram => "instagram_manage_messages",
        };
        if !self.known.token.permissions.iter().any(|held| held == permission) {
            return Err(denied("API-13", &format!("This token lacks the permission {permission}.")));
        }
        let routing = self.known.settings.routing(self.known.page.id, surface);
        let is_handover = routing.is_none_or(|routing| routing.mode().is_handover());
        let controls = matches!(call, Some(Call { ask: Ask::Send(Send { control: Some(_), .. }), .. }));
        let task = match edge {
            Edge::Messages => (controls && !is_handover).then_some("MANAGE"),
            Edge::Conversations | Edge::Subscribed | Edge::Profile => None,
            Edge::Pass | Edge::Release | Edge::Owner if is_handover => Some("MODERATE"),
            Edge::Pass | Edge::Release | Edge::Owner => Some("MANAGE"),
            Edge::Take | Edge::Request | Edge::Extend | Edge::Metadata | Edge::Secondaries => {
                is_handover.then_some("MODERATE")
            }
        };
        if let Some(task) = task.filter(|task| !self.known.token.tasks.iter().any(|held| held == task)) {
            let text = format!("The person who made this token lacks the task {task} on the page.");
            return Err(denied("API-12", &text));
        }
        let app = &self.known.app;
        if edge == Edge::Messages && call.is_some_and(|call| !app.reaches(&call.person)) {
            return Err(Wrong { error: GraphError::not_live(), rule: Some(Rule("API-14")) });
        }
        Ok(())
    }

    async fn wrong(&self, failure: Failure, thread: &ThreadKey) -> Wrong {
        match failure {
            Failure::Refused { refused, surface, thread: stands } => {
                let error = GraphError::of(refused.why, surface);
                let Some(routing) = self.known.settings.routing(thread.page, surface) else {
                    return Wrong { error, rule: Some(refused.rule) };
                };
                // Who is in control is said as far as this app might ask for it itself (OWN rules).
                let seen = self.shared.engine.owner(thread, self.known.app.id).await.ok().flatten();
                let owner = seen.and_then(|seen| seen.element).and_then(|element| element.app);
                let owner = owner.filter(|app| Some(app.number()) == stands.owner);
                let name = owner.map(|id| match self.known.settings.app(id) {
                    Some(app) => format!("\"{}\"", app.name),
                    None => "the inbox".to_owned(),
                });
                let error = in_plain_words(error, refused, routing, &stands, name.as_deref());
                Wrong { error, rule: Some(refused.rule) }
            }
            Failure::Store(error) => unavailable(&error),
            Failure::Busy | Failure::Stopping => GraphError::transient().into(),
            Failure::KeyReused => {
                let text = "This Idempotency-Key was used before with another body";
                GraphError::parameter(text).into()
            }
            Failure::NoPage => GraphError::internal().into(),
        }
    }
}

/// Changes the settings for an app. Goes on when the client goes away, so that nothing is left half done.
pub(crate) async fn configure(engine: &Engine, change: Change) -> Result<(), Wrong> {
    let engine = engine.clone();
    match tokio::spawn(async move { engine.configure(change).await }).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(ConfigureError::Store(error))) => Err(unavailable(&error)),
        Ok(Err(ConfigureError::Refused(refused))) => {
            let why: Vec<String> = refused.into_iter().map(|one| one.detail).collect();
            Err(GraphError::parameter(why.join("; ")).into())
        }
        Err(stopped) => {
            tracing::error!(%stopped, "the change of settings did not end");
            Err(GraphError::transient().into())
        }
    }
}

fn denied(rule: &'static str, text: &str) -> Wrong {
    let error = GraphError::permission().with_plain("This token may not do that", text);
    Wrong { error, rule: Some(Rule(rule)) }
}

/// What is wrong inside is for the log; a client cannot act on it.
pub(crate) fn unavailable(error: &StoreError) -> Wrong {
    tracing::error!(%error, "the store failed");
    GraphError::transient().into()
}

/// `appsecret_proof`, where there is one, must be right; an app without a secret has none to prove (wire.md
/// 1.3). Its time is not compared with a virtual clock, of which the client knows nothing.
fn check_proof(shared: &Shared, app: &App, token: &str, params: &Params) -> Result<(), GraphError> {
    let Some(proof) = params.text("appsecret_proof").filter(|_| !app.secret.reveal().is_empty()) else {
        return Ok(());
    };
    let time = params.text("appsecret_time");
    let late = |time: &str| match time.parse::<i64>() {
        Ok(time) => shared.engine.now().seconds().abs_diff(time) > PROOF_AGE.unsigned_abs(),
        Err(_) => true,
    };
    let is_late = time.as_deref().is_some_and(late) && shared.engine.clock().is_err();
    if is_late || !signature::verify_proof(app.secret.reveal(), token, time.as_deref(), &proof) {
        return Err(GraphError::wrong_proof());
    }
    Ok(())
}
