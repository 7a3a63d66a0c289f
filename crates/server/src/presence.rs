//! Who looks at which conversation just now, and who writes an answer in it: colleagues see each other before two of them
//! answer the same person. In memory, bounded, and gone when a browser says nothing for a while; it decides nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use baton_rules::{ThreadKey, Timestamp};

use crate::door::Caller;

/// For how long somebody is there who says nothing more, in milliseconds.
const STAYS_MS: i64 = 15_000;
/// How many are remembered of one conversation: beyond that a crowd is a crowd.
const CROWD: usize = 50;
/// How many conversations are looked at at once, at most.
const CONVERSATIONS: usize = 10_000;

/// What somebody does there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Has it open.
    Looking,
    /// Has begun an answer.
    Writing,
}

/// Somebody who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct There {
    /// What they are called.
    pub(crate) name: String,
    pub(crate) doing: Doing,
    /// Since when they are there.
    pub(crate) since: Timestamp,
}

/// Who is where.
#[derive(Default)]
pub(crate) struct Presence(Mutex<HashMap<ThreadKey, Vec<Kept>>>);

struct Kept {
    who: Who,
    there: There,
    seen: Timestamp,
}

/// Whom somebody is told from others by: a member has one name in all their browsers, who has no name has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// A member.
    Member(u64),
    /// A browser that showed a token or a link.
    Browser([u8; 32]),
}

impl Who {
    /// Whose presence a caller's is; none: a program looks at nothing.
    pub(crate) const fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::Program | Caller::Onlooker => None,
            Caller::Passing { session, .. } => Some(Self::Browser(*session)),
            Caller::Member { id, .. } => Some(Self::Member(*id)),
        }
    }
}

impl Presence {
    /// Somebody is there, does something else or leaves (`doing` is none); answers who else is there.
    pub(crate) fn say(
        &self,
        thread: &ThreadKey,
        (who, name): (&Who, &str),
        doing: Option<Doing>,
        now: Timestamp,
    ) -> Vec<There> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_there = |one: &Kept| now.0 - one.seen.0 < STAYS_MS;
        if all.len() >= CONVERSATIONS {
            all.retain(|_, kept| kept.iter().any(is_there));
        }
        let has_room = all.len() < CONVERSATIONS;
        let known = all.remove(thread);
        let has_room = has_room || known.is_some();
        let mut here = known.unwrap_or_default();
        here.retain(is_there);
        let before = here.iter().position(|one| one.who == *who).map(|place| here.remove(place));
        let others = here.iter().map(|one| one.there.clone()).collect();
        if let Some(doing) = doing.filter(|_| here.len() < CROWD) {
            let since = before.map_or(now, |one| one.there.since);
            let there = There { name: name.to_owned(), doing, since };
            here.push(Kept { who: who.clone(), there, seen: now });
        }
        if !here.is_empty() && has_room {
            all.insert(thread.clone(), here);
        }
        others
    }

    /// Who is there.
    pub(crate) fn of(&self, thread: &ThreadKey, now: Timestamp) -> Vec<There> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = all.get(thread).into_iter().flatten();
        here.filter(|one| now.0 - one.seen.0 < STAYS_MS).map(|one| one.there.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use baton_rules::Surface;

    use super::*;

    fn thread(person: &str) -> ThreadKey {
        let (page, person) = ("2001".parse().unwrap(), person.parse().unwrap());
        ThreadKey { page, surface: Surface::Messenger, person }
    }

    fn names(there: &[There]) -> Vec<(&str, Doing)> {
        there.iter().map(|one| (one.name.as_str(), one.doing)).collect()
    }

    #[test]
    fn colleagues_see_each_other_and_not_themselves() {
        let (presence, ada) = (Presence::default(), thread("ada"));
        let (nadia, omar) = ((&Who::Member(1), "Nadia"), (&Who::Member(2), "Omar"));
        assert_eq!(presence.say(&ada, nadia, Some(Doing::Looking), Timestamp(0)), []);
        let seen = presence.say(&ada, omar, Some(Doing::Writing), Timestamp(1_000));
        assert_eq!(names(&seen), [("Nadia", Doing::Looking)]);
        let seen = presence.say(&ada, nadia, Some(Doing::Looking), Timestamp(2_000));
        assert_eq!(seen, [There { name: "Omar".to_owned(), doing: Doing::Writing, since: Timestamp(1_000) }]);
        assert_eq!(presence.say(&thread("ben"), nadia, Some(Doing::Looking), Timestamp(3_000)), []);
        // Who leaves is gone at once.
        assert_eq!(names(&presence.say(&ada, omar, None, Timestamp(3_000))), [("Nadia", Doing::Looking)]);
        assert_eq!(presence.say(&ada, nadia, Some(Doing::Looking), Timestamp(4_000)), []);
        // Since when somebody is there does not change by saying it again.
        assert_eq!(presence.of(&ada, Timestamp(4_000)).first().map(|one| one.since), Some(Timestamp(0)));
    }

    #[test]
    fn who_says_nothing_more_is_gone_after_a_while() {
        let (presence, ada) = (Presence::default(), thread("ada"));
        let (nadia, omar) = ((&Who::Browser([1; 32]), "link"), (&Who::Browser([2; 32]), "link"));
        presence.say(&ada, nadia, Some(Doing::Writing), Timestamp(0));
        let (last, over) = (Timestamp(STAYS_MS - 1), Timestamp(STAYS_MS));
        assert_eq!(presence.of(&ada, last).len(), 1);
        assert_eq!(presence.say(&ada, omar, Some(Doing::Looking), over), []);
    }

    #[test]
    fn a_crowd_and_many_conversations_are_bounded() {
        let presence = Presence::default();
        for id in 0..2 * CROWD as u64 {
            presence.say(&thread("ada"), (&Who::Member(id), "A"), Some(Doing::Looking), Timestamp(0));
        }
        assert_eq!(presence.of(&thread("ada"), Timestamp(0)).len(), CROWD);
        for person in 0..2 * CONVERSATIONS {
            let (key, who) = (thread(&format!("p{person}")), (&Who::Member(1), "A"));
            presence.say(&key, who, Some(Doing::Looking), Timestamp(0));
        }
        assert_eq!(presence.0.lock().unwrap().len(), CONVERSATIONS);
        // Those who are gone make room.
        let (key, who) = (thread("late"), (&Who::Member(1), "A"));
        presence.say(&key, who, Some(Doing::Looking), Timestamp(STAYS_MS));
        assert_eq!(presence.0.lock().unwrap().len(), 1);
    }
}
