//! The table of edges: what a page has, and what an app has, with the methods of each. A call that the table does not
//! have is refused as the platform refuses it: an edge that is known and knows no such method is no such object, any
//! other edge is an unknown path.

use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::json;

use super::{
    Answer, Wrong, app, conversations, custom_labels, custom_user_settings, extend_thread_control,
    message_attachments, messages, messenger_codes, messenger_profile, node, pass_thread_control,
    pass_thread_metadata, personas, release_thread_control, request_thread_control, secondary_receivers,
    subscribed_apps, subscriptions, success, take_thread_control, thread_owner, thread_settings,
    unlink_accounts,
};
use crate::caller::{AppCaller, Caller};

/// A call of a page, or of its Instagram account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Node,
    LinkingToken,
    Nothing,
    Empty,
    Accounts,
    Messages,
    Attachments,
    Codes,
    Pass,
    Take,
    Request,
    Release,
    Extend,
    Metadata,
    Owner,
    Secondaries,
    Conversations,
    Subscribed,
    Subscribe,
    Unsubscribe,
    Profile,
    SetProfile,
    DeleteProfile,
    Setting,
    DeleteSetting,
    Permissions,
    Menu,
    SetMenu,
    DeleteMenu,
    Personas,
    MakePersona,
    Labels,
    MakeLabel,
    Unlink,
}

/// Edge, method, call. An edge without a name is the node itself.
const OF_PAGE: &[(&str, &str, Call)] = &[
    ("", "GET", Call::Node),
    ("", "POST", Call::LinkingToken),
    ("messages", "POST", Call::Messages),
    ("message_attachments", "POST", Call::Attachments),
    ("pass_thread_control", "POST", Call::Pass),
    ("take_thread_control", "POST", Call::Take),
    ("request_thread_control", "POST", Call::Request),
    ("release_thread_control", "POST", Call::Release),
    ("extend_thread_control", "POST", Call::Extend),
    ("pass_thread_metadata", "POST", Call::Metadata),
    ("thread_owner", "GET", Call::Owner),
    ("secondary_receivers", "GET", Call::Secondaries),
    ("conversations", "GET", Call::Conversations),
    ("subscribed_apps", "GET", Call::Subscribed),
    ("subscribed_apps", "POST", Call::Subscribe),
    ("subscribed_apps", "DELETE", Call::Unsubscribe),
    ("messenger_profile", "GET", Call::Profile),
    ("messenger_profile", "POST", Call::SetProfile),
    ("messenger_profile", "DELETE", Call::DeleteProfile),
    ("thread_settings", "POST", Call::Setting),
    ("thread_settings", "DELETE", Call::DeleteSetting),
    ("permissions", "GET", Call::Permissions),
    ("custom_user_settings", "GET", Call::Menu),
    ("custom_user_settings", "POST", Call::SetMenu),
    ("custom_user_settings", "DELETE", Call::DeleteMenu),
    ("personas", "GET", Call::Personas),
    ("personas", "POST", Call::MakePersona),
    ("custom_labels", "GET", Call::Labels),
    ("custom_labels", "POST", Call::MakeLabel),
    ("unlink_accounts", "POST", Call::Unlink),
    ("messenger_codes", "POST", Call::Codes),
    ("accounts", "GET", Call::Accounts),
    // Nothing here is reviewed, and nothing counted (wire.md 1.7).
    ("messaging_feature_review", "GET", Call::Empty),
    ("insights", "GET", Call::Empty),
    // Built-in language processing has nothing to be switched on; clients ask at start-up.
    ("nlp_configs", "POST", Call::Nothing),
];

/// A call of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OwnCall {
    Node,
    Nothing,
    Subscriptions,
    Subscribe,
    Unsubscribe,
}

/// The same for an app, by its app access token.
const OF_APP: &[(&str, &str, OwnCall)] = &[
    ("", "GET", OwnCall::Node),
    ("subscriptions", "GET", OwnCall::Subscriptions),
    ("subscriptions", "POST", OwnCall::Subscribe),
    ("subscriptions", "DELETE", OwnCall::Unsubscribe),
    // What apps report about themselves for advertising is nothing that is kept here.
    ("activities", "POST", OwnCall::Nothing),
    ("page_activities", "POST", OwnCall::Nothing),
];

/// The call of an edge, or why there is none.
fn call<T: Copy>(table: &[(&str, &str, T)], method: &str, node: &str, edge: &str) -> Result<T, GraphError> {
    let mut of_edge = table.iter().filter(|(name, _, _)| *name == edge).peekable();
    if of_edge.peek().is_none() {
        return Err(GraphError::unknown_path(&format!("/{edge}")));
    }
    let found = of_edge.find(|(_, known, _)| *known == method).map(|(_, _, call)| *call);
    found.ok_or_else(|| GraphError::unknown_node(method, node))
}

/// A call of the token's page, or of its account.
pub(super) async fn of_page(
    caller: &Caller,
    params: &mut Params,
    method: &str,
    node: &str,
    edge: &str,
) -> Result<Answer, Wrong> {
    match call(OF_PAGE, method, node, edge)? {
        Call::Node => node::get(caller, params),
        // One library asks for it so.
        Call::LinkingToken if params.get("account_linking_token").is_some() => node::get(caller, params),
        Call::LinkingToken => Err(GraphError::unknown_node(method, node).into()),
        Call::Messages => messages::post(caller, params).await,
        Call::Attachments => message_attachments::post(caller, params).await,
        Call::Pass => pass_thread_control::post(caller, params).await,
        Call::Take => take_thread_control::post(caller, params).await,
        Call::Request => request_thread_control::post(caller, params).await,
        Call::Release => release_thread_control::post(caller, params).await,
        Call::Extend => extend_thread_control::post(caller, params).await,
        Call::Metadata => pass_thread_metadata::post(caller, params).await,
        Call::Owner => thread_owner::get(caller, params).await,
        Call::Secondaries => secondary_receivers::get(caller, params),
        Call::Conversations => conversations::get(caller, params).await,
        Call::Subscribed => subscribed_apps::get(caller),
        Call::Subscribe => subscribed_apps::post(caller, params).await,
        Call::Unsubscribe => subscribed_apps::delete(caller).await,
        Call::Profile => messenger_profile::get(caller, params).await,
        Call::SetProfile => messenger_profile::post(caller, params).await,
        Call::DeleteProfile => messenger_profile::delete(caller, params).await,
        Call::Setting => thread_settings::post(caller, params).await,
        Call::DeleteSetting => thread_settings::delete(caller, params).await,
        Call::Permissions => Ok(node::permissions(caller)),
        Call::Menu => custom_user_settings::get(caller, params).await,
        Call::SetMenu => custom_user_settings::post(caller, params).await,
        Call::DeleteMenu => custom_user_settings::delete(caller, params).await,
        Call::Personas => personas::list(caller, params).await,
        Call::MakePersona => personas::post(caller, params).await,
        Call::Labels => custom_labels::list(caller, params).await,
        Call::MakeLabel => custom_labels::post(caller, params).await,
        Call::Unlink => unlink_accounts::post(caller, params).await,
        Call::Codes => messenger_codes::post(caller, params),
        Call::Accounts => Err(GraphError::no_field("accounts", "Page").into()),
        Call::Empty => Ok(Answer::of(json!({"data": []}))),
        Call::Nothing => Ok(Answer::of(success())),
    }
}

/// A call with an app access token.
pub(super) async fn of_app(
    caller: &AppCaller,
    params: &Params,
    method: &str,
    node: &str,
    edge: &str,
) -> Result<Answer, Wrong> {
    match (node, edge) {
        ("me", _) => return Err(GraphError::no_current_user().into()),
        ("debug_token", "") if method == "GET" => {
            return app::debug_token(caller.shared(), caller.app(), params).await;
        }
        (id, _) if id == caller.app().id.to_string() => {}
        _ => return Err(GraphError::unknown_node(method, node).into()),
    }
    match call(OF_APP, method, node, edge)? {
        OwnCall::Node => Ok(app::get(caller.shared(), caller.app())),
        OwnCall::Subscriptions => Ok(subscriptions::get(caller)),
        OwnCall::Subscribe => subscriptions::post(caller, params).await,
        OwnCall::Unsubscribe => subscriptions::delete(caller, params).await,
        OwnCall::Nothing => Ok(Answer::of(success())),
    }
}

/// Whether this is an edge that pages have and clients post to.
pub(super) fn is_posted_to(edge: &str) -> bool {
    !edge.is_empty() && call(OF_PAGE, "POST", "", edge).is_ok()
}

/// Whether an app may call this about itself with one of its page access tokens too: what clients report at start-up.
pub(super) fn is_report(method: &str, edge: &str) -> bool {
    matches!(call(OF_APP, method, "", edge), Ok(OwnCall::Nothing))
}
