//! Reads the registry's TOML.

use super::Registry;

/// One fault of a registry file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct RegistryFault {
    /// The key's path, such as `device[3].position.lat`.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Reads and checks a registry; returns all faults.
pub fn parse_registry(text: &str) -> Result<Registry, Vec<RegistryFault>> {
    let _ = text;
    todo!()
}
