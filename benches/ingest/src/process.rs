//! What a process used, as the kernel counts it.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Between two looks at another process.
const LOOK: Duration = Duration::from_millis(20);

/// CPU seconds (user and system) and greatest resident memory of a running process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub cpu_s: f64,
    pub peak_mb: f64,
}

/// Of a process that still runs; zeros once it is gone.
pub fn usage(pid: u32) -> Usage {
    // Kernel ticks are 100 a second on every Linux that this runs on.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold spaces: the fields are counted from behind its bracket.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    Usage { cpu_s: (ticks(11) + ticks(12)) / TICKS, peak_mb: memory_mb(pid, "VmHWM:") }
}

/// A line of the kernel's status of a process, such as `VmRSS:`, in MB; 0 once it is gone.
pub fn memory_mb(pid: u32, name: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1_024.0
}

/// Waits until something is so, at most for the limit; whether it is. Other processes tell nobody when, so it is looked at
/// again and again.
pub fn until(limit: Duration, mut is_so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if is_so() {
            return true;
        }
        if begun.elapsed() > limit {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

/// A child that is ended when it is dropped.
pub struct Running(pub Child);

impl Running {
    pub fn usage(&self) -> Usage {
        usage(self.0.id())
    }

    /// SIGTERM, and waits for its end.
    pub fn stop(mut self) {
        let _ = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
