//! Reads the pseudo-JSON that the platform's own samples put into form fields: `{id:123}`,
//! `{'id':'123'}`. Real JSON is a part of it. One pass, bounded depth.

use serde_json::{Map, Number, Value};

/// The value of a text; none where it can't be read, or nests deeper than `depth`.
pub(crate) fn parse(text: &str, depth: usize) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value(depth)?;
    reader.rest.trim_start().is_empty().then_some(value)
}

/// How deep a JSON text nests, found without following it down. Exact for JSON; for pseudo-JSON only a hint.
pub fn depth_of(text: &str) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The object or array that a text begins with, brackets and quotes minded; none where it begins with none, or where
/// that one never ends.
pub(crate) fn first_json(text: &str) -> Option<&str> {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if depth > 0 => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return text.get(..=at).filter(|found| found.len() > 1);
        }
    }
    None
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        match self.peek()? {
            '{' => self.object(depth.checked_sub(1)?),
            '[' => self.array(depth.checked_sub(1)?),
            '"' | '\'' => self.quoted().map(Value::String),
            _ => Some(word(self.bare(&[',', '}', ']'])?)),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.skip('{');
        let mut object = Map::new();
        loop {
            match self.peek()? {
                '}' => {
                    self.skip('}');
                    return Some(Value::Object(object));
                }
                '"' | '\'' => {
                    let key = self.quoted()?;
                    self.entry(&mut object, key, depth)?;
                }
                _ => {
                    let key = self.bare(&[':', ',', '{', '}', '[', ']', '"', '\''])?.to_owned();
                    self.entry(&mut object, key, depth)?;
                }
            }
            self.comma('}')?;
        }
    }

    fn entry(&mut self, object: &mut Map<String, Value>, key: String, depth: usize) -> Option<()> {
        (self.peek()? == ':').then(|| self.skip(':'))?;
        let value = self.value(depth)?;
        object.insert(key, value);
        Some(())
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        self.skip('[');
        let mut array = Vec::new();
        loop {
            if self.peek()? == ']' {
                self.skip(']');
                return Some(Value::Array(array));
            }
            array.push(self.value(depth)?);
            self.comma(']')?;
        }
    }

    /// After an element stands a comma (also behind the last one) or the end.
    fn comma(&mut self, end: char) -> Option<()> {
        let next = self.peek()?;
        if next == ',' {
            self.skip(',');
        }
        (next == ',' || next == end).then_some(())
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self.peek()?;
        self.skip(quote);
        let mut text = String::new();
        loop {
            let at = self.rest.find([quote, '\\'])?;
            let (plain, rest) = self.rest.split_at(at);
            text.push_str(plain);
            self.rest = rest;
            if rest.starts_with(quote) {
                self.skip(quote);
                return Some(text);
            }
            text.push(self.escape()?);
        }
    }

    /// Stands at a backslash.
    fn escape(&mut self) -> Option<char> {
        self.skip('\\');
        let escape = self.rest.chars().next()?;
        self.rest = &self.rest[escape.len_utf8()..];
        Some(match escape {
            '"' | '\'' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.unit()?;
                let mut units = vec![first];
                if (0xd800..0xdc00).contains(&first) {
                    self.rest = self.rest.strip_prefix("\\u")?;
                    units.push(self.unit()?);
                }
                // A lone surrogate is no character.
                char::decode_utf16(units).next()?.ok()?
            }
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u16> {
        let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.rest = &self.rest[4..];
        u16::from_str_radix(digits, 16).ok()
    }

    fn bare(&mut self, ends: &[char]) -> Option<&'a str> {
        let (word, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        let word = word.trim();
        (!word.is_empty()).then_some(word)
    }

    /// The next character that is no space, which stays where it is.
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn skip(&mut self, char: char) {
        self.rest = self.rest.strip_prefix(char).unwrap_or(self.rest);
    }
}

/// A word without quotes. What would not come out again as it went in (`007`, twenty digits) is a text:
/// ids are written like this.
fn word(word: &str) -> Value {
    match word {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match word.parse::<Number>() {
            Ok(number) if number.to_string() == word => Value::Number(number),
            _ => Value::from(word),
        },
    }
}

#[cfg(test)]
mod tests {
    //! What is read, what is not, and that nothing breaks it.

    use proptest::prelude::*;
    use serde_json::json;

    use super::{depth_of, parse};

    #[test]
    fn pseudo_json_is_read() {
        for (text, value) in [
            ("{id:123}", json!({"id": 123})),
            ("{'id':'123'}", json!({"id": "123"})),
            (r#"{"id":"123"}"#, json!({"id": "123"})),
            (" { id : 'a b' , } ", json!({"id": "a b"})),
            ("{url:https://x.y/z?a=b}", json!({"url": "https://x.y/z?a=b"})),
            ("{id:007}", json!({"id": "007"})),
            ("{id:123456789012345678901234}", json!({"id": "123456789012345678901234"})),
            ("{a:[1,'b',{c:null}],d:true}", json!({"a": [1, "b", {"c": null}], "d": true})),
            (r"{'t':'it\'s \u00e4 \ud83d\udc4d'}", json!({"t": "it's ä 👍"})),
            ("{a:1,a:2}", json!({"a": 2})),
            ("{}", json!({})),
        ] {
            assert_eq!(parse(text, 8), Some(value), "{text}");
        }
    }

    #[test]
    fn nonsense_is_not_read() {
        for text in [
            "",
            "{",
            "}",
            "{a}",
            "{a:}",
            "{:1}",
            "{a:1 b:2",
            "{'a:1}",
            "{a:1}x",
            r"{a:'\x'}",
            r"{a:'\ud800'}",
            r"{a:'\ud800\u0041'}",
            r"{a:'\u00",
            "[1,,2]",
            "{,}",
            "{a:{b:{c:{d:1}}}}",
        ] {
            assert_eq!(parse(text, 3), None, "{text}");
        }
    }

    #[test]
    fn a_million_brackets_are_no_trouble() {
        let text = "[".repeat(1 << 20);
        assert_eq!(parse(&text, 64), None);
        assert_eq!(depth_of(&text), 1 << 20);
        assert!(parse(&format!("{{a:{}}}", "x".repeat(1 << 20)), 64).is_some());
        assert!(parse(&format!("{{a:'{}'}}", r"\n".repeat(1 << 19)), 64).is_some());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[{}\\[\\]:,'\"\\\\ua0-9ä \\-]{0,60}", depth in 0_usize..5) {
            let _ = parse(&text, depth);
        }

        #[test]
        fn real_json_reads_the_same(keys in proptest::collection::vec(("\\PC{0,8}", any::<i64>(), any::<bool>()), 0..5)) {
            let mut object = serde_json::Map::new();
            for (key, number, list) in keys {
                let value = if list { json!([number, key.clone(), {"k": key}]) } else { json!(number) };
                object.insert(key, value);
            }
            let value = serde_json::Value::Object(object);
            prop_assert_eq!(parse(&value.to_string(), 8), Some(value));
        }
    }
}
