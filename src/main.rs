//! Parses the arguments, runs, and maps the error to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    truceline::cli::main()
}
