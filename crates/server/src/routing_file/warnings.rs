//! Recommended practice (CHK-*): what is allowed and usually not meant. Warnings refuse nothing.

use std::collections::HashMap;

use baton_rules::{Fields, Routing, Surface};
use baton_store::{App, Page, Settings};

use super::Warning;

/// What each connected app should be subscribed to.
const RECOMMENDED: [Fields; 5] = [
    Fields::MESSAGES,
    Fields::MESSAGING_REFERRALS,
    Fields::MESSAGING_HANDOVERS,
    Fields::MESSAGING_POSTBACKS,
    Fields::STANDBY,
];

/// The warnings of some settings.
pub(super) fn of(settings: &Settings) -> Vec<Warning> {
    let mut found = shared_addresses(settings);
    for page in &settings.pages {
        if let Some(routing) = settings.routing(page.id, Surface::Messenger) {
            connections(page, routing, settings, &mut found);
            surface(page, routing, settings, &mut found);
        }
    }
    found
}

fn name(app: Option<&App>) -> &str {
    app.map_or("an app", |app| app.name.as_str())
}

fn connections(page: &Page, routing: &Routing, settings: &Settings, found: &mut Vec<Warning>) {
    for connected in &routing.apps {
        let app = settings.app(connected.id).map(|app| &**app);
        let pointer = format!("/pages/{}/connections/{}", page.id, connected.id);
        let missing = RECOMMENDED.into_iter().filter(|field| !connected.fields.has(*field));
        let missing: Vec<&str> = missing.flat_map(Fields::names).collect();
        if !missing.is_empty() {
            let detail = format!("{} is not subscribed to {}", name(app), missing.join(", "));
            found.push(Warning { rule: Some("CHK-1"), pointer: format!("{pointer}/fields"), detail });
        }
        if connected.take_control && !connected.human_agent {
            let detail = format!("{} may take control and has no Human Agent feature", name(app));
            found.push(Warning { rule: Some("CHK-2"), pointer: format!("{pointer}/take_control"), detail });
        }
        if connected.human_agent && !connected.standby {
            let detail = format!(
                "people answer by {}, and it does not see what others say: standby is off",
                name(app)
            );
            found.push(Warning { rule: Some("CHK-4"), pointer: format!("{pointer}/standby"), detail });
        }
    }
}

fn surface(page: &Page, routing: &Routing, settings: &Settings, found: &mut Vec<Warning>) {
    let pointer = format!("/pages/{}/messenger", page.id);
    let primary = routing.primary_receiver().and_then(|primary| routing.app(primary));
    if let Some(primary) = primary.filter(|primary| primary.human_agent) {
        let app = settings.app(primary.id).map(|app| &**app);
        let detail =
            format!("the primary receiver should be a bot, and {} has the Human Agent feature", name(app));
        found.push(Warning { rule: Some("CHK-4"), pointer: format!("{pointer}/primary_receiver"), detail });
    }
    if routing.apps.len() > 1 && routing.default.is_none() && routing.primary.is_none() {
        let detail = "several apps are connected, with neither default app nor primary receiver: all of them \
                      hear everything and may answer";
        found.push(Warning { rule: Some("CHK-5"), pointer, detail: detail.to_owned() });
    }
}

fn shared_addresses(settings: &Settings) -> Vec<Warning> {
    let mut first: HashMap<&str, &App> = HashMap::new();
    let mut found = Vec::new();
    for app in &settings.apps {
        let Some(url) = app.webhook_url.as_deref() else { continue };
        match first.get(url) {
            Some(other) => found.push(Warning {
                rule: Some("CHK-3"),
                pointer: format!("/apps/{}/webhook_url", app.id),
                detail: format!("{} and {} share a webhook address", other.name, app.name),
            }),
            None => {
                first.insert(url, app);
            }
        }
    }
    found
}
