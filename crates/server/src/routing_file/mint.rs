//! What nobody chose is made up here: ids, secrets, tokens. A seeded generator, so that a change that is
//! tried twice makes the same ones, and a test knows them.

use baton_rules::Surface;
use rand::rngs::{OsRng, StdRng};
use rand::{Rng, SeedableRng, TryRngCore};

/// A generator of ids, secrets and tokens.
#[derive(Clone, Debug)]
pub struct Mint(StdRng);

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Mint {
    /// A generator that starts from this seed. Whoever knows the seed knows the secrets.
    pub fn seeded(seed: [u8; 32]) -> Self {
        Self(StdRng::from_seed(seed))
    }

    /// A generator whose seed is the system's to choose.
    pub fn drawn() -> std::io::Result<Self> {
        let mut seed = [0; 32];
        OsRng.try_fill_bytes(&mut seed).map_err(std::io::Error::other)?;
        Ok(Self::seeded(seed))
    }

    /// A number for a generator of what need not be secret.
    pub fn seed(&mut self) -> u64 {
        self.0.random()
    }

    /// An id of 15 digits.
    pub fn id(&mut self) -> u64 {
        self.0.random_range(100_000_000_000_000..=999_999_999_999_999)
    }

    /// An app's secret: 32 hex digits, as the platform's.
    pub fn secret(&mut self) -> String {
        hex::encode(self.0.random::<[u8; 16]>())
    }

    /// A page access token: starts with `EAA`, as the platform's.
    pub fn token(&mut self) -> String {
        self.letters("EAA")
    }

    /// A token of a surface: an Instagram account's starts with `IGAA`, by which its calls are known (wire.md 1.1).
    pub fn token_of(&mut self, surface: Surface) -> String {
        match surface {
            Surface::Messenger => self.token(),
            Surface::Instagram => self.letters("IGAA"),
        }
    }

    /// An operator token.
    pub fn operator_token(&mut self) -> String {
        self.letters("baton_")
    }

    /// The code of a link that signs in to the console once.
    pub fn console_link(&mut self) -> String {
        self.letters("")
    }

    /// What makes two people's same password look different.
    pub fn salt(&mut self) -> [u8; 16] {
        self.0.random()
    }

    fn letters(&mut self, start: &str) -> String {
        let letters = (0..48).map(|_| char::from(LETTERS[self.0.random_range(0..LETTERS.len())]));
        start.chars().chain(letters).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Mint;

    #[test]
    fn the_same_seed_makes_the_same_things() {
        let (mut one, mut other) = (Mint::seeded([7; 32]), Mint::seeded([7; 32]));
        assert_eq!((one.id(), one.secret(), one.token()), (other.id(), other.secret(), other.token()));
        assert_ne!(Mint::seeded([8; 32]).token(), Mint::seeded([7; 32]).token());
    }

    #[test]
    fn what_is_drawn_is_never_the_same() {
        assert_ne!(Mint::drawn().unwrap().token(), Mint::drawn().unwrap().token());
    }

    #[test]
    fn tokens_and_ids_look_like_the_platforms() {
        let mut mint = Mint::seeded([1; 32]);
        let token = mint.token();
        assert!(token.starts_with("EAA") && token.len() == 51, "{token}");
        assert_eq!(mint.id().to_string().len(), 15);
        assert_eq!(mint.secret().len(), 32);
    }
}
