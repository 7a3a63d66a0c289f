//! One operation of an API: its route and its description, written in one place, so that there is no route
//! without a description and no description without a route.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::routing::{self, MethodRouter};
use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use crate::door::{Gate, Gated, Needs, Recording};
use crate::problem::{self, Kind};
use crate::serve::Shared;

/// What makes a schema, once there is a place for the schemas that it refers to.
pub(crate) type Shape = fn(&mut Schemas) -> Value;

/// What makes the route, once it is known who may come in.
type Route = Box<dyn FnOnce(Gate) -> MethodRouter<Arc<Shared>>>;

/// An operation in the making.
pub(crate) struct Operation {
    path: &'static str,
    method: &'static str,
    id: &'static str,
    route: Route,
    tag: &'static str,
    summary: &'static str,
    about: &'static str,
    needs: Option<Needs>,
    recording: Recording,
    parameters: Vec<(Parameter, Shape)>,
    bodies: Vec<Body>,
    answers: Vec<Answer>,
    kinds: Vec<&'static Kind>,
}

/// A parameter's name, and what it means.
#[derive(Clone, Copy)]
struct Parameter {
    place: &'static str,
    name: &'static str,
    about: &'static str,
}

struct Body {
    media_type: &'static str,
    shape: Shape,
    /// A name for each, and the value.
    examples: Vec<(&'static str, Value)>,
}

struct Answer {
    status: StatusCode,
    about: &'static str,
    /// Media types and their schemas; none: no body.
    contents: Vec<(&'static str, Shape)>,
    headers: &'static [&'static str],
    /// Operations that take something of this answer, and what they take.
    links: Vec<Link>,
    example: Option<Value>,
}

/// An operation, and parameters of it: where each is in this call (`$response.body#/id`).
type Link = (&'static str, &'static [(&'static str, &'static str)]);

/// What any body may be refused for.
const OF_A_BODY: [&Kind; 5] =
    [&problem::BAD_BODY, &problem::BROKEN_BODY, &problem::NOT_UTF8, &problem::TOO_SLOW, &problem::TOO_LARGE];

macro_rules! methods {
    ($($name:ident)*) => {$(
        /// An operation by this method.
        pub(crate) fn $name<H, T>(path: &'static str, id: &'static str, handler: H) -> Self
        where
            H: Handler<T, Arc<Shared>>,
            T: 'static,
        {
            let route = |gate| routing::$name(Gated { gate, handler });
            Self::of(path, stringify!($name), id, Box::new(route))
        }
    )*};
}

impl Operation {
    methods! { get post put patch delete }

    fn of(path: &'static str, method: &'static str, id: &'static str, route: Route) -> Self {
        Self {
            path,
            method,
            id,
            route,
            tag: "",
            summary: "",
            about: "",
            needs: None,
            recording: if method == "get" { Recording::Nothing } else { Recording::All },
            parameters: Vec::new(),
            bodies: Vec::new(),
            answers: Vec::new(),
            kinds: Vec::new(),
        }
    }

    /// What it does, in a line, and what there is to know about it.
    pub(crate) fn says(mut self, tag: &'static str, summary: &'static str, about: &'static str) -> Self {
        (self.tag, self.summary, self.about) = (tag, summary, about);
        self
    }

    /// Whoever asks is answered, without a token.
    pub(crate) fn public(mut self) -> Self {
        self.needs = Some(Needs::Nothing);
        self.recording = Recording::Nothing;
        self
    }

    /// What whoever calls must be allowed to. An operation that does not say is for operators.
    pub(crate) fn needs(mut self, needs: Needs) -> Self {
        self.needs = Some(needs);
        self
    }

    /// Which calls are written into the audit log: all that are not `GET`, if nothing is said.
    pub(crate) fn records(mut self, recording: Recording) -> Self {
        self.recording = recording;
        self
    }

    /// What it needs, and whether it said so.
    pub(crate) fn needed(&self) -> (Needs, bool) {
        (self.needs.unwrap_or(Needs::Operating), self.needs.is_some())
    }

    fn is_public(&self) -> bool {
        self.needs == Some(Needs::Nothing)
    }

    /// What it may be refused for.
    pub(crate) fn refuses(mut self, kinds: impl IntoIterator<Item = &'static Kind>) -> Self {
        self.kinds.extend(kinds);
        self
    }

    fn parameter(
        mut self,
        place: &'static str,
        name: &'static str,
        about: &'static str,
        shape: Shape,
    ) -> Self {
        self.parameters.push((Parameter { place, name, about }, shape));
        self
    }

    /// A part of the path that must be as `shape` says.
    pub(crate) fn named(self, name: &'static str, about: &'static str, shape: Shape) -> Self {
        self.parameter("path", name, about, shape)
    }

    /// A parameter of the query string.
    pub(crate) fn query(mut self, name: &'static str, about: &'static str, shape: Shape) -> Self {
        self.kinds.push(&problem::BAD_PARAMETER);
        self.parameter("query", name, about, shape)
    }

    /// A header of the request.
    pub(crate) fn header(self, name: &'static str, about: &'static str, shape: Shape) -> Self {
        self.parameter("header", name, about, shape)
    }

    /// A body of JSON.
    pub(crate) fn takes<T: JsonSchema>(self, examples: Vec<(&'static str, Value)>) -> Self {
        self.takes_shape(Schemas::request::<T>, examples)
    }

    /// A body of JSON that no single type describes.
    pub(crate) fn takes_shape(self, shape: Shape, examples: Vec<(&'static str, Value)>) -> Self {
        self.takes_as("application/json", shape, examples).refuses([&problem::NOT_JSON, &problem::TOO_DEEP])
    }

    /// A body of some media type.
    pub(crate) fn takes_as(
        mut self,
        media_type: &'static str,
        shape: Shape,
        examples: Vec<(&'static str, Value)>,
    ) -> Self {
        self.bodies.push(Body { media_type, shape, examples });
        self.refuses(OF_A_BODY)
    }

    /// An answer with a body of JSON.
    pub(crate) fn answers<T: JsonSchema>(self, status: StatusCode, about: &'static str) -> Self {
        self.answers_as(status, about, "application/json", Schemas::answer::<T>)
    }

    /// An answer with a body of some media type; another one of the same status is a choice.
    pub(crate) fn answers_as(
        mut self,
        status: StatusCode,
        about: &'static str,
        media_type: &'static str,
        shape: Shape,
    ) -> Self {
        match self.answers.iter_mut().find(|answer| answer.status == status) {
            Some(answer) => answer.contents.push((media_type, shape)),
            None => {
                let contents = vec![(media_type, shape)];
                let (links, example) = (Vec::new(), None);
                self.answers.push(Answer { status, about, contents, headers: &[], links, example });
            }
        }
        self
    }

    /// An answer without a body.
    pub(crate) fn answers_nothing(mut self, status: StatusCode, about: &'static str) -> Self {
        let (contents, links, example) = (Vec::new(), Vec::new(), None);
        self.answers.push(Answer { status, about, contents, headers: &[], links, example });
        self
    }

    /// Headers of the answer that was described last.
    pub(crate) fn with_headers(mut self, headers: &'static [&'static str]) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.headers = headers;
        }
        self
    }

    /// An operation that takes something of the answer that was described last.
    pub(crate) fn leads_to(
        mut self,
        operation: &'static str,
        parameters: &'static [(&'static str, &'static str)],
    ) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.links.push((operation, parameters));
        }
        self
    }

    /// What the answer that was described last looks like.
    pub(crate) fn for_example(mut self, example: Value) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.example = Some(example);
        }
        self
    }

    /// The router with this operation's route, below `root`.
    pub(crate) fn routed(self, router: Router<Arc<Shared>>, root: &str) -> Router<Arc<Shared>> {
        let gate = Gate { needs: self.needed().0, recording: self.recording, operation: self.id };
        router.route(&format!("{root}{}", self.path), (self.route)(gate))
    }

    /// Where it is described: below `root`, by its path and its method.
    pub(crate) fn place(&self, root: &str) -> (String, &'static str) {
        (format!("{root}{}", self.path), self.method)
    }

    /// The description.
    pub(crate) fn described(&self, schemas: &mut Schemas) -> Value {
        let mut all = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
        });
        let about = if self.is_public() { "" } else { self.needed().0.words() };
        let about = [self.about, about].join(if self.about.is_empty() || about.is_empty() {
            ""
        } else {
            "\n\nFor: "
        });
        if !about.is_empty() {
            all["description"] = json!(about);
        }
        if self.is_public() {
            all["security"] = json!([]);
        }
        if !self.parameters.is_empty() {
            let each = self.parameters.iter().map(|(parameter, shape)| parameter.described(shape(schemas)));
            all["parameters"] = each.collect();
        }
        if !self.bodies.is_empty() {
            let each = self.bodies.iter().map(|body| (body.media_type.to_owned(), body.described(schemas)));
            let content: Map<_, _> = each.collect();
            let is_needed = content.values().any(|body| !schemas.asks_for_nothing(&body["schema"]));
            all["requestBody"] = json!({"required": is_needed, "content": content});
        }
        let mut responses: BTreeMap<u16, Value> = BTreeMap::new();
        for answer in &self.answers {
            responses.insert(answer.status.as_u16(), answer.described(schemas));
        }
        responses.extend(self.problems(schemas));
        let named = responses.into_iter().map(|(status, response)| (status.to_string(), response));
        all["responses"] = Value::Object(named.collect());
        all
    }

    /// The problems that it may answer with, by status.
    fn problems(&self, schemas: &mut Schemas) -> BTreeMap<u16, Value> {
        let own: &[&'static Kind] = match self.needed().0 {
            Needs::Nothing => &[],
            // Whether somebody is still signed in is asked of the database, where other nodes use it too.
            _ => &[
                &problem::UNAUTHORIZED,
                &problem::FORBIDDEN,
                &problem::FROM_ELSEWHERE,
                &problem::UNAVAILABLE,
                &problem::STOPPING,
            ],
        };
        let mut by_status: BTreeMap<u16, Vec<&'static Kind>> = BTreeMap::new();
        // It may have been asked before this node stood still.
        let waking: &[&'static Kind] = if self.method == "get" { &[] } else { &[&problem::BUSY] };
        for kind in own.iter().chain(&self.kinds).chain(waking) {
            let kinds = by_status.entry(kind.status().as_u16()).or_default();
            if !kinds.iter().any(|known| known.slug() == kind.slug()) {
                kinds.push(kind);
            }
        }
        by_status.into_iter().map(|(status, kinds)| (status, problems(status, &kinds, schemas))).collect()
    }
}

fn problems(status: u16, kinds: &[&Kind], schemas: &mut Schemas) -> Value {
    let lines = kinds.iter().map(|kind| format!("- [`{0}`](/problems/{0}): {1}", kind.slug(), kind.title()));
    let types: Vec<String> = kinds.iter().map(|kind| kind.address()).collect();
    let example = |kind: &&Kind| json!({"$ref": format!("#/components/examples/{}", kind.slug())});
    let examples = kinds.iter().map(|kind| (kind.slug().to_owned(), example(kind)));
    let schema = json!({
        "allOf": [
            schemas.problem(),
            {"properties": {"type": {"enum": types}, "status": {"const": status}}},
        ],
    });
    let mut headers = vec!["X-Request-Id"];
    match status {
        401 => headers.push("WWW-Authenticate"),
        429 | 503 => headers.push("Retry-After"),
        _ => {}
    }
    json!({
        "description": lines.collect::<Vec<_>>().join("\n"),
        "headers": header_refs(&headers),
        "content": {"application/problem+json": {"schema": schema, "examples": examples.collect::<Map<_, _>>()}},
    })
}

fn header_refs(names: &[&str]) -> Value {
    let of = |name: &&str| ((*name).to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    Value::Object(names.iter().map(of).collect())
}

impl Parameter {
    fn described(self, schema: Value) -> Value {
        let mut all = json!({
            "name": self.name,
            "in": self.place,
            "description": self.about,
        });
        all["schema"] = schema;
        if self.place == "path" {
            all["required"] = json!(true);
        }
        all
    }
}

impl Body {
    fn described(&self, schemas: &mut Schemas) -> Value {
        let mut all = json!({"schema": (self.shape)(schemas)});
        if !self.examples.is_empty() {
            let each = self.examples.iter();
            let each = each.map(|(name, value)| ((*name).to_owned(), json!({"value": value})));
            all["examples"] = Value::Object(each.collect());
        }
        all
    }
}

impl Answer {
    fn described(&self, schemas: &mut Schemas) -> Value {
        let headers: Vec<&str> = ["X-Request-Id"].iter().chain(self.headers).copied().collect();
        let mut all = json!({"description": self.about, "headers": header_refs(&headers)});
        if !self.contents.is_empty() {
            let each = self.contents.iter().map(|(media_type, shape)| {
                let mut content = json!({"schema": shape(schemas)});
                if let Some(example) = self.example.as_ref().filter(|_| *media_type == "application/json") {
                    content["example"] = example.clone();
                }
                ((*media_type).to_owned(), content)
            });
            all["content"] = Value::Object(each.collect());
        }
        if !self.links.is_empty() {
            let each = self.links.iter().map(|(operation, parameters)| {
                let parameters = parameters.iter().map(|(name, from)| ((*name).to_owned(), json!(from)));
                let parameters = Value::Object(parameters.collect());
                ((*operation).to_owned(), json!({"operationId": operation, "parameters": parameters}))
            });
            all["links"] = Value::Object(each.collect());
        }
        all
    }
}
