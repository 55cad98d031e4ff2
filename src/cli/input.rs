//! What a command reads: a file or standard input, with its progress.

use std::fs::File;
use std::io::{IsTerminal, Read};

use indicatif::ProgressBar;

use super::failure::say;
use super::{Failure, progress};
use crate::config::unreadable;

/// An input and how far it is read.
pub(super) struct Input {
    pub(super) progress: Progress,
    pub(super) reader: Box<dyn Read + Send>,
}

/// By bytes where the size is known, else by what was made of them.
pub(super) struct Progress {
    bar: ProgressBar,
    by_bytes: bool,
}

impl Progress {
    /// So many more were worked off.
    pub(super) fn count(&self, more: u64) {
        if !self.by_bytes {
            self.bar.inc(more);
        }
    }

    /// Says something on standard error without disturbing the bar.
    pub(super) fn say(&self, message: &str) {
        self.bar.suspend(|| say(format_args!("{message}")));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Opens the file `name`, which holds `things`; `-` is standard input.
pub(super) fn open(name: &str, things: &'static str) -> Result<Input, Failure> {
    // Answers that run over the screen leave no place for a bar.
    let is_shown = !std::io::stdout().is_terminal();
    let counted = || if is_shown { progress::count(things) } else { ProgressBar::hidden() };
    if name == "-" {
        let input = std::io::stdin();
        if input.is_terminal() {
            say(format_args!("reading {things} from the terminal; Ctrl-D ends them"));
            let progress = Progress { bar: ProgressBar::hidden(), by_bytes: false };
            return Ok(Input { progress, reader: Box::new(input) });
        }
        return Ok(Input { progress: Progress { bar: counted(), by_bytes: false }, reader: Box::new(input) });
    }
    let fault = |error: std::io::Error| {
        Failure::data(format!("{name}: {}", unreadable(&error, &format!("a file of {things}"))))
    };
    let file = File::open(name).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if metadata.is_dir() {
        return Err(Failure::data(format!("{name}: is a folder; name a file of {things}")));
    }
    if metadata.is_file() && is_shown {
        let bar = progress::bytes(metadata.len());
        let reader = Box::new(bar.wrap_read(file));
        return Ok(Input { progress: Progress { bar, by_bytes: true }, reader });
    }
    Ok(Input { progress: Progress { bar: counted(), by_bytes: false }, reader: Box::new(file) })
}
