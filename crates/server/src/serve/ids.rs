//! Ids of requests, traces and events, from one seeded generator: a server started with the same seed answers
//! the same requests with the same bytes.

use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The characters of a trace id, as the platform has them.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

/// Makes ids.
pub(crate) struct Ids(Mutex<StdRng>);

impl Ids {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    fn draw(&self) -> u128 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    /// A UUID (version 4).
    pub(crate) fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes(self.draw().to_be_bytes()).into_uuid().to_string()
    }

    /// 16 digits that a JSON number holds exactly: the id of something that apps keep.
    pub(crate) fn number(&self) -> String {
        (1_000_000_000_000_000 + self.draw() % 8_000_000_000_000_000).to_string()
    }

    /// An `fbtrace_id`: 23 characters, the first an `A`.
    pub(crate) fn trace(&self) -> String {
        let bits = self.draw();
        let letter = |place: u32| LETTERS.get((bits >> (6 * place)) as usize & 63).copied().unwrap_or(b'A');
        std::iter::once('A').chain((0..21).map(|place| char::from(letter(place)))).chain(['A']).collect()
    }
}
