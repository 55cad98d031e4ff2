//! What is due when: at most one time for each key, fired in the order (due, key).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::book::AlertKey;
use crate::id::Id;
use crate::time::Time;

/// What a timeout is for. A timeout is a question, not an order: whoever gets it looks whether it is due indeed.
///
/// Alerts' keys are boxed: most timeouts are those of devices, and each is kept twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum TimerKey {
    /// A revision was held back.
    Revision(Box<AlertKey>),
    /// No evidence for the rule's cool-down.
    CoolDown(Box<AlertKey>),
    /// A stretch may have been blind for too long, or the rule or its line may hold from now on or not any more.
    Coverage {
        /// The rule.
        rule: Id,
    },
    /// A device may have begun or ceased to work under a rule.
    Working {
        /// The rule.
        rule: Id,
        /// The device.
        device: Id,
    },
    /// A device was not heard for too long under a rule.
    Silence {
        /// The rule.
        rule: Id,
        /// The device.
        device: Id,
    },
}

impl TimerKey {
    pub(super) fn revision(alert: &AlertKey) -> Self {
        Self::Revision(Box::new(alert.clone()))
    }

    pub(super) fn cool_down(alert: &AlertKey) -> Self {
        Self::CoolDown(Box::new(alert.clone()))
    }
}

/// The timeouts that are armed.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<TimerKey, Time>,
    order: BTreeSet<(Time, TimerKey)>,
}

impl Timers {
    /// Arms `key`, in place of what it was armed for.
    pub(super) fn arm(&mut self, key: TimerKey, due: Time) {
        if let Some(old) = self.due.insert(key.clone(), due) {
            if old == due {
                return;
            }
            self.order.remove(&(old, key.clone()));
        }
        self.order.insert((due, key));
    }

    pub(super) fn disarm(&mut self, key: &TimerKey) {
        if let Some(old) = self.due.remove(key) {
            self.order.remove(&(old, key.clone()));
        }
    }

    pub(super) fn is_armed(&self, key: &TimerKey) -> bool {
        self.due.contains_key(key)
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.order.first().map(|(due, _)| *due)
    }

    /// Takes the first that is due at `until` or before.
    pub(super) fn pop(&mut self, until: Time) -> Option<(Time, TimerKey)> {
        if self.next()? > until {
            return None;
        }
        let (due, key) = self.order.pop_first()?;
        self.due.remove(&key);
        Some((due, key))
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&TimerKey) -> bool) {
        self.due.retain(|key, _| keep(key));
        let due = &self.due;
        self.order.retain(|(_, key)| due.contains_key(key));
    }
}

impl Serialize for Timers {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.order)
    }
}

impl<'de> Deserialize<'de> for Timers {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut timers = Self::default();
        for (due, key) in Vec::<(Time, TimerKey)>::deserialize(deserializer)? {
            timers.arm(key, due);
        }
        Ok(timers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(device: &str) -> TimerKey {
        TimerKey::Silence { rule: "silence".parse().unwrap(), device: device.parse().unwrap() }
    }

    #[test]
    fn timeouts_come_by_time_and_then_by_key_and_each_key_once() {
        let at = Time::from_nanos;
        let mut timers = Timers::default();
        timers.arm(key("b"), at(5));
        timers.arm(key("a"), at(5));
        timers.arm(key("c"), at(1));
        timers.arm(key("c"), at(9));
        assert_eq!(timers.next(), Some(at(5)));
        assert_eq!(timers.pop(at(4)), None);
        let order: Vec<_> = std::iter::from_fn(|| timers.pop(at(10))).collect();
        assert_eq!(order, [(at(5), key("a")), (at(5), key("b")), (at(9), key("c"))]);
    }

    #[test]
    fn what_is_disarmed_does_not_fire() {
        let mut timers = Timers::default();
        timers.arm(key("a"), Time::from_nanos(5));
        timers.disarm(&key("a"));
        assert_eq!(timers.next(), None);
        assert!(!timers.is_armed(&key("a")));
    }
}
