//! What must hold, all of it relative to the counting subscriber of the same run: so a busy machine decides nothing.

use crate::rows::Outcome;

/// What the counting subscriber takes on a quiet machine with two cores: CPU seconds a million live and in a backlog,
/// and messages/s of a backlog. Other limits are meant on that machine, and scaled by what it takes in this run.
const QUIET_CPU_S: [f64; 2] = [4.1, 2.2];
const QUIET_BACKLOG_PER_S: f64 = 334_000.0;
/// CPU seconds a million readings.
const MAX_CPU_S: f64 = 10.0;
/// Readings/s, ten in a message.
const MIN_BATCHED_PER_S: f64 = 200_000.0;
/// Of the rate without them, with millions of readings in the journal before.
const MIN_SHARE_FILLED: f64 = 0.9;

/// Tells each limit that the outcomes decide; how many are missed.
#[allow(clippy::print_stdout)]
pub fn tell(outcomes: &[Outcome]) -> usize {
    let find = |who: &str, batch: usize, backlog: bool| {
        outcomes.iter().find(|found| found.who == who && found.batch == batch && found.backlog == backlog)
    };
    let mut missed = 0;
    let mut limit = |what: &str, value: f64, least: f64| {
        let held = value >= least;
        missed += usize::from(!held);
        println!(
            "- {what}: {:.0} % of what it must be, {}",
            value / least * 100.0,
            if held { "held" } else { "MISSED" }
        );
    };
    println!();
    for (backlog, share) in [(false, 0.8), (true, 0.4)] {
        let how = if backlog { "backlog" } else { "live" };
        let (Some(counting), Some(ours)) = (find("counting", 1, backlog), find("truceline", 1, backlog)) else {
            continue;
        };
        limit(&format!("{how}, rate beside the counting subscriber"), ours.share, share);
        let scale = counting.cpu_s_a_million / QUIET_CPU_S[usize::from(backlog)];
        limit(&format!("{how}, CPU a reading"), MAX_CPU_S * scale / ours.cpu_s_a_million, 1.0);
    }
    if let (Some(counting), Some(ours)) = (find("counting", 1, true), find("truceline", 10, true)) {
        let scale = counting.readings_per_s / QUIET_BACKLOG_PER_S;
        limit("backlog, readings/s with ten in a message", ours.readings_per_s / scale, MIN_BATCHED_PER_S);
    }
    for backlog in [false, true] {
        if let (Some(empty), Some(filled)) = (find("truceline", 1, backlog), find("truceline, filled", 1, backlog)) {
            let how = if backlog { "backlog" } else { "live" };
            limit(
                &format!("{how}, with a filled journal"),
                filled.readings_per_s / empty.readings_per_s,
                MIN_SHARE_FILLED,
            );
        }
    }
    missed
}
