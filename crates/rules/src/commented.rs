//! Who hears of a comment under a post (WH-CMT-1 to WH-CMT-3). A comment is no part of a conversation: no mode, no owner
//! and no standby has to do with it.

use crate::decision::{Channel, Form, Notice};
use crate::ids::Surface;
use crate::routing::{Fields, Routing};
use crate::row::Rule;

/// What became of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// It was written.
    Add,
    /// Its text was changed.
    Edited,
    /// It was taken back.
    Remove,
}

impl Verb {
    /// The platform's word.
    pub const fn name(self) -> &'static str {
        match self {
            Verb::Add => "add",
            Verb::Edited => "edited",
            Verb::Remove => "remove",
        }
    }
}

/// How a comment is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentTold {
    /// The row of the specification.
    pub rule: Rule,
    /// The webhook field.
    pub field: &'static str,
    /// Who hears it.
    pub notices: Vec<Notice>,
}

/// How a comment is told; none: this side of the page tells of no such thing. `live`: it was under a live broadcast.
pub fn commented(routing: &Routing, verb: Verb, live: bool) -> Option<CommentTold> {
    let (rule, field, name) = match (routing.surface, verb) {
        (Surface::Messenger, _) => (Rule("WH-CMT-1"), Fields::FEED, "feed"),
        (Surface::Instagram, Verb::Add) if live => (Rule("WH-CMT-2"), Fields::LIVE_COMMENTS, "live_comments"),
        (Surface::Instagram, Verb::Add) => (Rule("WH-CMT-2"), Fields::COMMENTS, "comments"),
        (Surface::Instagram, Verb::Edited | Verb::Remove) => return None,
    };
    let hears = routing.apps.iter().filter(|app| app.fields.has(field));
    let notice =
        hears.map(|app| Notice { app: app.id, channel: Channel::Changes, form: Form::Whole, context: false });
    Some(CommentTold { rule, field: name, notices: notice.collect() })
}
