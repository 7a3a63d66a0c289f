//! Who calls, and whether they may: what an operation needs is said in its own value and checked here, before its
//! handler runs.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use baton_store::Role;

use super::origin;
use crate::problem::{self, Problem};
use crate::serve::Shared;

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// A program that has the operator token.
    Program,
    /// A program that has the viewer token: it looks, and changes nothing.
    Onlooker,
    /// A browser that showed the operator token, or the link of `baton dev`.
    Passing {
        /// Which of the two.
        name: &'static str,
        /// The hash of its session's code.
        session: [u8; 32],
    },
    /// A member, in a browser.
    Member { id: u64, name: String, role: Role, session: u64 },
}

impl Caller {
    pub(crate) const fn role(&self) -> Role {
        match self {
            Self::Program | Self::Passing { .. } => Role::Operator,
            Self::Onlooker => Role::Viewer,
            Self::Member { role, .. } => *role,
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Program => "operator token",
            Self::Onlooker => "viewer token",
            Self::Passing { name, .. } => name,
            Self::Member { name, .. } => name,
        }
    }

    pub(crate) const fn member(&self) -> Option<u64> {
        match self {
            Self::Program | Self::Onlooker | Self::Passing { .. } => None,
            Self::Member { id, .. } => Some(*id),
        }
    }
}

/// Whoever is let in, for a handler that needs to know.
impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Identified>().and_then(|found| found.caller().cloned());
        found.ok_or_else(|| Problem::new(&problem::UNAUTHORIZED))
    }
}

/// What was found out about a request's caller.
#[derive(Clone, Debug)]
pub(crate) enum Identified {
    /// Who it is.
    Caller(Caller),
    /// It is a session's, and comes from another site.
    Elsewhere,
    /// Nobody who is known.
    Nobody,
}

impl Identified {
    const fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Caller(caller) => Some(caller),
            Self::Elsewhere | Self::Nobody => None,
        }
    }

    /// Somebody, whoever it is.
    pub(crate) fn somebody(&self) -> Result<&Caller, Problem> {
        match self {
            Self::Caller(caller) => Ok(caller),
            Self::Elsewhere => Err(Problem::new(&problem::FROM_ELSEWHERE)),
            Self::Nobody => Err(Problem::new(&problem::UNAUTHORIZED)),
        }
    }
}

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing: whoever asks is answered.
    Nothing,
    /// Anybody who is signed in: their own session, and conversations.
    SignedIn,
    /// To answer people, as the Inbox.
    Answering,
    /// To see how everything is set up and what happens.
    Looking,
    /// To change it.
    Operating,
}

impl Needs {
    /// Whether a role may.
    pub(crate) const fn admits(self, role: Role) -> bool {
        match (self, role) {
            (_, Role::Operator) | (Self::Nothing | Self::SignedIn, _) => true,
            (Self::Answering, Role::Agent) | (Self::Looking, Role::Viewer) => true,
            (Self::Answering, Role::Viewer) | (Self::Looking, Role::Agent) => false,
            (Self::Operating, Role::Agent | Role::Viewer) => false,
        }
    }

    /// Who may, in words.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "Anybody.",
            Self::SignedIn => "Operators, agents and viewers.",
            Self::Answering => "Operators and agents.",
            Self::Looking => "Operators and viewers.",
            Self::Operating => "Operators.",
        }
    }
}

/// Which calls of an operation are written into the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recording {
    /// None: it changes nothing.
    Nothing,
    /// Those of people at the console. Programs make too many of them.
    People,
    /// All but dry runs (`?dry_run=true`), which the console makes with every edit: of an operation that has them.
    ButDryRuns,
    /// All.
    All,
}

/// Written into the audit log, by this name.
#[derive(Clone, Copy)]
struct Recorded(&'static str);

/// Finds out who calls, and writes down what they did once it is done.
pub(crate) async fn identify(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let door = &shared.door;
    let found = match door.caller(request.headers()).await {
        Err(error) => return Problem::from(error).into_response(),
        Ok(None) => Identified::Nobody,
        Ok(Some(caller @ (Caller::Program | Caller::Onlooker))) => Identified::Caller(caller),
        Ok(Some(caller)) if origin::is_own(request.method(), request.headers(), &door.public_url) => {
            Identified::Caller(caller)
        }
        Ok(Some(_)) => Identified::Elsewhere,
    };
    if let Identified::Caller(Caller::Member { session, .. }) = &found
        && door.used(*session)
    {
        door.keep_used(*session).await;
    }
    request.extensions_mut().insert(found.clone());
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    if let Some(Recorded(operation)) = response.extensions().get::<Recorded>()
        && let Some(caller) = found.caller()
    {
        door.record(caller, operation, &path, response.status().as_u16()).await;
    }
    response
}

/// Lets through whoever may.
pub(crate) async fn gate(
    (needs, recording, operation): (Needs, Recording, &'static str),
    request: Request,
    next: Next,
) -> Response {
    if needs == Needs::Nothing {
        return next.run(request).await;
    }
    let found = request.extensions().get::<Identified>().cloned().unwrap_or(Identified::Nobody);
    let caller = match found.somebody() {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let is_program = matches!(caller, Caller::Program | Caller::Onlooker);
    let records = match recording {
        Recording::Nothing => false,
        Recording::People => !is_program,
        Recording::ButDryRuns => {
            let query = request.uri().query().unwrap_or_default();
            let mut given = url::form_urlencoded::parse(query.as_bytes());
            !given.any(|(key, value)| key == "dry_run" && value == "true")
        }
        Recording::All => true,
    };
    let mut response = if needs.admits(caller.role()) {
        next.run(request).await
    } else {
        let role = caller.role().name();
        let detail = format!("your role is {role}; this is for: {}", needs.words().to_lowercase());
        Problem::new(&problem::FORBIDDEN).detail(detail.trim_end_matches('.')).into_response()
    };
    if records {
        response.extensions_mut().insert(Recorded(operation));
    }
    response
}
