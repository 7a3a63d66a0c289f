//! `GET /conversations`, `/conversations/counts` and `/pages/{page}/conversations/{person}`: threads with what
//! somebody wants to see of them in a list. Of all pages and both platforms at once, with the person's name and
//! the last line, so that a list of conversations is one call.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use baton_engine::{Engine, Filter, ThreadState};
use baton_rules::{Folder, PageId, PersonId, Surface, ThreadKey, Timestamp, human_closes, standing};
use baton_store::{JournalRow, Person, Settings};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::cursor::{self, List};
use super::input::OnThread;
use super::messages::Speaker;
use super::operation::Operation;
use super::person::Profile;
use super::query::{Query, in_parts, owner};
use super::threads::{self, FOLDERS, READING, STATES, Stands, words};
use super::values::{self, App, Moment, On, PAGE_ID};
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// How many conversations of a side are looked at where all of them would have to be: to count, and to order by
/// expiry. The newest ones.
const LOOKED: usize = 1_000;
/// How many conversations of a side one search looks at, from where it begins, in turns of so many.
const SEARCHED: usize = 20_000;
const TURN: usize = 500;
/// How many rows of a conversation are looked at for its last line, first and at most.
const ROWS: [usize; 2] = [4, 40];
/// The longest search, in characters.
const WORDS: usize = 200;
/// The longest line that is shown, in characters.
const LINE: usize = 200;
/// What a line may be, by the name of the webhook's object.
const KINDS: [&str; 4] = ["message", "postback", "reaction", "referral"];

/// A conversation in a list.
#[derive(Serialize, JsonSchema)]
struct Conversation {
    /// What paths name: the page's id, or that of its Instagram account.
    page: values::Page,
    page_id: values::Page,
    on: On,
    person: Who,
    #[serde(flatten)]
    stands: Stands,
    /// Null: nothing was said lately.
    last_line: Option<Line>,
}

/// The person of a conversation, and what is known of them.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConversationPerson")]
struct Who {
    id: values::Person,
    #[serde(flatten)]
    known: Profile,
}

/// The last thing that somebody said.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "LastLine")]
struct Line {
    at: Moment,
    from: Speaker,
    /// The app that said it; null: the person.
    app_id: Option<App>,
    /// The platform's name of the event.
    event: String,
    #[schemars(extend("enum" = KINDS))]
    kind: &'static str,
    /// The beginning of its words, where it has some.
    text: Option<String>,
}

/// A conversation that is looked at.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ConversationInFull")]
struct One {
    #[serde(flatten)]
    conversation: Conversation,
    /// Until when somebody in the Inbox may answer; null: there is no such end.
    inbox_window_closes_at: Option<Moment>,
    /// What becomes of control when the owner's lapses; null where it does not lapse.
    after_expiry: Option<After>,
}

/// What becomes of control.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AfterExpiry")]
struct After {
    /// Who is in control then; null: nobody.
    owner_app_id: Option<App>,
    /// The row of the specification.
    rule: Option<&'static str>,
}

/// How many conversations there are, and where they lie.
#[derive(Default, Serialize, JsonSchema)]
#[schemars(rename = "ConversationCounts")]
struct Counts {
    all: usize,
    general: usize,
    main: usize,
    done: usize,
    /// In how many an app waits for control.
    waiting: usize,
    /// Whether there are more than were counted.
    at_least: bool,
}

/// One page on one platform, and the id by which paths name it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) page: PageId,
    pub(super) surface: Surface,
    address: PageId,
}

/// Where a list goes on: after this conversation.
type Place = (Timestamp, PageId, PersonId);

/// Whether those that lapse soonest come first.
const ORDERS: &[(&str, bool)] = &[("newest", false), ("expiry", true)];
const TAG: &str = "Threads";

pub(super) fn operations() -> Vec<Operation> {
    vec![list_operation(), counts_operation(), one_operation()]
}

pub(super) fn on_page(operation: Operation) -> Operation {
    let about =
        "A page's id for both of its sides, or its Instagram account's id for that one; absent: all pages.";
    operation.query("page", about, |_| json!({"type": "string", "pattern": PAGE_ID}))
}

fn list_operation() -> Operation {
    let list = on_page(Operation::get("/conversations", "listConversations", list).needs(Needs::SignedIn).says(
        TAG,
        "Conversations of all pages",
        "Threads with what a list of them shows: the person's name and the last line. The one with the newest \
         message first, or those whose owner's control lapses, the soonest first (which has no next part). With that \
         order the 1,000 newest conversations of each side are looked through, with `waiting` or `q` 20,000 of each \
         from `after` on.",
    ))
    .query("owner", "Those that this app, or the `inbox`, is in control of.", owner)
    .query("state", "Those in this state.", |_| json!({"type": "string", "enum": words(STATES)}))
    .query(
        "folder",
        "Those in this folder of the Inbox.",
        |_| json!({"type": "string", "enum": words(FOLDERS)}),
    )
    .query(
        "waiting",
        "Those in which an app waits for control.",
        |_| json!({"type": "boolean", "default": false}),
    )
    .query(
        "q",
        "Those of people whose name or id has this in it, in capitals or not.",
        |_| json!({"type": "string", "maxLength": WORDS}),
    )
    .query(
        "order",
        "What comes first.",
        |_| json!({"type": "string", "enum": words(ORDERS), "default": "newest"}),
    )
    .answers::<List<Conversation>>(StatusCode::OK, "Conversations.")
    .refuses(READING);
    in_parts(list)
}

fn counts_operation() -> Operation {
    on_page(
        Operation::get("/conversations/counts", "countConversations", counts).needs(Needs::SignedIn).says(
            TAG,
            "How many conversations there are",
            "Of each side the 1,000 newest at most.",
        ),
    )
    .answers::<Counts>(StatusCode::OK, "How many, by folder.")
    .refuses(READING)
}

fn one_operation() -> Operation {
    let path = "/pages/{page}/conversations/{person}";
    OnThread::named(Operation::get(path, "getConversation", one).needs(Needs::SignedIn))
        .says(TAG, "A conversation", "As in the list, and what becomes of control when the owner's lapses.")
        .answers::<One>(StatusCode::OK, "The conversation.")
        .refuses([&problem::UNKNOWN_PERSON])
        .refuses(READING)
}

async fn list(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<axum::Json<List<Conversation>>, Problem> {
    let known = ["page", "owner", "state", "folder", "waiting", "q", "order", "limit", "after"];
    let mut query = Query::of(&uri, &known);
    let settings = shared.engine.newest_settings().await?;
    let sides = sides(&mut query, &settings);
    let filter = Filter {
        owner: query.owner(),
        active: query.word("state", STATES),
        folder: query.word("folder", FOLDERS),
    };
    let waiting = query.is("waiting");
    let words = query.parsed("q", |text| match text.chars().count() {
        0..=WORDS => Ok(text.trim().to_lowercase()),
        _ => Err(format!("must have {WORDS} characters or fewer")),
    });
    let words = words.filter(|words| !words.is_empty());
    let by_expiry = query.word("order", ORDERS).unwrap_or_default();
    let limit = query.limit();
    let after = query.after("conversations", |parts| match parts {
        [_, at, page, person] => {
            Some((Timestamp(at.parse().ok()?), page.parse().ok()?, person.parse().ok()?))
        }
        _ => None,
    });
    query.done()?;
    let looked_for = LookedFor { filter, waiting, words: words.as_deref() };
    let mut found = Vec::new();
    for (index, side) in sides.iter().enumerate() {
        let from = after.as_ref().and_then(|after| resumed(&sides, *side, index, after));
        let (looked, wanted) = if by_expiry { (LOOKED, LOOKED) } else { (SEARCHED, limit + 1) };
        let states = looked_for.on(&shared.engine, *side, from, looked, wanted).await?;
        found.extend(states.into_iter().map(|state| (*side, state)));
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
    Ok(axum::Json(List::new(data, next)))
}

async fn counts(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<axum::Json<Counts>, Problem> {
    let mut query = Query::of(&uri, &["page"]);
    let sides = sides(&mut query, &*shared.engine.newest_settings().await?);
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

async fn one(State(shared): State<Arc<Shared>>, OnThread(key): OnThread) -> Result<axum::Json<One>, Problem> {
    let engine = &shared.engine;
    let state = threads::existing(&shared, &key).await?;
    let settings = engine.settings();
    let after_expiry = state.seen.expires_at.and_then(|at| {
        let routing = settings.routing(key.page, key.surface)?;
        let then = standing(routing, &state.thread, Timestamp(at));
        let rule = then.lapse.map(|lapse| lapse.rule.0);
        Some(After { owner_app_id: then.owner.map(App::from), rule })
    });
    let all = every_side(&settings);
    let side = all.iter().find(|side| (side.page, side.surface) == (key.page, key.surface));
    let address = side.map_or(key.page, |side| side.address);
    Ok(axum::Json(One {
        inbox_window_closes_at: human_closes(&state.thread).map(Moment),
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
pub(super) fn sides(query: &mut Query, settings: &Settings) -> Vec<Side> {
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

/// Which conversations are wanted.
struct LookedFor<'a> {
    filter: Filter,
    waiting: bool,
    words: Option<&'a str>,
}

impl LookedFor<'_> {
    /// At most `wanted` of them, the newest first, among as many as are looked at.
    async fn on(
        &self,
        engine: &Engine,
        side: Side,
        from: Option<(Timestamp, ThreadKey)>,
        looked: usize,
        wanted: usize,
    ) -> Result<Vec<ThreadState>, Problem> {
        let turn = if self.waiting || self.words.is_some() { TURN } else { wanted };
        let mut from = from;
        let mut found = Vec::new();
        for _ in 0..looked.div_ceil(turn.max(1)) {
            let states = engine.threads(side.page, side.surface, &self.filter, from.take(), turn).await?;
            let is_last = states.len() < turn;
            from = states.last().map(|last| (last.last_message_at, last.key.clone()));
            let waits = |state: &ThreadState| !self.waiting || !state.thread.requests.is_empty();
            let states = states.into_iter().filter(waits).collect();
            found.extend(self.with_words(engine, states).await?);
            if found.len() >= wanted {
                found.truncate(wanted);
                break;
            }
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// Those whose person's names or id hold the words. What is known of all of them is read at once.
    async fn with_words(
        &self,
        engine: &Engine,
        states: Vec<ThreadState>,
    ) -> Result<Vec<ThreadState>, Problem> {
        let Some(words) = self.words else { return Ok(states) };
        let known = engine.people(states.iter().map(|state| state.key.clone()).collect()).await?;
        let holds = |text: &str| text.to_lowercase().contains(words);
        let fits = |(state, known): &(ThreadState, Person)| {
            let names = [&known.name, &known.first_name, &known.last_name, &known.username];
            holds(state.key.person.as_str()) || names.into_iter().flatten().any(|name| holds(name))
        };
        Ok(states.into_iter().zip(known).filter(fits).map(|(state, _)| state).collect())
    }
}

async fn conversation(
    engine: &Engine,
    address: PageId,
    state: &ThreadState,
) -> Result<Conversation, Problem> {
    let known = engine.person(&state.key).await?.unwrap_or_default();
    Ok(Conversation {
        page: values::Page(address),
        page_id: values::Page(state.key.page),
        on: state.key.surface.into(),
        person: Who { id: values::Person(state.key.person.clone()), known: known.into() },
        stands: state.into(),
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
    let (kind, said) = KINDS.into_iter().find_map(|kind| item.get(kind).map(|said| (kind, said)))?;
    let words = ["/text", "/title", "/emoji", "/attachments/0/payload/text", "/attachments/0/type", "/ref"];
    let text = words.iter().find_map(|at| said.pointer(at)).and_then(Value::as_str);
    let from = match row.by {
        None => Speaker::Person,
        Some(app) if app.is_inbox() => Speaker::Inbox,
        Some(_) => Speaker::App,
    };
    Some(Line {
        at: Moment(row.at),
        from,
        app_id: row.by.map(App::from),
        event: event.into(),
        kind,
        text: text.map(|text| text.chars().take(LINE).collect()),
    })
}
