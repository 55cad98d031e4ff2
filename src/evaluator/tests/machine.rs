//! A machine that is small enough to be plainly right: an alert per subject, ended when nothing came for a while.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use truceline_core::alert::Alert;
use truceline_core::engine::{DeviceStatus, LimitsHit, Output, SnapshotError};
use truceline_core::log::{Body, Document, Entry};
use truceline_core::time::{Span, Time};
use uuid::Uuid;

use crate::evaluator::Machine;

/// Quiet time after which an alert ends.
pub const QUIET: Span = Span::from_secs(10);

/// The subject that a flawed machine cannot bear.
pub const FATAL: i64 = -1;

#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Toy {
    version: u32,
    offset: u64,
    open: BTreeMap<i64, Alert>,
    opened: BTreeMap<i64, u32>,
    #[serde(skip)]
    said: VecDeque<Output>,
    #[serde(skip)]
    n: u32,
}

impl Toy {
    fn say(&mut self, alert: Alert) {
        self.said.push_back(Output { offset: self.offset, n: self.n, said: alert.into() });
        self.n += 1;
    }

    fn fire(&mut self, now: Time) {
        while let Some((due, subject)) = self.open.iter().map(|(subject, alert)| (alert.last + QUIET, *subject)).min() {
            if due > now {
                return;
            }
            if let Some(mut alert) = self.open.remove(&subject) {
                alert.revision += 1;
                alert.ended = Some(due);
                alert.updated_at = now;
                self.say(alert);
            }
        }
    }
}

impl Machine for Toy {
    fn fresh() -> Self {
        Self { version: 1, ..Self::default() }
    }

    /// The entry's `offset_ns` is the subject that is seen.
    fn handle_entry(&mut self, entry: &Entry) {
        self.offset = entry.offset;
        self.n = 0;
        self.fire(entry.arrived);
        let Body::Clock { offset_ns: subject } = entry.body else { return };
        assert_ne!(subject, FATAL, "a flaw of the machine");
        let alert = if let Some(mut alert) = self.open.remove(&subject) {
            alert.revision += 1;
            alert.last = entry.arrived;
            alert.updated_at = entry.arrived;
            alert
        } else {
            let count = self.opened.entry(subject).or_default();
            *count += 1;
            super::world::alert(Uuid::from_u128((subject as u128) << 32 | u128::from(*count)), entry.arrived)
        };
        self.open.insert(subject, alert.clone());
        self.say(alert);
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.open.values().map(|alert| alert.last + QUIET).min()
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.said.pop_front()
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn devices(&self) -> Vec<DeviceStatus> {
        self.opened
            .keys()
            .map(|subject| DeviceStatus {
                device: format!("d{subject}").parse().unwrap(),
                station: "s".parse().unwrap(),
                registered: true,
                last_heard: None,
                last_time: None,
                position: None,
                hacc_m: None,
                position_doubtful: false,
                state: "ok".to_owned(),
                battery_pct: None,
                readings: 0,
            })
            .collect()
    }

    fn open_events(&self) -> Vec<Uuid> {
        Vec::new()
    }

    fn open_alerts(&self) -> Vec<Uuid> {
        self.open.values().map(|alert| alert.id).collect()
    }

    fn limits_hit(&self) -> LimitsHit {
        LimitsHit::default()
    }

    fn snapshot(&self) -> Vec<u8> {
        assert!(self.said.is_empty(), "a snapshot between outputs");
        serde_json::to_vec(self).unwrap()
    }

    fn restore(snapshot: &[u8], _: &dyn Fn(&str) -> Option<Document>) -> Result<Self, SnapshotError> {
        let toy: Self =
            serde_json::from_slice(snapshot).map_err(|fault| SnapshotError::Unreadable(fault.to_string()))?;
        if toy.version == 1 { Ok(toy) } else { Err(SnapshotError::OtherVersion(toy.version)) }
    }
}
