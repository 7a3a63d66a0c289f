//! What is known of a conversation: what happened to it, in order, and nothing else. Every question is answered by
//! looking back, and nothing is ever changed.

use baton_rules::{AppId, Folder, Mode, Routing};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Something was decided, in this mode.
    Decided(Mode),
    /// The person said something.
    Heard,
    /// The messaging window was opened until a moment.
    Open(i64),
    /// An app has control by one of its connections until a moment, and each message gives it so many days.
    Controls { app: AppId, connection: u32, until: i64, days: i64 },
    /// Nobody has control by anything that was given.
    Free,
    /// An app waits for control.
    Waits(AppId),
    /// An app waits no more.
    Leaves(AppId),
    /// Nobody waits.
    NobodyWaits,
    /// Where the inbox shows it.
    Lies(Folder),
    /// A survey is held back.
    Holds,
    /// A survey is held back no more.
    Lets,
}

/// All facts of one conversation, with their times in milliseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts(Vec<(i64, Fact)>);

impl Facts {
    pub(crate) fn add(&mut self, at: i64, fact: Fact) {
        self.0.push((at, fact));
    }

    /// Whether the person ever did anything.
    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    fn last<T>(&self, wanted: impl Fn(i64, Fact) -> Option<T>) -> Option<T> {
        self.0.iter().rev().find_map(|(at, fact)| wanted(*at, *fact))
    }

    pub(crate) fn heard(&self) -> Option<i64> {
        self.last(|at, fact| (fact == Fact::Heard).then_some(at))
    }

    /// Whether the person was silent for a day, or always.
    pub(crate) fn silent(&self, now: i64) -> bool {
        self.heard().is_none_or(|at| now >= at + DAY)
    }

    /// Until when the window is open: no opening closes it earlier than another.
    pub(crate) fn open_until(&self) -> Option<i64> {
        let opened = self.0.iter().filter_map(|(_, fact)| match fact {
            Fact::Open(until) => Some(*until),
            _ => None,
        });
        opened.max()
    }

    /// What was given last, if that connection is still there: the app, until when, and its days.
    fn given(&self, page: &Routing) -> Option<(AppId, i64, i64)> {
        let given = self.last(|_, fact| match fact {
            Fact::Controls { app, connection, until, days } => Some(Some((app, connection, until, days))),
            Fact::Free => Some(None),
            _ => None,
        });
        let (app, connection, until, days) = given.flatten()?;
        let now = if app == page.inbox() { Some(0) } else { page.app(app).map(|app| app.connection) };
        (now == Some(connection)).then_some((app, until, days))
    }

    /// What was given and lasts.
    pub(crate) fn control(&self, page: &Routing, now: i64) -> Option<(AppId, i64, i64)> {
        let given = self.given(page).filter(|(_, until, _)| now < *until);
        given.filter(|(app, _, _)| Some(*app) != fallback(page))
    }

    /// Whether what was given has lapsed, and nothing was decided since.
    pub(crate) fn lapsed(&self, page: &Routing, now: i64) -> bool {
        self.given(page).is_some_and(|(app, until, _)| now >= until && Some(app) != fallback(page))
    }

    pub(crate) fn owner(&self, page: &Routing, now: i64) -> Option<AppId> {
        self.control(page, now).map(|(app, _, _)| app).or(fallback(page))
    }

    pub(crate) fn folder(&self) -> Folder {
        let lies = self.last(|_, fact| match fact {
            Fact::Lies(folder) => Some(folder),
            _ => None,
        });
        lies.unwrap_or_default()
    }

    /// Who waits, the first first: nobody where nobody is in control, or where the mode is another than last time.
    pub(crate) fn waiting(&self, page: &Routing, now: i64) -> Vec<AppId> {
        let mode = self.last(|_, fact| match fact {
            Fact::Decided(mode) => Some(mode),
            _ => None,
        });
        if mode.is_some_and(|mode| mode != page.mode()) || self.owner(page, now).is_none() {
            return Vec::new();
        }
        let mut waiting: Vec<AppId> = Vec::new();
        for (_, fact) in &self.0 {
            match fact {
                Fact::Waits(app) if !waiting.contains(app) => waiting.push(*app),
                Fact::Leaves(app) => waiting.retain(|waits| waits != app),
                Fact::NobodyWaits => waiting.clear(),
                _ => {}
            }
        }
        waiting.retain(|app| page.app(*app).is_some());
        waiting
    }

    pub(crate) fn held(&self) -> usize {
        self.0.iter().fold(0, |held: usize, (_, fact)| match fact {
            Fact::Holds => held + 1,
            Fact::Lets => held.saturating_sub(1),
            _ => held,
        })
    }
}

/// Who has what nobody was given.
pub(crate) fn fallback(page: &Routing) -> Option<AppId> {
    if page.mode() == Mode::MessengerRouting { page.default_app() } else { None }
}
