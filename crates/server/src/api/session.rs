//! `/session`: signing in and out of the console. A session is a cookie which no script reads; what it is worth is
//! asked of the door with each call.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use baton_store::Secret;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::fields::Fields;
use super::input::Json;
use super::members::{NAME, RoleShown};
use super::operation::Operation;
use super::schemas::{Schemas, closed};
use crate::door::{Caller, LONGEST_PASSWORD, Link, Needs, Recording, SHORTEST_PASSWORD, SignedIn};
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// The longest code or token that is read, in characters.
const CODE: usize = 200;
const TAG: &str = "Members";

/// Who is signed in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignedIn")]
struct Me {
    /// What they are called.
    name: String,
    role: RoleShown,
    /// Null: it is no member, but who has the operator token or the link of `baton dev`.
    member_id: Option<String>,
}

/// What a link is for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LinkMeaning")]
struct Meaning {
    link: For,
    /// Whose it is, where it is an invitation.
    name: Option<String>,
    /// What one becomes by it.
    role: RoleShown,
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum For {
    /// It signs in as it is.
    SignsIn,
    /// Whoever has it becomes the first operator: with a name and a password.
    FirstOperator,
    /// A member chooses a password.
    Invitation,
}

pub(super) fn operations() -> Vec<Operation> {
    let trying = [&problem::TOO_MANY_TRIES, &problem::FROM_ELSEWHERE, &problem::EXISTS];
    vec![
        Operation::get("/session", "getSession", me)
            .says(TAG, "Who is signed in", "By the cookie of a browser, or by the operator token.")
            .needs(Needs::SignedIn)
            .answers::<Me>(StatusCode::OK, "Who it is."),
        Operation::post("/session", "signIn", sign_in)
            .says(
                TAG,
                "Sign in",
                "By name and password; by a one-time link, with a password where it is an invitation; or by the \
                 operator token. The answer sets a cookie, `HttpOnly` and `SameSite=Strict`. Calls by that cookie \
                 which change something need the header `X-Baton-Console`, whatever it says, and come from this \
                 server's own origin. Wrong tries are slowed down.",
            )
            .public()
            .takes_shape(
                shape,
                vec![
                    ("a member", json!({"name": "Nadia", "password": "correct horse battery"})),
                    ("a link", json!({"link": "…"})),
                ],
            )
            .answers::<Me>(StatusCode::OK, "Signed in.")
            .with_headers(&["Set-Cookie"])
            .refuses([&problem::UNAUTHORIZED, &problem::UNAVAILABLE, &problem::STOPPING])
            .refuses(trying),
        Operation::post("/session/link", "lookAtLink", meaning)
            .says(TAG, "What a one-time link is for", "It is not used up by this.")
            .public()
            .takes_shape(
                |_| {
                    json!({
                        "type": "object",
                        "properties": {"link": {"type": "string", "minLength": 1, "maxLength": CODE}},
                        "required": ["link"],
                        "additionalProperties": false,
                    })
                },
                vec![("a link", json!({"link": "…"}))],
            )
            .answers::<Meaning>(StatusCode::OK, "This.")
            .refuses([&problem::UNAUTHORIZED, &problem::FROM_ELSEWHERE])
            .refuses([&problem::UNAVAILABLE, &problem::STOPPING]),
        Operation::delete("/session", "signOut", sign_out)
            .says(TAG, "Sign out", "The session ends; the operator token stays what it is.")
            .needs(Needs::SignedIn)
            .records(Recording::People)
            .answers_nothing(StatusCode::NO_CONTENT, "Signed out.")
            .with_headers(&["Set-Cookie"])
            .refuses([&problem::UNAVAILABLE, &problem::STOPPING]),
        Operation::put("/session/password", "changePassword", change_password)
            .says(TAG, "Another password", "One's own. Other browsers are signed out.")
            .needs(Needs::SignedIn)
            .records(Recording::People)
            .takes_shape(
                |_| {
                    json!({
                        "type": "object",
                        "properties": {
                            "present": {"type": "string", "minLength": 1, "maxLength": LONGEST_PASSWORD},
                            "password": password(),
                        },
                        "required": ["present", "password"],
                        "additionalProperties": false,
                    })
                },
                vec![("another", json!({"present": "correct horse battery", "password": "staple and paper"}))],
            )
            .answers_nothing(StatusCode::NO_CONTENT, "It is another now.")
            .refuses([&problem::FORBIDDEN, &problem::TOO_MANY_TRIES, &problem::UNAVAILABLE, &problem::STOPPING]),
    ]
}

fn password() -> Value {
    json!({"type": "string", "minLength": SHORTEST_PASSWORD, "maxLength": LONGEST_PASSWORD})
}

fn shape(schemas: &mut Schemas) -> Value {
    let text = || json!({"type": "string", "minLength": 1, "maxLength": CODE});
    let name = || json!({"type": "string", "minLength": 1, "maxLength": NAME});
    schemas.written("SignIn", |_| {
        json!({
            "description": "What somebody signs in with.",
            "oneOf": [
                closed("password", &json!({"name": name(), "password": text()}), &["name", "password"]),
                closed("link", &json!({"link": text(), "name": name(), "password": password()}), &["link"]),
                closed("token", &json!({"operator_token": text()}), &["operator_token"]),
            ],
        })
    })
}

impl From<&Caller> for Me {
    fn from(caller: &Caller) -> Self {
        Self {
            name: caller.name().to_owned(),
            role: caller.role().into(),
            member_id: caller.member().map(|id| id.to_string()),
        }
    }
}

async fn me(caller: Caller) -> axum::Json<Me> {
    axum::Json((&caller).into())
}

async fn sign_in(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<Response, Problem> {
    shared.door.must_be_own(&headers)?;
    let signed_in = tried(&shared, &headers, &body).await;
    let (who, status) = match &signed_in {
        Ok(signed_in) => (signed_in.caller.clone(), 200),
        // Which name was tried is not said: it may have been a password.
        Err(problem) => (Caller::Passing { name: "somebody", session: [0; 32] }, problem.status()),
    };
    shared.door.record(&who, "signIn", "/session", status).await;
    let signed_in = signed_in?;
    let me = Me::from(&signed_in.caller);
    Ok((cookie(&shared.door.cookie(&signed_in))?, axum::Json(me)).into_response())
}

async fn tried(shared: &Shared, headers: &HeaderMap, body: &Value) -> Result<SignedIn, Problem> {
    let mut fields = Fields::of(body)?;
    let (mut mint, door) = (shared.mint(), &shared.door);
    let code = Secret::new(mint.console_link());
    let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if fields.get("operator_token").is_some() {
        let token = fields.required_text("operator_token", CODE);
        return door.by_token(fields.done(&["operator_token"], token)?, code);
    }
    if fields.get("link").is_some() {
        let link = fields.required_text("link", CODE);
        let (name, password) = (fields.text("name", NAME), fields.text("password", LONGEST_PASSWORD));
        let link = fields.done(&["link", "name", "password"], link)?;
        let name = name.map(str::trim).filter(|name| !name.is_empty());
        return match (door.link(link).await?, password) {
            (Link::SignsIn, _) => door.by_start_link(link, code),
            (Link::FirstOperator | Link::Invitation(_), Some(password)) => {
                door.by_invitation(link, name, password, browser, (code, mint.salt())).await
            }
            (Link::FirstOperator | Link::Invitation(_), None) => {
                Err(Problem::new(&problem::BAD_BODY).error("/password", "is required: choose one"))
            }
        };
    }
    let name = fields.required_text("name", NAME).map(str::trim);
    let password = fields.required_text("password", CODE);
    let (name, password) = fields.done(&["name", "password"], name.zip(password))?;
    door.by_password(name, password, browser, code).await
}

async fn meaning(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Json(body): Json,
) -> Result<axum::Json<Meaning>, Problem> {
    shared.door.must_be_own(&headers)?;
    let mut fields = Fields::of(&body)?;
    let link = fields.required_text("link", CODE);
    let operator = baton_store::Role::Operator;
    let (link, name, role) = match shared.door.link(fields.done(&["link"], link)?).await? {
        Link::SignsIn => (For::SignsIn, None, operator),
        Link::FirstOperator => (For::FirstOperator, None, operator),
        Link::Invitation(member) => (For::Invitation, Some(member.name), member.role),
    };
    Ok(axum::Json(Meaning { link, name, role: role.into() }))
}

async fn sign_out(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<Response, Problem> {
    shared.door.sign_out(&caller).await?;
    Ok((StatusCode::NO_CONTENT, cookie(&shared.door.no_cookie())?).into_response())
}

async fn change_password(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Json(body): Json,
) -> Result<StatusCode, Problem> {
    let mut fields = Fields::of(&body)?;
    let present = fields.required_text("present", LONGEST_PASSWORD);
    let new = fields.required_text("password", LONGEST_PASSWORD);
    let given = fields.done(&["present", "password"], present.zip(new))?;
    let Caller::Member { id, session, .. } = caller else {
        return Err(Problem::new(&problem::FORBIDDEN).detail("who is no member has no password"));
    };
    let salt = shared.mint().salt();
    shared.door.change_password((id, session), given, salt).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn cookie(text: &str) -> Result<[(header::HeaderName, HeaderValue); 2], Problem> {
    let value = HeaderValue::from_str(text).map_err(|_| Problem::new(&problem::UNAVAILABLE))?;
    Ok([(header::SET_COOKIE, value), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}
