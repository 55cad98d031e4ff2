//! What a device says of its satellite reception.

use serde::{Deserialize, Serialize};

use crate::alert::Evidence;
use crate::engine::limits::REPORT_STANDS;
use crate::time::Time;

/// What of a device shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::engine) enum Source {
    /// Its receiver's monitor.
    Receiver,
    /// It stands still and reports to be elsewhere.
    Displaced,
    /// Its GNSS clock leapt against its uptime.
    Clock,
    /// It had a fix and has none.
    NoFix,
}

impl Source {
    /// Whether it may begin a region; a lost fix has many causes and only adds to one.
    pub(super) const fn begins(self) -> bool {
        !matches!(self, Self::NoFix)
    }
}

/// How strongly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::engine) enum Strength {
    Weak,
    Suspected,
    Confirmed,
}

impl Strength {
    pub(in crate::engine) const ALL: [Self; 3] = [Self::Weak, Self::Suspected, Self::Confirmed];

    /// How probable it makes that reception is disturbed from outside.
    pub(in crate::engine) const fn probability(self) -> f64 {
        match self {
            Self::Weak => 0.3,
            Self::Suspected => 0.6,
            Self::Confirmed => 0.9,
        }
    }
}

/// One device's word by one source, from its first sign on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) from: Time,
    pub(super) last: Time,
    /// It said otherwise then.
    pub(super) denied: Option<Time>,
    pub(super) strength: Strength,
    /// Signs that no alert has counted.
    pub(super) uncounted: u64,
    pub(super) evidence: Evidence,
}

impl Report {
    /// From here on it does not stand.
    pub(super) fn end(&self) -> Time {
        let longest = self.last + REPORT_STANDS;
        self.denied.map_or(longest, |denied| denied.min(longest))
    }

    pub(super) fn stands_at(&self, time: Time) -> bool {
        self.from <= time && time < self.end()
    }
}
