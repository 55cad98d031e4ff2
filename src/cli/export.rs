//! `truceline export`.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use truceline_core::engine::Output;

use super::Failure;
use super::replay::print_said;
use crate::desk::Desk;

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
    let What::Alerts { log, data_dir } = &arguments.what;
    let file = data_dir.join("desk.db");
    if !file.exists() {
        return Err(Failure::data(format!(
            "{} is not there; name the service's data_dir with --data-dir",
            file.display()
        )));
    }
    let storage = |error: crate::desk::DeskError| Failure::storage(&error.into());
    let desk = Desk::open(&file).map_err(storage)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut after = 0;
    loop {
        let rows = desk.log(after, ROWS).map_err(storage)?;
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in rows {
            let is_now =
                || desk.alert(row.alert.id).map(|now| now.is_none_or(|now| now.revision == row.alert.revision));
            if *log || is_now().map_err(storage)? {
                print_said(&mut out, &Output { offset: row.offset, n: row.n, said: row.alert.into() })?;
            }
        }
    }
    out.flush().map_err(|error| Failure::output(&error))
}
