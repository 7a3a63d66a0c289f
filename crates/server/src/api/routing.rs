//! `PUT /routing` and `GET /routing`: everything that runs on the server, as `routing.toml` has it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use baton_engine::{Engine, Filter};
use baton_rules::{AppId, Routing, Surface, standing};
use baton_store::{Page, Settings};
use serde_json::{Map, Value, json};

use super::change::{self, Condition};
use super::input::{self, Body};
use super::practice;
use super::query::Query;
use crate::problem::{self, Problem};
use crate::routing_file::{Mint, RoutingInput, apply, render};
use crate::serve::Shared;

/// Threads of one page's surface that are looked at to count those that move, in turns of this many.
const THREADS: usize = 500;
const TURNS: usize = 20;
/// Threads that change owner and are named.
const LISTED: usize = 100;
/// How long a thread is live after its person wrote, though its owner has it without a grant (dormant, in
/// the specification's words, from then on).
const LIVE: i64 = 24 * 60 * 60;

pub(super) async fn get(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let settings = shared.engine.settings();
    // A file that names nothing changes nothing, and is warned of what there is.
    let plan = apply(&RoutingInput::default(), &settings, false, &mut shared.mint())?;
    let mut body = file(&settings);
    let tag = change::tag(&body);
    let mut warnings: Vec<Value> = plan.warnings.iter().map(|warning| json!(warning)).collect();
    warnings.extend(practice::warnings(&shared.engine, &settings).await?);
    body.insert("warnings".to_owned(), json!(warnings));
    Ok(([tag], axum::Json(body)).into_response())
}

/// Everything, in the form of the file.
fn file(settings: &Settings) -> Map<String, Value> {
    match render(settings) {
        Value::Object(file) => file,
        _ => Map::new(),
    }
}

pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
    Body(body): Body,
) -> Result<axum::Json<Value>, Problem> {
    let mut query = Query::of(&uri, &["dry_run", "prune"]);
    let (dry_run, prune) = (query.is("dry_run"), query.is("prune"));
    query.done()?;
    let condition = Condition::of(&headers);
    let given = read(&headers, &body, shared.limits.depth)?;
    let mint = shared.mint();
    let settings = shared.engine.settings();
    condition.check(Some(&file(&settings)))?;
    let mut plan = apply(&given, &settings, prune, &mut mint.clone())?;
    let moved = moved(&shared.engine, &settings, &plan.settings).await?;
    let (mut unverified, mut notices) = (Vec::new(), Vec::new());
    if !dry_run {
        let planned = move |settings: &Settings, mint: &mut Mint| {
            condition.check(Some(&file(settings)))?;
            let plan = apply(&given, settings, prune, mint)?;
            Ok((plan.settings.clone(), plan))
        };
        let made = change::change(&shared, mint, planned).await?;
        (plan, unverified, notices) = (made.what, made.unverified, made.notices);
    }
    let mut warnings: Vec<Value> = plan.warnings.iter().map(|warning| json!(warning)).collect();
    warnings.extend(practice::warnings(&shared.engine, &plan.settings).await?);
    warnings.extend(unverified);
    if moved.more {
        let detail = format!("only the {} newest conversations of each page were counted", THREADS * TURNS);
        warnings.push(json!({"rule": null, "pointer": "", "detail": detail}));
    }
    Ok(axum::Json(json!({
        "changes": plan.changes,
        "threads_moved": moved.count,
        "moved": moved.listed,
        "warnings": warnings,
        "generated": plan.generated,
        "notices": notices,
    })))
}

/// The file, from TOML or JSON.
fn read(headers: &HeaderMap, body: &[u8], depth: usize) -> Result<RoutingInput, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        "application/toml" => {
            let text = input::text(body)?;
            if let Err(wrong) = toml::from_str::<toml::Table>(text) {
                return Err(Problem::new(&problem::NOT_TOML).detail(wrong.to_string()));
            }
            Ok(RoutingInput::from_toml(text)?)
        }
        "application/json" => Ok(RoutingInput::from_json(&input::json(input::text(body)?, depth)?)?),
        other => Err(Problem::new(&problem::UNSUPPORTED_MEDIA_TYPE).detail(format!(
            "the routing is taken as application/toml or application/json, not as {other:?}"
        ))),
    }
}

/// The live threads that change owner.
#[derive(Default)]
struct Moved {
    count: u64,
    /// The first of them.
    listed: Vec<Value>,
    /// Whether there are threads that were not looked at.
    more: bool,
}

/// Which live threads change owner.
async fn moved(engine: &Engine, before: &Settings, after: &Settings) -> Result<Moved, Problem> {
    let mut moved = Moved::default();
    for page in &before.pages {
        for surface in [Surface::Messenger, Surface::Instagram] {
            let Some(was) = before.routing(page.id, surface) else { continue };
            // Of a page or an account that goes away, nobody owns anything.
            let none = Arc::new(Routing::new(surface));
            let is = after.routing(page.id, surface).unwrap_or(&none);
            if was != is {
                moved.on(engine, page, surface, is).await?;
            }
        }
    }
    Ok(moved)
}

impl Moved {
    async fn on(
        &mut self,
        engine: &Engine,
        page: &Page,
        surface: Surface,
        after: &Routing,
    ) -> Result<(), Problem> {
        let now = engine.now();
        let account = page.instagram.as_ref().filter(|_| surface == Surface::Instagram);
        let node = account.map_or(page.id, |account| account.id);
        let mut last = None;
        for _ in 0..TURNS {
            let threads = engine.threads(page.id, surface, &Filter::default(), last, THREADS).await?;
            for state in &threads {
                let owner = standing(after, &state.kept, now).owner.map(AppId::number);
                let heard = state.thread.last_heard.is_some_and(|heard| now < heard.plus_seconds(LIVE));
                let live = heard || state.seen.expires_at.is_some();
                if live && owner != state.seen.owner {
                    self.count += 1;
                    if self.listed.len() < LISTED {
                        self.listed.push(json!({
                            "page_id": node.to_string(),
                            "person_id": state.key.person.to_string(),
                            "from_app_id": state.seen.owner.map(|app| app.to_string()),
                            "to_app_id": owner.map(|app| app.to_string()),
                        }));
                    }
                }
            }
            if threads.len() < THREADS {
                return Ok(());
            }
            last = threads.last().map(|state| (state.last_message_at, state.key.clone()));
        }
        self.more = true;
        Ok(())
    }
}
