//! The two surfaces of a page: Messenger, which is always there, and the Instagram account that may be linked.

use baton_rules::{PageId, Profile, Surface};
use baton_store::{Granting, InstagramSide, Side};

use super::input::{AccountTable, GrantTable, SideTable};
use super::pages::{Part, new_page_id};
use super::plan::one_of;
use crate::api::time;

/// The most days that `ad_window_days` may be (WIN-2).
const LONGEST_WINDOW: u8 = 7;
/// What `answer_within` may be, in seconds (TIMER-1).
const ANSWER_WITHIN: std::ops::RangeInclusive<i64> = 60..=30 * 24 * 60 * 60;

/// The most days that an ad may give control for (AD-2), and how many when the file does not say.
const fn longest_control(on: Surface) -> u8 {
    match on {
        Surface::Messenger => 7,
        Surface::Instagram => 30,
    }
}

impl Part<'_, '_, '_> {
    /// The page's Messenger surface.
    pub(super) fn messenger(&mut self, table: &SideTable, pointer: &str) -> Side {
        self.side(table, Surface::Messenger, pointer)
    }

    /// The Instagram account. An id or a name that the file does not say is kept or made up.
    pub(super) fn instagram(
        &mut self,
        table: &AccountTable,
        pointer: &str,
        before: Option<&InstagramSide>,
    ) -> Option<InstagramSide> {
        let id = match table.id.as_deref().map(str::parse::<PageId>) {
            Some(Ok(id)) => id,
            Some(Err(_)) => {
                let detail = "an Instagram account's id is a number of at most 18 digits, as text";
                self.draft.refuse(format!("{pointer}/id"), detail);
                return None;
            }
            None => match before {
                Some(before) => before.id,
                None => new_page_id(self.draft),
            },
        };
        let username = match &table.username {
            Some(username) => {
                let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
                if !(1..=30).contains(&username.len()) || !username.chars().all(is_plain) {
                    let detail = "a username has 1 to 30 letters, digits, dots and underscores";
                    self.draft.refuse(format!("{pointer}/username"), detail);
                }
                username.clone()
            }
            None => before.map_or_else(|| id.to_string(), |before| before.username.clone()),
        };
        let side = self.side(&table.side(), Surface::Instagram, pointer);
        Some(InstagramSide { id, username, side })
    }

    fn side(&mut self, table: &SideTable, on: Surface, pointer: &str) -> Side {
        let mut app = |text: &Option<String>, key: &str| {
            text.as_ref().and_then(|text| self.app(text, on, format!("{pointer}/{key}")))
        };
        let default_app = app(&table.default_app, "default_app");
        let primary_receiver = app(&table.primary_receiver, "primary_receiver");
        let organic_app = app(&table.organic_app, "organic_app");
        let most = longest_control(on);
        Side {
            default_app,
            primary_receiver,
            organic_app,
            ad_max_days: self.days(table.ad_max_days, most, most, &format!("{pointer}/ad_max_days")),
            ad_window_days: self.days(
                table.ad_window_days,
                1,
                LONGEST_WINDOW,
                &format!("{pointer}/ad_window_days"),
            ),
            profile: self.profile(table.profile.as_deref(), on, &format!("{pointer}/profile")),
            answer_within: self.answer_within(table.answer_within.as_deref(), pointer),
            grant: self.grants(&table.grant, on, pointer),
        }
    }

    fn answer_within(&mut self, given: Option<&str>, pointer: &str) -> Option<i64> {
        let seconds = time::duration(given?).map(|ms| ms / 1000);
        let fitting = seconds.as_ref().is_ok_and(|seconds| ANSWER_WITHIN.contains(seconds));
        if !fitting {
            let detail = "1 minute to 30 days, as in \"15m\" or \"2h\"";
            self.draft.refuse(format!("{pointer}/answer_within"), detail);
        }
        seconds.ok().filter(|_| fitting)
    }

    fn grants(&mut self, tables: &[GrantTable], on: Surface, pointer: &str) -> Vec<Granting> {
        let mut grants = Vec::new();
        for (index, table) in tables.iter().enumerate() {
            let at = format!("{pointer}/grant/{index}");
            let (from, to) = (
                self.app(&table.from, on, format!("{at}/from")),
                self.app(&table.to, on, format!("{at}/to")),
            );
            let Some((from, to)) = from.zip(to) else { continue };
            let grant = Granting { from, to };
            if from == to {
                self.draft.refuse(format!("{at}/to"), "an app asks itself for nothing: name another");
            } else if grants.contains(&grant) {
                self.draft.refuse(at, "this is there twice: keep one of the two");
            } else {
                grants.push(grant);
            }
        }
        grants
    }

    fn days(&mut self, given: Option<u8>, usual: u8, most: u8, pointer: &str) -> u8 {
        match given {
            Some(days) if (1..=most).contains(&days) => days,
            Some(_) => {
                self.draft.refuse(pointer.to_owned(), format!("1 to {most} days"));
                usual
            }
            None => usual,
        }
    }

    /// A profile is one of the surface's own (MODE-1).
    fn profile(&mut self, name: Option<&str>, on: Surface, pointer: &str) -> Option<String> {
        let name = name?;
        if Profile::named(on, name).is_none() {
            let known = Profile::ALL.iter().filter(|(_, surface, _)| *surface == on);
            let known: Vec<&str> = known.map(|(_, _, name)| *name).collect();
            self.draft.refuse(pointer.to_owned(), one_of(name, &known));
        }
        Some(name.to_owned())
    }
}
