//! What is in deploy/ works as far as a machine without containers can tell.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, missing_docs)]

mod broker;
mod containers;
mod dashboard;
#[path = "../harness/mod.rs"]
mod harness;
mod unit;

use std::fs;
use std::path::Path;

/// A file of deploy/.
pub(crate) fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The variables of a text that begin with `TRUCELINE__`.
pub(crate) fn variables(text: &str) -> Vec<String> {
    text.split(|character: char| !(character.is_ascii_uppercase() || character == '_'))
        .filter(|word| word.starts_with("TRUCELINE__"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_variable_in_deploy_is_a_key_of_the_configuration() {
    for name in ["compose.yaml", "Dockerfile", "truceline.service"] {
        let variables = variables(&file(name));
        assert!(!variables.is_empty(), "{name}");
        let environment = variables.into_iter().map(|variable| (variable, "x".to_owned()));
        let faults = truceline::config::load(None, environment).expect_err("x is no value for most");
        let unknown: Vec<String> =
            faults.iter().filter(|fault| fault.message.contains("no such key")).map(ToString::to_string).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}
