//! `PUT /routing` and `GET /routing`: everything that runs on the server, as `routing.toml` has it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use baton_engine::{Engine, Filter};
use baton_rules::{AppId, Routing, Surface, standing};
use baton_store::{Page, Settings};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::activity::Announced;
use super::change::{self, Condition};
use super::input::{self, Body};
use super::operation::Operation;
use super::practice;
use super::query::Query;
use super::schemas::Schemas;
use super::settings::{CHANGING, if_match};
use super::values::{self, App, Person};
use crate::door::{Needs, Recording};
use crate::problem::{self, Problem};
use crate::routing_file::{
    Change, FileTable, Generated, Mint, Plan, RoutingInput, RoutingShown, Warning, apply, render, shown,
};
use crate::serve::Shared;

/// Threads of one page's surface that are looked at to count those that move, in turns of this many.
const THREADS: usize = 500;
const TURNS: usize = 20;
/// Threads that change owner and are named.
const LISTED: usize = 100;
/// How long a thread is live after its person wrote, though its owner has it without a grant (dormant, in
/// the specification's words, from then on).
const LIVE: i64 = 24 * 60 * 60;

/// Everything that runs on the server, and what is not advisable about it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RoutingWithWarnings")]
struct Routed {
    #[serde(flatten)]
    routing: RoutingShown,
    warnings: Vec<Warning>,
}

/// What a file changes.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RoutingChanges")]
struct Applied {
    /// Each value that changes.
    changes: Vec<Change>,
    /// How many live conversations change owner.
    threads_moved: u64,
    /// The first 100 of them.
    #[schemars(length(max = LISTED))]
    moved: Vec<MovedThread>,
    warnings: Vec<Warning>,
    generated: Generated,
    /// What apps are told of a page itself, because of this change; nothing where it only would be made.
    notices: Vec<Announced>,
}

/// A conversation that changes owner.
#[derive(Debug, Serialize, JsonSchema)]
struct MovedThread {
    /// What paths name: the page's id, or that of its Instagram account.
    page_id: values::Page,
    person_id: Person,
    /// Who is in control now; null: nobody.
    from_app_id: Option<App>,
    /// Who is in control after; null: nobody.
    to_app_id: Option<App>,
}

pub(super) fn operations() -> Vec<Operation> {
    let example = json!({
        "apps": [{"name": "Sales bot"}],
        "pages": [{
            "id": "2001",
            "name": "Jasper's Market",
            "messenger": {"default_app": "Sales bot"},
            "connections": [{"app": "Sales bot"}],
        }],
    });
    let toml = "[[apps]]\nname = \"Sales bot\"\n\n[[pages]]\nid = \"2001\"\nname = \"Jasper's Market\"\n\
                messenger = { default_app = \"Sales bot\" }\nconnections = [{ app = \"Sales bot\" }]\n";
    let put = Operation::put("/routing", "putRouting", put).needs(Needs::Operating).records(Recording::ButDryRuns).says(
        "Settings",
        "Make the server be what a file says",
        "It replaces each app and page that it names, a page's connections, link routes and ads included; apps and \
         pages that it does not name stay, unless pruned. Entries match by id, else by name. Secrets and tokens that \
         it does not say are kept, or made up and told this once. Nothing is accepted in part.",
    );
    let flag = |_: &mut Schemas| json!({"type": "boolean", "default": false});
    vec![
        Operation::get("/routing", "getRouting", get)
            .needs(Needs::Looking)
            .says(
                "Settings",
                "Everything that runs on the server",
                "As `routing.toml` has it, without secrets.",
            )
            .answers::<Routed>(StatusCode::OK, "Everything, and what is not advisable about it.")
            .with_headers(&["ETag"])
            .refuses([&problem::UNAVAILABLE, &problem::STOPPING]),
        if_match(put)
            .query("dry_run", "Say what would change, and change nothing.", flag)
            .query("prune", "Remove the apps and pages that the file does not name.", flag)
            .takes::<FileTable>(vec![("one app on one page", example)])
            .takes_as(
                "application/toml",
                |_| json!({"type": "string", "description": "The same as TOML."}),
                vec![("one app on one page", json!(toml))],
            )
            .answers::<Applied>(StatusCode::OK, "What changed, or would.")
            .refuses([&problem::NOT_TOML, &problem::UNSUPPORTED_MEDIA_TYPE])
            .refuses(CHANGING),
    ]
}

async fn get(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let settings = shared.engine.newest_settings().await?;
    // A file that names nothing changes nothing, and is warned of what there is.
    let plan = apply(&RoutingInput::default(), &settings, false, &mut shared.mint())?;
    let mut warnings = plan.warnings;
    warnings.extend(practice::warnings(&shared.engine, &settings).await?);
    let body = Routed { routing: shown(&settings), warnings };
    Ok(([change::tag(&file(&settings))], axum::Json(body)).into_response())
}

/// Everything, in the form of the file.
fn file(settings: &Settings) -> Map<String, Value> {
    match render(settings) {
        Value::Object(file) => file,
        _ => Map::new(),
    }
}

async fn put(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    uri: Uri,
    Body(body): Body,
) -> Result<axum::Json<Applied>, Problem> {
    let mut query = Query::of(&uri, &["dry_run", "prune"]);
    let (dry_run, prune) = (query.is("dry_run"), query.is("prune"));
    query.done()?;
    let condition = Condition::of(&headers);
    let given = read(&headers, &body, shared.limits.depth)?;
    let mint = shared.mint();
    let settings = shared.engine.newest_settings().await?;
    condition.check(Some(&file(&settings)))?;
    let engine = shared.engine.clone();
    let planned = move |settings: &Settings, mint: &mut Mint| -> Result<Plan, Problem> {
        let plan = apply(&given, settings, prune, mint)?;
        let pointer = |id| {
            let app = plan.settings.app(id).and_then(|app| given.place_of(app));
            format!("{}/webhook_url", app.map_or_else(|| format!("/apps/{id}"), str::to_owned))
        };
        change::refuse_unreachable(&engine, settings, &plan.settings, pointer)?;
        Ok(plan)
    };
    let mut plan = planned(&settings, &mut mint.clone())?;
    let moved = moved(&shared.engine, &settings, &plan.settings).await?;
    let (mut unverified, mut notices) = (Vec::new(), Vec::new());
    if !dry_run {
        let change = move |settings: &Settings, mint: &mut Mint| {
            condition.check(Some(&file(settings)))?;
            let plan = planned(settings, mint)?;
            Ok((plan.settings.clone(), plan))
        };
        let made = change::change(&shared, mint, change).await?;
        (plan, unverified, notices) = (made.what, made.unverified, made.notices);
    }
    let mut warnings = plan.warnings;
    warnings.extend(practice::warnings(&shared.engine, &plan.settings).await?);
    warnings.extend(unverified.into_iter().map(|(_, warning)| warning));
    if moved.more {
        let detail = format!("only the {} newest conversations of each page were counted", THREADS * TURNS);
        warnings.push(Warning { rule: None, pointer: String::new(), detail });
    }
    Ok(axum::Json(Applied {
        changes: plan.changes,
        threads_moved: moved.count,
        moved: moved.listed,
        warnings,
        // What is made up on trial is no one's to keep: the real change makes up other things.
        generated: if dry_run { Generated::default() } else { plan.generated },
        notices,
    }))
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
        "application/json" => Ok(RoutingInput::from_json(&input::as_json(input::text(body)?, depth)?)?),
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
    listed: Vec<MovedThread>,
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
                        self.listed.push(MovedThread {
                            page_id: values::Page(node),
                            person_id: Person(state.key.person.clone()),
                            from_app_id: state.seen.owner.map(App),
                            to_app_id: owner.map(App),
                        });
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
