//! When a webhook that failed is tried again. Pure: attempt, profile and jitter in, a delay out.

/// How patient delivery is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Ever more rarely, up to every eight hours: the default of `serve`.
    #[default]
    Patient,
    /// At most fifteen seconds apart, for ever: the default of `dev`, where receivers come and go.
    NeverDisable,
    /// As the platform does within its first hour.
    Meta,
}

impl Profile {
    /// Every profile with its name in `baton.toml`.
    pub const ALL: &'static [(Profile, &'static str)] =
        &[(Profile::Patient, "patient"), (Profile::NeverDisable, "never-disable"), (Profile::Meta, "meta")];

    /// Seconds before each further try; the last one repeats.
    const fn delays(self) -> &'static [i64] {
        match self {
            Profile::Patient => &[1, 5, 15, 30, 60, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800],
            Profile::NeverDisable => &[1, 2, 5, 10, 15],
            Profile::Meta => &[1, 5, 15, 30, 60, 90],
        }
    }
}

/// What jitter leaves of a delay's second at least, in milliseconds.
const SHORTEST_MS: i64 = 800;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

impl Profile {
    /// How long an app may fail altogether before somebody is told.
    pub(crate) const fn alert_after_ms(self) -> i64 {
        match self {
            Profile::Patient => HOUR_MS,
            Profile::NeverDisable | Profile::Meta => 15 * MINUTE_MS,
        }
    }

    /// How long an app may fail altogether before nothing more is sent to it; none: for ever.
    pub(crate) const fn disable_after_ms(self) -> Option<i64> {
        match self {
            Profile::Patient => Some(36 * HOUR_MS),
            Profile::NeverDisable => None,
            Profile::Meta => Some(HOUR_MS),
        }
    }

    /// How long a conversation may fail while others succeed before its event is given up; none: for ever.
    pub(crate) const fn expires_after_ms(self) -> Option<i64> {
        match self {
            Profile::Patient | Profile::Meta => Some(36 * HOUR_MS),
            Profile::NeverDisable => None,
        }
    }
}

/// The longest that a receiver may ask to be left alone (`Retry-After`).
pub(crate) const MOST_RETRY_AFTER_MS: i64 = HOUR_MS;

/// Tries that a hopeless answer gets while the app's other conversations succeed: about two minutes.
pub(crate) const HOPELESS_TRIES: u32 = 6;
/// Their own delays, whatever the profile, in seconds.
const HOPELESS_DELAYS: [i64; 5] = [1, 5, 15, 30, 60];

/// Milliseconds until the next try, after `failures` failures in a row (1: the first one just failed).
/// `jitter` is between 0 and 1; the delay varies by a fifth either way.
pub(crate) fn delay_ms(profile: Profile, failures: u32, hopeless: bool, jitter: f64) -> i64 {
    let delays = if hopeless { &HOPELESS_DELAYS } else { profile.delays() };
    let last = delays.len() - 1;
    let at = usize::try_from(failures.saturating_sub(1)).unwrap_or(last).min(last);
    let base = delays[at] * 1000;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a day has few milliseconds"
    )]
    let varied = (base as f64 * (0.8 + 0.4 * jitter.clamp(0.0, 1.0))) as i64;
    varied
}

/// How many failures in a row a profile has room for within so many milliseconds. Tries may have come faster than it
/// has them, by the delays of a hopeless answer or because somebody asked: they make nobody wait for hours.
pub(crate) fn failures_within(profile: Profile, ms: i64) -> u32 {
    let mut left = ms;
    for (failures, seconds) in (1..).zip(profile.delays()) {
        left -= seconds * SHORTEST_MS;
        if left < 0 {
            return failures;
        }
    }
    u32::MAX
}

/// Whether more tries will not change an answer: 4xx and 5xx other than 408, 425, 429 and 503.
pub(crate) const fn is_hopeless(status: u16) -> bool {
    status >= 400 && !matches!(status, 408 | 425 | 429 | 503)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_then_stay() {
        for (profile, _) in Profile::ALL {
            let delays: Vec<i64> = (1..40).map(|n| delay_ms(*profile, n, false, 0.5)).collect();
            assert!(delays.is_sorted(), "{profile:?}: {delays:?}");
            assert_eq!(delays[38], delays[37]);
        }
    }

    #[test]
    fn a_profile_has_room_for_its_own_tries_however_jitter_falls() {
        for (profile, _) in Profile::ALL {
            for jitter in [0.0, 0.5, 1.0] {
                let mut passed = 0;
                for failures in 1..12 {
                    assert!(failures_within(*profile, passed) >= failures, "{profile:?} {failures}");
                    passed += delay_ms(*profile, failures, false, jitter);
                }
            }
        }
        assert_eq!(failures_within(Profile::Patient, 0), 1);
        assert_eq!(failures_within(Profile::Patient, 2 * MINUTE_MS), 6);
    }

    #[test]
    fn six_hopeless_tries_take_about_two_minutes() {
        let total: i64 = (1..HOPELESS_TRIES).map(|n| delay_ms(Profile::Patient, n, true, 0.5)).sum();
        assert_eq!(total, 111_000);
    }

    #[test]
    fn jitter_is_a_fifth_either_way() {
        assert_eq!(delay_ms(Profile::Patient, 1, false, 0.0), 800);
        assert_eq!(delay_ms(Profile::Patient, 1, false, 1.0), 1_200);
    }

    #[test]
    fn waiting_helps_against_overload_and_not_against_a_wrong_answer() {
        assert!([400, 404, 410, 500, 502].into_iter().all(is_hopeless));
        assert!(![408, 425, 429, 503, 301].into_iter().any(is_hopeless));
    }
}
