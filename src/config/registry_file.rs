//! Reads a device registry's file.

use std::path::Path;

use truceline_core::registry::{MAX_REGISTRY_BYTES, Registry, parse_registry};

use super::{ConfigFault, unreadable};

/// The text of a registry file and what it says.
///
/// # Errors
/// Every fault, with the file's name and the device's key.
pub fn read_registry(file: &Path) -> Result<(String, Registry), Vec<ConfigFault>> {
    let fault = |key: &str, message: String| ConfigFault {
        source_name: file.display().to_string(),
        key: key.to_owned(),
        message,
    };
    let unreadable = |error: std::io::Error| vec![fault("the file", unreadable(&error, "a device registry"))];
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > MAX_REGISTRY_BYTES as u64 {
        let message = format!("is larger than {} MiB; split the mission", MAX_REGISTRY_BYTES >> 20);
        return Err(vec![fault("the file", message)]);
    }
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    let registry = parse_registry(&text)
        .map_err(|faults| faults.into_iter().map(|found| fault(&found.key, found.message)).collect::<Vec<_>>())?;
    Ok((text, registry))
}
