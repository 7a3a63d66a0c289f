//! No two apps are ever both told that they own a thread. An app is told so by a PASS to it or by its own TAKE; it
//! is told otherwise by a PASS or TAKE that names it as the owner before, or knows it by its own release, by the
//! clock, or by the end of its connection. Each telling ends before the next one begins, in the journal's order.

use std::sync::Arc;

use baton_rules::{AppId, Surface, ThreadKey, standing};
use baton_store::{JournalRow, Position};

use crate::journal::{Journal, named};

/// A time during which an app was told that it owns: from the row that told it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    app: AppId,
    since: Position,
}

/// Everything that is wrong.
pub(crate) fn check(journal: &Journal) -> Vec<String> {
    let mut wrong = Vec::new();
    for (thread, (stream, rows)) in journal.threads() {
        let mut told: Option<Told> = None;
        let mut before: Option<&JournalRow> = None;
        for decision in rows.chunk_by(|a, b| same_decision(a, b)) {
            let owner = before.and_then(|before| owner(journal, stream, &thread, before, decision[0]));
            // The clock, a release, and the end of a connection end a telling without a word to others.
            told = told.filter(|told| Some(told.app) == owner);
            for row in decision {
                let Some(next) = handed(row) else { continue };
                let was = named(row, "previous_owner_app_id");
                if let Some(told) = told
                    && Some(told.app) != was
                {
                    let at = format!("{}/{} at {stream}:{}", thread.page, thread.person, row.position.0);
                    let Told { app, since } = told;
                    wrong.push(format!(
                        "{at}: {next} is told that it owns, after {was:?}, but {app} was told so at {} and never \
                         told otherwise",
                        since.0
                    ));
                }
                told = Some(Told { app: next, since: row.position });
            }
            before = decision.last().map(|row| &***row);
        }
    }
    wrong
}

/// Whether two rows of a thread are of one decision: they follow one another, and leave the thread alike.
fn same_decision(a: &Arc<JournalRow>, b: &Arc<JournalRow>) -> bool {
    a.position.next() == b.position
        && (&a.rule, a.by, a.cause, a.at) == (&b.rule, b.by, b.cause, b.at)
        && a.after == b.after
}

/// The new owner that a row tells of.
fn handed(row: &JournalRow) -> Option<AppId> {
    let tells = matches!(row.event.as_deref(), Some("pass_thread_control" | "take_thread_control"));
    if tells { named(row, "new_owner_app_id") } else { None }
}

/// Whoever has control just before a row, by the settings and the clock of that row.
fn owner(
    journal: &Journal,
    stream: usize,
    thread: &ThreadKey,
    before: &JournalRow,
    row: &JournalRow,
) -> Option<AppId> {
    let settings = journal.settings(stream, row.position);
    let routing = settings.routing(thread.page, Surface::Messenger)?;
    standing(routing, &before.after, row.at).owner
}
