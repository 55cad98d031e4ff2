//! `truceline check` as its user meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const LINE: &str = r#"{"type":"LineString","coordinates":[[37.0,48.0],[37.0,48.5],[37.5,48.5]]}"#;

fn check(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_truceline"))
        .arg("check")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("TRUCELINE_CONFIG")
        .output()
        .unwrap()
}

fn folder(terms: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("agreement.toml"), terms).unwrap();
    fs::write(dir.path().join("line.geojson"), LINE).unwrap();
    dir
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const SMALL: &str = "id = \"small\"\nname = \"<Small> & 'odd'\"\n[[line]]\nid = \"main\"\nfile = \"line.geojson\"\n";

#[test]
fn the_examples_are_understood_and_said_in_words() {
    let output = check(&["--agreement", "config/agreements/example", "--devices", "config/devices/example.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "Agreement 'example'",
        "not authoritative",
        "side a (left) is 'west'",
        "within 15 km of line contact, on both sides",
        "about 10000 km²",
        "4.00 km², 4 vertices",
        "explosion, gunfire or launch in security-zone",
        "mlrs: 35 km, artillery from 100 mm: 25 km",
        "Devices: 17 at 4 stations",
    ] {
        assert!(said.contains(wanted), "lacks '{wanted}':\n{said}");
    }
    assert!(!said.contains("Warnings"), "{said}");
}

#[test]
fn the_example_of_withdrawal_distances_is_understood_by_weapon_and_calibre() {
    let output = check(&["--agreement", "config/agreements/minsk-withdrawal"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    let distances = "(mlrs from 220 mm: 70 km, mlrs: 35 km, artillery from 100 mm: 25 km, mortar from 121 mm: 25 km, \
                     artillery: 15 km, mortar: 15 km, tank: 15 km)";
    for wanted in ["Agreement 'minsk-withdrawal'", "not authoritative", distances] {
        assert!(said.contains(wanted), "lacks '{wanted}':\n{said}");
    }
    assert!(!said.contains("Warnings"), "{said}");
}

#[test]
fn faults_of_agreement_and_devices_are_all_told_with_exit_code_78() {
    let dir = folder("id = \"x\"\nstatus = \"real\"\n[[line]]\nid = \"l\"\nfile = \"gone.geojson\"\n");
    let devices = dir.path().join("devices.toml");
    fs::write(&devices, "[[device]]\nid = \"d\"\nstation = \"s\"\n").unwrap();
    let output = check(&["--agreement", text(dir.path()), "--devices", text(&devices)]);
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(stdout(&output), "");
    let told = stderr(&output);
    for wanted in ["agreement.toml: status", "no file 'gone.geojson'", "devices.toml: device 'd': position"] {
        assert!(told.contains(wanted), "lacks '{wanted}':\n{told}");
    }
}

#[test]
fn faults_come_as_json_too() {
    let dir = folder("id = \"x\"\ncolour = 1\n");
    let output = check(&["--agreement", text(dir.path()), "--format", "json"]);
    assert_eq!(output.status.code(), Some(78));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["faults"][0]["file"], "agreement.toml");
    assert_eq!(value["faults"][0]["place"], "colour");
}

#[test]
fn what_is_understood_comes_as_json_with_numbers_in_units() {
    let output = check(&["--agreement", "config/agreements/example", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let length_m = value["agreement"]["lines"][0]["length_m"].as_f64().unwrap();
    assert!((250_000.0..500_000.0).contains(&length_m), "{length_m}");
    assert_eq!(value["agreement"]["zones"][0]["distance_m"], 15_000.0);
    assert_eq!(value["agreement"]["rules"].as_array().unwrap().len(), 6);
    assert_eq!(value["devices"], serde_json::Value::Null);
}

#[test]
fn a_folder_without_terms_is_a_fault_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let output = check(&["--agreement", text(dir.path())]);
    assert_eq!(output.status.code(), Some(78));
    let wanted = format!("agreement.toml: the file: there is no such file in '{}'", text(dir.path()));
    assert!(stderr(&output).contains(&wanted), "{}", stderr(&output));
}

#[test]
fn a_file_that_is_no_text_is_told_together_with_the_other_faults() {
    let dir = folder("id = \"x\"\ncolour = 1\n[[line]]\nid = \"l\"\nfile = \"line.geojson\"\n");
    fs::write(dir.path().join("line.geojson"), b"{\"type\xff").unwrap();
    let output = check(&["--agreement", text(dir.path())]);
    let told = stderr(&output);
    assert!(told.contains("line.geojson: the file: is not UTF-8 from byte 7 on; save it as UTF-8"), "{told}");
    assert!(told.contains("colour: there is no such key"), "{told}");
    assert!(!told.contains("there is no file"), "{told}");
}

#[cfg(unix)]
#[test]
fn a_named_pipe_in_place_of_a_file_does_not_hang() {
    let dir = folder(SMALL);
    let path = dir.path().join("line.geojson");
    fs::remove_file(&path).unwrap();
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let output = check(&["--agreement", text(dir.path())]);
    assert_eq!(output.status.code(), Some(78));
    assert!(stderr(&output).contains("line.geojson: the file: is not a file; replace it by one"));
}

#[test]
fn a_configuration_leads_to_its_agreement_and_devices() {
    let dir = folder(&format!("{SMALL}colour = 1\n"));
    let config = dir.path().join("truceline.toml");
    fs::write(&config, format!("colour = 2\n[agreement]\ndir = \"{}\"\n", text(dir.path()))).unwrap();
    let output = check(&["--config", text(&config)]);
    assert_eq!(output.status.code(), Some(78));
    fs::write(&config, format!("[agreement]\ndir = \"{}\"\n", text(dir.path()))).unwrap();
    let output = check(&["--config", text(&config)]);
    assert!(stderr(&output).contains("agreement.toml: line 'main': colour"), "{}", stderr(&output));
    fs::write(dir.path().join("agreement.toml"), SMALL).unwrap();
    let output = check(&["--config", text(&config)]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("Configuration: no fault.\nAgreement 'small'"), "{}", stdout(&output));
}

#[test]
fn a_map_is_drawn_with_odd_names_escaped() {
    let dir = folder(SMALL);
    for name in ["map.svg", "map.html"] {
        let path = dir.path().join(name);
        let output = check(&["--agreement", text(dir.path()), "--map", text(&path)]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let map = fs::read_to_string(&path).unwrap();
        assert_eq!(map.starts_with("<!doctype html>"), name == "map.html");
        assert!(map.contains("&lt;Small&gt; &amp; 'odd'") && !map.contains("<Small>"), "{name}");
        assert!(map.contains("The newest version of each line and zone") && map.contains(">N</text>"), "{name}");
        assert!(!map.contains("http:") || map.matches("http:").count() == 1, "the namespace is no resource: {name}");
        assert_eq!(map.contains("prefers-color-scheme"), name == "map.html");
        assert!(map.contains("side A (side a)") && !map.contains("NaN") && !map.contains("inf"), "{name}");
    }
}

#[test]
fn a_map_without_an_agreement_is_wrong_use() {
    let output = check(&["--devices", "config/devices/example.toml", "--map", "never.svg"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(!Path::new(env!("CARGO_MANIFEST_DIR")).join("never.svg").exists());
}

#[test]
fn a_map_of_another_ending_is_wrong_use_before_any_work() {
    for name in ["map.png", "map", "map.htm", "config"] {
        let output = check(&["--agreement", "gone", "--map", name]);
        assert_eq!(output.status.code(), Some(64), "{name}: {}", stderr(&output));
        assert!(stderr(&output).contains("let the name end in .svg or .html"), "{}", stderr(&output));
    }
}

#[test]
fn a_map_that_has_no_place_is_told_before_any_work() {
    let output = check(&["--agreement", "gone", "--map", "no/such/folder/map.svg"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("there is no folder 'no/such/folder'"), "{}", stderr(&output));
}

#[test]
fn a_map_shows_the_version_in_force_at_a_time_and_says_which() {
    let version = |file: &str, validity: &str| format!("[[line]]\nid = \"l\"\nfile = \"{file}\"\n{validity}\n");
    let change = "2020-01-01T00:00:00Z";
    let terms = format!(
        "id = \"x\"\n{}side_a = \"early\"\n{}side_a = \"late\"\n",
        version("line.geojson", &format!("valid_to = {change}\nvalid_from = 2010-01-01T00:00:00Z")),
        version("line.geojson", &format!("valid_from = {change}"))
    );
    let dir = folder(&terms);
    let map = dir.path().join("map.svg");
    for (at, shown, hidden) in [("2015-01-01T00:00:00Z", "early", "late"), (change, "late", "early")] {
        let output = check(&["--agreement", text(dir.path()), "--map", text(&map), "--at", at]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let drawn = fs::read_to_string(&map).unwrap();
        assert!(drawn.contains(&format!("As in force at {at}")), "{at}");
        assert!(drawn.contains(&format!("{shown} (side a)")) && !drawn.contains(&format!("{hidden} (side a)")), "{at}");
    }
    let output = check(&["--agreement", text(dir.path()), "--map", text(&map), "--at", "2001-01-01T00:00:00Z"]);
    assert_eq!(output.status.code(), Some(64), "{}", stderr(&output));
    assert!(stderr(&output).contains("no version of the primary line is in force then"), "{}", stderr(&output));
}

#[test]
fn a_configuration_without_terms_is_told_with_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("truceline.toml");
    fs::write(&config, "").unwrap();
    let output = check(&["--config", text(&config)]);
    let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in
        ["agreement.dir names none", "nothing is judged", "devices.file names none", "every device is accepted"]
    {
        assert!(said.contains(wanted), "lacks '{wanted}':\n{said}");
    }
}

const DAILY: &str = "id = \"daily\"\n[[line]]\nid = \"control\"\ndays = \"control/%Y-%m-%d.geojson\"\nmax_age_days = 3\n\
                     [[rule]]\nid = \"s\"\nkind = \"silence\"\n";

fn control(east: f64) -> String {
    format!("{{\"type\":\"Polygon\",\"coordinates\":[[[37,48],[{east},48],[{east},49],[37,49],[37,48]]]}}")
}

#[test]
fn a_folder_of_files_by_day_is_read_and_said_in_words() {
    let dir = folder(DAILY);
    let control_dir = dir.path().join("control");
    fs::create_dir(&control_dir).unwrap();
    for day in (1..=20).filter(|day| ![4, 5].contains(day)) {
        fs::write(control_dir.join(format!("2024-03-{day:02}.geojson")), control(37.0 + 0.01 * f64::from(day)))
            .unwrap();
    }
    // Neither is read: one would be no text, the other no geometry.
    fs::write(control_dir.join("2024-03-32.geojson"), b"\xff").unwrap();
    fs::write(control_dir.join("notes.geojson"), "none").unwrap();
    let output = check(&["--agreement", text(dir.path())]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    for wanted in [
        "of control, boundary",
        "from 2024-03-01T00:00:00Z to 2024-03-02T00:00:00Z",
        "and 16 more versions in between",
        "from 2024-03-20T00:00:00Z to 2024-03-23T00:00:00Z",
        "2 days have no file between 2024-03-01 and 2024-03-20; the longest run is 2 days from 2024-03-04 on: there the \
         version before stays in force",
        "1 file has digits that are no date where the date belongs ('control/2024-03-32.geojson')",
    ] {
        assert!(said.contains(wanted), "lacks '{wanted}':\n{said}");
    }
    let output = check(&["--agreement", text(dir.path()), "--format", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value["agreement"]["lines"].as_array().unwrap().len(), 18);
    let map = dir.path().join("map.svg");
    let drawn = ["--agreement", text(dir.path()), "--map", text(&map), "--at"];
    assert_eq!(check(&[&drawn[..], &["2024-03-05T12:00:00Z"]].concat()).status.code(), Some(0));
    assert_eq!(check(&[&drawn[..], &["2024-03-23T00:00:00Z"]].concat()).status.code(), Some(64));
}

#[test]
fn a_file_by_day_that_cannot_be_read_is_told_by_its_name_and_a_folder_that_is_a_file_too() {
    let dir = folder(DAILY);
    let control_dir = dir.path().join("control");
    fs::create_dir(&control_dir).unwrap();
    fs::write(control_dir.join("2024-03-01.geojson"), b"\xff").unwrap();
    let output = check(&["--agreement", text(dir.path())]);
    assert_eq!(output.status.code(), Some(78));
    let told = stderr(&output);
    assert!(told.contains("control/2024-03-01.geojson: the file: is not UTF-8"), "{told}");
    fs::remove_dir_all(&control_dir).unwrap();
    fs::write(&control_dir, "").unwrap();
    let told = stderr(&check(&["--agreement", text(dir.path())]));
    assert!(told.contains("control: the file: cannot be listed"), "{told}");
}
