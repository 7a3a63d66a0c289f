//! Recommended practice that shows in what happened rather than in the settings: CHK-6 and CHK-7, looked for
//! in the newest conversations of each page.

use baton_engine::{Engine, Filter, HistoryEntry, ThreadState};
use baton_rules::{AppId, Mode, Surface};
use baton_store::{Page, Settings};

use crate::problem::Problem;
use crate::routing_file::Warning;

/// Conversations of a page that are looked at.
const THREADS: usize = 200;
/// Entries of a conversation's history that are looked at.
const ENTRIES: usize = 20;
/// How long a request may wait, in seconds (CHK-6).
const PATIENCE: i64 = 24 * 60 * 60;

/// The warnings, in the form in which the settings' own are told.
pub(super) async fn warnings(engine: &Engine, settings: &Settings) -> Result<Vec<Warning>, Problem> {
    let mut found = Vec::new();
    for page in &settings.pages {
        for surface in [Surface::Messenger, Surface::Instagram] {
            if let Some(routing) = settings.routing(page.id, surface) {
                let routes = routing.mode() == Mode::MessengerRouting;
                surface_of(engine, settings, (page, surface, routes), &mut found).await?;
            }
        }
    }
    Ok(found)
}

async fn surface_of(
    engine: &Engine,
    settings: &Settings,
    (page, surface, routes): (&Page, Surface, bool),
    found: &mut Vec<Warning>,
) -> Result<(), Problem> {
    let mut old_edges: Vec<AppId> = Vec::new();
    for state in engine.threads(page.id, surface, &Filter::default(), None, THREADS).await? {
        let waits = waits(engine, &state);
        if !waits && !routes {
            continue;
        }
        let history = engine.history(&state.key, None, None, ENTRIES).await?;
        if waits && !moved(engine, &history) {
            let detail = "another app has waited for this conversation for a day, and its owner neither passed \
                          nor released it";
            found.push(Warning {
                rule: Some("CHK-6"),
                pointer: format!("/pages/{}/threads/{}", page.id, state.key.person),
                detail: detail.to_owned(),
            });
        }
        let called = history.iter().filter(|entry| routes && by_an_old_edge(entry));
        for app in called.filter_map(|entry| entry.by) {
            if !old_edges.contains(&app) && settings.app(app).is_some() {
                old_edges.push(app);
            }
        }
    }
    found.extend(old_edges.into_iter().map(|app| {
        let name = settings.app(app).map_or_else(|| app.to_string(), |app| app.name.clone());
        Warning {
            rule: Some("CHK-7"),
            pointer: format!("/pages/{}/connections/{app}", page.id),
            detail: format!(
                "{name} passes or releases by pass_thread_control or release_thread_control: in Conversation \
                 Routing it should send with thread_control"
            ),
        }
    }));
    Ok(())
}

/// Whether somebody owns it and another app's request has waited too long.
fn waits(engine: &Engine, state: &ThreadState) -> bool {
    let late = |at: baton_rules::Timestamp| at.plus_seconds(PATIENCE) <= engine.now();
    state.seen.owner.is_some() && state.thread.requests.iter().any(|waiting| late(waiting.at))
}

/// Whether control went from one to another within that time.
fn moved(engine: &Engine, history: &[HistoryEntry]) -> bool {
    let recent = |entry: &&HistoryEntry| engine.now() < entry.at.plus_seconds(PATIENCE);
    history.iter().take_while(recent).any(|entry| entry.refused.is_none() && entry.from != entry.to)
}

fn by_an_old_edge(entry: &HistoryEntry) -> bool {
    entry.refused.is_none()
        && entry.rule.starts_with("MCR-")
        && matches!(entry.cause, "pass" | "release")
        && entry.by.is_some_and(|app| !app.is_inbox())
}
