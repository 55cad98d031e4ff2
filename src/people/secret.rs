//! Secrets of sessions and tokens: random, shown once, held as their hash.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Bytes of randomness.
const BYTES: usize = 32;
/// Longest text that is looked at.
const MAX_TEXT: usize = 64;

/// 32 random bytes; as text 43 characters that need no quoting anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; BYTES]);

/// The machine gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the machine gives no random numbers: {0}")]
pub struct SecretError(String);

impl Secret {
    /// A new one.
    ///
    /// # Errors
    /// The machine gives no random numbers.
    pub fn new() -> Result<Self, SecretError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| SecretError(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// The one that a text shows.
    pub fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// As it is shown to whom it belongs.
    pub fn show(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What is held of it. No salt: it is random enough that nobody finds it by trying.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_as_it_was_shown_and_never_shown_in_a_log() {
        let secret = Secret::new().unwrap();
        assert_eq!(Secret::read(&secret.show()), Some(secret.clone()));
        assert_ne!(secret, Secret::new().unwrap());
        assert!(!format!("{secret:?}").contains(&secret.show()));
        for bad in ["", "abc", &"A".repeat(44), "!".repeat(43).as_str(), &"A".repeat(100_000)] {
            assert_eq!(Secret::read(bad), None, "{} characters", bad.len());
        }
    }
}
