//! People who sign in: their passwords, the secrets of their sessions, and how often a sign-in may be tried.
//!
//! This part knows no store and no clock: who is known comes from outside, and time is an argument.

mod gate;
mod password;
mod secret;

pub use gate::{Gate, Wait};
pub use password::{MIN_CHARACTERS, PasswordError, hash, verify, verify_nobody};
pub use secret::{Secret, SecretError};
