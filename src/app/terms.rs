//! Agreement and registry: from their files into the journal, at the start and when told to read them again.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, RwLock};

use tokio::sync::watch;
use truceline_core::agreement::{Agreement, AgreementFault, Bundle, compile_after};
use truceline_core::log::{Body, Document};
use truceline_core::registry::{Registry, parse_registry};

use crate::config::{Config, ConfigFault, read_bundle, read_registry};
use crate::http::Change;
use crate::journal::{JournalError, Reader};

/// What is in force, for those who ask.
pub(super) struct Terms {
    agreement: RwLock<Option<Arc<Agreement>>>,
    registry: watch::Sender<Arc<Registry>>,
}

/// Validated files, and what the journal must be told of them.
pub(super) struct Loaded {
    agreement: Option<Arc<Agreement>>,
    registry: Option<Registry>,
    /// Only what differs from what is in force.
    pub(super) bodies: Vec<Body>,
    /// For the log.
    pub(super) words: Vec<String>,
    /// Hashes before and after.
    pub(super) agreement_change: Change,
    /// Hashes before and after.
    pub(super) registry_change: Change,
}

impl Terms {
    pub(super) fn new() -> Self {
        Self { agreement: RwLock::new(None), registry: watch::Sender::new(Arc::default()) }
    }

    pub(super) fn agreement(&self) -> Option<Arc<Agreement>> {
        self.agreement.read().ok().and_then(|agreement| agreement.clone())
    }

    pub(super) fn registry(&self) -> watch::Receiver<Arc<Registry>> {
        self.registry.subscribe()
    }

    /// Takes what was loaded into force; after it is in the journal.
    pub(super) fn take(&self, loaded: Loaded) {
        if let (Some(agreement), Ok(mut held)) = (loaded.agreement, self.agreement.write()) {
            *held = Some(agreement);
        }
        if let Some(registry) = loaded.registry {
            self.registry.send_replace(Arc::new(registry));
        }
    }
}

/// Files that cannot be taken into force.
pub(super) struct Refused {
    /// Every fault of all of them.
    pub(super) faults: Vec<Fault>,
    /// The hash of the agreement's files as they are, where all could be read.
    pub(super) agreement_hash: Option<String>,
}

/// One fault of a file.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) of_registry: bool,
    pub(super) file: String,
    pub(super) place: String,
    pub(super) message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, place, message, .. } = self;
        if place.is_empty() { write!(f, "{file}: {message}") } else { write!(f, "{file}: {place}: {message}") }
    }
}

/// Why terms cannot be taken into force.
pub(super) enum TermsError {
    /// Every fault of the files.
    Faulty(Refused),
    /// The journal cannot be read.
    Storage(JournalError),
}

/// Reads and checks both; every fault of both.
///
/// Without a folder or file the one in the journal stays in force. Files that `before` has as well are not read anew.
pub(super) fn load(config: &Config, reader: &Reader, before: Option<&Agreement>) -> Result<Loaded, TermsError> {
    let agreement_hash = reader.latest_agreement_hash().map_err(TermsError::Storage)?;
    let held_registry = reader.latest_registry().map_err(TermsError::Storage)?;
    let registry_hash = held_registry.as_ref().map(|held| held.hash.clone());
    let found = match config.agreement_dir.as_deref() {
        Some(dir) => agreement_of(dir, agreement_hash.as_deref(), before),
        None => agreement_held(reader.latest_agreement().map_err(TermsError::Storage)?),
    };
    let (mut faults, mut refused_hash) = (Vec::new(), None);
    let mut loaded = Loaded {
        agreement: None,
        registry: None,
        bodies: Vec::new(),
        words: Vec::new(),
        agreement_change: Change { before: agreement_hash.clone(), after: agreement_hash },
        registry_change: Change { before: registry_hash.clone(), after: registry_hash },
    };
    match found {
        Ok(Some((agreement, new))) => {
            let (id, hash) = (&agreement.id, &agreement.hash);
            let becomes = if new.is_some() { "comes into force" } else { "is in force" };
            loaded.words.push(format!("agreement '{id}' {} {becomes}", &hash[..12.min(hash.len())]));
            loaded.agreement_change.after = Some(hash.clone());
            loaded.bodies.extend(new.map(Body::Agreement));
            loaded.agreement = Some(Arc::new(agreement));
        }
        Ok(None) => {
            loaded.words.push("no agreement is configured: readings are stored and nothing is judged".to_owned());
        }
        Err((found, hash)) => {
            faults.extend(found);
            refused_hash = hash;
        }
    }
    match registry(config.devices_file.as_deref(), held_registry) {
        Ok(Some((document, registry, is_new))) => {
            loaded.words.push(format!("{} devices are registered", registry.devices.len()));
            loaded.registry_change.after = Some(document.hash.clone());
            loaded.registry = Some(registry);
            if is_new {
                loaded.bodies.push(Body::Registry(document));
            }
        }
        Ok(None) => {
            loaded
                .words
                .push("no device registry is configured: every device is accepted, none is expected".to_owned());
        }
        Err(found) => faults.extend(found),
    }
    if faults.is_empty() {
        return Ok(loaded);
    }
    Err(TermsError::Faulty(Refused { faults, agreement_hash: refused_hash }))
}

/// A document, what it says, and whether the journal has to be told.
type Found<T> = Result<Option<(Document, T, bool)>, Vec<Fault>>;

/// An agreement, and its document where the journal has to be told; with faults the hash of the files that have them,
/// where all could be read.
type FoundAgreement = Result<Option<(Agreement, Option<Document>)>, (Vec<Fault>, Option<String>)>;

/// The one of the last run.
fn agreement_held(held: Option<Document>) -> FoundAgreement {
    let Some(document) = held else { return Ok(None) };
    let fault = |fault: &dyn std::fmt::Display| Fault {
        of_registry: false,
        file: "the agreement of the last run".to_owned(),
        place: String::new(),
        message: format!("{fault}; set agreement.dir"),
    };
    let bundle = Bundle::from_document(&document).map_err(|error| (vec![fault(&error)], None))?;
    let agreement = compile_after(Cow::Owned(bundle), None)
        .map_err(|faults| (faults.iter().map(|found| fault(found)).collect(), None))?;
    Ok(Some((agreement, None)))
}

/// The one of a folder; `held` is the hash of the one in the journal.
fn agreement_of(dir: &Path, held: Option<&str>, before: Option<&Agreement>) -> FoundAgreement {
    let named = |faults: Vec<AgreementFault>| {
        let named = |fault: AgreementFault| Fault {
            of_registry: false,
            file: format!("{}/{}", dir.display(), fault.file),
            place: fault.place,
            message: fault.message,
        };
        faults.into_iter().map(named).collect()
    };
    // Read once: what is refused, and its hash, are of the same bytes.
    let bundle = read_bundle(dir).map_err(|faults| (named(faults), None))?;
    let agreement =
        compile_after(Cow::Borrowed(&bundle), before).map_err(|faults| (named(faults), Some(bundle.hash())))?;
    let is_new = held != Some(&agreement.hash);
    Ok(Some((agreement, is_new.then(|| bundle.document()))))
}

fn registry(file: Option<&Path>, held: Option<Document>) -> Found<Registry> {
    let Some(file) = file else {
        let Some(document) = held else { return Ok(None) };
        let registry = parse_registry(&document.text).map_err(|faults| {
            faults
                .iter()
                .map(|fault| Fault {
                    of_registry: true,
                    file: "the registry of the last run".to_owned(),
                    place: String::new(),
                    message: format!("{fault}; set devices.file"),
                })
                .collect::<Vec<_>>()
        })?;
        return Ok(Some((document, registry, false)));
    };
    let (text, registry) = read_registry(file).map_err(|faults| {
        let named = |fault: ConfigFault| Fault {
            of_registry: true,
            file: fault.source_name,
            place: fault.key,
            message: fault.message,
        };
        faults.into_iter().map(named).collect::<Vec<_>>()
    })?;
    let document = Document::new(text);
    let is_new = held.is_none_or(|held| held.hash != document.hash);
    Ok(Some((document, registry, is_new)))
}
