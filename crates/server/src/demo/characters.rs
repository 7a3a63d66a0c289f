//! What each of the demo's apps says, and when: a function of what it hears. No IO.

/// An app of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Character {
    /// Answers those who come by the ad, and passes them on.
    Marketing,
    /// The page's default app.
    Support,
    /// People: answers when it is given control.
    HelpDesk,
}

/// What an app hears in `messaging`; what it hears in `standby` it only notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// A message, or a button's title.
    Said {
        /// The text.
        text: &'a str,
        /// Whether it came by an ad.
        by_ad: bool,
    },
    /// Control was passed to this app.
    Given {
        /// By whom; none: the conversation was idle, or an entry point gave it.
        from: Option<&'a str>,
        /// What was said with it.
        metadata: &'a str,
    },
}

/// What an app does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Sends a text.
    Say(String),
    /// Sends a text and passes control to the default app, in one call.
    SayAndPass(String),
    /// Sends a text and releases control, in one call.
    SayAndRelease(String),
    /// Passes control to another app of the demo.
    Pass {
        /// To whom.
        to: Character,
        /// What it should know.
        metadata: String,
    },
}

use Does::{Pass, Say, SayAndPass, SayAndRelease};

impl Character {
    /// The cast.
    pub(super) const ALL: &'static [Character] =
        &[Character::Marketing, Character::Support, Character::HelpDesk];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Character::Marketing => "Marketing bot",
            Character::Support => "Support bot",
            Character::HelpDesk => "Help desk",
        }
    }

    /// What it does about what it hears.
    pub(super) fn answer(self, heard: &Heard<'_>) -> Vec<Does> {
        match (self, heard) {
            (Character::Marketing, Heard::Said { by_ad: true, .. }) => {
                vec![Say("20 % off today! Plants or pots?".to_owned())]
            }
            (Character::Marketing, Heard::Said { text, .. }) => {
                let choice = if text.to_lowercase().contains("pot") { "Pots" } else { "Plants" };
                vec![SayAndPass(format!("{choice} it is."))]
            }
            (Character::Support, Heard::Given { .. }) => {
                vec![Say("Support here. What can I do?".to_owned())]
            }
            (Character::Support, Heard::Said { text, .. }) if wants_a_person(text) => vec![
                Say("One moment, here is Dana.".to_owned()),
                Pass { to: Character::HelpDesk, metadata: format!("asked for a person: {text}") },
            ],
            (Character::Support, Heard::Said { .. }) => {
                vec![Say("Noted. Say \"human\" for a person.".to_owned())]
            }
            (Character::HelpDesk, Heard::Given { .. }) => {
                vec![Say("Dana here. How can I help?".to_owned())]
            }
            (Character::HelpDesk, Heard::Said { text, .. }) if says_goodbye(text) => {
                vec![SayAndRelease("You are welcome. Bye!".to_owned())]
            }
            (Character::HelpDesk, Heard::Said { .. }) => {
                vec![Say("Dana: done. Say \"thanks\" to leave.".to_owned())]
            }
            // An entry point gave it control: the person's own words follow.
            (Character::Marketing, Heard::Given { .. }) => Vec::new(),
        }
    }
}

fn wants_a_person(text: &str) -> bool {
    let text = text.to_lowercase();
    ["human", "person", "agent"].iter().any(|word| text.contains(word))
}

fn says_goodbye(text: &str) -> bool {
    let text = text.to_lowercase();
    ["thank", "bye"].iter().any(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Heard<'_> {
        Heard::Said { text, by_ad: false }
    }

    #[test]
    fn who_asks_for_a_person_gets_one() {
        let done = Character::Support.answer(&said("can I talk to a Human?"));
        assert!(matches!(done.last(), Some(Pass { to: Character::HelpDesk, .. })), "{done:?}");
    }

    #[test]
    fn the_marketing_bot_asks_first_and_passes_then() {
        assert!(matches!(
            Character::Marketing.answer(&Heard::Said { text: "hi", by_ad: true })[..],
            [Say(_)]
        ));
        assert!(matches!(Character::Marketing.answer(&said("pots"))[..], [SayAndPass(_)]));
    }

    #[test]
    fn the_desk_lets_go_when_it_is_thanked() {
        assert!(matches!(Character::HelpDesk.answer(&said("Thanks!"))[..], [SayAndRelease(_)]));
    }
}
