//! What is open: alerts, and apart from them events, so that neither pushes the other out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::key::AlertKey;
use super::open::OpenAlert;

type Shelf = BTreeMap<AlertKey, OpenAlert>;

/// Alerts and events by their keys; a key tells which of the two it is of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Shelves {
    #[serde(with = "crate::engine::pairs")]
    alerts: Shelf,
    #[serde(with = "crate::engine::pairs")]
    events: Shelf,
}

impl Shelves {
    /// All that are alerts, or events, as `key` is.
    pub(super) fn with(&self, key: &AlertKey) -> &Shelf {
        if key.is_permitted() { &self.events } else { &self.alerts }
    }

    fn with_mut(&mut self, key: &AlertKey) -> &mut Shelf {
        if key.is_permitted() { &mut self.events } else { &mut self.alerts }
    }

    pub(super) fn get(&self, key: &AlertKey) -> Option<&OpenAlert> {
        self.with(key).get(key)
    }

    pub(super) fn get_mut(&mut self, key: &AlertKey) -> Option<&mut OpenAlert> {
        self.with_mut(key).get_mut(key)
    }

    pub(super) fn contains_key(&self, key: &AlertKey) -> bool {
        self.with(key).contains_key(key)
    }

    pub(super) fn insert(&mut self, key: AlertKey, open: OpenAlert) {
        self.with_mut(&key).insert(key, open);
    }

    pub(super) fn remove(&mut self, key: &AlertKey) -> Option<OpenAlert> {
        self.with_mut(key).remove(key)
    }

    /// The alerts, then the events, each in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&AlertKey, &OpenAlert)> {
        self.alerts.iter().chain(&self.events)
    }

    pub(super) fn alert_ids(&self) -> Vec<Uuid> {
        self.alerts.values().map(|open| open.id).collect()
    }

    pub(super) fn event_ids(&self) -> Vec<Uuid> {
        self.events.values().map(|open| open.id).collect()
    }
}
