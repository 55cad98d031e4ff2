//! How far a play is: a bar where standard error is a terminal, else a line now and then.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What the devices of one connection did so far.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Readings made.
    pub(crate) made: AtomicU64,
    /// Readings in `stored` or rejected.
    pub(crate) settled: AtomicU64,
}

/// The one place where the play shows itself.
pub(crate) enum Progress {
    Hidden,
    Bar(ProgressBar),
    Lines(Instant),
}

impl Progress {
    pub(crate) fn new(wanted: bool, duration_s: f64) -> Self {
        if !wanted {
            return Self::Hidden;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines(Instant::now());
        }
        let bar = ProgressBar::with_draw_target(Some(duration_s as u64), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} s  {msg}") {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    /// Shows the scenario's second `at_s` of `duration_s`.
    pub(crate) fn show(&mut self, at_s: f64, duration_s: f64, meters: &[std::sync::Arc<Meter>]) {
        if matches!(self, Self::Hidden) {
            return;
        }
        let sum = |count: fn(&Meter) -> &AtomicU64| -> u64 {
            meters.iter().map(|meter| count(meter).load(Ordering::Relaxed)).sum()
        };
        let (made, settled) = (sum(|meter| &meter.made), sum(|meter| &meter.settled));
        let words = format!("{made} readings made, {} not stored yet", made.saturating_sub(settled));
        match self {
            Self::Hidden => {}
            Self::Bar(bar) => {
                bar.set_position(at_s as u64);
                bar.set_message(words);
            }
            Self::Lines(last) => {
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    eprintln!("firmware-sim: {at_s:.0} of {duration_s:.0} scenario seconds, {words}");
                }
            }
        }
    }

    pub(crate) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
