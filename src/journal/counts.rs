//! What was stored, doubled and refused since the journal began; kept in the same transactions.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use truceline_core::wire::RejectReason;

/// Counts since the journal began; retention does not lower them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Readings stored.
    pub stored: u64,
    /// Readings that were stored already, with the same bytes.
    pub duplicates: u64,
    /// Rejects by reason, those beyond the quota included.
    pub rejects: BTreeMap<RejectReason, u64>,
    /// Bytes that the rejects take which are kept.
    pub reject_bytes: u64,
}

impl Counts {
    /// All rejects.
    pub fn rejects_total(&self) -> u64 {
        self.rejects.values().sum()
    }

    pub(super) fn load(file: &Connection) -> rusqlite::Result<Self> {
        let text: Option<String> =
            file.query_row("SELECT value FROM meta WHERE key = 'counts'", [], |row| row.get(0)).optional()?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    pub(super) fn save(&self, file: &Connection) -> rusqlite::Result<()> {
        let text = serde_json::to_string(self).unwrap_or_default();
        file.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('counts', ?)")?.execute([text])?;
        Ok(())
    }
}
