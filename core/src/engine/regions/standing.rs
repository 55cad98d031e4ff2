//! Devices of a region by when their reports end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::Id;
use crate::time::Time;

/// Devices with the time at which each one's report ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    pub(super) ends: BTreeMap<Id, Time>,
    order: BTreeSet<(Time, Id)>,
}

impl Standing {
    pub(super) fn set(&mut self, device: &Id, end: Option<Time>) {
        if let Some(old) = self.ends.remove(device) {
            self.order.remove(&(old, device.clone()));
        }
        if let Some(end) = end {
            self.ends.insert(device.clone(), end);
            self.order.insert((end, device.clone()));
        }
    }

    /// Takes out those whose reports have ended by `time`.
    pub(super) fn drop_ended(&mut self, time: Time) -> Vec<Id> {
        let mut ended = Vec::new();
        while self.order.first().is_some_and(|(end, _)| *end <= time) {
            if let Some((_, device)) = self.order.pop_first() {
                self.ends.remove(&device);
                ended.push(device);
            }
        }
        ended
    }
}

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.order)
    }
}

impl<'de> Deserialize<'de> for Standing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut standing = Self::default();
        for (end, device) in Vec::<(Time, Id)>::deserialize(deserializer)? {
            standing.set(&device, Some(end));
        }
        Ok(standing)
    }
}
