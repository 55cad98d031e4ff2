//! The rules of the house, held by a test. ARCHITECTURE.md gives their reasons.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreadable_literal)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const PARTS: [&str; 8] = ["intake", "journal", "evaluator", "desk", "sinks", "http", "broker", "people"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` with one of these endings, as (path from the root, text), sorted.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !["target", "node_modules", ".git", "dist"].contains(&name.as_str()) {
                    walk(&path, found);
                }
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found
        .into_iter()
        .filter(|path| endings.iter().any(|ending| path.extension().is_some_and(|own| own == *ending)))
        .map(|path| {
            let text = String::from_utf8_lossy(&fs::read(&path).expect("readable")).into_owned();
            (path.strip_prefix(root()).expect("below the root").display().to_string(), text)
        })
        .collect()
}

fn rust_files() -> Vec<(String, String)> {
    let mut all = files("src", &["rs"]);
    for folder in ["core", "firmware-sim", "tests", "benches", "fuzz"] {
        all.extend(files(folder, &["rs"]));
    }
    assert!(all.len() > 40, "the walk found {} files: it is broken", all.len());
    all
}

/// Lines that are code: comments and what follows `#[cfg(test)]` left out.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line))
}

fn none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn parts_do_not_import_one_another() {
    let mut found = Vec::new();
    for part in PARTS {
        let sources = files(&format!("src/{part}"), &["rs"]);
        assert!(!sources.is_empty(), "part {part} has no files");
        for (path, text) in sources {
            for (number, line) in code_lines(&text) {
                for other in PARTS.iter().chain(&["app", "cli", "config"]).filter(|other| **other != part) {
                    if line.contains(&format!("crate::{other}")) || line.contains(&format!("truceline::{other}::")) {
                        found.push(format!("{path}:{number}: {}", line.trim()));
                    }
                }
            }
        }
    }
    none("parts meet in app.rs, through small types of their own", &found);
}

#[test]
fn the_wall_clock_is_read_in_two_places_only() {
    let mut found = Vec::new();
    for folder in ["src", "core/src", "firmware-sim/src"] {
        for (path, text) in files(folder, &["rs"]) {
            if path == "src/app.rs" || path.starts_with("src/app/") || path.ends_with("firmware-sim/src/driver.rs") {
                continue;
            }
            for (number, line) in code_lines(&text) {
                if ["SystemTime::now", "Timestamp::now", "Zoned::now", "UNIX_EPOCH"]
                    .iter()
                    .any(|call| line.contains(call))
                {
                    found.push(format!("{path}:{number}: {}", line.trim()));
                }
            }
        }
    }
    none("the wall clock is read in src/app.rs and the simulator's driver", &found);
}

#[test]
fn the_core_does_no_io_and_depends_on_nothing_that_does() {
    let manifest: toml::Table =
        fs::read_to_string(root().join("core/Cargo.toml")).expect("readable").parse().expect("TOML");
    let allowed = ["geo", "jiff", "minicbor", "robust", "serde", "serde_json", "sha2", "thiserror", "toml", "uuid"];
    let foreign: Vec<String> = manifest["dependencies"]
        .as_table()
        .expect("dependencies")
        .keys()
        .filter(|name| !allowed.contains(&name.as_str()))
        .cloned()
        .collect();
    none("a new dependency of the core needs a thought: does it do I/O?", &foreign);
    let mut found = Vec::new();
    for (path, text) in files("core/src", &["rs"]) {
        for (number, line) in code_lines(&text) {
            let banned = [
                "std::fs",
                "std::net",
                "std::env",
                "std::thread",
                "std::process",
                "std::io",
                "Instant",
                "async fn",
                "HashMap",
                "HashSet",
                "static mut",
                "OnceLock",
                "LazyLock",
                "println!",
                "thread_local!",
            ];
            if let Some(word) = banned.iter().find(|word| line.contains(**word)) {
                found.push(format!("{path}:{number}: {word}"));
            }
        }
    }
    none("core: no I/O, clock, thread, async, environment, global, nor order of a HashMap", &found);
}

#[test]
fn no_queue_is_unbounded() {
    let mut found = Vec::new();
    for folder in ["src", "firmware-sim/src"] {
        for (path, text) in files(folder, &["rs"]) {
            for (number, line) in code_lines(&text) {
                if ["unbounded_channel", "mpsc::channel()", "channel::<()>()", "unbounded("]
                    .iter()
                    .any(|call| line.contains(call))
                {
                    found.push(format!("{path}:{number}: {}", line.trim()));
                }
            }
        }
    }
    none("every queue has a limit", &found);
}

#[test]
fn files_are_short_and_main_is_thin() {
    let mut found = Vec::new();
    let mut sources = rust_files();
    for folder in ["src", "web"] {
        sources.extend(files(folder, &["js", "ts", "svelte", "css", "html"]));
    }
    for (path, text) in sources {
        let lines = text.lines().count();
        let limit = if path.ends_with("main.rs") { 60 } else { 800 };
        if lines > limit {
            found.push(format!("{path} has {lines} lines, at most {limit}"));
        }
    }
    none("files are one idea", &found);
}

#[test]
fn no_module_is_a_drawer() {
    let drawers = ["utils", "util", "helpers", "helper", "common", "manager", "misc"];
    let found: Vec<String> = rust_files()
        .into_iter()
        .map(|(path, _)| path)
        .filter(|path| path.split(['/', '.']).any(|name| drawers.contains(&name)))
        .collect();
    none("a module is named for its idea", &found);
}

#[test]
fn tests_neither_skip_nor_sleep() {
    let mut found = Vec::new();
    for (path, text) in rust_files() {
        if path == "tests/tidy.rs" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("#[ignore") {
                found.push(format!("{path}:{}: ignored", number + 1));
            }
            let reason_above =
                text.lines().nth(number.wrapping_sub(1)).is_some_and(|above| above.trim_start().starts_with("//"));
            if (line.contains("thread::sleep") || line.contains("time::sleep("))
                && !reason_above
                && path.contains("tests/")
            {
                found.push(format!("{path}:{}: sleeps without a reason above it", number + 1));
            }
        }
    }
    none("tests await conditions", &found);
}

fn backticked(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_configuration_key_is_documented() {
    let table: toml::Table =
        fs::read_to_string(root().join("config/default.toml")).expect("readable").parse().expect("TOML");
    let mut keys = BTreeSet::new();
    for (name, value) in &table {
        match value {
            toml::Value::Table(inner) => keys.extend(inner.keys().map(|key| format!("{name}.{key}"))),
            _ => {
                keys.insert(name.clone());
            }
        }
    }
    let page = fs::read_to_string(root().join("docs/configuration.md")).expect("docs/configuration.md");
    let told = backticked(&page);
    none(
        "keys that docs/configuration.md does not tell",
        &keys.iter().filter(|key| !told.contains(key.as_str())).cloned().collect::<Vec<_>>(),
    );
    let stale: Vec<String> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.split('`').nth(1).map(str::to_owned))
        .filter(|key| !keys.contains(key))
        .collect();
    none("keys that docs/configuration.md tells and nobody reads", &stale);
}

#[test]
fn every_metric_is_documented() {
    let mut metrics = BTreeSet::new();
    for (_, text) in files("src", &["rs"]) {
        for (_, line) in code_lines(&text) {
            for word in line.split('"').skip(1).step_by(2) {
                let metric = word.starts_with("truceline_")
                    && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit());
                if metric {
                    metrics.insert(word.to_owned());
                }
            }
        }
    }
    assert!(metrics.len() > 10, "the search found {} metrics: it is broken", metrics.len());
    let page = fs::read_to_string(root().join("docs/metrics.md")).expect("docs/metrics.md");
    let told = backticked(&page);
    none(
        "metrics that docs/metrics.md does not tell",
        &metrics.iter().filter(|metric| !told.contains(metric.as_str())).cloned().collect::<Vec<_>>(),
    );
    let stale: Vec<String> = told
        .into_iter()
        .filter(|word| word.starts_with("truceline_") && !metrics.contains(*word))
        .map(str::to_owned)
        .collect();
    none("metrics that docs/metrics.md tells and nobody counts", &stale);
    let mut rows = BTreeSet::new();
    let twice: Vec<String> = page
        .lines()
        .filter(|line| line.starts_with("| `truceline_"))
        .filter_map(|line| line.split('`').nth(1).map(str::to_owned))
        .filter(|metric| !rows.insert(metric.clone()))
        .collect();
    none("metrics with two rows in docs/metrics.md", &twice);
}

#[test]
fn every_folder_of_the_parts_opens_with_what_it_is_for() {
    let found: Vec<String> = rust_files()
        .into_iter()
        .filter(|(_, text)| !text.trim_start().starts_with("//!"))
        .map(|(path, _)| path)
        .filter(|path| !path.ends_with("build.rs"))
        .collect();
    none("files open with //! and what they are for", &found);
}

#[test]
fn the_tree_names_no_machine() {
    let mut all = rust_files();
    for folder in ["docs", "config", "deploy", "scripts", ".ci", "web"] {
        all.extend(files(folder, &["md", "toml", "sh", "yaml", "yml", "conf", "service", "json", "js", "ts", ""]));
    }
    for file in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile"] {
        all.push((file.to_owned(), fs::read_to_string(root().join(file)).expect(file)));
    }
    let words = ["/work/".to_owned(), format!("../{}", "shared"), "/root/".to_owned()];
    let found: Vec<String> = all
        .iter()
        .filter(|(path, _)| path != "tests/tidy.rs")
        .flat_map(|(path, text)| {
            words.iter().filter(|word| text.contains(*word)).map(move |word| format!("{path}: {word}"))
        })
        .collect();
    none("no path of somebody's machine in the tree", &found);
}

#[test]
fn the_lock_file_has_one_source_and_one_tls_stack() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock");
    let sources: BTreeSet<&str> = lock.lines().filter_map(|line| line.strip_prefix("source = ")).collect();
    assert_eq!(sources.len(), 1, "one registry, nothing from git: {sources:?}");
    for name in ["openssl-sys", "native-tls"] {
        assert!(!lock.contains(&format!("name = \"{name}\"")), "{name}: rustls is the one TLS stack");
    }
}
