//! Default, file and environment, one over the other.

use std::path::Path;

use toml::{Table, Value};
use truceline_core::spelling::nearest;

use super::{Config, ConfigFault, unreadable, validate};

/// `config/default.toml`: every key with its default.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// Start of every environment variable that is a key.
const PREFIX: &str = "TRUCELINE__";

/// Where each laid-over key came from, for the messages; keys not listed have their default.
pub(super) type Origins = std::collections::BTreeMap<String, String>;

/// Loads the configuration: the defaults, then `file`, then those of `environment` that start with `TRUCELINE__`.
///
/// # Errors
/// Every fault that is found, not only the first.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Vec<ConfigFault>> {
    let mut faults = Vec::new();
    let mut origins = Origins::new();
    let mut merged: Table = match DEFAULT.parse() {
        Ok(table) => table,
        Err(error) => return Err(vec![fault("config/default.toml", "", &format!("{error}"))]),
    };
    if let Some(path) = file {
        let name = path.display().to_string();
        match read(path) {
            Ok(table) => lay_over(&mut merged, table, &name, "", &mut origins, &mut faults),
            Err(message) => faults.push(fault(&name, "the file", &message)),
        }
    }
    let mut variables: Vec<_> = environment.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    variables.sort();
    for (name, text) in variables {
        if let Err(found) = set_from_environment(&mut merged, &name, &text, &mut origins) {
            faults.push(found);
        }
    }
    validate::config(&merged, &origins, faults)
}

/// The process's environment; what is not UTF-8 is no key of ours.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

pub(super) fn fault(source: &str, key: &str, message: &str) -> ConfigFault {
    ConfigFault { source_name: source.to_owned(), key: key.to_owned(), message: message.to_owned() }
}

fn read(path: &Path) -> Result<Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error, "a configuration file"))?;
    text.parse::<Table>().map_err(|error| format!("is not TOML: {}", error.to_string().trim_end()))
}

fn lay_over(
    under: &mut Table,
    over: Table,
    source: &str,
    path: &str,
    origins: &mut Origins,
    faults: &mut Vec<ConfigFault>,
) {
    for (name, value) in over {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let Some(default) = under.get_mut(&name) else {
            faults.push(unknown(source, &key, &name, under.keys()));
            continue;
        };
        match (default, value) {
            (Value::Table(under), Value::Table(over)) => lay_over(under, over, source, &key, origins, faults),
            (default, value) if same_type(default, &value) => {
                *default = value;
                origins.insert(key, source.to_owned());
            }
            (default, value) => {
                let message = format!("{value} is {}; write {}", a_type(&value), a_type(default));
                faults.push(fault(source, &key, &message));
            }
        }
    }
}

fn unknown<'a>(source: &str, key: &str, name: &str, known: impl Iterator<Item = &'a String>) -> ConfigFault {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let remedy = match nearest(name, known.iter().copied()) {
        Some(close) => format!("did you mean '{close}'?"),
        None => format!("remove it, or use one of: {}", known.join(", ")),
    };
    fault(source, key, &format!("there is no such key; {remedy}"))
}

fn same_type(a: &Value, b: &Value) -> bool {
    matches!(
        (a, b),
        (Value::String(_), Value::String(_))
            | (Value::Integer(_), Value::Integer(_))
            | (Value::Boolean(_), Value::Boolean(_))
            | (Value::Array(_), Value::Array(_))
    )
}

fn a_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with decimals",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list in [ ]",
        Value::Table(_) => "a table of keys",
    }
}

fn set_from_environment(merged: &mut Table, name: &str, text: &str, origins: &mut Origins) -> Result<(), ConfigFault> {
    let path: Vec<String> = name[PREFIX.len()..].split("__").map(str::to_lowercase).collect();
    let key = path.join(".");
    let mut table = merged;
    let Some((last, parents)) = path.split_last() else { return Ok(()) };
    for parent in parents {
        let known: Vec<String> = table.keys().cloned().collect();
        table = match table.get_mut(parent) {
            Some(Value::Table(inner)) => inner,
            _ => return Err(unknown(name, &key, parent, known.iter())),
        };
    }
    let known: Vec<String> = table.keys().cloned().collect();
    let Some(value) = table.get_mut(last) else { return Err(unknown(name, &key, last, known.iter())) };
    let wrong = |wanted: &str| fault(name, &key, &format!("'{text}' is not {wanted}"));
    *value = match value {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Integer(_) => Value::Integer(text.trim().parse().map_err(|_| wrong("a whole number"))?),
        Value::Boolean(_) => Value::Boolean(text.trim().parse().map_err(|_| wrong("true or false"))?),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        ),
        other => return Err(fault(name, &key, &format!("is {} and cannot be set whole", a_type(other)))),
    };
    origins.insert(key, name.to_owned());
    Ok(())
}
