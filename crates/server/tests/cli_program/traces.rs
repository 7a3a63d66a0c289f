//! Traces, as a collector and a bot see them.

use std::sync::mpsc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use super::bot::{answers, bot, good};
use super::support::{Server, World, bearer, http};

const PATIENCE: Duration = Duration::from_secs(30);

fn spans(bytes: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(bytes).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|one| one.scope_spans);
    scopes.flat_map(|one| one.spans).collect()
}

#[test]
fn a_message_is_one_trace_from_the_decision_to_the_apps_answer_and_the_app_may_join_it() {
    let (heard, parents) = mpsc::channel();
    let hook = bot(move |request| {
        if request.is_post {
            heard.send(request.header("traceparent").to_owned()).unwrap();
        }
        good(request)
    });
    let (collected, exports) = mpsc::channel();
    let collector = bot(move |request| {
        collected.send(request.bytes.clone()).unwrap();
        answers(200)
    });
    let world = World::new();
    let routing = world.write(
        "routing.toml",
        &format!(
            "[[apps]]\nid = \"111\"\nname = \"Bot\"\nsecret = \"sales-secret\"\nverify_token = \"ring\"\n\
             webhook_url = \"{hook}\"\n[[pages]]\nid = \"2001\"\nname = \"Shop\"\n\
             messenger = {{ default_app = \"Bot\" }}\nconnections = [{{ app = \"Bot\" }}]\n"
        ),
    );
    let mut command = world.command(&["dev", "--json", "--listen", "127.0.0.1:0", "-f", &routing]);
    command.env("BATON_OTLP_ENDPOINT", collector.trim_end_matches("/hook"));
    command.env("BATON_OPERATOR_TOKEN", "operator");
    let server = Server::start(&mut command);
    let said = json!({"type": "message", "message": {"text": "nobody else is to read this"}}).to_string();
    let path = format!("{}/baton/v1/pages/2001/people/ada/events", server.url);
    assert_eq!(http("POST", &path, &[bearer("operator")], &said).status, 200);

    let parent = parents.recv_timeout(PATIENCE).unwrap();
    let mut all: Vec<Span> = Vec::new();
    while !all.iter().any(|span| span.name == "webhook messages") {
        let bytes = exports.recv_timeout(PATIENCE).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("nobody else"), "what was said is in no span");
        all.extend(spans(&bytes));
    }
    let [decided, told] = ["messages", "webhook messages"]
        .map(|name| all.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name} in {all:?}")));
    let (trace, root) = (hex::encode(&decided.trace_id), hex::encode(&decided.span_id));
    assert_eq!(parent, format!("00-{trace}-{root}-01"));
    assert_eq!((&told.trace_id, &told.parent_span_id), (&decided.trace_id, &decided.span_id));
    assert!(decided.parent_span_id.iter().all(|byte| *byte == 0), "it is the root");
    assert!(told.end_time_unix_nano >= decided.start_time_unix_nano);
    let of = |span: &Span, key: &str| {
        let found = span.attributes.iter().find(|one| one.key == key);
        found.and_then(|one| one.value.clone()).and_then(|one| one.value).map(|one| format!("{one:?}"))
    };
    assert!(of(decided, "baton.rule").unwrap().contains("MCR-MSG-"), "{decided:?}");
    assert!(of(told, "http.response.status_code").unwrap().contains("200"), "{told:?}");
    server.stop();
}
