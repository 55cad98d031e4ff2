//! The evaluator over a log in memory, with a small machine in the engine's place.

mod machine;
mod recovery;
mod ticks;
mod world;

use std::time::{Duration, Instant};

/// Waits until `condition` holds.
fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited too long for {what}");
        // Polling interval of a condition, not a guess at how long something takes.
        std::thread::sleep(Duration::from_millis(2));
    }
}
