//! `GET /conversations`, `/conversations/counts` and `/pages/{page}/conversations/{person}`: threads with what
//! somebody wants to see of them in a list. Of all pages and both platforms at once, with the person's name and
//! the last line, so that a list of conversations is one call.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use baton_engine::{Engine, Filter, ThreadState};
use baton_rules::{Folder, PageId, PersonId, Surface, ThreadKey, Timestamp, Waiting, human_closes, standing};
use baton_store::{JournalRow, Settings};
use serde::Serialize;
use serde_json::Value;

use super::input::OnThread;
use super::query::Query;
use super::{answer, cursor, threads, time};
use crate::problem::Problem;
use crate::serve::Shared;

/// How many conversations of a side are looked at where all of them would have to be: to count, to search, and
/// to order by expiry. The newest ones.
const LOOKED: usize = 1_000;
/// How many rows of a conversation are looked at for its last line, first and at most.
const ROWS: [usize; 2] = [4, 40];
/// The longest search, in characters.
const WORDS: usize = 200;
/// The longest line that is shown, in characters.
const LINE: usize = 200;

/// A conversation in a list.
#[derive(Serialize)]
pub(super) struct Conversation {
    /// What paths name: the page's id, or that of its Instagram account.
    page: String,
    page_id: String,
    on: &'static str,
    person: Who,
    state: &'static str,
    owner_app_id: Option<String>,
    expires_at: Option<String>,
    folder: &'static str,
    last_message_at: String,
    window_closes_at: Option<String>,
    requests: Vec<Waits>,
    last_line: Option<Line>,
}

#[derive(Serialize)]
struct Who {
    id: String,
    #[serde(flatten)]
    known: baton_store::Person,
}

#[derive(Serialize)]
struct Waits {
    app_id: String,
    at: String,
    metadata: Box<str>,
}

/// The last thing that somebody said.
#[derive(Serialize)]
struct Line {
    at: String,
    from: &'static str,
    app_id: Option<String>,
    event: Box<str>,
    /// `message`, `postback`, `referral` or `reaction`.
    kind: &'static str,
    text: Option<String>,
}

/// A conversation that is looked at.
#[derive(Serialize)]
pub(super) struct One {
    #[serde(flatten)]
    conversation: Conversation,
    inbox_window_closes_at: Option<String>,
    /// What becomes of control when the owner's lapses; none where it does not lapse.
    after_expiry: Option<After>,
}

#[derive(Serialize)]
struct After {
    owner_app_id: Option<String>,
    rule: Option<&'static str>,
}

#[derive(Default, Serialize)]
pub(super) struct Counts {
    all: usize,
    general: usize,
    main: usize,
    done: usize,
    /// In how many an app waits for control.
    waiting: usize,
    /// Whether there are more than were counted.
    at_least: bool,
}

#[derive(Serialize)]
pub(super) struct List {
    data: Vec<Conversation>,
    next: Option<String>,
}

/// One page on one platform, and the id by which paths name it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Side {
    page: PageId,
    surface: Surface,
    address: PageId,
}

/// Where a list goes on: after this conversation.
type Place = (Timestamp, PageId, PersonId);

pub(super) async fn list(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<axum::Json<List>, Problem> {
    let known = ["page", "owner", "state", "folder", "waiting", "q", "order", "limit", "after"];
    let mut query = Query::of(&uri, &known);
    let settings = shared.engine.settings();
    let sides = sides(&mut query, &settings);
    let folders = [Folder::General, Folder::Main, Folder::Done].map(|folder| (folder.name(), folder));
    let filter = Filter {
        owner: query.app("owner"),
        active: query.word("state", &[("idle", false), ("active", true)]),
        folder: query.word("folder", &folders),
    };
    let waiting = query.is("waiting");
    let words = query.parsed("q", |text| match text.chars().count() {
        0..=WORDS => Ok(text.trim().to_lowercase()),
        _ => Err(format!("must have {WORDS} characters or fewer")),
    });
    let words = words.filter(|words| !words.is_empty());
    let by_expiry = query.word("order", &[("newest", false), ("expiry", true)]).unwrap_or_default();
    let limit = query.limit();
    let after = query.after("conversations", |parts| match parts {
        [_, at, page, person] => {
            Some((Timestamp(at.parse().ok()?), page.parse().ok()?, person.parse().ok()?))
        }
        _ => None,
    });
    query.done()?;
    let all = waiting || by_expiry || words.is_some();
    let mut found = Vec::new();
    for (index, side) in sides.iter().enumerate() {
        let from = after.as_ref().and_then(|after| resumed(&sides, *side, index, after));
        let many = if all { LOOKED } else { limit + 1 };
        for state in shared.engine.threads(side.page, side.surface, &filter, from, many).await? {
            let waits = !waiting || !state.thread.requests.is_empty();
            if waits && fits(&shared.engine, &state.key, words.as_deref()).await? {
                found.push((*side, state));
            }
        }
    }
    if by_expiry {
        found.retain(|(_, state)| state.seen.expires_at.is_some());
        found.sort_by_key(|(_, state)| state.seen.expires_at);
    } else {
        found.sort_by_key(|(_, state)| Reverse(state.last_message_at));
    }
    let more = found.len() > limit && !by_expiry;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(side, last)| {
        let (at, page) = (last.last_message_at.0.to_string(), side.address.to_string());
        cursor::written(&["conversations", &at, &page, last.key.person.as_str()])
    });
    let mut data = Vec::with_capacity(found.len());
    for (side, state) in &found {
        data.push(conversation(&shared.engine, side.address, state).await?);
    }
    Ok(axum::Json(List { data, next }))
}

pub(super) async fn counts(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<axum::Json<Counts>, Problem> {
    let mut query = Query::of(&uri, &["page"]);
    let sides = sides(&mut query, &shared.engine.settings());
    query.done()?;
    let mut counts = Counts::default();
    for side in &sides {
        let newest =
            shared.engine.threads(side.page, side.surface, &Filter::default(), None, LOOKED + 1).await?;
        counts.at_least |= newest.len() > LOOKED;
        for state in newest.iter().take(LOOKED) {
            counts.all += 1;
            counts.waiting += usize::from(!state.thread.requests.is_empty());
            match state.thread.folder {
                Folder::General => counts.general += 1,
                Folder::Main => counts.main += 1,
                Folder::Done => counts.done += 1,
            }
        }
    }
    Ok(axum::Json(counts))
}

pub(super) async fn one(
    State(shared): State<Arc<Shared>>,
    OnThread(key): OnThread,
) -> Result<axum::Json<One>, Problem> {
    let engine = &shared.engine;
    let state = threads::existing(&shared, &key).await?;
    let settings = engine.settings();
    let after_expiry = state.seen.expires_at.and_then(|at| {
        let routing = settings.routing(key.page, key.surface)?;
        let then = standing(routing, &state.thread, Timestamp(at));
        let rule = then.lapse.map(|lapse| lapse.rule.0);
        Some(After { owner_app_id: then.owner.map(|app| app.to_string()), rule })
    });
    let all = every_side(&settings);
    let side = all.iter().find(|side| (side.page, side.surface) == (key.page, key.surface));
    let address = side.map_or(key.page, |side| side.address);
    Ok(axum::Json(One {
        inbox_window_closes_at: human_closes(&state.thread).map(time::shown),
        after_expiry,
        conversation: conversation(engine, address, &state).await?,
    }))
}

/// Every page on every platform it is on, in the order of the settings.
fn every_side(settings: &Settings) -> Vec<Side> {
    let pages = settings.pages.iter().flat_map(|page| {
        let account = page.instagram.as_ref().map(|side| (Surface::Instagram, side.id));
        let both = [Some((Surface::Messenger, page.id)), account];
        both.into_iter().flatten().map(|(surface, address)| Side { page: page.id, surface, address })
    });
    pages.collect()
}

/// `page`: a page's id for both of its platforms, its Instagram account's for that one; every page when absent.
fn sides(query: &mut Query, settings: &Settings) -> Vec<Side> {
    let mut all = every_side(settings);
    let wanted = query.parsed("page", |text| {
        let id: PageId = text.parse().map_err(|wrong| format!("{wrong}"))?;
        let known = all.iter().any(|side| side.page == id || side.address == id);
        if known { Ok(id) } else { Err(format!("no page and no Instagram account has the id {id}")) }
    });
    if let Some(id) = wanted {
        all.retain(|side| side.page == id || side.address == id);
    }
    all
}

/// Where a side's own list goes on after a conversation of any side: of one moment, the sides stand in order.
fn resumed(
    sides: &[Side],
    side: Side,
    index: usize,
    (at, page, person): &Place,
) -> Option<(Timestamp, ThreadKey)> {
    let last = sides.iter().position(|side| side.address == *page);
    // No person stands before this one.
    let first: PersonId = "-".parse().ok()?;
    let (at, person) = match last.map(|last| last.cmp(&index)) {
        Some(Ordering::Equal) => (*at, person.clone()),
        // Everything of this moment was answered.
        Some(Ordering::Greater) | None => (*at, first),
        Some(Ordering::Less) => (Timestamp(at.0.saturating_add(1)), first),
    };
    Some((at, ThreadKey { page: side.page, surface: side.surface, person }))
}

/// Whether the person's names or id hold the words.
async fn fits(engine: &Engine, key: &ThreadKey, words: Option<&str>) -> Result<bool, Problem> {
    let Some(words) = words else { return Ok(true) };
    let known = engine.person(key).await?.unwrap_or_default();
    let names = [known.name, known.first_name, known.last_name, known.username];
    let holds = |text: &str| text.to_lowercase().contains(words);
    Ok(holds(key.person.as_str()) || names.iter().flatten().any(|name| holds(name)))
}

async fn conversation(
    engine: &Engine,
    address: PageId,
    state: &ThreadState,
) -> Result<Conversation, Problem> {
    let (word, owner_app_id, expires_at) = answer::thread(&state.seen);
    let waits = |waiting: &Waiting| Waits {
        app_id: waiting.app.to_string(),
        at: time::shown(waiting.at),
        metadata: waiting.metadata.clone(),
    };
    let known = engine.person(&state.key).await?.unwrap_or_default();
    Ok(Conversation {
        page: address.to_string(),
        page_id: state.key.page.to_string(),
        on: state.key.surface.name(),
        person: Who { id: state.key.person.as_str().to_owned(), known },
        state: word,
        owner_app_id,
        expires_at,
        folder: state.thread.folder.name(),
        last_message_at: time::shown(state.last_message_at),
        window_closes_at: state.thread.window_closes.map(time::shown),
        requests: state.thread.requests.iter().map(waits).collect(),
        last_line: last_line(engine, &state.key).await?,
    })
}

async fn last_line(engine: &Engine, key: &ThreadKey) -> Result<Option<Line>, Problem> {
    for many in ROWS {
        let rows = engine.conversation(key, None, many).await?;
        if let Some(line) = rows.iter().find_map(|row| line(row)) {
            return Ok(Some(line));
        }
        if rows.len() < many {
            break;
        }
    }
    Ok(None)
}

/// A row as a line, if something was said.
fn line(row: &JournalRow) -> Option<Line> {
    let event = row.event.clone()?;
    let item: Value = serde_json::from_slice(&row.whole).ok()?;
    let (kind, said) = ["message", "postback", "reaction", "referral"]
        .into_iter()
        .find_map(|kind| item.get(kind).map(|said| (kind, said)))?;
    let words = ["/text", "/title", "/emoji", "/attachments/0/payload/text", "/attachments/0/type", "/ref"];
    let text = words.iter().find_map(|at| said.pointer(at)).and_then(Value::as_str);
    let from = match row.by {
        None => "person",
        Some(app) if app.is_inbox() => "inbox",
        Some(_) => "app",
    };
    Some(Line {
        at: time::shown(row.at),
        from,
        app_id: row.by.map(|app| app.to_string()),
        event,
        kind,
        text: text.map(|text| text.chars().take(LINE).collect()),
    })
}
