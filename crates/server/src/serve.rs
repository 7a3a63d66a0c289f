//! Listens. One loop accepts connections, each is served over HTTP/1.1 with a limit on everything a stranger
//! decides: how long headers take, how large they are, how long a body takes, how many connections there are.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use baton_engine::Engine;
use baton_store::Secret;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Limits;
use crate::problem::{self, Problem};
use crate::routing_file::Mint;
use crate::{api, console, graph, media};

pub(crate) mod body;
pub(crate) mod ids;
pub(crate) mod log;

use ids::Ids;

/// How long the head of a request may take, and how long a connection may be idle.
const HEAD_TIME: Duration = Duration::from_secs(10);
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
    /// The code of a link that signs in to the console, once.
    pub console_link: Option<Secret>,
}

/// What every handler is given.
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    /// SHA-256 of the operator token: comparing hashes takes the same time whatever was sent.
    pub(crate) operator: [u8; 32],
    pub(crate) limits: Limits,
    pub(crate) public_url: String,
    pub(crate) version: &'static str,
    started: Arc<AtomicBool>,
    pub(crate) ids: Ids,
    /// The link that signs in to the console, until it is used.
    pub(crate) link: console::OneTimeLink,
    /// Places for programs that listen to what happens.
    pub(crate) listeners: Arc<Semaphore>,
    /// When the server stops, what would never end ends.
    pub(crate) stopping: CancellationToken,
    mint: Mutex<Mint>,
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
pub async fn run(listener: TcpListener, state: State, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(state.limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    let (stopping, tasks) = (CancellationToken::new(), TaskTracker::new());
    let router = router(state, stopping.clone());
    tokio::pin!(shutdown);
    loop {
        let (stream, place) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            next = accept(&listener, &connections) => next?,
        };
        tasks.spawn(connection(stream, router.clone(), stopping.clone(), place));
    }
    drop(listener);
    stopping.cancel();
    tasks.close();
    if tokio::time::timeout(LAST_REQUESTS, tasks.wait()).await.is_err() {
        tracing::warn!(left = tasks.len(), "requests were cut off after {} s", LAST_REQUESTS.as_secs());
    }
    Ok(())
}

/// The next connection, when there is room for one.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, place)),
            Err(error) => {
                // A client that went away while it waited, or no file handles: neither ends the server.
                tracing::warn!(%error, "no connection accepted");
                #[expect(clippy::disallowed_methods, reason = "file handles come back in real time")]
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    stopping: CancellationToken,
    place: OwnedSemaphorePermit,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no delay not set");
    }
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
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
fn router(mut state: State, stopping: CancellationToken) -> Router {
    let shared = Arc::new(Shared {
        link: console::OneTimeLink::new(state.console_link.as_ref(), &state.operator_token),
        operator: Sha256::digest(state.operator_token.reveal().as_bytes()).into(),
        engine: state.engine,
        listeners: Arc::new(Semaphore::new(state.limits.listeners.min(Semaphore::MAX_PERMITS))),
        stopping,
        limits: state.limits,
        public_url: state.public_url,
        version: state.version,
        started: state.started,
        ids: Ids::new(state.mint.seed()),
        mint: Mutex::new(state.mint),
    });
    Router::new()
        .route("/", get(home).fallback(graph::answer))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/problems", get(problem::list))
        .route("/problems/{slug}", get(problem::page))
        .route(&format!("/{}/{{name}}", media::ROOT), get(media::get))
        .merge(console::routes())
        .nest(api::ROOT, api::routes(&shared))
        .method_not_allowed_fallback(wrong_method)
        .fallback(graph::answer)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), log::each))
        .with_state(shared)
}

async fn wrong_method(request: Request) -> Problem {
    problem::wrong_method(request.method(), request.uri().path())
}

type Part = axum::extract::State<Arc<Shared>>;

/// What there is, unless the Graph API is asked for several nodes at once, which it is at the root too.
async fn home(axum::extract::State(shared): Part, request: Request) -> Response {
    if graph::is_at_root(request.uri().query().unwrap_or_default()) {
        return graph::answer(axum::extract::State(shared), request).await;
    }
    axum::Json(serde_json::json!({
        "name": "Baton",
        "version": shared.version,
        "graph_api": format!("{}/v25.0", shared.public_url),
        "baton_api": format!("{}{}", shared.public_url, api::ROOT),
        "console": format!("{}{}/", shared.public_url, console::ROOT),
        "problems": format!("{}/problems", shared.public_url),
    }))
    .into_response()
}

async fn alive() -> Response {
    axum::Json(serde_json::json!({"status": "ok"})).into_response()
}

async fn ready(axum::extract::State(shared): Part) -> Result<Response, Problem> {
    if shared.stopping.is_cancelled() {
        return Err(Problem::new(&problem::STOPPING));
    }
    if !shared.started.load(Ordering::Acquire) {
        return Err(Problem::new(&problem::STARTING));
    }
    shared.engine.ready().await?;
    Ok(axum::Json(serde_json::json!({"status": "ready"})).into_response())
}
