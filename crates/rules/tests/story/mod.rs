//! The language of the `*.table` files: a page, a thread and an action as a few words, and what was decided
//! as a few words. Spoken by `tables.rs` and `decision_table.rs`, so that both show a decision alike.
//!
//! A **page** is a list of settings, parted by `;`: `instagram` (first: the account, not the page's Messenger),
//! `profile 2025`, `primary bot`, `default bot`, `organic shop`,
//! `app desk human_agent take_control no_standby -messages`, `link spring desk`, `ad week desk 7`,
//! `ad draft desk draft`, `ad own desk for pat`, `main_requests`, `messaging off`, `ad_window 3`,
//! `without desk`, `reconnect desk`.
//!
//! A **thread** is `new` (the person never wrote) or `idle` or its owner, with what differs from the usual:
//! the person wrote an hour ago (`heard=-30h`, `heard=never`), control lapses in 23 hours (`until=2h`), the
//! window length is a day (`W=4`), folder `general` (`main`, `done`), `queue=desk`, `held=1`.
//! In short: `lapsed` (control lapsed and the person wrote a day ago), `dormant` (the person wrote a day ago),
//! `late` (25 hours ago: outside of the window), `old` (eight days ago: outside of the human agent's too).
//! `then +2h` is the thread as the row above left it, two hours later.
//!
//! An **action** is `who: what`. Calls carry the metadata `m` unless the row says `"another"`.
//!
//! **Heard** is one word for each notice, in order: `app=said`, `app=standby` (the person's event),
//! `app=echo`, `app=standby-echo`, `app=PASS(from>to "metadata")`, `TAKE`, `REQ`, `META`. `-payload` marks an
//! app that sees less, `+context` one that gets `hop_context`. `nobody=` is an event that no app hears.

use std::fmt::Write as _;

use baton_rules::build::{self, Page, app, name, person};
use baton_rules::{
    Action, AppId, Ask, Channel, Decision, Desk, Did, Entry, EventKind, Fields, Folder, Form, MenuLevel,
    Metadata, Mode, MoveToMain, Profile, Refused, Role, Routing, Send, Signal, Survey, Tag, Thread,
    ThreadControl, Timestamp, Waiting, What, decide, roles_changed, standing, thread_owner,
};

/// Within a second, so that rounding down shows (CLK-8).
const START: Timestamp = Timestamp(1_700_000_000_400);
const HOUR: i64 = 60 * 60;

/// A page and one thread as they go from row to row.
pub(crate) struct Story {
    page: Routing,
    thread: Option<Thread>,
    now: Timestamp,
}

/// What a row shows of a decision.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `HOP-QR-1 > HOP-MSG-1`: the rule and the one it refers to. In parentheses where nothing is decided.
    pub(crate) rule: String,
    /// Who owns the thread now.
    pub(crate) owner: String,
    /// For how long.
    pub(crate) expires: String,
    /// Who hears what, in order; or the refusal.
    pub(crate) hears: String,
    /// What else changed: lapse, window length, folder, queue, surveys.
    pub(crate) leaves: String,
}

impl Story {
    pub(crate) fn on(settings: &str) -> Self {
        Self { page: read_page(settings), thread: None, now: START }
    }

    /// Plays one row.
    pub(crate) fn play(&mut self, thread: &str, action: &str) -> Outcome {
        if let Some(after) = thread.strip_prefix("then") {
            self.now = self.now.plus_seconds(span(after.trim()));
        } else {
            self.now = START;
            self.thread = read_thread(&self.page, thread);
        }
        let (who, what) = action.split_once(':').unwrap_or((action, ""));
        let (who, what) = (who.trim(), what.trim());
        match (who, what) {
            ("clock", _) => self.look(),
            ("settings", change) => self.settle(change),
            (caller, "thread_owner") => self.ask_owner(caller),
            (_, _) => self.act(who, what),
        }
    }

    fn act(&mut self, who: &str, what: &str) -> Outcome {
        let (what, said) = match what.split_once('"') {
            Some((what, said)) => (what.trim(), said.trim_end_matches('"')),
            None => (what, "m"),
        };
        let action = read_action(&self.page, who, what, said);
        let before = self.thread.clone().unwrap_or_default();
        match decide(&self.page, &person("pat"), self.thread.as_ref(), &action, self.now) {
            Ok(decision) => {
                let outcome = Outcome {
                    rule: rules(decision.rule.0, decision.via.map(|via| via.0)),
                    owner: called(decision.to),
                    expires: self.until(decision.expires_at),
                    hears: heard(&decision, given(&action)),
                    leaves: self.left(&before, &decision),
                };
                self.thread = Some(decision.thread);
                outcome
            }
            Err(Refused { rule, via, why, .. }) => Outcome {
                rule: rules(rule.0, via.map(|via| via.0)),
                owner: "=".to_owned(),
                expires: "=".to_owned(),
                hears: format!("refused {}", why.id()),
                leaves: String::new(),
            },
        }
    }

    /// Nobody acts: what stands, and what lapsed.
    fn look(&self) -> Outcome {
        let stands = standing(&self.page, &self.thread.clone().unwrap_or_default(), self.now);
        let lapse = stands.lapse;
        Outcome {
            rule: lapse.map_or("-".to_owned(), |lapse| lapse.rule.to_string()),
            owner: called(stands.owner),
            expires: self.until(stands.expires_at),
            hears: lapse.map_or("-".to_owned(), |lapse| {
                format!(
                    "lapsed {}>{} {}",
                    called(Some(lapse.from)),
                    called(lapse.to),
                    self.until(Some(lapse.at))
                )
            }),
            leaves: String::new(),
        }
    }

    /// An operator changes the settings.
    fn settle(&mut self, change: &str) -> Outcome {
        let before = std::mem::replace(&mut self.page, read_page(change));
        let roles = roles_changed(&before, &self.page).into_iter().map(|(app, role)| {
            let role = match role {
                Some(Role::Primary) => "primary_receiver",
                Some(Role::Secondary) => "secondary_receiver",
                None => "",
            };
            format!("{}=ROLE({role})", name(app))
        });
        let hears = list(&roles.collect::<Vec<_>>());
        Outcome { hears, ..self.look() }
    }

    fn ask_owner(&self, caller: &str) -> Outcome {
        let seen = thread_owner(&self.page, &self.thread.clone().unwrap_or_default(), app(caller), self.now);
        let element = seen.element;
        Outcome {
            rule: seen.rule.to_string(),
            owner: element.map_or("-".to_owned(), |seen| seen.app.map_or("hidden".to_owned(), name)),
            expires: self.until(element.and_then(|seen| seen.expiration)),
            hears: if element.is_some() { "one" } else { "none" }.to_owned(),
            leaves: String::new(),
        }
    }

    /// A moment, from now on.
    fn until(&self, at: Option<Timestamp>) -> String {
        at.map_or("-".to_owned(), |at| {
            assert_eq!(at, at.whole_second(), "CLK-8: whole seconds");
            hours(at.seconds() - self.now.seconds())
        })
    }

    /// What else a decision changed, in the order of the table's heading.
    fn left(&self, before: &Thread, decision: &Decision) -> String {
        let (after, mut left) = (&decision.thread, Vec::new());
        if let Some(lapse) = decision.lapse {
            left.push(format!("{}({}>{})", lapse.rule, called(Some(lapse.from)), called(lapse.to)));
        }
        if before.length_days.max(1) != after.length_days.max(1) {
            left.push(format!("W={}", after.length_days));
        }
        if before.folder != after.folder {
            left.push(format!("folder={}", after.folder.name()));
        }
        if before.requests != after.requests {
            let waiting = after.requests.iter().map(|waiting| {
                format!(
                    "{}({},{})",
                    name(waiting.app),
                    waiting.metadata,
                    hours(waiting.at.seconds() - self.now.seconds())
                )
            });
            let waiting = waiting.collect::<Vec<_>>().join(",");
            left.push(format!("queue={}", if waiting.is_empty() { "-" } else { &waiting }));
        }
        if before.held != after.held {
            left.push(format!("held={}", after.held));
        }
        match decision.survey {
            Survey::None => {}
            Survey::Held => left.push("survey-held".to_owned()),
            Survey::Dropped => left.push("survey-dropped".to_owned()),
        }
        left.join(" ")
    }
}

fn rules(rule: &str, via: Option<&str>) -> String {
    via.map_or(rule.to_owned(), |via| format!("{rule} > {via}"))
}

fn called(owner: Option<AppId>) -> String {
    owner.map_or("idle".to_owned(), name)
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

/// The metadata that an action brings.
fn given<'a>(action: &Action<'a>) -> &'a str {
    match action {
        Action::App { metadata, .. } | Action::Inbox { metadata, .. } => metadata.unwrap_or_default(),
        Action::Person(_) | Action::Due { .. } => "",
    }
}

fn heard(decision: &Decision, given: &str) -> String {
    let mut words = Vec::new();
    for event in &decision.events {
        let text = |metadata: Metadata| match metadata {
            Metadata::Given => given,
            Metadata::Fixed(text) => text,
        };
        let (active, standby) = match event.kind {
            EventKind::Quiet => ("quiet".to_owned(), ""),
            EventKind::Said => ("said".to_owned(), "standby"),
            EventKind::Echo => ("echo".to_owned(), "standby-echo"),
            EventKind::Passed { from, to, metadata } => {
                (format!("PASS({}>{} {:?})", called(from), name(to), text(metadata)), "")
            }
            EventKind::Taken { from, to, metadata } => {
                (format!("TAKE({}>{} {:?})", called(from), name(to), text(metadata)), "")
            }
            EventKind::Requested { by, metadata } => (format!("REQ({} {:?})", name(by), text(metadata)), ""),
            EventKind::Metadata { by } => (format!("META({} {given:?})", name(by)), ""),
        };
        if event.notices.is_empty() {
            words.push(if active == "quiet" { active } else { format!("nobody={active}") });
            continue;
        }
        for notice in &event.notices {
            let mut word = format!("{}=", name(notice.app));
            word += match notice.channel {
                Channel::Messaging => &active,
                Channel::Standby => standby,
                Channel::Changes => panic!("no decision about a conversation is told in `changes`"),
            };
            if notice.form == Form::Reduced {
                word += "-payload";
            }
            if notice.context {
                word += "+context";
            }
            words.push(word);
        }
    }
    words.join(" ")
}

fn read_page(settings: &str) -> Routing {
    let mut settings: Vec<&str> =
        settings.split(';').map(str::trim).filter(|setting| !setting.is_empty()).collect();
    let on_instagram = settings.first() == Some(&"instagram");
    let mut page = if on_instagram { build::account() } else { build::page() };
    for setting in settings.drain(usize::from(on_instagram)..) {
        let words: Vec<&str> = setting.split_whitespace().collect();
        page = match words[..] {
            ["profile", name] => {
                let profile = Profile::named(page.surface, name);
                page.profile(profile.unwrap_or_else(|| panic!("no such profile: {name:?}")))
            }
            ["primary", app] => page.primary(app),
            ["default", app] => page.default_app(app),
            ["organic", app] => page.organic(app),
            ["link", reference, to] => page.link(reference, to),
            ["main_requests"] => page.with(|page| page.inbox_move_to_main = MoveToMain::Request),
            ["messaging", "off"] => page.with(|page| page.messaging_enabled = false),
            ["without", app] => page.without(app),
            ["app", app, ref marks @ ..] => connect(page, app, marks),
            ["reconnect", app] => page.without(app).app_with(app, |app| app.connection = 2),
            ["ad_window", days] => page.with(|page| page.ad_window_days = days.parse().unwrap()),
            ["ad", id, "nobody"] => page.ad(id, None, None),
            ["ad", id, to] => page.ad(id, Some(to), None),
            ["ad", id, to, "draft"] => page.ad_with(id, |ad| {
                ad.app = Some(app(to));
                ad.published = false;
            }),
            ["ad", id, to, "for", who] => page.ad_with(id, |ad| {
                ad.app = Some(app(to));
                ad.audience = vec![person(who)];
            }),
            ["ad", id, to, days] => page.ad(id, Some(to), days.parse().ok()),
            _ => panic!("no such setting: {setting:?}"),
        };
    }
    page.routing()
}

fn connect(page: Page, app: &str, marks: &[&str]) -> Page {
    page.app_with(app, |app| {
        for mark in marks {
            match *mark {
                "human_agent" => app.human_agent = true,
                "take_control" => app.take_control = true,
                "no_standby" => app.standby = false,
                field => {
                    let without = Fields::named(field.trim_start_matches('-'));
                    let without = without.unwrap_or_else(|| panic!("no such mark or field: {field:?}"));
                    let left = app.fields.names().filter_map(Fields::named).filter(|field| *field != without);
                    app.fields = left.fold(Fields::NONE, Fields::with);
                }
            }
        }
    })
}

fn read_thread(page: &Routing, text: &str) -> Option<Thread> {
    let mut words = text.split_whitespace();
    let owner = words.next().unwrap();
    if owner == "new" {
        return None;
    }
    let (mut until, mut heard) = (23 * HOUR, Some(-HOUR));
    let mut thread = Thread { mode: Some(page.mode()), ..Thread::default() };
    for word in words {
        match word.split_once('=') {
            Some(("until", at)) => until = span(at),
            Some(("heard", "never")) => heard = None,
            Some(("heard", at)) => heard = Some(span(at)),
            Some(("W", days)) => thread.length_days = days.parse().unwrap(),
            Some(("held", count)) => thread.held = count.parse().unwrap(),
            Some(("queue", apps)) => {
                let at = START.plus_seconds(-HOUR);
                let waiting = apps.split(',').map(|who| Waiting { app: app(who), at, metadata: "q".into() });
                thread.requests = waiting.collect();
            }
            None if word == "lapsed" => (until, heard) = (0, Some(-24 * HOUR)),
            None if word == "dormant" => heard = Some(-24 * HOUR),
            None if word == "late" => heard = Some(-25 * HOUR),
            None if word == "old" => heard = Some(-8 * 24 * HOUR),
            None if word == "main" => thread.folder = Folder::Main,
            None if word == "done" => thread.folder = Folder::Done,
            Some(_) | None => panic!("no such mark of a thread: {word:?}"),
        }
    }
    // In Conversation Routing on Messenger the default app's control is stored as none (MODE-5).
    let fallback = if page.mode() == Mode::MessengerRouting { page.default_app() } else { None };
    let granted = owner != "idle" && fallback != Some(id(page, owner));
    let until = START.plus_seconds(until).whole_second();
    let built =
        build::thread(page, granted.then_some((owner, until)), heard.map(|at| START.plus_seconds(at)));
    Some(Thread {
        control: built.control,
        last_heard: built.last_heard,
        window_closes: built.window_closes,
        ..thread
    })
}

/// The app of this name, on this surface: each has an inbox of its own.
fn id(page: &Routing, name: &str) -> AppId {
    if name == "inbox" { page.inbox() } else { app(name) }
}

fn read_action<'a>(page: &Routing, who: &str, what: &'a str, said: &'a str) -> Action<'a> {
    let metadata = Some(said);
    match who {
        "person" => Action::Person(read_did(page, what)),
        "inbox" => Action::Inbox { desk: read_desk(page, what), metadata },
        caller if what == "due" => Action::Due { by: app(caller) },
        caller => {
            let ask = read_ask(page, what);
            let metadata = if matches!(ask, Ask::Send(_)) { None } else { metadata };
            Action::App { by: app(caller), ask, metadata }
        }
    }
}

fn read_did<'a>(page: &Routing, text: &'a str) -> Did<'a> {
    let (what, entry) = match text.split_once(" via ") {
        Some((what, way)) => {
            let entry = match way.split_once(' ') {
                Some(("ad", id)) => Entry::Ad { id },
                Some(("link", reference)) => Entry::Link { reference },
                Some(_) | None => Entry::Organic,
            };
            (what, Some(entry))
        }
        None => (text, None),
    };
    let (what, creator) = match what.split_once(" by ") {
        Some((what, creator)) => (what, Some(id(page, creator))),
        None => (what, None),
    };
    let menu = |level, url| What::Menu { creator, level, url };
    let what = match what {
        "message" => What::Message,
        "quick_reply" => What::QuickReply,
        "postback" => What::Postback { creator },
        "menu page" => menu(MenuLevel::Page, false),
        "menu user" => menu(MenuLevel::User, false),
        "menu page url" => menu(MenuLevel::Page, true),
        "get_started" => What::GetStarted { creator },
        "ice_breaker" => What::IceBreaker { creator },
        "referral" => What::Referral,
        "read" => What::Signal(Signal::Read),
        "delivery" => What::Signal(Signal::Delivery),
        "reaction" => What::Signal(Signal::Reaction),
        "optin" => What::Signal(Signal::Optin),
        "edit" => What::Signal(Signal::Edit),
        "unsend" => What::Signal(Signal::Unsend),
        "account_linking" => What::Signal(Signal::AccountLinking),
        "feedback" => What::Signal(Signal::Feedback),
        _ => panic!("a person does no such thing: {text:?}"),
    };
    Did { what, entry }
}

fn read_ask(page: &Routing, text: &str) -> Ask {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["send", ref marks @ ..] => Ask::Send(read_send(page, marks)),
        ["pass"] => Ask::Pass { to: None },
        ["pass", to] => Ask::Pass { to: Some(id(page, to)) },
        ["take"] => Ask::Take,
        ["request"] => Ask::Request,
        ["release"] => Ask::Release,
        ["extend", "nothing"] => Ask::Extend { duration: None },
        ["extend", duration] => Ask::Extend { duration: Some(span(duration)) },
        ["metadata", to] => Ask::Metadata { to: id(page, to) },
        ["menu", "page"] => Ask::SetMenu { level: MenuLevel::Page },
        ["menu", "user"] => Ask::SetMenu { level: MenuLevel::User },
        _ => panic!("an app asks no such thing: {text:?}"),
    }
}

fn read_send(page: &Routing, marks: &[&str]) -> Send {
    let mut send = Send::default();
    for mark in marks {
        match mark.split_once('=') {
            None if *mark == "human_agent" => send.tag = Some(Tag::HumanAgent),
            None if *mark == "retired" => send.tag = Some(Tag::Retired),
            None if *mark == "feedback" => send.tag = Some(Tag::CustomerFeedback),
            None if *mark == "survey" => send.survey = true,
            None if *mark == "+pass" => send.control = Some(ThreadControl::Pass { to: None }),
            None if *mark == "+release" => send.control = Some(ThreadControl::Release),
            None if *mark == "+both" => send.control = Some(ThreadControl::Both),
            None if *mark == "+unknown" => send.control = Some(ThreadControl::Unknown),
            Some(("+pass", to)) => send.control = Some(ThreadControl::Pass { to: Some(id(page, to)) }),
            Some(_) | None => panic!("no such mark of a message: {mark:?}"),
        }
    }
    send
}

fn read_desk(page: &Routing, text: &str) -> Desk {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["reply"] => Desk::Reply,
        ["move_to_main"] => Desk::MoveToMain,
        ["done"] => Desk::Done,
        ["pass", to] => Desk::Pass { to: id(page, to) },
        ["grant", to] => Desk::Grant { to: id(page, to) },
        _ => panic!("the inbox does no such thing: {text:?}"),
    }
}

/// Seconds, out of `+2h`, `-30h`, `90s`, `7d`; a bare number counts seconds.
fn span(text: &str) -> i64 {
    let text = text.trim_start_matches('+');
    let (number, unit) = text.split_at(text.find(char::is_alphabetic).unwrap_or(text.len()));
    let unit = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => HOUR,
        "d" => 24 * HOUR,
        _ => panic!("no such span: {text:?}"),
    };
    if number.is_empty() { 0 } else { number.parse::<i64>().unwrap() * unit }
}

/// Hours where they are whole, else minutes or seconds.
fn hours(seconds: i64) -> String {
    let (mut text, sign) = (String::new(), if seconds < 0 { "" } else { "+" });
    let (count, unit) = match seconds {
        0 => (0, "h"),
        _ if seconds % HOUR == 0 => (seconds / HOUR, "h"),
        _ if seconds % 60 == 0 => (seconds / 60, "m"),
        _ => (seconds, "s"),
    };
    write!(text, "{sign}{count}{unit}").unwrap();
    text
}
