//! How a command ends when it does not end well.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// Wrong use of the command line (`EX_USAGE`).
pub const USAGE: u8 = 64;
/// Wrong input data (`EX_DATAERR`).
pub const DATA: u8 = 65;
/// Storage failed (`EX_IOERR`).
pub const STORAGE: u8 = 74;
/// Wrong configuration or agreement (`EX_CONFIG`).
pub const CONFIG: u8 = 78;

/// Why a command failed, with its exit code; printed once.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    lines: Vec<String>,
}

impl Failure {
    /// Wrong use of the command line.
    pub fn usage(message: impl Display) -> Self {
        Self { code: USAGE, lines: vec![message.to_string()] }
    }

    /// Wrong input data.
    pub fn data(message: impl Display) -> Self {
        Self { code: DATA, lines: vec![message.to_string()] }
    }

    /// The output cannot be written. Whoever read it and left has seen enough: that is no failure, and nothing is said.
    pub fn output(error: &std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self { code: 0, lines: Vec::new() };
        }
        Self { code: 1, lines: vec![format!("cannot write the output: {error}")] }
    }

    /// Storage failed.
    pub fn storage(error: &anyhow::Error) -> Self {
        Self { code: STORAGE, lines: vec![format!("{error:#}")] }
    }

    /// Wrong configuration, agreement or registry: every fault.
    pub fn config<T: Display>(faults: impl IntoIterator<Item = T>) -> Self {
        Self { code: CONFIG, lines: faults.into_iter().map(|fault| fault.to_string()).collect() }
    }

    /// Its exit code.
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// Prints it on standard error.
    pub(super) fn report(&self) -> ExitCode {
        for line in &self.lines {
            say(line);
        }
        if self.code == CONFIG && self.lines.len() > 1 {
            say(format_args!("{} faults", self.lines.len()));
        }
        ExitCode::from(self.code)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: 1, lines: vec![format!("{error:#}")] }
    }
}

/// Says something on standard error. Whoever read it may have left: that is no failure, and no panic as with `eprintln!`.
pub(super) fn say(message: impl Display) {
    let _ = writeln!(std::io::stderr(), "truceline: {message}");
}

/// What is wrong with one line of JSON: the library counts lines too, but knows only this one.
pub(super) fn json_fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    match error.classify() {
        serde_json::error::Category::Data => what.to_owned(),
        _ => format!("is not JSON: {what} at column {}", error.column()),
    }
}
