//! What can be said of a file without a server: it is applied to a new one that nobody keeps.

use baton_store::{Settings, SettingsRefused};
use serde_json::Value;

use super::input::RoutingInput;
use super::plan::{Warning, apply};
use super::{Mint, input::escaped};

/// What is to be said of a file. Pointers are into the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Examined {
    /// Why it would be refused.
    pub(crate) problems: Vec<SettingsRefused>,
    /// What is allowed and not advisable: CHK-1 to CHK-5. Looked for only when all of the file could be read
    /// and nothing that it says contradicts itself.
    pub(crate) warnings: Vec<Warning>,
}

/// Examines a file's JSON. `look_up` finds what `env:NAME` stands for.
pub(crate) fn examine(value: &Value, look_up: &dyn Fn(&str) -> Option<String>) -> Examined {
    let (input, mut problems) = RoutingInput::read_on(value, look_up);
    let Some(input) = input else { return Examined { problems, warnings: Vec::new() } };
    // What is made up here is thrown away, so it need not be secret.
    let plan = apply(&input, &Settings::default(), false, &mut Mint::seeded([0; 32]));
    let warnings = match plan {
        Ok(plan) => {
            let in_file = |warning: Warning| {
                let pointer = in_file(&warning.pointer, &plan.settings);
                Warning { pointer, ..warning }
            };
            plan.warnings.into_iter().map(in_file).collect()
        }
        Err(found) => {
            problems.extend(found);
            Vec::new()
        }
    };
    Examined { problems, warnings }
}

/// A pointer that names things by their ids, as one that names them by their places in the file. On a new
/// server both are in the same order.
fn in_file(pointer: &str, settings: &Settings) -> String {
    let mut parts: Vec<String> = pointer.split('/').map(str::to_owned).collect();
    let place = |found: Option<usize>, part: &mut String| {
        if let Some(place) = found {
            *part = place.to_string();
        }
    };
    let named = |parts: &[String], index: usize| parts.get(index).cloned().unwrap_or_default();
    let (list, id) = (named(&parts, 1), named(&parts, 2));
    let (inner_list, inner_id) = (named(&parts, 3), named(&parts, 4));
    let page = settings.pages.iter().position(|page| page.id.to_string() == id);
    if let Some(part) = parts.get_mut(2) {
        match list.as_str() {
            "apps" => place(settings.apps.iter().position(|app| app.id.to_string() == id), part),
            "pages" => place(page, part),
            _ => {}
        }
    }
    if let (Some(part), Some(page)) = (parts.get_mut(4), page.and_then(|page| settings.pages.get(page))) {
        let found = match inner_list.as_str() {
            "connections" => page.connections.iter().position(|one| one.app.to_string() == inner_id),
            "links" => page.links.iter().position(|one| escaped(&one.reference) == inner_id),
            "ads" => page.ads.iter().position(|one| escaped(&one.id) == inner_id),
            _ => None,
        };
        place(found, part);
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examined(text: &str) -> Examined {
        let value: Value = toml::from_str(text).unwrap();
        examine(&value, &|name| (name == "KNOWN").then(|| "s".to_owned()))
    }

    /// Every warning that a file can show. The app without an id gets one, and the pointer does not have it.
    const PRACTICE: &str = r#"
[[apps]]
name = "Desk"
human_agent = true
webhook_url = "http://127.0.0.1:1/"
[[apps]]
name = "Bot"
webhook_url = "http://127.0.0.1:1/"
[[pages]]
name = "Quiet"
[[pages]]
name = "Shop"
[[pages.connections]]
app = "Bot"
take_control = true
fields = ["messages"]
[[pages.connections]]
app = "Desk"
standby = false
"#;

    #[test]
    fn warnings_point_into_the_file() {
        let found = examined(PRACTICE);
        assert_eq!(found.problems, []);
        let warnings: Vec<_> = found.warnings.iter().map(|one| (one.rule, one.pointer.as_str())).collect();
        assert_eq!(
            warnings,
            [
                (Some("CHK-3"), "/apps/1/webhook_url"),
                (Some("CHK-1"), "/pages/1/connections/0/fields"),
                (Some("CHK-2"), "/pages/1/connections/0/take_control"),
                (Some("CHK-4"), "/pages/1/connections/1/standby"),
                (Some("CHK-5"), "/pages/1/messenger"),
            ]
        );
    }

    #[test]
    fn a_key_that_nobody_knows_hides_nothing_else() {
        let found = examined(
            "[[apps]]\nname = \"A\"\nwebhok_url = \"x\"\nsecret = \"env:GONE\"\n[[pages]]\nid = \"2001\"\n\
             name = \"P\"\n[pages.messenger]\ndefault_app = \"B\"\n",
        );
        let pointers: Vec<&str> = found.problems.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(pointers, ["/apps/0/webhok_url", "/apps/0/secret", "/pages/0/messenger/default_app"]);
    }

    #[test]
    fn the_rules_of_settings_are_asked() {
        let found = examined(
            "[[apps]]\nname = \"A\"\nsecret = \"env:KNOWN\"\n[[pages]]\nid = \"2001\"\nname = \"P\"\n\
             [pages.messenger]\ndefault_app = \"A\"\n",
        );
        let rules: Vec<_> = found.problems.iter().map(|one| one.rule.as_deref()).collect();
        assert_eq!(rules, [Some("SET-1")]);
        assert_eq!(found.problems[0].pointer, "/pages/0/messenger/default_app");
    }

    #[test]
    fn a_value_that_is_none_is_told_alone() {
        let found =
            examined("[[apps]]\nname = 3\n[[pages]]\nname = \"P\"\n[pages.messenger]\ndefault_app = \"3\"\n");
        let pointers: Vec<&str> = found.problems.iter().map(|one| one.pointer.as_str()).collect();
        assert_eq!(pointers, ["/apps/0/name"]);
    }
}
