//! A client of a running server: finds it, asks it, and says plainly what went wrong.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::finding::Finding;
use super::server_file::{ServerFile, data_directory, runtime_directory};
use super::{Common, Failure};
use crate::api::ROOT as API;

/// How long a server may take to answer: moving the clock may run much that is due.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a server may say nothing on a connection that has no end: it shows every 15 seconds that it lives.
const SILENCE: Duration = Duration::from_secs(40);

/// A server, and the right to use it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// For answers without an end.
    endless: reqwest::Client,
    /// Where it may be, the first that answers counts.
    places: Vec<ServerFile>,
}

impl Client {
    /// A client of the server that is named, or else of the one that says where it is.
    pub(crate) fn find(common: &Common) -> Result<Self, Failure> {
        Self::of(places(common)?)
    }

    /// A client of this server.
    pub(crate) fn of(places: Vec<ServerFile>) -> Result<Self, Failure> {
        let is_local = places.iter().all(|place| is_local(&place.url));
        let http = builder(is_local).timeout(PATIENCE).build();
        // What has no end has no time in which it must have ended; but a server that lives says so.
        let endless = builder(is_local).read_timeout(SILENCE).build();
        let cannot = |error: reqwest::Error| cannot_make("commands", innermost(&error));
        Ok(Self { http: http.map_err(cannot)?, endless: endless.map_err(cannot)?, places })
    }

    /// Reads from Baton's own API.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, None).await
    }

    /// Reads what the server has beside its APIs.
    pub(crate) async fn get_beside(&self, path: &str) -> Result<Value, Failure> {
        let (response, url) = self.reach(|url| self.http.get(format!("{url}{path}"))).await?;
        answer(response, url).await
    }

    /// Asks Baton's own API to do something.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Writes to Baton's own API.
    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.ask(Method::PUT, path, Some(body)).await
    }

    /// Removes what Baton's own API has.
    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::DELETE, path, None).await
    }

    /// Listens to server-sent events of Baton's own API, after the one that was seen last.
    pub(crate) async fn listen(&self, path: &str, seen: Option<&str>) -> Result<reqwest::Response, Failure> {
        let (response, url) = self
            .reach(|url| {
                let request =
                    self.endless.get(format!("{url}{API}{path}")).header("accept", "text/event-stream");
                match seen {
                    Some(seen) => request.header("last-event-id", seen),
                    None => request,
                }
            })
            .await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(answer(response, url)
            .await
            .err()
            .unwrap_or_else(|| Failure::new("it does not tell what happens")))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let (response, url) = self
            .reach(|url| {
                let request = self.http.request(method.clone(), format!("{url}{API}{path}"));
                match body {
                    Some(body) => request.json(body),
                    None => request,
                }
            })
            .await?;
        answer(response, url).await
    }

    /// The answer of the first place that answers, and its address. `request` is made of the address.
    async fn reach(
        &self,
        request: impl Fn(&str) -> reqwest::RequestBuilder,
    ) -> Result<(reqwest::Response, &str), Failure> {
        let mut silent = Failure::new("no Baton answers");
        for place in &self.places {
            let request = request(&place.url);
            match request.bearer_auth(&place.operator_token).send().await {
                Ok(response) => return Ok((response, &place.url)),
                Err(error) if error.is_connect() => {
                    silent = silent.why(format!("{}: {}", place.url, innermost(&error)));
                }
                Err(error) => {
                    let what = format!("{} did not answer", place.url);
                    return Err(Failure::new(what).why(innermost(&error)));
                }
            }
        }
        Err(silent
            .advice("start one with `baton dev` or `baton serve`, or name one with --server and --token"))
    }
}

/// Why there is no HTTP client for something. Without certificates of authorities none is made, whether or not it
/// is to speak HTTPS.
pub(crate) fn cannot_make(what_for: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(format!("cannot make an HTTP client for {what_for}")).why(why).advice(
        "HTTPS needs the certificates of the authorities that this machine trusts: install them (on Debian and Ubuntu \
         the package ca-certificates), or name a file of them with SSL_CERT_FILE",
    )
}

/// A client, which asks no proxy for this machine.
pub(crate) fn builder(is_local: bool) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(5));
    if is_local { builder.no_proxy() } else { builder }
}

/// Whether an address is one of this machine, which no proxy reaches.
pub(crate) fn is_local(url: &str) -> bool {
    let url = url::Url::parse(url).ok();
    let host = url.as_ref().and_then(url::Url::host_str);
    host.is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]")
}

fn places(common: &Common) -> Result<Vec<ServerFile>, Failure> {
    let given = common.token.clone().filter(|token| !token.is_empty());
    let directories: Vec<PathBuf> = match &common.data {
        Some(data) => vec![data.clone()],
        None => data_directory().into_iter().chain([runtime_directory()]).collect(),
    };
    let mut files: Vec<ServerFile> = directories.iter().filter_map(|place| ServerFile::read(place)).collect();
    if let Some(server) = &common.server {
        let url = server.trim_end_matches('/').to_owned();
        if url::Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
            let known = files.into_iter().find(|file| file.url == url).map(|file| file.operator_token);
            let Some(operator_token) = given.or(known) else {
                return Err(Failure::usage(format!("no operator token for {url}"))
                    .advice("give it with --token or BATON_OPERATOR_TOKEN"));
            };
            return Ok(vec![ServerFile { url, operator_token }]);
        }
        return Err(Failure::usage(format!("{server} is no address of a server"))
            .advice("an address starts with http:// or https://"));
    }
    if files.is_empty() {
        let looked: Vec<String> = directories.iter().map(|place| place.display().to_string()).collect();
        return Err(Failure::new("no Baton is running here")
            .why(format!("there is no server.json in {}", looked.join(" or ")))
            .advice("start one with `baton dev` or `baton serve`, or name one with --server and --token"));
    }
    if let Some(token) = given {
        files.iter_mut().for_each(|file| file.operator_token.clone_from(&token));
    }
    Ok(files)
}

async fn answer(response: reqwest::Response, url: &str) -> Result<Value, Failure> {
    let status = response.status();
    let text = response
        .text()
        .await
        .map_err(|error| Failure::new(format!("the answer of {url} broke off")).why(innermost(&error)))?;
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    if status.is_success() {
        return Ok(body);
    }
    let Some(title) = body["title"].as_str() else {
        return Err(Failure::new(format!("{url} answered {status}"))
            .why("that is not an answer of Baton's")
            .advice("check the address"));
    };
    if status == reqwest::StatusCode::UNAUTHORIZED {
        return Err(Failure::new(format!("{url} does not take this operator token"))
            .why("a page access token is none, and one that was replaced is none any more")
            .advice("give the token of this server with --token or BATON_OPERATOR_TOKEN"));
    }
    let mut failure = Failure::new(title);
    let errors = body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    // Beside the places of what is wrong, the detail only says that there are places.
    let detail = body["detail"].as_str().filter(|detail| *detail != title && errors.is_empty());
    if let Some(detail) = detail {
        failure = failure.why(detail);
    }
    if let Some(rule) = body["rule"].as_str().filter(|_| errors.is_empty()) {
        failure = failure.why(format!("rule {rule}"));
    }
    Err(errors.iter().map(Finding::of_answer).fold(failure, Failure::at))
}

pub(crate) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// A part of a path, with what a path may not have escaped.
pub(crate) fn part(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    let escaped = text
        .bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    escaped.collect()
}
