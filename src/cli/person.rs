//! `truceline person`: the first admin, and whoever lost a password.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use truceline_core::review::Role;

use super::Failure;
use super::failure::say;
use crate::app::{AddPersonError, Clock, add_person};
use crate::desk::Desk;

/// Arguments of `person`.
#[derive(Args)]
pub(super) struct PersonArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Add somebody who may sign in; the password is the first line of standard input, or of a file
    #[command(after_help = "\
The service may run. A password has at least 12 characters.

  truceline person add jane.doe --role admin --data-dir /var/lib/truceline < password.txt")]
    Add(AddArgs),
}

#[derive(Args)]
struct AddArgs {
    /// The name to sign in with: A-Z, a-z, 0-9, '.', '-', '_' and '@'
    #[arg(value_name = "NAME")]
    name: String,
    /// viewer, analyst, supervisor or admin
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// A file whose first line is the password; without it that of standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The service's `data_dir`
    #[arg(long, value_name = "DIR", default_value = "data")]
    data_dir: PathBuf,
}

/// Does what was asked.
pub(super) fn person(arguments: &PersonArgs) -> Result<(), Failure> {
    let What::Add(add) = &arguments.what;
    let path = add.data_dir.join("desk.db");
    if !path.is_file() {
        let why = format!("{} is not there: name the service's data_dir, or start the service once", path.display());
        return Err(Failure::config([why]));
    }
    let password = password(add)?;
    let desk = Desk::open(&path).map_err(|error| Failure::storage(&error.into()))?;
    let at = Clock::start(None).wall();
    add_person(&desk, at, &add.name, add.role, &password).map_err(|error| match error {
        AddPersonError::Value(why) => Failure::usage(why),
        AddPersonError::Desk(error) => Failure::storage(&error.into()),
    })?;
    say(format_args!("{} may sign in as {}", add.name, add.role));
    Ok(())
}

fn password(add: &AddArgs) -> Result<String, Failure> {
    let text = if let Some(path) = &add.password_file {
        std::fs::read_to_string(path).map_err(|error| Failure::config([format!("{}: {error}", path.display())]))?
    } else {
        if std::io::stdin().is_terminal() {
            say("password (it is shown as you type; --password-file avoids that):");
        }
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.map_err(|error| Failure::usage(format!("standard input: {error}")))?;
        line
    };
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
