//! What a receiver is sent: one of each kind of event, in the platform's shape.

use serde_json::{Value, json};

/// An event.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Whether it stands in `standby`.
    pub(super) standby: bool,
    /// What the event says beside sender, recipient and time: its key, and what stands there.
    content: fn(&str) -> (&'static str, Value),
    /// Whether the page speaks: sender and recipient change places.
    of_page: bool,
}

impl Case {
    const fn of(name: &'static str, content: fn(&str) -> (&'static str, Value)) -> Self {
        Self { name, standby: false, content, of_page: false }
    }

    const fn standby(name: &'static str, content: fn(&str) -> (&'static str, Value)) -> Self {
        Self { name, standby: true, content, of_page: false }
    }

    /// The simplest.
    pub(super) const fn usual() -> Self {
        Self::of("message", |mid| ("message", json!({"mid": mid, "text": "hello"})))
    }

    /// One whose bytes differ from what most libraries would write.
    pub(super) const fn escaped() -> Self {
        Self::of("escaped text", |mid| {
            ("message", json!({"mid": mid, "text": "räksmörgås 👍 </b> a/b \"quoted\" \u{2028} end"}))
        })
    }

    /// The item of `messaging` or `standby`.
    pub(super) fn item(&self, person: &str, page: &str, mid: &str, at: i64) -> Value {
        let (key, content) = (self.content)(mid);
        let (from, to) = if self.of_page { (page, person) } else { (person, page) };
        let mut item = json!({"sender": {"id": from}, "recipient": {"id": to}, "timestamp": at});
        item[key] = content;
        item
    }
}

/// One of each.
pub(super) fn all() -> Vec<Case> {
    let image = |mid: &str| {
        let image = json!({"type": "image", "payload": {"url": "https://example.com/picture.png"}});
        ("message", json!({"mid": mid, "attachments": [image]}))
    };
    let button = |mid: &str| ("postback", json!({"mid": mid, "title": "Start", "payload": "DOCTOR"}));
    let unknown: fn(&str) -> (&'static str, Value) = |_| ("something_new", json!({"nobody": "knows this"}));
    let of_page = |case: Case| Case { of_page: true, ..case };
    vec![
        Case::of("attachment", image),
        Case::of("quick reply", |mid| {
            ("message", json!({"mid": mid, "text": "Yes", "quick_reply": {"payload": "DOCTOR"}}))
        }),
        Case::of("postback", button),
        Case::of("referral", |_| {
            ("referral", json!({"ref": "doctor", "source": "SHORTLINK", "type": "OPEN_THREAD"}))
        }),
        Case::of("read", |_| ("read", json!({"watermark": 1_767_225_600_000_i64}))),
        Case::of("delivery", |mid| ("delivery", json!({"mids": [mid], "watermark": 1_767_225_600_000_i64}))),
        // Without its emoji: what that does to bytes is seen by the text.
        Case::of("reaction", |mid| ("reaction", json!({"mid": mid, "action": "react", "reaction": "love"}))),
        Case::of("optin", |_| ("optin", json!({"ref": "doctor"}))),
        of_page(Case::of("echo", |mid| {
            (
                "message",
                json!({"mid": mid, "text": "hello", "is_echo": true, "app_id": 263_902_037_430_900_u64}),
            )
        })),
        Case::of("pass_thread_control", |_| {
            let content = json!({"previous_owner_app_id": null, "new_owner_app_id": "1", "metadata": ""});
            ("pass_thread_control", content)
        }),
        Case::of("take_thread_control", |_| {
            let content = json!({"previous_owner_app_id": "1", "new_owner_app_id": "2", "metadata": ""});
            ("take_thread_control", content)
        }),
        Case::of("request_thread_control", |_| {
            ("request_thread_control", json!({"requested_owner_app_id": "2", "metadata": ""}))
        }),
        Case::standby("standby message", |mid| ("message", json!({"mid": mid, "text": "hello"}))),
        Case::standby("standby postback", |mid| ("postback", json!({"mid": mid, "title": "Start"}))),
        Case::of("unknown event", unknown),
    ]
}
