//! `POST /console/sign-in`: the one-time link that `baton dev` prints, exchanged for the operator token. The link
//! carries its code behind `#`, where no log and no other server sees it; it is used up by the first who shows it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use baton_store::Secret;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::problem::{self, Problem};
use crate::serve::Shared;
use crate::serve::body;

/// The largest body, in bytes.
const BODY: usize = 1024;

/// A link that was not used yet, and what it gives.
pub(crate) struct OneTimeLink(Mutex<Option<Open>>);

struct Open {
    /// SHA-256 of the code: comparing hashes takes the same time whatever was sent.
    hash: [u8; 32],
    gives: Secret,
}

impl OneTimeLink {
    pub(crate) fn new(code: Option<&Secret>, gives: &Secret) -> Self {
        let open = code.map(|code| Open { hash: hash(code.reveal()), gives: gives.clone() });
        Self(Mutex::new(open))
    }

    /// What the link gives, once.
    fn take(&self, code: &str) -> Option<Secret> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let right = open.as_ref().is_some_and(|open| bool::from(hash(code).ct_eq(&open.hash)));
        if right { open.take().map(|open| open.gives) } else { None }
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    link: String,
}

pub(super) async fn post(State(shared): State<Arc<Shared>>, request: Request) -> Result<Response, Problem> {
    let (parts, given) = request.into_parts();
    let bytes =
        body::read(&parts.headers, given, BODY).await.map_err(|_| Problem::new(&problem::BROKEN_BODY))?;
    let given: Given = serde_json::from_slice(&bytes).map_err(|wrong| {
        Problem::new(&problem::NOT_JSON).detail(format!("{{\"link\": \"…\"}} is expected: {wrong}"))
    })?;
    let token = shared.link.take(&given.link).ok_or_else(|| {
        Problem::new(&problem::UNAUTHORIZED).detail(
            "this link was used before, or is not this server's: sign in with the operator token, or start \
             `baton dev` again for another link",
        )
    })?;
    let mut response = axum::Json(serde_json::json!({"operator_token": token.reveal()})).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_gives_the_token_once_and_only_to_who_has_it() {
        let (code, token) = (Secret::new("code"), Secret::new("token"));
        let link = OneTimeLink::new(Some(&code), &token);
        assert!(link.take("other").is_none());
        assert_eq!(link.take("code").map(|given| given.reveal().to_owned()).as_deref(), Some("token"));
        assert!(link.take("code").is_none(), "used up");
        assert!(OneTimeLink::new(None, &token).take("").is_none(), "there is none");
    }
}
