//! How things look in a terminal: colours (only there, and not where `NO_COLOR` is set), columns, times. A
//! terminal that went away is no error.

use std::fmt::Display;
use std::io::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::Failure;
use super::finding::Finding;

/// A name, an id, something to copy.
pub(crate) const STRONG: Style = Style::new().bold();
/// What matters less.
pub(crate) const DIM: Style = Style::new().dimmed();
/// An app.
pub(crate) const APP: Style = AnsiColor::Cyan.on_default();
/// A person.
pub(crate) const PERSON: Style = AnsiColor::Green.on_default();
/// A rule.
pub(crate) const RULE: Style = AnsiColor::Magenta.on_default();
/// What went wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What should be looked at.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A text in a style, filled up or cut to a width, so that columns stand below each other.
pub(crate) fn column(style: Style, text: &str, width: usize) -> String {
    let text = cut(text, width);
    let fill = width.saturating_sub(text.chars().count());
    format!("{style}{text}{style:#}{}", " ".repeat(fill))
}

/// A text of at most so many characters, on one line.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    if line.chars().count() <= width {
        return line;
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A text as a terminal may show it. Names and messages are strangers' words: of what would make a terminal do something,
/// only styles, new lines and tabs stay.
fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter == '\x1b'
            && let Some((style, after)) =
                rest.as_str().strip_prefix('[').and_then(|text| text.split_once('m'))
            && style.chars().all(|letter| letter.is_ascii_digit() || letter == ';')
        {
            shown.extend(["\x1b[", style, "m"]);
            rest = after.chars();
        } else if letter.is_control() && !matches!(letter, '\n' | '\t') {
            shown.push('\u{fffd}');
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// Writes a line to standard output.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(anstream::stdout(), "{}", harmless(&text.to_string()));
}

/// Writes a line to standard error.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(anstream::stderr(), "{}", harmless(&text.to_string()));
}

/// Writes a warning to standard error.
pub(crate) fn warning(text: impl Display) {
    note(format!("{} {text}", styled(WARNING, "warning:")));
}

/// Writes what was found to standard error, as compilers do: `routing.toml:3: error: /apps/0/name: what`.
pub(crate) fn finding(style: Style, kind: &str, finding: &Finding) {
    note(format!("{}{} {}", finding.file(), styled(style, kind), finding.what()));
}

/// Writes JSON to standard output, for people and programs.
pub(crate) fn json(value: &impl Serialize) {
    line(serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Writes JSON to standard output, on one line.
pub(crate) fn json_line(value: &impl Serialize) {
    line(serde_json::to_string(value).unwrap_or_default());
}

/// Says why a command failed.
pub(crate) fn error(failure: &Failure) {
    note(format!("{} {}", styled(BAD, "error:"), failure.what));
    for why in &failure.why {
        for part in why.lines() {
            note(format!("       {part}"));
        }
    }
    failure.at.iter().for_each(|finding| note(format!("       {finding}")));
    if let Some(advice) = &failure.advice {
        note(format!("{} {advice}", styled(STRONG, "   do:")));
    }
}

const DAY: i64 = 86_400_000;

/// `14:03:07`, in UTC.
pub(crate) fn clock_time(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| at.to_string(), |at| at.strftime("%H:%M:%S").to_string())
}

/// `2 Jan 2026`, in UTC.
pub(crate) fn day(at: i64) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| at.to_string(), |at| at.strftime("%-d %b %Y").to_string())
}

/// A moment as it is said at another one: `14:03` on the same day, else with the day.
pub(crate) fn moment(at: i64, now: i64) -> String {
    formatted(at, now, ("%H:%M", "%-d %b %H:%M"))
}

/// A moment in one of two forms: the second where it is another day.
fn formatted(at: i64, now: i64, (same_day, other_day): (&str, &str)) -> String {
    let form = if at.div_euclid(DAY) == now.div_euclid(DAY) { same_day } else { other_day };
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.strftime(form).to_string())
}

/// The same to the second: `14:03:07`.
pub(crate) fn moment_exactly(at: i64, now: i64) -> String {
    formatted(at, now, ("%H:%M:%S", "%-d %b %H:%M:%S"))
}

/// A time of Baton's API, in milliseconds.
pub(crate) fn milliseconds_of(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}

/// A time that somebody typed, if it is one.
pub(crate) fn given_moment(text: &str) -> Result<String, String> {
    match milliseconds_of(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("a time looks like 2030-01-01T09:00:00Z".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_words_make_no_terminal_do_anything() {
        for (said, shown) in [
            ("Ann\u{1b}]0;owned\u{7}", "Ann\u{fffd}]0;owned\u{fffd}"),
            ("\u{1b}[2J\u{1b}[1;1Hm", "\u{fffd}[2J\u{fffd}[1;1Hm"),
            ("a\rb\u{8}c\u{9b}2Jd\u{1b}", "a\u{fffd}b\u{fffd}c\u{fffd}2Jd\u{fffd}"),
            ("one\n\ttwo äß…", "one\n\ttwo äß…"),
        ] {
            assert_eq!(harmless(said), shown);
            let styled = styled(APP, said);
            assert_eq!(harmless(&styled), super::styled(APP, shown), "styles stay");
        }
    }

    #[test]
    fn columns_have_their_width() {
        assert_eq!(column(Style::new(), "ab", 4), "ab  ");
        assert_eq!(column(Style::new(), "abcdef", 4), "abc…");
        assert_eq!(cut("a\nb", 9), "a b");
        assert_eq!(cut("räksmörgås", 5), "räks…");
    }

    #[test]
    fn moments_name_the_day_when_it_is_another_one() {
        let noon = 1_767_268_800_000;
        assert_eq!(clock_time(noon), "12:00:00");
        assert_eq!(moment(noon + 60_000, noon), "12:01");
        assert_eq!(moment(noon + DAY, noon), "2 Jan 12:00");
        assert_eq!(day(noon), "1 Jan 2026");
    }
}
