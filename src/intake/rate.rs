//! A limit on how many readings a device may send.

use truceline_core::id::Id;
use truceline_core::time::{NANOS_PER_SECOND, Time};

use super::generations::Generations;

/// Devices whose rate is remembered at least.
const DEVICES: usize = 100_000;

/// A token bucket for each device: `burst` readings at once, then `per_second`.
pub(crate) struct RateLimit {
    per_second: f64,
    burst: f64,
    buckets: Generations<Id, Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Time,
}

impl RateLimit {
    /// At most `burst` readings at once and `per_second` on average.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: f64::from(per_second), burst: f64::from(burst.max(1)), buckets: Generations::new(DEVICES) }
    }

    /// Whether `device` may send one more reading at `now`.
    pub(crate) fn allows(&mut self, device: &Id, now: Time) -> bool {
        let Some(bucket) = self.buckets.get_mut(device) else {
            self.buckets.insert(device.clone(), Bucket { tokens: self.burst - 1.0, at: now });
            return true;
        };
        let elapsed_s = now.since(bucket.at).nanos().max(0) as f64 / NANOS_PER_SECOND as f64;
        bucket.tokens = (bucket.tokens + elapsed_s * self.per_second).min(self.burst);
        bucket.at = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use truceline_core::time::Span;

    use super::*;

    #[test]
    fn a_device_may_send_its_burst_and_then_its_rate() {
        let mut limit = RateLimit::new(2, 5);
        let (device, other) = ("a".parse().unwrap(), "b".parse().unwrap());
        let start = Time::from_nanos(0);
        assert_eq!((0..10).filter(|_| limit.allows(&device, start)).count(), 5);
        assert!(limit.allows(&other, start), "another device has a bucket of its own");
        let later = start + Span::from_secs(1);
        assert_eq!((0..10).filter(|_| limit.allows(&device, later)).count(), 2);
    }
}
