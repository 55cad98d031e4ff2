//! How many readings a second the engine judges: an agreement with a line of 86 vertices, 50 zones and
//! 20 rules, 1,000 devices, readings that arrive in the order of their time, after a minute of others. `cargo bench -p truceline-core --bench judgement`.
//!
//! `decode` is what reading the stored bytes takes by itself; `judge` is the whole way of an entry through
//! the engine, decoding included, so that the difference is the judgement. After criterion's report a table holds it
//! against the limit that the project sets itself, by the median of each hundred readings over all rounds; beside it
//! stands the least, which nothing else on the machine disturbed.
//! With `TRUCELINE_BENCH_LIMITS=1` a limit that is missed fails the run.

#![allow(clippy::expect_used, missing_docs)]

#[path = "judgement/world.rs"]
mod world;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use truceline_core::engine::Engine;
use truceline_core::log::{Body, Entry};
use truceline_core::wire::decode_one;
use world::{BEFORE, READINGS, Sort, engine, entries, stands, vertices};

/// 200,000 readings a second on one core, decode aside.
const LIMIT_NS: f64 = 5_000.0;
/// Each sort alone, and as they come: half of them health, two fifths tracks, the rest detections. The limit is that of
/// readings as they come; the other rows say what it is made of.
const SORTS: [(&str, Sort); 6] = [
    ("health", Sort::Health),
    ("track", Sort::Track),
    ("new track", Sort::Fresh),
    ("bearing", Sort::Bearing),
    ("disc", Sort::Heard),
    (MIX, Sort::Mixed),
];

const MIX: &str = "mix";

fn main() -> ExitCode {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let line = vertices();
    let stands = stands(&line);
    let mut group = criterion.benchmark_group("readings");
    group.throughput(Throughput::Elements(READINGS as u64));
    let mut rows = Vec::new();
    for (name, sort) in SORTS {
        let entries = entries(sort, &stands);
        let (before, entries) = entries.split_at(BEFORE);
        let times = [Rounds::default(), Rounds::default()];
        group.bench_function(BenchmarkId::new("decode", name), |bench| {
            bench.iter_custom(|rounds| timed(rounds, entries, &times[0], || (), |(), some| decode(some)));
        });
        group.bench_function(BenchmarkId::new("judge", name), |bench| {
            let make = || {
                let mut engine = engine(&line, &stands);
                judge(&mut engine, before);
                engine
            };
            bench.iter_custom(|rounds| timed(rounds, entries, &times[1], make, judge));
        });
        rows.push((name, times.map(|times| times.ns())));
    }
    group.finish();
    criterion.final_summary();
    let (table, met) = table(&rows);
    println!("\n{table}");
    let strict = std::env::var_os("TRUCELINE_BENCH_LIMITS").is_some_and(|set| set == "1");
    if strict && !met { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The times of each part of the entries, one for each round.
#[derive(Default)]
struct Rounds(RefCell<Vec<Vec<Duration>>>);

impl Rounds {
    /// Entries in a part: few enough that in some round nothing disturbs it.
    const PART: usize = 100;

    fn take(&self, part: usize, took: Duration) {
        let mut parts = self.0.borrow_mut();
        if parts.len() <= part {
            parts.push(Vec::new());
        }
        parts[part].push(took);
    }

    /// Nanoseconds a reading, by the least and by the median of each part; none when the row was not run.
    fn ns(&self) -> Option<[f64; 2]> {
        let mut parts = self.0.borrow_mut();
        let mut sums = [Duration::ZERO; 2];
        for times in parts.iter_mut() {
            times.sort_unstable();
            sums[0] += *times.first()?;
            sums[1] += times[times.len() / 2];
        }
        (!parts.is_empty()).then(|| sums.map(|sum| sum.as_nanos() as f64 / READINGS as f64))
    }
}

/// Time of so many rounds over the entries, what each needs made beforehand.
fn timed<T>(
    rounds: u64,
    entries: &[Entry],
    times: &Rounds,
    make: impl Fn() -> T,
    run: impl Fn(&mut T, &[Entry]),
) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..rounds {
        let mut made = make();
        for (number, part) in entries.chunks(Rounds::PART).enumerate() {
            let began = Instant::now();
            run(&mut made, part);
            let took = began.elapsed();
            times.take(number, took);
            spent += took;
        }
        black_box(made);
    }
    spent
}

fn decode(entries: &[Entry]) {
    for entry in entries {
        if let Body::Reading(reading) = &entry.body {
            black_box(decode_one(reading.encoding, &reading.bytes)).expect("a reading");
        }
    }
}

fn judge(engine: &mut Engine, entries: &[Entry]) {
    for entry in entries {
        engine.handle_entry(entry);
        while let Some(output) = engine.poll_output() {
            black_box(output);
        }
    }
}

/// The table, and whether readings as they come are within the limit, if these were run.
fn table(rows: &[(&str, [Option<[f64; 2]>; 2])]) -> (String, bool) {
    let mut text =
        format!("{:<10}{:>12}{:>14}{:>12}{:>12}\n", "reading", "decode us", "judgement us", "least us", "limit us");
    let mut all = true;
    for (name, times) in rows {
        let [Some(decode), Some(whole)] = *times else { continue };
        let [least, median] = [0, 1].map(|which| whole[which] - decode[which]);
        let met = median <= LIMIT_NS;
        all &= met || *name != MIX;
        let [decode, median, least, limit] = [decode[1], median, least, LIMIT_NS].map(|ns| ns / 1e3);
        let word = if met { "met" } else { "NOT met" };
        let _ = writeln!(text, "{name:<10}{decode:>12.2}{median:>14.2}{least:>12.2}{limit:>12.2}  {word}");
    }
    text.push_str("    Tile38, 100 fences, an update: 5.3 us (189,000/s), measured once on another machine, not run here; it knows no\n");
    text.push_str("    line, no probability and no rules\n");
    (text, all)
}
