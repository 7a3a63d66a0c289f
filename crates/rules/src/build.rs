//! Pages, apps and threads in a few words, for tests and demonstrations: a story reads by its roles, not by
//! its numbers. Nothing in the product itself is built with this.
//!
//! ```
//! use baton_rules::build::{app, page, person};
//! use baton_rules::{Mode, Thread, Timestamp, standing};
//!
//! let page = page().primary("bot").app("desk").link("spring", "desk");
//! assert_eq!(page.mode(), Mode::HandoverPrimary);
//! assert!(page.reaches(app("desk")));
//! assert_eq!(standing(&page, &Thread::default(), Timestamp(0)).owner, None);
//! ```

use std::ops::Deref;

use crate::action::{Action, Ask, Desk, Did, Entry, What};
use crate::ids::{AppId, PersonId, Surface, Timestamp};
use crate::routing::{Ad, ConnectedApp, Fields, Link, Profile, Routing};
use crate::thread::{Grant, Thread};
use crate::window::DAY;

/// The longest name that fits into an app id.
const LONGEST_NAME: usize = 10;

/// The app with this role name; `inbox` is the Page Inbox. The same name is the same app everywhere, with no
/// table of names to keep: the letters are the id's digits, so ids have at most 15 digits.
///
/// # Panics
///
/// Unless the name is 1 to 10 of the letters a to z.
pub fn app(name: &str) -> AppId {
    if name == "inbox" {
        return AppId::PAGE_INBOX;
    }
    let short = (1..=LONGEST_NAME).contains(&name.len());
    assert!(
        short && name.bytes().all(|b| b.is_ascii_lowercase()),
        "an app is named by 1 to 10 letters: {name:?}"
    );
    let number = name.bytes().fold(0, |number, letter| number * 27 + u64::from(letter - b'a') + 1);
    AppId::new(number).unwrap_or(AppId::PAGE_INBOX)
}

/// The role name of an app that [`app`] made; the digits of any other.
pub fn name(app: AppId) -> String {
    if app.is_inbox() {
        return "inbox".to_owned();
    }
    let (mut rest, mut letters) = (app.number(), Vec::new());
    while rest > 0 {
        match u8::try_from(rest % 27) {
            Ok(digit @ 1..) if letters.len() < LONGEST_NAME => letters.push(char::from(b'a' + digit - 1)),
            Ok(_) | Err(_) => return app.to_string(),
        }
        rest /= 27;
    }
    letters.into_iter().rev().collect()
}

/// The person with this id.
///
/// # Panics
///
/// If it is not one.
pub fn person(id: &str) -> PersonId {
    match id.parse() {
        Ok(person) => person,
        Err(wrong) => panic!("{wrong}: {id:?}"),
    }
}

/// A page's Messenger surface with nothing set and nobody connected.
pub fn page() -> Page {
    Page(Routing::new(Surface::Messenger))
}

/// An Instagram account with nothing set and nobody connected.
pub fn account() -> Page {
    Page(Routing::new(Surface::Instagram))
}

/// A page's settings as they are built up. Reads as the [`Routing`] that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page(Routing);

impl Deref for Page {
    type Target = Routing;

    fn deref(&self) -> &Routing {
        &self.0
    }
}

impl Page {
    /// The settings, to keep or to change further.
    pub fn routing(self) -> Routing {
        self.0
    }

    /// The app with this role name; `inbox` is this surface's.
    pub fn id(&self, name: &str) -> AppId {
        if name == "inbox" { self.0.inbox() } else { app(name) }
    }

    /// Goes by a profile.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.0.profile = profile;
        self
    }

    /// Connects an app with every field and standby access, unless it is connected.
    #[must_use]
    pub fn app(self, name: &str) -> Self {
        self.app_with(name, |_| {})
    }

    /// Connects an app, and changes its connection.
    #[must_use]
    pub fn app_with(mut self, name: &str, change: impl FnOnce(&mut ConnectedApp)) -> Self {
        let id = self.id(name);
        if !self.0.reaches(id) {
            let fields = Fields::ALL.iter().fold(Fields::NONE, |all, (field, _)| all.with(*field));
            let connected = ConnectedApp {
                id,
                connection: 1,
                fields,
                standby: true,
                take_control: false,
                human_agent: false,
                testers: None,
            };
            self.0.apps.push(connected);
        }
        if let Some(connected) = self.0.apps.iter_mut().find(|connected| connected.id == id) {
            change(connected);
        }
        self
    }

    /// Disconnects an app; settings that name it stay, and count as unset.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.apps.retain(|connected| connected.id != app(name));
        self
    }

    /// Sets the primary receiver, connected: the Handover Protocol with one (HOP-P).
    #[must_use]
    pub fn primary(self, name: &str) -> Self {
        let mut page = self.app(name);
        page.0.primary = Some(app(name));
        page
    }

    /// Sets the default app, connected: Conversation Routing.
    #[must_use]
    pub fn default_app(self, name: &str) -> Self {
        let mut page = self.app(name);
        page.0.default = Some(page.id(name));
        page
    }

    /// Sets the social/organic route.
    #[must_use]
    pub fn organic(mut self, name: &str) -> Self {
        self.0.organic = Some(self.id(name));
        self
    }

    /// Routes a link.
    #[must_use]
    pub fn link(mut self, reference: &str, to: &str) -> Self {
        let link = Link { reference: reference.into(), app: self.id(to) };
        self.0.links.push(link);
        self
    }

    /// Publishes an ad for everybody; `to` is its receiving app.
    #[must_use]
    pub fn ad(self, id: &str, to: Option<&str>, days: Option<i64>) -> Self {
        let to = to.map(|to| self.id(to));
        self.ad_with(id, |ad| {
            ad.app = to;
            ad.days = days;
        })
    }

    /// Publishes an ad, and changes it.
    #[must_use]
    pub fn ad_with(mut self, id: &str, change: impl FnOnce(&mut Ad)) -> Self {
        let mut ad = Ad { id: id.into(), published: true, audience: Vec::new(), app: None, days: None };
        change(&mut ad);
        self.0.ads.push(ad);
        self
    }

    /// Changes anything else.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Routing)) -> Self {
        change(&mut self.0);
        self
    }
}

/// A thread whose person wrote at `heard`, never if none, and that an app was given until a moment.
pub fn thread(page: &Routing, owner: Option<(&str, Timestamp)>, heard: Option<Timestamp>) -> Thread {
    let control = owner.map(|(name, until)| {
        let app = if name == "inbox" { page.inbox() } else { app(name) };
        Grant { app, connection: page.connection(app).unwrap_or_default(), until }
    });
    let window_closes = heard.map(|heard| heard.plus_seconds(DAY));
    Thread { control, last_heard: heard, window_closes, ..Thread::default() }
}

/// The person does something, by no entry point.
pub const fn did(what: What) -> Action<'static> {
    Action::Person(Did { what, entry: None })
}

/// The person does something by an ad.
pub const fn did_by_ad(what: What, id: &str) -> Action<'_> {
    Action::Person(Did { what, entry: Some(Entry::Ad { id }) })
}

/// The person does something by a link.
pub const fn did_by_link(what: What, reference: &str) -> Action<'_> {
    Action::Person(Did { what, entry: Some(Entry::Link { reference }) })
}

/// An app asks for something, without metadata.
pub fn asks(name: &str, ask: Ask) -> Action<'static> {
    Action::App { by: app(name), ask, metadata: None }
}

/// Somebody uses the inbox.
pub const fn desk(desk: Desk) -> Action<'static> {
    Action::Inbox { desk, metadata: None }
}
