//! Why a file cannot be read, in words that say what to do.

use std::io::{Error, ErrorKind};

/// For a fault that names the file before it; `wanted` is what to name in its place, such as `a GeoJSON file`.
pub fn unreadable(error: &Error, wanted: &str) -> String {
    match error.kind() {
        ErrorKind::NotFound => format!("there is no such file; name {wanted}"),
        ErrorKind::IsADirectory => format!("is a folder; name {wanted}"),
        ErrorKind::PermissionDenied => {
            "cannot be read: permission denied; allow it to the user that truceline runs as".to_owned()
        }
        ErrorKind::InvalidData => "is not UTF-8; save it as UTF-8".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}
