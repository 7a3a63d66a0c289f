//! What must come of an action, by what each mode is like and not by its table: who may speak, to whom a way leads,
//! what control is worth in time. Written from the specification's prose (sections 2, 3, 4 and 7), once for all modes.

use std::collections::BTreeSet;

use baton_rules::{
    Action, AppId, Ask, Desk, Did, Entry, Fields, Folder, MenuLevel, Mode, MoveToMain, PersonId, Profile,
    Refusal, Routing, Send, Signal, Surface, Tag, ThreadControl, What,
};

use crate::facts::{Fact, Facts, fallback};

const SECOND: i64 = 1000;
const DAY: i64 = 24 * 60 * 60 * SECOND;
const WEEK: i64 = 7 * DAY;

/// An event, who hears it in `messaging`, who in `standby`, and who of them not all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) what: String,
    pub(crate) messaging: BTreeSet<AppId>,
    pub(crate) standby: BTreeSet<AppId>,
    pub(crate) partly: BTreeSet<AppId>,
}

/// What is seen of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) owner: Option<AppId>,
    pub(crate) until: Option<i64>,
    pub(crate) events: Vec<Heard>,
    pub(crate) waiting: Vec<AppId>,
    pub(crate) folder: Folder,
    pub(crate) held: usize,
    pub(crate) window: Option<i64>,
}

/// What becomes of control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    Stays,
    /// At least until then; each message gives so many days.
    Lasts {
        until: i64,
        days: i64,
    },
    /// Until then and no longer.
    Until {
        until: i64,
    },
    /// A new owner.
    Goes {
        to: AppId,
        until: i64,
        days: i64,
    },
    /// Nobody's any more.
    Ends,
}

/// What an action does.
#[derive(Clone, Debug)]
struct Effect {
    control: Control,
    /// Told before what is said.
    before: Option<Heard>,
    /// What is said.
    said: Option<Heard>,
    /// Told after it.
    after: Option<Heard>,
    /// Whether the owner counts as new though it may be the same.
    anew: bool,
    waits: bool,
    /// Held back, or let go.
    survey: Option<Fact>,
}

impl Effect {
    fn none() -> Self {
        let control = Control::Stays;
        Self { control, before: None, said: None, after: None, anew: false, waits: false, survey: None }
    }

    fn control(control: Control) -> Self {
        Self { control, ..Self::none() }
    }

    fn telling(mut self, event: Heard) -> Self {
        self.before = Some(event);
        self
    }
}

/// A moment at which something is done.
pub(crate) struct Moment<'a> {
    pub(crate) page: &'a Routing,
    pub(crate) facts: &'a Facts,
    pub(crate) person: &'a PersonId,
    pub(crate) now: i64,
}

type Foretold = Result<(Outcome, Vec<Fact>), Refusal>;

impl Moment<'_> {
    fn mode(&self) -> Mode {
        self.page.mode()
    }

    fn owner(&self) -> Option<AppId> {
        self.facts.owner(self.page, self.now)
    }

    /// From now on, in whole seconds.
    fn in_ms(&self, span: i64) -> i64 {
        (self.now + span).div_euclid(SECOND) * SECOND
    }

    /// The days that a message gives whoever has control.
    fn days(&self) -> i64 {
        self.facts.control(self.page, self.now).map_or(1, |(_, _, days)| days)
    }

    /// Everybody hears whom nobody leads.
    fn is_open(&self) -> bool {
        matches!(self.mode(), Mode::HandoverOpen | Mode::ZeroConfig | Mode::MessengerZeroConfig)
    }

    fn is_zero_config(&self) -> bool {
        matches!(self.mode(), Mode::ZeroConfig | Mode::MessengerZeroConfig)
    }

    /// What Messenger says to whoever acts without control; Instagram has one word for all.
    fn not_owner(&self, messengers: Refusal) -> Refusal {
        match self.mode() {
            Mode::InstagramRouting | Mode::ZeroConfig => Refusal::NotThreadOwner,
            _ => messengers,
        }
    }

    fn default_app(&self) -> Option<AppId> {
        self.page.default_app()
    }

    fn organic(&self) -> Option<AppId> {
        let route = self.page.organic.filter(|app| self.page.reaches(*app));
        route.or(self.default_app())
    }

    /// Gives control to another, for some days.
    fn goes(&self, to: AppId, days: i64) -> Control {
        Control::Goes { to, until: self.in_ms(days * DAY), days }
    }

    /// What a message is worth to whoever has control.
    fn message_lasts(&self) -> Control {
        let days = self.days();
        let counted = if self.mode().is_handover() { 1 } else { days };
        Control::Lasts { until: self.in_ms(counted * DAY), days }
    }

    // Who is told.

    fn subscribed(&self, app: Option<AppId>) -> BTreeSet<AppId> {
        let app = app.and_then(|app| self.page.app(app));
        app.filter(|app| app.fields.has(Fields::MESSAGING_HANDOVERS)).map(|app| app.id).into_iter().collect()
    }

    fn pass(&self, from: Option<AppId>, to: AppId) -> Heard {
        let what = format!("pass {from:?} {to:?}");
        Heard { what, messaging: self.subscribed(Some(to)), ..Heard::default() }
    }

    fn take(&self, by: AppId) -> Heard {
        let everybody = self.page.apps.iter().map(|app| app.id).filter(|app| *app != by);
        let told: BTreeSet<AppId> = if self.mode().is_handover() {
            everybody.flat_map(|app| self.subscribed(Some(app))).collect()
        } else {
            self.subscribed(self.owner())
        };
        let what = format!("take {:?} {by:?}", self.owner());
        Heard { what, messaging: told, ..Heard::default() }
    }

    fn request(&self, by: AppId) -> Heard {
        let mut told = self.subscribed(self.owner());
        let inbox_has_it = self.owner() == Some(self.page.inbox());
        if self.mode() == Mode::HandoverPrimary && !inbox_has_it && self.page.primary != Some(by) {
            told.extend(self.subscribed(self.page.primary));
        }
        Heard { what: format!("request {by:?}"), messaging: told, ..Heard::default() }
    }

    /// What the person did, told to `owner` and the others. `maker` made the button.
    fn said(&self, did: &Did<'_>, owner: Option<AppId>, maker: Option<AppId>) -> Option<Heard> {
        if matches!(did.what, What::Menu { url: true, .. }) {
            return None;
        }
        let is_button = is_button(did.what);
        let (field, overheard) = self.field(did.what);
        let everybodys = owner.is_none() && self.is_open();
        let leads = match self.mode() {
            Mode::HandoverPrimary => self.page.primary,
            _ => self.default_app(),
        };
        let first = owner.or(leads.filter(|_| !self.is_open()));
        let in_referral = !is_button
            && matches!(did.what, What::Message | What::QuickReply)
            && matches!(did.entry, Some(Entry::Ad { .. } | Entry::Link { .. }));
        let mut heard = Heard { what: "said".to_owned(), ..Heard::default() };
        for app in &self.page.apps {
            let made_it = is_button && maker == Some(app.id);
            let listens = app.standby && app.fields.has(Fields::STANDBY);
            let may_overhear = match (everybodys, self.mode()) {
                (true, mode) => mode == Mode::HandoverOpen,
                (false, _) => first != Some(app.id),
            };
            if (everybodys || first == Some(app.id) || made_it) && app.fields.has(field) {
                heard.messaging.insert(app.id);
                let misses_referral = in_referral && !app.fields.has(Fields::MESSAGING_REFERRALS);
                if (is_button && !made_it) || misses_referral {
                    heard.partly.insert(app.id);
                }
            } else if overheard && may_overhear && listens {
                heard.standby.insert(app.id);
                if is_button {
                    heard.partly.insert(app.id);
                }
            }
        }
        Some(heard)
    }

    fn field(&self, what: What) -> (Fields, bool) {
        match what {
            What::Message | What::QuickReply => (Fields::MESSAGES, true),
            What::Referral => (Fields::MESSAGING_REFERRALS, true),
            What::Signal(Signal::Read) => (Fields::MESSAGE_READS, true),
            What::Signal(Signal::Delivery) => (Fields::MESSAGE_DELIVERIES, true),
            What::Signal(Signal::Reaction) => (Fields::MESSAGE_REACTIONS, false),
            What::Signal(Signal::Optin) => (Fields::MESSAGING_OPTINS, false),
            What::Signal(Signal::AccountLinking) => (Fields::MESSAGING_ACCOUNT_LINKING, false),
            What::Signal(Signal::Feedback) => (Fields::MESSAGING_FEEDBACK, false),
            What::Signal(Signal::Unsend) if self.page.surface == Surface::Instagram => {
                (Fields::MESSAGES, true)
            }
            What::Signal(Signal::Edit | Signal::Unsend) => (Fields::MESSAGE_EDITS, false),
            _ => (Fields::MESSAGING_POSTBACKS, true),
        }
    }

    /// What an app said, while `owner` has control.
    fn echo(&self, by: AppId, owner: Option<AppId>) -> Heard {
        let field = match self.page.surface {
            Surface::Messenger => Fields::MESSAGE_ECHOES,
            Surface::Instagram => Fields::MESSAGES,
        };
        let mut heard = Heard { what: "echo".to_owned(), ..Heard::default() };
        for app in self.page.apps.iter().filter(|app| app.fields.has(field)) {
            if app.id == by || (owner.is_none() && self.is_open()) {
                heard.messaging.insert(app.id);
            } else if app.standby && app.fields.has(Fields::STANDBY) {
                heard.standby.insert(app.id);
            }
        }
        heard
    }

    // What is done.

    pub(crate) fn foretell(&self, action: &Action<'_>) -> Foretold {
        let effect = match action {
            Action::Person(did) => self.person(did)?,
            Action::App { by, ask, .. } => {
                if self.page.app(*by).is_none() {
                    return Err(Refusal::Permission);
                }
                let about_page = matches!(ask, Ask::SetMenu { level: MenuLevel::Page });
                self.reached(self.app(*by, *ask), about_page)?
            }
            Action::Inbox { desk, .. } => self.reached(self.desk(*desk), false)?,
            Action::Due { by } => self.reached(self.due(*by), false)?,
        };
        Ok(self.outcome(action, effect))
    }

    /// Who never wrote cannot be reached; what is wrong with the call or the caller is said all the same.
    fn reached(&self, done: Result<Effect, Refusal>, about_page: bool) -> Result<Effect, Refusal> {
        use Refusal::{
            Duration, HumanAgentNotApproved, NoSuchEdge, NoUserMenu, Permission, RetiredTag, TargetMissing,
            ThreadControlBoth, ThreadControlValue,
        };
        let said_first = matches!(
            done,
            Err(Permission
                | HumanAgentNotApproved
                | RetiredTag
                | TargetMissing
                | NoUserMenu
                | NoSuchEdge
                | Duration
                | ThreadControlBoth
                | ThreadControlValue)
        );
        if self.facts.any() || about_page || said_first { done } else { Err(Refusal::UnknownPerson) }
    }

    fn person(&self, did: &Did<'_>) -> Result<Effect, Refusal> {
        if !self.page.messaging_enabled {
            return Err(Refusal::Permission);
        }
        let ad = match did.entry {
            Some(Entry::Ad { id }) => {
                let ad = self.page.ads.iter().find(|ad| &*ad.id == id);
                let open = |ad: &&baton_rules::Ad| {
                    ad.published && (ad.audience.is_empty() || ad.audience.contains(self.person))
                };
                Some(ad.filter(open).ok_or(Refusal::AdNotAvailable)?)
            }
            _ => None,
        };
        if matches!(did.what, What::Signal(_)) {
            return Ok(Effect { said: self.said(did, self.owner(), self.owner()), ..Effect::none() });
        }
        let mut payload = None;
        let effect = match (ad.and_then(|ad| ad.app).filter(|app| self.page.reaches(*app)), self.linked(did))
        {
            (Some(app), _) => {
                let most = i64::from(self.page.ad_max_days);
                let days = ad.and_then(|ad| ad.days).filter(|days| (1..=most).contains(days)).unwrap_or(1);
                self.by_ad(app, days)
            }
            (None, Some(app)) if self.owner() == Some(app) => Effect::control(self.message_lasts()),
            (None, Some(app)) => Effect::control(self.goes(app, 1)).telling(self.pass(self.owner(), app)),
            (None, None) => {
                let (effect, whose) = self.by_itself(did);
                payload = whose;
                effect
            }
        };
        let owner = match effect.control {
            Control::Goes { to, .. } => Some(to),
            _ => self.owner(),
        };
        Ok(Effect { said: self.said(did, owner, payload.or(owner)), ..effect })
    }

    /// The app that a link leads to. Where nobody routes links none does, and a tap is its maker's.
    fn linked(&self, did: &Did<'_>) -> Option<AppId> {
        let Some(Entry::Link { reference }) = did.entry else { return None };
        let routes =
            self.mode().is_routing() && !matches!(did.what, What::Postback { .. } | What::Menu { .. });
        let link = self.page.links.iter().find(|link| &*link.reference == reference)?;
        Some(link.app).filter(|app| routes && self.page.reaches(*app))
    }

    fn by_ad(&self, app: AppId, days: i64) -> Effect {
        let counted = if self.mode().is_handover() { 1 } else { days };
        if self.owner() != Some(app) {
            return Effect::control(self.goes(app, counted)).telling(self.pass(self.owner(), app));
        }
        // What the ad says of days is nothing to the Handover Protocol.
        let days = if self.mode().is_handover() { self.days() } else { days };
        Effect::control(Control::Lasts { until: self.in_ms(counted * DAY), days })
    }

    /// By no ad or link that leads anywhere: to who made the button, or as a message. Whose the payload is, where that
    /// is not the owner.
    fn by_itself(&self, did: &Did<'_>) -> (Effect, Option<AppId>) {
        let maker = match did.what {
            What::Postback { creator }
            | What::Menu { creator, .. }
            | What::GetStarted { creator }
            | What::IceBreaker { creator } => creator.filter(|app| self.page.reaches(*app)),
            _ => None,
        };
        if self.opens(did.what)
            && let Some(to) = self.organic()
        {
            let effect = if self.owner() == Some(to) {
                Effect::control(self.message_lasts())
            } else {
                self.led_to(to)
            };
            return (effect, None);
        }
        match maker {
            None => (self.message(), None),
            // Control stays where it is, and the maker hears its payload.
            Some(maker) if self.is_zero_config() => {
                let control = if self.owner().is_some() { self.message_lasts() } else { Control::Stays };
                (Effect::control(control), Some(maker))
            }
            Some(maker) if self.owner() == Some(maker) => (Effect::control(self.message_lasts()), None),
            Some(maker) => {
                let back = Some(maker) == self.default_app()
                    && (self.mode() == Mode::MessengerRouting
                        || (self.mode().is_routing() && self.owner().is_none()));
                let effect = Effect::control(self.goes(maker, 1));
                (if back { effect } else { effect.telling(self.pass(self.owner(), maker)) }, None)
            }
        }
    }

    /// Whether a tap opens the conversation, so that it is the page's and not its maker's.
    fn opens(&self, what: What) -> bool {
        let is_new = self.owner().is_none();
        match (what, self.mode()) {
            (What::GetStarted { .. }, Mode::MessengerRouting | Mode::MessengerRouting2025) => true,
            (What::GetStarted { .. }, Mode::InstagramRouting) => is_new,
            (What::IceBreaker { .. }, Mode::MessengerRouting) => self.is_dormant(),
            (What::IceBreaker { .. }, Mode::InstagramRouting | Mode::MessengerRouting2025) => is_new,
            _ => false,
        }
    }

    fn is_dormant(&self) -> bool {
        self.owner() == self.default_app() && self.facts.silent(self.now)
    }

    /// To the organic route: told, unless it is the default app.
    fn led_to(&self, to: AppId) -> Effect {
        let effect = Effect::control(self.goes(to, 1));
        if Some(to) == self.default_app() { effect } else { effect.telling(self.pass(self.owner(), to)) }
    }

    fn message(&self) -> Effect {
        let fallen = self.mode() == Mode::MessengerRouting
            && (self.is_dormant() || self.facts.lapsed(self.page, self.now));
        match (self.owner(), self.mode()) {
            (Some(_), _) if !fallen => Effect::control(self.message_lasts()),
            (_, Mode::HandoverPrimary) => match self.page.primary {
                Some(primary) => Effect::control(self.goes(primary, 1)),
                None => Effect::none(),
            },
            (_, mode) if mode.is_routing() => match self.organic() {
                Some(to) if self.owner() == Some(to) => Effect::none(),
                Some(to) => self.led_to(to),
                None => Effect::none(),
            },
            (_, _) => Effect::none(),
        }
    }

    fn app(&self, by: AppId, ask: Ask) -> Result<Effect, Refusal> {
        match ask {
            Ask::Send(send) => self.send(by, send),
            Ask::Pass { to } => self.hand(by, to),
            Ask::Take => self.takes(by),
            Ask::Request => self.requests(by),
            Ask::Release => self.releases(by),
            Ask::Extend { duration } => self.extends(by, duration),
            Ask::Metadata { to } => match self.mode() {
                Mode::MessengerRouting => Err(Refusal::HandoverDisabled),
                mode if !mode.is_handover() => Err(Refusal::NoSuchEdge),
                _ if !self.page.reaches(to) => Err(Refusal::UnknownApp),
                _ => {
                    let messaging = self.subscribed(Some(to));
                    let what = format!("metadata {by:?}");
                    Ok(Effect::none().telling(Heard { what, messaging, ..Heard::default() }))
                }
            },
            Ask::SetMenu { level } => self.menu(by, level),
            Ask::Answer(_) => panic!("no walk answers comments: tests/private_reply.rs does"),
        }
    }

    fn menu(&self, by: AppId, level: MenuLevel) -> Result<Effect, Refusal> {
        let allowed = match (level, self.mode()) {
            (MenuLevel::Page, Mode::HandoverPrimary) if self.page.primary != Some(by) => {
                return Err(Refusal::MenuPrimaryOnly);
            }
            (MenuLevel::Page, _) => true,
            (MenuLevel::User, _) if self.page.surface == Surface::Instagram => {
                return Err(Refusal::NoUserMenu);
            }
            (MenuLevel::User, mode) if mode.is_handover() => self.owner().is_none_or(|owner| owner == by),
            (MenuLevel::User, _) => {
                self.owner().is_none_or(|owner| owner == by) || self.default_app() == Some(by)
            }
        };
        if allowed { Ok(Effect::none()) } else { Err(Refusal::SendOther) }
    }

    fn hand(&self, by: AppId, to: Option<AppId>) -> Result<Effect, Refusal> {
        // To whom without a name: to who leads, and in the Handover Protocol not from itself.
        let leader = match self.mode() {
            Mode::HandoverPrimary => self.page.primary.filter(|primary| *primary != by),
            mode if mode.is_routing() => self.default_app(),
            _ => None,
        };
        let Some(target) = to.or(leader) else { return Err(Refusal::TargetMissing) };
        if !self.page.reaches(target) {
            return Err(Refusal::UnknownApp);
        }
        match self.owner() {
            Some(owner) if owner != by => Err(self.not_owner(Refusal::PassNotOwner)),
            Some(_) if target == by => Err(Refusal::AlreadyOwner),
            from => Ok(Effect::control(self.goes(target, 1)).telling(self.pass(from, target))),
        }
    }

    fn may_take(&self, by: AppId) -> bool {
        self.page.app(by).is_some_and(|app| app.take_control)
    }

    fn takes(&self, by: AppId) -> Result<Effect, Refusal> {
        let owns = self.owner() == Some(by);
        match self.mode() {
            Mode::MessengerRouting => Err(Refusal::HandoverDisabled),
            Mode::ZeroConfig | Mode::MessengerZeroConfig => Err(Refusal::TakeOff),
            mode if mode.is_handover() => {
                let may =
                    self.owner().is_none() || self.page.primary == Some(by) && mode == Mode::HandoverPrimary;
                match (owns, may) {
                    (true, _) => Ok(Effect::none()),
                    (false, true) => Ok(self.taking(by)),
                    (false, false) => Err(Refusal::TakeDenied),
                }
            }
            _ if !self.may_take(by) => Err(Refusal::TakeDenied),
            _ if owns => Err(Refusal::AlreadyOwner),
            _ => Ok(self.taking(by)),
        }
    }

    fn taking(&self, by: AppId) -> Effect {
        Effect::control(self.goes(by, 1)).telling(self.take(by))
    }

    fn requests(&self, by: AppId) -> Result<Effect, Refusal> {
        match (self.mode(), self.owner()) {
            (Mode::MessengerRouting, _) => Err(Refusal::HandoverDisabled),
            (Mode::MessengerRouting2025, _) => Err(Refusal::RequestOff),
            (Mode::InstagramRouting, _) if self.page.profile == Profile::Page2026 => Err(Refusal::RequestOff),
            (_, None) => Ok(Effect::control(self.goes(by, 1)).telling(self.pass(None, by))),
            (_, Some(owner)) if owner == by => Err(Refusal::AlreadyOwner),
            (_, Some(_)) => Ok(Effect { waits: true, ..Effect::none().telling(self.request(by)) }),
        }
    }

    fn releases(&self, by: AppId) -> Result<Effect, Refusal> {
        if self.owner() == Some(by) {
            Ok(Effect::control(Control::Ends))
        } else {
            Err(self.not_owner(Refusal::ReleaseNotOwner))
        }
    }

    fn extends(&self, by: AppId, seconds: Option<i64>) -> Result<Effect, Refusal> {
        let Some(span) =
            seconds.map(|seconds| seconds * SECOND).filter(|span| (SECOND..=WEEK).contains(span))
        else {
            return Err(Refusal::Duration);
        };
        if self.mode() == Mode::MessengerRouting {
            return Err(Refusal::HandoverDisabled);
        }
        if self.owner() != Some(by) {
            return Err(self.not_owner(Refusal::ExtendNotOwner));
        }
        // In an ad's days it is the extension that counts, and a day at least.
        Ok(Effect::control(if self.days() > 1 {
            Control::Until { until: self.in_ms(span.max(DAY)) }
        } else {
            Control::Lasts { until: self.in_ms(span), days: 1 }
        }))
    }

    fn send(&self, by: AppId, send: Send) -> Result<Effect, Refusal> {
        let human = send.tag == Some(Tag::HumanAgent);
        if !self.page.messaging_enabled {
            return Err(Refusal::Permission);
        }
        if send.tag == Some(Tag::Retired) {
            return Err(Refusal::RetiredTag);
        }
        if human && !self.page.app(by).is_some_and(|app| app.human_agent) {
            return Err(Refusal::HumanAgentNotApproved);
        }
        let handed = match send.control {
            None => None,
            Some(ThreadControl::Both) => return Err(Refusal::ThreadControlBoth),
            Some(ThreadControl::Unknown) => return Err(Refusal::ThreadControlValue),
            Some(_) if !self.mode().is_routing() => return Err(Refusal::ThreadControlMode),
            Some(ThreadControl::Pass { to: Some(to) }) if !self.page.reaches(to) => {
                return Err(Refusal::UnknownApp);
            }
            Some(ThreadControl::Pass { to }) => Some(to.or(self.default_app())),
            Some(ThreadControl::Release) => Some(None),
        };
        let in_week = self.facts.heard().is_some_and(|heard| self.now < heard + WEEK);
        if self.mode().is_handover() && human && !in_week {
            return Err(Refusal::WindowClosed);
        }
        let by_taking = match self.owner() {
            Some(owner) if owner == by => false,
            None if self.mode().is_routing() && self.default_app() != Some(by) => {
                return Err(self.not_owner(Refusal::SendOther));
            }
            None => false,
            Some(_) if self.mode().is_handover() && human => true,
            Some(_) if self.mode().is_handover() && send.survey => {
                return Ok(Effect { survey: Some(Fact::Holds), ..Effect::none() });
            }
            Some(_) if self.mode().is_routing() && self.may_take(by) => true,
            Some(_) => return Err(self.not_owner(Refusal::SendOther)),
        };
        let tagged = matches!(send.tag, Some(Tag::HumanAgent | Tag::CustomerFeedback));
        let open =
            if tagged { in_week } else { self.facts.open_until().is_some_and(|until| self.now < until) };
        if !open {
            return Err(Refusal::WindowClosed);
        }
        Ok(self.sent(by, by_taking, handed))
    }

    /// A message goes out. `handed`: with `thread_control`, to whom; to nobody by a release.
    fn sent(&self, by: AppId, by_taking: bool, handed: Option<Option<AppId>>) -> Effect {
        let speaker = if by_taking { Some(by) } else { self.owner() };
        let (before, anew) = if by_taking { (Some(self.take(by)), false) } else { (None, false) };
        let said = Some(self.echo(by, speaker.or(self.owner())));
        let plain = match (by_taking, self.owner()) {
            (true, _) => self.goes(by, 1),
            // In the Handover Protocol an answer is activity.
            (false, Some(_)) if self.mode().is_handover() => {
                Control::Lasts { until: self.in_ms(DAY), days: self.days() }
            }
            (false, _) => Control::Stays,
        };
        let effect = Effect { control: plain, before, said, anew, ..Effect::none() };
        match handed {
            None => effect,
            // To oneself: the message goes out and that is all.
            Some(Some(to)) if to == by => effect,
            Some(None)
                if self.mode() == Mode::MessengerRouting && self.default_app() == Some(by) && !by_taking =>
            {
                effect
            }
            Some(Some(to)) => {
                let said_by = if by_taking { Some(by) } else { self.owner() };
                let after = Some(self.pass(said_by, to));
                // The echo of one who passes is heard before control has moved.
                let said = Some(self.echo(by, speaker.or(Some(to))));
                Effect { control: self.goes(to, 1), after, said, anew: by_taking, ..effect }
            }
            Some(None) => {
                let untold = self.mode() == Mode::MessengerRouting && self.owner() == self.default_app();
                let before = effect.before.clone().filter(|_| !untold);
                Effect { control: Control::Ends, before, ..effect }
            }
        }
    }

    fn desk(&self, desk: Desk) -> Result<Effect, Refusal> {
        let inbox = self.page.inbox();
        let owns = self.owner() == Some(inbox);
        match desk {
            Desk::Reply => {
                if !self.page.messaging_enabled {
                    return Err(Refusal::Permission);
                }
                let effect = self.answers(inbox);
                let in_week = self.facts.heard().is_some_and(|heard| self.now < heard + WEEK);
                if in_week { Ok(effect) } else { Err(Refusal::WindowClosed) }
            }
            Desk::MoveToMain => Ok(match self.mode() {
                _ if owns => Effect::none(),
                mode if mode.is_handover()
                    && self.owner().is_some()
                    && self.page.inbox_move_to_main == MoveToMain::Request =>
                {
                    Effect::none().telling(self.request(inbox))
                }
                _ if self.is_zero_config() && self.owner().is_none() => Effect::none(),
                _ => self.taking(inbox),
            }),
            Desk::Done => Ok(match (self.mode(), self.page.primary) {
                _ if !owns => Effect::none(),
                (Mode::HandoverPrimary, Some(primary)) => {
                    Effect::control(self.goes(primary, 1)).telling(self.pass(Some(inbox), primary))
                }
                (_, _) => Effect::control(Control::Ends),
            }),
            Desk::Pass { to } | Desk::Grant { to } => self.hand(inbox, Some(to)),
        }
    }

    /// Somebody answers at the inbox.
    fn answers(&self, inbox: AppId) -> Effect {
        let owns = self.owner() == Some(inbox);
        let is_done = self.facts.folder() == Folder::Done;
        let leads = self.default_app() == Some(inbox);
        let said = |owner: Option<AppId>| Some(self.echo(inbox, owner));
        let stays = Effect { said: said(self.owner()), ..Effect::none() };
        match (self.mode(), self.owner()) {
            (mode, _) if owns => {
                let lasts = Control::Lasts { until: self.in_ms(DAY), days: self.days() };
                let control = if mode.is_handover() { lasts } else { Control::Stays };
                Effect { control, ..stays }
            }
            (mode, Some(_)) if mode.is_handover() && is_done => stays,
            (Mode::HandoverPrimary, None) if is_done => match self.page.primary {
                Some(primary) => {
                    Effect { control: self.goes(primary, 1), said: said(Some(primary)), ..Effect::none() }
                }
                None => stays,
            },
            (Mode::HandoverOpen, None) if is_done => stays,
            (_, None) if self.is_zero_config() => stays,
            (mode, None) if mode.is_routing() && leads => stays,
            (_, _) => Effect { said: said(Some(inbox)), ..self.taking(inbox) },
        }
    }

    /// A survey that was held back is due.
    fn due(&self, by: AppId) -> Result<Effect, Refusal> {
        let lets = Effect { survey: Some(Fact::Lets), ..Effect::none() };
        if self.page.app(by).is_none() || self.mode() == Mode::MessengerRouting {
            return Ok(lets);
        }
        if self.owner().is_some() {
            return Ok(Effect::none());
        }
        if self.facts.heard().is_none_or(|heard| self.now >= heard + WEEK) {
            return Ok(lets);
        }
        if self.page.messaging_enabled {
            Ok(Effect { said: Some(self.echo(by, None)), ..lets })
        } else {
            Err(Refusal::Permission)
        }
    }

    /// What is seen afterwards, and the facts that make it so.
    fn outcome(&self, action: &Action<'_>, effect: Effect) -> (Outcome, Vec<Fact>) {
        let mut facts = self.facts.clone();
        let mut new = vec![Fact::Decided(self.mode())];
        let before = self.owner();
        let live = self.facts.control(self.page, self.now);
        let waited = self.facts.waiting(self.page, self.now);
        match (effect.control, live) {
            (Control::Stays, Some(_)) => {}
            (Control::Lasts { until, days }, Some((app, kept, _))) => {
                new.push(self.controls(app, until.max(kept), days));
            }
            (Control::Until { until }, Some((app, _, _))) => new.push(self.controls(app, until, 1)),
            (Control::Goes { to, until, days }, _) if Some(to) != fallback(self.page) => {
                new.push(self.controls(to, until, days));
            }
            (_, _) => new.push(Fact::Free),
        }
        for fact in &new {
            facts.add(self.now, *fact);
        }
        let owner = facts.owner(self.page, self.now);
        self.person_said(action, &mut new);
        self.lies(action, owner, before != owner || effect.anew, &mut new);
        new.push(Fact::NobodyWaits);
        new.extend(waited.into_iter().map(Fact::Waits));
        if let (true, Action::App { by, .. }) = (effect.waits, action) {
            new.push(Fact::Waits(*by));
        }
        match owner {
            Some(owner) => new.push(Fact::Leaves(owner)),
            None => new.push(Fact::NobodyWaits),
        }
        new.extend(effect.survey);
        let mut all = self.facts.clone();
        new.iter().for_each(|fact| all.add(self.now, *fact));
        let outcome = Outcome {
            owner,
            until: all.control(self.page, self.now).map(|(_, until, _)| until),
            events: [effect.before, effect.said, effect.after].into_iter().flatten().collect(),
            waiting: all.waiting(self.page, self.now),
            folder: all.folder(),
            held: all.held(),
            window: all.open_until(),
        };
        (outcome, new)
    }

    fn controls(&self, app: AppId, until: i64, days: i64) -> Fact {
        let connection = self.page.app(app).map_or(0, |app| app.connection);
        Fact::Controls { app, connection, until, days }
    }

    /// What a person says is heard, and opens the window.
    fn person_said(&self, action: &Action<'_>, new: &mut Vec<Fact>) {
        let Action::Person(did) = action else { return };
        let by_ad = matches!(did.entry, Some(Entry::Ad { .. }));
        match did.what {
            What::Signal(Signal::Reaction) => new.push(Fact::Open(self.now + DAY)),
            What::Signal(_) => {}
            // Who only taps an ad has said nothing yet that an answer might be given to.
            What::Referral if by_ad => new.push(Fact::Heard),
            _ => {
                let days = if by_ad { i64::from(self.page.ad_window_days).max(1) } else { 1 };
                new.extend([Fact::Heard, Fact::Open(self.now + days * DAY)]);
            }
        }
    }

    fn lies(&self, action: &Action<'_>, owner: Option<AppId>, moved: bool, new: &mut Vec<Fact>) {
        let inbox_has_it = owner == Some(self.page.inbox());
        let folder = match action {
            Action::Inbox { desk: Desk::MoveToMain, .. } => Folder::Main,
            Action::Inbox { desk: Desk::Done, .. } => Folder::Done,
            Action::Inbox { desk: Desk::Reply, .. } if self.facts.folder() != Folder::Done => Folder::Main,
            Action::Inbox { desk: Desk::Reply, .. } => return,
            Action::Person(did) if !matches!(did.what, What::Signal(_)) => match self.facts.folder() {
                _ if inbox_has_it => Folder::Main,
                Folder::Done => Folder::General,
                _ => return,
            },
            _ if inbox_has_it && moved => Folder::Main,
            _ => return,
        };
        new.push(Fact::Lies(folder));
    }
}

fn is_button(what: What) -> bool {
    matches!(
        what,
        What::Postback { .. } | What::Menu { .. } | What::GetStarted { .. } | What::IceBreaker { .. }
    )
}
