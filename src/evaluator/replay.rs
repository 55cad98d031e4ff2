//! The engine over a finished sequence of entries, with no store and no clock.

use truceline_core::engine::{Engine, Output};
use truceline_core::log::Entry;

use super::Machine;

/// Runs a fresh engine over `entries` and hands on what it says, in order: what the live run said.
///
/// # Errors
/// The first that reading an entry or `out` returns.
pub fn replay<E>(
    entries: impl Iterator<Item = Result<Entry, E>>,
    out: &mut dyn FnMut(&Output) -> Result<(), E>,
) -> Result<(), E> {
    let mut engine = <Engine as Machine>::fresh();
    for entry in entries {
        engine.feed(&entry?, &mut |output| out(&output))?;
    }
    Ok(())
}
