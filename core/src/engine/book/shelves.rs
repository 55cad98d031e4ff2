//! What is open: alerts, and apart from them events, so that neither pushes the other out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::key::AlertKey;
use super::open::OpenAlert;
use super::places::Places;
use crate::engine::finding::Finding;
use crate::time::Time;

/// Which goes first when there are too many: what no registered device shows, then what had evidence longest ago.
pub(super) type Turn = (bool, Time);

/// Alerts, or events, by their keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    open: BTreeMap<AlertKey, OpenAlert>,
    /// By the turn that each had when it was looked at last; evidence since then has only made it later.
    queue: BTreeSet<(Turn, AlertKey)>,
    /// The clusters, by the key that they have in common.
    places: BTreeMap<AlertKey, Places>,
}

impl Shelf {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn get(&self, key: &AlertKey) -> Option<&OpenAlert> {
        self.open.get(key)
    }

    fn insert(&mut self, key: AlertKey, mut open: OpenAlert) {
        self.remove(&key);
        open.queued = open.turn();
        self.queue.insert((open.queued, key.clone()));
        if let Some(spot) = open.spot(&key) {
            self.places.entry(key.in_common()).or_default().insert(spot);
        }
        self.open.insert(key, open);
    }

    fn remove(&mut self, key: &AlertKey) -> Option<OpenAlert> {
        let open = self.open.remove(key)?;
        self.queue.remove(&(open.queued, key.clone()));
        if let Some(spot) = open.spot(key) {
            let base = key.in_common();
            if let Some(places) = self.places.get_mut(&base) {
                places.remove(spot);
                if places.is_empty() {
                    self.places.remove(&base);
                }
            }
        }
        Some(open)
    }

    /// The key of the one whose turn it is to go.
    pub(super) fn first_to_go(&mut self) -> Option<AlertKey> {
        loop {
            let (queued, key) = self.queue.first()?.clone();
            let open = self.open.get_mut(&key)?;
            let turn = open.turn();
            if turn == queued {
                return Some(key);
            }
            open.queued = turn;
            self.queue.pop_first();
            self.queue.insert((turn, key));
        }
    }

    /// Each cluster that may have something in common with a finding, and maybe others.
    pub(super) fn near<'s>(
        &'s self,
        base: &AlertKey,
        finding: &Finding<'_>,
        mut each: impl FnMut(AlertKey, &'s OpenAlert),
    ) {
        let Some(places) = self.places.get(&base.in_common()) else { return };
        places.near(base.late, finding.extent, finding.station, |subject| {
            let key = AlertKey { subject: subject.to_owned(), ..base.clone() };
            if let Some(open) = self.open.get(&key) {
                each(key, open);
            }
        });
    }

    /// The subject of a new cluster: one that none has, live or late, so that one that goes live keeps its name.
    pub(super) fn free_subject(&self, base: &AlertKey) -> String {
        self.places.get(&base.in_common()).map_or_else(|| base.subject.clone(), |places| places.free(&base.subject))
    }
}

impl Serialize for Shelf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.open)
    }
}

impl<'de> Deserialize<'de> for Shelf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut shelf = Self::default();
        for (key, open) in Vec::<(AlertKey, OpenAlert)>::deserialize(deserializer)? {
            shelf.insert(key, open);
        }
        Ok(shelf)
    }
}

/// Alerts and events by their keys; a key tells which of the two it is of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Shelves {
    alerts: Shelf,
    events: Shelf,
}

impl Shelves {
    /// All that are alerts, or events, as `key` is.
    pub(super) fn with(&self, key: &AlertKey) -> &Shelf {
        if key.is_permitted() { &self.events } else { &self.alerts }
    }

    pub(super) fn with_mut(&mut self, key: &AlertKey) -> &mut Shelf {
        if key.is_permitted() { &mut self.events } else { &mut self.alerts }
    }

    pub(super) fn get(&self, key: &AlertKey) -> Option<&OpenAlert> {
        self.with(key).get(key)
    }

    pub(super) fn get_mut(&mut self, key: &AlertKey) -> Option<&mut OpenAlert> {
        self.with_mut(key).open.get_mut(key)
    }

    pub(super) fn contains_key(&self, key: &AlertKey) -> bool {
        self.with(key).open.contains_key(key)
    }

    pub(super) fn insert(&mut self, key: AlertKey, open: OpenAlert) {
        self.with_mut(&key).insert(key, open);
    }

    pub(super) fn remove(&mut self, key: &AlertKey) -> Option<OpenAlert> {
        self.with_mut(key).remove(key)
    }

    /// The alerts, then the events, each in the order of their keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&AlertKey, &OpenAlert)> {
        self.alerts.open.iter().chain(&self.events.open)
    }

    pub(super) fn alert_ids(&self) -> Vec<Uuid> {
        self.alerts.open.values().map(|open| open.id).collect()
    }

    pub(super) fn event_ids(&self) -> Vec<Uuid> {
        self.events.open.values().map(|open| open.id).collect()
    }
}
