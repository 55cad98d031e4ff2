//! Passwords, as argon2id hashes in PHC strings (RFC 9106, OWASP's parameters: 19 MiB, two passes).
//!
//! Each takes some 30 ms and 19 MiB: call from a blocking thread, a bounded number at once.

use std::sync::OnceLock;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// Fewest characters of a password. Length is the only demand (NIST SP 800-63B, 3.1.1.2).
pub const MIN_CHARACTERS: usize = 12;
/// Most bytes: more only costs time.
const MAX_BYTES: usize = 1_024;

/// Why a password cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has at least {MIN_CHARACTERS} characters and at most {MAX_BYTES} bytes")]
    Length,
    /// No randomness, or too little memory.
    #[error("cannot make the password's hash: {0}")]
    Hash(String),
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// The hash of a password, with a salt of its own.
///
/// # Errors
/// It is too short or too long, or the machine cannot make it.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < MIN_CHARACTERS || password.len() > MAX_BYTES {
        return Err(PasswordError::Length);
    }
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| PasswordError::Hash(error.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| PasswordError::Hash(error.to_string()))?;
    let hash = argon2().hash_password(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Whether a password is the one that a hash was made of.
pub fn verify(password: &str, hash: &str) -> bool {
    if password.len() > MAX_BYTES {
        return false;
    }
    PasswordHash::new(hash).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Takes the time of [`verify`] for somebody who is not known, so that the time does not tell who is.
pub fn verify_nobody(password: &str) -> bool {
    static NOBODY: OnceLock<String> = OnceLock::new();
    let hash = NOBODY.get_or_init(|| hash("nobody has this password").unwrap_or_default());
    verify(password, hash);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_password_is_taken_and_no_two_hashes_are_the_same() {
        let (one, two) = (hash("correct horse battery").unwrap(), hash("correct horse battery").unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert!(verify("correct horse battery", &one) && verify("correct horse battery", &two));
        assert!(!verify("correct horse batterY", &one));
        assert!(!verify("correct horse battery", "no hash"));
        assert!(!verify_nobody("nobody has this password"));
    }

    #[test]
    fn length_is_bounded_both_ways() {
        assert!(matches!(hash("eleven char"), Err(PasswordError::Length)));
        assert!(matches!(hash(&"x".repeat(1_025)), Err(PasswordError::Length)));
        assert!(hash("twelve chars").is_ok());
    }
}
