//! One step of a scenario: somebody does something, and what must hold then. [`Step::of`] makes sense of what a file
//! says, or says what does not make sense.

use std::path::Path;
use std::time::Duration;

use baton_rules::Surface;
use serde_json::Value;

use super::expect::Expect;
use super::told::{Actor, Told};
use crate::cli::Failure;

/// The reserved name of the human desk.
pub(super) const INBOX: &str = "inbox";
/// The edge by which an app says what a page has before anybody writes: menu, ice breakers, Get Started.
pub(super) const PROFILE: &str = "messenger_profile";
/// The edge by which an app gives one person a menu of their own.
pub(super) const OWN_SETTINGS: &str = "custom_user_settings";

/// A step that makes sense.
#[derive(Debug)]
pub(crate) struct Step {
    /// The line in the file where it begins.
    pub(crate) line: usize,
    /// The clock moves before it happens.
    pub(super) when: Option<When>,
    /// What happens.
    pub(super) act: Act,
    /// The page, by id or name; none where a step has none.
    pub(super) page: Option<String>,
    /// The page's side.
    pub(super) surface: Surface,
    /// The person whose conversation it is.
    pub(super) person: Option<String>,
    /// What must hold then.
    pub(super) expect: Expect,
}

/// How the clock moves, in the words of Baton's API.
#[derive(Clone, Debug)]
pub(super) enum When {
    After(String),
    At(String),
}

/// What happens in a step.
#[derive(Debug)]
pub(super) enum Act {
    /// A person does something: the body of the event.
    Person(Value),
    /// An app calls the Graph API.
    App { app: String, call: Call },
    /// Somebody at the human desk does something: the body of the call, and the app that it names.
    Inbox { body: Value, app: Option<String> },
    /// An app that is not played by the scenario must do something by itself.
    Awaits { app: String, wanted: Wanted, within: Duration },
    /// Nothing but that time passes.
    Waits,
    /// The settings become what a routing file says.
    Settings(Value),
}

/// A call of the Graph API. App names in it are looked up when it is made.
#[derive(Debug)]
pub(super) struct Call {
    /// The edge of the page: `messages`, `pass_thread_control` …
    pub(super) edge: &'static str,
    /// Its parameters without the recipient.
    pub(super) body: Value,
    /// An app that the call names, and the parameter in which.
    pub(super) names: Option<(&'static str, String)>,
}

/// What an app that is waited for must do.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// It sends a message with this text; `*` stands for anything.
    pub(super) text: Option<String>,
    /// The history's word for it: `send`, `pass`, `take` …
    pub(super) cause: Option<&'static str>,
    /// The app that it passes control to.
    pub(super) passes_to: Option<String>,
}

/// Where the steps of a scenario are, unless they say otherwise.
#[derive(Debug)]
pub(super) struct Place {
    /// The scenario's only page.
    pub(super) page: Option<String>,
    /// The side that the scenario names.
    pub(super) surface: Surface,
    /// Whose conversation the step before was about, and on which side.
    pub(super) last: Option<(String, Surface)>,
}

/// The side of a page with this name.
pub(super) fn surface_named(name: &str) -> Result<Surface, String> {
    let known = [Surface::Messenger, Surface::Instagram];
    known
        .into_iter()
        .find(|surface| surface.name() == name)
        .ok_or_else(|| format!("a page has no side {name:?}, only \"messenger\" and \"instagram\""))
}

impl Step {
    /// Makes sense of a step.
    pub(super) fn of(told: Told, line: usize, place: &mut Place, beside: &Path) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::new(format!("the step in line {line}")).why(why);
        let actor = told.actor().map_err(wrong)?;
        told.words_fit(actor).map_err(wrong)?;
        let on = told.on.as_deref().map(surface_named).transpose().map_err(wrong)?;
        let (person, surface) = match (told.person.as_ref().or(told.with.as_ref()), &place.last) {
            (Some(named), _) => (Some(named.clone()), on.unwrap_or(place.surface)),
            (None, Some((last, side))) => (Some(last.clone()), on.unwrap_or(*side)),
            (None, None) => (None, on.unwrap_or(place.surface)),
        };
        place.last = person.clone().map(|person| (person, surface)).or_else(|| place.last.take());
        let page = told.page.clone().or_else(|| place.page.clone());
        let when = told.when().map_err(wrong)?;
        let expect = told.expect().map_err(wrong)?;
        let acts = !matches!(actor, Actor::Time | Actor::Settings);
        if acts && page.is_none() {
            return Err(wrong("there are several pages: say which, with page = \"…\"".to_owned()));
        }
        if acts && person.is_none() && told.sets.is_none() {
            return Err(wrong("nobody has written yet: say whose conversation, with = \"…\"".to_owned()));
        }
        if expect.refused.is_some() && matches!(actor, Actor::Time | Actor::Settings) {
            return Err(wrong(format!("`refused` does not go with {}", actor.word())));
        }
        let act = match actor {
            Actor::Person => Act::Person(told.event().map_err(wrong)?),
            Actor::App => {
                Act::App { app: told.app.clone().unwrap_or_default(), call: told.call().map_err(wrong)? }
            }
            Actor::Inbox => told.inbox().map_err(wrong)?,
            Actor::Awaited => told.awaited().map_err(wrong)?,
            Actor::Time => Act::Waits,
            Actor::Settings => match told.settings {
                Some(settings) => Act::Settings(settings.read(beside)?),
                None => return Err(wrong("there are no settings".to_owned())),
            },
        };
        Ok(Self { line, when, act, page, surface, person, expect })
    }
}
