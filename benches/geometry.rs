//! How fast a position is put against a line and against many zones, with peers in the same run.
//!
//! Every row of a table takes the same positions. After criterion's own report the medians are printed beside one
//! geodesic inverse of geographiclib-rs, with the limits that the project sets itself.

#![allow(missing_docs)]

#[path = "geometry/lines.rs"]
mod lines;
#[path = "geometry/made.rs"]
mod made;
#[path = "geometry/zones.rs"]
mod zones;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use criterion::Criterion;

/// Samples of a row; the median is taken over as many.
const SAMPLES: usize = 20;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let mut told = lines::run(&mut criterion);
    told += &zones::run(&mut criterion);
    criterion.final_summary();
    println!("\n{told}");
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
