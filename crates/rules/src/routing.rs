//! A page's settings for one surface, as the rules read them. The mode follows from them and is stored
//! nowhere (MODE-1).

use crate::ids::{AppId, PersonId, Surface};
use crate::timers::Granted;

/// Which rule book a surface goes by. One file in `modes/` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Handover Protocol with a primary receiver (HOP-P).
    HandoverPrimary,
    /// Handover Protocol without a primary receiver (HOP-N).
    HandoverOpen,
    /// Conversation Routing on Messenger (MCR).
    MessengerRouting,
    /// Conversation Routing on Instagram (ICR).
    InstagramRouting,
    /// Instagram without a default app: zero-config (ZC).
    ZeroConfig,
    /// Conversation Routing on Messenger by the page of 2025 (MCR25).
    MessengerRouting2025,
    /// Messenger without a default app by the page of 2025: zero-config (ZC-M).
    MessengerZeroConfig,
}

impl Mode {
    /// Every mode.
    pub const ALL: &'static [Mode] = &[
        Mode::HandoverPrimary,
        Mode::HandoverOpen,
        Mode::MessengerRouting,
        Mode::InstagramRouting,
        Mode::ZeroConfig,
        Mode::MessengerRouting2025,
        Mode::MessengerZeroConfig,
    ];

    /// The specification's short name.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::HandoverPrimary => "HOP-P",
            Mode::HandoverOpen => "HOP-N",
            Mode::MessengerRouting => "MCR",
            Mode::InstagramRouting => "ICR",
            Mode::ZeroConfig => "ZC",
            Mode::MessengerRouting2025 => "MCR25",
            Mode::MessengerZeroConfig => "ZC-M",
        }
    }

    /// Whether this is the Handover Protocol, with or without a primary receiver.
    pub const fn is_handover(self) -> bool {
        matches!(self, Mode::HandoverPrimary | Mode::HandoverOpen)
    }

    /// Whether this is Conversation Routing, of whichever kind: there is a default app.
    pub const fn is_routing(self) -> bool {
        matches!(self, Mode::MessengerRouting | Mode::InstagramRouting | Mode::MessengerRouting2025)
    }

    /// Whether a thread that nobody owns is everybody's: all hear it in `messaging` (SB-2).
    pub(crate) const fn is_open(self) -> bool {
        matches!(self, Mode::HandoverOpen | Mode::ZeroConfig | Mode::MessengerZeroConfig)
    }

    /// Whether `hop_context` tells an owner how it got control (WH-HOP-1).
    pub(crate) const fn has_context(self) -> bool {
        self.is_handover() || matches!(self, Mode::MessengerRouting2025 | Mode::MessengerZeroConfig)
    }
}

/// Whose rules a surface goes by, where the documents disagree (C-1, C-4b, C-31). One that is not for the
/// surface counts as unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// The given documents'.
    #[default]
    Documents,
    /// Messenger by the page of 2025: idle threads, take and extend in Conversation Routing.
    Page2025,
    /// Instagram by the page of 2026: no request in Conversation Routing.
    Page2026,
    /// Instagram by the Handover Protocol, as it was before Conversation Routing.
    Legacy,
}

impl Profile {
    /// Every profile that is to be chosen, with its surface and its name in `routing.toml`.
    pub const ALL: &'static [(Profile, Surface, &'static str)] = &[
        (Profile::Page2025, Surface::Messenger, "2025"),
        (Profile::Page2026, Surface::Instagram, "2026"),
        (Profile::Legacy, Surface::Instagram, "legacy"),
    ];

    /// The profile of a surface with this name.
    pub fn named(surface: Surface, name: &str) -> Option<Profile> {
        Self::ALL.iter().find(|(_, on, text)| *on == surface && *text == name).map(|(profile, _, _)| *profile)
    }
}

/// What "move to Main" in the inbox does (HOP-INBOX-5, HOP-INBOX-6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MoveToMain {
    /// The inbox takes control.
    #[default]
    Take,
    /// The inbox asks for control.
    Request,
}

/// A page's settings for one surface. An app that is named but not connected counts as unset
/// (AD-1, SET-5, MODE-4), so a `Routing` is never inconsistent, only incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Which side of the page.
    pub surface: Surface,
    /// Whose rules it goes by.
    pub profile: Profile,
    /// Off: nobody sends, and what people do is refused.
    pub messaging_enabled: bool,
    /// What "move to Main" does.
    pub inbox_move_to_main: MoveToMain,
    /// The default app: turns Conversation Routing on. May be the inbox.
    pub default: Option<AppId>,
    /// The primary receiver of the Handover Protocol. Never the inbox (SET-2).
    pub primary: Option<AppId>,
    /// The social/organic route.
    pub organic: Option<AppId>,
    /// The most days an ad may give control for (AD-2).
    pub ad_max_days: u8,
    /// How long the messaging window stays open after the first message from an ad, in days (WIN-2).
    pub ad_window_days: u8,
    /// Seconds within which an owner must answer; none: it may take its time (TIMER-1).
    pub answer_within: Option<i64>,
    /// Requests that are granted at once (TIMER-3).
    pub granted: Vec<Granted>,
    /// m.me links with a route.
    pub links: Vec<Link>,
    /// Ads that open a conversation.
    pub ads: Vec<Ad>,
    /// Connected apps, the inbox not among them.
    pub apps: Vec<ConnectedApp>,
}

/// A link route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The link's `ref`.
    pub reference: Box<str>,
    /// The app that gets the conversation.
    pub app: AppId,
}

/// An ad's part in routing, out of its message template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ad {
    /// The ad's id.
    pub id: Box<str>,
    /// Only a published ad routes (AD-4).
    pub published: bool,
    /// Who may enter by it; empty: everybody (AD-5).
    pub audience: Vec<PersonId>,
    /// `receiving_app_id`, when it is an app id (AD-1).
    pub app: Option<AppId>,
    /// `receiving_app_control_expiration`, when it is a JSON integer; its range is AD-2's business.
    pub days: Option<i64>,
}

/// An app that is connected to the page on this surface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedApp {
    /// The app.
    pub id: AppId,
    /// Tells this connection from an earlier one of the same app: grants name it (MODE-5).
    pub connection: u32,
    /// The subscribed webhook fields.
    pub fields: Fields,
    /// Standby access on this surface.
    pub standby: bool,
    /// "Take control of conversations".
    pub take_control: bool,
    /// The Human Agent feature.
    pub human_agent: bool,
    /// Whom it reaches, while it is not live (API-14); none: it is live.
    pub testers: Option<Vec<PersonId>>,
}

impl ConnectedApp {
    /// Whether the app may send to a person.
    pub fn may_reach(&self, person: &PersonId) -> bool {
        self.testers.as_ref().is_none_or(|testers| testers.contains(person))
    }
}

impl Routing {
    /// A surface with nothing set and nobody connected.
    pub fn new(surface: Surface) -> Self {
        Self {
            surface,
            profile: Profile::Documents,
            messaging_enabled: true,
            inbox_move_to_main: MoveToMain::Take,
            default: None,
            primary: None,
            organic: None,
            ad_max_days: match surface {
                Surface::Messenger => 7,
                Surface::Instagram => 30,
            },
            ad_window_days: 1,
            answer_within: None,
            granted: Vec::new(),
            links: Vec::new(),
            ads: Vec::new(),
            apps: Vec::new(),
        }
    }

    /// The mode that these settings mean (MODE-1; an app that is not connected counts as none, MODE-4).
    pub fn mode(&self) -> Mode {
        let handover = match self.primary_receiver() {
            Some(_) => Mode::HandoverPrimary,
            None => Mode::HandoverOpen,
        };
        let routed = self.default_app().is_some();
        match (self.surface, self.profile) {
            (Surface::Messenger, Profile::Page2025) if routed => Mode::MessengerRouting2025,
            (Surface::Messenger, Profile::Page2025) => Mode::MessengerZeroConfig,
            (Surface::Messenger, _) if routed => Mode::MessengerRouting,
            (Surface::Messenger, _) => handover,
            (Surface::Instagram, Profile::Legacy) => handover,
            (Surface::Instagram, _) if routed => Mode::InstagramRouting,
            (Surface::Instagram, _) => Mode::ZeroConfig,
        }
    }

    /// Who owns a thread that nobody was given: the default app in Conversation Routing on Messenger, where no
    /// thread is idle (CLK-7, MODE-5); elsewhere nobody.
    pub(crate) fn fallback(&self, mode: Mode) -> Option<AppId> {
        if mode == Mode::MessengerRouting { self.default_app() } else { None }
    }

    /// Who hears in `messaging` what a person does in a thread that nobody owns; none: everybody (SB-2).
    pub(crate) fn leader(&self, mode: Mode) -> Option<AppId> {
        match mode {
            Mode::HandoverPrimary => self.primary_receiver(),
            Mode::MessengerRouting | Mode::InstagramRouting | Mode::MessengerRouting2025 => {
                self.default_app()
            }
            Mode::HandoverOpen | Mode::ZeroConfig | Mode::MessengerZeroConfig => None,
        }
    }

    /// The default app, if it is connected.
    pub fn default_app(&self) -> Option<AppId> {
        self.default.filter(|app| self.reaches(*app))
    }

    /// The primary receiver, if it is connected.
    pub fn primary_receiver(&self) -> Option<AppId> {
        self.primary.filter(|app| self.app(*app).is_some())
    }

    /// The inbox of this surface.
    pub fn inbox(&self) -> AppId {
        self.surface.inbox()
    }

    /// The connection of an app; the inbox has none.
    pub fn app(&self, id: AppId) -> Option<&ConnectedApp> {
        self.apps.iter().find(|app| app.id == id)
    }

    /// Whether an app can own a thread here: it is connected, or it is the inbox.
    pub fn reaches(&self, app: AppId) -> bool {
        app == self.inbox() || self.app(app).is_some()
    }

    /// The generation of an app's connection; the inbox is always connected, by generation 0.
    pub(crate) fn connection(&self, id: AppId) -> Option<u32> {
        if id == self.inbox() { Some(0) } else { self.app(id).map(|app| app.connection) }
    }

    /// The social/organic route app if set and connected.
    pub(crate) fn organic_route(&self) -> Option<AppId> {
        self.organic.filter(|app| self.reaches(*app))
    }

    /// The app that a link's `ref` is routed to (SET-5: an unconnected app counts as unset).
    pub(crate) fn link_route(&self, reference: &str) -> Option<AppId> {
        let link = self.links.iter().find(|link| &*link.reference == reference)?;
        Some(link.app).filter(|app| self.reaches(*app))
    }

    /// The ad with this id.
    pub(crate) fn ad(&self, id: &str) -> Option<&Ad> {
        self.ads.iter().find(|ad| &*ad.id == id)
    }
}

/// A set of webhook fields.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fields(u32);

macro_rules! fields {
    ($($name:ident = $bit:literal : $text:literal),* $(,)?) => {
        impl Fields {
            $(#[doc = concat!("The field `", $text, "`.")] pub const $name: Fields = Fields(1 << $bit);)*

            /// Every field that routing knows, with its name.
            pub const ALL: &'static [(Fields, &'static str)] = &[$((Fields::$name, $text)),*];
        }
    };
}

fields! {
    MESSAGES = 0: "messages",
    MESSAGE_ECHOES = 1: "message_echoes",
    MESSAGE_DELIVERIES = 2: "message_deliveries",
    MESSAGE_READS = 3: "message_reads",
    MESSAGE_REACTIONS = 4: "message_reactions",
    MESSAGE_EDITS = 5: "message_edits",
    MESSAGING_POSTBACKS = 6: "messaging_postbacks",
    MESSAGING_REFERRALS = 7: "messaging_referrals",
    MESSAGING_OPTINS = 8: "messaging_optins",
    MESSAGING_HANDOVERS = 9: "messaging_handovers",
    STANDBY = 10: "standby",
    MESSAGING_ACCOUNT_LINKING = 11: "messaging_account_linking",
    MESSAGING_FEEDBACK = 12: "messaging_feedback",
    FEED = 13: "feed",
    COMMENTS = 14: "comments",
    LIVE_COMMENTS = 15: "live_comments",
}

impl Fields {
    /// The empty set.
    pub const NONE: Fields = Fields(0);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Fields) -> Fields {
        Fields(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn has(self, other: Fields) -> bool {
        self.0 & other.0 == other.0
    }

    /// The field with this name. The documents' singular spellings are the same fields (WH-2), and so are those
    /// that are called otherwise on Instagram.
    pub fn named(name: &str) -> Option<Fields> {
        let known = match name {
            "messaging_handover" => "messaging_handovers",
            "messaging_referral" => "messaging_referrals",
            "messaging_seen" => "message_reads",
            "message_edit" => "message_edits",
            other => other,
        };
        Self::ALL.iter().find(|(_, text)| *text == known).map(|(field, _)| *field)
    }

    /// The names in this set.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(field, _)| self.has(*field)).map(|(_, name)| *name)
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
