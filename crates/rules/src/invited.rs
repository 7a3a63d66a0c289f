//! WIN-11 and WIN-13 to WIN-16, in every mode: what a person gave lets a message reach them, whatever the messaging
//! window: a comment, an opt-in. That moves nothing and needs no thread; in one that another app owns it is refused as a
//! send is.

use crate::action::{Action, Ask, Invitation, Invited};
use crate::refusal::Refusal;
use crate::row::{Case, Row, Rule, no, ok, refer};
use crate::thread::{Answered, Thread};

/// What is told of a comment that nobody brought. There is no person, so there is no thread to decide about.
pub const UNKNOWN_COMMENT: (Rule, Refusal) = (Rule("WIN-11"), Refusal::CommentInvalid);

/// By how many invitations of one person something was sent, at most, as far as it is remembered: the one that ends
/// first is forgotten first.
const REMEMBERED: usize = 256;

/// An app sends by an invitation; `send` is the mode's row for its message.
#[rustfmt::skip]
pub(crate) fn answer(c: &Case<'_>, to: Invitation, send: Row) -> Row {
    let spent = c.thread().answered.iter().any(|known| known.digest == to.digest && c.now < known.until);
    let closed = c.now >= to.closes();
    let others = c.stands.owner.is_some_and(|owner| owner != c.by) && !c.is_new && send.refusal.is_some();
    let answered = |rule| if others { refer(rule, send) } else { ok(rule) };
    match to.kind {
        Invited::Comment if spent || closed   => no("WIN-11", Refusal::CommentInvalid),
        Invited::Comment                      => answered("WIN-11"),
        Invited::Checkbox if spent || closed  => no("WIN-13", Refusal::WindowClosed),
        Invited::Checkbox                     => answered("WIN-13"),
        Invited::Once if spent || closed      => no("WIN-14", Refusal::WindowClosed),
        Invited::Once                         => answered("WIN-14"),
        Invited::Topic { stopped: true, .. }  => no("WIN-16", Refusal::NotificationsStopped),
        Invited::Topic { .. } if closed       => no("WIN-15", Refusal::WindowClosed),
        Invited::Topic { .. } if spent        => no("WIN-15", Refusal::NotifiedLately),
        Invited::Topic { .. }                 => answered("WIN-15"),
    }
}

/// Remembers by what something was sent, for as long as that says anything.
pub(crate) fn remember(c: &Case<'_>, action: &Action<'_>, thread: &mut Thread) {
    let Action::App { ask: Ask::Answer(invitation), .. } = action else { return };
    let until = match invitation.kind {
        Invited::Comment | Invited::Checkbox | Invited::Once => invitation.closes(),
        Invited::Topic { every, .. } => c.now.plus_seconds(every),
    };
    let answered = &mut thread.answered;
    answered.retain(|known| c.now < known.until && known.digest != invitation.digest);
    if answered.len() >= REMEMBERED
        && let Some(first) = (0..answered.len()).min_by_key(|at| answered.get(*at).map(|known| known.until))
    {
        answered.remove(first);
    }
    answered.push(Answered { digest: invitation.digest, until });
}
