//! What is counted for an ad (AD-6): its entries, and the conversations that were opened while the app that it
//! names had control by that entry.
//!
//! A conversation is opened by the first message after an entry, and by every message that finds the messaging
//! window closed. A tap without a message opens none.

use crate::action::{Action, Cause, Entry, What};
use crate::ids::AppId;
use crate::row::{Case, Way};
use crate::thread::{Entered, Thread};
use crate::window;

/// What a decision adds to the counts of an ad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdCount {
    /// The ad.
    pub ad: Box<str>,
    /// Entries.
    pub entries: u64,
    /// Conversations.
    pub conversations: u64,
}

/// Counts, and keeps in the thread by which ad its owner has it. `after` is the owner from now on, `new_owner`
/// whether control moved.
pub(crate) fn count(
    case: &Case<'_>,
    action: &Action<'_>,
    thread: &mut Thread,
    after: Option<AppId>,
    new_owner: bool,
) -> Vec<AdCount> {
    let Action::Person(did) = action else {
        if new_owner || action.cause() == Cause::Release {
            thread.entered = None;
        }
        return Vec::new();
    };
    let entry = match (did.entry, case.way(did)) {
        (Some(Entry::Ad { id }), Way::Ad(named)) if did.what.is_user_message() => {
            Some((id, named.map(|(app, _)| app)))
        }
        (_, Way::Ad(_) | Way::Link(_) | Way::Organic) => None,
    };
    let mut counts = Vec::new();
    if let Some((ad, _)) = entry {
        counts.push(AdCount { ad: ad.into(), entries: 1, conversations: 0 });
    }
    let again = |ad| !new_owner && thread.entered.as_ref().is_some_and(|entered| &*entered.ad == ad);
    match entry {
        Some((ad, Some(app))) if after == Some(app) => {
            if !again(ad) {
                thread.entered = Some(Entered { ad: ad.into(), app, opened: false });
            }
        }
        Some(_) | None if new_owner => thread.entered = None,
        Some(_) | None => {}
    }
    let speaks = did.what.is_user_message() && did.what != What::Referral;
    let anew = !window::standard_open(case.thread(), case.now);
    if let Some(entered) = thread.entered.as_mut().filter(|entered| speaks && (anew || !entered.opened)) {
        entered.opened = true;
        match counts.iter_mut().find(|count| count.ad == entered.ad) {
            Some(count) => count.conversations = 1,
            None => counts.push(AdCount { ad: entered.ad.clone(), entries: 0, conversations: 1 }),
        }
    }
    counts
}
