//! `/members`, `/sessions` and `/audit`: who may sign in to the console, where they are signed in, and what they did.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use baton_store::{AuditLine, Member, Role, Secret, Session};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::cursor::{self, List};
use super::fields::Fields;
use super::input::{Json, Named};
use super::operation::Operation;
use super::query::{Query, in_parts};
use super::values::Moment;
use crate::door::{Caller, Needs, Recording};
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// What a name looks like: something that is seen, and no control characters.
const A_NAME: &str =
    r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";
/// The longest name, in characters.
pub(super) const NAME: usize = 60;
const TAG: &str = "Members";
const ROLES: [(&str, Role); 3] =
    [("operator", Role::Operator), ("agent", Role::Agent), ("viewer", Role::Viewer)];

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Role")]
pub(super) enum RoleShown {
    /// Everything.
    Operator,
    /// Reads conversations and answers in the Inbox; nothing else.
    Agent,
    /// Reads; nothing else.
    Viewer,
}

impl From<Role> for RoleShown {
    fn from(role: Role) -> Self {
        match role {
            Role::Operator => Self::Operator,
            Role::Agent => Self::Agent,
            Role::Viewer => Self::Viewer,
        }
    }
}

/// Somebody who may sign in to the console.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Member")]
struct Shown {
    id: String,
    name: String,
    role: RoleShown,
    since: Moment,
    /// Whether they chose a password.
    has_password: bool,
    /// Until when the link works by which they choose one; null: there is none. By the system's clock.
    invited_until: Option<Moment>,
}

/// A member, and the link by which they choose a password. It is told this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invited")]
struct Invited {
    #[serde(flatten)]
    member: Shown,
    /// For their browser; it works once.
    link: String,
}

/// A browser in which somebody is signed in. Times are the system's clock's.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
struct SessionShown {
    id: String,
    member_id: String,
    since: Moment,
    /// When it was last used, to the hour.
    seen: Moment,
    /// What the browser calls itself.
    browser: String,
    /// Whether it is the one that asks.
    is_this: bool,
}

/// What somebody did.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditLine")]
struct Audited {
    at: Moment,
    /// What they were called then.
    name: String,
    /// Null: it is no member, but who has the operator token or the link of `baton dev`.
    member_id: Option<String>,
    /// The operation, as this description names it.
    #[schemars(example = &"patchApp")]
    operation: String,
    /// Upon what: the path of the call, without the API's own.
    path: String,
    /// The HTTP status that it was answered with: below 300 it was done.
    status: u16,
}

pub(super) fn operations() -> Vec<Operation> {
    let keeping = [&problem::UNAVAILABLE, &problem::STOPPING];
    let one = |operation: Operation, name: &'static str| {
        operation
            .named("name", name, |_| json!({"type": "string", "pattern": "^[0-9]{1,19}$"}))
            .refuses([&problem::BAD_ID, &problem::NOT_FOUND])
            .refuses(keeping)
    };
    let operates = |operation: Operation| operation.needs(Needs::Operating);
    vec![
        operates(Operation::get("/members", "listMembers", list))
            .says(TAG, "Members", "Everybody who may sign in to the console, in the order of their coming.")
            .answers::<List<Shown>>(StatusCode::OK, "All of them.")
            .refuses(keeping),
        operates(Operation::post("/members", "inviteMember", invite))
            .says(
                TAG,
                "Invite somebody",
                "The answer has a link, told this once, by which they choose a password within three days.",
            )
            .records(Recording::All)
            .takes_shape(|_| shape(&["name", "role"]), vec![("an agent", json!({"name": "Nadia", "role": "agent"}))])
            .answers::<Invited>(StatusCode::CREATED, "They may come.")
            .refuses([&problem::EXISTS, &problem::TOO_MANY_MEMBERS])
            .refuses(keeping),
        one(operates(Operation::patch("/members/{name}", "patchMember", patch)), "The member's id.")
            .says(TAG, "Change a member", "Their name or their role; it holds from their next call on.")
            .records(Recording::All)
            .takes_shape(|_| shape(&[]), vec![("another role", json!({"role": "viewer"}))])
            .answers::<Shown>(StatusCode::OK, "As they are now.")
            .refuses([&problem::EXISTS]),
        one(operates(Operation::post("/members/{name}/invitations", "inviteAgain", again)), "The member's id.")
            .says(
                TAG,
                "Another link for a member",
                "They choose a password by it, once, within three days: when they are new, or have forgotten theirs. \
                 The link before works no more; their password does until then.",
            )
            .records(Recording::All)
            .answers::<Invited>(StatusCode::CREATED, "The link."),
        one(operates(Operation::delete("/members/{name}", "deleteMember", remove)), "The member's id.")
            .says(TAG, "Remove a member", "They are signed out everywhere at once.")
            .records(Recording::All)
            .answers_nothing(StatusCode::NO_CONTENT, "They are gone."),
        operates(Operation::get("/sessions", "listSessions", sessions))
            .says(TAG, "Sessions", "The browsers in which members are signed in, the newest first.")
            .answers::<List<SessionShown>>(StatusCode::OK, "All of them.")
            .refuses(keeping),
        one(operates(Operation::delete("/sessions/{name}", "deleteSession", end)), "The session's id.")
            .says(TAG, "Sign somebody out", "Ends one session.")
            .records(Recording::All)
            .answers_nothing(StatusCode::NO_CONTENT, "It has ended."),
        in_parts(operates(Operation::get("/audit", "listAudit", audit)))
            .says(
                TAG,
                "Who did what",
                "What was changed, by whom, and what was refused for want of a role; signing in too. The newest \
                 100,000 lines are kept. What programs bring in of people's messages is not in it.",
            )
            .answers::<List<Audited>>(StatusCode::OK, "Lines.")
            .refuses(keeping),
    ]
}

fn shape(required: &[&str]) -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": NAME, "pattern": A_NAME},
            "role": {"enum": ROLES.map(|(name, _)| name)},
        },
        "required": required,
        "additionalProperties": false,
    })
}

type Server = State<Arc<Shared>>;

fn shown(shared: &Shared, member: &Member) -> Shown {
    Shown {
        id: member.id.to_string(),
        name: member.name.clone(),
        role: member.role.into(),
        since: Moment(member.since),
        has_password: member.password.is_some(),
        invited_until: shared.door.invited_until(member.id).map(Moment),
    }
}

/// What a body says of a member.
fn read(body: &Value, is_new: bool) -> Result<(Option<&str>, Option<Role>), Problem> {
    let mut fields = Fields::of(body)?;
    let role = fields.text("role", NAME).map(|given| {
        let found = ROLES.iter().find(|(name, _)| *name == given).map(|(_, role)| *role);
        found.ok_or_else(|| format!("{given:?} is not one of operator, agent, viewer"))
    });
    let role = match role {
        Some(Err(wrong)) => {
            fields.wrong("role", wrong);
            None
        }
        Some(Ok(role)) => Some(role),
        None => {
            if is_new {
                fields.wrong("role", "is required");
            }
            None
        }
    };
    let name = if is_new || fields.get("name").is_some() {
        let given = fields.required_text("name", NAME).map(str::trim);
        if given.is_some_and(|name| name.is_empty() || name.chars().any(char::is_control)) {
            fields.wrong("name", "must be a name");
        }
        given
    } else {
        None
    };
    fields.done(&["name", "role"], Some((name, role)))
}

async fn list(State(shared): Server) -> Result<axum::Json<List<Shown>>, Problem> {
    let team = shared.door.newest_team().await?;
    Ok(axum::Json(List::new(team.members.iter().map(|member| shown(&shared, member)).collect(), None)))
}

async fn invite(
    State(shared): Server,
    Json(body): Json,
) -> Result<(StatusCode, axum::Json<Invited>), Problem> {
    let (Some(name), Some(role)) = read(&body, true)? else {
        return Err(Problem::new(&problem::BAD_BODY).error("", "a name and a role"));
    };
    let code = Secret::new(shared.mint().console_link());
    let (member, _) = shared.door.invite(name, role, &code).await?;
    Ok(invited(&shared, &member, &code))
}

async fn again(
    State(shared): Server,
    Named(id): Named,
) -> Result<(StatusCode, axum::Json<Invited>), Problem> {
    let code = Secret::new(shared.mint().console_link());
    let (member, _) = shared.door.invite_again(number(&id)?, &code).await?;
    Ok(invited(&shared, &member, &code))
}

fn invited(shared: &Shared, member: &Member, code: &Secret) -> (StatusCode, axum::Json<Invited>) {
    let link = format!("{}{}/#link={}", shared.public_url, crate::console::ROOT, code.reveal());
    (StatusCode::CREATED, axum::Json(Invited { member: shown(shared, member), link }))
}

async fn patch(
    State(shared): Server,
    Named(id): Named,
    Json(body): Json,
) -> Result<axum::Json<Shown>, Problem> {
    let (name, role) = read(&body, false)?;
    let member = shared.door.change_member(number(&id)?, name, role).await?;
    Ok(axum::Json(shown(&shared, &member)))
}

async fn remove(State(shared): Server, Named(id): Named) -> Result<StatusCode, Problem> {
    shared.door.remove(number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn sessions(State(shared): Server, caller: Caller) -> Result<axum::Json<List<SessionShown>>, Problem> {
    let own = match caller {
        Caller::Member { session, .. } => Some(session),
        Caller::Program | Caller::Onlooker | Caller::Passing { .. } => None,
    };
    let shown = |session: Session| SessionShown {
        id: session.id.to_string(),
        member_id: session.member.to_string(),
        since: Moment(session.since),
        seen: Moment(session.seen),
        is_this: own == Some(session.id),
        browser: session.browser,
    };
    let alive = shared.door.sessions().await?;
    Ok(axum::Json(List::new(alive.into_iter().map(shown).collect(), None)))
}

async fn end(State(shared): Server, Named(id): Named) -> Result<StatusCode, Problem> {
    shared.door.end_session(number(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn audit(State(shared): Server, uri: Uri) -> Result<axum::Json<List<Audited>>, Problem> {
    let mut query = Query::of(&uri, &["limit", "after"]);
    let limit = query.limit();
    let before = query.after("audit", |parts| parts.get(1)?.parse().ok());
    query.done()?;
    let mut lines = shared.engine.audited(before, limit + 1).await?;
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next =
        lines.last().filter(|_| more).map(|(number, _)| cursor::written(&["audit", &number.to_string()]));
    let shown = |(_, line): (u64, AuditLine)| Audited {
        at: Moment(line.at),
        name: line.name,
        member_id: line.member.map(|id| id.to_string()),
        operation: line.operation,
        path: line.path,
        status: line.status,
    };
    Ok(axum::Json(List::new(lines.into_iter().map(shown).collect(), next)))
}

fn number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| Problem::new(&problem::BAD_ID).error("/name", "is not an id"))
}
