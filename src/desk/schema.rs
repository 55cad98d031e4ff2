//! The desk's tables, and how an older file is brought to them.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::error::DeskError;

/// Each step brings a file from the version of its index to the next; steps are only ever added.
const STEPS: [&str; 5] = [
    "
    -- How far the journal has been judged: everything that entries up to `through` caused is in the log.
    CREATE TABLE cursor (one INTEGER PRIMARY KEY CHECK (one = 1), through INTEGER NOT NULL) STRICT;
    INSERT INTO cursor VALUES (1, 0);
    -- The journal that all of it follows from.
    CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), journal INTEGER NOT NULL) STRICT;
    -- The current revision of each alert, with the columns that lists filter by.
    CREATE TABLE alert (
        id TEXT PRIMARY KEY,
        first_seq INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        rule TEXT NOT NULL,
        category TEXT NOT NULL,
        severity INTEGER NOT NULL,
        status TEXT NOT NULL,
        open INTEGER NOT NULL,
        started INTEGER NOT NULL,
        last INTEGER NOT NULL,
        json TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX alert_by_opening ON alert (first_seq);
    CREATE INDEX alert_open ON alert (first_seq) WHERE open = 1;
    CREATE INDEX alert_by_rule ON alert (rule, first_seq);
    -- Every revision, in the order said; seq has no gaps.
    CREATE TABLE alert_log (
        seq INTEGER PRIMARY KEY,
        offset INTEGER NOT NULL,
        n INTEGER NOT NULL,
        alert TEXT NOT NULL,
        revision INTEGER NOT NULL,
        written_at INTEGER NOT NULL,
        json TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX alert_log_by_cause ON alert_log (offset, n);
    CREATE UNIQUE INDEX alert_log_by_alert ON alert_log (alert, revision);
    -- Readings that alerts cite, kept for good, whatever the journal's retention removes.
    CREATE TABLE evidence (
        offset INTEGER PRIMARY KEY,
        device TEXT NOT NULL,
        boot INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        time INTEGER NOT NULL,
        kind TEXT NOT NULL,
        encoding TEXT NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
",
    "
    -- The current revision of each event, with the columns that lists filter by.
    CREATE TABLE event (
        id TEXT PRIMARY KEY,
        first_seq INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        rule TEXT NOT NULL,
        category TEXT NOT NULL,
        subject TEXT NOT NULL,
        zone TEXT,
        status TEXT NOT NULL,
        open INTEGER NOT NULL,
        started INTEGER NOT NULL,
        last INTEGER NOT NULL,
        json TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX event_by_opening ON event (first_seq);
    CREATE INDEX event_open ON event (first_seq) WHERE open = 1;
    CREATE INDEX event_by_rule ON event (rule, first_seq);
    CREATE INDEX event_by_subject ON event (subject, first_seq);
    -- Every revision, in the order said; seq has no gaps. What (offset, n) names is in this log or the alerts'.
    CREATE TABLE event_log (
        seq INTEGER PRIMARY KEY,
        offset INTEGER NOT NULL,
        n INTEGER NOT NULL,
        event TEXT NOT NULL,
        revision INTEGER NOT NULL,
        written_at INTEGER NOT NULL,
        json TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX event_log_by_cause ON event_log (offset, n);
    CREATE UNIQUE INDEX event_log_by_event ON event_log (event, revision);
",
    "
    -- Who did what, as a chain of hashes; entries are added, and nothing else.
    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        previous TEXT NOT NULL,
        hash TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_action ON audit (action, seq);
    CREATE TRIGGER audit_is_not_altered BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'entries of the audit are not altered'); END;
    CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'entries of the audit are not removed'); END;
",
    // Not a check of the row alone: INSERT OR REPLACE would remove an entry without the trigger above.
    "
    CREATE TRIGGER audit_is_added_to_at_its_end BEFORE INSERT ON audit
        WHEN NEW.seq IS NOT (SELECT max(0, coalesce(max(seq), 0)) + 1 FROM audit)
            OR NEW.previous IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1),
                '0000000000000000000000000000000000000000000000000000000000000000')
        BEGIN SELECT RAISE(ABORT, 'entries of the audit are added at its end'); END;
",
    "
    -- What people decided about an alert, as it stands; it follows from its steps.
    CREATE TABLE review (
        alert TEXT PRIMARY KEY,
        revision INTEGER NOT NULL,
        stage TEXT NOT NULL,
        assignee TEXT,
        shelved_until INTEGER,
        json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX review_by_stage ON review (stage);
    CREATE TABLE review_step (
        seq INTEGER PRIMARY KEY,
        alert TEXT NOT NULL,
        n INTEGER NOT NULL,
        at INTEGER NOT NULL,
        json TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX review_step_by_alert ON review_step (alert, n);
    CREATE TRIGGER review_step_is_not_altered BEFORE UPDATE ON review_step
        BEGIN SELECT RAISE(ABORT, 'steps of a review are not altered'); END;
    CREATE TRIGGER review_step_is_not_removed BEFORE DELETE ON review_step
        BEGIN SELECT RAISE(ABORT, 'steps of a review are not removed'); END;
    -- Attached files, each once.
    CREATE TABLE attachment (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    -- Who may sign in; secrets are hashes.
    CREATE TABLE person (
        name TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        password TEXT NOT NULL,
        disabled INTEGER NOT NULL,
        made_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE session (
        hash BLOB PRIMARY KEY,
        person TEXT NOT NULL REFERENCES person (name),
        csrf TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX session_by_person ON session (person, made_at);
    CREATE TABLE token (
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        made_by TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        revoked_at INTEGER
    ) STRICT;
",
];

/// The newest schema version that this program knows.
pub const fn known_schema() -> i64 {
    STEPS.len() as i64
}

/// Opens the file for writing, its schema brought to the newest.
pub(super) fn open(path: &Path) -> Result<Connection, DeskError> {
    let fault = |source| DeskError::Open { path: path.to_path_buf(), source };
    let mut connection = Connection::open(path).map_err(fault)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(fault)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(fault)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)?;
    let known = STEPS.len() as i64;
    if found > known {
        return Err(DeskError::Newer { path: path.to_path_buf(), found, known });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step).map_err(fault)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(fault)?;
    transaction.commit().map_err(fault)?;
    Ok(connection)
}

/// Refuses a file that another version wrote, for one that may not be brought to this one.
pub(super) fn check(path: &Path, connection: &Connection) -> Result<(), DeskError> {
    let fault = |source| DeskError::Open { path: path.to_path_buf(), source };
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(fault)?;
    let (path, known) = (path.to_path_buf(), STEPS.len() as i64);
    match found.cmp(&known) {
        std::cmp::Ordering::Less => Err(DeskError::Older { path, found, known }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(DeskError::Newer { path, found, known }),
    }
}
