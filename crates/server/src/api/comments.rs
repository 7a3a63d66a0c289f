//! `GET/PUT/DELETE /pages/{page}/comments/{comment}`: what a person says under a post. Apps that are subscribed to `feed`
//! (Instagram: `comments`, `live_comments`) are told (WH-CMT-1), and may answer it in private by the Send API
//! (`recipient: {"comment_id"}`, WIN-11).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use baton_engine::{CommentFailure, CommentId, KeptComment, Remark};
use baton_rules::{Invitation, PersonId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::{Json, Named, OnPage};
use super::operation::Operation;
use super::schemas::{Schemas, closed};
use super::threads::READING;
use super::values::{Moment, PERSON_ID, Person};
use crate::door::Needs;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// The longest text of a comment, in characters.
const TEXT: usize = 8000;
/// The longest id of a post.
const LONGEST_ID: usize = 128;
/// How long one may be answered, in milliseconds.
const OPEN: i64 = Invitation::COMMENT * 1000;

/// A comment.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Comment")]
struct Shown {
    comment_id: String,
    person_id: Person,
    /// What it says; null: nobody has said.
    message: Option<String>,
    /// Under which post; null: nobody has said.
    post_id: Option<String>,
    /// The comment that it answers; null: none.
    parent_id: Option<String>,
    /// Whether the post is a live broadcast.
    live: bool,
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
    let example = json!({"person_id": "ada", "message": "Do you have it in blue?", "post_id": "2001_77"});
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
                "A comment is no message: it makes no conversation and opens no window. Each app that is subscribed to \
                 `feed` (on Instagram to `comments`, or `live_comments` under a live broadcast) is told of it by a \
                 webhook with `changes`, and may answer it in private, once, by the Send API with `recipient: \
                 {\"comment_id\"}`. The same comment again changes its text at most, which `feed` tells too.",
            )
            .takes_shape(shape, vec![("a question", example)])
            .answers::<Shown>(StatusCode::OK, "The comment.")
            .refuses([&problem::REFUSED, &problem::BUSY, &problem::STOPPING])
            .refuses(READING),
        of(Operation::delete("/pages/{page}/comments/{name}", "deleteComment", delete).needs(Needs::Operating))
            .says(
                "People",
                "A person takes a comment back",
                "It cannot be answered any more; `feed` tells of it. Answers with the comment as it was.",
            )
            .answers::<Shown>(StatusCode::OK, "The comment.")
            .refuses([&problem::NOTHING_KNOWN, &problem::BUSY, &problem::STOPPING])
            .refuses(READING),
    ]
}

fn shape(_: &mut Schemas) -> Value {
    let id = |what: &str| json!({"type": ["string", "null"], "maxLength": LONGEST_ID, "description": what});
    let properties = json!({
        "person_id": {"type": "string", "pattern": PERSON_ID, "description": "Who comments."},
        "message": {"type": ["string", "null"], "maxLength": TEXT},
        "post_id": id("Under which post. Absent: what the comment's id says (`POST_COMMENT`), if it says it."),
        "parent_id": id("The comment that this one answers."),
        "live": {"type": ["boolean", "null"], "description": "Whether the post is a live broadcast."},
    });
    closed("NewComment", &properties, &["person_id"])
}

async fn get(
    State(shared): State<Arc<Shared>>,
    page: OnPage,
    Named(name): Named,
) -> Result<axum::Json<Shown>, Problem> {
    let id = id(&page, &name)?;
    let kept = shared.engine.comment(&id).await?.ok_or(CommentFailure::Unknown)?;
    show(&shared, &id, kept).await
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
    let post = fields.text("post_id", LONGEST_ID).map(str::to_owned);
    let parent = fields.text("parent_id", LONGEST_ID).map(str::to_owned);
    let live = fields.flag("live").unwrap_or_default();
    let person = fields.required_text("person_id", 64).and_then(|text| match text.parse::<PersonId>() {
        Ok(person) => Some(person),
        Err(wrong) => {
            fields.wrong("person_id", format!("{wrong}"));
            None
        }
    });
    let said = person.map(|person| Remark { person: person.as_str().into(), message, post, parent, live });
    let said = fields.done(&["person_id", "message", "post_id", "parent_id", "live"], said)?;
    let kept = shared.engine.commented(id.clone(), said).await?;
    show(&shared, &id, kept).await
}

async fn delete(
    State(shared): State<Arc<Shared>>,
    page: OnPage,
    Named(name): Named,
) -> Result<axum::Json<Shown>, Problem> {
    let id = id(&page, &name)?;
    let was = shared.engine.uncommented(id.clone()).await?;
    show(&shared, &id, was).await
}

fn id(page: &OnPage, name: &str) -> Result<CommentId, Problem> {
    let wrong = || Problem::new(&problem::BAD_ID).error("/name", "is not 1 to 128 of A-Z, a-z, 0-9, _ . : -");
    CommentId::of(page.page, page.surface, name).ok_or_else(wrong)
}

async fn show(shared: &Shared, id: &CommentId, kept: KeptComment) -> Result<axum::Json<Shown>, Problem> {
    let KeptComment { at, said } = kept;
    let person = said.person().ok_or_else(|| Problem::new(&problem::NOTHING_KNOWN))?;
    let digest = id.at(at).digest;
    let thread = shared.engine.thread(&id.thread(person.clone())).await?;
    let answered = thread.is_some_and(|state| state.kept.answered.iter().any(|known| known.digest == digest));
    Ok(axum::Json(Shown {
        comment_id: id.as_str().to_owned(),
        person_id: Person(person),
        message: said.message,
        post_id: said.post,
        parent_id: said.parent,
        live: said.live,
        at: Moment(at),
        closes_at: Moment(Timestamp(at.0 + OPEN)),
        answered,
    }))
}

impl From<CommentFailure> for Problem {
    fn from(failure: CommentFailure) -> Self {
        let detail = failure.to_string();
        match failure {
            CommentFailure::NoPage => Self::new(&problem::UNKNOWN_PAGE),
            CommentFailure::NotTheirs => Self::new(&problem::REFUSED).detail(detail),
            CommentFailure::Unknown => Self::new(&problem::NOTHING_KNOWN).detail(detail),
            CommentFailure::Store(error) => error.into(),
            CommentFailure::Busy => Self::new(&problem::BUSY),
            CommentFailure::Stopping => Self::new(&problem::STOPPING),
        }
    }
}
