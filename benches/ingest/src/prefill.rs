//! A journal with many readings before the measurement begins, made by SQL: only its size matters.

use std::path::Path;

use anyhow::Context as _;
use rusqlite::{Connection, params};

/// Devices of the rows; none of them is measured.
const DEVICES: u64 = 10_000;
/// Rows in one transaction.
const RUN: u64 = 1_000_000;

/// Adds `rows` readings, indexed, behind what is there. The service must not be running.
pub fn fill(journal: &Path, rows: u64) -> anyhow::Result<()> {
    let mut file = Connection::open(journal).with_context(|| format!("cannot open {}", journal.display()))?;
    file.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144;")?;
    let (head, arrived): (i64, i64) =
        file.query_row("SELECT max(offset), max(arrived) FROM entry", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    file.execute_batch("INSERT OR IGNORE INTO station (name) VALUES ('filled')")?;
    let station: i64 = file.query_row("SELECT id FROM station WHERE name = 'filled'", [], |row| row.get(0))?;
    let device: i64 = file.query_row("SELECT coalesce(max(id), 0) + 1 FROM device", [], |row| row.get(0))?;
    file.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
         INSERT INTO device (id, name, incarnation) SELECT ?1 + i, 'filled-' || i, 0 FROM n",
        params![device, DEVICES.cast_signed()],
    )?;
    let mut from = 0;
    while from < rows {
        let to = rows.min(from + RUN);
        let step = file.transaction()?;
        let range = params![
            from.cast_signed(),
            to.cast_signed(),
            head,
            arrived,
            station,
            device,
            DEVICES.cast_signed(),
            arrived / 1_000_000_000
        ];
        step.execute(
            "WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
             INSERT INTO entry (offset, arrived, kind, station, device, boot, seq, time, note, body)
             SELECT ?3 + 1 + i, ?4, 1, ?5, ?6 + i % ?7, 9, i / ?7, ?4, 0, CAST(printf(
                 '{\"v\":1,\"device\":\"filled-%d\",\"boot\":9,\"seq\":%d,\"time\":\"%sZ\",\"clock\":{\"source\":\"gnss\",\"uncertainty_ms\":5},\"position\":{\"lat\":48.123456,\"lon\":37.912345,\"alt_m\":121,\"hacc_m\":4.0,\"fix\":\"3d\",\"satellites\":11},\"kind\":\"health\",\"data\":{\"battery_pct\":80.5,\"enclosure\":\"closed\",\"tilt_deg\":0.3}}',
                 i % ?7, i / ?7, strftime('%Y-%m-%dT%H:%M:%S', ?8, 'unixepoch')) AS BLOB) FROM n",
            range,
        )?;
        let chosen = "FROM entry WHERE offset > ?1 AND offset <= ?2";
        let through = head + to.cast_signed();
        let range = params![head + from.cast_signed(), through];
        step.execute(&format!("INSERT INTO by_seq SELECT device, boot, seq, offset {chosen} ORDER BY 1, 2, 3"), range)?;
        step.execute(&format!("INSERT INTO by_time SELECT device, time, offset {chosen} ORDER BY 1, 2, 3"), range)?;
        for (key, value) in [("head", through), ("arrived", arrived), ("indexed_through", through)] {
            step.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", params![key, value])?;
        }
        step.commit()?;
        from = to;
    }
    file.execute(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < min(?2, ?3))
         INSERT INTO seen (device, boot, lo, hi) SELECT ?1 + i, 9, 0, (?3 - 1 - i) / ?2 FROM n",
        params![device, DEVICES.cast_signed(), rows.cast_signed()],
    )?;
    file.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}
