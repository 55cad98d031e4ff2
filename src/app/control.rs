//! The token for what changes the service, in a file that only its user may read.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Random bytes of a token.
const BYTES: usize = 32;

/// The token of the file; a new one is made where there is no file.
///
/// # Errors
/// One sentence that says what is wrong with the file and what to do.
pub(super) fn token(path: &Path) -> Result<String, String> {
    let fault = |what: &dyn std::fmt::Display| format!("http.control_token_file: {}: {what}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| fault(&error))?;
    }
    let token = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let mut bytes = [0; BYTES];
            File::open("/dev/urandom")
                .and_then(|mut random| random.read_exact(&mut bytes))
                .map_err(|error| fault(&error))?;
            let token = bytes.iter().fold(String::new(), |token, byte| format!("{token}{byte:02x}"));
            file.write_all(token.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| fault(&error))?;
            token
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mode = std::fs::metadata(path).map_err(|error| fault(&error))?.permissions().mode();
            if mode & 0o077 != 0 {
                return Err(fault(&"others may read it; remove it, and a new one is made at the next start"));
            }
            std::fs::read_to_string(path).map_err(|error| fault(&error))?.trim().to_owned()
        }
        Err(error) => return Err(fault(&error)),
    };
    let whole = token.len() == 2 * BYTES && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    if whole { Ok(token) } else { Err(fault(&"is no token; remove it, and a new one is made at the next start")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/control.token");
        let made = token(&path).unwrap();
        assert_eq!(token(&path).unwrap(), made, "the next start has the same");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(token(&path).unwrap_err().contains("others may read it"));
    }

    #[test]
    fn a_file_that_was_cut_short_is_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.token");
        token(&path).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(10).unwrap();
        assert!(token(&path).unwrap_err().contains("is no token"));
        assert_ne!(token(&folder.path().join("a")).unwrap(), token(&folder.path().join("b")).unwrap());
    }
}
