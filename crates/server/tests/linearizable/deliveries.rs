//! What must hold of the webhooks as they arrived: each app got, of each conversation, exactly what the journal
//! addresses to it, in the journal's order; and nothing came twice unless it had been refused, or nodes were in trouble.

use std::collections::BTreeMap;

use baton_rules::{AppId, Channel, Form, PageId};
use baton_store::JournalRow;
use serde_json::{Value, json};

use crate::journal::Journal;
use crate::receivers::Arrived;

/// What an app must hear of a conversation, and how much of it was accepted so far.
#[derive(Default)]
struct Heard {
    entries: Vec<Value>,
    accepted: usize,
}

/// Whether every app took everything.
pub(crate) fn are_complete(journal: &Journal, arrived: &[Arrived]) -> bool {
    let (_, heard) = followed(journal, arrived, true);
    heard.values().all(|conversation| conversation.accepted == conversation.entries.len())
}

/// Everything that is wrong. Where nodes were killed and paused, what was taken may come again.
pub(crate) fn check(journal: &Journal, arrived: &[Arrived], repeats: bool) -> Vec<String> {
    let (mut wrong, heard) = followed(journal, arrived, repeats);
    for ((app, talk), conversation) in heard {
        let (accepted, all) = (conversation.accepted, conversation.entries.len());
        if accepted != all {
            wrong.push(format!("{app} took {accepted} of {all} events of {talk}"));
        }
    }
    wrong
}

/// What is wrong with what arrived, and how far every conversation has come by it.
fn followed(
    journal: &Journal,
    arrived: &[Arrived],
    repeats: bool,
) -> (Vec<String>, BTreeMap<(AppId, String), Heard>) {
    let mut wrong = Vec::new();
    let mut heard = addressed(journal);
    for webhook in arrived {
        let mut ahead: BTreeMap<(AppId, String), usize> = BTreeMap::new();
        for entry in webhook.body["entry"].as_array().unwrap() {
            let talk = (webhook.app, talk_of(entry));
            let Some(conversation) = heard.get_mut(&talk) else {
                wrong.push(format!("{} was sent what is nobody's: {entry}", webhook.app));
                continue;
            };
            let ahead = ahead.entry(talk).or_default();
            let next = conversation.entries.get(conversation.accepted + *ahead);
            if next != Some(entry) {
                if repeats && conversation.entries[..conversation.accepted].contains(entry) {
                    continue;
                }
                wrong.push(format!("{} was sent {entry}, and was to hear {next:?}", webhook.app));
            }
            *ahead += 1;
        }
        for (talk, ahead) in ahead.into_iter().filter(|_| webhook.accepted) {
            if let Some(conversation) = heard.get_mut(&talk) {
                conversation.accepted += ahead;
            }
        }
    }
    (wrong, heard)
}

/// What the journal addresses to each app, by conversation or page, in order.
fn addressed(journal: &Journal) -> BTreeMap<(AppId, String), Heard> {
    let mut heard: BTreeMap<(AppId, String), Heard> = BTreeMap::new();
    for row in journal.streams.iter().flatten() {
        let Some(chain) = &row.chain else { continue };
        // What is told of a page itself is nobody's conversation.
        let person = chain.thread().map(|thread| thread.person.to_string()).unwrap_or_default();
        for notice in &row.notices {
            let talk = format!("{}/{person}", chain.page());
            heard.entry((notice.app, talk)).or_default().entries.push(entry(chain.page(), row, notice));
        }
    }
    heard
}

/// The entry of the webhook that tells of a row.
fn entry(page: PageId, row: &JournalRow, notice: &baton_rules::Notice) -> Value {
    let bytes = match (notice.form, &row.reduced) {
        (Form::Reduced, Some(reduced)) => reduced,
        (Form::Reduced | Form::Whole, _) => &row.whole,
    };
    let item: Value = serde_json::from_slice(bytes).unwrap();
    let mut entry = json!({"time": row.at.0, "id": page.to_string()});
    match notice.channel {
        Channel::Messaging => entry["messaging"] = json!([item]),
        Channel::Standby => entry["standby"] = json!([item]),
        Channel::Changes => entry["changes"] = json!([item]),
    }
    if let Some(context) = row.context.as_deref().filter(|_| notice.context) {
        entry["hop_context"] = serde_json::from_slice(context).unwrap();
    }
    entry
}

/// The conversation that an entry is of: its page, and whoever of the two is not the page; nobody where an app is told
/// of the page.
fn talk_of(entry: &Value) -> String {
    let page = entry["id"].as_str().unwrap_or_default();
    let item = if entry["messaging"].is_array() { &entry["messaging"][0] } else { &entry["standby"][0] };
    let parties = ["sender", "recipient"].map(|side| item[side]["id"].as_str().unwrap_or_default());
    let person = parties.into_iter().find(|party| *party != page).unwrap_or_default();
    format!("{page}/{person}")
}
