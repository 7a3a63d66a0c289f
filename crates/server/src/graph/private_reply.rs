//! `recipient: {"comment_id"}` in `POST /{page}/messages`: a comment is answered in private (WIN-11). Whom that
//! reaches is looked up here; whether it may be is a rule, and one that is too old is refused by it, so that the
//! person's history has it.

use baton_engine::CommentId;
use baton_rules::{Ask, Comment, Edge, UNKNOWN_COMMENT};
use baton_wire::GraphError;
use baton_wire::params::Params;
use baton_wire::requests::{self, Call};

use super::Wrong;
use crate::caller::{Caller, unavailable};

/// The comment that a call answers, and the call with its person as the recipient; none where it answers none.
pub(super) async fn found(caller: &Caller, params: &mut Params) -> Result<Option<Comment>, Wrong> {
    let Some(name) = requests::comment(params) else { return Ok(None) };
    caller.may(caller.side(), Edge::Messages)?;
    let unknown = || {
        let (rule, why) = UNKNOWN_COMMENT;
        Wrong { error: GraphError::of(why, caller.side()), rule: Some(rule) }
    };
    let id = CommentId::of(caller.page().id, caller.side(), &name).ok_or_else(unknown)?;
    let kept = caller.shared().engine.comment(&id).await.map_err(|error| unavailable(&error))?;
    let (kept, person) =
        kept.and_then(|kept| kept.said.person().map(|person| (kept, person))).ok_or_else(unknown)?;
    params.set_recipient(&person);
    Ok(Some(id.at(kept.at)))
}

/// The call as an answer to a comment.
pub(super) fn answering(call: Call, comment: Comment) -> Result<Call, GraphError> {
    match call.ask {
        Ask::Send(send) if send.control.is_none() && send.tag.is_none() && !send.survey => {
            Ok(Call { ask: Ask::ReplyPrivately(comment), ..call })
        }
        _ => Err(GraphError::parameter("A private reply moves no control, has no tag and is no survey")),
    }
}
