//! The platform's two signatures of a webhook: over the exact bytes, with the receiving app's secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::Key;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// Both header values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// `X-Hub-Signature`: `sha1=…`.
    pub sha1: String,
    /// `X-Hub-Signature-256`: `sha256=…`.
    pub sha256: String,
}

/// Signs a body.
pub fn sign(secret: &str, body: &[u8]) -> Signatures {
    Signatures {
        sha1: format!("sha1={}", hex::encode(hmac_sha1(secret, body).finalize().into_bytes())),
        sha256: format!("sha256={}", hex::encode(hmac_sha256(secret, body).finalize().into_bytes())),
    }
}

/// Whether a header value (`sha1=…` or `sha256=…`) is the signature of a body. Constant time.
pub fn verify(secret: &str, body: &[u8], header: &str) -> bool {
    let Some((name, digits)) = header.split_once('=') else { return false };
    let Ok(given) = hex::decode(digits) else { return false };
    match name {
        "sha1" => hmac_sha1(secret, body).verify_slice(&given).is_ok(),
        "sha256" => hmac_sha256(secret, body).verify_slice(&given).is_ok(),
        _ => false,
    }
}

/// The `appsecret_proof` of a token: lower-case hex (wire.md 1.3). With `time`, the proof that carries
/// `appsecret_time`.
pub fn proof(secret: &str, token: &str, time: Option<&str>) -> String {
    let message = time.map_or_else(|| token.to_owned(), |time| format!("{token}|{time}"));
    hex::encode(hmac_sha256(secret, message.as_bytes()).finalize().into_bytes())
}

/// Whether a proof is the token's. Constant time.
pub fn verify_proof(secret: &str, token: &str, time: Option<&str>, given: &str) -> bool {
    verify_text(&proof(secret, token, time), given)
}

/// Whether two texts are equal, in a time that depends on their lengths only.
pub fn verify_text(expected: &str, given: &str) -> bool {
    subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), given.as_bytes()).into()
}

/// The value of `webhook-signature` (Standard Webhooks 1.0): `v1,` and base64. The key is the secret's bytes; a secret
/// that begins with `whsec_` is base64 of them, as that standard has it.
pub fn standard(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let encoded = secret.strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    let key = encoded.unwrap_or_else(|| secret.as_bytes().to_vec());
    let mac = keyed::<Hmac<Sha256>, Sha256>(&key);
    let mac =
        mac.chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".").chain_update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A key for one purpose, made of another.
pub fn derived(key: &[u8], purpose: &str) -> [u8; 32] {
    keyed::<Hmac<Sha256>, Sha256>(key).chain_update(purpose).finalize().into_bytes().into()
}

fn hmac_sha1(secret: &str, body: &[u8]) -> Hmac<Sha1> {
    keyed::<Hmac<Sha1>, Sha1>(secret.as_bytes()).chain_update(body)
}

fn hmac_sha256(secret: &str, body: &[u8]) -> Hmac<Sha256> {
    keyed::<Hmac<Sha256>, Sha256>(secret.as_bytes()).chain_update(body)
}

/// HMAC with a key of any length. The library's own way returns an error that can't happen; here a key is
/// brought to the length of a block as RFC 2104 says (hashed when longer, then zeros), and nothing fails.
pub(crate) fn keyed<M: Mac + KeyInit, D: Digest>(key: &[u8]) -> M {
    let mut block = Key::<M>::default();
    let hashed;
    let key = if key.len() > block.len() {
        hashed = D::digest(key);
        hashed.as_slice()
    } else {
        key
    };
    block.iter_mut().zip(key).for_each(|(slot, byte)| *slot = *byte);
    <M as KeyInit>::new(&block)
}
