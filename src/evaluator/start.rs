//! From where an evaluator goes on: the newest snapshot that can be used, or the log's beginning.

use std::cell::RefCell;

use truceline_core::engine::SnapshotError;

use super::snapshots::{Snapshots, Unusable};
use super::{EvaluatorConfig, EvaluatorError, Log, Machine, PortError, Ports};

/// The state to go on from.
pub(super) struct Beginning<M> {
    /// Restored, or fresh.
    pub(super) machine: M,
    /// The folder.
    pub(super) snapshots: Snapshots,
    /// For a fresh machine over a store that has alerts: the cursor that it must reach.
    pub(super) rebuilding_to: Option<u64>,
}

/// Restores the newest usable snapshot; without one begins anew.
pub(super) fn begin<M: Machine>(config: &EvaluatorConfig, ports: &Ports) -> Result<Beginning<M>, EvaluatorError> {
    let folder = |source| EvaluatorError::Folder { path: config.snapshots_dir.clone(), source };
    let cursor = ports.store.cursor().map_err(|source| EvaluatorError::Store { through: 0, source })?;
    let head = *ports.log.head().borrow();
    if cursor > head {
        return Err(EvaluatorError::StoreAhead { cursor, head });
    }
    let mut snapshots = Snapshots::open(&config.snapshots_dir).map_err(folder)?;
    for offset in snapshots.newest_first() {
        let unread = RefCell::new(None);
        let restored = restore(&snapshots, offset, cursor, ports.log.as_ref(), &unread);
        if let Some(source) = unread.into_inner() {
            // Of a log that cannot be read nothing follows for the snapshot.
            return Err(EvaluatorError::Log { after: offset, source });
        }
        match restored {
            Ok(machine) => {
                tracing::info!(offset, "the engine goes on from its snapshot");
                return Ok(Beginning { machine, snapshots, rebuilding_to: None });
            }
            // What a bad cable hides may be whole: it is not for us to remove it, nor to judge all of the journal anew.
            Err(Passed::Unread(source)) => {
                return Err(EvaluatorError::Snapshot { path: snapshots.path(offset), source });
            }
            Err(Passed::OtherVersion(reason)) => {
                let aside = snapshots.set_aside(offset).map_err(folder)?;
                tracing::warn!(aside = %aside.display(), reason, "a snapshot of another version is set aside");
            }
            Err(Passed::Useless(reason)) => {
                let path = snapshots.path(offset);
                tracing::warn!(path = %path.display(), reason, "a snapshot cannot be used and is removed");
                snapshots.discard(offset).map_err(folder)?;
            }
        }
    }
    tracing::info!(head, "no usable snapshot: the engine is built from the journal");
    Ok(Beginning { machine: M::fresh(), snapshots, rebuilding_to: (cursor > 0).then_some(cursor) })
}

/// Why a snapshot is not restored.
enum Passed {
    /// The file could not be read.
    Unread(std::io::Error),
    /// Another version of the program can use it.
    OtherVersion(String),
    /// Nobody can use it.
    Useless(String),
}

/// Leaves in `unread` why the log could not be read, if it could not.
fn restore<M: Machine>(
    snapshots: &Snapshots,
    offset: u64,
    cursor: u64,
    log: &dyn Log,
    unread: &RefCell<Option<PortError>>,
) -> Result<M, Passed> {
    if offset > cursor {
        // Of another history: what its entries caused would never reach the store.
        return Err(Passed::Useless(format!("it is of offset {offset}, the store is only at {cursor}")));
    }
    let bytes = snapshots.load(offset).map_err(|fault| match fault {
        Unusable::Io(source) => Passed::Unread(source),
        Unusable::OtherVersion => Passed::OtherVersion(fault.to_string()),
        Unusable::Damaged => Passed::Useless(fault.to_string()),
    })?;
    let document = |hash: &str| {
        log.document(hash).unwrap_or_else(|error| {
            unread.replace(Some(error));
            None
        })
    };
    let machine = M::restore(&bytes, &document).map_err(|fault| match fault {
        SnapshotError::OtherVersion(_) => Passed::OtherVersion(fault.to_string()),
        SnapshotError::Unreadable(_) => Passed::Useless(fault.to_string()),
    })?;
    if machine.offset() == offset {
        Ok(machine)
    } else {
        Err(Passed::Useless(format!("it holds an engine at offset {}, not {offset}", machine.offset())))
    }
}
