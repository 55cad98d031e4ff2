//! From the files to validated, indexed terms.

use super::{Agreement, Bundle};

/// One fault of an agreement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {place}: {message}")]
pub struct AgreementFault {
    /// The file.
    pub file: String,
    /// The key's path, or ring and vertex with its coordinate.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Checks everything and indexes the geometry; returns all faults.
pub fn compile(bundle: &Bundle) -> Result<Agreement, Vec<AgreementFault>> {
    let _ = bundle;
    todo!()
}
