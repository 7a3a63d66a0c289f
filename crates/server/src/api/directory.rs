//! `GET /directory`: what apps and pages are called, and which app leads where. What the Inbox needs to show
//! conversations, and no more: who answers people need not see how everything is set up.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_store::{Page, Side};
use schemars::JsonSchema;
use serde::Serialize;

use super::operation::Operation;
use super::values::{self, App};
use crate::door::Needs;
use crate::problem::Problem;
use crate::serve::Shared;

/// Apps and pages, by name.
#[derive(Debug, Serialize, JsonSchema)]
struct Directory {
    /// In the order of their making.
    apps: Vec<NamedApp>,
    pages: Vec<NamedPage>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NamedApp {
    id: App,
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NamedPage {
    id: values::Page,
    name: String,
    messaging_enabled: bool,
    messenger: Leads,
    /// Null: no account is linked.
    instagram: Option<Account>,
    /// The apps that are connected, by their ids.
    connected: Vec<App>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Account {
    id: values::Page,
    username: String,
    #[serde(flatten)]
    leads: Leads,
}

/// The app that leads.
#[derive(Debug, Serialize, JsonSchema)]
struct Leads {
    /// In Conversation Routing.
    default_app: Option<App>,
    /// In the Handover Protocol.
    primary_receiver: Option<App>,
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/directory", "getDirectory", get)
            .needs(Needs::SignedIn)
            .says(
                "Settings",
                "What apps and pages are called",
                "And which app leads where. Without anything secret.",
            )
            .answers::<Directory>(StatusCode::OK, "All of them."),
    ]
}

async fn get(State(shared): State<Arc<Shared>>) -> Result<axum::Json<Directory>, Problem> {
    let settings = shared.engine.newest_settings().await?;
    let apps = settings.apps.iter().map(|app| NamedApp { id: app.id.into(), name: app.name.clone() });
    let pages = settings.pages.iter().map(|page| named(page));
    Ok(axum::Json(Directory { apps: apps.collect(), pages: pages.collect() }))
}

fn named(page: &Page) -> NamedPage {
    NamedPage {
        id: values::Page(page.id),
        name: page.name.clone(),
        messaging_enabled: page.messaging_enabled,
        messenger: leads(&page.messenger),
        instagram: page.instagram.as_ref().map(|account| Account {
            id: values::Page(account.id),
            username: account.username.clone(),
            leads: leads(&account.side),
        }),
        connected: page.connections.iter().map(|connection| connection.app.into()).collect(),
    }
}

fn leads(side: &Side) -> Leads {
    Leads {
        default_app: side.default_app.map(App::from),
        primary_receiver: side.primary_receiver.map(App::from),
    }
}
