//! Listens. One loop accepts connections, each is served over HTTP/1.1 with a limit on everything a stranger
//! decides: how long headers take, how large they are, how long a body takes, how long nothing of an answer is read, how
//! many connections there are.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use baton_engine::{Clock, Engine};
use baton_store::{Secret, StoreError};
use bytes::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutWriter;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::operation::Operation;
use crate::api::{description, docs};
use crate::calls::Calls;
use crate::config::Limits;
use crate::door::{Door, Needs, StartLink};
use crate::presence::Presence;
use crate::problem::{self, Problem};
use crate::routing_file::Mint;
use crate::{api, console, graph, media};

pub(crate) mod body;
pub(crate) mod ids;
pub(crate) mod log;
pub mod tls;

use ids::Ids;

/// How long the head of a request may take, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long an answer may lie there with nothing of it being read. What is sent now and then, as to listeners, never lies
/// there: a wait for what happens is no wait of a write.
const UNREAD_TIME: Duration = Duration::from_secs(30);
/// How large the head of a request may be.
const HEAD_SIZE: usize = 64 * 1024;
/// How long requests that are under way may take when the server stops.
const LAST_REQUESTS: Duration = Duration::from_secs(8);
/// How long to wait when no connection can be accepted (no file handles left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a server is made of.
pub struct State {
    /// What decides.
    pub engine: Engine,
    /// The token of Baton's own API.
    pub operator_token: Secret,
    /// The token of programs that look and change nothing, where there is one.
    pub viewer_token: Option<Secret>,
    /// How much is taken from a client.
    pub limits: Limits,
    /// The address by which clients reach this server, without a slash at the end.
    pub public_url: String,
    /// The program's version.
    pub version: &'static str,
    /// Set when everything that was asked for at the start is done: a server that is still given its routing
    /// file is not ready.
    pub started: Arc<AtomicBool>,
    /// What makes ids, secrets and tokens; drawn once, at start-up.
    pub mint: Mint,
    /// A link to the console that works once.
    pub start_link: Option<StartLink>,
    /// The system's clock, by which sessions end.
    pub wall: Arc<dyn Clock>,
    /// Where HTTPS is spoken too.
    pub tls: Option<tls::Door>,
}

/// What every handler is given.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    /// Who is let in.
    pub(crate) door: Door,
    pub(crate) limits: Limits,
    pub(crate) public_url: String,
    pub(crate) version: &'static str,
    started: Arc<AtomicBool>,
    pub(crate) ids: Ids,
    /// The system's clock: receivers answer, and people look, in real time.
    pub(crate) wall: Arc<dyn Clock>,
    /// The last calls of the Graph API.
    pub(crate) calls: Calls,
    /// Who looks at which conversation.
    pub(crate) presence: Presence,
    /// How much apps ask.
    pub(crate) usage: graph::usage::Usage,
    /// Reads bodies, and bounds what they have in memory together.
    pub(crate) bodies: body::Bodies,
    /// Who changes what is kept of a page looks at it first: one after the other.
    pub(crate) turns: graph::Turns,
    /// Places for programs that listen to what happens.
    pub(crate) listeners: Arc<Semaphore>,
    /// The turn of whoever has something counted that takes a while.
    pub(crate) counting: Semaphore,
    /// When the server stops, what would never end ends.
    pub(crate) stopping: CancellationToken,
    mint: Mutex<Mint>,
    /// The description, and its page: made when somebody asks, and kept.
    openapi: OnceLock<Bytes>,
    docs: OnceLock<Bytes>,
}

impl Shared {
    /// A mint for one change of settings. What it makes nobody else is given, however often the change is
    /// tried, and also when whoever asked for it goes away.
    pub(crate) fn mint(&self) -> Mint {
        let mut mint = self.mint.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seed = [0; 32];
        for part in seed.chunks_exact_mut(8) {
            part.copy_from_slice(&mint.seed().to_le_bytes());
        }
        Mint::seeded(seed)
    }
}

/// Serves until `shutdown` is ready; then takes no more connections, lets requests that are under way end
/// within 8 seconds, and returns. The engine is the caller's to stop.
pub async fn run(
    listener: TcpListener,
    mut state: State,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let tls = state.tls.take();
    let connections = Arc::new(Semaphore::new(state.limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
    let served = Served::of(state, stopping.clone()).await.map_err(io::Error::other)?;
    tokio::pin!(shutdown);
    loop {
        let secure = tls.as_ref().map(|door| &door.listener);
        let (stream, is_secure, place) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            next = accept(&listener, secure, &connections) => next?,
        };
        let (served, stopping) = (served.clone(), stopping.clone());
        match tls.as_ref().filter(|_| is_secure) {
            Some(door) => drop(tasks.spawn(secured(stream, door.acceptor(), served, stopping, place))),
            None => drop(tasks.spawn(connection(stream, served, stopping, place))),
        }
    }
    // In this order: nobody is refused by a server that says it is ready.
    stopping.cancel();
    drop((listener, tls));
    tasks.close();
    if tokio::time::timeout(LAST_REQUESTS, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "requests were cut off after {} s", LAST_REQUESTS.as_secs());
    }
    Ok(())
}

/// The next connection, when there is room for one.
async fn accept(
    listener: &TcpListener,
    secure: Option<&TcpListener>,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, bool, OwnedSemaphorePermit)> {
    let place = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let at_the_other = async || match secure {
        Some(secure) => secure.accept().await,
        None => std::future::pending().await,
    };
    loop {
        let (next, is_secure) = tokio::select! {
            next = listener.accept() => (next, false),
            next = at_the_other() => (next, true),
        };
        match next {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no delay not set");
                }
                return Ok((stream, is_secure, place));
            }
            Err(error) => {
                // A client that went away while it waited, or no file handles: neither ends the server.
                tracing::warn!(%error, "no connection accepted");
                #[expect(clippy::disallowed_methods, reason = "file handles come back in real time")]
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The same over TLS, when its handshake succeeds in time.
async fn secured(
    stream: TcpStream,
    acceptor: tls::Acceptor,
    served: Served,
    stopping: CancellationToken,
    place: OwnedSemaphorePermit,
) {
    match tokio::time::timeout(HEAD_TIME, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, served, stopping, place).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
        Err(_) => tracing::debug!("the TLS handshake took too long"),
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite,
    served: Served,
    stopping: CancellationToken,
    place: OwnedSemaphorePermit,
) {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(UNREAD_TIME));
    tokio::pin!(stream);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(|request| {
                let Served { router, shared } = served.clone();
                async move { log::each(&shared.ids, router, request).await }
            }),
        );
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection broken");
    }
    drop(place);
}

/// Everything that is served. Paths that nothing here names are the Graph API's, at the root, so that a base
/// address is all that a client changes.
#[derive(Clone)]
struct Served {
    router: Router,
    shared: Arc<Shared>,
}

impl Served {
    async fn of(mut state: State, stopping: CancellationToken) -> Result<Self, StoreError> {
        let (engine, token) = (state.engine.clone(), (&state.operator_token, state.viewer_token.as_ref()));
        let wall = Arc::clone(&state.wall);
        let door = Door::open(engine, state.wall, token, state.start_link, &state.public_url).await?;
        let shared = Arc::new(Shared {
            door,
            engine: state.engine,
            listeners: Arc::new(Semaphore::new(state.limits.listeners.min(Semaphore::MAX_PERMITS))),
            counting: Semaphore::new(1),
            stopping,
            usage: graph::usage::Usage::new(state.limits),
            bodies: body::Bodies::new(&state.limits),
            turns: graph::Turns::default(),
            limits: state.limits,
            public_url: state.public_url,
            version: state.version,
            started: state.started,
            ids: Ids::new(state.mint.seed()),
            wall,
            calls: Calls::default(),
            presence: Presence::default(),
            mint: Mutex::new(state.mint),
            openapi: OnceLock::new(),
            docs: OnceLock::new(),
        });
        if shared.engine.shares_its_database() {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move { shared.door.follow(shared.stopping.clone()).await });
        }
        Ok(Self { router: every_route().with_state(Arc::clone(&shared)), shared })
    }
}

/// Every route, and what answers where there is none.
fn every_route() -> Router<Arc<Shared>> {
    // Batches are posted to the root, which is the Graph API's but for this one page.
    let router = Router::new().route("/", get(home).fallback(graph::answer));
    let own = operations().into_iter().filter(|operation| operation.place("").0 != "/");
    let router = own.fold(router, |router, operation| operation.routed(router, ""));
    api::routed(router.merge(console::routes())).method_not_allowed_fallback(wrong_method).fallback(otherwise)
}

async fn wrong_method(axum::extract::State(shared): Part, request: Request) -> Problem {
    if api::has(request.uri().path()) {
        return api::wrong_method(&shared, &request.into_parts().0).await;
    }
    problem::wrong_method(request.method(), request.uri().path())
}

async fn otherwise(axum::extract::State(shared): Part, request: Request) -> Response {
    if api::has(request.uri().path()) {
        return api::nothing(&shared, &request.into_parts().0).await.into_response();
    }
    graph::answer(axum::extract::State(shared), request).await
}

type Part = axum::extract::State<Arc<Shared>>;

/// What is served beside the two APIs.
pub(crate) fn operations() -> Vec<Operation> {
    const TAG: &str = "Server";
    vec![
        Operation::get("/", "getServer", home)
            .says(TAG, "What this server is", "")
            .public()
            .answers::<About>(StatusCode::OK, "What it is, and where its parts are."),
        Operation::get("/healthz", "getHealth", alive)
            .says(TAG, "Whether it lives", "It answers as long as it can answer at all.")
            .public()
            .answers::<Health>(StatusCode::OK, "It lives."),
        Operation::get("/readyz", "getReadiness", ready)
            .says(TAG, "Whether it is ready", "It has what it was started with, and the store takes commits.")
            .public()
            .answers::<Health>(StatusCode::OK, "It is ready.")
            .refuses([&problem::STARTING, &problem::UNAVAILABLE, &problem::STOPPING]),
        Operation::get("/metrics", "getMetrics", metrics)
            .says(
                TAG,
                "What is measured",
                "In the text of OpenMetrics, which Prometheus reads. It takes the operator token, or `viewer_token`.",
            )
            .needs(Needs::Looking)
            .answers_as(
                StatusCode::OK,
                "The measures.",
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
                plain_text,
            )
            .refuses([&problem::UNAVAILABLE, &problem::STOPPING]),
        Operation::get("/problems", "listProblems", problem::list)
            .says(TAG, "Types of problems", "The fixed list that `type` of a problem document is from.")
            .public()
            .answers_as(StatusCode::OK, "A line for each.", "text/plain; charset=utf-8", plain_text),
        Operation::get("/problems/{slug}", "getProblem", problem::page)
            .says(TAG, "A type of problem", "What it means, and what to do.")
            .public()
            .named("slug", "The type's name.", |_| json!({"type": "string", "minLength": 1}))
            .answers_as(StatusCode::OK, "It is this.", "text/plain; charset=utf-8", plain_text)
            .refuses([&problem::NOT_FOUND]),
        Operation::get("/media/{name}", "getFile", media::get)
            .says(
                TAG,
                "A file that came with a message",
                "By the address that webhooks and conversations have for it.",
            )
            .public()
            .named("name", "What the address says.", |_| json!({"type": "string", "minLength": 1}))
            .answers_as(StatusCode::OK, "The file.", "*/*", plain_text)
            .refuses([&problem::NOT_FOUND])
            .refuses([&problem::UNAVAILABLE, &problem::STOPPING]),
        Operation::get("/openapi.json", "getDescription", openapi)
            .says(TAG, "This description", "An OpenAPI 3.1 document.")
            .public()
            .answers_as(StatusCode::OK, "The document.", "application/json", |_| json!({"type": "object"})),
        Operation::get("/docs", "getDocs", docs_page)
            .says(TAG, "This description, for people", "")
            .public()
            .answers_as(StatusCode::OK, "A page.", "text/html; charset=utf-8", plain_text),
    ]
}

fn plain_text(_: &mut crate::api::schemas::Schemas) -> Value {
    json!({"type": "string"})
}

/// What a server is, and where its parts are.
#[derive(Serialize, JsonSchema)]
struct About {
    name: &'static str,
    version: &'static str,
    /// The address of the Graph API.
    graph_api: String,
    /// The address of Baton's own API.
    baton_api: String,
    /// The address of the web console.
    console: String,
    /// The address of the fixed list of problems.
    problems: String,
    /// The address of the description, for programs.
    openapi: String,
    /// The address of the description, for people.
    docs: String,
}

/// How a server is.
#[derive(Serialize, JsonSchema)]
struct Health {
    status: Status,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Status {
    Ok,
    Ready,
}

/// What there is, unless the Graph API is asked for several nodes at once, which it is at the root too.
async fn home(axum::extract::State(shared): Part, request: Request) -> Response {
    if graph::is_at_root(request.uri().query().unwrap_or_default()) {
        return graph::answer(axum::extract::State(shared), request).await;
    }
    let at = |path: &str| format!("{}{path}", shared.public_url);
    axum::Json(About {
        name: "Baton",
        version: shared.version,
        graph_api: at("/v25.0"),
        baton_api: at(api::ROOT),
        console: at(&format!("{}/", console::ROOT)),
        problems: at("/problems"),
        openapi: at("/openapi.json"),
        docs: at("/docs"),
    })
    .into_response()
}

async fn alive() -> axum::Json<Health> {
    axum::Json(Health { status: Status::Ok })
}

async fn ready(axum::extract::State(shared): Part) -> Result<axum::Json<Health>, Problem> {
    if shared.stopping.is_cancelled() {
        return Err(Problem::new(&problem::STOPPING));
    }
    if !shared.started.load(Ordering::Acquire) {
        return Err(Problem::new(&problem::STARTING));
    }
    shared.engine.ready().await?;
    Ok(axum::Json(Health { status: Status::Ready }))
}

async fn metrics(axum::extract::State(shared): Part) -> Result<Response, Problem> {
    let page = shared.engine.metrics().await?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], page).into_response())
}

async fn openapi(axum::extract::State(shared): Part) -> Response {
    let made = || description::document(shared.version, Some(&shared.public_url)).to_string().into();
    let body = shared.openapi.get_or_init(made).clone();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn docs_page(axum::extract::State(shared): Part) -> Response {
    let made = || docs::page(&description::document(shared.version, Some(&shared.public_url))).into();
    let body: Bytes = shared.docs.get_or_init(made).clone();
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, docs::policy()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{console, description, every_route};

    type Operations = BTreeMap<String, BTreeSet<String>>;

    /// What a router routes, as its own debug output has it: it has no other way to tell.
    fn routed() -> Operations {
        let text = format!("{:?}", every_route());
        let text = text.split("fallback_router").next().unwrap();
        let (routes, paths) = text.split_once("node: Node").unwrap();
        let methods: BTreeMap<&str, BTreeSet<String>> = routes
            .split("RouteId(")
            .skip(1)
            .map(|route| {
                let (id, handlers) = route.split_once(')').unwrap();
                let names = ["get", "put", "post", "delete", "patch", "options", "trace", "connect"];
                let is_there = |name: &&str| !handlers.contains(&format!(" {name}: None"));
                assert!(handlers.contains(" trace: "), "axum tells its routes otherwise: {handlers}");
                (id, names.into_iter().filter(is_there).map(str::to_owned).collect())
            })
            .collect();
        let each = paths.split("RouteId(").skip(1).map(|path| {
            let (id, path) = path.split_once("): \"").unwrap();
            (path.split('"').next().unwrap().to_owned(), methods[id].clone())
        });
        each.collect()
    }

    #[test]
    fn what_is_routed_is_described_and_what_is_described_is_routed() {
        let document = description::document("0.0.0", None);
        let methods = |of: &serde_json::Value| of.as_object().unwrap().keys().cloned().collect();
        let paths = document["paths"].as_object().unwrap().iter();
        let described: Operations = paths.map(|(path, of)| (path.clone(), methods(of))).collect();
        let mut routed = routed();
        // The console is no API: pages for a browser, and what they sign in with, which nobody else can use.
        routed.retain(|path, _| path != console::ROOT && !path.starts_with("/console/"));
        assert!(routed.len() > 30, "{routed:?}");
        assert_eq!(routed, described);
    }
}
