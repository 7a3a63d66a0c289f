//! Recommended practice that shows in what happened rather than in the settings, looked for in the newest
//! conversations of each page. What is warned of is the rules' to say (`baton_rules::practice`).

use baton_engine::{Engine, Filter, HistoryEntry};
use baton_rules::practice::{self, About};
use baton_rules::{AppId, Cause, Mode, PageId, Surface, Timestamp};
use baton_store::{Page, Settings};

use crate::problem::Problem;
use crate::routing_file::Warning;

/// Conversations of a page that are looked at.
const THREADS: usize = 200;
/// Entries of a conversation's history that are looked at.
const ENTRIES: usize = 20;

/// The warnings, in the form in which the settings' own are told.
pub(super) async fn warnings(engine: &Engine, settings: &Settings) -> Result<Vec<Warning>, Problem> {
    let mut found = Vec::new();
    for page in &settings.pages {
        for surface in [Surface::Messenger, Surface::Instagram] {
            if let Some(routing) = settings.routing(page.id, surface) {
                surface_of(engine, settings, (page, surface, routing.mode()), &mut found).await?;
            }
        }
    }
    Ok(found)
}

async fn surface_of(
    engine: &Engine,
    settings: &Settings,
    (page, surface, mode): (&Page, Surface, Mode),
    found: &mut Vec<Warning>,
) -> Result<(), Problem> {
    let mut old_edges: Vec<(AppId, &str)> = Vec::new();
    for state in engine.threads(page.id, surface, &Filter::default(), None, THREADS).await? {
        let owner = state.seen.owner.and_then(AppId::new);
        let requests = &state.thread.requests;
        if !practice::request_waits(owner, requests, engine.now()) && mode.is_handover() {
            continue;
        }
        let history = engine.history(&state.key, None, None, ENTRIES).await?;
        if let Some(warning) = practice::of_waiting(owner, requests, moved_at(&history), engine.now()) {
            let detail = "another app has waited for this conversation for a day, and its owner neither passed \
                          nor released it";
            found.push(Warning {
                rule: Some(warning.rule.0),
                pointer: format!("/pages/{}/threads/{}", address(page, surface), state.key.person),
                detail: detail.to_owned(),
            });
        }
        for warning in history.iter().filter_map(|entry| of_call(mode, entry)) {
            if let About::Connection(app) = warning.about
                && !old_edges.iter().any(|(known, _)| *known == app)
                && settings.app(app).is_some()
            {
                old_edges.push((app, warning.rule.0));
            }
        }
    }
    found.extend(old_edges.into_iter().map(|(app, rule)| {
        let name = settings.app(app).map_or_else(|| app.to_string(), |app| app.name.clone());
        Warning {
            rule: Some(rule),
            pointer: format!("/pages/{}/connections/{app}", page.id),
            detail: format!(
                "{name} passes or releases by pass_thread_control or release_thread_control: in Conversation \
                 Routing it should send with thread_control"
            ),
        }
    }));
    Ok(())
}

/// The id in the paths of a page's side.
fn address(page: &Page, surface: Surface) -> PageId {
    let account = page.instagram.as_ref().filter(|_| surface == Surface::Instagram);
    account.map_or(page.id, |account| account.id)
}

/// When control last went from one to another, as far as the history was read.
fn moved_at(history: &[HistoryEntry]) -> Option<Timestamp> {
    let moved = |entry: &&HistoryEntry| entry.refused.is_none() && entry.from != entry.to;
    history.iter().find(moved).map(|entry| entry.at)
}

/// What is warned of a call that was made while the page was in this mode, as its rule says.
fn of_call(mode: Mode, entry: &HistoryEntry) -> Option<practice::Warning> {
    let in_this_mode = entry.rule.starts_with("MCR-") && entry.refused.is_none();
    let cause = Cause::named(entry.cause).filter(|_| in_this_mode)?;
    practice::of_call(mode, cause, entry.by)
}
