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
        let Some(text) = text else { return Ok(Self::default()) };
        serde_json::from_str(&text).or_else(|error| {
            tracing::error!(
                "the journal's own counts cannot be read ({error}) and are counted anew: duplicates, and rejects that are \
                 no longer kept, are not in them"
            );
            Self::recount(file)
        })
    }

    /// What the file itself says.
    fn recount(file: &Connection) -> rusqlite::Result<Self> {
        let one = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
        let mut rejects = BTreeMap::new();
        let mut select = file.prepare("SELECT meta ->> 'reason', count(*) FROM entry WHERE kind = 2 GROUP BY 1")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (name, count): (Option<String>, i64) = (row.get(0)?, row.get(1)?);
            let reason = RejectReason::ALL.iter().find(|reason| name.as_deref() == Some(reason.as_str()));
            rejects.extend(reason.map(|reason| (*reason, count.cast_unsigned())));
        }
        Ok(Self {
            stored: one("SELECT coalesce(sum(hi - lo + 1), 0) FROM seen")?,
            duplicates: 0,
            rejects,
            reject_bytes: one(
                "SELECT coalesce(sum(length(CAST(meta AS BLOB)) + length(body)), 0) FROM entry WHERE kind = 2",
            )?,
        })
    }

    pub(super) fn save(&self, file: &Connection) -> rusqlite::Result<()> {
        let text =
            serde_json::to_string(self).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        file.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('counts', ?)")?.execute([text])?;
        Ok(())
    }
}
