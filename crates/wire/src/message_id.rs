//! Message ids that say where the message is: they carry its stream and position and a MAC, so that a
//! message is found without an index, and nobody can make one up.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use baton_rules::Surface;
use hmac::{Hmac, Mac};
use sha2::Sha512;

use crate::signature::keyed;

/// The layout of what an id carries.
const VERSION: u8 = 1;
/// Version, stream and position.
const HEAD: usize = 1 + 2 + 8;
/// All of it: 86 characters of base64url, as the platform's.
const LENGTH: usize = 64;
/// What a Messenger id starts with.
const MESSENGER: &str = "m_";
/// What the bytes of an Instagram id start with; in base64 that is `aWdf`.
const INSTAGRAM: &[u8] = b"ig_";

/// A message's `mid`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageId(Box<str>);

impl MessageId {
    /// The id of the message at a place; the same place always has the same id. Messenger: `m_` and 86
    /// characters of base64url (64 bytes: version, stream, position, MAC). Instagram: starts with `aWdf`.
    pub fn mint(key: &[u8; 32], surface: Surface, stream: u16, position: u64) -> Self {
        let mut bytes = Vec::with_capacity(INSTAGRAM.len() + LENGTH);
        if surface == Surface::Instagram {
            bytes.extend_from_slice(INSTAGRAM);
        }
        let from = bytes.len();
        bytes.push(VERSION);
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(&position.to_be_bytes());
        let mac = mac(key, surface, &bytes[from..]).finalize().into_bytes();
        bytes.extend_from_slice(&mac[..LENGTH - HEAD]);
        let text = URL_SAFE_NO_PAD.encode(&bytes);
        Self(match surface {
            Surface::Messenger => format!("{MESSENGER}{text}").into(),
            Surface::Instagram => text.into(),
        })
    }

    /// The (stream, position) that a `mid` names; none if this database did not make it.
    pub fn place(key: &[u8; 32], text: &str) -> Option<(u16, u64)> {
        let (surface, bytes) = match text.strip_prefix(MESSENGER) {
            Some(rest) => (Surface::Messenger, URL_SAFE_NO_PAD.decode(rest).ok()?),
            None => {
                let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
                (Surface::Instagram, bytes.strip_prefix(INSTAGRAM)?.to_vec())
            }
        };
        let (head, given) = bytes.split_at_checked(HEAD)?;
        if bytes.len() != LENGTH || mac(key, surface, head).verify_truncated_left(given).is_err() {
            return None;
        }
        let (version, place) = head.split_first()?;
        let (stream, position) = place.split_first_chunk::<2>()?;
        if *version != VERSION {
            return None;
        }
        Some((u16::from_be_bytes(*stream), u64::from_be_bytes(position.try_into().ok()?)))
    }

    /// The id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The surface is authenticated too: the id of a Messenger message is no Instagram id in other clothes.
fn mac(key: &[u8; 32], surface: Surface, head: &[u8]) -> Hmac<Sha512> {
    keyed::<Hmac<Sha512>, Sha512>(key).chain_update(head).chain_update(surface.name())
}
