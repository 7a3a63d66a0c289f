//! `POST /{page}/unlink_accounts` (wire.md 1.7): a person's account is no longer linked, which apps hear as they hear
//! the person's own unlinking.

use baton_engine::{Request, Requested};
use baton_rules::{Edge, Surface, ThreadKey};
use baton_wire::GraphError;
use baton_wire::inbound::PersonEvent;
use baton_wire::params::Params;
use serde_json::json;

use super::{Answer, Wrong};
use crate::caller::Caller;

pub(super) async fn post(caller: &Caller, params: &Params) -> Result<Answer, Wrong> {
    caller.may(Surface::Messenger, Edge::Other)?;
    let person = params.text("psid").ok_or_else(|| GraphError::required("psid"))?;
    let person = caller.known_person(&person).await?;
    let event = json!({"type": "account_linking", "account_linking": {"status": "unlinked"}});
    let event = PersonEvent::parse(&event).map_err(|_| GraphError::internal())?;
    let thread = ThreadKey { page: caller.page().id, surface: Surface::Messenger, person };
    let done = caller.submit(Request { thread, what: Requested::Person(event), key: None }).await?;
    let body = json!({"result": "unlink account success"});
    Ok(Answer { body, rule: Some(done.receipt.rule.into()) })
}
