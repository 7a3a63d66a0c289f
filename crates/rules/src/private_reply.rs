//! WIN-11, in every mode: a comment is answered in private once, within a week, and that moves nothing. It needs no
//! thread; in one that another app owns it is refused as a send is.

use crate::action::{Action, Ask, Comment};
use crate::refusal::Refusal;
use crate::row::{Case, Row, Rule, no, ok, refer};
use crate::thread::Thread;

/// What is told of a comment that nobody brought. There is no person, so there is no thread to decide about.
pub const UNKNOWN_COMMENT: (Rule, Refusal) = (Rule("WIN-11"), Refusal::CommentInvalid);

/// Whether a comment may still be answered, as far as the time goes.
fn is_open(c: &Case<'_>, comment: Comment) -> bool {
    c.now < comment.at.plus_seconds(Comment::OPEN)
}

/// An app answers a comment in private; `send` is the mode's row for its message.
#[rustfmt::skip]
pub(crate) fn reply(c: &Case<'_>, comment: Comment, send: Row) -> Row {
    let answered = c.thread().answered.iter().any(|known| known.digest == comment.digest && is_open(c, *known));
    match c.stands.owner {
        _ if answered || !is_open(c, comment)                               => no("WIN-11", Refusal::CommentInvalid),
        Some(owner) if owner != c.by && !c.is_new && send.refusal.is_some() => refer("WIN-11", send),
        Some(_) | None                                                      => ok("WIN-11"),
    }
}

/// Remembers which comment was answered, for as long as it might be answered again.
pub(crate) fn remember(c: &Case<'_>, action: &Action<'_>, thread: &mut Thread) {
    if let Action::App { ask: Ask::ReplyPrivately(comment), .. } = action {
        thread.answered.retain(|known| is_open(c, *known));
        thread.answered.push(*comment);
    }
}
