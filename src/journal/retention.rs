//! Deletes what is too old or too much, a little at a time.
//!
//! Readings, rejects, states and ticks go; agreement, registry, service, link and clock entries stay, so that an
//! engine which starts from the oldest kept reading knows the terms that it was judged by.

use rusqlite::{Connection, params};

use super::counts::Counts;

/// Entries deleted in one transaction, so that no reading waits long behind it.
const RUN: i64 = 5_000;

/// What may go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// Entries that arrived before this journal time, in nanoseconds.
    pub(super) before: Option<i64>,
    /// Greatest size of the file in bytes, free pages not counted.
    pub(super) max_bytes: Option<u64>,
    /// Nothing at or above this offset, whatever the other limits say.
    pub(super) floor: u64,
}

/// What one interval of identities takes in its table, about.
const INTERVAL_BYTES: u64 = 40;

/// Bytes that retention can never free: which readings were stored, and the terms.
pub(super) fn lasting(file: &Connection, intervals: u64) -> rusqlite::Result<u64> {
    let sum = |table: &str| {
        let sql = format!("SELECT coalesce(sum(octet_length(text)), 0) FROM {table}");
        file.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
    };
    Ok(intervals * INTERVAL_BYTES + sum("document")? + sum("piece")?)
}

/// Deletes one run; false once nothing is left that may go.
///
/// For the size it deletes no further than down to twice what lasts: where that alone is beyond the limit, to delete
/// every reading would not help.
pub(super) fn run(
    file: &mut Connection,
    limits: Limits,
    counts: &mut Counts,
    intervals: u64,
) -> rusqlite::Result<bool> {
    let floor = i64::try_from(limits.floor).unwrap_or(i64::MAX);
    let over = match limits.max_bytes {
        Some(max) => {
            let size = size(file)?;
            size > max && size > 2 * lasting(file, intervals)?
        }
        None => false,
    };
    let before = if over { i64::MAX } else { limits.before.unwrap_or(i64::MIN) };
    let transaction = file.transaction()?;
    // Ordered by offset and so by arrival: the first that is too young ends the run.
    let last: Option<i64> = transaction
        .prepare_cached(
            "SELECT max(offset) FROM (SELECT offset, arrived FROM entry WHERE kind IN (1, 2, 3, 9) ORDER BY offset LIMIT ?1)
             WHERE offset < ?2 AND arrived < ?3",
        )?
        .query_row(params![RUN, floor, before], |row| row.get(0))?;
    let Some(last) = last else { return Ok(false) };
    let readings = "FROM entry WHERE offset <= ?1 AND kind = 1";
    transaction
        .prepare_cached(&format!(
            "DELETE FROM by_seq WHERE (device, boot, seq) IN (SELECT device, boot, seq {readings})"
        ))?
        .execute([last])?;
    transaction
        .prepare_cached(&format!(
            "DELETE FROM by_time WHERE (device, time, offset) IN (SELECT device, time, offset {readings})"
        ))?
        .execute([last])?;
    let rejects: i64 = transaction
        .prepare_cached(
            "SELECT coalesce(sum(length(CAST(meta AS BLOB)) + length(body)), 0) FROM entry WHERE offset <= ? AND kind = 2",
        )?
        .query_row([last], |row| row.get(0))?;
    let deleted =
        transaction.prepare_cached("DELETE FROM entry WHERE offset <= ? AND kind IN (1, 2, 3, 9)")?.execute([last])?;
    if rejects > 0 {
        counts.reject_bytes = counts.reject_bytes.saturating_sub(rejects.cast_unsigned());
        counts.save(&transaction)?;
    }
    transaction.commit()?;
    metrics::counter!("truceline_journal_retired_total").increment(deleted as u64);
    Ok(deleted > 0)
}

/// Bytes in use.
pub(super) fn size(file: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name: &str| file.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let pages = pragma("page_count")? - pragma("freelist_count")?;
    Ok((pages * pragma("page_size")?).cast_unsigned())
}
