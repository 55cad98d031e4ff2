//! `truceline where`: points in, geometry out.

mod against;
mod answer;
mod chunks;
mod points;
mod stream;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};
use truceline_core::geometry::LonLat;
use truceline_core::time::Time;

use super::Failure;
use super::failure::say;
use super::input::{self, Input};
use against::Against;
use stream::{Notes, Stop, answer_all};

/// A point further from the line than this may have its coordinates swapped.
const FAR_M: f64 = 1e6;
/// More workers than these wait for the one that reads.
const MOST_WORKERS: usize = 8;

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
    /// Accuracy (95 % radius in metres) of points that have none or 0; without it such a point counts as exact
    #[arg(long, value_name = "METRES", value_parser = radius)]
    hacc_m: Option<f64>,
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
{\"lat\":..,\"lon\":..,\"hacc_m\":..,\"time\":\"..\"}. Other columns and keys are passed over, and named once. \
hacc_m is the radius in metres that holds the true position with 95 %; a point with 0 or none counts as \
exact, or as --hacc-m says.

Answers, one a point, in the same order: distance_m to the line (never negative), side, p_side_a, \
chainage_m along the line, foot (its nearest point), zones with the probability of being inside (from \
0.005). The side of an exact point is undetermined on the line only; that of another while p_side_a is \
between 0.05 and 0.95. Where no version of the line is in force at a point's time, distance, chainage \
and foot are null and the side is undetermined.

  echo 48.02,37.81 | truceline where --agreement config/agreements/example
  truceline where --line line.geojson --format csv points.csv > answers.csv

A line that is no point has no answer: it is named with its number and what to do, the others go on, and \
the exit code is 65.";

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON Lines
    Json,
    /// CSV with a header; zones as id=probability, separated by spaces; the nearest zone in two columns
    Csv,
    /// For people
    Table,
}

fn radius(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(metres) if metres > 0.0 && metres <= 2.0e7 => Ok(metres),
        _ => Err("write metres such as 5, more than 0".to_owned()),
    }
}

/// Locates every point of the input and prints the answers.
pub(super) fn run(arguments: &WhereArgs) -> Result<(), Failure> {
    let hacc_m = arguments.hacc_m.unwrap_or(0.0);
    let against = match (&arguments.agreement, &arguments.line) {
        (Some(dir), _) => Against::agreement(dir, arguments.at, hacc_m)?,
        (None, Some(file)) => Against::line(file, hacc_m)?,
        (None, None) => {
            return Err(Failure::usage("name an agreement with --agreement DIR or a line with --line FILE"));
        }
    };
    let Input { progress, reader } = input::open(&arguments.input, "points")?;
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(MOST_WORKERS);
    let out = std::io::stdout().lock();
    let tell = |fault: &str| progress.say(fault);
    let count = |points: u64| progress.count(points);
    let (notes, done) = answer_all(&against, reader, out, arguments.format, workers, &tell, &count);
    progress.finish();
    match done {
        Err(Stop::Output(error)) => return Err(Failure::output(&error)),
        Err(Stop::Input(message)) => return Err(Failure::data(message)),
        Ok(()) => {}
    }
    say_notes(&notes, arguments, &against);
    let (bad, points) = (notes.bad, notes.points);
    match bad {
        0 => Ok(()),
        1 => Err(Failure::data(format!("1 line is no point and has no answer (points answered: {points})"))),
        _ => Err(Failure::data(format!("{bad} lines are no points and have no answer (points answered: {points})"))),
    }
}

/// What is to be known beside the answers, once.
fn say_notes(notes: &Notes, arguments: &WhereArgs, against: &Against) {
    let points_have = |count: u64| if count == 1 { "1 point has".to_owned() } else { format!("{count} points have") };
    if notes.points == 0 && notes.bad == 0 {
        say(format_args!("there are no points in the input"));
    }
    if !notes.unused.is_empty() {
        let names: Vec<&str> = notes.unused.iter().map(String::as_str).collect();
        say(format_args!("not used of the input: {}", names.join(", ")));
    }
    if notes.nowhere > 0 && against.has_no_line() {
        say("the agreement has no line: distances, sides and chainages are not known");
    } else if notes.nowhere > 0 {
        say(format_args!("{} a time at which no version of the line is in force", points_have(notes.nowhere)));
    }
    if notes.zero_accuracy > 0 && arguments.hacc_m.is_none() {
        say(format_args!(
            "{} hacc_m 0, taken as exact; from a device it means unknown: say what to assume with --hacc-m METRES",
            points_have(notes.zero_accuracy)
        ));
    }
    if let Some((LonLat { lon, lat }, distance_m)) = notes.far {
        let km = distance_m / 1e3;
        say(format_args!("lat {lat}, lon {lon} is {km:.0} km from the line; are lat and lon swapped?"));
    }
    if notes.timeless > 0
        && arguments.at.is_none()
        && let Some(time) = against.left_out()
    {
        say(format_args!(
            "points without a time are held against the versions in force at {time}, the newest; use --at TIME for others"
        ));
    }
}
