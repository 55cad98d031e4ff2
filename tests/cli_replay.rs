//! `truceline replay` as its user meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const TERMS: [&str; 4] = ["--agreement", "config/agreements/example", "--devices", "config/devices/example.toml"];

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_truceline"));
    command.arg("replay").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command
}

fn replay(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Explosions heard by one station, so many seconds after one another.
fn readings(count: u64, every_s: u64) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for seq in 1..=count {
        let second = seq * every_s;
        let time = format!("2026-11-24T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
        writeln!(
            file,
            r#"{{"v":1,"device":"st02-ac01","boot":1,"seq":{seq},"time":"{time}","clock":{{"source":"gnss"}},"kind":"acoustic_detection","data":{{"class":"explosion","confidence":0.9,"bearing_deg":110,"bearing_sd_deg":4}}}}"#
        )
        .unwrap();
    }
    file
}

#[test]
fn what_is_held_back_at_the_end_is_told_so_that_counts_are_complete() {
    let file = readings(5, 1);
    let output = replay(&[&TERMS[..], &[text(file.path())]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(printed.lines().last().unwrap()).unwrap();
    assert_eq!(last["detections"], 5, "{printed}");
}

#[test]
fn what_is_no_journal_is_wrong_input_and_the_journal_nearby_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let told = |path: &Path| {
        let output = replay(&["--from-journal", text(path)]);
        assert_eq!(output.status.code(), Some(65), "{}", stderr(&output));
        stderr(&output)
    };
    assert!(told(dir.path()).contains("name a service's journal.db"));
    let journal = dir.path().join("journal.db");
    std::fs::write(&journal, "something else").unwrap();
    assert!(told(dir.path()).contains(&format!("did you mean {}?", text(&journal))));
    assert!(told(&journal).contains("is no Truceline journal"));
    let other = rusqlite::Connection::open(dir.path().join("other.db")).unwrap();
    other.execute_batch("CREATE TABLE t (a); PRAGMA user_version = 1;").unwrap();
    assert!(told(&dir.path().join("other.db")).contains("is no Truceline journal"));
    other.execute_batch("CREATE TABLE entry (a)").unwrap();
    let output = replay(&["--from-journal", text(&dir.path().join("other.db"))]);
    assert!(stderr(&output).contains("start the service on it once"), "{}", stderr(&output));
}

#[test]
fn without_terms_both_ways_to_give_them_are_named() {
    let output = replay(&[]);
    assert_eq!(output.status.code(), Some(64));
    let told = stderr(&output);
    assert!(told.contains("--agreement") && told.contains("--from-journal"), "{told}");
    let output = replay(&["--agreement", "README.md"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("name the folder"), "{}", stderr(&output));
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let file = readings(1_000, 60);
    let mut child = command(&[&TERMS[..], &[text(file.path())]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 1]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}
