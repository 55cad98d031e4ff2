//! How times are spread: counted to the millisecond, so that an hour takes no more memory than a second.

use std::time::Duration;

/// Longer ones count as this.
const LONGEST_MS: usize = 120_000;

#[derive(Default)]
pub struct Spread {
    by_ms: Vec<u64>,
    count: u64,
}

impl Spread {
    pub fn add(&mut self, took: Duration, count: u64) {
        let ms = usize::try_from(took.as_millis()).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        if self.by_ms.len() <= ms {
            self.by_ms.resize(ms + 1, 0);
        }
        if let Some(slot) = self.by_ms.get_mut(ms) {
            *slot += count;
        }
        self.count += count;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The least time, in whole milliseconds rounded up, that at least this part of all did not exceed; zero of none.
    pub fn quantile(&self, part: f64) -> Duration {
        let wanted = (self.count as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (ms, count) in (1..).zip(&self.by_ms) {
            seen += count;
            if *count > 0 && seen >= wanted {
                return Duration::from_millis(ms);
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_time_that_this_part_did_not_exceed() {
        let mut spread = Spread::default();
        assert_eq!(spread.quantile(0.99), Duration::ZERO);
        spread.add(Duration::from_millis(10), 98);
        spread.add(Duration::from_millis(500), 1);
        spread.add(Duration::from_secs(900), 1);
        assert_eq!(spread.quantile(0.5), Duration::from_millis(11));
        assert_eq!(spread.quantile(0.99), Duration::from_millis(501));
        assert_eq!(spread.quantile(1.0), Duration::from_millis(120_001));
    }
}
