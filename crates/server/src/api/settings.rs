//! Apps, pages, connections, link routes and ads, one by one: tables of `routing.toml`, as JSON. What is done with
//! one is done with each, so there is one handler for each verb.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use schemars::JsonSchema;
use serde_json::{Value, json};

use super::cursor::{self, List};
use super::input::{Json, OnApp, OnItem, OnPage};
use super::operation::{Operation, Shape};
use super::query::{Query, in_parts};
use super::{change, facts, parts};
use crate::door::Needs;
use crate::problem::{self, Kind, Problem};
use crate::routing_file::{
    AdShown, AdTable, AppShown, AppTable, ConnectionShown, ConnectionTable, Edit, Item, LinkShown, LinkTable,
    PageShown, PageTable, table_of,
};
use crate::serve::Shared;

const TAG: &str = "Settings";
/// What a change of settings may be refused for.
pub(super) const CHANGING: [&Kind; 3] =
    [&problem::SETTINGS_REFUSED, &problem::UNAVAILABLE, &problem::STOPPING];
/// Where an answer says what it is about.
const ID: &str = "$response.body#/id";
const TELLS: &[&str] = &["ETag"];

pub(super) fn operations() -> Vec<Operation> {
    let mut all = apps();
    all.extend(pages());
    all.extend(connections());
    all.extend(links());
    all.extend(ads());
    all
}

fn apps() -> Vec<Operation> {
    let new =
        json!({"name": "Sales bot", "webhook_url": "http://127.0.0.1:5001/webhook", "verify_token": "ring"});
    let described = Operation::get("/apps", "listApps", list_apps).needs(Needs::Looking).says(
        TAG,
        "Apps",
        "The newest first.",
    );
    vec![
        in_parts(described).answers::<List<AppShown>>(StatusCode::OK, "Apps."),
        created::<AppShown>(
            Operation::post("/apps", "createApp", create_app).needs(Needs::Operating).says(
                TAG,
                "A new app",
                "Its id and its secret are made up where they are absent; a secret that was made up is told this \
                 once.",
            ),
            |schemas| parts::new::<AppTable>(schemas, "AppPost"),
            vec![("an app", new)],
        )
        .leads_to("getApp", &[("app", ID)])
        .leads_to("patchApp", &[("app", ID)])
        .leads_to("deleteApp", &[("app", ID)]),
        shown::<AppShown>(OnApp::named(Operation::get("/apps/{app}", "getApp", show).needs(Needs::Looking)), "An app"),
        patched::<AppShown>(
            OnApp::named(Operation::patch("/apps/{app}", "patchApp", patch).needs(Needs::Operating)),
            "Change an app",
            |schemas| parts::of_a::<AppTable>(schemas, "AppPatch", "id"),
        ),
        removed(
            OnApp::named(Operation::delete("/apps/{app}", "deleteApp", remove).needs(Needs::Operating)),
            "Remove an app",
            "What names it on pages goes with it: its connections, link routes, and the places that it has there.",
        ),
    ]
}

fn pages() -> Vec<Operation> {
    let new = json!({
        "id": "2001",
        "name": "Jasper's Market",
        "messenger": {"default_app": "Sales bot"},
        "connections": [{"app": "Sales bot"}],
    });
    let described = Operation::get("/pages", "listPages", list_pages).needs(Needs::Looking).says(
        TAG,
        "Pages",
        "The newest first.",
    );
    vec![
        in_parts(described).answers::<List<PageShown>>(StatusCode::OK, "Pages."),
        created::<PageShown>(
            Operation::post("/pages", "createPage", create_page).needs(Needs::Operating).says(
                TAG,
                "A new page",
                "With its connections, link routes and ads. Tokens that were made up are told this once.",
            ),
            |schemas| parts::new::<PageTable>(schemas, "PagePost"),
            vec![("a page", new)],
        )
        .leads_to("getPage", &[("page", ID)])
        .leads_to("patchPage", &[("page", ID)])
        .leads_to("deletePage", &[("page", ID)])
        .leads_to("addEvent", &[("page", ID)]),
        shown::<PageShown>(
            OnPage::named(Operation::get("/pages/{page}", "getPage", show).needs(Needs::Looking)),
            "A page",
        ),
        patched::<PageShown>(
            OnPage::named(Operation::patch("/pages/{page}", "patchPage", patch).needs(Needs::Operating)),
            "Change a page",
            |schemas| parts::of_a::<PageTable>(schemas, "PagePatch", "id"),
        ),
        removed(
            OnPage::named(Operation::delete("/pages/{page}", "deletePage", remove).needs(Needs::Operating)),
            "Remove a page",
            "Its conversations stay on disk and are reached no more.",
        ),
    ]
}

fn connections() -> Vec<Operation> {
    let path = "/pages/{page}/connections/{app}";
    let on = |operation| OnApp::named(OnPage::named(operation));
    vec![
        shown::<ConnectionShown>(
            on(Operation::get(path, "getConnection", show).needs(Needs::Looking)),
            "An app on a page",
        ),
        put::<ConnectionShown>(
            on(Operation::put(path, "putConnection", put_item).needs(Needs::Operating)),
            "Connect an app, or change how",
            |schemas| parts::of_a::<ConnectionTable>(schemas, "ConnectionPut", "app"),
            vec![("a bot that reads along", json!({"fields": ["messages", "standby"], "standby": true}))],
        ),
        removed(
            on(Operation::delete(path, "deleteConnection", remove).needs(Needs::Operating)),
            "Disconnect an app",
            "With its tokens. Control that it has is the default app's, or nobody's, from the person's next message \
             on.",
        ),
    ]
}

fn links() -> Vec<Operation> {
    let path = "/pages/{page}/links/{ref}";
    let on = |operation| {
        OnPage::named(operation).named(
            "ref",
            "The link's `ref`.",
            |_| json!({"type": "string", "minLength": 1}),
        )
    };
    vec![
        shown::<LinkShown>(on(Operation::get(path, "getLink", show).needs(Needs::Looking)), "A link route"),
        put::<LinkShown>(
            on(Operation::put(path, "putLink", put_item).needs(Needs::Operating)),
            "Add a link route, or change it",
            |schemas| parts::of_a::<LinkTable>(schemas, "LinkPut", "ref"),
            vec![("to an app", json!({"app": "Sales bot"}))],
        ),
        removed(
            on(Operation::delete(path, "deleteLink", remove).needs(Needs::Operating)),
            "Remove a link route",
            "",
        ),
    ]
}

fn ads() -> Vec<Operation> {
    let path = "/pages/{page}/ads/{ad}";
    let on = |operation| {
        OnPage::named(operation).named("ad", "The ad's id.", |_| json!({"type": "string", "minLength": 1}))
    };
    let template = r#"{"message": {"receiving_app_id": 111, "receiving_app_control_expiration": 4}}"#;
    vec![
        shown::<AdShown>(on(Operation::get(path, "getAd", show).needs(Needs::Looking)), "An ad"),
        put::<AdShown>(
            on(Operation::put(path, "putAd", put_item).needs(Needs::Operating)),
            "Add an ad, or change it",
            |schemas| parts::of_a::<AdTable>(schemas, "AdPut", "id"),
            vec![("a sale", json!({"name": "Spring sale", "template": template}))],
        ),
        removed(on(Operation::delete(path, "deleteAd", remove).needs(Needs::Operating)), "Remove an ad", ""),
    ]
}

fn created<Shown: JsonSchema>(
    operation: Operation,
    shape: Shape,
    examples: Vec<(&'static str, Value)>,
) -> Operation {
    operation
        .takes_shape(shape, examples)
        .answers::<Shown>(StatusCode::CREATED, "It is there; `Location` says where.")
        .with_headers(&["ETag", "Location"])
        .refuses([&problem::EXISTS])
        .refuses(CHANGING)
}

fn shown<Shown: JsonSchema>(operation: Operation, summary: &'static str) -> Operation {
    operation
        .says(TAG, summary, "As a table of `routing.toml`, without what is secret.")
        .answers::<Shown>(StatusCode::OK, "As it is.")
        .with_headers(TELLS)
        .refuses([&problem::NOT_FOUND])
}

fn patched<Shown: JsonSchema>(operation: Operation, summary: &'static str, shape: Shape) -> Operation {
    let about = "A part of the table: what is there replaces what was, null takes it away, tables within are merged, \
                 lists are replaced (RFC 7396).";
    if_match(operation.says(TAG, summary, about))
        .takes_shape(shape, vec![("another name", json!({"name": "Another name"}))])
        .answers::<Shown>(StatusCode::OK, "As it is now.")
        .with_headers(TELLS)
        .refuses(CHANGING)
}

fn put<Shown: JsonSchema>(
    operation: Operation,
    summary: &'static str,
    shape: Shape,
    examples: Vec<(&'static str, Value)>,
) -> Operation {
    if_match(operation.says(TAG, summary, "The whole table: what is absent is as in a new one."))
        .takes_shape(shape, examples)
        .answers::<Shown>(StatusCode::OK, "It was there; as it is now.")
        .with_headers(TELLS)
        .answers::<Shown>(StatusCode::CREATED, "It is new.")
        .with_headers(TELLS)
        .refuses(CHANGING)
}

fn removed(operation: Operation, summary: &'static str, about: &'static str) -> Operation {
    if_match(operation.says(TAG, summary, about))
        .answers_nothing(StatusCode::NO_CONTENT, "It is gone.")
        .refuses([&problem::NOT_FOUND, &problem::BAD_BODY])
        .refuses(CHANGING)
}

/// A change that may be made to depend on what is there.
pub(super) fn if_match(operation: Operation) -> Operation {
    let about = "An `ETag`, or several: the change is made only if what is there has one of them. `*`: if anything is \
                 there.";
    operation
        .header("If-Match", about, |_| json!({"type": "string"}))
        .refuses([&problem::PRECONDITION_FAILED])
}

type Server = State<Arc<Shared>>;

async fn list_apps(State(shared): Server, uri: Uri) -> Result<axum::Json<List<Value>>, Problem> {
    let settings = shared.engine.newest_settings().await?;
    let items = settings.apps.iter().map(|app| (app.id.to_string(), Item::App(app.id)));
    let mut part = part("apps", items.collect(), &uri, |item| table_of(&settings, item).map(Value::Object))?;
    told(&shared, &mut part.0.data, |id| id.parse().ok().map(Item::App)).await?;
    Ok(part)
}

async fn list_pages(State(shared): Server, uri: Uri) -> Result<axum::Json<List<Value>>, Problem> {
    let settings = shared.engine.newest_settings().await?;
    let items = settings.pages.iter().map(|page| (page.id.to_string(), Item::Page(page.id)));
    let mut part = part("pages", items.collect(), &uri, |item| table_of(&settings, item).map(Value::Object))?;
    told(&shared, &mut part.0.data, |id| id.parse().ok().map(Item::Page)).await?;
    Ok(part)
}

/// Adds the facts to tables, each of the item that its id names.
async fn told(
    shared: &Shared,
    tables: &mut [Value],
    item: impl Fn(&str) -> Option<Item>,
) -> Result<(), Problem> {
    for table in tables.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(item) = table.get("id").and_then(Value::as_str).and_then(&item) {
            facts::told(&shared.engine, &item, table).await?;
        }
    }
    Ok(())
}

/// A part of a list of settings, newest first.
fn part(
    name: &'static str,
    mut items: Vec<(String, Item)>,
    uri: &Uri,
    show: impl Fn(&Item) -> Option<Value>,
) -> Result<axum::Json<List<Value>>, Problem> {
    let mut query = Query::of(uri, &["limit", "after"]);
    let limit = query.limit();
    let after = query.after(name, |parts| parts.get(1).cloned());
    query.done()?;
    items.reverse();
    if let Some(after) = after {
        // What was removed since then ends the list.
        let last = items.iter().position(|(id, _)| *id == after).map_or(items.len(), |index| index + 1);
        items.drain(..last);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(|(id, _)| cursor::written(&[name, id]));
    Ok(axum::Json(List::new(items.iter().filter_map(|(_, item)| show(item)).collect(), next)))
}

async fn create_app(State(shared): Server, Json(body): Json) -> Result<Response, Problem> {
    change::create(&shared, "apps", body).await
}

async fn create_page(State(shared): Server, Json(body): Json) -> Result<Response, Problem> {
    change::create(&shared, "pages", body).await
}

async fn show(State(shared): Server, OnItem(item): OnItem) -> Result<Response, Problem> {
    change::show(&shared, &item).await
}

async fn patch(
    State(shared): Server,
    OnItem(item): OnItem,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, item, Edit::Patch(body)).await
}

async fn put_item(
    State(shared): Server,
    OnItem(item): OnItem,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, item, Edit::Put(body)).await
}

async fn remove(
    State(shared): Server,
    OnItem(item): OnItem,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    change::edit(&shared, &headers, item, Edit::Remove).await
}
