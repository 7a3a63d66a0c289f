//! The description: what the server hands out of it, and that what it hands out is what happens.

use crate::world::World;

#[tokio::test]
async fn the_description_is_handed_out_without_a_token() {
    let w = World::start().await;
    let reply = w.send(w.client.get(w.url("/openapi.json"))).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    let told = reply.json();
    assert_eq!(told, baton_server::openapi("0.0.0", Some("http://baton.test")));
    assert_eq!(told["servers"][0]["url"], "http://baton.test");
}

#[tokio::test]
async fn the_page_names_every_operation_and_may_do_nothing_but_show_itself() {
    let w = World::start().await;
    let reply = w.send(w.client.get(w.url("/docs"))).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = reply.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    for from_elsewhere in ["<script", "<link", "<img", "<iframe", "url(", " style=", "@import", "onclick"] {
        assert!(!reply.text.contains(from_elsewhere), "{from_elsewhere}");
    }
    let document = baton_server::openapi("0.0.0", None);
    let operations = document["paths"].as_object().unwrap().values();
    for operation in operations.flat_map(|methods| methods.as_object().unwrap().values()) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(reply.text.contains(&format!("<article id=\"{id}\">")), "{id}");
    }
    // Every place that the page links to within itself is there.
    for link in reply.text.split("href=\"#").skip(1) {
        let place = link.split('"').next().unwrap();
        assert!(reply.text.contains(&format!(" id=\"{place}\"")), "#{place}");
    }
}

#[tokio::test]
async fn a_body_may_be_left_out_where_it_may_say_nothing_and_nowhere_else() {
    let w = World::start().await;
    w.writes("2001", "ann").await;
    let document = baton_server::openapi("0.0.0", None);
    let (mut may, mut must) = (Vec::new(), 0);
    for (path, described) in document["paths"].as_object().unwrap() {
        let here = path.replace("{page}", "2001").replace("{app}", "111").replace("{person}", "ann");
        for (method, operation) in described.as_object().unwrap() {
            let body = &operation["requestBody"];
            if !body["content"]["application/json"].is_object() || here.contains('{') || path == "/" {
                continue;
            }
            let request = w.client.request(method.to_uppercase().parse().unwrap(), w.url(&here));
            let reply = w.send(request.bearer_auth(crate::world::OPERATOR)).await;
            let id = operation["operationId"].as_str().unwrap();
            if body["required"] == true {
                must += 1;
                assert!(reply.status >= 400, "{id}: {} {}", reply.status, reply.text);
            } else {
                may.push(id);
                let wrong = ["not-json", "bad-body", "unsupported-media-type"];
                assert!(
                    reply.status < 400 || !wrong.contains(&reply.slug().as_str()),
                    "{id}: {}",
                    reply.text
                );
            }
        }
    }
    assert!(
        ["createToken", "putPerson", "putFaults", "patchApp"].iter().all(|id| may.contains(id)),
        "{may:?}"
    );
    assert!(must >= 10, "{must}");
}

#[tokio::test]
async fn a_path_answers_to_the_methods_that_are_described_and_no_others() {
    let w = World::start().await;
    let document = baton_server::openapi("0.0.0", None);
    for (path, described) in document["paths"].as_object().unwrap() {
        if path == "/" {
            // Of every other method this is the Graph API's.
            continue;
        }
        let mut allowed: Vec<String> =
            described.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
        if allowed.iter().any(|name| name == "GET") {
            allowed.push("HEAD".to_owned());
        }
        allowed.sort();
        let request = w.client.request("PROPFIND".parse().unwrap(), w.url(path));
        let reply = w.send(request.bearer_auth(crate::world::OPERATOR)).await;
        let mut told: Vec<&str> = reply.header("allow").split(',').collect();
        told.sort_unstable();
        assert_eq!((reply.status, told), (405, allowed.iter().map(String::as_str).collect()), "{path}");
    }
}
