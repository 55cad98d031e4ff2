//! Agreement and registry: from their files into the journal, at the start and when told to read them again.

use std::path::Path;
use std::sync::{Arc, RwLock};

use tokio::sync::watch;
use truceline_core::agreement::{Agreement, Bundle, compile};
use truceline_core::log::{Body, Document};
use truceline_core::registry::{Registry, parse_registry};

use crate::config::load_agreement;
use crate::config::{Config, read_registry};
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

/// Why terms cannot be taken into force.
pub(super) enum TermsError {
    /// Every fault of the files.
    Faulty(Vec<String>),
    /// The journal cannot be read.
    Storage(JournalError),
}

/// Reads and checks both; every fault of both.
///
/// Without a folder or file the one in the journal stays in force.
pub(super) fn load(config: &Config, reader: &Reader) -> Result<Loaded, TermsError> {
    let (held_agreement, held_registry) = (
        reader.latest_agreement().map_err(TermsError::Storage)?,
        reader.latest_registry().map_err(TermsError::Storage)?,
    );
    let mut faults = Vec::new();
    let mut loaded = Loaded { agreement: None, registry: None, bodies: Vec::new(), words: Vec::new() };
    match agreement(config.agreement_dir.as_deref(), held_agreement) {
        Ok(Some((document, agreement, is_new))) => {
            let said = format!("agreement '{}' {}", agreement.id, &document.hash[..12.min(document.hash.len())]);
            loaded.words.push(if is_new { format!("{said} comes into force") } else { format!("{said} is in force") });
            loaded.agreement = Some(Arc::new(agreement));
            if is_new {
                loaded.bodies.push(Body::Agreement(document));
            }
        }
        Ok(None) => {
            loaded.words.push("no agreement is configured: readings are stored and nothing is judged".to_owned());
        }
        Err(found) => faults.extend(found),
    }
    match registry(config.devices_file.as_deref(), held_registry) {
        Ok(Some((document, registry, is_new))) => {
            loaded.words.push(format!("{} devices are registered", registry.devices.len()));
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
    if faults.is_empty() { Ok(loaded) } else { Err(TermsError::Faulty(faults)) }
}

/// A document, what it says, and whether the journal has to be told.
type Found<T> = Result<Option<(Document, T, bool)>, Vec<String>>;

fn agreement(dir: Option<&Path>, held: Option<Document>) -> Found<Agreement> {
    let Some(dir) = dir else {
        let Some(document) = held else { return Ok(None) };
        let fault =
            |fault: &dyn std::fmt::Display| format!("the agreement of the last run: {fault}; set agreement.dir");
        let bundle = Bundle::from_document(&document).map_err(|error| vec![fault(&error)])?;
        let agreement =
            compile(&bundle).map_err(|faults| faults.iter().map(|found| fault(found)).collect::<Vec<_>>())?;
        return Ok(Some((document, agreement, false)));
    };
    let (bundle, agreement) = load_agreement(dir)
        .map_err(|faults| faults.into_iter().map(|fault| format!("{}/{fault}", dir.display())).collect::<Vec<_>>())?;
    let document = bundle.document();
    let is_new = held.is_none_or(|held| held.hash != document.hash);
    Ok(Some((document, agreement, is_new)))
}

fn registry(file: Option<&Path>, held: Option<Document>) -> Found<Registry> {
    let Some(file) = file else {
        let Some(document) = held else { return Ok(None) };
        let registry = parse_registry(&document.text).map_err(|faults| {
            faults
                .iter()
                .map(|fault| format!("the registry of the last run: {fault}; set devices.file"))
                .collect::<Vec<_>>()
        })?;
        return Ok(Some((document, registry, false)));
    };
    let (text, registry) =
        read_registry(file).map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let document = Document::new(text);
    let is_new = held.is_none_or(|held| held.hash != document.hash);
    Ok(Some((document, registry, is_new)))
}
