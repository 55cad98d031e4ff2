//! `truceline backup` and `truceline restore`.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use truceline_core::engine::ENGINE_VERSION;
use truceline_core::time::Time;

use super::{Failure, progress};
use crate::app::Clock;
use crate::backup::{self, BackupError, MANIFEST, Restored, Take};

/// Arguments of `backup`.
#[derive(Args)]
#[command(after_help = "\
The service may run, and goes on meanwhile. What is in the backup belongs together: nothing in it is ahead of its \
journal. Every file is looked through and named with its SHA-256 in manifest.json, which is written last.

  truceline backup /mnt/backups/2026-11-27 --data-dir /var/lib/truceline")]
pub(super) struct BackupArgs {
    /// Where to: a folder that is empty, or that does not exist
    #[arg(value_name = "DIR")]
    into: PathBuf,
    /// The service's `data_dir`
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,
}

/// Arguments of `restore`.
#[derive(Args)]
#[command(after_help = "\
Readings that were acknowledged after the backup was taken are not in it, and devices were told that they are stored: \
they do not send them again.

  truceline restore /mnt/backups/2026-11-27 --into /var/lib/truceline")]
pub(super) struct RestoreArgs {
    /// The backup's folder, with its manifest.json
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Where to: a folder that is empty, or that does not exist; the service's `data_dir` from then on
    #[arg(long, value_name = "STATE_DIR")]
    into: PathBuf,
}

/// Takes a backup and says what is in it.
pub(super) fn back_up(arguments: &BackupArgs) -> Result<(), Failure> {
    let bar = progress::bytes(0);
    let plan = Take {
        data_dir: &arguments.data_dir,
        into: &arguments.into,
        program: env!("CARGO_PKG_VERSION"),
        engine: ENGINE_VERSION,
        taken_at: Clock::start(None).wall(),
    };
    let taken = watched(&bar, |begin, more| backup::take(&plan, begin, more))?;
    let mut text =
        format!("journal   to entry {}{}, {} readings\n", taken.head, arrived(taken.arrived), taken.readings);
    let _ = writeln!(text, "desk      judged to entry {}", taken.judged_to);
    for file in &taken.files {
        let _ = writeln!(text, "{} {:>12}  {}", file.sha256, file.bytes, file.name);
    }
    let _ = writeln!(text, "backup    {}", arguments.into.join(MANIFEST).display());
    print(&text)
}

/// Restores a backup and says what the next start will do.
pub(super) fn restore(arguments: &RestoreArgs) -> Result<(), Failure> {
    let bar = progress::bytes(0);
    let now = Clock::start(None).wall();
    let Restored { manifest, snapshot } =
        watched(&bar, |begin, more| backup::restore(&arguments.from, &arguments.into, now, begin, more))?;
    let (head, judged) = (manifest.head, manifest.judged_to);
    let mut text = format!(
        "restored  {} of {}: the journal to entry {head}{}, {} readings; the desk judged to entry {judged}\n",
        arguments.into.display(),
        manifest.taken_at,
        arrived(manifest.arrived),
        manifest.readings
    );
    let from = match snapshot {
        Some(offset) if manifest.engine == ENGINE_VERSION => {
            format!("the engine goes on from its snapshot at entry {offset}, {} entries before the head", head - offset)
        }
        Some(_) => "the snapshots are of another engine: the engine is built anew from the journal".to_owned(),
        None => "there is no snapshot: the engine is built anew from the journal".to_owned(),
    };
    let _ = writeln!(text, "next      {from}; sinks go on at their positions and send again what they had sent since");
    let since = manifest.arrived.map_or_else(String::new, |arrived| format!(" after {arrived}"));
    let _ = writeln!(
        text,
        "missing   what was acknowledged{since}: devices were told that it is stored and do not send it again"
    );
    print(&text)
}

fn arrived(at: Option<Time>) -> String {
    at.map_or_else(String::new, |at| format!(" (arrived {at})"))
}

fn watched<T>(
    bar: &ProgressBar,
    work: impl FnOnce(&dyn Fn(u64), &dyn Fn(u64)) -> Result<T, BackupError>,
) -> Result<T, Failure> {
    let done = work(&|total| bar.set_length(total), &|more| bar.inc(more));
    bar.finish_and_clear();
    done.map_err(|error| if error.is_of_the_input() { Failure::data(error) } else { Failure::storage(&error.into()) })
}

fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| Failure::output(&error))
}
