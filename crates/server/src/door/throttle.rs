//! How often somebody may try to sign in: after a few wrong tries for a name the next must wait, twice as long each
//! time. All names together are bounded too. Pure: the time comes from outside.

use std::collections::HashMap;

use baton_rules::Timestamp;

/// Wrong tries for a name that cost nothing.
const FREE: u32 = 5;
/// The longest wait for a name, in seconds.
const LONGEST: i64 = 300;
/// After this long without a wrong try all is forgiven, in seconds.
const FORGIVEN: i64 = 3_600;
/// Names that are remembered; strangers could name more.
const NAMES: usize = 1_000;
/// Wrong tries for all names together within a minute.
const TOGETHER: u32 = 60;
const MINUTE: i64 = 60;

#[derive(Debug)]
struct Tries {
    wrong: u32,
    last: Timestamp,
}

/// Who tried how often.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    names: HashMap<Box<str>, Tries>,
    /// Wrong tries of this minute, and when it began.
    together: Option<(Timestamp, u32)>,
}

impl Throttle {
    /// Whether this name may be tried now; else in how many seconds.
    pub(super) fn try_now(&mut self, name: &str, now: Timestamp) -> Result<(), u64> {
        if let Some((began, wrong)) = self.together
            && wrong >= TOGETHER
            && now < began.plus_seconds(MINUTE)
        {
            return Err(seconds(began.plus_seconds(MINUTE), now));
        }
        let Some(tries) = self.names.get(name) else { return Ok(()) };
        let until = tries.last.plus_seconds(wait(tries.wrong));
        if now < until { Err(seconds(until, now)) } else { Ok(()) }
    }

    /// It was wrong.
    pub(super) fn failed(&mut self, name: &str, now: Timestamp) {
        let (began, wrong) =
            self.together.filter(|(began, _)| now < began.plus_seconds(MINUTE)).unwrap_or((now, 0));
        self.together = Some((began, wrong + 1));
        self.names.retain(|_, tries| now < tries.last.plus_seconds(FORGIVEN));
        if self.names.len() >= NAMES
            && !self.names.contains_key(name)
            && let Some(oldest) =
                self.names.iter().min_by_key(|(_, tries)| tries.last).map(|(name, _)| name.clone())
        {
            self.names.remove(&oldest);
        }
        let tries = self.names.entry(name.into()).or_insert(Tries { wrong: 0, last: now });
        tries.wrong = tries.wrong.saturating_add(1);
        tries.last = now;
    }

    /// It was right.
    pub(super) fn forgive(&mut self, name: &str) {
        self.names.remove(name);
    }
}

/// How long after so many wrong tries, in seconds.
fn wait(wrong: u32) -> i64 {
    match wrong.checked_sub(FREE) {
        None => 0,
        Some(beyond) => 2_i64.saturating_pow(beyond).min(LONGEST),
    }
}

fn seconds(until: Timestamp, now: Timestamp) -> u64 {
    u64::try_from((until.0 - now.0).max(0)).unwrap_or_default().div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000)
    }

    #[test]
    fn who_is_wrong_too_often_waits_twice_as_long_each_time() {
        let mut throttle = Throttle::default();
        for _ in 0..4 {
            assert_eq!(throttle.try_now("ada", at(0)), Ok(()));
            throttle.failed("ada", at(0));
        }
        assert_eq!(throttle.try_now("ada", at(0)), Ok(()), "the fifth is free");
        throttle.failed("ada", at(0));
        assert_eq!(throttle.try_now("ada", at(0)), Err(1));
        throttle.failed("ada", at(1));
        assert_eq!(throttle.try_now("ada", at(2)), Err(1), "two seconds now");
        assert_eq!(throttle.try_now("ada", at(3)), Ok(()));
        assert_eq!(throttle.try_now("bob", at(2)), Ok(()), "another name");
        (0..30).for_each(|_| throttle.failed("ada", at(10)));
        assert_eq!(throttle.try_now("ada", at(10)), Err(300), "and no longer than that");
        throttle.forgive("ada");
        assert_eq!(throttle.try_now("ada", at(10)), Ok(()));
    }

    #[test]
    fn all_names_together_are_bounded_and_so_is_what_is_remembered() {
        let mut throttle = Throttle::default();
        (0..60).for_each(|name| throttle.failed(&name.to_string(), at(30)));
        assert_eq!(throttle.try_now("new", at(31)), Err(59));
        assert_eq!(throttle.try_now("new", at(90)), Ok(()), "a minute later");
        (0..2_000).for_each(|name| throttle.failed(&name.to_string(), at(100 + name)));
        assert_eq!(throttle.names.len(), NAMES);
        throttle.failed("late", at(100_000));
        assert_eq!(throttle.names.len(), 1, "after an hour all is forgiven");
    }
}
