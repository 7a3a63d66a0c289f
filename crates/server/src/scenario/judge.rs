//! Compares what came of a step with what its file says, and puts both into words. A difference says what was
//! expected, what came, why, and which line in the file would hold.

use baton_rules::AppId;
use baton_store::JournalRow;
use serde_json::Value;

use super::expect::{Expect, Refused, Until};
use super::play::{Came, Refusal};
use super::stage::Stage;
use super::step::{Act, INBOX, OWN_SETTINGS, PROFILE, Step, Wanted, When};
use crate::api::time;
use crate::cli::{Failure, look};

/// What owners are called where there is none.
const NOBODY: &str = "nobody";

/// Something that is not as the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Which word of the file.
    pub(crate) what: &'static str,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// What would make it pass.
    pub(crate) advice: String,
}

/// What is not as the file says, the most telling first.
pub(super) fn differences(step: &Step, came: &Came, stage: &Stage) -> Result<Vec<Difference>, Failure> {
    let mut found = Vec::new();
    let expect = &step.expect;
    if let Some(instead) = &came.instead {
        found.push(waited(step, instead, stage));
        return Ok(found);
    }
    refusal(step, came, stage, &mut found);
    if !found.is_empty() {
        return Ok(found);
    }
    let mut word = |what: &'static str, expected: &Option<String>, got: Option<&str>| {
        if let Some(expected) = expected
            && Some(expected.as_str()) != got
        {
            found.push(Difference {
                what,
                expected: expected.clone(),
                got: got.unwrap_or("none").to_owned(),
                advice: match (got, &came.rule) {
                    (Some(got), _) => format!("{what} = {got:?} holds here"),
                    (None, Some(rule)) => format!("take out `{what}`: {rule} refers to no other row"),
                    (None, None) => format!("take out `{what}`: nothing is decided in this step"),
                },
            });
        }
    };
    word("rule", &expect.rule, came.rule.as_deref());
    word("via", &expect.via, came.via.as_deref());
    state(expect, came, stage, &mut found)?;
    heard(expect, came, stage, &mut found)?;
    for trouble in &came.troubles {
        found.push(Difference {
            what: "delivery",
            expected: "every app answers its webhooks with 200".to_owned(),
            got: trouble.clone(),
            advice: if trouble.contains(": HTTP ") {
                "make the app answer 200 at once, and work on the event afterwards".to_owned()
            } else {
                "is the app running, at the address that the scenario has for it?".to_owned()
            },
        });
    }
    Ok(found)
}

fn waited(step: &Step, instead: &str, stage: &Stage) -> Difference {
    let app = match &step.act {
        Act::Awaits { app, .. } => app.as_str(),
        _ => "the app",
    };
    let heard = match stage.last_heard(app) {
        Some(heard) => format!("the last that {app} heard is {heard}"),
        None => {
            format!("{app} has heard nothing of this conversation: who is in control when the person writes?")
        }
    };
    Difference {
        what: "awaits",
        expected: words(step),
        got: instead.to_owned(),
        advice: if instead.contains(" did nothing ") {
            format!("{heard}; look at its log, or wait longer with within = \"30s\"")
        } else {
            format!("expect what {app} does, or change it; {heard}")
        },
    }
}

fn refusal(step: &Step, came: &Came, stage: &Stage, found: &mut Vec<Difference>) {
    let holds = |refusal: &Refusal| match &refusal.rule {
        Some(rule) => format!("refused = {rule:?} holds here"),
        None => format!("refused = {{ code = {} }} holds here", refusal.code.unwrap_or_default()),
    };
    match (&step.expect.refused, &came.refused) {
        (None, None) => {}
        (None, Some(refusal)) => {
            let owner = owner_of(came, stage).filter(|_| about_control(refusal));
            let advice = match owner {
                Some(owner) => {
                    format!("let {owner}, which is in control, pass or release before; or {}", holds(refusal))
                }
                None => holds(refusal),
            };
            found.push(Difference {
                what: "refused",
                expected: "it is allowed".to_owned(),
                got: in_words(refusal),
                advice,
            });
        }
        (Some(expected), None) => found.push(Difference {
            what: "refused",
            expected: refused_in_words(expected),
            got: match &came.rule {
                Some(rule) => format!("it was allowed by {rule}"),
                None => "it was allowed".to_owned(),
            },
            advice: match &came.rule {
                Some(rule) => format!("take out `refused`; rule = {rule:?} holds here"),
                None => "take out `refused`".to_owned(),
            },
        }),
        (Some(expected), Some(refusal)) => {
            let differs = |expected: &Option<u32>, got: Option<u32>| expected.is_some() && *expected != got;
            if (expected.rule.is_some() && expected.rule != refusal.rule)
                || differs(&expected.code, refusal.code)
                || differs(&expected.subcode, refusal.subcode)
            {
                found.push(Difference {
                    what: "refused",
                    expected: refused_in_words(expected),
                    got: in_words(refusal),
                    advice: holds(refusal),
                });
            }
        }
    }
}

fn state(expect: &Expect, came: &Came, stage: &Stage, found: &mut Vec<Difference>) -> Result<(), Failure> {
    let got = owner_of(came, stage).unwrap_or_else(|| NOBODY.to_owned());
    let because = came.rule.as_ref().map(|rule| format!(", by {rule}")).unwrap_or_default();
    if let Some(expected) = &expect.owner {
        if expected != NOBODY {
            stage.app(expected)?;
        }
        if *expected != got && stage.app(expected).ok() != stage.app(&got).ok() {
            found.push(Difference {
                what: "owner",
                expected: expected.clone(),
                got: format!("{got}{because}"),
                advice: format!(
                    "owner = {got:?} holds here; `baton thread explain` tells how a live one came to it"
                ),
            });
        }
    }
    if let Some(until) = &expect.until {
        let got = came.thread["expires_at"].as_str().and_then(look::milliseconds_of);
        let (expected, text) = match until {
            Until::NoEnd => (None, "no end".to_owned()),
            Until::After(after, text) => {
                (Some(came.at + after), format!("{text} from then, {}", time::text(came.at + after)))
            }
            Until::At(at, text) => (Some(*at), text.clone()),
        };
        // Control lapses at whole seconds (CLK-8).
        if expected.map(|at| at.div_euclid(1000)) != got.map(|at| at.div_euclid(1000)) {
            let shown = got.map_or_else(|| "no end".to_owned(), time::text);
            found.push(Difference {
                what: "until",
                expected: text,
                advice: format!("until = {shown:?} holds here"),
                got: shown,
            });
        }
    }
    if let Some(folder) = &expect.folder {
        let got = came.thread["folder"].as_str().unwrap_or("none");
        if folder != got {
            found.push(Difference {
                what: "folder",
                expected: folder.clone(),
                got: got.to_owned(),
                advice: format!("folder = {got:?} holds here"),
            });
        }
    }
    if let Some(waiting) = &expect.waiting {
        let requests = came.thread["requests"].as_array().cloned().unwrap_or_default();
        let got: Vec<String> =
            requests.iter().map(|one| stage.called(one["app_id"].as_str().unwrap_or_default())).collect();
        if *waiting != got {
            found.push(Difference {
                what: "waiting",
                expected: waits(waiting),
                got: waits(&got),
                advice: format!("waiting = {got:?} holds here"),
            });
        }
    }
    Ok(())
}

fn heard(expect: &Expect, came: &Came, stage: &Stage, found: &mut Vec<Difference>) -> Result<(), Failure> {
    for (app, expected) in expect.heard.iter().flatten() {
        let called = stage.called(&stage.app(app)?);
        let got = came.heard.get(&called).cloned().unwrap_or_default();
        if *expected != got {
            found.push(Difference {
                what: "heard",
                expected: format!("{app}: {}", list(expected)),
                got: format!("{app}: {}", list(&got)),
                advice: format!("heard.{} = {got:?} holds here{}", key(app), why_unheard(&got, expected)),
            });
        }
    }
    Ok(())
}

/// Why an app did not hear something, where that can be seen from what it heard.
fn why_unheard(got: &[String], expected: &[String]) -> &'static str {
    let on_standby = |event: &String| got.contains(&format!("standby {event}"));
    let in_control = |event: &String| {
        event.strip_prefix("standby ").is_some_and(|event| got.iter().any(|got| got == event))
    };
    if expected.iter().any(on_standby) {
        "; it stands by, because another app is in control"
    } else if expected.iter().any(in_control) {
        "; it does not stand by, because it is in control, or nobody is"
    } else {
        ""
    }
}

/// What an app did instead of what was waited for; none when that was it.
pub(super) fn another(
    wanted: &Wanted,
    rows: &[&JournalRow],
    owner: Option<AppId>,
    stage: &Stage,
) -> Result<Option<String>, Failure> {
    let Some(last) = rows.last() else { return Ok(None) };
    let said = rows.iter().find(|row| row.event.as_deref() == Some("message_echoes")).and_then(|row| {
        let item: Value = serde_json::from_slice(&row.whole).ok()?;
        item["message"]["text"].as_str().map(str::to_owned)
    });
    if let Some(pattern) = &wanted.text {
        match said {
            Some(said) if fits(pattern, &said) => {}
            Some(said) => return Ok(Some(format!("sent {said:?}"))),
            None => return Ok(Some(format!("did: {}", last.cause.name()))),
        }
    } else if wanted.cause != Some(last.cause.name()) {
        let did = said.map_or_else(|| format!("did: {}", last.cause.name()), |said| format!("sent {said:?}"));
        return Ok(Some(did));
    }
    if let Some(target) = &wanted.passes_to {
        let target = stage.called(&stage.app(target)?);
        let owner = owner.map_or_else(|| NOBODY.to_owned(), |owner| stage.called(&owner.to_string()));
        if owner != target {
            return Ok(Some(format!("left control with {owner}")));
        }
    }
    Ok(None)
}

/// Whether a text is what a pattern says; `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.len() >= last.len() && rest.ends_with(last)
}

fn owner_of(came: &Came, stage: &Stage) -> Option<String> {
    came.thread["owner_app_id"].as_str().map(|id| stage.called(id))
}

/// Whether the platform refuses because another app is in control: `error_subcode` of E-SEND-OTHER and of
/// E-IG-NOTOWNER, or what the messages without one say.
fn about_control(refusal: &Refusal) -> bool {
    matches!(refusal.subcode, Some(2_018_300 | 2_534_037)) || refusal.message.contains("thread owner")
}

/// Whether a step was refused, and who is in control after it, in words.
pub(super) fn outcome(came: &Came, stage: &Stage) -> Option<String> {
    let control = control(came, stage);
    match &came.refused {
        None => control,
        Some(_) => {
            Some(control.map_or_else(|| "refused".to_owned(), |control| format!("refused: {control}")))
        }
    }
}

fn control(came: &Came, stage: &Stage) -> Option<String> {
    if came.thread.is_null() {
        return None;
    }
    let Some(owner) = owner_of(came, stage) else { return Some(NOBODY.to_owned()) };
    let until = came.thread["expires_at"].as_str().and_then(look::milliseconds_of);
    Some(match until {
        Some(until) => format!("{owner} until {}", look::moment(until, came.at)),
        None => owner,
    })
}

fn in_words(refusal: &Refusal) -> String {
    let number = match (refusal.code, refusal.subcode) {
        (Some(code), Some(subcode)) => format!("{code}/{subcode}, "),
        (Some(code), None) => format!("{code}, "),
        (None, _) => String::new(),
    };
    let rule = refusal.rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
    format!("refused with {number}{}{rule}", refusal.message)
}

fn refused_in_words(expected: &Refused) -> String {
    let mut words = Vec::new();
    if let Some(rule) = &expected.rule {
        words.push(format!("by {rule}"));
    }
    if let Some(code) = expected.code {
        words.push(format!("with code {code}"));
    }
    if let Some(subcode) = expected.subcode {
        words.push(format!("subcode {subcode}"));
    }
    format!("it is refused {}", words.join(", "))
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn waits(apps: &[String]) -> String {
    if apps.is_empty() { NOBODY.to_owned() } else { apps.join(", ") }
}

/// A name as the file has to write it before a `=`.
fn key(name: &str) -> String {
    let bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if bare { name.to_owned() } else { format!("{name:?}") }
}

/// A step in words.
pub(super) fn words(step: &Step) -> String {
    let person = step.person.as_deref().unwrap_or_default();
    match &step.act {
        Act::Person(event) => format!("{person} {}", person_does(event)),
        Act::App { app, call } => {
            let target = call.names.as_ref().map(|(_, app)| app.as_str());
            format!("{app} {}", app_does(call.edge, &call.body, target))
        }
        Act::Inbox { body, app } => {
            let app = app.as_deref().unwrap_or_default();
            let does = match body["action"].as_str().unwrap_or_default() {
                "reply" => format!("replies {:?}", body["text"].as_str().unwrap_or_default()),
                "move_to_main" => "moves the conversation to Main".to_owned(),
                "done" => "marks the conversation as done".to_owned(),
                "pass" => format!("passes control to {app}"),
                _ => format!("grants {app}'s request"),
            };
            format!("{INBOX} {does}")
        }
        Act::Awaits { app, wanted, .. } => {
            let does = match (&wanted.text, wanted.cause) {
                (Some(text), _) => format!("sends {text:?} by itself"),
                (None, Some("pass")) => {
                    format!(
                        "passes control to {} by itself",
                        wanted.passes_to.as_deref().unwrap_or("the default app")
                    )
                }
                (None, cause) => format!("does by itself: {}", cause.unwrap_or_default()),
            };
            format!("{app} {does}")
        }
        Act::Waits => match &step.when {
            Some(When::After(after)) => format!("{after} later"),
            Some(When::At(at)) => format!("it is {at}"),
            None => "nothing".to_owned(),
        },
        Act::Settings(_) => "the settings change".to_owned(),
    }
}

fn person_does(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap_or_default();
    let entry = match event["entry"]["type"].as_str() {
        Some("ad") => format!(" by ad {}", event["entry"]["ad_id"].as_str().unwrap_or_default()),
        Some("link") => format!(" by link {}", event["entry"]["ref"].as_str().unwrap_or_default()),
        Some(_) | None => String::new(),
    };
    let payload = |kind: &str| event[kind]["payload"].as_str().unwrap_or_default().to_owned();
    let does = match kind {
        "message" => match event["message"]["quick_reply"]["payload"].as_str() {
            Some(payload) => format!("taps the quick reply {payload}"),
            None => format!("writes {:?}", event["message"]["text"].as_str().unwrap_or("…")),
        },
        "postback" => format!("taps {}", payload("postback")),
        "menu" => format!("taps {} in the menu", payload("menu")),
        "ice_breaker" => format!("taps the ice breaker {}", payload("ice_breaker")),
        "get_started" => "taps Get Started".to_owned(),
        "referral" => "comes".to_owned(),
        other => format!("does: {other}"),
    };
    format!("{does}{entry}")
}

fn app_does(edge: &str, body: &Value, target: Option<&str>) -> String {
    let target = target.unwrap_or("the default app");
    match edge {
        "messages" => {
            let text = body["message"]["text"].as_str().unwrap_or("…");
            let control = &body["thread_control"];
            let tag = body["tag"].as_str().map(|tag| format!(" with the tag {tag}")).unwrap_or_default();
            let then = match (control["payload"].as_str(), control["control_type"].as_str()) {
                (Some("release_thread_control"), _) => " and releases control".to_owned(),
                (None, None) => String::new(),
                (_, _) => format!(" and passes control to {target}"),
            };
            format!("sends {text:?}{tag}{then}")
        }
        "pass_thread_control" => format!("passes control to {target}"),
        "take_thread_control" => "takes control".to_owned(),
        "request_thread_control" => "requests control".to_owned(),
        "release_thread_control" => "releases control".to_owned(),
        "extend_thread_control" => {
            format!("extends its control by {} s", body["duration"].as_i64().unwrap_or_default())
        }
        PROFILE | OWN_SETTINGS => {
            let set: Vec<&str> =
                body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            let whose = if edge == PROFILE { "the page" } else { "this person" };
            format!("sets {} for {whose}", set.join(", "))
        }
        _ => format!("passes metadata to {target}"),
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, text) in [
            ("hello", "hello"),
            ("*", ""),
            ("*sale*", "the sale is on"),
            ("a*b*c", "a--b--b--c"),
            ("a*", "a"),
        ] {
            assert!(fits(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("hello", "hello!"), ("*sale", "sale on"), ("a*a", "a"), ("a*b*c", "acb")] {
            assert!(!fits(pattern, text), "{pattern} {text}");
        }
    }
}
