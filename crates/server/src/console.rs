//! Serves the web console, which is embedded when it was built before the program was: `make console`. Its files
//! hold nothing secret; who may do something is asked by the API that it calls.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::serve::Shared;

/// Where it is.
pub(crate) const ROOT: &str = "/console";

/// Files of which a new content has a new name.
const HASHED: &str = "assets/";
const INDEX: &str = "index.html";
/// What `index.html` says of where it is, to be replaced.
const BASE: &str = r#"<base href="./""#;
const NOT_BUILT: &str = "The console was not built into this program.\n\n\
    Build it with `make console` (it needs Node.js with npm), then build the program again.\n\
    Everything else works without it.\n";
/// Nothing from elsewhere, nothing inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

/// What npm built; nothing where it did not.
#[derive(RustEmbed)]
#[folder = "../../console/dist"]
#[allow_missing = true]
struct Built;

/// The console's routes, at [`ROOT`].
pub(crate) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(ROOT, get(|| async { Redirect::permanent("console/") }))
        .route("/console/", get(|headers: HeaderMap| async move { answer(Built::get, "", &headers) }))
        .route(
            "/console/{*path}",
            get(|Path(path): Path<String>, headers: HeaderMap| async move { answer(Built::get, &path, &headers) }),
        )
}

/// A file; or for an address of the console's own, the page that knows what to show there.
fn answer(get: fn(&str) -> Option<EmbeddedFile>, path: &str, headers: &HeaderMap) -> Response {
    let (name, file) = match get(path).filter(|_| path != INDEX) {
        Some(file) => (path, file),
        None if path.starts_with(HASHED) => return StatusCode::NOT_FOUND.into_response(),
        None => match get(INDEX) {
            Some(file) => (INDEX, file),
            None => return (StatusCode::NOT_FOUND, NOT_BUILT).into_response(),
        },
    };
    let mut response = if is_known(&file, headers) && name != INDEX {
        StatusCode::NOT_MODIFIED.into_response()
    } else if name == INDEX {
        page(&file, path).into_response()
    } else {
        match file.data {
            Cow::Borrowed(bytes) => bytes.into_response(),
            Cow::Owned(ref bytes) => bytes.clone().into_response(),
        }
    };
    let told = response.headers_mut();
    told.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    let caching = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    told.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if name != INDEX
        && let Ok(tag) = HeaderValue::from_str(&tag(&file))
    {
        told.insert(header::ETAG, tag);
    }
    told.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    told.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    told.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    told.insert(opener, HeaderValue::from_static("same-origin"));
    response
}

/// The page, told how far below the console's own address it was asked for: so the console needs not know where
/// a proxy put it.
fn page(file: &EmbeddedFile, path: &str) -> String {
    let up = match path.matches('/').count() {
        0 => "./".to_owned(),
        deep => "../".repeat(deep),
    };
    String::from_utf8_lossy(&file.data).replacen(BASE, &format!(r#"<base href="{up}""#), 1)
}

fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", hex::encode(file.metadata.sha256_hash()))
}

fn is_known(file: &EmbeddedFile, headers: &HeaderMap) -> bool {
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag(file)))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some(_) | None => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use rust_embed::Metadata;

    use super::*;

    /// A console of three files.
    fn three(path: &str) -> Option<EmbeddedFile> {
        let data: &'static [u8] = match path {
            "index.html" => br#"<base href="./" /><script src="./assets/app-1.js">"#,
            "assets/app-1.js" => b"1",
            "icon.svg" => b"<svg/>",
            _ => return None,
        };
        let hash = [u8::try_from(data.len()).unwrap(); 32];
        Some(EmbeddedFile { data: data.into(), metadata: Metadata::__rust_embed_new(hash, None, None) })
    }

    async fn text(response: Response) -> String {
        String::from_utf8(to_bytes(response.into_body(), 1 << 20).await.unwrap().to_vec()).unwrap()
    }

    fn told<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    #[tokio::test]
    async fn every_address_is_the_page_and_knows_the_way_up() {
        let ways = [("", "./"), ("inbox", "./"), ("inbox/2001/ada", "../../"), ("live/1", "../")];
        for (path, up) in ways {
            let response = answer(three, path, &HeaderMap::new());
            assert_eq!(told(&response, "content-type"), "text/html; charset=utf-8");
            assert_eq!(told(&response, "cache-control"), "no-cache");
            assert!(told(&response, "content-security-policy").contains("script-src 'self';"));
            let page = text(response).await;
            assert!(page.starts_with(&format!(r#"<base href="{up}" />"#)), "{path}: {page}");
        }
    }

    #[tokio::test]
    async fn what_has_its_hash_in_its_name_is_kept_for_good_and_asked_for_once() {
        let response = answer(three, "assets/app-1.js", &HeaderMap::new());
        assert_eq!(told(&response, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(told(&response, "cache-control"), "public, max-age=31536000, immutable");
        let tag = told(&response, "etag").to_owned();
        assert_eq!(text(response).await, "1");
        let again = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.parse().unwrap())]);
        assert_eq!(answer(three, "assets/app-1.js", &again).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer(three, "icon.svg", &again).status(), StatusCode::OK, "another tag");
        assert_eq!(answer(three, "assets/old.js", &again).status(), StatusCode::NOT_FOUND, "not the page");
    }

    #[tokio::test]
    async fn a_console_that_was_not_built_says_how_to_build_it() {
        let response = answer(|_| None, "inbox", &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        assert!(text(response).await.contains("make console"));
    }
}
