//! Page access tokens beside a connection's first: made here, told once, kept as hashes.

use std::sync::Arc;

use baton_rules::{AppId, PageId, Surface};
use baton_store::{Page, Settings, SettingsRefused, Token};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::input::{TokenTable, read_table, refused};
use super::pages::{PERMISSIONS, TASKS};
use super::plan::one_of;
use super::{Mint, token_hash};

/// A token that was made: told once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Token")]
pub(crate) struct TokenMade {
    token: String,
    app_id: String,
    page_id: String,
    tasks: Vec<String>,
    permissions: Vec<String>,
}

/// The settings with one token more, and what its owner is told; `None`: there is no such connection.
pub(crate) fn add_token(
    (page, surface, app): (PageId, Surface, AppId),
    given: &Value,
    settings: &Settings,
    mint: &mut Mint,
) -> Option<Result<(Settings, TokenMade), Vec<SettingsRefused>>> {
    let held = settings.page(page)?;
    let connection = held.connections.iter().position(|one| one.app == app)?;
    Some(made(held, (surface, connection), given, settings, mint))
}

fn made(
    held: &Page,
    (surface, connection): (Surface, usize),
    given: &Value,
    settings: &Settings,
    mint: &mut Mint,
) -> Result<(Settings, TokenMade), Vec<SettingsRefused>> {
    let table: TokenTable = read_table(given)?;
    let mut problems = Vec::new();
    let mut words = |given: Option<Vec<String>>, known: &[&str], key: &str| {
        let given = given.unwrap_or_else(|| known.iter().map(|word| (*word).to_owned()).collect());
        for (index, word) in given.iter().enumerate().filter(|(_, word)| !known.contains(&word.as_str())) {
            problems.push(refused(format!("/{key}/{index}"), one_of(word, known)));
        }
        given
    };
    let tasks = words(table.tasks, TASKS, "tasks");
    let permissions = words(table.permissions, PERMISSIONS, "permissions");
    if !problems.is_empty() {
        return Err(problems);
    }
    let token = mint.token_of(surface);
    let mut page = held.clone();
    let app = page.connections[connection].app;
    let answer = TokenMade {
        token: token.clone(),
        app_id: app.to_string(),
        page_id: page.id.to_string(),
        tasks: tasks.clone(),
        permissions: permissions.clone(),
    };
    page.connections[connection].tokens.push(Token { hash: token_hash(&token), tasks, permissions });
    let page = Arc::new(page);
    let pages =
        settings.pages.iter().map(|other| Arc::clone(if other.id == page.id { &page } else { other }));
    Ok((Settings::new(settings.version + 1, settings.apps.clone(), pages.collect()), answer))
}
