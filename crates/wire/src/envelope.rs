//! The webhook's envelope, and the platform's way of writing JSON: ASCII only, with its own escapes.

use std::io;

use baton_rules::{Channel, PageId, Surface};
use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes JSON as the platform's webhooks do (wire.md 3.3): compact, ASCII only, non-BMP as surrogate
/// pairs in lower-case hex, `/` as `\/`, `@` as `\u0040`, `%` as `\u0025`, `<` as `\u003C`.
///
/// What serde can't write (a map whose keys are no texts; there is none in this project) becomes `null`.
pub fn escaped(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    match value.serialize(&mut Serializer::with_formatter(&mut bytes, Platform)) {
        Ok(()) => bytes,
        Err(_) => b"null".to_vec(),
    }
}

/// The platform's escapes. serde_json itself takes care of quotes, backslashes and control characters;
/// what it regards as plain comes by here.
struct Platform;

impl Formatter for Platform {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, char) in text.char_indices() {
            let escape = match char {
                '/' => "\\/",
                '@' => "\\u0040",
                '%' => "\\u0025",
                // Upper case in this one place, as captured payloads have it.
                '<' => "\\u003C",
                char if char.is_ascii() => continue,
                _ => "",
            };
            out.write_all(&text.as_bytes()[plain..at])?;
            plain = at + char.len_utf8();
            if escape.is_empty() {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            } else {
                out.write_all(escape.as_bytes())?;
            }
        }
        out.write_all(&text.as_bytes()[plain..])
    }
}

/// One entry of a webhook: one event.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The page, or the Instagram account.
    pub id: PageId,
    /// When it was committed, in milliseconds. Entries of `changes` say it in seconds (WH-CMT-3).
    pub time: i64,
    /// In which array the event stands.
    pub channel: Channel,
    /// Whether an empty `messaging` stands beside `standby`, for receivers that look there without asking.
    pub both: bool,
    /// The event, rendered.
    pub item: &'a [u8],
    /// `hop_context`'s value, rendered.
    pub context: Option<&'a [u8]>,
}

/// `{"object":…,"entry":[…]}` (WH-10), spliced around rendered events: nothing is serialized twice. An entry has
/// `messaging` or `standby` or `changes` and never two of them (WH-11).
pub fn envelope(surface: Surface, entries: &[Entry<'_>]) -> Bytes {
    let object = match surface {
        Surface::Messenger => "page",
        Surface::Instagram => "instagram",
    };
    let rendered: usize =
        entries.iter().map(|entry| entry.item.len() + entry.context.map_or(0, <[u8]>::len)).sum();
    let mut bytes = Vec::with_capacity(rendered + 32 + entries.len() * 96);
    bytes.extend_from_slice(format!(r#"{{"object":"{object}","entry":["#).as_bytes());
    for (index, entry) in entries.iter().enumerate() {
        let array = match entry.channel {
            Channel::Messaging => "messaging",
            Channel::Standby if entry.both => r#"messaging":[],"standby"#,
            Channel::Standby => "standby",
            Channel::Changes => "changes",
        };
        let time = if entry.channel == Channel::Changes { entry.time.div_euclid(1000) } else { entry.time };
        let comma = if index == 0 { "" } else { "," };
        let head = format!(r#"{comma}{{"time":{},"id":"{}","{array}":["#, time, entry.id);
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(entry.item);
        bytes.push(b']');
        if let Some(context) = entry.context {
            bytes.extend_from_slice(br#","hop_context":"#);
            bytes.extend_from_slice(context);
        }
        bytes.push(b'}');
    }
    bytes.extend_from_slice(b"]}");
    bytes.into()
}
