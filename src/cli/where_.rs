//! `truceline where`: points in, geometry out.

mod answer;
mod points;

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};
use indicatif::ProgressBar;
use truceline_core::agreement::{Agreement, Validity};
use truceline_core::geometry::{Area, LineIndex, LonLat, Shape, ShapeFault, parse_geojson};
use truceline_core::time::{Span, Time};

use super::{Failure, progress};
use crate::config::load_agreement;
use answer::{Answer, Writer};
use points::{Point, Points};

/// A point further from the line than this may have its coordinates swapped.
const FAR_M: f64 = 1e6;
/// A GeoJSON file is at most this large.
const MAX_GEOJSON_BYTES: u64 = 64 << 20;

/// Arguments of `where`.
#[derive(Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("against").required(true).args(["agreement", "line"]))]
pub struct WhereArgs {
    /// Folder of the agreement: its primary line and its zones
    #[arg(long, value_name = "DIR")]
    agreement: Option<PathBuf>,
    /// One bare GeoJSON line (side a is left of its direction) or control area (side a is inside)
    #[arg(long, value_name = "FILE")]
    line: Option<PathBuf>,
    /// The time of points without one, such as 2026-11-24T03:00:00Z: which version of line and zones counts
    #[arg(long, value_name = "TIME", conflicts_with = "line")]
    at: Option<Time>,
    /// How the answers are printed
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// Points; - is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    input: String,
}

const AFTER_HELP: &str = "\
Points: CSV with the columns lat, lon and, if there are any, hacc_m and time, in any order under a \
header, or in this order without one; or JSON Lines of \
{\"lat\":..,\"lon\":..,\"hacc_m\":..,\"time\":\"..\"}. hacc_m is the radius in metres that holds the true \
position with 95 %; 0 or none means exactly known.

Answers, one a point: distance_m to the line (never negative), side, p_side_a, chainage_m along the \
line, foot (its nearest point), zones with the probability of being inside (from 0.005). The side of an \
exactly known point is undetermined on the line only; that of another while p_side_a is between 0.05 \
and 0.95. Where no version of the line is in force at a point's time, distance, chainage and foot are \
null and the side is undetermined.

  echo 48.02,37.81 | truceline where --agreement config/agreements/example
  truceline where --line line.geojson --format csv points.csv > answers.csv

A bad point stops it with its line number and exit code 65; what came before it is printed.";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON Lines
    Json,
    /// CSV with a header; zones as id=probability, separated by spaces
    Csv,
    /// For people
    Table,
}

/// What points are held against.
enum Against {
    /// With the time of points that have none.
    Agreement(Box<Agreement>, Time),
    Line(LineIndex),
    Area(Area),
}

/// Locates every point of the input and prints the answers.
pub(super) fn run(arguments: &WhereArgs) -> Result<(), Failure> {
    let against = against(arguments)?;
    let (bar, input) = open(&arguments.input)?;
    let input = BufReader::with_capacity(1 << 16, bar.wrap_read(input));
    let out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let mut notes = Notes::default();
    let done = locate_all(&against, input, out, arguments.format, &mut notes);
    bar.finish_and_clear();
    notes.print(arguments, &against);
    match done {
        Ok(()) => Ok(()),
        Err(Stop::Point(message)) => Err(Failure::data(message)),
        Err(Stop::Output(error)) => Err(Failure::output(&error)),
    }
}

/// What is to be said of the points beside their answers, once.
#[derive(Default)]
struct Notes {
    /// Points at whose time no version of the line is in force.
    nowhere: u64,
    /// Points without a time.
    timeless: u64,
    /// The first point that is further from the line than is likely, and how far.
    far: Option<(LonLat, f64)>,
    unused: Vec<String>,
}

impl Notes {
    fn print(&self, arguments: &WhereArgs, against: &Against) {
        if !self.unused.is_empty() {
            eprintln!("truceline: not used of the input: {}", self.unused.join(", "));
        }
        match self.nowhere {
            0 => {}
            1 => eprintln!("truceline: 1 point has a time at which no version of the line is in force"),
            more => eprintln!("truceline: {more} points have a time at which no version of the line is in force"),
        }
        if let Some((LonLat { lon, lat }, distance_m)) = self.far {
            let km = distance_m / 1e3;
            eprintln!("truceline: lat {lat}, lon {lon} is {km:.0} km from the line; are lat and lon swapped?");
        }
        if let Against::Agreement(agreement, time) = against
            && arguments.at.is_none()
            && self.timeless > 0
            && leaves_versions_out(agreement, *time)
        {
            eprintln!(
                "truceline: points without a time are held against the versions in force at {time}, the newest; use --at TIME for others"
            );
        }
    }
}

/// Whether another time would mean another version of the primary line or of a zone.
fn leaves_versions_out(agreement: &Agreement, time: Time) -> bool {
    let primary = agreement.lines.first().map(|line| &line.id);
    let lines = agreement.lines.iter().filter(|line| Some(&line.id) == primary).map(|line| line.validity);
    lines.chain(agreement.zones.iter().map(|zone| zone.validity)).any(|validity| !validity.contains(time))
}

/// Why the points were not all located.
#[derive(Debug)]
enum Stop {
    Point(String),
    Output(std::io::Error),
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

/// Answers points until the end or the first bad one.
fn locate_all(
    against: &Against,
    input: impl std::io::BufRead,
    out: impl Write,
    format: Format,
    notes: &mut Notes,
) -> Result<(), Stop> {
    let mut writer = Writer::new(out, format)?;
    let mut points = Points::new(input);
    let done = loop {
        let point = match points.next() {
            Some(Ok(point)) => point,
            Some(Err(message)) => break Err(Stop::Point(message)),
            None => break Ok(()),
        };
        let answer = locate(against, &point);
        notes.timeless += u64::from(point.time.is_none());
        match answer.distance_m {
            None => notes.nowhere += 1,
            Some(distance_m) if distance_m > FAR_M && notes.far.is_none() => {
                notes.far = Some((point.position, distance_m));
            }
            Some(_) => {}
        }
        writer.write(&answer)?;
    };
    notes.unused = points.unused().iter().cloned().collect();
    writer.flush()?;
    done
}

fn locate(against: &Against, point: &Point) -> Answer {
    match against {
        Against::Line(line) => Answer::against_line(point, Some(line), Vec::new()),
        Against::Area(area) => Answer::against_area(point, area),
        Against::Agreement(agreement, without_time) => {
            let time = point.time.unwrap_or(*without_time);
            let zones = agreement.zones_at(time, point.position, point.hacc_m);
            Answer::against_line(point, agreement.primary_line(time).map(|line| &line.index), zones)
        }
    }
}

fn against(arguments: &WhereArgs) -> Result<Against, Failure> {
    if let Some(file) = &arguments.line {
        return read_line(file);
    }
    let Some(dir) = &arguments.agreement else {
        return Err(Failure::usage("name an agreement with --agreement DIR or a line with --line FILE"));
    };
    let (_, agreement) = load_agreement(dir).map_err(Failure::config)?;
    let time = match arguments.at {
        Some(time) if agreement.primary_line(time).is_none() && !agreement.lines.is_empty() => {
            return Err(Failure::usage(format!("--at {time}: no version of the primary line is in force then")));
        }
        Some(time) => time,
        None => newest_version(&agreement),
    };
    Ok(Against::Agreement(Box::new(agreement), time))
}

/// A time in the newest version of the primary line, or of a zone.
fn newest_version(agreement: &Agreement) -> Time {
    let within = |validity: Validity| validity.from.or(validity.to.map(|to| to - Span::from_nanos(1)));
    let lines = agreement.lines.iter().map(|line| line.validity);
    let zones = agreement.zones.iter().map(|zone| zone.validity);
    lines.filter_map(within).max().or_else(|| zones.filter_map(within).max()).unwrap_or_default()
}

fn read_line(file: &Path) -> Result<Against, Failure> {
    let fault = |what: String| Failure::config([format!("{}: {what}", file.display())]);
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(MAX_GEOJSON_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > MAX_GEOJSON_BYTES => {
            return Err(fault(format!("is larger than {} MiB; simplify it", MAX_GEOJSON_BYTES >> 20)));
        }
        Ok(_) => {}
        Err(error) => return Err(fault(format!("cannot be read: {error}"))),
    }
    let faults = |faults: Vec<ShapeFault>| {
        Failure::config(faults.into_iter().map(|fault| format!("{}: {fault}", file.display())))
    };
    match parse_geojson(&text).map_err(faults)? {
        Shape::Line(parts) => LineIndex::new(parts).map(Against::Line),
        Shape::Area(polygons) => Area::new(polygons).map(Against::Area),
    }
    .map_err(|fault| faults(vec![fault]))
}

/// The input with a progress bar as long as it is, if that is known.
fn open(name: &str) -> Result<(ProgressBar, Box<dyn Read>), Failure> {
    if name == "-" {
        return Ok((ProgressBar::hidden(), Box::new(std::io::stdin())));
    }
    let fault = |error: std::io::Error| Failure::data(format!("{name}: cannot be read: {error}"));
    let file = File::open(name).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if metadata.is_dir() {
        return Err(Failure::data(format!("{name}: is a folder; name a file of points")));
    }
    Ok((progress::bytes(metadata.len()), Box::new(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(against: &Against, input: &str, format: Format) -> Result<String, String> {
        let mut out = Vec::new();
        let mut notes = Notes::default();
        let done = locate_all(against, input.as_bytes(), &mut out, format, &mut notes);
        let text = String::from_utf8(out).unwrap();
        match done {
            Ok(()) => Ok(text),
            Err(Stop::Point(message)) => Err(format!("{text}{message}")),
            Err(Stop::Output(error)) => panic!("{error}"),
        }
    }

    fn meridian() -> Against {
        let text = r#"{"type":"LineString","coordinates":[[37.0,48.0],[37.0,49.0]]}"#;
        match parse_geojson(text).unwrap() {
            Shape::Line(parts) => Against::Line(LineIndex::new(parts).unwrap()),
            Shape::Area(_) => unreachable!(),
        }
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
        let members: Vec<&str> = ["lat", "lon", "distance_m", "side", "p_side_a", "chainage_m", "foot", "zones"].into();
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
            ("name,lat\nx,48\n", "line 1: the header has no column lon"),
        ] {
            let told = answers(&meridian(), bad, Format::Json).unwrap_err();
            assert!(told.contains(wanted), "wanted '{wanted}' in '{told}'");
        }
    }

    #[test]
    fn what_is_not_used_of_the_input_is_known_by_name() {
        let unused = |input: &str| {
            let mut notes = Notes::default();
            locate_all(&meridian(), input.as_bytes(), Vec::new(), Format::Json, &mut notes).unwrap();
            notes.unused
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
        let Shape::Area(polygons) = parse_geojson(text).unwrap() else { unreachable!() };
        let against = Against::Area(Area::new(polygons).unwrap());
        let text = answers(&against, "48.05,37.001\n48.05,36.999\n48.05,37\n", Format::Csv).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert_eq!([rows[0][3], rows[1][3], rows[2][3]], ["a", "b", "undetermined"], "{text}");
        assert!((rows[0][2].parse::<f64>().unwrap() - 74.5).abs() < 0.2, "{text}");
    }
}
