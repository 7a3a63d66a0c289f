//! `POST /{page}/take_thread_control`. In the Handover Protocol the answer also says who has control now,
//! because one official page shows that form (C-11).

use baton_wire::params::Params;
use baton_wire::requests;
use serde_json::json;

use super::{Answer, Wrong};
use crate::caller::Caller;
use crate::graph::thread_owner;
use baton_rules::Edge;

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let call = requests::take_thread_control(params);
    let done = caller.ask(Edge::Take, call).await?;
    let mut body = super::success();
    if done.is_handover {
        let thread = &done.receipt.thread;
        let expiration = thread.expires_at.map(|at| at.div_euclid(1000));
        body["data"] = json!([thread_owner::element(caller, thread.owner, expiration)]);
    }
    Ok(Answer { body, rule: Some(done.receipt.rule.into()) })
}
