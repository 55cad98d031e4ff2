//! Memory and processor time of one piece of work.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// The allocator counts all threads, so the tests of this program take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a test alone.
pub fn alone(test: impl FnOnce()) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    test();
}

/// What a piece of work took.
pub struct Took {
    pub peak_bytes: usize,
    pub cpu: Duration,
}

/// Does the work and says what it took.
pub fn measured<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (held, since) = (ALLOCATOR.current_usage(), cpu());
    ALLOCATOR.reset_peak_usage();
    let done = work();
    let peak_bytes = ALLOCATOR.peak_usage().saturating_sub(held);
    (done, Took { peak_bytes, cpu: cpu().saturating_sub(since) })
}

/// Time of this thread on a processor: on a busy machine the wall's time tells nothing.
fn cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(told.split(' ').next().unwrap().parse().expect("nanoseconds"))
}
