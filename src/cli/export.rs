//! `truceline export`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use truceline_core::alert::Alert;
use truceline_core::audit::Mark;
use truceline_core::engine::{Output, Said};
use truceline_core::event::Event;
use truceline_core::id::Id;
use truceline_core::log::Body;
use truceline_core::time::Time;
use truceline_core::wire::Reading;

use super::Failure;
use super::failure::say;
use super::replay::print_said;
use crate::desk::{AuditState, Desk, DeskError, LogRow};
use crate::journal::{JournalError, Reader};

/// Rows read at once.
const ROWS: usize = 1_000;
/// Bytes of readings read at once.
const READ_BYTES: usize = 32 << 20;

/// Arguments of `export`.
#[derive(Args)]
pub(super) struct ExportArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Events, what rules permit, as JSON Lines
    Events {
        /// Every revision of every event in the order in which they were said, as `truceline replay` prints them;
        /// without it the events as they are now
        #[arg(long)]
        log: bool,
        /// The service's `data_dir`
        #[arg(long, value_name = "DIR", default_value = "data")]
        data_dir: PathBuf,
    },
    /// The audit as JSON Lines, the first entry first
    Audit {
        /// Print nothing but whether the chain of hashes holds, with all that audit.anchor names in it; exit code 65 and
        /// the first entry at which it does not
        #[arg(long)]
        verify: bool,
        /// With --verify: an entry that was noted elsewhere and must be in the chain, as the service's log has it
        #[arg(long = "mark", value_name = "NUMBER:HASH", requires = "verify")]
        marks: Vec<Mark>,
        /// The service's `data_dir`
        #[arg(long, value_name = "DIR", default_value = "data")]
        data_dir: PathBuf,
    },
    /// Readings as JSON Lines, as `truceline replay` reads them. Goes past what is damaged, names it, and ends with 65
    Readings {
        /// The service's `data_dir`
        #[arg(long, value_name = "DIR", default_value = "data")]
        data_dir: PathBuf,
    },
    /// Alerts as JSON Lines
    Alerts {
        /// Every revision of every alert in the order in which they were said, as `truceline replay` prints them;
        /// without it the alerts as they are now
        #[arg(long)]
        log: bool,
        /// The service's `data_dir`
        #[arg(long, value_name = "DIR", default_value = "data")]
        data_dir: PathBuf,
    },
}

/// Prints.
pub(super) fn run(arguments: &ExportArgs) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match &arguments.what {
        What::Alerts { log, data_dir } => alerts(&desk(data_dir)?, *log, &mut out)?,
        What::Readings { data_dir } => readings(data_dir, &mut out)?,
        What::Events { log, data_dir } => events(&desk(data_dir)?, *log, &mut out)?,
        What::Audit { verify: false, data_dir, .. } => audit(&desk(data_dir)?, &mut out)?,
        What::Audit { marks, data_dir, .. } => verify(&desk(data_dir)?, marks, &mut out)?,
    }
    out.flush().map_err(|error| Failure::output(&error))
}

fn storage(error: DeskError) -> Failure {
    Failure::storage(&error.into())
}

fn desk(data_dir: &Path) -> Result<Desk, Failure> {
    let file = data_dir.join("desk.db");
    if !file.exists() {
        return Err(missing(&file));
    }
    Desk::open_to_read(&file).map_err(storage)
}

fn readings(data_dir: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        received_at: Time,
        station: &'a Id,
        reading: &'a Reading,
    }
    let file = data_dir.join("journal.db");
    if !file.exists() {
        return Err(missing(&file));
    }
    let storage = |error: JournalError| Failure::storage(&error.into());
    let reader = Reader::open(&file).map_err(storage)?;
    let (mut after, mut bad) = (0, 0);
    loop {
        let salvage = reader.salvage(after, ROWS, READ_BYTES).map_err(storage)?;
        for (first, last) in &salvage.damaged {
            say(format_args!("{}: entries {first} to {last} are damaged and left out", file.display()));
            bad += last - first + 1;
        }
        if salvage.through == after {
            break;
        }
        after = salvage.through;
        for entry in &salvage.entries {
            let Body::Reading(kept) = &entry.body else { continue };
            match kept.reading() {
                Ok(reading) => {
                    let line = Line { received_at: entry.arrived, station: &kept.station, reading: &reading };
                    serde_json::to_writer(&mut *out, &line).map_err(|error| Failure::output(&error.into()))?;
                    out.write_all(b"\n").map_err(|error| Failure::output(&error))?;
                }
                Err(fault) => {
                    say(format_args!("{}: entry {} is no reading any more: {fault}", file.display(), entry.offset));
                    bad += 1;
                }
            }
        }
    }
    match bad {
        0 => Ok(()),
        _ => Err(Failure::data(format!(
            "{bad} entries are damaged and left out; restore the last backup beside this copy"
        ))),
    }
}

fn missing(file: &Path) -> Failure {
    Failure::data(format!("{} is not there; name the service's data_dir with --data-dir", file.display()))
}

fn alerts(desk: &Desk, log: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let now = |alert: &Alert| Ok(desk.alert(alert.id)?.is_none_or(|now| now.revision == alert.revision));
    said(|after| desk.log(after, ROWS), |alert| if log { Ok(true) } else { now(alert) }, out)
}

fn events(desk: &Desk, log: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let now = |event: &Event| Ok(desk.event(event.id)?.is_none_or(|now| now.revision == event.revision));
    said(|after| desk.event_log(after, ROWS), |event| if log { Ok(true) } else { now(event) }, out)
}

/// Prints a log's rows that are wanted; goes past those that cannot be read, names them, and fails at the end.
fn said<T: Into<Said>>(
    read: impl Fn(u64) -> Result<Vec<LogRow<T>>, DeskError>,
    is_wanted: impl Fn(&T) -> Result<bool, DeskError>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (mut after, mut bad) = (0, 0_u64);
    loop {
        let rows = read(after).map_err(storage)?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in rows {
            match row.said {
                Ok(said) if is_wanted(&said).map_err(storage)? => {
                    print_said(out, &Output { offset: row.offset, n: row.n, said: said.into() })?;
                }
                Ok(_) => {}
                Err(fault) => {
                    say(format_args!("row {} of the log: {fault}", row.seq));
                    bad += 1;
                }
            }
        }
    }
    match bad {
        0 => Ok(()),
        _ => Err(Failure::data(format!("{bad} rows cannot be read and were left out; restore the desk from a backup"))),
    }
}

fn audit(desk: &Desk, out: &mut dyn Write) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let rows = desk.audit_log(after, ROWS).map_err(storage)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.seq);
        for entry in &rows {
            serde_json::to_writer(&mut *out, entry).map_err(|error| Failure::output(&error.into()))?;
            out.write_all(b"\n").map_err(|error| Failure::output(&error))?;
        }
    }
}

fn verify(desk: &Desk, marks: &[Mark], out: &mut dyn Write) -> Result<(), Failure> {
    let (entries, hash, anchored) = match desk.verify_audit(marks.to_vec()).map_err(storage)? {
        AuditState::Broken(broken) => return Err(Failure::data(broken)),
        AuditState::Holds { entries: 0, .. } => {
            return Err(Failure::data(
                "the audit has no entry, though the service writes one at each start; look whether they were removed",
            ));
        }
        AuditState::Holds { entries, hash, anchored } => (entries, hash, anchored),
    };
    if anchored.is_none() && marks.is_empty() {
        return Err(Failure::data(format!(
            "{entries} entries hold, but audit.anchor is not beside desk.db: whether the end was cut off cannot be told; \
             give --mark with an entry noted elsewhere, such as one of the service's log"
        )));
    }
    let with = match (anchored, marks.len()) {
        (Some(anchored), 0) => format!("{anchored} of audit.anchor"),
        (Some(anchored), given) => format!("{anchored} of audit.anchor and {given} given"),
        (None, given) => format!("{given} given"),
    };
    writeln!(out, "{entries} entries hold, with the marks among them ({with}); the newest is {entries}:{hash}")
        .map_err(|error| Failure::output(&error))
}
