//! `GET/PUT /pages/{page}/comments/{comment}`: what a person said under a post, which an app may answer in private by
//! the Send API (`recipient: {"comment_id"}`, WIN-11).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_rules::{PersonId, ThreadKey, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::{Json, Named, OnPage};
use super::operation::Operation;
use super::schemas::{Schemas, closed};
use super::threads::READING;
use super::values::{Moment, PERSON_ID, Person};
use crate::comments::{Id, Kept, OPEN, Said};
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// The longest text of a comment, in characters.
const TEXT: usize = 8000;

/// A comment.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Comment")]
struct Shown {
    comment_id: String,
    person_id: Person,
    /// What it says; null: nobody has said.
    message: Option<String>,
    /// When it came.
    at: Moment,
    /// Until when it may be answered in private.
    closes_at: Moment,
    /// Whether it was: that is done once.
    answered: bool,
}

pub(super) fn operations() -> Vec<Operation> {
    let of = |operation: Operation| {
        OnPage::named(operation).named(
            "name",
            "The comment's id.",
            |_| json!({"type": "string", "pattern": "^[A-Za-z0-9_.:-]{1,128}$"}),
        )
    };
    let example = json!({"person_id": "ada", "message": "Do you have it in blue?"});
    vec![
        of(Operation::get("/pages/{page}/comments/{name}", "getComment", get).needs(Needs::SignedIn))
            .says("People", "A comment under a post", "Kept for 30 days; for the first 7 it may be answered in private.")
            .answers::<Shown>(StatusCode::OK, "The comment.")
            .refuses([&problem::NOTHING_KNOWN])
            .refuses(READING),
        of(Operation::put("/pages/{page}/comments/{name}", "putComment", put).needs(Needs::Operating))
            .says(
                "People",
                "A person comments on a post",
                "A comment is no message: it makes no conversation, opens no window, and no webhook tells of it. An \
                 app answers it in private, once, by the Send API with `recipient: {\"comment_id\"}`. The same \
                 comment again changes its text at most.",
            )
            .takes_shape(shape, vec![("a question", example)])
            .answers::<Shown>(StatusCode::OK, "The comment.")
            .refuses([&problem::REFUSED])
            .refuses(READING),
    ]
}

fn shape(_: &mut Schemas) -> Value {
    let properties = json!({
        "person_id": {"type": "string", "pattern": PERSON_ID, "description": "Who comments."},
        "message": {"type": ["string", "null"], "maxLength": TEXT},
    });
    closed("NewComment", &properties, &["person_id"])
}

async fn get(
    State(shared): State<Arc<Shared>>,
    page: OnPage,
    Named(name): Named,
) -> Result<axum::Json<Shown>, Problem> {
    let id = id(&page, &name)?;
    let unknown =
        || Problem::new(&problem::NOTHING_KNOWN).detail(format!("no comment {name} came within 30 days"));
    let kept = id.find(&shared.engine).await?.ok_or_else(unknown)?;
    show(&shared, id, kept).await
}

async fn put(
    State(shared): State<Arc<Shared>>,
    page: OnPage,
    Named(name): Named,
    Json(body): Json,
) -> Result<axum::Json<Shown>, Problem> {
    let id = id(&page, &name)?;
    let mut fields = Fields::of(&body)?;
    let message = fields.text("message", TEXT).map(str::to_owned);
    let person = fields.required_text("person_id", 64).and_then(|text| match text.parse::<PersonId>() {
        Ok(person) => Some(person.as_str().to_owned()),
        Err(wrong) => {
            fields.wrong("person_id", format!("{wrong}"));
            None
        }
    });
    let said = fields.done(&["person_id", "message"], person.map(|person| Said { person, message }))?;
    let known = id.find(&shared.engine).await?;
    if known.as_ref().is_some_and(|known| known.said.person != said.person) {
        let detail = format!("the comment {name} is another person's, and stays theirs");
        return Err(Problem::new(&problem::REFUSED).detail(detail));
    }
    let at = known.map_or(shared.engine.now(), |known| known.at);
    let kept = Kept { at, said };
    id.keep(&shared.engine, &kept).await?;
    show(&shared, id, kept).await
}

fn id(page: &OnPage, name: &str) -> Result<Id, Problem> {
    let wrong = || Problem::new(&problem::BAD_ID).error("/name", "is not 1 to 128 of A-Z, a-z, 0-9, _ . : -");
    Id::of(page.page, page.surface, name).ok_or_else(wrong)
}

async fn show(shared: &Shared, id: Id, kept: Kept) -> Result<axum::Json<Shown>, Problem> {
    let person = kept.person().ok_or_else(|| Problem::new(&problem::NOTHING_KNOWN))?;
    let key = ThreadKey { page: id.page, surface: id.surface, person: person.clone() };
    let comment = id.at(kept.at);
    let thread = shared.engine.thread(&key).await?;
    let answered = thread.is_some_and(|state| state.kept.answered.contains(&comment));
    Ok(axum::Json(Shown {
        comment_id: id.id,
        person_id: Person(person),
        message: kept.said.message,
        at: Moment(kept.at),
        closes_at: Moment(Timestamp(kept.at.0 + OPEN)),
        answered,
    }))
}
