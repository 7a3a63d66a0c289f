//! What must hold of the journal whole: every row was decided by the settings that stand before it in its stream,
//! and is addressed to the apps that were connected there, each on the channel that the specification says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use baton_rules::{AppId, Channel, Fields, Routing, Surface, ThreadKey, standing};
use baton_store::{JournalRow, Position, Settings};
use serde_json::Value;

/// Who hears a row, and where.
type Hearers = BTreeMap<AppId, Channel>;

/// Every row, and every change of settings.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    /// By stream, in order of position, from 1 on.
    pub(crate) streams: Vec<Vec<Arc<JournalRow>>>,
    /// The places of each change, by stream, and the settings from there on. The oldest comes first.
    pub(crate) changes: Vec<(Vec<Position>, Arc<Settings>)>,
}

impl Journal {
    /// The settings by which a row of a stream had to be decided.
    pub(crate) fn settings(&self, stream: usize, position: Position) -> &Arc<Settings> {
        let before = |(places, _): &&(Vec<Position>, _)| places[stream] < position;
        &self.changes.iter().rev().find(before).unwrap().1
    }

    /// The rows of each thread, in order.
    pub(crate) fn threads(&self) -> BTreeMap<ThreadKey, (usize, Vec<&Arc<JournalRow>>)> {
        let mut threads: BTreeMap<_, (usize, Vec<_>)> = BTreeMap::new();
        for (stream, rows) in self.streams.iter().enumerate() {
            for row in rows {
                if let Some(thread) = row.thread() {
                    threads.entry(thread.clone()).or_insert((stream, Vec::new())).1.push(row);
                }
            }
        }
        threads
    }

    /// Everything that is wrong.
    pub(crate) fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.places(&mut wrong);
        for (thread, (stream, rows)) in self.threads() {
            let mut previous = None;
            for row in rows {
                let at = format!("{}/{} at {stream}:{}", thread.page, thread.person, row.position.0);
                if row.previous != previous {
                    wrong.push(format!("{at} does not follow its thread's last row"));
                }
                previous = Some(row.position);
                let settings = self.settings(stream, row.position);
                let routing = settings.routing(thread.page, Surface::Messenger).unwrap();
                decided_by(routing, row, &at, &mut wrong);
                heard_by(routing, row, &at, &mut wrong);
            }
        }
        wrong
    }

    /// Positions have no gaps, and a change of settings stands where its writer was told.
    fn places(&self, wrong: &mut Vec<String>) {
        for (stream, rows) in self.streams.iter().enumerate() {
            let changed: BTreeSet<Position> = self.changes.iter().map(|(places, _)| places[stream]).collect();
            for (number, row) in (1..).zip(rows) {
                if row.position.0 != number {
                    wrong.push(format!("{stream}:{number} holds the row {:?}", row.position));
                }
                if row.chain.is_none() != changed.contains(&row.position) {
                    wrong.push(format!("{stream}:{number} is {:?}, and changes are {changed:?}", row.cause));
                }
            }
        }
    }
}

/// The mode and the connection that a row's state names are those of the settings at its position.
fn decided_by(routing: &Routing, row: &JournalRow, at: &str, wrong: &mut Vec<String>) {
    if row.after.mode != Some(routing.mode()) {
        wrong.push(format!(
            "{at} was decided in {:?}, and the page was in {:?}",
            row.after.mode,
            routing.mode()
        ));
    }
    let Some(grant) = row.after.control else { return };
    let connection =
        if grant.app == routing.inbox() { Some(0) } else { routing.app(grant.app).map(|app| app.connection) };
    if connection != Some(grant.connection) {
        wrong.push(format!(
            "{at} gives control by a connection that was not there: {grant:?}, not {connection:?}"
        ));
    }
}

fn heard_by(routing: &Routing, row: &JournalRow, at: &str, wrong: &mut Vec<String>) {
    let told: Hearers = row.notices.iter().map(|notice| (notice.app, notice.channel)).collect();
    if told.len() != row.notices.len() {
        wrong.push(format!("{at} is told to an app twice: {:?}", row.notices));
    }
    let expected = match row.event.as_deref() {
        None => Hearers::new(),
        Some("messages") => messages(routing, row),
        Some("message_echoes") => echoes(routing, row),
        Some("pass_thread_control") => control(routing, named(row, "new_owner_app_id")),
        Some("take_thread_control") => takes(routing, row),
        Some("request_thread_control") => requests(routing, row),
        Some(other) => {
            wrong.push(format!("{at} is of a kind that nobody caused: {other}"));
            return;
        }
    };
    if told != expected {
        wrong.push(format!("{at} ({:?}) is told to {told:?}, and {expected:?} had to hear it", row.event));
    }
}

fn owner(routing: &Routing, row: &JournalRow) -> Option<AppId> {
    standing(routing, &row.after, row.at).owner
}

/// Nobody owns, and nobody leads: everybody is spoken to (SB-2).
fn is_open(routing: &Routing, row: &JournalRow) -> bool {
    owner(routing, row).is_none() && routing.default_app().is_none() && routing.primary_receiver().is_none()
}

/// SB-1, SB-2: owner → `messaging`, others → `standby`, if they have it and are subscribed.
fn messages(routing: &Routing, row: &JournalRow) -> Hearers {
    let leader = owner(routing, row).or_else(|| routing.primary_receiver());
    let is_open = is_open(routing, row);
    let channel = |app: &baton_rules::ConnectedApp| {
        let listens = app.standby && app.fields.has(Fields::STANDBY);
        let spoken_to = app.fields.has(Fields::MESSAGES) && (is_open || leader == Some(app.id));
        if spoken_to {
            Some(Channel::Messaging)
        } else if listens && leader != Some(app.id) {
            Some(Channel::Standby)
        } else {
            None
        }
    };
    routing.apps.iter().filter_map(|app| Some((app.id, channel(app)?))).collect()
}

/// SB-7.
fn echoes(routing: &Routing, row: &JournalRow) -> Hearers {
    let is_open = is_open(routing, row);
    let channel = |app: &baton_rules::ConnectedApp| {
        if !app.fields.has(Fields::MESSAGE_ECHOES) {
            None
        } else if is_open || row.by == Some(app.id) {
            Some(Channel::Messaging)
        } else if app.standby && app.fields.has(Fields::STANDBY) {
            Some(Channel::Standby)
        } else {
            None
        }
    };
    routing.apps.iter().filter_map(|app| Some((app.id, channel(app)?))).collect()
}

/// A control event for one app.
fn control(routing: &Routing, app: Option<AppId>) -> Hearers {
    let connected = app.and_then(|app| routing.app(app));
    let hears = connected.filter(|app| app.fields.has(Fields::MESSAGING_HANDOVERS));
    hears.map(|app| (app.id, Channel::Messaging)).into_iter().collect()
}

/// WH-TAKE-2, WH-TAKE-3.
fn takes(routing: &Routing, row: &JournalRow) -> Hearers {
    if routing.mode().is_handover() {
        let others = routing.apps.iter().map(|app| app.id).filter(|app| row.by != Some(*app));
        others.flat_map(|app| control(routing, Some(app))).collect()
    } else {
        control(routing, named(row, "previous_owner_app_id"))
    }
}

/// WH-REQ-1, WH-REQ-3.
fn requests(routing: &Routing, row: &JournalRow) -> Hearers {
    let owner = owner(routing, row);
    let primary =
        routing.primary_receiver().filter(|app| routing.mode().is_handover() && row.by != Some(*app));
    let mut hearers = control(routing, owner);
    if owner != Some(routing.inbox()) {
        hearers.extend(control(routing, primary));
    }
    hearers
}

/// An app that a PASS or TAKE names.
pub(crate) fn named(row: &JournalRow, key: &str) -> Option<AppId> {
    let item: Value = serde_json::from_slice(&row.whole).unwrap();
    item[row.event.as_deref()?][key].as_str()?.parse().ok()
}
