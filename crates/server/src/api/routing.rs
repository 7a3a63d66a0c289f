//! `PUT /routing` and `GET /routing`: everything that runs on the server, as `routing.toml` has it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use baton_engine::{Engine, Filter};
use baton_rules::{PageId, Routing, Surface, standing};
use baton_store::Settings;
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
    let (moved, all) = moved(&shared.engine, &settings, &plan.settings).await?;
    let mut unverified = Vec::new();
    if !dry_run {
        let planned = move |settings: &Settings, mint: &mut Mint| {
            condition.check(Some(&file(settings)))?;
            let plan = apply(&given, settings, prune, mint)?;
            Ok((plan.settings.clone(), plan))
        };
        (plan, unverified) = change::change(&shared, mint, planned).await?;
    }
    let mut warnings: Vec<Value> = plan.warnings.iter().map(|warning| json!(warning)).collect();
    warnings.extend(practice::warnings(&shared.engine, &plan.settings).await?);
    warnings.extend(unverified);
    if !all {
        let detail = format!("only the {} newest conversations of each page were counted", THREADS * TURNS);
        warnings.push(json!({"rule": null, "pointer": "", "detail": detail}));
    }
    Ok(axum::Json(json!({
        "changes": plan.changes,
        "threads_moved": moved,
        "warnings": warnings,
        "generated": plan.generated,
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

/// How many live threads change owner, and whether all were counted.
async fn moved(engine: &Engine, before: &Settings, after: &Settings) -> Result<(u64, bool), Problem> {
    let (mut count, mut all) = (0, true);
    for page in &before.pages {
        for surface in [Surface::Messenger, Surface::Instagram] {
            let Some(was) = before.routing(page.id, surface) else { continue };
            // Of a page or an account that goes away, nobody owns anything.
            let none = Arc::new(Routing::new(surface));
            let is = after.routing(page.id, surface).unwrap_or(&none);
            if was != is {
                let (part, whole) = moved_on(engine, page.id, surface, is).await?;
                count += part;
                all &= whole;
            }
        }
    }
    Ok((count, all))
}

async fn moved_on(
    engine: &Engine,
    page: PageId,
    surface: Surface,
    after: &Routing,
) -> Result<(u64, bool), Problem> {
    let now = engine.now();
    let (mut count, mut last) = (0, None);
    for _ in 0..TURNS {
        let threads = engine.threads(page, surface, &Filter::default(), last, THREADS).await?;
        for state in &threads {
            let stands = standing(after, &state.kept, now);
            let owner = stands.owner.map(baton_rules::AppId::number);
            let heard = state.thread.last_heard.is_some_and(|heard| now < heard.plus_seconds(LIVE));
            let live = heard || state.seen.expires_at.is_some();
            if live && owner != state.seen.owner {
                count += 1;
            }
        }
        if threads.len() < THREADS {
            return Ok((count, true));
        }
        last = threads.last().map(|state| (state.last_message_at, state.key.clone()));
    }
    Ok((count, false))
}
