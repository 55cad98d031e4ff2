//! Points in, answers out, without the command line around them.

use std::cell::RefCell;
use std::io::{self, Write};

use super::against::Against;
use super::stream::{Notes, Stop, answer_all};
use super::{Format, MOST_WORKERS};

/// The answers, the notes, and what was told of bad lines.
fn told(against: &Against, input: &str, format: Format, workers: usize) -> (String, Notes, Vec<String>) {
    let mut out = Vec::new();
    let faults = RefCell::new(Vec::new());
    let tell = |fault: &str| faults.borrow_mut().push(fault.to_owned());
    let input = io::Cursor::new(input.to_owned());
    let (notes, done) = answer_all(against, input, &mut out, format, workers, &tell, &|_| ());
    if let Err(Stop::Input(message)) = done {
        tell(&message);
    }
    (String::from_utf8(out).unwrap(), notes, faults.into_inner())
}

/// The answers, or all that was told with them.
fn answers(against: &Against, input: &str, format: Format) -> Result<String, String> {
    let (text, _, faults) = told(against, input, format, 2);
    if faults.is_empty() { Ok(text) } else { Err(format!("{text}{}", faults.join("\n"))) }
}

fn meridian() -> Against {
    Against::of(r#"{"type":"LineString","coordinates":[[37.0,48.0],[37.0,49.0]]}"#, 0.0)
}

#[test]
fn a_point_west_of_a_line_that_runs_north_is_on_side_a() {
    let text = answers(&meridian(), "48.5,36.99\n", Format::Json).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["side"], "a");
    assert_eq!(answer["p_side_a"], 1.0);
    assert!((answer["distance_m"].as_f64().unwrap() - 739.0).abs() < 0.2, "{answer}");
    assert!((answer["chainage_m"].as_f64().unwrap() - 55_600.0).abs() < 20.0, "{answer}");
    assert!((answer["foot"]["lat"].as_f64().unwrap() - 48.5).abs() < 1e-5, "{answer}");
    assert_eq!(answer["zones"], serde_json::json!([]));
    let members: Vec<&str> =
        ["lat", "lon", "distance_m", "side", "p_side_a", "chainage_m", "foot", "zones", "nearest_zone"].into();
    for member in members {
        assert!(answer.get(member).is_some(), "{member} is missing in {answer}");
    }
}

#[test]
fn the_side_is_undetermined_when_the_accuracy_does_not_tell() {
    let input = "lon,name,hacc_m,lat\n37.0001,\"a, b\",50,48.5\n37.01,x,50,48.5\n37.0001,,,48.5\n37.0,,,48.5\n";
    let text = answers(&meridian(), input, Format::Csv).unwrap();
    let sides: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').nth(3).unwrap()).collect();
    assert_eq!(sides, ["undetermined", "b", "b", "undetermined"], "{text}");
}

#[test]
fn json_lines_are_read_with_what_else_they_hold() {
    let input = "{\"lat\":48.5,\"lon\":37.01,\"hacc_m\":null,\"id\":7}\n\n{\"lat\":48.5,\"lon\":36.99,\"time\":\"2026-01-01T00:00:00Z\"}\n";
    let text = answers(&meridian(), input, Format::Json).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().next().unwrap().contains("\"side\":\"b\""), "{text}");
}

#[test]
fn a_bad_point_is_told_with_its_line_and_what_came_before_is_answered() {
    for (bad, wanted) in [
        ("95,37", "line 2: lat 95 is out of range"),
        ("48.5", "line 2: has 1 field"),
        ("48.5,east", "line 2: lon 'east' is not a number"),
        ("48.5,37,-3", "line 2: hacc_m -3"),
        ("48.5,37,5,yesterday", "line 2: 'yesterday' is not a time"),
        ("48.5,NaN", "line 2: lon NaN is out of range"),
        ("NaN,37", "line 2: lat NaN is out of range [-90, 90]; write degrees north"),
        ("137,48", "line 2: lat 137 is out of range [-90, 90]; are lat and lon swapped?"),
        ("48.5,37,1e300", "line 2: hacc_m 1e300"),
    ] {
        let told = answers(&meridian(), &format!("48.5,36.9\n{bad}\n"), Format::Json).unwrap_err();
        assert!(told.contains("\"side\":\"a\""), "{told}");
        assert!(told.contains(wanted), "wanted '{wanted}' in '{told}'");
    }
    for (bad, wanted) in [
        ("{\"lat\":48}", "line 1: has no lon"),
        ("{\"lat\":48,\"lon\":\"x\"}", "line 1: lon \"x\" is not a number"),
        ("{\"lat\":48,\"lon\":37,\"lon\":38}", "line 1: lon is there twice"),
        ("{\"lat\":48,\"lon\":37,\"hacc\":5}", "line 1: 'hacc' is not known; did you mean hacc_m?"),
        ("{\"lat\":48,\"lon\":37,\"time\":5}", "line 1: time 5 is not a text in quotes"),
        ("{\"lat\":48 \"lon\":37}", "line 1: is not JSON: expected `,` or `}` at column 11"),
        ("{\"lat\":48,\"lon\":37}\n[48,37]", "line 2: invalid type: sequence, expected an object such as"),
        ("lat,lon,hacc\n48,37,5\n", "line 1: 'hacc' is not known; did you mean hacc_m?"),
        ("lat,lon,Accuracy_m\n48,37,5\n", "line 1: 'Accuracy_m' is not known; did you mean hacc_m?"),
        ("lat,lon,timestamp\n48,37,5\n", "line 1: 'timestamp' is not known; did you mean time?"),
        ("latitude,lon\n48,37\n", "line 1: 'latitude' is not known; did you mean lat?"),
        ("{\"lat\":48,\"lon\":400}", "line 1: lon 400 is out of range"),
        ("lat;lon\n48,5;37,1\n", "line 2: lat '48,5' is not a number; write decimals with a point"),
        ("name,lat\nx,48\n", "line 1: the header has no column lon"),
        ("lat,lon\n48,02,37,81\n", "line 2: '48,02,37,81' has 4 fields, the header has 2; write decimals with a point"),
        ("48.1,37.1,5\n48,02,37,81,5\n", "line 2: '48,02,37,81,5' has 5 fields, without a header there are at most 4"),
        ("lat;lon\n48;37;x\n", "line 2: '48;37;x' has 3 fields, the header has 2; give each column a name"),
        ("lat,lon\n48,37,,\n", "line 2: '48,37,,' has 4 fields"),
        (
            "lat,lon,name\n48,37,\"a\nb\"\n",
            "line 2: has a quote without its end; a quoted field must not hold a line end",
        ),
        ("lat,lon\n48°01'N,37\n", "line 2: lat '48°01'N' is not a number; write decimal degrees"),
        ("lat,lon\n48.1,37.1W\n", "line 2: lon '37.1W' is not a number; write decimal degrees"),
        ("lat,lon\n48,37\0\n", "line 2: holds a NUL byte; write text"),
        ("lat,lon\r48,37\r", "the input has carriage returns for line ends; convert them"),
        ("l\0a\0t\0", "the input is UTF-16; save the file as UTF-8"),
        ("[{\"lat\":48,\"lon\":37}]", "line 1: is a JSON array; write one object a line"),
        (
            "{\n  \"type\": \"Feature\"\n}",
            "line 1: is no point but the start of a larger JSON text; give a GeoJSON line",
        ),
        ("{\"type\":\"Point\",\"coordinates\":[37,48]}", "line 1: is no point but the start of a larger JSON text"),
    ] {
        let told = answers(&meridian(), bad, Format::Json).unwrap_err();
        assert!(told.contains(wanted), "wanted '{wanted}' in '{told}'");
    }
}

#[test]
fn a_separator_at_the_end_of_a_row_is_no_further_field() {
    let text = answers(&meridian(), "lat,lon\n48.5,36.9,\n", Format::Json).unwrap();
    assert!(text.contains("\"side\":\"a\""), "{text}");
}

#[test]
fn a_packed_file_is_told_to_be_one() {
    let told = RefCell::new(Vec::new());
    let input = io::Cursor::new([0x1f_u8, 0x8b, 8, 0, 0xff, b'\n']);
    let (_, done) =
        answer_all(&meridian(), input, Vec::new(), Format::Csv, 1, &|f| told.borrow_mut().push(f.to_owned()), &|_| ());
    assert!(matches!(&done, Err(Stop::Input(message)) if message.contains("is packed by gzip")), "{done:?}");
}

#[test]
fn what_is_not_used_of_the_input_is_known_by_name() {
    let unused = |input: &str| {
        let (_, notes, _) = told(&meridian(), input, Format::Json, 2);
        notes.unused.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(unused("lat,lon,name,vacc_m,hacc_m,\n48.5,37,x,1,2,\n"), ["name", "vacc_m"]);
    assert_eq!(unused("{\"lat\":48,\"lon\":37,\"id\":1}\n{\"lat\":48,\"lon\":37,\"id\":2}\n"), ["id"]);
    assert!(unused("48.5,37,5\n").is_empty());
}

#[test]
fn numbers_have_no_more_digits_than_mean_something() {
    let text = answers(&meridian(), "48.123456789,37.0123456789,20\n", Format::Csv).unwrap();
    let row: Vec<usize> =
        text.lines().nth(1).unwrap().split(',').map(|n| n.split('.').nth(1).map_or(0, str::len)).collect();
    for (column, most) in [(2, 3), (4, 6), (5, 3), (6, 8), (7, 8)] {
        assert!(row[column] <= most, "column {column} of {text}");
    }
}

#[test]
fn inside_a_control_area_is_side_a_and_the_distance_is_to_its_boundary() {
    let text = r#"{"type":"Polygon","coordinates":[[[37,48],[37,48.1],[37.1,48.1],[37.1,48],[37,48]]]}"#;
    let against = Against::of(text, 0.0);
    let text = answers(&against, "48.05,37.001\n48.05,36.999\n48.05,37\n", Format::Csv).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!([rows[0][3], rows[1][3], rows[2][3]], ["a", "b", "undetermined"], "{text}");
    assert!((rows[0][2].parse::<f64>().unwrap() - 74.5).abs() < 0.2, "{text}");
}

#[test]
fn after_a_bad_line_the_others_are_answered_and_all_bad_ones_counted() {
    let mut input = "lat,lon\n".to_owned();
    for number in 0..100 {
        input.push_str(if number % 2 == 0 { "48.5,37.1\n" } else { "48.5,x\n" });
    }
    let (text, notes, faults) = told(&meridian(), &input, Format::Json, 2);
    assert_eq!((text.lines().count(), notes.points, notes.bad), (50, 50, 50));
    assert_eq!(faults.len(), 21, "{faults:?}");
    assert!(faults[0].starts_with("line 3:") && faults[1].starts_with("line 5:"), "{faults:?}");
    assert!(faults[20].contains("not named"), "{faults:?}");
}

#[test]
fn a_line_that_is_too_long_is_one_bad_line() {
    let input = format!("48.5,37.1\n{}\n48.5,37.2\nx,37\n", "9".repeat(300_000));
    let (text, notes, faults) = told(&meridian(), &input, Format::Csv, 2);
    assert_eq!((text.lines().count(), notes.bad), (3, 2), "{text}{faults:?}");
    assert!(faults[0].contains("line 2: longer than 65536 bytes; write one point a line"), "{faults:?}");
    assert!(faults[1].contains("line 4: lat 'x' is not a number"), "{faults:?}");
}

#[test]
fn answers_keep_the_order_of_the_points_however_many_work_on_them() {
    let row = |number: u32| format!("{:.4},37.1\n", 48.0 + f64::from(number) / 1e5);
    let input: String = (0..20_000).map(row).collect();
    let (one, ..) = told(&meridian(), &input, Format::Csv, 1);
    let (many, ..) = told(&meridian(), &input, Format::Csv, MOST_WORKERS);
    assert_eq!(one.lines().count(), 20_001);
    assert!(one == many, "the order differs");
}

#[test]
fn a_point_without_accuracy_has_the_one_that_is_assumed() {
    let line = r#"{"type":"LineString","coordinates":[[37.0,48.0],[37.0,49.0]]}"#;
    let input = "lat,lon,hacc_m\n48.5,37.0001,\n48.5,37.0001,0\n48.5,37.0001,2\n";
    let sides = |hacc_m: f64| -> Vec<String> {
        let (text, notes, _) = told(&Against::of(line, hacc_m), input, Format::Csv, 1);
        assert_eq!(notes.zero_accuracy, 1);
        text.lines().skip(1).map(|row| row.split(',').nth(3).unwrap().to_owned()).collect()
    };
    assert_eq!(sides(0.0), ["b", "b", "b"]);
    assert_eq!(sides(50.0), ["undetermined", "undetermined", "b"]);
}

#[test]
fn when_nobody_reads_the_answers_any_more_it_ends() {
    struct Closed(usize);
    impl Write for Closed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let input = io::Cursor::new("48.5,37.1\n".repeat(500_000));
    let (notes, done) = answer_all(&meridian(), input, Closed(3), Format::Json, 2, &|_| (), &|_| ());
    assert!(matches!(done, Err(Stop::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe));
    assert!(notes.points < 100_000, "{}", notes.points);
}
