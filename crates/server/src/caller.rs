//! Who calls the Graph API, from a token wherever a client put it, and what that token may do: everything
//! that is checked before a call is decided (API-10: token, permission; the rules see to the rest).

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use baton_engine::{CallersKey, Engine, Failure, Receipt, Request, Requested};
use baton_rules::{
    AppId, Ask, Edge, Lack, MenuLevel, Mode, OwnerSeen, PageId, PersonId, Refusal, Routing, Rule, Send,
    Surface, Tag, ThreadKey, lacks,
};
use baton_store::{App, Change, ConfigureError, Connection, Page, Secret, Settings, StoreError, Token};
use baton_wire::params::Params;
use baton_wire::requests::{self, Call};
use baton_wire::{GraphError, signature};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::graph::{Wrong, in_plain_words};
use crate::routing_file::{self, token_hash};
use crate::serve::Shared;

/// How far `appsecret_time` may be off, in seconds (wire.md 1.3).
const PROOF_AGE: i64 = 300;

/// A token that is known.
#[derive(Clone)]
pub(crate) struct Known {
    settings: Arc<Settings>,
    page: Arc<Page>,
    app: Arc<App>,
    token: Token,
    proof: Option<Proof>,
}

/// `appsecret_proof` with what it proves.
#[derive(Clone)]
struct Proof {
    token: Secret,
    given: String,
    time: Option<String>,
}

impl Known {
    /// The app that it belongs to.
    pub(crate) fn app_id(&self) -> AppId {
        self.app.id
    }
}

/// An app that calls about a page that its token is for.
#[derive(Clone)]
pub(crate) struct Caller {
    shared: Arc<Shared>,
    known: Known,
    /// The token itself, for addresses that clients follow as they are.
    text: Secret,
    /// The id in the path: the page's, or its Instagram account's.
    node: PageId,
    /// The header `Idempotency-Key`.
    once: Option<Once>,
}

/// The header `Idempotency-Key`, and what of the call it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Once {
    /// As it came.
    given: Vec<u8>,
    /// The place of the item in its batch.
    item: Option<usize>,
}

impl Once {
    pub(crate) fn of(given: &[u8]) -> Self {
        Self { given: given.to_vec(), item: None }
    }

    /// The same header for an item of the batch that it came with.
    pub(crate) fn of_item(&self, item: usize) -> Self {
        Self { given: self.given.clone(), item: Some(item) }
    }
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

impl Known {
    /// What a token is for, by its hash, in the settings as they are.
    fn by(shared: &Shared, hash: &str, proof: Option<Proof>) -> Result<Self, Wrong> {
        let settings = shared.engine.settings();
        let found = settings.token(hash).and_then(|(page, connection, held)| {
            Some((Arc::clone(page), Arc::clone(settings.app(connection.app)?), held.clone()))
        });
        let (page, app, token) = found.ok_or_else(GraphError::token)?;
        if let Some(proof) = &proof {
            proof.check(shared, &app)?;
        }
        Ok(Self { settings, page, app, token, proof })
    }
}

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

    /// The same; where it is none of an app's, by the settings of this moment: another node may just have made it.
    pub(crate) async fn found(shared: &Arc<Shared>, token: &str) -> Result<Option<Self>, Wrong> {
        let version = shared.engine.settings().version;
        match Self::of(shared, token).transpose() {
            Err(wrong) if is_newer(shared, version).await? => {
                Self::of(shared, token).transpose().map_err(|_| wrong.into())
            }
            found => Ok(found?),
        }
    }

    /// Itself.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

/// How the engine is asked.
#[derive(Clone, Copy)]
enum Way<'a> {
    Do,
    /// Once for each key.
    Once(&'a Result<Option<CallersKey>, GraphError>),
    /// Without doing it.
    Try,
}

/// A call that was allowed.
pub(crate) struct Done {
    pub(crate) receipt: Receipt,
    pub(crate) person: PersonId,
    pub(crate) is_handover: bool,
}

impl Caller {
    /// Who calls about a node, and whether that is the token's page (`me` too, API-1) or that page's account. Other nodes
    /// are all alike, so that nobody learns what else there is.
    pub(crate) fn of(
        shared: &Arc<Shared>,
        known: Known,
        token: String,
        once: Option<Once>,
        node: &str,
    ) -> (Self, bool) {
        let account = known.page.instagram.as_ref().map(|account| account.id);
        let own = match node {
            "me" => account.filter(|_| Self::is_instagram(&token)).or(Some(known.page.id)),
            id => id.parse().ok().filter(|id| {
                *id == known.page.id || known.page.instagram.as_ref().is_some_and(|side| side.id == *id)
            }),
        };
        let node = own.unwrap_or(known.page.id);
        let caller = Self { shared: Arc::clone(shared), known, text: Secret::new(token), node, once };
        (caller, own.is_some())
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

    /// Whether a token is one of an Instagram account, as the platform writes them: `me` is the account then, and errors
    /// have another type (wire.md 1.1).
    pub(crate) fn is_instagram(token: &str) -> bool {
        token.starts_with("IGAA") || token.starts_with("IGQ")
    }

    /// What a token is for. It is found by its hash, so the time that this takes tells nothing about tokens.
    pub(crate) fn known(shared: &Shared, token: &str, params: &Params) -> Result<Known, Wrong> {
        let proof = params.text("appsecret_proof").map(|given| Proof {
            token: Secret::new(token),
            given,
            time: params.text("appsecret_time"),
        });
        Known::by(shared, &token_hash(token), proof)
    }

    /// The same; where nobody has the token, by the settings of this moment: another node may just have issued it.
    pub(crate) async fn found(shared: &Shared, token: &str, params: &Params) -> Result<Known, Wrong> {
        let version = shared.engine.settings().version;
        match Self::known(shared, token, params) {
            Err(wrong) if is_newer(shared, version).await? => {
                Self::known(shared, token, params).map_err(|_| wrong)
            }
            known => known,
        }
    }

    /// Whether a token is a page's or an app's: else its error.
    pub(crate) async fn is_somebodys(
        shared: &Arc<Shared>,
        token: &str,
        params: &Params,
    ) -> Result<(), Wrong> {
        match AppCaller::found(shared, token).await? {
            Some(_) => Ok(()),
            None => Self::found(shared, token, params).await.map(|_| ()),
        }
    }

    /// The token, as the client has it.
    pub(crate) fn token_text(&self) -> &str {
        self.text.reveal()
    }

    /// What the token was granted.
    pub(crate) fn permissions(&self) -> &[String] {
        &self.known.token.permissions
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

    pub(crate) fn shared(&self) -> &Arc<Shared> {
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
        self.has_switch("app-ids-as-numbers")
    }

    /// Asks the engine. The call is read before permissions are checked, since they depend on it, and its
    /// mistakes are reported after them.
    pub(crate) async fn ask(&self, edge: Edge, call: Result<Call, GraphError>) -> Result<Done, Wrong> {
        self.settled(edge, call, Way::Do).await
    }

    /// Asks the engine, once for each `Idempotency-Key`: the same call with the same key gets the first answer.
    pub(crate) async fn ask_once(
        &self,
        edge: Edge,
        call: Result<Call, GraphError>,
        key: Result<Option<CallersKey>, GraphError>,
    ) -> Result<Done, Wrong> {
        self.settled(edge, call, Way::Once(&key)).await
    }

    /// Asks what would become of a call, and does nothing.
    pub(crate) async fn would(&self, edge: Edge, call: Result<Call, GraphError>) -> Result<Done, Wrong> {
        self.settled(edge, call, Way::Try).await
    }

    /// Asks until the settings that let the caller in are those that decide. Each turn but the last one met a
    /// change of settings, so there are few.
    async fn settled(&self, edge: Edge, call: Result<Call, GraphError>, way: Way<'_>) -> Result<Done, Wrong> {
        let mut caller = self.clone();
        loop {
            match caller.attempt(edge, call.clone(), way).await? {
                Some(done) => return Ok(done),
                None => caller = caller.again()?,
            }
        }
    }

    /// Asks once; none: the settings have changed since the caller was let in.
    async fn attempt(
        &self,
        edge: Edge,
        call: Result<Call, GraphError>,
        way: Way<'_>,
    ) -> Result<Option<Done>, Wrong> {
        let (mut request, lack) = self.request(edge, call).await?;
        let (engine, thread) = (&self.shared.engine, request.thread.clone());
        let under = self.known.settings.version;
        // Whoever may not call is told that, and not what became of the key before.
        if let (Way::Once(key), None) = (way, lack) {
            request.key = key.clone()?;
        }
        let answer = match (way, lack) {
            (Way::Do | Way::Once(_), None) => engine.submit_under(under, request).await,
            (Way::Try, None) => engine.dry_run_under(under, request).await,
            (Way::Try, Some(lack)) => return Err(lacking(lack)),
            (Way::Do | Way::Once(_), Some(lack)) => match engine.refuse_under(under, request, lack).await {
                Failure::Refused { .. } => return Err(lacking(lack)),
                failure => Err(failure),
            },
        };
        match answer {
            Err(Failure::SettingsChanged) => Ok(None),
            answer => self.done(thread, answer).await.map(Some),
        }
    }

    /// The same caller by the settings as they are now, if the token is still for the same page.
    fn again(&self) -> Result<Self, Wrong> {
        let Known { page, token, proof, .. } = &self.known;
        let known = Known::by(&self.shared, &token.hash, proof.clone())?;
        if known.page.id != page.id {
            return Err(GraphError::token().into());
        }
        Ok(Self { known, ..self.clone() })
    }

    /// What the engine is asked, and what the token lacks for it. Whoever may not call is not told what is wrong with
    /// the call.
    async fn request(
        &self,
        edge: Edge,
        call: Result<Call, GraphError>,
    ) -> Result<(Request, Option<Lack>), Wrong> {
        let surface = match &call {
            // What is not the person's id is of the side that the path names.
            Ok(Call { ask: Ask::Answer(_), .. }) => self.side(),
            _ => self.surface(call.as_ref().ok().map(|call| &call.person)).await?,
        };
        let moves = matches!(&call, Ok(Call { ask: Ask::Send(Send { control: Some(_), .. }), .. }));
        let lack = self.lacks(surface, if moves { Edge::ThreadControl } else { edge });
        let fitting = |call: Call| requests::fits(&call, surface).map(|()| call);
        let call = match (call.map(|call| self.without_retired_tags(call)).and_then(fitting), lack) {
            (Ok(call), _) => call,
            (Err(_), Some(lack)) => return Err(lacking(lack)),
            (Err(error), None) => return Err(error.into()),
        };
        let thread = ThreadKey { page: self.known.page.id, surface, person: call.person.clone() };
        let what = Requested::App { by: self.known.app.id, call };
        Ok((Request { thread, what, key: None }, lack))
    }

    /// Whether this app may set or delete a menu: the page's, or a person's. The rule that says so.
    pub(crate) async fn set_menu(
        &self,
        surface: Surface,
        level: MenuLevel,
        person: Option<PersonId>,
    ) -> Result<Box<str>, Wrong> {
        // The page's menu is about no person; a thread that nobody has is as good as none.
        let nobody = || "0".parse().map_err(|_| GraphError::internal());
        let person = person.map_or_else(nobody, Ok)?;
        let thread = ThreadKey { page: self.known.page.id, surface, person: person.clone() };
        let call = Call { person, ask: Ask::SetMenu { level }, metadata: None, message: None };
        let what = Requested::App { by: self.known.app.id, call };
        let (under, request) =
            (self.known.settings.version, Request { thread: thread.clone(), what, key: None });
        let answer = self.shared.engine.dry_run_under(under, request).await;
        Ok(self.done(thread, answer).await?.receipt.rule.into())
    }

    /// The thread of a person whom the page knows, on Messenger first.
    pub(crate) async fn find_person(&self, id: &str) -> Result<Option<ThreadKey>, Wrong> {
        let Ok(person) = id.trim().parse::<PersonId>() else { return Ok(None) };
        for surface in [Surface::Messenger, Surface::Instagram] {
            let key = ThreadKey { page: self.known.page.id, surface, person: person.clone() };
            let is_meant = self.node == self.known.page.id || surface == Surface::Instagram;
            let known = is_meant && self.routing(surface).is_some();
            let found = if known { self.shared.engine.thread(&key).await } else { Ok(None) };
            if found.map_err(|error| unavailable(&error))?.is_some() {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// A person whom the page knows; anybody else is E-NOUSER.
    pub(crate) async fn known_person(&self, id: &str) -> Result<PersonId, Wrong> {
        let unknown = || Wrong {
            error: GraphError::of(Refusal::UnknownPerson, self.side()),
            rule: Some(Rule("API-9")),
        };
        Ok(self.find_person(id).await?.ok_or_else(unknown)?.person)
    }

    /// For an app that asked for it, a tag that was retired says nothing: inside of the window its message goes out, and
    /// outside of it the window is what refuses it (wire.md 7).
    fn without_retired_tags(&self, mut call: Call) -> Call {
        if let Ask::Send(send) = &mut call.ask {
            send.tag = send.tag.filter(|tag| *tag != Tag::Retired || !self.has_switch("retired-tags"));
        }
        call
    }

    fn has_switch(&self, name: &str) -> bool {
        self.known.app.compat.iter().any(|switch| switch == name)
    }

    /// `Idempotency-Key`, as this app's own: another app's same key is another key.
    pub(crate) fn key(&self, params: &Params) -> Result<Option<CallersKey>, GraphError> {
        let Some(once) = &self.once else { return Ok(None) };
        let given = once.given.trim_ascii();
        let is_plain = given.iter().all(u8::is_ascii_graphic) && (1..=LONGEST_KEY).contains(&given.len());
        let key = std::str::from_utf8(given).ok().filter(|_| is_plain).ok_or_else(|| {
            let text =
                format!("The header Idempotency-Key must be 1 to {LONGEST_KEY} letters, digits and signs");
            GraphError::parameter(text)
        })?;
        let mut body = params.as_object().clone();
        OF_THE_CALLER.iter().for_each(|name| drop(body.shift_remove(*name)));
        if let Some(file) = params.upload() {
            let digest = hex::encode(Sha256::digest(&file.bytes));
            body.insert("filedata".to_owned(), serde_json::Value::from(digest));
        }
        let mut body = serde_json::Value::Object(body);
        body.sort_all_objects();
        // What a person's event is known by begins otherwise, so neither is ever taken for the other.
        let fingerprint = Sha256::digest(format!("graph {body}").as_bytes()).into();
        let app = self.known.app.id;
        let key = match once.item {
            None => format!("app:{app}:{key}"),
            Some(item) => format!("batch:{app}:{item}:{key}"),
        };
        Ok(Some(CallersKey { key, fingerprint }))
    }

    /// Has the engine decide.
    pub(crate) async fn submit(&self, request: Request) -> Result<Done, Wrong> {
        let thread = request.thread.clone();
        let answer = self.shared.engine.submit_under(self.known.settings.version, request).await;
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
        let mut caller = self.clone();
        loop {
            let surface = caller.surface(person.as_ref().ok()).await?;
            caller.may(surface, edge)?;
            let thread = ThreadKey { page: caller.known.page.id, surface, person: person.clone()? };
            match caller.seen(&thread).await {
                Ok(Some(seen)) => return Ok(seen),
                Ok(None) => {
                    let error = GraphError::of(Refusal::UnknownPerson, surface);
                    return Err(Wrong { error, rule: Some(Rule("API-9")) });
                }
                Err(Failure::SettingsChanged) => caller = caller.again()?,
                Err(failure) => return Err(caller.wrong(failure, &thread).await),
            }
        }
    }

    /// The same, by the settings that let the caller in.
    async fn seen(&self, thread: &ThreadKey) -> Result<Option<OwnerSeen>, Failure> {
        self.shared.engine.owner(self.known.settings.version, thread, self.known.app.id).await
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

    /// Whether the token may call an edge that changes nothing of a thread.
    pub(crate) fn may(&self, surface: Surface, edge: Edge) -> Result<(), Wrong> {
        self.lacks(surface, edge).map_or(Ok(()), |lack| Err(lacking(lack)))
    }

    fn lacks(&self, surface: Surface, edge: Edge) -> Option<Lack> {
        let routing = self.known.settings.routing(self.known.page.id, surface);
        let mode = routing.map_or(Mode::HandoverOpen, |routing| routing.mode());
        let Token { permissions, tasks, .. } = &self.known.token;
        lacks((mode, surface), edge, permissions, tasks)
    }

    async fn wrong(&self, failure: Failure, thread: &ThreadKey) -> Wrong {
        match failure {
            Failure::Refused { refused, surface, thread: stands } => {
                let error = GraphError::of(refused.why, surface);
                let Some(routing) = self.known.settings.routing(thread.page, surface) else {
                    return Wrong { error, rule: Some(refused.rule) };
                };
                // Who is in control is said as far as this app might ask for it itself (OWN rules).
                let seen = self.seen(thread).await.ok().flatten();
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
            Failure::SettingsChanged | Failure::Busy | Failure::Stopping => GraphError::transient().into(),
            Failure::KeyReused => {
                let text = "This Idempotency-Key was used before with another body";
                GraphError::parameter(text).into()
            }
            // Only what is done in the Inbox depends on who is in control.
            Failure::NoPage | Failure::ControlMoved { .. } => GraphError::internal().into(),
        }
    }
}

/// Changes the settings for an app. Goes on when the client goes away, so that nothing is left half done.
pub(crate) async fn configure(engine: &Engine, change: Change) -> Result<(), Wrong> {
    let engine = engine.clone();
    match tokio::spawn(async move { engine.configure_telling(change, routing_file::changed).await }).await {
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

/// What a token lacks, told to its holder.
fn lacking(lack: Lack) -> Wrong {
    let text = match lack {
        Lack::Permission(permission) => format!("This token lacks the permission {permission}."),
        Lack::Task(task) => format!("The person who made this token lacks the task {task} on the page."),
    };
    let error = GraphError::permission().with_plain("This token may not do that", &text);
    Wrong { error, rule: Some(lack.rule()) }
}

/// What is wrong inside is for the log; a client cannot act on it.
pub(crate) fn unavailable(error: &StoreError) -> Wrong {
    tracing::error!(%error, "the store failed");
    GraphError::transient().into()
}

/// Whether the settings are newer now than that: then who was refused by those is looked for again.
async fn is_newer(shared: &Shared, version: u64) -> Result<bool, Wrong> {
    let newest = shared.engine.newest_settings().await.map_err(|error| unavailable(&error))?;
    Ok(newest.version > version)
}

impl Proof {
    /// `appsecret_proof`, where there is one, must be right; an app without a secret has none to prove (wire.md
    /// 1.3). Its time is not compared with a virtual clock, of which the client knows nothing.
    fn check(&self, shared: &Shared, app: &App) -> Result<(), GraphError> {
        if app.secret.reveal().is_empty() {
            return Ok(());
        }
        let late = |time: &str| match time.parse::<i64>() {
            Ok(time) => shared.engine.now().seconds().abs_diff(time) > PROOF_AGE.unsigned_abs(),
            Err(_) => true,
        };
        let time = self.time.as_deref();
        let is_late = time.is_some_and(late) && shared.engine.clock().is_err();
        if is_late || !signature::verify_proof(app.secret.reveal(), self.token.reveal(), time, &self.given) {
            return Err(GraphError::wrong_proof());
        }
        Ok(())
    }
}
