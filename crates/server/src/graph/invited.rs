//! `POST /{page}/messages` to somebody by what they gave: a comment that is answered in private
//! (`recipient: {"comment_id"}`, WIN-11), the `user_ref` of a checkbox, or a token from an opt-in (WIN-13 to WIN-16). Whom
//! that reaches is looked up here; whether it may be is a rule, and one that is too old is refused by it, so that the
//! person's history has it.

use baton_engine::{CommentId, OptinId};
use baton_rules::{Ask, Edge, Invitation, UNKNOWN_COMMENT};
use baton_wire::GraphError;
use baton_wire::params::Params;
use baton_wire::requests::{self, Call};

use super::Wrong;
use crate::caller::{Caller, unavailable};

/// By what a call reaches somebody, and the call with the person as the recipient; none where it says who is meant.
pub(super) async fn found(caller: &Caller, params: &mut Params) -> Result<Option<Invitation>, Wrong> {
    if let Some(name) = requests::comment(params) {
        return comment(caller, params, &name).await.map(Some);
    }
    let Some((name, token)) = requests::optin(params) else { return Ok(None) };
    caller.may(caller.side(), Edge::Messages)?;
    let unknown = || GraphError::unknown_recipient(name);
    let id = OptinId::of(caller.page().id, caller.side(), name, &token).ok_or_else(unknown)?;
    let given = caller.shared().engine.optin(&id).await.map_err(|error| unavailable(&error))?;
    let (person, invitation) = given.ok_or_else(unknown)?;
    params.set_recipient(&person);
    Ok(Some(invitation))
}

async fn comment(caller: &Caller, params: &mut Params, name: &str) -> Result<Invitation, Wrong> {
    caller.may(caller.side(), Edge::Messages)?;
    let unknown = || {
        let (rule, why) = UNKNOWN_COMMENT;
        Wrong { error: GraphError::of(why, caller.side()), rule: Some(rule) }
    };
    let id = CommentId::of(caller.page().id, caller.side(), name).ok_or_else(unknown)?;
    let kept = caller.shared().engine.comment(&id).await.map_err(|error| unavailable(&error))?;
    let (kept, person) =
        kept.and_then(|kept| kept.said.person().map(|person| (kept, person))).ok_or_else(unknown)?;
    params.set_recipient(&person);
    Ok(id.at(kept.at))
}

/// The call as a message by an invitation.
pub(super) fn answering(call: Call, invitation: Invitation) -> Result<Call, GraphError> {
    match call.ask {
        Ask::Send(send) if send.control.is_none() && send.tag.is_none() && !send.survey => {
            Ok(Call { ask: Ask::Answer(invitation), ..call })
        }
        _ => Err(GraphError::parameter(
            "A message by a comment or an opt-in moves no control, has no tag and is no survey",
        )),
    }
}
