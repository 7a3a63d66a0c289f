//! Whether a browser's request comes from the console itself. A session's cookie is `SameSite=Strict`, so another site
//! cannot use it; this refuses also what a browser says comes from elsewhere, and what changes something without the
//! header that only a script of the same origin can set.

use axum::http::{HeaderMap, Method, header};

/// The header that the console sends with whatever changes something.
pub(crate) const MARK: &str = "x-baton-console";

/// Whether it comes from here.
pub(super) fn is_own(method: &Method, headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own_site = match (text("sec-fetch-site"), text("origin")) {
        // Typed into the address bar, or asked by the console itself.
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => is_origin(origin, text(header::HOST.as_str()), public_url),
        (None, None) => true,
    };
    own_site && (method.is_safe() || headers.contains_key(MARK))
}

/// Whether an `Origin` is this server: as the request named it, or as its settings do.
fn is_origin(origin: &str, host: Option<&str>, public_url: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let public = public_url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    host.is_some_and(|host| host.eq_ignore_ascii_case(authority))
        || public.is_some_and(|public| public.eq_ignore_ascii_case(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(method: &Method, lines: &[(&'static str, &'static str)]) -> bool {
        let headers = lines.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), axum::http::HeaderValue::from_static(value))
        });
        is_own(method, &headers.collect(), "https://baton.example/sub")
    }

    #[test]
    fn what_another_site_asks_is_not_ours() {
        for site in ["cross-site", "same-site"] {
            assert!(!own(&Method::GET, &[("sec-fetch-site", site)]), "{site}");
            assert!(!own(&Method::POST, &[("sec-fetch-site", site), (MARK, "1")]), "{site}");
        }
        assert!(own(&Method::POST, &[("sec-fetch-site", "same-origin"), (MARK, "1")]));
        assert!(own(&Method::GET, &[("sec-fetch-site", "none")]));
    }

    #[test]
    fn where_a_browser_says_only_its_origin_that_is_compared() {
        let by = |origin| own(&Method::POST, &[("origin", origin), ("host", "127.0.0.1:4300"), (MARK, "1")]);
        assert!(by("http://127.0.0.1:4300") && by("https://baton.example"));
        assert!(!by("http://127.0.0.1:4301") && !by("https://baton.example.evil") && !by("null"));
    }

    #[test]
    fn what_changes_something_has_the_header_that_no_form_can_set() {
        assert!(!own(&Method::POST, &[("sec-fetch-site", "same-origin")]));
        assert!(!own(&Method::DELETE, &[]));
        assert!(own(&Method::GET, &[]));
    }
}
