//! Recommended practice that shows in the settings, in words. What is warned of is the rules' to say
//! (`baton_rules::practice`).

use baton_rules::practice::{self, About, Advice};
use baton_rules::{AppId, Surface};
use baton_store::{Page, Settings};

use super::Warning;

/// The warnings of some settings.
pub(super) fn of(settings: &Settings) -> Vec<Warning> {
    let addresses = settings.apps.iter().filter_map(|app| Some((app.id, app.webhook_url.as_deref()?)));
    let mut found: Vec<Warning> =
        practice::of_addresses(addresses).iter().filter_map(|one| told(one, None, settings)).collect();
    for page in &settings.pages {
        let mut of_page = Vec::new();
        for surface in [Surface::Messenger, Surface::Instagram] {
            let warnings = settings.routing(page.id, surface).map(|routing| practice::of_surface(routing));
            let warnings = warnings.unwrap_or_default();
            for warning in warnings.iter().filter_map(|one| told(one, Some((page, surface)), settings)) {
                // What a connection has for both sides is told once.
                if !of_page.contains(&warning) {
                    of_page.push(warning);
                }
            }
        }
        found.append(&mut of_page);
    }
    found
}

/// A warning in words, with the place of the value that it is about; none where that is no setting.
fn told(warning: &practice::Warning, side: Option<(&Page, Surface)>, settings: &Settings) -> Option<Warning> {
    let name = |app: AppId| settings.app(app).map_or("an app", |app| app.name.as_str());
    let (place, own) = match (warning.about, side) {
        (About::App(app), _) => (format!("/apps/{app}"), name(app)),
        (About::Connection(app), Some((page, _))) => {
            (format!("/pages/{}/connections/{app}", page.id), name(app))
        }
        (About::Surface, Some((page, surface))) => (format!("/pages/{}/{}", page.id, surface.name()), ""),
        (About::Connection(_) | About::Surface | About::Thread, _) => return None,
    };
    let (value, detail) = match warning.what {
        Advice::NotSubscribed(fields) => {
            let names: Vec<&str> = fields.names().collect();
            ("/fields", format!("{own} is not subscribed to {}", names.join(", ")))
        }
        Advice::BotMayTake => {
            ("/take_control", format!("{own} may take control and has no Human Agent feature"))
        }
        Advice::SharedAddress(other) => {
            ("/webhook_url", format!("{} and {own} share a webhook address", name(other)))
        }
        Advice::PeopleArePrimary(app) => (
            "/primary_receiver",
            format!("the primary receiver should be a bot, and {} has the Human Agent feature", name(app)),
        ),
        Advice::PeopleWithoutStandby => (
            "/standby",
            format!("people answer by {own}, and it does not see what others say: standby is off"),
        ),
        Advice::NobodyInFront => (
            "",
            "several apps are connected, with neither default app nor primary receiver: all of them hear \
             everything and may answer"
                .to_owned(),
        ),
        Advice::RequestWaits | Advice::OldEdge => return None,
    };
    Some(Warning { rule: Some(warning.rule.0), pointer: format!("{place}{value}"), detail })
}
