//! Where things stand in a TOML file: the line of a key or of an entry, so that whoever reads of a mistake
//! finds it.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A TOML text whose lines are known.
pub(crate) struct Source<'a> {
    text: &'a str,
    root: Spanned<DeTable<'a>>,
}

/// A place where a text is not TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) line: usize,
    pub(crate) detail: String,
}

impl<'a> Source<'a> {
    /// Reads a text as far as it is TOML, and says where it is not.
    pub(crate) fn toml(text: &'a str) -> (Self, Vec<Unreadable>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let source = Self { text, root };
        let broken = errors.iter().map(|error| Unreadable {
            line: error.span().map_or(1, |span| source.line_at(span.start)),
            detail: error.message().to_owned(),
        });
        let mut broken: Vec<Unreadable> = broken.collect();
        broken.sort_by_key(|unreadable| unreadable.line);
        // One slip may be seen from both of its ends.
        broken.dedup_by_key(|unreadable| unreadable.line);
        (source, broken)
    }

    /// The line of a key or an entry, by the keys and numbers that lead there; where there is none, the line
    /// of what would hold it. Nothing of the path is there: none.
    pub(crate) fn line<'p>(&self, path: impl IntoIterator<Item = &'p str>) -> Option<usize> {
        let (mut found, mut value) = (None, None);
        for (depth, part) in path.into_iter().enumerate() {
            let table = if depth == 0 { Some(self.root.get_ref()) } else { value.and_then(table_of) };
            let next = match (table, value) {
                (Some(table), _) => table
                    .iter()
                    .find(|(key, _)| key.get_ref() == part)
                    .map(|(key, value)| (key.span(), value)),
                (None, Some(value)) => entry(value, part).map(|value| (value.span(), value)),
                (None, None) => None,
            };
            let Some((span, inner)) = next else { break };
            found = Some(self.line_at(span.start));
            value = Some(inner);
        }
        found
    }

    /// The line of a JSON pointer's target, as [`Source::line`].
    pub(crate) fn line_of_pointer(&self, pointer: &str) -> Option<usize> {
        let parts: Vec<String> =
            pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
        self.line(parts.iter().map(String::as_str))
    }

    fn line_at(&self, byte: usize) -> usize {
        1 + self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count()
    }
}

fn table_of<'v, 'a>(value: &'v Spanned<DeValue<'a>>) -> Option<&'v DeTable<'a>> {
    value.get_ref().as_table()
}

fn entry<'v, 'a>(value: &'v Spanned<DeValue<'a>>, part: &str) -> Option<&'v Spanned<DeValue<'a>>> {
    value.get_ref().as_array()?.get(part.parse::<usize>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "listen = \"x\"\n\n[delivery]\ntimeout = \"5s\"\n\n[[pages]]\nid = \"1\"\n\n\
                        [pages.messenger]\ndefault_app = \"a\"\n\n[[pages.connections]]\napp = \"a\"\n\
                        fields = [\n  \"messages\",\n  \"x/y\",\n]\n[[pages]]\n\"a/b\" = { c = 1 }\n";

    #[test]
    fn keys_and_entries_have_their_lines() {
        let (source, broken) = Source::toml(FILE);
        assert_eq!(broken, []);
        for (pointer, line) in [
            ("/listen", Some(1)),
            ("/delivery", Some(3)),
            ("/delivery/timeout", Some(4)),
            ("/pages/0/id", Some(7)),
            ("/pages/0/messenger/default_app", Some(10)),
            ("/pages/0/connections/0/fields/1", Some(16)),
            ("/pages/1", Some(18)),
            ("/pages/1/a~1b/c", Some(19)),
        ] {
            assert_eq!(source.line_of_pointer(pointer), line, "{pointer}");
        }
    }

    #[test]
    fn what_is_not_there_has_the_line_of_what_would_hold_it() {
        let (source, _) = Source::toml(FILE);
        assert_eq!(source.line_of_pointer("/pages/1/name"), Some(18));
        assert_eq!(source.line_of_pointer("/pages/0/connections/0/token"), Some(12));
        assert_eq!(source.line_of_pointer("/apps/0"), None);
        assert_eq!(source.line_of_pointer(""), None);
    }

    #[test]
    fn every_line_that_is_not_toml_is_named() {
        let (_, broken) = Source::toml("a = \nb = 1\nc = [1,\nd = 2\n");
        let lines: Vec<usize> = broken.iter().map(|broken| broken.line).collect();
        assert_eq!(lines, [1, 4], "{broken:?}");
    }
}
