//! Times and durations as Baton's own API writes and reads them.

use baton_rules::Timestamp;

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn text(at: i64) -> String {
    // What no calendar has is shown as the number that it is.
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| format!("{at:.3}"))
}

/// A moment, in any RFC 3339 form.
pub(crate) fn moment(text: &str) -> Result<Timestamp, String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => Ok(Timestamp(at.as_millisecond())),
        Err(_) => Err(format!("{text:?} is not a time like \"2026-01-01T00:00:00.000Z\"")),
    }
}

/// A duration like `24h`, `7d`, `90s`, `1h30m`, in milliseconds.
pub(crate) fn duration(text: &str) -> Result<i64, String> {
    crate::config::milliseconds(text)
        .ok_or_else(|| format!("{text:?} is not a duration like \"24h\", \"7d\" or \"90s\""))
}

#[cfg(test)]
mod tests {
    use super::{duration, moment, text};

    #[test]
    fn times_have_three_decimals() {
        assert_eq!(text(1_767_225_600_000), "2026-01-01T00:00:00.000Z");
        assert_eq!(moment("2026-01-01T01:00:00.5+01:00").unwrap().0, 1_767_225_600_500);
        assert!(moment("yesterday").is_err() && moment("2026-01-01").is_err());
    }

    #[test]
    fn durations_are_sums() {
        assert_eq!(duration("24h"), Ok(86_400_000));
        assert_eq!(duration("1h30m"), Ok(5_400_000));
        assert_eq!(duration("250ms"), Ok(250));
        for wrong in ["", "24", "h", "-1h", "1.5h", "1y", "1 h", "99999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
