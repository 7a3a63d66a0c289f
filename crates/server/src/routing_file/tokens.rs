//! A connection's page access tokens: made here, told once, kept as hashes, listed by what is left of them, and
//! ended.

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
    /// What it is called from now on.
    id: String,
    app_id: String,
    page_id: String,
    tasks: Vec<String>,
    permissions: Vec<String>,
}

/// A token that there is, without itself.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "KeptToken")]
pub(crate) struct TokenShown {
    /// The first 16 digits of its SHA-256.
    #[schemars(example = &"9f86d081884c7d65")]
    id: String,
    tasks: Vec<String>,
    permissions: Vec<String>,
}

/// Why a token was not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotEnded {
    /// There is no such connection.
    NotConnected,
    /// It has no such token.
    Unknown,
    /// It is the connection's only one: without any, the app would be connected and could not call.
    Only,
}

/// What a token is called where it may not be told: the beginning of its hash.
pub(crate) fn token_id(hash: &str) -> &str {
    hash.get(..16).unwrap_or(hash)
}

/// A connection's tokens, the newest first; `None`: there is no such connection.
pub(crate) fn tokens_of((page, app): (PageId, AppId), settings: &Settings) -> Option<Vec<TokenShown>> {
    let connection = settings.page(page)?.connections.iter().find(|one| one.app == app)?;
    let shown = |token: &Token| TokenShown {
        id: token_id(&token.hash).to_owned(),
        tasks: token.tasks.clone(),
        permissions: token.permissions.clone(),
    };
    Some(connection.tokens.iter().rev().map(shown).collect())
}

/// The settings without a token.
pub(crate) fn end_token(
    (page, app): (PageId, AppId),
    id: &str,
    settings: &Settings,
) -> Result<Settings, NotEnded> {
    let mut page = settings.page(page).map(|page| Page::clone(page)).ok_or(NotEnded::NotConnected)?;
    let connection = page.connections.iter_mut().find(|one| one.app == app).ok_or(NotEnded::NotConnected)?;
    let place =
        connection.tokens.iter().position(|token| token_id(&token.hash) == id).ok_or(NotEnded::Unknown)?;
    if connection.tokens.len() == 1 {
        return Err(NotEnded::Only);
    }
    connection.tokens.remove(place);
    Ok(with_page(settings, page))
}

/// The next settings, with a page as it is now.
fn with_page(settings: &Settings, page: Page) -> Settings {
    let page = Arc::new(page);
    let pages =
        settings.pages.iter().map(|other| Arc::clone(if other.id == page.id { &page } else { other }));
    Settings::new(settings.version + 1, settings.apps.clone(), pages.collect())
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
    let hash = token_hash(&token);
    let answer = TokenMade {
        token,
        id: token_id(&hash).to_owned(),
        app_id: app.to_string(),
        page_id: page.id.to_string(),
        tasks: tasks.clone(),
        permissions: permissions.clone(),
    };
    page.connections[connection].tokens.push(Token { hash, tasks, permissions });
    Ok((with_page(settings, page), answer))
}
