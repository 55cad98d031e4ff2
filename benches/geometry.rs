//! How fast a position is put against a line and against many zones, with peers in the same run.
//!
//! Every row of a table takes the same positions. After criterion's own report the medians are printed beside one
//! geodesic inverse of geographiclib-rs, with the limits that the project sets itself. With `TRUCELINE_BENCH_LIMITS=1` in the
//! environment a limit that is missed makes the run fail.

#![allow(missing_docs)]

#[path = "geometry/lines.rs"]
mod lines;
#[path = "geometry/made.rs"]
mod made;
#[path = "geometry/peers.rs"]
mod peers;
#[path = "geometry/zones.rs"]
mod zones;

use std::cell::RefCell;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::Criterion;

/// Samples of a row; the median is taken over as many.
const SAMPLES: usize = 20;

/// Which limits were missed.
#[derive(Default)]
pub struct Limits {
    missed: u32,
}

impl Limits {
    /// Says whether a figure keeps its limit; nothing of one that was not measured.
    fn told(&mut self, figure: Option<f64>, most: f64) -> &'static str {
        match figure {
            None => "",
            Some(figure) if figure <= most => ": met",
            Some(_) => {
                self.missed += 1;
                ": NOT met"
            }
        }
    }
}

fn main() -> ExitCode {
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut limits = Limits::default();
    let mut told = lines::run(&mut criterion, &mut limits);
    told += &zones::run(&mut criterion, &mut limits);
    criterion.final_summary();
    println!("\n{told}");
    let strict = std::env::var("TRUCELINE_BENCH_LIMITS").is_ok_and(|value| value == "1");
    if strict && limits.missed > 0 {
        eprintln!("{} limits are not met", limits.missed);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Measures one row; the median time of a call in nanoseconds, or nothing when the row is filtered out.
///
/// The calls go round over the queries, so that no branch is learnt by heart.
fn row<Q, T>(criterion: &mut Criterion, name: &str, queries: &[Q], mut call: impl FnMut(&Q) -> T) -> Option<f64> {
    let seen = RefCell::new(Vec::new());
    let mut next = 0;
    criterion.bench_function(name, |bench| {
        bench.iter_custom(|rounds| {
            let start = Instant::now();
            for _ in 0..rounds {
                std::hint::black_box(call(std::hint::black_box(&queries[next])));
                next = if next + 1 == queries.len() { 0 } else { next + 1 };
            }
            let took = start.elapsed();
            seen.borrow_mut().push(took.as_nanos() as f64 / rounds as f64);
            took
        });
    });
    let seen = seen.into_inner();
    // What came before the samples was warming up.
    let mut samples = seen[seen.len().saturating_sub(SAMPLES)..].to_vec();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}

/// Nanoseconds for people.
fn told_ns(time: Option<f64>) -> String {
    match time {
        None => "not run".to_owned(),
        Some(ns) if ns < 10_000.0 => format!("{ns:.0} ns"),
        Some(ns) => format!("{:.1} us", ns / 1e3),
    }
}
