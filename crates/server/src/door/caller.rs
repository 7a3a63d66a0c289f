//! Who calls, and whether they may: what an operation needs is said in its own value and checked here, before its
//! handler runs.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request};
use axum::handler::Handler;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use baton_store::Role;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::origin;
use crate::api;
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

/// Whoever was let in, for a handler that needs to know.
impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Problem::new(&problem::UNAUTHORIZED))
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

impl Recording {
    /// Whether a call is.
    fn takes(self, caller: &Caller, request: &Request) -> bool {
        match self {
            Self::Nothing => false,
            Self::People => !matches!(caller, Caller::Program | Caller::Onlooker),
            Self::ButDryRuns => {
                let query = request.uri().query().unwrap_or_default();
                let mut given = url::form_urlencoded::parse(query.as_bytes());
                !given.any(|(key, value)| key == "dry_run" && value == "true")
            }
            Self::All => true,
        }
    }
}

/// What an operation says of who may call it.
#[derive(Clone, Copy)]
pub(crate) struct Gate {
    pub(crate) needs: Needs,
    pub(crate) recording: Recording,
    /// What it is called in the audit log.
    pub(crate) operation: &'static str,
}

/// A handler behind a gate.
#[derive(Clone)]
pub(crate) struct Gated<H> {
    pub(crate) gate: Gate,
    pub(crate) handler: H,
}

impl<H, T> Handler<T, Arc<Shared>> for Gated<H>
where
    H: Handler<T, Arc<Shared>>,
    T: 'static,
{
    type Future = BoxFuture<'static, Response>;

    fn call(self, request: Request, shared: Arc<Shared>) -> Self::Future {
        let Self { gate, handler } = self;
        if request.method() != Method::GET && shared.engine.is_waking() {
            let detail =
                "this server stood still for some seconds: whoever asked before that may have given up";
            return ready(Problem::new(&problem::BUSY).detail(detail).into_response()).boxed();
        }
        if gate.needs == Needs::Nothing {
            return handler.call(request, shared).boxed();
        }
        async move {
            let state = Arc::clone(&shared);
            gate.pass(&shared, request, |request| handler.call(request, state)).await
        }
        .boxed()
    }
}

impl Gate {
    /// Lets through whoever may, and writes down what they did once it is done.
    async fn pass<F>(self, shared: &Shared, mut request: Request, next: impl FnOnce(Request) -> F) -> Response
    where
        F: Future<Output = Response>,
    {
        let caller = match identify(shared, request.method(), request.headers()).await {
            Ok(caller) => caller,
            Err(problem) => return problem.into_response(),
        };
        let recorded = self.recording.takes(&caller, &request).then(|| request.uri().path().to_owned());
        let response = if self.needs.admits(caller.role()) {
            request.extensions_mut().insert(caller.clone());
            next(request).await
        } else {
            let role = caller.role().name();
            let detail = format!("your role is {role}; this is for: {}", self.needs.words().to_lowercase());
            Problem::new(&problem::FORBIDDEN).detail(detail.trim_end_matches('.')).into_response()
        };
        if let Some(path) = recorded {
            let path = path.strip_prefix(api::ROOT).unwrap_or(&path);
            shared.door.record(&caller, self.operation, path, response.status().as_u16()).await;
        }
        response
    }
}

/// Who calls, if it is somebody who is known, and the request comes from where it may.
pub(crate) async fn identify(
    shared: &Shared,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    let door = &shared.door;
    let caller = door.caller(headers).await?.ok_or_else(|| Problem::new(&problem::UNAUTHORIZED))?;
    let is_program = matches!(caller, Caller::Program | Caller::Onlooker);
    if !is_program && !origin::is_own(method, headers, &door.public_url) {
        return Err(Problem::new(&problem::FROM_ELSEWHERE));
    }
    if let Caller::Member { session, .. } = &caller
        && door.used(*session)
    {
        door.keep_used(*session).await;
    }
    Ok(caller)
}
