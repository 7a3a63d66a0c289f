//! The vocabulary of a table row: what a row may say, and what it is chosen by.
//!
//! A row says *what*: who owns the thread, until when, which control event is due. How that becomes a decision
//! is said once for all modes, in `settle`.

use crate::action::{Did, Entry};
use crate::decision::{Metadata, Survey};
use crate::ids::{AppId, PersonId, Surface, Timestamp};
use crate::refusal::Refusal;
use crate::routing::{ConnectedApp, Mode, MoveToMain, Routing};
use crate::thread::{Folder, Standing, Thread};
use crate::window::{self, Expiry};

/// A row of the specification, by its identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule(pub &'static str);

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// What a row says of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// `=`
    Same,
    /// An app.
    App(AppId),
    /// Whoever owns what nobody was given: idle; in Conversation Routing on Messenger the default app.
    Nobody,
}

/// A control event that a row causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    /// PASS to the new owner.
    Pass(Metadata),
    /// TAKE by the caller; who hears it is the mode's business (WH-TAKE-*).
    Take(Metadata),
    /// REQ to the owner, and to the primary receiver.
    Request(Metadata),
    /// `pass_thread_metadata` to an app.
    Metadata(AppId),
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    pub(crate) rule: Rule,
    pub(crate) via: Option<Rule>,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) owner: Owner,
    pub(crate) expiry: Expiry,
    /// Before the message.
    pub(crate) first: Option<Hook>,
    /// After the message: a pass in the same call (WH-8).
    pub(crate) then: Option<Hook>,
    /// Whose the payload of the button is, where that is not the owner's (SB-4).
    pub(crate) payload: Option<AppId>,
    pub(crate) survey: Survey,
}

/// A row that allows.
pub(crate) const fn ok(rule: &'static str) -> Row {
    Row {
        rule: Rule(rule),
        via: None,
        refusal: None,
        owner: Owner::Same,
        expiry: Expiry::Same,
        first: None,
        then: None,
        payload: None,
        survey: Survey::None,
    }
}

/// A row that refuses.
pub(crate) const fn no(rule: &'static str, why: Refusal) -> Row {
    let mut row = ok(rule);
    row.refusal = Some(why);
    row
}

/// A row that says "as" another.
pub(crate) const fn refer(rule: &'static str, mut other: Row) -> Row {
    other.via = match other.via {
        // The row that decides in the end is the one to name.
        Some(last) => Some(last),
        None => Some(other.rule),
    };
    other.rule = Rule(rule);
    other
}

impl Row {
    pub(crate) const fn owner(mut self, app: AppId) -> Row {
        self.owner = Owner::App(app);
        self
    }

    pub(crate) const fn nobody(mut self) -> Row {
        self.owner = Owner::Nobody;
        self
    }

    pub(crate) const fn expiry(mut self, expiry: Expiry) -> Row {
        self.expiry = expiry;
        self
    }

    /// PASS by the call, with its metadata (WH-PASS-1): a pass, or a request of an idle thread (WH-PASS-3).
    pub(crate) const fn pass(mut self) -> Row {
        self.first = Some(Hook::Pass(Metadata::Given));
        self
    }

    /// PASS caused by something else than a pass (WH-PASS-2). A row without a hook tells nobody (WH-PASS-4).
    pub(crate) const fn pass_saying(mut self, metadata: &'static str) -> Row {
        self.first = Some(Hook::Pass(Metadata::Fixed(metadata)));
        self
    }

    /// TAKE by the call, with its metadata.
    pub(crate) const fn take(mut self) -> Row {
        self.first = Some(Hook::Take(Metadata::Given));
        self
    }

    /// TAKE by sending or by the inbox: its metadata is empty (WH-TAKE-4).
    pub(crate) const fn take_silently(mut self) -> Row {
        self.first = Some(Hook::Take(Metadata::Fixed("")));
        self
    }

    pub(crate) const fn request(mut self, metadata: Metadata) -> Row {
        self.first = Some(Hook::Request(metadata));
        self
    }

    pub(crate) const fn tell(mut self, app: AppId) -> Row {
        self.first = Some(Hook::Metadata(app));
        self
    }

    /// PASS after the message of the same call.
    pub(crate) const fn then_pass(mut self) -> Row {
        self.then = Some(Hook::Pass(Metadata::Fixed("")));
        self
    }

    /// The button's payload is this app's, which hears the event in `messaging` whoever owns.
    pub(crate) const fn payload(mut self, app: AppId) -> Row {
        self.payload = Some(app);
        self
    }

    pub(crate) const fn survey(mut self, survey: Survey) -> Row {
        self.survey = survey;
        self
    }

    /// A hook only under a condition that the row's Hooks column names.
    pub(crate) const fn unless(mut self, condition: bool) -> Row {
        if condition {
            self.first = None;
        }
        self
    }

    /// The same for the hook after the message.
    pub(crate) const fn then_unless(mut self, condition: bool) -> Row {
        if condition {
            self.then = None;
        }
        self
    }
}

/// What a row is chosen by.
pub(crate) struct Case<'a> {
    pub(crate) routing: &'a Routing,
    pub(crate) mode: Mode,
    pub(crate) person: &'a PersonId,
    /// Whether nothing is remembered of the thread.
    pub(crate) is_new: bool,
    /// Where the thread stands, lapse applied.
    pub(crate) stands: Standing,
    pub(crate) now: Timestamp,
    /// The caller; for a person's event the surface's inbox, which is never looked at.
    pub(crate) by: AppId,
}

/// An entry point, resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By an ad: the app that it names, and its days; none when it names none that counts (AD-1).
    Ad(Option<(AppId, u8)>),
    /// By a link: the app that it is routed to.
    Link(Option<AppId>),
    /// By nothing in particular.
    Organic,
}

impl Case<'_> {
    pub(crate) fn thread(&self) -> &Thread {
        &self.stands.thread
    }

    pub(crate) fn owned_by(&self, app: AppId) -> bool {
        self.stands.owner == Some(app)
    }

    pub(crate) fn caller(&self) -> Option<&ConnectedApp> {
        self.routing.app(self.by)
    }

    pub(crate) fn human_agent(&self) -> bool {
        self.caller().is_some_and(|app| app.human_agent)
    }

    pub(crate) fn may_take(&self) -> bool {
        self.caller().is_some_and(|app| app.take_control)
    }

    /// The app that is connected and made a button, menu or ice breaker.
    pub(crate) fn connected(&self, creator: Option<AppId>) -> Option<AppId> {
        creator.filter(|app| self.routing.reaches(*app))
    }

    pub(crate) fn on_instagram(&self) -> bool {
        self.routing.surface == Surface::Instagram
    }

    /// `D`, the default app. Conversation Routing has one, or it would be another mode.
    pub(crate) fn default_app(&self) -> AppId {
        self.routing.default_app().unwrap_or(self.routing.inbox())
    }

    /// `R`, the organic route's app if it is set, else the default app.
    pub(crate) fn organic_app(&self) -> AppId {
        self.routing.organic_route().unwrap_or(self.default_app())
    }

    pub(crate) fn asks_for_main(&self) -> bool {
        self.routing.inbox_move_to_main == MoveToMain::Request
    }

    pub(crate) fn done(&self) -> bool {
        self.thread().folder == Folder::Done
    }

    /// Resolves the entry point.
    pub(crate) fn way(&self, did: &Did<'_>) -> Way {
        match did.entry {
            None | Some(Entry::Organic) => Way::Organic,
            Some(Entry::Link { reference }) => Way::Link(self.routing.link_route(reference)),
            Some(Entry::Ad { id }) => {
                let ad = self.routing.ad(id);
                let app = ad.and_then(|ad| ad.app).filter(|app| self.routing.reaches(*app));
                let days = window::ad_days(ad.and_then(|ad| ad.days), self.routing.ad_max_days);
                Way::Ad(app.map(|app| (app, days)))
            }
        }
    }

    /// AD-4 and AD-5: an ad that cannot be entered is not there.
    pub(crate) fn barred(&self, did: &Did<'_>) -> Option<Row> {
        let Some(Entry::Ad { id }) = did.entry else { return None };
        match self.routing.ad(id) {
            Some(ad) if !ad.published => Some(no("AD-4", Refusal::AdNotAvailable)),
            Some(ad) if !ad.audience.is_empty() && !ad.audience.contains(self.person) => {
                Some(no("AD-5", Refusal::AdNotAvailable))
            }
            Some(_) => None,
            None => Some(no("AD-4", Refusal::AdNotAvailable)),
        }
    }
}

/// What is delivered and moves nothing, in every mode: reads, deliveries, reactions and their like.
pub(crate) fn signal(case: &Case<'_>) -> Row {
    match case.stands.owner {
        Some(_) => ok("SB-1"),
        None => ok("SB-2"),
    }
}
