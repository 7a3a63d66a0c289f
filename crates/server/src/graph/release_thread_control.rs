//! `POST /{page}/release_thread_control`.

use baton_wire::params::Params;
use baton_wire::requests;

use super::{Answer, Wrong};
use crate::caller::Caller;
use baton_rules::Edge;

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    let call = requests::release_thread_control(params);
    let done = caller.ask(Edge::Release, call).await?;
    Ok(Answer { body: super::success(), rule: Some(done.receipt.rule.into()) })
}
