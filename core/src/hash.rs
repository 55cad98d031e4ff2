//! SHA-256 as documents, the audit and backups tell it.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// The hash of what comes in parts: of them all as one.
#[derive(Clone, Debug, Default)]
pub struct ContentHash(Sha256);

impl ContentHash {
    /// The next part.
    pub fn add(&mut self, part: impl AsRef<[u8]>) {
        self.0.update(part);
    }

    /// 64 hexadecimal digits, small letters.
    pub fn end(self) -> String {
        let mut digits = String::with_capacity(64);
        for byte in self.0.finalize() {
            // Writing to a string does not fail.
            let _ = write!(digits, "{byte:02x}");
        }
        digits
    }
}
