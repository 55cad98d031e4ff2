//! `truceline export`.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use truceline_core::audit::Verifier;
use truceline_core::engine::Output;

use super::Failure;
use super::replay::print_said;
use crate::desk::{Desk, DeskError};

/// Rows read at once.
const ROWS: usize = 1_000;

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
        /// Print nothing but whether the chain of hashes holds; exit code 65 and the first entry at which it does not
        #[arg(long)]
        verify: bool,
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
        What::Events { log, data_dir } => events(&desk(data_dir)?, *log, &mut out)?,
        What::Audit { verify, data_dir } => audit(&desk(data_dir)?, *verify, &mut out)?,
    }
    out.flush().map_err(|error| Failure::output(&error))
}

fn storage(error: DeskError) -> Failure {
    Failure::storage(&error.into())
}

fn desk(data_dir: &Path) -> Result<Desk, Failure> {
    let file = data_dir.join("desk.db");
    if !file.exists() {
        return Err(Failure::data(format!(
            "{} is not there; name the service's data_dir with --data-dir",
            file.display()
        )));
    }
    Desk::open(&file).map_err(storage)
}

fn alerts(desk: &Desk, log: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let rows = desk.log(after, ROWS).map_err(storage)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.seq;
        for row in rows {
            let is_now =
                || desk.alert(row.alert.id).map(|now| now.is_none_or(|now| now.revision == row.alert.revision));
            if log || is_now().map_err(storage)? {
                print_said(out, &Output { offset: row.offset, n: row.n, said: row.alert.into() })?;
            }
        }
    }
}

fn events(desk: &Desk, log: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let rows = desk.event_log(after, ROWS).map_err(storage)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.seq;
        for row in rows {
            let is_now =
                || desk.event(row.event.id).map(|now| now.is_none_or(|now| now.revision == row.event.revision));
            if log || is_now().map_err(storage)? {
                print_said(out, &Output { offset: row.offset, n: row.n, said: row.event.into() })?;
            }
        }
    }
}

fn audit(desk: &Desk, verify: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let mut verifier = Verifier::default();
    let mut after = 0;
    loop {
        let rows = desk.audit_log(after, ROWS).map_err(storage)?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for entry in &rows {
            if verify {
                verifier.take(entry).map_err(Failure::data)?;
            } else {
                serde_json::to_writer(&mut *out, entry).map_err(|error| Failure::output(&error.into()))?;
                out.write_all(b"\n").map_err(|error| Failure::output(&error))?;
            }
        }
    }
    if verify {
        let (entries, hash) = verifier.held();
        if entries == 0 {
            return Err(Failure::data(
                "the audit has no entry, though the service writes one at each start; look whether they were removed",
            ));
        }
        writeln!(out, "{entries} entries hold; the newest has hash {hash}").map_err(|error| Failure::output(&error))?;
    }
    Ok(())
}
