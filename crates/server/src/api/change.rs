//! A change of settings, by whichever call: made against the settings as they are when it is committed, with
//! the condition that the call sets (`If-Match`).

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use baton_engine::{Applied, Engine};
use baton_rules::AppId;
use baton_store::{ConfigureError, Settings, SettingsRefused};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::activity::{self, Announced};
use super::facts;
use crate::problem::{self, Problem};
use crate::routing_file::{self, Edit, Item, Mint, Plan, Warning};
use crate::serve::Shared;

/// A change that was made.
pub(super) struct Made<T> {
    /// What came of it.
    pub(super) what: T,
    /// Warnings of addresses that did not verify, and whose each is.
    pub(super) unverified: Vec<(AppId, Warning)>,
    /// What apps hear because of it (`app_roles`).
    pub(super) notices: Vec<Announced>,
}

/// Makes a change. Goes on when the client goes away, so that nothing is left half done.
pub(super) async fn change<T, F>(shared: &Shared, mint: Mint, plan: F) -> Result<Made<T>, Problem>
where
    T: Send + 'static,
    F: Fn(&Settings, &mut Mint) -> Result<(Settings, T), Problem> + Send + Sync + 'static,
{
    // The change may be tried more than once; the last try is the one that counts.
    let made = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&made);
    let change = move |settings: &Settings| {
        let (after, made) = match plan(settings, &mut mint.clone()) {
            Ok((after, made)) => (Ok(after), Ok(made)),
            Err(problem) => (Err(Vec::new()), Err(problem)),
        };
        *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
        after
    };
    let engine = shared.engine.clone();
    let telling = async move { engine.configure_telling(Box::new(change), routing_file::changed).await };
    let configured = tokio::spawn(telling).await;
    let (notices, failed) = match configured {
        Ok(Ok(Applied { configured, unverified })) => {
            (configured.told.iter().map(|(_, row)| Arc::clone(row)).collect(), unverified)
        }
        Ok(Err(ConfigureError::Refused(_))) => (Vec::new(), Vec::new()),
        Ok(Err(ConfigureError::Store(error))) => return Err(error.into()),
        Err(stopped) => {
            tracing::error!(%stopped, "the change of settings did not end");
            return Err(Problem::new(&problem::UNAVAILABLE));
        }
    };
    let warned = failed.into_iter().map(|(app, error)| {
        tracing::warn!(%app, error, "the address did not verify, so its webhooks wait until it does");
        let detail = format!("the address did not verify, so its webhooks wait until it does: {error}");
        (app, Warning { rule: None, pointer: format!("/apps/{app}/webhook_url"), detail })
    });
    let unverified = warned.collect();
    let made = made.lock().unwrap_or_else(PoisonError::into_inner).take();
    let what = made.ok_or_else(|| Problem::new(&problem::UNAVAILABLE))??;
    Ok(Made { what, unverified, notices: activity::announced(&notices) })
}

/// Refuses addresses that are new and that webhooks may not go to; `pointer` says where an app's stands in the body.
pub(super) fn refuse_unreachable(
    engine: &Engine,
    before: &Settings,
    after: &Settings,
    pointer: impl Fn(AppId) -> String,
) -> Result<(), Problem> {
    let known = |id: AppId| before.app(id).and_then(|app| app.webhook_url.as_deref());
    let refused = after.apps.iter().filter_map(|app| {
        let url = app.webhook_url.as_deref().filter(|url| known(app.id) != Some(url))?;
        let detail = engine.is_forbidden(url)?.to_string();
        Some(SettingsRefused { rule: None, pointer: pointer(app.id), detail })
    });
    let refused: Vec<SettingsRefused> = refused.collect();
    if refused.is_empty() { Ok(()) } else { Err(refused.into()) }
}

/// A new app or page (`kind`): answers 201 with all that was made up for it.
pub(super) async fn create(shared: &Shared, kind: &'static str, given: Value) -> Result<Response, Problem> {
    let engine = shared.engine.clone();
    let plan = move |settings: &Settings, mint: &mut Mint| {
        if let Some(existing) = existing(kind, &given, settings) {
            return Err(Problem::new(&problem::EXISTS).detail(existing));
        }
        let plan = routing_file::create(kind, &given, settings, mint)?;
        refuse_unreachable(&engine, settings, &plan.settings, |_| "/webhook_url".to_owned())?;
        // What is new stands at the end.
        let item = match kind {
            "apps" => plan.settings.apps.last().map(|app| Item::App(app.id)),
            _ => plan.settings.pages.last().map(|page| Item::Page(page.id)),
        };
        let item = item.ok_or_else(|| Problem::new(&problem::UNAVAILABLE))?;
        Ok((plan.settings.clone(), (plan, item)))
    };
    let Made { what: (plan, item), unverified, .. } = change(shared, shared.mint(), plan).await?;
    let path = match item {
        Item::App(id) => format!("{}/apps/{id}", super::ROOT),
        Item::Page(id) => format!("{}/pages/{id}", super::ROOT),
        Item::Connection { .. } | Item::Link { .. } | Item::Ad { .. } => String::new(),
    };
    let answer = answer(shared, &plan, &item, unverified).await?;
    let mut response = (StatusCode::CREATED, answer).into_response();
    if let Ok(path) = HeaderValue::from_str(&path) {
        response.headers_mut().insert(header::LOCATION, path);
    }
    Ok(response)
}

/// What is there already under a new thing's id or name.
fn existing(kind: &str, given: &Value, settings: &Settings) -> Option<String> {
    let (id, name) = (given["id"].as_str(), given["name"].as_str());
    let same = |own: &str, own_name: &str| id == Some(own) || name == Some(own_name);
    let told = |what: &str, id: &str, name: &str| format!("{what} {id} is there already: \"{name}\"");
    if kind == "apps" {
        let app = settings.apps.iter().find(|app| same(&app.id.to_string(), &app.name))?;
        Some(told("app", &app.id.to_string(), &app.name))
    } else {
        let page = settings.pages.iter().find(|page| same(&page.id.to_string(), &page.name))?;
        Some(told("page", &page.id.to_string(), &page.name))
    }
}

/// Changes or removes one table. What is put where nothing was is new (201); what goes is answered with 204.
pub(super) async fn edit(
    shared: &Shared,
    headers: &HeaderMap,
    item: Item,
    edit: Edit,
) -> Result<Response, Problem> {
    let condition = Condition::of(headers);
    let removes = edit == Edit::Remove;
    let wanted = item.clone();
    let engine = shared.engine.clone();
    let plan = move |settings: &Settings, mint: &mut Mint| {
        let before = routing_file::table_of(settings, &item);
        condition.check(before.as_ref())?;
        let makes = matches!(
            (&edit, &item),
            (Edit::Put(_), Item::Connection { .. } | Item::Link { .. } | Item::Ad { .. })
        );
        if before.is_none() && !makes {
            return Err(unknown(&item));
        }
        let plan = routing_file::change(&item, &edit, settings, mint)?;
        refuse_unreachable(&engine, settings, &plan.settings, |_| "/webhook_url".to_owned())?;
        Ok((plan.settings.clone(), (plan, before.is_none())))
    };
    let Made { what: (plan, is_new), unverified, .. } = change(shared, shared.mint(), plan).await?;
    if removes {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, answer(shared, &plan, &wanted, unverified).await?).into_response())
}

/// One table, as it is.
pub(super) async fn show(shared: &Shared, item: &Item) -> Result<Response, Problem> {
    let settings = shared.engine.newest_settings().await?;
    let mut table = routing_file::table_of(&settings, item).ok_or_else(|| unknown(item))?;
    let tag = tag(&table);
    facts::told(&shared.engine, item, &mut table).await?;
    Ok(([tag], axum::Json(table)).into_response())
}

/// One table, as it became. Where an app's address did not verify, that is said beside it.
async fn answer(
    shared: &Shared,
    plan: &Plan,
    item: &Item,
    unverified: Vec<(AppId, Warning)>,
) -> Result<impl IntoResponse + use<>, Problem> {
    let tag = tag(&routing_file::table_of(&plan.settings, item).unwrap_or_default());
    let mut table = routing_file::told(plan, item).unwrap_or_default();
    facts::told(&shared.engine, item, &mut table).await?;
    let own = unverified.into_iter().filter(|(app, _)| *item == Item::App(*app));
    let warnings: Vec<Warning> = own.map(|(_, warning)| warning).collect();
    if !warnings.is_empty() {
        table.insert("warnings".to_owned(), json!(warnings));
    }
    Ok(([tag], axum::Json(table)))
}

fn unknown(item: &Item) -> Problem {
    match item {
        Item::App(id) => unknown_app(&id.to_string()),
        Item::Page(id) => Problem::new(&problem::UNKNOWN_PAGE).detail(format!("no page has the id {id}")),
        Item::Connection { page, app } => {
            Problem::new(&problem::NOT_FOUND).detail(format!("app {app} is not connected to page {page}"))
        }
        Item::Link { page, reference, .. } => Problem::new(&problem::NOT_FOUND)
            .detail(format!("page {page} has no route for the link {reference:?}")),
        Item::Ad { page, id, .. } => {
            Problem::new(&problem::NOT_FOUND).detail(format!("page {page} has no ad {id:?}"))
        }
    }
}

/// An app that is not there.
pub(super) fn unknown_app(named: &str) -> Problem {
    Problem::new(&problem::UNKNOWN_APP).detail(format!("there is no app {named}"))
}

/// The `ETag` of a document: its hash.
pub(super) fn tag(document: &Map<String, Value>) -> (HeaderName, String) {
    (header::ETAG, tag_of(document))
}

fn tag_of(document: &Map<String, Value>) -> String {
    let hash = Sha256::digest(Value::Object(document.clone()).to_string().as_bytes());
    format!("\"{}\"", hex::encode(&hash[..16]))
}

/// `If-Match`: what must be there for a change to be made.
pub(super) struct Condition(Option<Vec<String>>);

impl Condition {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(header::IF_MATCH).iter().peekable();
        if given.peek().is_none() {
            return Self(None);
        }
        let lines = given.filter_map(|line| line.to_str().ok());
        Self(Some(lines.flat_map(|line| line.split(',')).map(|tag| tag.trim().to_owned()).collect()))
    }

    /// Refuses where what is there is not what the client knows.
    pub(super) fn check(&self, there: Option<&Map<String, Value>>) -> Result<(), Problem> {
        let Some(tags) = &self.0 else { return Ok(()) };
        let matches = |document| tags.iter().any(|tag| tag == "*" || *tag == tag_of(document));
        if there.is_some_and(matches) { Ok(()) } else { Err(Problem::new(&problem::PRECONDITION_FAILED)) }
    }
}
