//! What the document asks about: the modes, the situations in each, what people, apps and the inbox do.

/// Every app of the pages here: the one that leads where one does, one that is in control, one that an ad, a link or a
/// button leads to, an ordinary one, and one that may take control.
pub(crate) const APPS: [&str; 5] = ["bot", "care", "desk", "other", "shop"];

/// What they are called, but for the one that leads.
pub(crate) const SPOKEN: [(&str, &str); 6] = [
    ("care", "the app that asks"),
    ("desk", "the app that may take"),
    ("inbox", "the inbox"),
    ("other", "another app"),
    ("shop", "that app"),
    ("welcome", "the organic route's app"),
];

/// A chapter of the document.
pub(crate) struct Mode {
    pub(crate) heading: &'static str,
    /// What it is like, in a few sentences.
    pub(crate) says: &'static str,
    /// The page, in the language of the tables.
    pub(crate) settings: &'static str,
    /// Whether there is a default app or a primary receiver.
    pub(crate) led: bool,
    /// What it is called.
    pub(crate) leader: &'static str,
    /// Conversations as a person may find them: in the language of the tables, and who is in control in words.
    pub(crate) threads: &'static [(&'static str, &'static str)],
    /// Who may ask, and when.
    pub(crate) callers: &'static [Who],
    /// Whether links have routes.
    pub(crate) routed: bool,
    pub(crate) on_instagram: bool,
}

/// Who asks, and when.
pub(crate) struct Who {
    pub(crate) app: &'static str,
    pub(crate) thread: &'static str,
    pub(crate) words: &'static str,
}

const fn who(app: &'static str, thread: &'static str, words: &'static str) -> Who {
    Who { app, thread, words }
}

impl Mode {
    /// Whether a call is worth a row here.
    pub(crate) fn asks(&self, call: &str) -> bool {
        !(self.on_instagram && call == "menu user")
    }
}

/// Something that a person does.
pub(crate) struct Did {
    /// In the language of the tables.
    pub(crate) event: &'static str,
    pub(crate) words: &'static str,
    /// Whether the page has an organic route.
    pub(crate) organic: bool,
    /// Where it can be done, or is another thing than elsewhere.
    pub(crate) only: fn(&Mode) -> bool,
}

const fn did(event: &'static str, words: &'static str) -> Did {
    Did { event, words, organic: false, only: |_| true }
}

pub(crate) const DID: [Did; 18] = [
    did("message", "writes"),
    Did {
        organic: true,
        only: |mode| mode.routed,
        ..did("message", "writes, and there is an organic route")
    },
    did("quick_reply", "taps a quick reply"),
    did("postback by shop", "taps a button that an app made"),
    did("postback", "taps a button of an app that is gone"),
    did("menu page by shop", "taps an item of a menu that an app set"),
    Did { only: |mode| !mode.on_instagram, ..did("get_started by shop", "taps Get Started, set by an app") },
    did("ice_breaker by shop", "taps an ice breaker that an app set"),
    Did {
        organic: true,
        only: |mode| mode.routed,
        ..did("ice_breaker by shop", "taps an ice breaker, and there is an organic route")
    },
    did("message via ad sale", "writes by an ad that names an app"),
    did("referral via ad sale", "taps an ad that names an app, and writes nothing"),
    did("message via ad week", "writes by an ad that names an app for 3 days"),
    did("message via ad plain", "writes by an ad that names none"),
    Did {
        only: |mode| mode.routed,
        ..did("message via link spring", "writes by a link with a route to an app")
    },
    Did { only: |mode| mode.routed, ..did("message via link nowhere", "writes by a link without a route") },
    Did { only: |mode| !mode.routed, ..did("message via link nowhere", "writes by a link") },
    did("reaction", "reacts to a message"),
    did("read", "reads"),
];

pub(crate) const CALLS: [(&str, &str); 13] = [
    ("send", "sends a message"),
    ("send human_agent", "sends as a human (`HUMAN_AGENT`)"),
    ("send +pass=shop", "sends, and passes to an app in the same call"),
    ("send +release", "sends, and releases in the same call"),
    ("pass shop", "passes to an app"),
    ("pass", "passes, and names no app"),
    ("take", "takes"),
    ("request", "requests"),
    ("release", "releases"),
    ("extend 2d", "extends by 2 days"),
    ("metadata shop", "tells another app something (`pass_thread_metadata`)"),
    ("menu page", "sets the page's menu"),
    ("menu user", "sets this person's menu"),
];

pub(crate) const DESK: [(&str, &str); 3] =
    [("reply", "replies"), ("move_to_main", "moves the conversation to Main"), ("done", "marks it as done")];

const DEFAULT: &str = "the default app";
const PRIMARY: &str = "the primary receiver";

/// Idle threads, with or without somebody who leads.
const IDLE_LED: &[(&str, &str)] =
    &[("idle", "nobody"), ("bot", DEFAULT), ("other", "another app"), ("shop", "that app")];
const IDLE: &[(&str, &str)] = &[("idle", "nobody"), ("other", "another app"), ("shop", "that app")];

const ROUTED_CALLERS: &[Who] = &[
    who("bot", "idle", "the default app while nobody is in control"),
    who("bot", "bot", "the default app in control"),
    who("bot", "other", "the default app while another is in control"),
    who("other", "other", "another app in control"),
    who("care", "idle", "another app while nobody is in control"),
    who("care", "other", "another app while a third is in control"),
    who("desk", "idle", "an app that may take, while nobody is in control"),
    who("desk", "other", "an app that may take, while another is in control"),
];

const UNLED_CALLERS: &[Who] = &[
    who("care", "idle", "any app while nobody is in control"),
    who("other", "other", "the app in control"),
    who("care", "other", "another app"),
];

pub(crate) const MODES: [Mode; 7] = [
    Mode {
        heading: "Messenger: the Handover Protocol with a primary receiver (HOP-P)",
        says: "Whoever writes first reaches the primary receiver, which passes the conversation to the others, the \
               secondary receivers, and may take it back at any time. Control lasts while something happens: a message, \
               an answer or an act of control each give it another 24 hours.",
        settings: "primary bot; app bot human_agent; app other human_agent; app shop; app care human_agent; app desk human_agent take_control; ad sale shop; ad week shop 3; ad plain nobody",
        led: true,
        leader: PRIMARY,
        threads: &[("idle", "nobody"), ("bot", PRIMARY), ("other", "another app"), ("shop", "that app")],
        callers: &[
            who("bot", "idle", "the primary receiver while nobody is in control"),
            who("bot", "bot", "the primary receiver in control"),
            who("bot", "other", "the primary receiver while another is in control"),
            who("other", "other", "another app in control"),
            who("care", "idle", "another app while nobody is in control"),
            who("care", "bot", "another app while the primary receiver is in control"),
            who("care", "other", "another app while a third is in control"),
        ],
        routed: false,
        on_instagram: false,
    },
    Mode {
        heading: "Messenger: the Handover Protocol without a primary receiver (HOP-N)",
        says: "Every app hears everything and may answer, until one takes control. Then it alone sends, and the others \
               stand by.",
        settings: "app other human_agent; app shop; app care human_agent; app desk human_agent take_control; ad sale shop; ad week shop 3; ad plain nobody",
        led: false,
        leader: "",
        threads: IDLE,
        callers: UNLED_CALLERS,
        routed: false,
        on_instagram: false,
    },
    Mode {
        heading: "Messenger: Conversation Routing (MCR)",
        says: "The default app has what nobody else has, and somebody is always in control. Ads, links and the organic \
               route lead to other apps, each message gives them another day, and then the default app has it again. \
               Control is passed and released with a message; there is no take, no request and no extend.",
        settings: "default bot; app bot human_agent; app other human_agent; app shop; app care human_agent; app desk human_agent take_control; link spring shop; ad sale shop; ad week shop 3; ad plain nobody",
        led: true,
        leader: DEFAULT,
        threads: &[
            ("bot dormant", "the default app, and the person was silent for a day"),
            ("bot", DEFAULT),
            ("other", "another app"),
            ("shop", "that app"),
        ],
        callers: &[
            who("bot", "bot", "the default app in control"),
            who("bot", "other", "the default app while another is in control"),
            who("other", "other", "another app in control"),
            who("care", "bot", "another app while the default app is in control"),
            who("care", "other", "another app while a third is in control"),
            who("desk", "bot", "an app that may take, while the default app is in control"),
            who("desk", "other", "an app that may take, while a third is in control"),
        ],
        routed: true,
        on_instagram: false,
    },
    Mode {
        heading: "Instagram: Conversation Routing (ICR)",
        says: "The default app gets who writes first, for a day from the last message. Ads, ig.me links and the organic \
               route lead to other apps. When the day is over nobody is in control, and only the default app may send. \
               An app that may take takes by a call or by sending; control may be requested and extended.",
        settings: "instagram; default bot; app bot human_agent; app other human_agent; app shop; app care human_agent; app desk human_agent take_control; link spring shop; ad sale shop; ad week shop 3; ad plain nobody",
        led: true,
        leader: DEFAULT,
        threads: IDLE_LED,
        callers: ROUTED_CALLERS,
        routed: true,
        on_instagram: true,
    },
    Mode {
        heading: "Instagram: no default app (ZC)",
        says: "Every app hears everything and may answer. An ad, a pass or a request gives control to one app for a time: \
               then it alone sends, and the others stand by. Nobody takes.",
        settings: "instagram; app other human_agent; app shop; app care human_agent; app desk human_agent take_control; ad sale shop; ad week shop 3; ad plain nobody",
        led: false,
        leader: "",
        threads: IDLE,
        callers: UNLED_CALLERS,
        routed: false,
        on_instagram: true,
    },
    Mode {
        heading: "Messenger, profile `2025`: Conversation Routing (MCR25)",
        says: "Messenger as the platform's page of 2025 describes it: conversations go idle as on Instagram, and there \
               is take and extend, with Messenger's errors and menus.",
        settings: "profile 2025; default bot; app bot human_agent; app other human_agent; app shop; app care human_agent; app desk human_agent take_control; link spring shop; ad sale shop; ad week shop 3; ad plain nobody",
        led: true,
        leader: DEFAULT,
        threads: IDLE_LED,
        callers: ROUTED_CALLERS,
        routed: true,
        on_instagram: false,
    },
    Mode {
        heading: "Messenger, profile `2025`: no default app (ZC-M)",
        says: "As Instagram without a default app, with Messenger's errors and menus.",
        settings: "profile 2025; app other human_agent; app shop; app care human_agent; app desk human_agent take_control; ad sale shop; ad week shop 3; ad plain nobody",
        led: false,
        leader: "",
        threads: IDLE,
        callers: UNLED_CALLERS,
        routed: false,
        on_instagram: false,
    },
];
