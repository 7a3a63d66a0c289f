//! Recommended practice, the rules CHK-1 to CHK-7: what is allowed and usually not meant. Pure, and they refuse
//! nothing: settings, or what happened, go in; warnings with their rule and place come out. How they are told is
//! the caller's.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::action::Cause;
use crate::ids::{AppId, Timestamp};
use crate::routing::{Fields, Mode, Routing};
use crate::row::Rule;
use crate::thread::Waiting;
use crate::window::DAY;

/// What each connected app should be subscribed to (CHK-1).
const RECOMMENDED: [Fields; 5] = [
    Fields::MESSAGES,
    Fields::MESSAGING_REFERRALS,
    Fields::MESSAGING_HANDOVERS,
    Fields::MESSAGING_POSTBACKS,
    Fields::STANDBY,
];

/// Something that is allowed and not advisable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The recommendation.
    pub rule: Rule,
    /// What it is about.
    pub about: About,
    /// What is not advisable.
    pub what: Advice,
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// An app.
    App(AppId),
    /// An app's connection to the page.
    Connection(AppId),
    /// The page's surface.
    Surface,
    /// The conversation that was asked about.
    Thread,
}

/// What is not advisable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The app does not hear these.
    NotSubscribed(Fields),
    /// The app may take control, and no people answer by it.
    BotMayTake,
    /// The app has the webhook address of this other one.
    SharedAddress(AppId),
    /// People answer by this app, and it is the primary receiver.
    PeopleArePrimary(AppId),
    /// People answer by the app, and it does not see what others say.
    PeopleWithoutStandby,
    /// Several apps are connected, and nobody is in front.
    NobodyInFront,
    /// An app has waited for a day, and the owner has not moved.
    RequestWaits,
    /// The app moves control by the old edges.
    OldEdge,
}

fn warning(rule: &'static str, about: About, what: Advice) -> Warning {
    Warning { rule: Rule(rule), about, what }
}

/// CHK-1, CHK-2, CHK-4, CHK-5: the settings of a page's surface.
pub fn of_surface(routing: &Routing) -> Vec<Warning> {
    let mut found = Vec::new();
    for app in &routing.apps {
        let about = About::Connection(app.id);
        let missing = RECOMMENDED.into_iter().filter(|field| !app.fields.has(*field));
        let missing = missing.fold(Fields::NONE, Fields::with);
        if missing != Fields::NONE {
            found.push(warning("CHK-1", about, Advice::NotSubscribed(missing)));
        }
        if app.take_control && !app.human_agent {
            found.push(warning("CHK-2", about, Advice::BotMayTake));
        }
        // An app by which people answer is one with the Human Agent feature.
        if app.human_agent && !app.standby {
            found.push(warning("CHK-4", about, Advice::PeopleWithoutStandby));
        }
    }
    let primary = routing.primary_receiver().and_then(|primary| routing.app(primary));
    if let Some(primary) = primary.filter(|primary| primary.human_agent) {
        found.push(warning("CHK-4", About::Surface, Advice::PeopleArePrimary(primary.id)));
    }
    if routing.apps.len() > 1 && routing.default.is_none() && routing.primary.is_none() {
        found.push(warning("CHK-5", About::Surface, Advice::NobodyInFront));
    }
    found
}

/// CHK-3: apps with their webhook addresses, of which no two should be the same. The later one is warned of.
pub fn of_addresses<'a>(apps: impl IntoIterator<Item = (AppId, &'a str)>) -> Vec<Warning> {
    let mut first: HashMap<&str, AppId> = HashMap::new();
    let mut found = Vec::new();
    for (app, address) in apps {
        match first.entry(address) {
            Entry::Occupied(other) => {
                found.push(warning("CHK-3", About::App(app), Advice::SharedAddress(*other.get())));
            }
            Entry::Vacant(new) => _ = new.insert(app),
        }
    }
    found
}

/// Whether a conversation has an owner for whom a request has waited for 24 hours: the first half of CHK-6, which
/// the thread alone tells.
pub fn request_waits(owner: Option<AppId>, requests: &[Waiting], now: Timestamp) -> bool {
    owner.is_some() && requests.iter().any(|waiting| waiting.at.plus_seconds(DAY) <= now)
}

/// CHK-6: the owner neither passed nor released for 24 hours while a request waits. `moved_at` is when control
/// last went from one to another, none when it never did as far as is known.
pub fn of_waiting(
    owner: Option<AppId>,
    requests: &[Waiting],
    moved_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Warning> {
    let rests = moved_at.is_none_or(|at| at.plus_seconds(DAY) <= now);
    let waits = request_waits(owner, requests, now) && rests;
    waits.then(|| warning("CHK-6", About::Thread, Advice::RequestWaits))
}

/// CHK-7: a pass or a release by its own edge where the mode that decided has the Send API's `thread_control`.
pub fn of_call(mode: Mode, cause: Cause, by: Option<AppId>) -> Option<Warning> {
    let is_old = mode == Mode::MessengerRouting && matches!(cause, Cause::Pass | Cause::Release);
    let app = by.filter(|app| is_old && !app.is_inbox())?;
    Some(warning("CHK-7", About::Connection(app), Advice::OldEdge))
}
