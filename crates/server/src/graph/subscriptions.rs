//! `/{app-id}/subscriptions`, with an app access token: the app's webhook address, and the fields of pages that
//! it subscribes to without naming any (wire.md 4.1). An app has one address for Messenger and Instagram alike.

use std::sync::Arc;

use baton_store::{App, Secret, Settings, SettingsRefused};
use baton_wire::GraphError;
use baton_wire::params::Params;
use serde_json::{Value, json};

use super::{Answer, Wrong};
use crate::caller::{AppCaller, configure};

/// The objects that have webhooks here.
const OBJECTS: [&str; 2] = ["page", "instagram"];

pub(super) fn get(caller: &AppCaller) -> Answer {
    let app = caller.app();
    let fields: Vec<Value> =
        app.subscribed.iter().map(|name| json!({"name": name, "version": super::VERSION})).collect();
    let one = |object: &&str, url: &String| json!({"object": object, "callback_url": url, "active": app.verified, "fields": fields});
    let url = app.webhook_url.as_ref();
    let data: Vec<Value> =
        url.map(|url| OBJECTS.iter().map(|object| one(object, url)).collect()).unwrap_or_default();
    Answer { body: json!({"data": data}), rule: None }
}

/// The address must answer the handshake before anything changes.
pub(super) async fn post(caller: &AppCaller, params: &Params) -> Result<Answer, Wrong> {
    object(params)?.ok_or_else(|| GraphError::required("object"))?;
    let required = |name: &str| {
        let text = params.text(name).filter(|text| !text.is_empty());
        text.ok_or_else(|| GraphError::required(name))
    };
    let (url, token) = (required("callback_url")?, required("verify_token")?);
    check(&url)?;
    let fields = params.list("fields");
    let engine = &caller.shared().engine;
    if let Some(why) = engine.try_address(&url, &token).await {
        return Err(GraphError::callback(&why).into());
    }
    change(caller, move |app| {
        app.webhook_url = Some(url.clone());
        app.verify_token = Some(Secret::new(token.clone()));
        app.verified = true;
        if let Some(fields) = &fields {
            app.subscribed.clone_from(fields);
        }
    })
    .await
}

/// Takes fields away where some are named, else the address and all fields.
pub(super) async fn delete(caller: &AppCaller, params: &Params) -> Result<Answer, Wrong> {
    object(params)?;
    let fields = params.list("fields");
    change(caller, move |app| match &fields {
        Some(fields) => app.subscribed.retain(|name| !fields.contains(name)),
        None => {
            (app.webhook_url, app.verify_token, app.verified) = (None, None, false);
            app.subscribed.clear();
        }
    })
    .await
}

fn object(params: &Params) -> Result<Option<String>, GraphError> {
    let Some(object) = params.text("object") else { return Ok(None) };
    if OBJECTS.contains(&object.as_str()) {
        Ok(Some(object))
    } else {
        Err(GraphError::parameter(format!("Param object must be one of {{{}}}", OBJECTS.join(", "))))
    }
}

fn check(url: &str) -> Result<(), GraphError> {
    let wrong = |why: &str| GraphError::parameter(format!("Param callback_url {why}"));
    let url = url::Url::parse(url).map_err(|_| wrong("must be an address"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("must start with http:// or https://"));
    }
    if url.fragment().is_some() {
        return Err(wrong("must have no `#` part"));
    }
    Ok(())
}

async fn change(
    caller: &AppCaller,
    become_of: impl Fn(&mut App) + Send + Sync + 'static,
) -> Result<Answer, Wrong> {
    let id = caller.app().id;
    let change = move |settings: &Settings| -> Result<Settings, Vec<SettingsRefused>> {
        let mut apps = settings.apps.clone();
        for app in apps.iter_mut().filter(|app| app.id == id) {
            let mut changed = App::clone(app);
            become_of(&mut changed);
            if changed != **app {
                *app = Arc::new(changed);
            }
        }
        Ok(Settings::new(settings.version + 1, apps, settings.pages.clone()))
    };
    configure(&caller.shared().engine, Box::new(change)).await?;
    Ok(Answer { body: json!({"success": true}), rule: None })
}
