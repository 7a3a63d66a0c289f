//! `PUT /routing` and `GET /routing`: everything that runs on the server, as `routing.toml` has it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use baton_engine::{ActivityKind, Engine, Filter};
use baton_rules::{PageId, Routing, Surface, standing};
use baton_store::{ConfigureError, Settings};
use serde_json::{Value, json};

use super::input::{self, Body};
use super::query::Query;
use crate::problem::{self, Problem};
use crate::routing_file::{Mint, Plan, RoutingInput, apply, render};
use crate::serve::Shared;

/// Threads of one page's surface that are looked at to count those that move, in turns of this many.
const THREADS: usize = 500;
const TURNS: usize = 20;
/// How long a thread is live after its person wrote, though its owner has it without a grant (dormant, in
/// the specification's words, from then on).
const LIVE: i64 = 24 * 60 * 60;

pub(super) async fn get(State(shared): State<Arc<Shared>>) -> Result<axum::Json<Value>, Problem> {
    let settings = shared.engine.settings();
    // A file that names nothing changes nothing, and is warned of what there is.
    let plan = apply(&RoutingInput::default(), &settings, false, &mut shared.mint())?;
    let mut body = render(&settings);
    body["warnings"] = json!(plan.warnings);
    Ok(axum::Json(body))
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
    let given = read(&headers, &body, shared.limits.depth)?;
    let mint = shared.mint();
    let settings = shared.engine.settings();
    let mut plan = apply(&given, &settings, prune, &mut mint.clone())?;
    let (moved, all) = moved(&shared.engine, &settings, &plan.settings).await?;
    let mut unverified = Vec::new();
    if !dry_run && plan.settings.version != settings.version {
        (plan, unverified) = configure(&shared.engine, given, prune, mint).await?;
    }
    let mut warnings: Vec<Value> = plan.warnings.iter().map(|warning| json!(warning)).collect();
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

/// Makes the change: what came of it, and warnings of addresses that did not verify. Goes on when the client goes away, so that nothing is left half done.
async fn configure(
    engine: &Engine,
    given: RoutingInput,
    prune: bool,
    mint: Mint,
) -> Result<(Plan, Vec<Value>), Problem> {
    // The change may be tried more than once; the last try is the one that counts.
    let made = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&made);
    let change = move |settings: &Settings| {
        let plan = apply(&given, settings, prune, &mut mint.clone())?;
        let after = plan.settings.clone();
        *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan);
        Ok(after)
    };
    let mut activity = engine.activity();
    let configuring = engine.clone();
    let configured = tokio::spawn(async move { configuring.configure(Box::new(change)).await }).await;
    match configured {
        Ok(Ok(_)) => {}
        Ok(Err(ConfigureError::Refused(refused))) => return Err(refused.into()),
        Ok(Err(ConfigureError::Store(error))) => return Err(error.into()),
        Err(stopped) => {
            tracing::error!(%stopped, "the change of settings did not end");
            return Err(Problem::new(&problem::UNAVAILABLE));
        }
    }
    let mut unverified = Vec::new();
    while let Ok(happened) = activity.try_recv() {
        if let ActivityKind::Verification { app, error: Some(error) } = &happened.kind {
            let detail =
                format!("the address did not verify, so the app gets nothing until it does: {error}");
            let pointer = format!("/apps/{app}/webhook_url");
            unverified.push(json!({"rule": null, "pointer": pointer, "detail": detail}));
        }
    }
    let made = made.lock().unwrap_or_else(PoisonError::into_inner).take();
    let plan = made.ok_or_else(|| Problem::new(&problem::UNAVAILABLE))?;
    Ok((plan, unverified))
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
            let stands = standing(after, &state.thread, now);
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
