//! The links and ads of a page: the ways in that the file routes, on either surface.

use std::collections::HashSet;

use baton_rules::{AppId, Surface};
use baton_store::{Ad, KeptSurface, Link};
use serde_json::Value;

use super::input::{AdTable, At, LinkTable};
use super::pages::Part;
use super::plan::one_of;

pub(super) const STATUSES: &[&str] = &["published", "draft", "paused"];

/// A surface, as it is kept.
pub(super) const fn kept(on: Surface) -> KeptSurface {
    match on {
        Surface::Messenger => KeptSurface::Messenger,
        Surface::Instagram => KeptSurface::Instagram,
    }
}

impl Part<'_, '_, '_> {
    /// The surface of a link or ad.
    fn surface(&mut self, on: Option<&str>, linked: bool, pointer: &str) -> Surface {
        match on {
            None | Some("messenger") => Surface::Messenger,
            Some("instagram") => {
                if !linked {
                    let detail = "the page has no Instagram account: add the table `instagram` to it";
                    self.draft.refuse(format!("{pointer}/on"), detail);
                }
                Surface::Instagram
            }
            Some(other) => {
                self.draft.refuse(format!("{pointer}/on"), one_of(other, &["messenger", "instagram"]));
                Surface::Messenger
            }
        }
    }

    /// The routed links, m.me and ig.me. `linked`: the page has an Instagram account.
    pub(super) fn links(&mut self, tables: &[At<LinkTable>], linked: bool) -> Vec<Link> {
        let (mut links, mut seen) = (Vec::new(), HashSet::new());
        for At { pointer, table } in tables {
            let on = self.surface(table.on.as_deref(), linked, pointer);
            if table.reference.is_empty() || table.reference.len() > 2048 {
                self.draft.refuse(format!("{pointer}/ref"), "the ref of a link has 1 to 2048 bytes");
            } else if !seen.insert((on, &table.reference)) {
                self.draft.refuse(format!("{pointer}/ref"), "this link is there twice: keep one of the two");
            }
            if let Some(app) = self.app(&table.app, on, format!("{pointer}/app")) {
                links.push(Link { on: kept(on), reference: table.reference.clone(), app });
            }
        }
        links
    }

    /// The ads.
    pub(super) fn ads(&mut self, tables: &[At<AdTable>], linked: bool) -> Vec<Ad> {
        let (mut ads, mut seen) = (Vec::new(), HashSet::new());
        for At { pointer, table } in tables {
            let on = self.surface(table.on.as_deref(), linked, pointer);
            if table.id.is_empty() || table.id.len() > 64 {
                self.draft.refuse(format!("{pointer}/id"), "the id of an ad has 1 to 64 bytes");
            } else if !seen.insert((on, &table.id)) {
                self.draft.refuse(format!("{pointer}/id"), "this ad is there twice: keep one of the two");
            }
            let status = table.status.as_deref().unwrap_or("published");
            if !STATUSES.contains(&status) {
                self.draft.refuse(format!("{pointer}/status"), one_of(status, STATUSES));
            }
            self.draft.check_people(&table.audience, &format!("{pointer}/audience"));
            let (template, message) = self.template(table.template.as_ref(), &format!("{pointer}/template"));
            ads.push(Ad {
                on: kept(on),
                id: table.id.clone(),
                name: table.name.clone().unwrap_or_else(|| table.id.clone()),
                status: status.to_owned(),
                audience: table.audience.clone(),
                template,
                receiving_app: message.get("receiving_app_id").and_then(app_id),
                // AD-2: a JSON integer; what is no integer counts as missing.
                control_days: message.get("receiving_app_control_expiration").and_then(Value::as_i64),
            });
        }
        ads
    }

    /// The template as text, and its `message`.
    fn template(&mut self, given: Option<&Value>, pointer: &str) -> (String, Value) {
        let (text, read) = match given {
            None | Some(Value::Null) => return (String::new(), Value::Null),
            Some(Value::String(text)) if text.is_empty() => return (String::new(), Value::Null),
            Some(Value::String(text)) => (text.clone(), serde_json::from_str(text)),
            Some(object) => (object.to_string(), Ok(object.clone())),
        };
        match read {
            Ok(Value::Object(mut table)) => (text, table.remove("message").unwrap_or_default()),
            Ok(_) => {
                self.draft.refuse(pointer.to_owned(), "a template is a JSON object: {\"message\": {…}}");
                (text, Value::Null)
            }
            Err(error) => {
                self.draft
                    .refuse(pointer.to_owned(), format!("a template is JSON, and this is not: {error}"));
                (text, Value::Null)
            }
        }
    }
}

/// API-3: a JSON integer, or digits.
fn app_id(value: &Value) -> Option<AppId> {
    match value {
        Value::Number(number) => number.as_u64().and_then(AppId::new),
        Value::String(digits) => digits.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
