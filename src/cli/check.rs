//! `truceline check`: what it understands of a configuration, an agreement and a device registry.

mod map;
mod report;
mod strip;
mod words;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use truceline_core::agreement::{Agreement, AgreementFault};
use truceline_core::time::Time;

use super::Failure;
use super::failure::say;
use crate::config::load_agreement;
use crate::config::{self, Config, ConfigFault, read_registry};

/// Arguments of `check`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct CheckArgs {
    /// Configuration file; its agreement and devices are checked too. Without any of --config, --agreement and
    /// --devices the defaults and the environment are checked
    #[arg(long, env = "TRUCELINE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder with agreement.toml and its GeoJSON files
    #[arg(long, value_name = "DIR")]
    agreement: Option<PathBuf>,
    /// Device registry (TOML)
    #[arg(long, value_name = "FILE")]
    devices: Option<PathBuf>,
    /// Draw what was understood: an SVG or a page, as the name ends in .svg or .html
    #[arg(long, value_name = "FILE", value_parser = map_file)]
    map: Option<PathBuf>,
    /// Draw the versions in force at this time, such as 2026-11-24T03:00:00Z; without it the newest of each
    #[arg(long, value_name = "TIME", requires = "map")]
    at: Option<Time>,
    /// How the result is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

const AFTER_HELP: &str = "\
Examples:
  truceline check --agreement config/agreements/example --devices config/devices/example.toml
  truceline check --agreement my-agreement --map my-agreement.svg
  truceline check --config truceline.toml --format json

Every fault is told at once, each with file, key or vertex, and what to do; then the exit code is \
78. Warnings are about what may not be meant; with them the exit code is 0.";

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON object
    Json,
}

/// What a map is written as.
#[derive(Clone, Copy, PartialEq)]
enum Sheet {
    Svg,
    Page,
}

/// By the ending of its name.
fn sheet(path: &Path) -> Option<Sheet> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "svg" => Some(Sheet::Svg),
        "html" => Some(Sheet::Page),
        _ => None,
    }
}

fn map_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if sheet(&path).is_none() {
        return Err("a map is an SVG or a page; let the name end in .svg or .html".to_owned());
    }
    if path.is_dir() {
        return Err("is a folder; name a file in it".to_owned());
    }
    // Told before the work: of a large agreement it takes a while.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(format!("there is no folder '{}'; make it, or name another", folder.display()));
    }
    if path.metadata().is_ok_and(|file| file.permissions().readonly()) {
        return Err("is read-only; name another file".to_owned());
    }
    Ok(path)
}

/// One fault of any of the files.
#[derive(serde::Serialize)]
struct Fault {
    file: String,
    place: String,
    message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.file, self.place, self.message)
    }
}

/// Checks, prints what was understood, and draws the map.
pub fn run(arguments: &CheckArgs) -> Result<(), Failure> {
    let mut faults: Vec<Fault> = Vec::new();
    let alone = arguments.agreement.is_none() && arguments.devices.is_none();
    let config = if arguments.config.is_some() || alone {
        kept(read_config(arguments.config.as_deref()), &mut faults)
    } else {
        None
    };
    let dir = arguments.agreement.clone().or_else(|| config.as_ref()?.agreement_dir.clone());
    if arguments.map.is_some() && dir.is_none() && faults.is_empty() {
        return Err(Failure::usage("--map draws an agreement; name one with --agreement DIR"));
    }
    let file = arguments.devices.clone().or_else(|| config.as_ref()?.devices_file.clone());
    let agreement = dir.and_then(|dir| kept(read_agreement(&dir), &mut faults));
    let registry = file.and_then(|file| kept(read_registry(&file).map_err(of_config), &mut faults));
    let registry = registry.map(|(_, registry)| registry);
    if !faults.is_empty() {
        if arguments.format == Format::Json {
            print(&json(&serde_json::json!({ "faults": faults })))?;
        }
        return Err(Failure::config(faults));
    }
    if let (Some(at), Some(agreement)) = (arguments.at, &agreement)
        && !agreement.lines.is_empty()
        && agreement.primary_line(at).is_none()
    {
        return Err(Failure::usage(format!("--at {at}: no version of the primary line is in force then")));
    }
    let report = report::Report::new(config.is_some(), agreement.as_ref(), registry.as_ref());
    print(&match arguments.format {
        Format::Table => report.to_string(),
        Format::Json => json(&report),
    })?;
    let (Some(path), Some(agreement)) = (&arguments.map, &agreement) else { return Ok(()) };
    let svg = map::draw(agreement, registry.as_ref(), arguments.at);
    let text = if sheet(path) == Some(Sheet::Page) { map::page(&agreement.name, &svg) } else { svg };
    std::fs::write(path, text)
        .map_err(|error| anyhow::anyhow!("the map cannot be written to {}: {error}", path.display()))?;
    say(format_args!("the map is in {}", path.display()));
    Ok(())
}

/// The value, or its faults added to the others.
fn kept<T>(read: Result<T, Vec<Fault>>, faults: &mut Vec<Fault>) -> Option<T> {
    read.map_err(|found| faults.extend(found)).ok()
}

fn of_config(faults: Vec<ConfigFault>) -> Vec<Fault> {
    let fault = |fault: ConfigFault| Fault { file: fault.source_name, place: fault.key, message: fault.message };
    faults.into_iter().map(fault).collect()
}

fn read_config(file: Option<&Path>) -> Result<Config, Vec<Fault>> {
    config::load(file, config::environment()).map_err(of_config)
}

fn read_agreement(dir: &Path) -> Result<Agreement, Vec<Fault>> {
    load_agreement(dir).map_err(|faults| {
        let fault = |fault: AgreementFault| Fault { file: fault.file, place: fault.place, message: fault.message };
        faults.into_iter().map(fault).collect()
    })
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

/// To standard output; a reader that left early is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(anyhow::Error::from(error).into()),
        _ => Ok(()),
    }
}
