//! `GET /docs`: the description as a page for people. It is made here, from the document, and needs neither a script
//! nor anything from elsewhere: it is read, searched and printed like any page.

use std::fmt::Write;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

mod markdown;
mod shape;

const STYLE: &str = include_str!("docs/style.css");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What the page may do: show itself, in its own style.
pub(crate) fn policy() -> String {
    use base64::Engine;
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page.
pub(crate) fn page(document: &Value) -> String {
    let info = &document["info"];
    let operations = by_tag(document);
    let mut page = String::with_capacity(512 * 1024);
    let title = escaped(text(&info["title"]));
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} API</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n"
    );
    page.push_str(&contents(document, &operations));
    let _ = write!(
        page,
        "<main>\n<header id=\"top\"><h1>{title} <small>{}</small></h1>\n<p class=\"lead\">{}</p>\n\
         <p>The same for programs: <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI {}).</p></header>\n\
         <section class=\"text\">{}</section>\n",
        escaped(text(&info["version"])),
        escaped(text(&info["summary"])),
        escaped(text(&document["openapi"])),
        markdown::html(text(&info["description"])),
    );
    for (tag, operations) in &operations {
        let about = markdown::html(text(&tag["description"]));
        let name = escaped(text(&tag["name"]));
        let _ = writeln!(page, "<section class=\"tag\" id=\"tag-{name}\"><h2>{name}</h2>{about}");
        for operation in operations {
            page.push_str(&operation.html());
        }
        page.push_str("</section>\n");
    }
    page.push_str("<section class=\"tag\" id=\"schemas\"><h2>Schemas</h2>\n");
    for (name, schema) in entries(&document["components"]["schemas"]) {
        page.push_str(&shape::named(name, schema));
    }
    page.push_str("</section>\n</main>\n</body>\n</html>\n");
    page
}

/// The list at the side.
fn contents(document: &Value, operations: &[(&Value, Vec<Operation<'_>>)]) -> String {
    let mut nav = String::from("<nav><a class=\"home\" href=\"#top\">Baton API</a>\n");
    for (tag, operations) in operations {
        let name = escaped(text(&tag["name"]));
        let _ = write!(nav, "<h2><a href=\"#tag-{name}\">{name}</a></h2><ul>");
        for Operation { method, described, .. } in operations {
            let (id, summary) =
                (escaped(text(&described["operationId"])), escaped(text(&described["summary"])));
            let _ = write!(
                nav,
                "<li><a href=\"#{id}\"><span class=\"method {method}\">{method}</span>{summary}</a></li>"
            );
        }
        nav.push_str("</ul>\n");
    }
    nav.push_str("<h2><a href=\"#schemas\">Schemas</a></h2><ul class=\"schemas\">");
    for (name, _) in entries(&document["components"]["schemas"]) {
        let _ = write!(nav, "<li><a href=\"#schema-{0}\">{0}</a></li>", escaped(name));
    }
    nav.push_str("</ul></nav>\n");
    nav
}

struct Operation<'a> {
    path: &'a str,
    method: &'static str,
    described: &'a Value,
}

/// The operations in the order of their tags.
fn by_tag(document: &Value) -> Vec<(&Value, Vec<Operation<'_>>)> {
    let all = || {
        entries(&document["paths"]).flat_map(|(path, methods)| {
            METHODS.into_iter().filter_map(move |method| {
                methods.get(method).map(|described| Operation { path, method, described })
            })
        })
    };
    let tags = document["tags"].as_array().into_iter().flatten();
    let of = |tag: &Value| all().filter(|operation| operation.described["tags"][0] == tag["name"]).collect();
    tags.map(|tag| (tag, of(tag))).collect()
}

impl Operation<'_> {
    fn html(&self) -> String {
        let Self { path, method, described } = self;
        let id = escaped(text(&described["operationId"]));
        let path = escaped(path).replace('{', "<var>{").replace('}', "}</var>");
        let mut html = format!(
            "<article id=\"{id}\"><h3><a href=\"#{id}\">{}</a></h3>\n<p class=\"call\"><span class=\"method \
             {method}\">{method}</span> <code>{path}</code></p>\n{}",
            escaped(text(&described["summary"])),
            markdown::html(text(&described["description"])),
        );
        if described.get("security").is_some() {
            html.push_str("<p class=\"note\">Needs no token.</p>\n");
        }
        html.push_str(&parameters(&described["parameters"]));
        for (media_type, content) in entries(&described["requestBody"]["content"]) {
            let _ = write!(
                html,
                "<h4>Body <code>{}</code></h4>\n<div class=\"schema\">{}</div>\n{}",
                escaped(media_type),
                shape::inline(&content["schema"]),
                examples(&content["examples"]),
            );
        }
        html.push_str("<h4>Answers</h4>\n<dl class=\"answers\">\n");
        for (status, response) in entries(&described["responses"]) {
            html.push_str(&answer(status, response));
        }
        html.push_str("</dl></article>\n");
        html
    }
}

fn parameters(all: &Value) -> String {
    let Some(all) = all.as_array() else { return String::new() };
    let mut html = String::from("<h4>Parameters</h4>\n<table>\n");
    for parameter in all {
        let _ = writeln!(
            html,
            "<tr><th><code>{}</code><span class=\"place\">{}</span></th><td>{}</td><td>{}</td></tr>",
            escaped(text(&parameter["name"])),
            escaped(text(&parameter["in"])),
            shape::inline(&parameter["schema"]),
            markdown::html(text(&parameter["description"])),
        );
    }
    html.push_str("</table>\n");
    html
}

fn examples(all: &Value) -> String {
    let mut html = String::new();
    for (name, example) in entries(all) {
        let value = &example["value"];
        let shown = value.as_str().map_or_else(|| pretty(value), str::to_owned);
        let _ = writeln!(
            html,
            "<figure><figcaption>{}</figcaption><pre>{}</pre></figure>",
            escaped(name),
            escaped(&shown)
        );
    }
    html
}

fn answer(status: &str, response: &Value) -> String {
    let class = if status.starts_with('2') { "good" } else { "bad" };
    let mut html = format!("<dt class=\"{class}\">{}</dt><dd>", escaped(status));
    html.push_str(&markdown::html(text(&response["description"])));
    let headers: Vec<String> = entries(&response["headers"])
        .filter(|(name, _)| *name != "X-Request-Id")
        .map(|(name, _)| format!("<code>{}</code>", escaped(name)))
        .collect();
    if !headers.is_empty() {
        let _ = write!(html, "<p class=\"note\">Headers: {}</p>", headers.join(", "));
    }
    for (media_type, content) in entries(&response["content"]) {
        if media_type == "application/problem+json" {
            continue;
        }
        let _ = write!(
            html,
            "<p><code class=\"media\">{}</code></p><div class=\"schema\">{}</div>",
            escaped(media_type),
            shape::inline(&content["schema"])
        );
        if let Some(example) = content.get("example") {
            let _ = write!(html, "<figure><pre>{}</pre></figure>", escaped(&pretty(example)));
        }
    }
    html.push_str("</dd>\n");
    html
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let map: Option<&Map<String, Value>> = value.as_object();
    map.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A text within a page.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
