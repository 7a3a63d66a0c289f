//! What a receiver's answers mean: pure, so that each cause can be shown to be named.

use baton_engine::Probed;
use schemars::JsonSchema;
use serde::Serialize;

use super::cases::Case;
use crate::cli::look;

/// What was answered to a probe.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) error: String,
    pub(super) took_ms: u64,
    pub(super) body: String,
    pub(super) is_challenge: bool,
}

impl Answer {
    pub(super) fn of(probed: &Probed) -> Self {
        let (status, error, body) = match &probed.answer {
            Ok((status, body)) => (Some(*status), String::new(), String::from_utf8_lossy(body).into_owned()),
            Err(error) => (None, error.to_string(), String::new()),
        };
        let is_challenge = probed.is_challenge == Some(true);
        Self { status, error, took_ms: probed.took_ms, body, is_challenge }
    }

    /// `200 in 3 ms`.
    pub(super) fn said(&self) -> String {
        match self.status {
            Some(status) => format!("{status} in {} ms", self.took_ms),
            None => self.error.clone(),
        }
    }

    fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FindingWeight")]
pub(crate) enum Weight {
    /// It loses messages, or lets strangers in.
    Error,
    /// It will go wrong one day.
    Warning,
    /// It could not be seen.
    Note,
}

/// Something about a receiver.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "ReceiverFinding")]
pub(crate) struct Finding {
    /// A word for programs.
    #[schemars(example = &"wrong_challenge")]
    pub(crate) cause: &'static str,
    pub(crate) weight: Weight,
    /// What was seen.
    pub(crate) what: String,
    /// Why that is wrong.
    pub(crate) why: &'static str,
    /// What to do about it.
    #[serde(rename = "do")]
    pub(crate) advice: &'static str,
}

fn error(cause: &'static str, what: String, why: &'static str, advice: &'static str) -> Option<Finding> {
    Some(Finding { cause, weight: Weight::Error, what, why, advice })
}

/// A receiver that takes longer than this will one day take longer than the platform waits.
const SLOW_MS: u64 = 2_000;

/// What goes wrong before a receiver says anything, and what it says of where it is.
fn unanswered(answer: &Answer) -> Option<Finding> {
    let what = answer.said();
    match answer.status {
        None if what.contains("not public") => error(
            "address_not_allowed",
            what,
            "Baton sends webhooks to public addresses only, unless it is told otherwise.",
            "Add the network to delivery.allow_addresses in baton.toml, as in [\"127.0.0.0/8\"].",
        ),
        None if what.contains("no answer within") => error(
            "hangs",
            what,
            "What is not answered in time is sent again, and the conversation waits for it.",
            "Answer 200 before anything else is done, and work on the event afterwards.",
        ),
        None if ["refused", "resolve", "dns", "unreachable", "route"]
            .iter()
            .any(|word| what.contains(word)) =>
        {
            error(
                "unreachable",
                what,
                "Nobody listens at this address: every webhook waits until somebody does.",
                "Start the bot, and compare its host and port with webhook_url.",
            )
        }
        None => error(
            "closes_the_connection",
            what,
            "The connection ended without an answer: the bot crashed, or what listens there speaks no HTTP.",
            "Look at what the bot prints when it is sent a webhook; catch errors, and answer 200 all the same.",
        ),
        Some(300..=399) => error(
            "redirects",
            format!("{what}: a redirect"),
            "Redirects are not followed, by the platform neither: nothing arrives.",
            "Make webhook_url the address that it redirects to, often with https:// or a slash at the end.",
        ),
        Some(_) => None,
    }
}

/// The request by which an address is verified.
pub(super) fn handshake(answer: &Answer) -> Option<Finding> {
    if let Some(finding) = unanswered(answer) {
        return Some(finding);
    }
    let why = "Until the address verifies, nothing is delivered to it.";
    match answer.status {
        Some(200) if answer.is_challenge => None,
        Some(200) => error(
            "wrong_challenge",
            format!("answers {:?}, which is not the challenge", look::cut(&answer.body, 40)),
            why,
            "Answer GET with the value of hub.challenge as it is: no quotes, no JSON, no more text.",
        ),
        Some(401 | 403) => error(
            "wrong_verify_token",
            format!("refuses its own verify token: {}", answer.said()),
            why,
            "Compare verify_token in routing.toml with the one that the bot is configured with.",
        ),
        _ => error(
            "no_verification",
            format!("does not verify: {}", answer.said()),
            why,
            "Answer GET on the same path with 200 and the value of hub.challenge, if hub.verify_token is yours.",
        ),
    }
}

/// The same with another verify token.
pub(super) fn wrong_token(answer: &Answer) -> Option<Finding> {
    let hands_out = answer.is_taken() && answer.is_challenge;
    hands_out.then(|| Finding {
        cause: "any_verify_token",
        weight: Weight::Warning,
        what: "hands the challenge to any verify token".to_owned(),
        why: "Whoever knows the address can subscribe it to an app of theirs.",
        advice: "Compare hub.verify_token with your own, and answer 403 when it is another.",
    })
}

/// The simplest webhook there is.
pub(super) fn webhook(answer: &Answer) -> Option<Finding> {
    if let Some(finding) = unanswered(answer) {
        return Some(finding);
    }
    match answer.status {
        Some(200..=299) if answer.took_ms >= SLOW_MS => Some(Finding {
            cause: "slow",
            weight: Weight::Warning,
            what: format!("takes {} ms to answer", answer.took_ms),
            why: "The platform wants an answer within seconds; a slow one is sent again, and holds its conversation up.",
            advice: "Answer 200 before anything else is done, and work on the event afterwards.",
        }),
        Some(200..=299) => None,
        Some(401 | 403) => error(
            "refuses_its_signature",
            format!("refuses what is signed with the app's own secret: {}", answer.said()),
            "Nothing that is sent to it is taken: it checks the signature with another secret, or over other bytes.",
            "Compare the app's secret with the bot's, and make the HMAC of the raw body, before it is parsed.",
        ),
        Some(404 | 405) => error(
            "no_such_path",
            format!("does not take POST there: {}", answer.said()),
            "Nothing that is sent to it is taken.",
            "Compare the path of webhook_url with the one that the bot listens on for POST.",
        ),
        _ => error(
            "fails",
            format!("answers {}", answer.said()),
            "Whatever is not 2xx is sent again, and after a while given up.",
            "Answer 200 to every webhook whose signature is right; look at what the bot prints.",
        ),
    }
}

/// A webhook whose signature is wrong, or that has none.
pub(super) fn unsigned(answer: &Answer, signed: &str) -> Option<Finding> {
    if !answer.is_taken() {
        return None;
    }
    let (cause, how) = if signed == "not" {
        ("takes_unsigned", "takes what is not signed at all")
    } else {
        ("signature_not_checked", "takes what is signed with a wrong secret")
    };
    error(
        cause,
        format!("{how}: {}", answer.said()),
        "Whoever knows the address can make the bot believe that anybody said anything.",
        "Compare X-Hub-Signature-256 with sha256= and the HMAC-SHA256 of the raw body; answer 403 when it differs.",
    )
}

/// A text whose bytes differ from what most libraries would write.
pub(super) fn escaped(answer: &Answer) -> Option<Finding> {
    match answer.status {
        Some(400 | 401 | 403) => error(
            "signature_of_other_bytes",
            format!("refuses what is signed rightly and has more than ASCII in it: {}", answer.said()),
            "It makes the HMAC of JSON that it wrote anew: emoji, umlauts and slashes are written otherwise there.",
            "Make the HMAC of the bytes of the body as they came, before they are parsed.",
        ),
        _ if answer.is_taken() => None,
        _ => broken("text with more than ASCII in it", answer),
    }
}

/// One kind of event.
pub(super) fn kind(answer: &Answer, case: &Case) -> Option<Finding> {
    if answer.is_taken() {
        return None;
    }
    if case.standby {
        return error(
            "crashes_on_standby",
            format!("does not take what stands in `standby`: {}", answer.said()),
            "An entry has `messaging` or `standby`, never both: what reads messaging[0] of each entry fails here.",
            "Loop over entry.messaging if it is there and over entry.standby if that is; until then give the app \
             compat = [\"empty-messaging-beside-standby\"], or standby = false.",
        );
    }
    broken(case.name, answer)
}

fn broken(what: &str, answer: &Answer) -> Option<Finding> {
    if let Some(finding) = unanswered(answer) {
        return Some(Finding { what: format!("{what}: {}", finding.what), ..finding });
    }
    error(
        "fails_on_an_event",
        format!("fails on {what}: {}", answer.said()),
        "What is not answered with 2xx is sent again, and holds its conversation up until it is given up.",
        "Answer 200 also to events that the bot does nothing about, those that it does not know included.",
    )
}

/// Whether it takes the simplest webhook after it failed on another.
pub(super) fn still_there(answer: &Answer, case: &Case) -> Option<Finding> {
    if answer.is_taken() {
        return None;
    }
    error(
        "went_down",
        format!("is down since {}: {}", case.name, answer.said()),
        "One event ends the bot for everybody.",
        "Catch errors around each event, log them, and answer 200.",
    )
}

/// The same event twice: whether it was answered twice; none where no answer was seen.
pub(super) fn twice(answered: Option<bool>) -> Option<Finding> {
    match answered {
        Some(true) => error(
            "answers_twice",
            "answers the same message twice".to_owned(),
            "A webhook whose answer got lost comes again, as on the platform: people then read everything twice.",
            "Remember the mid of messages, or the header webhook-id, for a while, and pass over what is known.",
        ),
        Some(false) => None,
        None => Some(Finding {
            cause: "no_answer_seen",
            weight: Weight::Note,
            what: "it sent nothing by this server's Graph API".to_owned(),
            why: "So whether it answers an event twice that comes twice was not seen.",
            advice: "Give its client this server as base URL, or longer to answer: --patience 10s.",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(took_ms: u64) -> Answer {
        Answer { status: Some(200), took_ms, ..Answer::default() }
    }

    fn unreached(error: &str) -> Answer {
        Answer { error: error.to_owned(), ..Answer::default() }
    }

    #[test]
    fn a_slow_answer_is_a_warning_and_a_quick_one_is_nothing() {
        assert_eq!(webhook(&took(SLOW_MS - 1)), None);
        let slow = webhook(&took(SLOW_MS)).unwrap();
        assert_eq!((slow.cause, slow.weight), ("slow", Weight::Warning));
    }

    #[test]
    fn what_never_answered_is_told_apart() {
        for (error, cause) in [
            ("no answer within 10000 ms", "hangs"),
            ("Connection refused (os error 111)", "unreachable"),
            ("bot.example cannot be resolved: no such host", "unreachable"),
            ("connection closed before message completed", "closes_the_connection"),
            ("Connection reset by peer (os error 104)", "closes_the_connection"),
            ("the address 10.0.0.1 is not public: …", "address_not_allowed"),
        ] {
            assert_eq!(webhook(&unreached(error)).unwrap().cause, cause, "{error}");
            assert_eq!(handshake(&unreached(error)).unwrap().cause, cause, "{error}");
        }
    }

    #[test]
    fn an_answer_that_is_not_seen_twice_proves_nothing() {
        assert_eq!(twice(Some(false)), None);
        assert_eq!(twice(Some(true)).unwrap().weight, Weight::Error);
        assert_eq!(twice(None).unwrap().weight, Weight::Note);
    }
}
