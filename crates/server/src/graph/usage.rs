//! How much apps ask: what the headers of an answer say of it, and where an operator sets limits, when it is too much.
//! Nothing is limited unless settings say so. A call that is refused for that is not counted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use baton_rules::{AppId, PageId, Surface, Timestamp};
use baton_wire::GraphError;
use serde_json::json;

use super::Wrong;
use crate::config::Limits;

/// Milliseconds in which calls are counted, and messages.
const HOUR: i64 = 3_600_000;
const SECOND: i64 = 1_000;

/// Counts.
pub(crate) struct Usage {
    limits: Limits,
    /// One for each that ever called: apps and pages are an operator's, so there are only so many.
    windows: Mutex<HashMap<Whose, Window>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Whose {
    App(AppId),
    Page(AppId, PageId),
    Sends(AppId, PageId),
}

/// Calls of this period and of the one before, which counts less the longer this one lasts.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    period: i64,
    before: u64,
    now: u64,
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    percent: u64,
    /// Milliseconds until there is room again, if there is none.
    wait: Option<i64>,
}

impl Window {
    /// Counts one more, if there is room.
    fn count(&mut self, now: Timestamp, length: i64, most: u64) -> Share {
        let period = now.0.div_euclid(length);
        if period != self.period {
            let before = if period == self.period + 1 { self.now } else { 0 };
            *self = Self { period, before, now: 0 };
        }
        let elapsed = now.0.rem_euclid(length);
        let rest = u64::try_from(length - elapsed).unwrap_or_default();
        let length = u64::try_from(length).unwrap_or(1);
        let used = self.now + self.before.saturating_mul(rest) / length;
        if used >= most {
            return Share { percent: 100, wait: Some(i64::try_from(rest).unwrap_or_default()) };
        }
        self.now += 1;
        Share { percent: (used + 1).saturating_mul(100) / most, wait: None }
    }
}

/// What the headers of an answer say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Whether the token is an Instagram account's, whose errors have another type.
    pub(super) instagram: bool,
    app: Share,
    page: Option<(PageId, Surface, Share)>,
}

impl Seen {
    /// The same, by a token of an Instagram account or not.
    pub(super) fn by(self, instagram: bool) -> Self {
        Self { instagram, ..self }
    }

    /// `x-app-usage`: percent of the limit, zeros where there is none.
    pub(super) fn app_header(&self) -> String {
        let percent = self.app.percent;
        json!({"call_count": percent, "total_cputime": 0, "total_time": 0}).to_string()
    }

    /// `x-business-use-case-usage`, by page or account.
    pub(super) fn page_header(&self) -> Option<String> {
        let (page, surface, share) = self.page.as_ref()?;
        let kind = match surface {
            Surface::Messenger => "messenger",
            Surface::Instagram => "instagram",
        };
        let minutes = share.wait.map_or(0, |wait| (wait + 59_999) / 60_000);
        let one = json!([{
            "type": kind,
            "call_count": share.percent,
            "total_cputime": 0,
            "total_time": 0,
            "estimated_time_to_regain_access": minutes,
        }]);
        Some(json!({page.to_string(): one}).to_string())
    }
}

impl Usage {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, windows: Mutex::default() }
    }

    fn count(&self, whose: Whose, now: Timestamp, length: i64, most: u64) -> Share {
        if most == 0 {
            return Share::default();
        }
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        windows.entry(whose).or_default().count(now, length, most)
    }

    /// A call of an app. What its answer says of it, and the error if it is too much.
    pub(super) fn of_app(&self, app: AppId, now: Timestamp) -> (Seen, Result<(), Wrong>) {
        let share = self.count(Whose::App(app), now, HOUR, self.limits.app_calls);
        let seen = Seen { app: share, ..Seen::default() };
        (seen, refused(share, "limits.app_calls", self.limits.app_calls, "an hour", GraphError::app_limit))
    }

    /// A call of an app about a page, or about its account (`node`).
    pub(super) fn of_page(
        &self,
        app: AppId,
        page: PageId,
        node: PageId,
        now: Timestamp,
    ) -> (Seen, Result<(), Wrong>) {
        let surface = if node == page { Surface::Messenger } else { Surface::Instagram };
        let (seen, within) = self.of_app(app, now);
        if within.is_err() {
            return (Seen { page: Some((node, surface, Share::default())), ..seen }, within);
        }
        let most = self.limits.page_calls;
        let share = self.count(Whose::Page(app, page), now, HOUR, most);
        let within = refused(share, "limits.page_calls", most, "an hour", || GraphError::page_limit(surface));
        (Seen { page: Some((node, surface, share)), ..seen }, within)
    }

    /// A message of an app for a page.
    pub(super) fn of_send(&self, app: AppId, page: PageId, now: Timestamp) -> Result<(), Wrong> {
        let most = self.limits.sends;
        let share = self.count(Whose::Sends(app, page), now, SECOND, most);
        refused(share, "limits.sends", most, "a second", GraphError::rate)
    }
}

fn refused(
    share: Share,
    setting: &str,
    most: u64,
    period: &str,
    error: impl FnOnce() -> GraphError,
) -> Result<(), Wrong> {
    let Some(wait) = share.wait else { return Ok(()) };
    let seconds = (wait + 999) / 1000;
    let text = format!(
        "This server allows {most} in {period} ({setting}). There is room again within {seconds} seconds."
    );
    Err(error().with_plain("Too many calls", &text).into())
}

#[cfg(test)]
mod tests {
    //! How the count goes down again.

    use super::*;

    #[test]
    fn what_was_before_counts_less_and_less() {
        let mut window = Window::default();
        let at = |ms| Timestamp(1_000_000 * HOUR + ms);
        for number in 1..=10 {
            let share = window.count(at(0), HOUR, 10);
            assert_eq!((share.percent, share.wait), (number * 10, None));
        }
        let full = window.count(at(HOUR - 1000), HOUR, 10);
        assert_eq!((full.percent, full.wait), (100, Some(1000)), "nothing is forgotten within the hour");
        // Half an hour into the next one, half of them count.
        for _ in 0..5 {
            assert_eq!(window.count(at(HOUR + HOUR / 2), HOUR, 10).wait, None);
        }
        assert!(window.count(at(HOUR + HOUR / 2), HOUR, 10).wait.is_some());
        // Two hours later all is forgotten.
        assert_eq!(window.count(at(4 * HOUR), HOUR, 10), Share { percent: 10, wait: None });
    }
}
