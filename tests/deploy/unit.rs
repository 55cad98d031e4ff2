//! The systemd unit, as systemd itself reads it.

use std::fs;
use std::process::Command;

use crate::file;

/// The unit with a program that is there, for systemd looks for it.
fn unit() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("truceline.service");
    let text = file("truceline.service");
    assert!(text.contains("ExecStart=/usr/local/bin/truceline "));
    let text = text.replace("/usr/local/bin/truceline", env!("CARGO_BIN_EXE_truceline"));
    fs::write(&path, text).expect("written");
    (dir, path)
}

#[test]
fn systemd_has_nothing_to_say_against_the_unit() {
    let (_dir, path) = unit();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output()
        .expect("systemd-analyze; `make setup` installs it");
    // An unknown key is only a warning: the exit code alone says nothing of it.
    let words = String::from_utf8_lossy(&output.stderr);
    let about: Vec<&str> = words.lines().filter(|line| line.contains("truceline.service")).collect();
    assert!(output.status.success() && about.is_empty(), "{words}");
}

#[test]
fn the_units_exposure_is_low() {
    let (_dir, path) = unit();
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--no-pager", "--threshold=15"])
        .arg(&path)
        .output()
        .expect("systemd-analyze; `make setup` installs it");
    assert!(output.status.success(), "exposure above 1.5: {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_unit_does_not_start_again_what_would_fail_again() {
    let text = file("truceline.service");
    assert!(text.contains("RestartPreventExitStatus=64 78"));
    let status = Command::new(env!("CARGO_BIN_EXE_truceline"))
        .args(["run", "--config", "/nonexistent/truceline.toml"])
        .output()
        .expect("truceline")
        .status;
    assert_eq!(status.code(), Some(78));
}
