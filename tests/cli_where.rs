//! `truceline where` as its user meets it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

const LINE: &str = r#"{"type":"LineString","coordinates":[[37.0,48.0],[37.0,49.0]]}"#;

fn locate(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_truceline"))
        .arg("where")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that ends early closes its input, which is what some tests are about.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn points_are_held_against_an_agreement_with_its_zones() {
    let output =
        locate(&["--agreement", "config/agreements/example", "--at", "2020-01-01T00:00:00Z"], "lat,lon\n48.1,37.7\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let answer: serde_json::Value = serde_json::from_str(stdout(&output).trim()).unwrap();
    let distance = answer["distance_m"].as_f64().unwrap();
    let security = answer["zones"].as_array().unwrap().iter().any(|zone| zone["id"] == "security-zone");
    assert_eq!(security, distance <= 15_000.0, "{answer}");
    assert!(["a", "b"].contains(&answer["side"].as_str().unwrap()), "{answer}");
    assert_eq!(stderr(&output), "");
}

#[test]
fn the_zone_whose_boundary_is_nearest_is_told_with_a_distance_that_is_positive_inside() {
    let dir = tempfile::tempdir().unwrap();
    let square = |west: f64| {
        let east = west + 0.02;
        format!(
            "{{\"type\":\"Polygon\",\"coordinates\":[[[{west},48],[{east},48],[{east},48.02],[{west},48.02],[{west},48]]]}}"
        )
    };
    std::fs::write(dir.path().join("one.geojson"), square(37.0)).unwrap();
    std::fs::write(dir.path().join("two.geojson"), square(37.1)).unwrap();
    let terms = "id = \"x\"\n[[zone]]\nid = \"one\"\nfile = \"one.geojson\"\n\
                 [[zone]]\nid = \"two\"\nfile = \"two.geojson\"\nvalid_from = 2024-01-01T00:00:00Z\n";
    std::fs::write(dir.path().join("agreement.toml"), terms).unwrap();
    let near = |time: &str, lon: f64| {
        let point = format!("lat,lon,time\n48.01,{lon},{time}\n");
        let output = locate(&["--agreement", dir.path().to_str().unwrap()], &point);
        let answer: serde_json::Value = serde_json::from_str(stdout(&output).trim()).unwrap();
        let nearest = &answer["nearest_zone"];
        (nearest["id"].as_str().unwrap().to_owned(), nearest["distance_m"].as_f64().unwrap())
    };
    // 0.001 degrees of longitude are about 74.6 m here.
    let (id, distance_m) = near("2024-06-01T00:00:00Z", 37.119);
    assert!(id == "two" && (74.0..75.0).contains(&distance_m), "{id} {distance_m}");
    let (id, distance_m) = near("2024-06-01T00:00:00Z", 37.121);
    assert!(id == "two" && (-75.0..-74.0).contains(&distance_m), "{id} {distance_m}");
    let (id, distance_m) = near("2023-06-01T00:00:00Z", 37.119);
    assert!(id == "one" && (-7_400.0..-7_300.0).contains(&distance_m), "{id} {distance_m}");
}

#[test]
fn without_a_time_the_newest_version_counts_and_that_is_said_where_it_matters() {
    let output = locate(&["--agreement", "config/agreements/example"], "48.1,37.7\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("\"distance_m\":"), "{}", stdout(&output));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("line.geojson"), LINE).unwrap();
    let version = |validity: &str| format!("[[line]]\nid = \"l\"\nfile = \"line.geojson\"\n{validity}\n");
    let at = "2020-01-01T00:00:00Z";
    let one = format!("id = \"x\"\n{}", version(&format!("valid_from = {at}")));
    let two = format!("id = \"x\"\n{}{}", version(&format!("valid_to = {at}")), version(&format!("valid_from = {at}")));
    for (terms, input, is_said) in
        [(&one, "48.1,37.7\n", false), (&two, "48.1,37.7\n", true), (&two, "48.1,37.7,,2021-01-01T00:00:00Z\n", false)]
    {
        std::fs::write(dir.path().join("agreement.toml"), terms).unwrap();
        let output = locate(&["--agreement", dir.path().to_str().unwrap()], input);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stderr(&output).contains("use --at TIME"), is_said, "{input}{}", stderr(&output));
    }
}

#[test]
fn what_may_be_a_slip_is_said_once() {
    let line = file(LINE);
    let output = locate(&["--line", line.path().to_str().unwrap()], "lat,lon,name\n37,48.5,a\n37,48.6,b\n48.5,37,c\n");
    assert_eq!(output.status.code(), Some(0));
    let told = stderr(&output);
    assert_eq!(told.matches("are lat and lon swapped?").count(), 1, "{told}");
    assert!(told.contains("lat 37, lon 48.5 is") && told.contains("not used of the input: name"), "{told}");
    let folder = locate(&["--line", line.path().to_str().unwrap(), "config"], "");
    assert_eq!(folder.status.code(), Some(65));
    assert!(stderr(&folder).contains("config: is a folder"), "{}", stderr(&folder));
    let neither = locate(&[], "");
    assert!(stderr(&neither).contains("--agreement") && stderr(&neither).contains("--line"), "{}", stderr(&neither));
}

#[test]
fn a_time_before_every_version_has_no_line() {
    let output =
        locate(&["--agreement", "config/agreements/example"], "lat,lon,time\n48.1,37.7,2001-01-01T00:00:00Z\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("\"distance_m\":null,\"side\":\"undetermined\""), "{}", stdout(&output));
    assert!(stderr(&output).contains("1 point has a time"), "{}", stderr(&output));
}

#[test]
fn points_from_a_file_are_held_against_a_bare_line() {
    let (line, points) = (file(LINE), file("48.5,36.99\n48.5,37.01,4.0\n"));
    let output = locate(&["--line", line.path().to_str().unwrap(), points.path().to_str().unwrap()], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let sides: Vec<bool> = text.lines().map(|line| line.contains("\"side\":\"a\"")).collect();
    assert_eq!(sides, [true, false], "{text}");
}

#[test]
fn wrong_use_wrong_lines_and_wrong_points_have_their_own_exit_codes() {
    let line = file(LINE);
    let line = line.path().to_str().unwrap();
    let none = locate(&[], "");
    assert_eq!(none.status.code(), Some(64), "{}", stderr(&none));
    let early = locate(&["--agreement", "config/agreements/example", "--at", "2001-01-01T00:00:00Z"], "48,37\n");
    assert_eq!(early.status.code(), Some(64), "{}", stderr(&early));
    let bad = file(r#"{"type":"Polygon","coordinates":[[[37,48],[38,49],[38,48],[37,49],[37,48]],[[1,2],[3,4]]]}"#);
    let crossed = locate(&["--line", bad.path().to_str().unwrap()], "");
    assert_eq!(crossed.status.code(), Some(78), "{}", stderr(&crossed));
    assert!(stderr(&crossed).contains("ring 0, vertex 0 (37, 48): the ring crosses itself"), "{}", stderr(&crossed));
    let point = locate(&["--line", line], "48.5,36.9\n48.5,east\n48.5,36.8\n");
    assert_eq!(point.status.code(), Some(65), "{}", stderr(&point));
    assert_eq!(stdout(&point).lines().count(), 2);
    let told = stderr(&point);
    assert!(told.contains("line 2: lon 'east' is not a number; write degrees such as 37.81"), "{told}");
    assert!(told.contains("1 line is no point and has no answer (points answered: 2)"), "{told}");
}

#[test]
fn each_misuse_is_told_with_what_to_do() {
    let line = file(LINE);
    let line = line.path().to_str().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let binary = dir.path().join("binary");
    std::fs::write(&binary, [0xc3, 0x28, 0x80, b'\n', 0xff]).unwrap();
    for (arguments, input, code, wanted) in [
        (vec!["--line", line, "gone.csv"], "", 65, "gone.csv: there is no such file; name a file of points"),
        (vec!["--line", line, "src"], "", 65, "src: is a folder; name a file of points"),
        (vec!["--line", "src"], "", 78, "src: is a folder; name a GeoJSON file, or an agreement's folder"),
        (vec!["--line", "gone.geojson"], "", 78, "gone.geojson: there is no such file; name a GeoJSON file"),
        (vec!["--line", line, binary.to_str().unwrap()], "", 65, "line 1: is not UTF-8; save the file as UTF-8"),
        (vec!["--line", binary.to_str().unwrap()], "", 78, "is not UTF-8; name a GeoJSON file"),
        (
            vec!["--agreement", "Cargo.toml"],
            "",
            78,
            "'Cargo.toml' is a file; name the folder that holds agreement.toml",
        ),
        (vec!["--line", line, "--agreement", "x"], "", 64, "cannot be used with"),
        (vec!["--line", line, "--accuracy", "5"], "", 64, "unexpected argument '--accuracy'"),
        (vec!["--line", line, "--hacc-m", "-5"], "", 64, "'-5'"),
        (vec!["--line", line, "--hacc-m", "0"], "", 64, "write metres such as 5, more than 0"),
        (vec!["--line", line], "", 0, "there are no points in the input"),
        (vec!["--line", line], "lat,lon\n", 0, "there are no points in the input"),
        (vec!["--line", line], "48.5,37.1,0\n", 0, "1 point has hacc_m 0, taken as exact"),
    ] {
        let output = locate(&arguments, input);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(wanted), "{arguments:?} lacks '{wanted}':\n{}", stderr(&output));
    }
}

#[test]
fn what_is_repaired_of_a_control_area_is_said_on_standard_error() {
    let area = file(
        r#"{"type":"Polygon","coordinates":[[[37,48],[37.2,48],[37.2,48],[37.2,48.2],[37.4,48.2],[37.2,48.2],[37,48.2]]]}"#,
    );
    let output = locate(&["--line", area.path().to_str().unwrap()], "48.15,37.15\n48.25,37.05\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let name = area.path().display();
    let mut told: Vec<String> = stderr(&output).lines().map(str::to_owned).collect();
    told.sort();
    let mut wanted = [
        format!(
            "truceline: repaired: {name}: ring 0, vertex 2 (37.2, 48): repeats the vertex before it; it was left out"
        ),
        format!(
            "truceline: repaired: {name}: ring 0, vertex 4 (37.4, 48.2): is the tip of a spike without width; the spike was left out"
        ),
        format!(
            "truceline: repaired: {name}: ring 0, vertex 6 (37, 48.2): does not close the ring; the first position (37, 48) was repeated"
        ),
    ];
    wanted.sort();
    assert_eq!(told, wanted);
    let sides: Vec<bool> = stdout(&output).lines().map(|line| line.contains("\"side\":\"a\"")).collect();
    assert_eq!(sides, [true, false]);
}

#[test]
fn files_that_may_not_be_read_and_agreements_without_a_line_are_told_as_what_they_are() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::os::unix::process::CommandExt;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(dir.path().join("agreement.toml"), "id = \"x\"\n").unwrap();
    let terms = dir.path().join("agreement.toml");
    let output = locate(&["--agreement", dir.path().to_str().unwrap()], "48,37\n");
    assert_eq!(output.status.code(), Some(0));
    assert!(stderr(&output).contains("the agreement has no line: distances, sides"), "{}", stderr(&output));
    std::fs::set_permissions(&terms, std::fs::Permissions::from_mode(0o000)).unwrap();
    for arguments in [["--agreement", dir.path().to_str().unwrap()], ["--line", terms.to_str().unwrap()]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_truceline"));
        command.arg("where").args(arguments).stdin(Stdio::null());
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            // Root may read everything.
            command.uid(65_534).gid(65_534);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{}", stderr(&output));
        assert!(stderr(&output).contains("agreement.toml: "), "{}", stderr(&output));
        assert!(stderr(&output).contains("cannot be read: permission denied; allow it"), "{}", stderr(&output));
    }
}

#[test]
fn words_that_nobody_reads_any_more_are_no_panic() {
    for arguments in
        [&["where", "--line", "gone"][..], &["check", "--agreement", "gone"], &["check", "--devices", "config"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_truceline"));
        let status =
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(78), "{arguments:?}");
    }
}

#[test]
fn an_output_that_is_closed_early_is_no_failure() {
    let line = file(LINE);
    let points = file(&"48.5,37.1\n".repeat(200_000));
    let mut child = Command::new(env!("CARGO_BIN_EXE_truceline"))
        .args(["where", "--line", line.path().to_str().unwrap(), points.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[test]
fn points_that_trickle_in_are_answered_as_they_come() {
    use std::io::{BufRead, BufReader};
    let line = file(LINE);
    let mut child = Command::new(env!("CARGO_BIN_EXE_truceline"))
        .args(["where", "--line", line.path().to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for lon in ["36.9", "37.1", "36.8"] {
        writeln!(input, "48.5,{lon}").unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert!(answer.contains(&format!("\"lon\":{lon}")), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}
