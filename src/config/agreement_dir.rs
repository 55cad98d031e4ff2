//! Reads an agreement's folder: `agreement.toml` and the GeoJSON files that it names, one by one or by their days.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::unreadable;
use truceline_core::agreement::{Agreement, AgreementFault, Bundle, DayName, DayPattern, compile, compile_after};

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
    let mut unreadable = Vec::new();
    let mut names: BTreeSet<String> = Bundle::files_named_by(&terms).into_iter().collect();
    for pattern in Bundle::day_patterns(&terms) {
        match days(dir, &pattern, Bundle::MAX_FILES.saturating_sub(names.len())) {
            Ok(Days { dated, no_date }) => {
                names.extend(dated);
                // They are warned of by name: nobody reads them.
                bundle.files.extend(no_date.into_iter().map(|name| (name, String::new())));
            }
            Err(message) => unreadable.push(fault(pattern.folder().unwrap_or("."), message)),
        }
    }
    bundle.files.insert(Bundle::TERMS.to_owned(), terms);
    let mut bytes = 0;
    for name in names {
        match read(dir, &name, Bundle::MAX_FILE_BYTES) {
            Ok(Some(text)) => {
                bytes += text.len();
                bundle.files.insert(name, text);
                if bytes > Bundle::MAX_BYTES {
                    // Told by compile.
                    break;
                }
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

/// The files of a pattern of days.
#[derive(Default)]
struct Days {
    dated: Vec<String>,
    /// Digits in place of the date that are no date.
    no_date: Vec<String>,
}

/// The files that the pattern names, at most so many.
fn days(dir: &Path, pattern: &DayPattern, most: usize) -> Result<Days, String> {
    let unlisted = |error: std::io::Error| format!("cannot be listed: {error}");
    let listing = match std::fs::read_dir(pattern.folder().map_or(dir.to_owned(), |folder| dir.join(folder))) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Days::default()),
        Err(error) => return Err(unlisted(error)),
    };
    let mut days = Days::default();
    for file in listing {
        let name = file.map_err(unlisted)?.file_name();
        let Some(name) = name.to_str() else { continue };
        let name = pattern.folder().map_or(name.to_owned(), |folder| format!("{folder}/{name}"));
        match pattern.named(&name) {
            DayName::On(_) => days.dated.push(name),
            DayName::NoDate => days.no_date.push(name),
            DayName::Other => {}
        }
        if days.dated.len() + days.no_date.len() > most {
            return Err(format!(
                "holds too many files; an agreement has at most {} GeoJSON files: move the oldest away",
                Bundle::MAX_FILES
            ));
        }
    }
    Ok(days)
}

/// Reads and compiles an agreement's folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_agreement(dir: &Path) -> Result<Agreement, Vec<AgreementFault>> {
    compile_after(Cow::Owned(read_bundle(dir)?), None)
}

fn fault(file: &str, message: String) -> AgreementFault {
    AgreementFault { file: file.to_owned(), place: "the file".to_owned(), message }
}

/// The file's text; `None` if there is none.
fn read(dir: &Path, name: &str, most: usize) -> Result<Option<String>, String> {
    let path = dir.join(name);
    let fault = |error: &std::io::Error| unreadable(error, "a file");
    // Looked at before it is opened: opening a named pipe would wait for its other end.
    let size = match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        Ok(_) => return Err("is not a file; replace it by one".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(&error)),
    };
    let file = File::open(&path).map_err(|error| fault(&error))?;
    // One more than there is: a vector that is full is doubled before its end is found.
    let mut bytes = Vec::with_capacity(size.min(most as u64) as usize + 1);
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
    if bytes.len() > most {
        return Err(format!("is larger than {} MiB; make it smaller", most >> 20));
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        format!("is not UTF-8 from byte {} on; save it as UTF-8", error.utf8_error().valid_up_to() + 1)
    })
}
