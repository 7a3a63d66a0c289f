//! Passwords: what one must be, and how it is kept (Argon2id with the parameters that OWASP names: 19 MiB, twice).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use baton_store::Secret;

use crate::problem::{self, Problem};

/// How long one must be, and may be, in characters.
pub(crate) const SHORTEST: usize = 10;
pub(crate) const LONGEST: usize = 200;

/// What is compared with where there is no password, so that a name that nobody has takes as long.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyBpdA$ZBGDkUt8wKNYoHXvKmxRlvPOYuBXSeOIZE3aHzQSCyE";

/// Refuses what is too short to be one: nothing else of a password can be judged fairly.
pub(super) fn may_be(text: &str) -> Result<(), Problem> {
    match text.chars().count() {
        SHORTEST..=LONGEST => Ok(()),
        _ => {
            let detail = format!("must have {SHORTEST} to {LONGEST} characters");
            Err(Problem::new(&problem::BAD_BODY).error("/password", detail))
        }
    }
}

/// How it is kept.
pub(super) fn hashed(text: &str, salt: &[u8]) -> Result<Secret, Problem> {
    let made: Result<PasswordHash, _> = Argon2::default().hash_password_with_salt(text.as_bytes(), salt);
    made.map(|made| Secret::new(made.to_string())).map_err(|error| {
        tracing::error!(%error, "a password cannot be hashed");
        Problem::new(&problem::UNAVAILABLE)
    })
}

/// Whether it is the one that is kept.
pub(super) fn verified(text: &str, kept: Option<&Secret>) -> bool {
    let hash = PasswordHash::new(kept.map_or(NOBODYS, Secret::reveal));
    let right = hash.is_ok_and(|hash| Argon2::default().verify_password(text.as_bytes(), &hash).is_ok());
    right && kept.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_that_was_kept_is_right() {
        let kept = hashed("correct horse", &[7; 16]).unwrap();
        assert!(kept.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.reveal());
        assert!(verified("correct horse", Some(&kept)));
        assert!(!verified("correct horse ", Some(&kept)));
        assert!(!verified("correct horse", Some(&Secret::new("correct horse"))));
        assert!(!verified("", None));
        let salted = hashed("correct horse", &[8; 16]).unwrap();
        assert_ne!(salted.reveal(), kept.reveal(), "the same password looks otherwise");
    }

    #[test]
    fn what_stands_for_nobodys_password_costs_as_much() {
        let nobodys = PasswordHash::new(NOBODYS).unwrap();
        let somebodys = hashed("correct horse", &[7; 16]).unwrap();
        let somebodys = PasswordHash::new(somebodys.reveal()).unwrap();
        assert_eq!((nobodys.algorithm, nobodys.params), (somebodys.algorithm, somebodys.params));
    }
}
