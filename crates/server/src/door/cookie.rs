//! What a request shows at the door, and what a browser is given to show: one cookie, which no script reads and which
//! goes along with nothing that another site asks for.

use axum::http::{HeaderMap, header};

/// The cookie's name. By TLS a browser takes it from this very host alone, and for all of it.
const NAME: &str = "baton_session";
const NAME_BY_TLS: &str = "__Host-baton_session";

const fn name(is_secure: bool) -> &'static str {
    if is_secure { NAME_BY_TLS } else { NAME }
}

/// The session's code, if the request has one.
pub(super) fn session(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name(is_secure)).map(|(_, code)| code).filter(|code| !code.is_empty())
}

/// `Authorization: Bearer …`: none where there is no such header; none inside where it is another scheme.
pub(super) fn bearer(headers: &HeaderMap) -> Option<Option<&str>> {
    let given = headers.get(header::AUTHORIZATION)?;
    let pair = given.to_str().ok().and_then(|text| text.trim().split_once(' '));
    Some(pair.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim()))
}

/// `Set-Cookie`. Kept for `keep` seconds; none: until the browser is closed.
pub(super) fn set(code: &str, keep: Option<i64>, is_secure: bool) -> String {
    let mut text = format!("{}={code}; Path=/; HttpOnly; SameSite=Strict", name(is_secure));
    if is_secure {
        text.push_str("; Secure");
    }
    if let Some(seconds) = keep {
        text.push_str(&format!("; Max-Age={seconds}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &axum::http::HeaderName, lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (name.clone(), axum::http::HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn the_cookie_is_found_among_others_and_only_under_its_name() {
        let headers = with(&header::COOKIE, &["a=1; baton_session=code; b=2"]);
        assert_eq!(session(&headers, false), Some("code"));
        assert_eq!(session(&headers, true), None, "by TLS it has another name");
        let headers = with(&header::COOKIE, &["xbaton_session=1", "__Host-baton_session=code"]);
        assert_eq!((session(&headers, false), session(&headers, true)), (None, Some("code")));
        assert_eq!(session(&with(&header::COOKIE, &["baton_session="]), false), None);
    }

    #[test]
    fn no_script_and_no_other_site_gets_it() {
        assert_eq!(set("x", None, false), "baton_session=x; Path=/; HttpOnly; SameSite=Strict");
        let by_tls = "__Host-baton_session=x; Path=/; HttpOnly; SameSite=Strict; Secure; Max-Age=60";
        assert_eq!(set("x", Some(60), true), by_tls);
    }

    #[test]
    fn a_token_of_another_scheme_is_no_token_and_no_session_either() {
        let of = |line| bearer(&with(&header::AUTHORIZATION, &[line])).map(|token| token.map(str::to_owned));
        assert_eq!(of("bearer  x "), Some(Some("x".to_owned())));
        assert_eq!(of("Basic x"), Some(None));
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
