//! Reads an agreement's folder: `agreement.toml` and the GeoJSON files that it names.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use truceline_core::agreement::{Agreement, AgreementFault, Bundle, compile};

/// The files of an agreement, as far as the terms name them. A file that is named and not there is left out:
/// [`compile`] says so, with the key that names it.
///
/// # Errors
/// Every file that is there and cannot be read; with them, what else is wrong with the agreement.
pub fn read_bundle(dir: &Path) -> Result<Bundle, Vec<AgreementFault>> {
    let mut bundle = Bundle::default();
    if dir.is_file() {
        let message = format!("'{}' is a file; name the folder that holds agreement.toml", dir.display());
        return Err(vec![fault(Bundle::TERMS, message)]);
    }
    let terms = match read(dir, Bundle::TERMS, Bundle::MAX_TERMS_BYTES) {
        Ok(Some(text)) => text,
        Ok(None) => {
            let message = format!("there is no such file in '{}'; name the folder that holds it", dir.display());
            return Err(vec![fault(Bundle::TERMS, message)]);
        }
        Err(message) => return Err(vec![fault(Bundle::TERMS, message)]),
    };
    let names = Bundle::files_named_by(&terms);
    bundle.files.insert(Bundle::TERMS.to_owned(), terms);
    let mut unreadable = Vec::new();
    for name in names {
        match read(dir, &name, Bundle::MAX_FILE_BYTES) {
            Ok(Some(text)) => {
                bundle.files.insert(name, text);
            }
            Ok(None) => {}
            Err(message) => unreadable.push(fault(&name, message)),
        }
    }
    if unreadable.is_empty() {
        return Ok(bundle);
    }
    if let Err(others) = compile(&bundle) {
        let known: Vec<String> = unreadable.iter().map(|fault| format!("there is no file '{}' ", fault.file)).collect();
        unreadable
            .extend(others.into_iter().filter(|other| !known.iter().any(|known| other.message.starts_with(known))));
    }
    Err(unreadable)
}

/// Reads and compiles an agreement's folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_agreement(dir: &Path) -> Result<(Bundle, Agreement), Vec<AgreementFault>> {
    let bundle = read_bundle(dir)?;
    let agreement = compile(&bundle)?;
    Ok((bundle, agreement))
}

fn fault(file: &str, message: String) -> AgreementFault {
    AgreementFault { file: file.to_owned(), place: "the file".to_owned(), message }
}

/// The file's text; `None` if there is none.
fn read(dir: &Path, name: &str, most: usize) -> Result<Option<String>, String> {
    let path = dir.join(name);
    // Looked at before it is opened: opening a named pipe would wait for its other end.
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err("is not a file; replace it by one".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    }
    let file = File::open(&path).map_err(|error| format!("cannot be read: {error}"))?;
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() > most {
        return Err(format!("is larger than {} MiB; make it smaller", most >> 20));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        format!("is not UTF-8 from byte {} on; save it as UTF-8", error.utf8_error().valid_up_to() + 1)
    })
}
