//! Which fields of a node are wanted: `id,name,messages.limit(5){id,from}` (wire.md 1.4). One pass, bounded depth.

use crate::errors::GraphError;

/// How many fields of one node may be wanted.
const MOST: usize = 100;

/// A field that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What is said about it: `limit(5)` is `("limit", "5")`.
    pub arguments: Vec<(String, String)>,
    /// What is wanted of it; empty: the usual.
    pub fields: Vec<Field>,
}

impl Field {
    /// The field of this name and nothing more.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned(), arguments: Vec::new(), fields: Vec::new() }
    }

    /// An argument.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a list of fields that nests at most `depth` deep. Spaces around names are allowed, and commas too many.
pub fn parse(text: &str, depth: usize) -> Result<Vec<Field>, GraphError> {
    let mut reader = Reader { text, at: 0 };
    let fields = reader.list(depth)?;
    if reader.at < text.len() { Err(reader.wrong()) } else { Ok(fields) }
}

/// Fields as they are written.
pub fn written(fields: &[Field]) -> String {
    let one = |field: &Field| {
        let arguments: String =
            field.arguments.iter().map(|(name, value)| format!(".{name}({value})")).collect();
        let below = written(&field.fields);
        let below = if below.is_empty() { below } else { format!("{{{below}}}") };
        format!("{}{arguments}{below}", field.name)
    };
    fields.iter().map(one).collect::<Vec<_>>().join(",")
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn list(&mut self, depth: usize) -> Result<Vec<Field>, GraphError> {
        let depth = depth
            .checked_sub(1)
            .ok_or_else(|| GraphError::parameter("Param fields nests too deep (limits.depth)"))?;
        let mut fields = Vec::new();
        loop {
            if self.takes(',') {
                continue;
            }
            let name = self.name();
            if name.is_empty() {
                return Ok(fields);
            }
            let mut field = Field::named(name);
            while self.takes('.') {
                let argument = self.name().to_owned();
                if argument.is_empty() || !self.takes('(') {
                    return Err(self.wrong());
                }
                let value = self.until(|letter| letter == ')').trim().to_owned();
                if !self.takes(')') {
                    return Err(self.wrong());
                }
                field.arguments.push((argument, value));
            }
            if self.takes('{') {
                field.fields = self.list(depth)?;
                if !self.takes('}') {
                    return Err(self.wrong());
                }
            }
            // Asked for twice is asked for once: an object has one value of a name.
            if !fields.iter().any(|known: &Field| known.name == field.name) {
                fields.push(field);
            }
            if fields.len() > MOST {
                return Err(GraphError::parameter("Param fields names too many fields"));
            }
            if !matches!(self.peek(), None | Some(',' | '}')) {
                return Err(self.wrong());
            }
        }
    }

    fn name(&mut self) -> &'a str {
        self.until(|letter| ",.(){}".contains(letter)).trim()
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let taken = rest.find(ends).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += taken.len();
        taken
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.len() - rest.trim_start().len();
        rest.trim_start().chars().next()
    }

    fn takes(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn wrong(&self) -> GraphError {
        GraphError::syntax(&format!("Syntax error in fields at character {}: {}", self.at, self.text))
    }
}

#[cfg(test)]
mod tests {
    //! What is read, what is not, and that nothing breaks it.

    use proptest::prelude::*;

    use super::{parse, written};

    #[test]
    fn fields_are_bounded() {
        let many: Vec<String> = (0..200).map(|number| format!("f{number}")).collect();
        assert!(parse(&many.join(","), 8).is_err());
    }

    #[test]
    fn fields_nest() {
        for (text, expected) in [
            ("", ""),
            ("id,name", "id,name"),
            (" first_name , last_name ", "first_name,last_name"),
            ("messages.limit(5){id, from}", "messages.limit(5){id,from}"),
            ("id,name,id", "id,name"),
            ("messages . limit( 5 ) . after(x){id},id", "messages.limit(5).after(x){id},id"),
            ("a{b{c},d},,e,", "a{b{c},d},e"),
            ("a{}", "a"),
        ] {
            assert_eq!(written(&parse(text, 4).unwrap()), expected, "{text}");
        }
        let field = parse("messages.limit(5).limit(6)", 4).unwrap().remove(0);
        assert_eq!((field.argument("limit"), field.argument("after")), (Some("5"), None));
    }

    #[test]
    fn what_is_no_list_of_fields_is_refused() {
        for text in ["a{", "a}", "a{b", "a.limit", "a.limit(", "a.(5)", "a.limit(5)b", "a{b}c", "(", "{a}"] {
            let error = parse(text, 4).unwrap_err();
            assert_eq!((error.status, error.code), (400, 2500), "{text}: {error}");
        }
        assert_eq!(parse("a{b{c{d}}}", 4).map(|fields| fields.len()), Ok(1));
        assert_eq!(parse("a{b{c{d}}}", 3).unwrap_err().code, 100);
        assert_eq!(parse(&"a{".repeat(1 << 18), 64).unwrap_err().code, 100);
    }

    proptest! {
        #[test]
        fn nothing_breaks_it_and_what_is_read_is_read_again(text in "[a-c{}().,ä ]{0,40}", depth in 1_usize..5) {
            if let Ok(fields) = parse(&text, depth) {
                prop_assert_eq!(parse(&written(&fields), depth), Ok(fields));
            }
        }
    }
}
