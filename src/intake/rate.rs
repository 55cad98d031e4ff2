//! How many readings a device may send, and how many devices may be that nobody registered.

use truceline_core::id::Id;
use truceline_core::time::{NANOS_PER_SECOND, Time};

use super::generations::Generations;

/// Devices whose rate is remembered at least.
const DEVICES: usize = 100_000;

/// New ids at once that the registry does not list, and how many a second after them.
///
/// Each leaves a row in the journal's dictionary that outlives retention: 86,400 a day take about 10 MB.
const NEW_STRANGERS: (f64, f64) = (100_000.0, 1.0);

/// A token bucket for each device: `burst` readings at once, then `per_second`.
pub(crate) struct RateLimit {
    per_second: f64,
    burst: f64,
    buckets: Generations<Id, Bucket>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Time,
}

impl Bucket {
    /// Takes one token, if there is one after what came in since the last time.
    fn take(&mut self, (burst, per_second): (f64, f64), now: Time) -> bool {
        let elapsed_s = now.since(self.at).nanos().max(0) as f64 / NANOS_PER_SECOND as f64;
        self.tokens = (self.tokens + elapsed_s * per_second).min(burst);
        self.at = now;
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        allowed
    }
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
        bucket.take((self.burst, self.per_second), now)
    }
}

/// Devices that the registry does not list, where it is not enforced: how many new ones there may be.
pub(crate) struct Strangers {
    limits: (f64, f64),
    bucket: Option<Bucket>,
    /// By station and device: both leave rows.
    known: Generations<(Id, Id), ()>,
}

impl Strangers {
    /// None is known yet.
    pub(crate) fn new() -> Self {
        Self { limits: NEW_STRANGERS, bucket: None, known: Generations::new(DEVICES) }
    }

    /// Whether this one is known or may be new at `now`.
    pub(crate) fn admits(&mut self, station: &Id, device: &Id, now: Time) -> bool {
        let stranger = (station.clone(), device.clone());
        if self.known.get_mut(&stranger).is_some() {
            return true;
        }
        let full = Bucket { tokens: self.limits.0, at: now };
        let admitted = self.bucket.get_or_insert(full).take(self.limits, now);
        if admitted {
            self.known.insert(stranger, ());
        }
        admitted
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
    #[test]
    fn new_strangers_are_as_many_as_their_budget_and_those_admitted_stay() {
        let mut strangers = Strangers { limits: (3.0, 1.0), ..Strangers::new() };
        let station: Id = "st01".parse().unwrap();
        let mut admitted = |number: u64, at_s| {
            let device = format!("d{number}").parse().unwrap();
            strangers.admits(&station, &device, Time::from_nanos(0) + Span::from_secs(at_s))
        };
        let first: Vec<bool> = (0..5).map(|number| admitted(number, 0)).collect();
        assert_eq!(first, [true, true, true, false, false]);
        assert!(admitted(0, 0) && admitted(2, 0), "known ones need no place");
        assert_eq!([admitted(3, 1), admitted(4, 1), admitted(4, 2)], [true, false, true]);
    }

    #[test]
    fn a_million_ids_take_no_more_memory_than_those_that_may_be_known() {
        let mut strangers = Strangers::new();
        let station: Id = "st01".parse().unwrap();
        let flood = (0..1_000_000).map(|number| format!("d{number}").parse().unwrap());
        let admitted = flood.filter(|device| strangers.admits(&station, device, Time::from_nanos(0))).count();
        assert_eq!(admitted, 100_000);
    }
}
