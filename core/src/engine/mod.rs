//! The engine: entries in, alerts and events out; sans-IO.
//!
//! Feed it every entry of the journal in order with [`Engine::handle_entry`]; it first
//! fires all its timeouts up to the entry's arrival. [`Engine::poll_timeout`] says when
//! the next is due; [`Engine::poll_output`] gives what it has to say. The same entries
//! give the same outputs, from a fresh engine or from one restored from a snapshot.
//!
//! How it is made:
//! - Time is the journal's: `frame` holds the moment, `timers` what is due, fired in the
//!   order (due, key). A timeout is a question: whoever gets it looks whether it is due.
//! - `terms` are the agreement and the registry in force; each entry may swap them.
//! - A reading becomes a `sighting`; a rule (one file each in `rules`) looks at it and says
//!   a `finding`; the `book` makes findings into alerts: open once, extend, revise, end.
//! - `located` answers how probably a place is on a side, in a zone, near the line.
//! - `hearing` knows when we were deaf; silence and cool-down pause then.
//! - Whatever grows has a constant in `limits` and a counter in [`LimitsHit`].
//! - All maps are ordered; the state is plain data, and `snapshot` writes all of it.

mod book;
mod disc;
mod finding;
mod frame;
mod ground;
mod hearing;
mod height;
mod known;
mod limits;
mod located;
mod pairs;
mod past;
mod polar;
mod record;
mod regions;
mod rounding;
mod rules;
mod runs;
mod sighting;
mod snapshot;
mod stretches;
mod sustained;
mod terms;
mod timers;
mod tracks;
mod trail;
mod way;
mod words;

pub use height::HEIGHT_ERROR_M;
pub use limits::*;
pub use sighting::{ASSUMED_RANGE_M, ASSUMED_RANGES_M, DEFAULT_HACC_M};
pub use trail::{BELIEVED_AFTER, FASTEST_MPS};
pub use way::{DETOUR, STEADY};

use std::sync::Arc;

use crate::agreement::RuleKind;
use crate::alert::Alert;
use crate::event::Event;
use crate::id::Id;
use crate::log::{Body, Document, Entry, ReadingEntry, StateEntry};
use crate::time::{Span, Time};
use crate::wire::{Data, Enclosure, FUTURE_ALLOWED};
use book::Book;
use frame::Frame;
use known::Known;
use record::{Records, Stand};
use rules::coverage::{AllStretches, AllWatches};
use rules::interference::AllRegions;
use rules::silence::AllOverdue;
use rules::{clock, interference, no_fire, no_flight, objects, tamper};
use sighting::Sighting;
use sustained::Sustained;
use terms::{Roll, Terms, in_maintenance};
use timers::TimerKey;
use tracks::Tracks;
use trail::Verdict;

/// Changes whenever another output may follow from the same entries.
pub const ENGINE_VERSION: u32 = 8;

/// What the engine says.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Offset of the entry that caused it.
    pub offset: u64,
    /// Count within the entry's outputs, from 0. (offset, n) is unique.
    pub n: u32,
    /// What it is.
    pub said: Said,
}

/// A new revision of one of the things that the engine tells of.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// A rule seems to be broken.
    Alert(Box<Alert>),
    /// A rule covers it and permits it.
    Event(Box<Event>),
}

impl Said {
    /// The alert, if it is one.
    pub fn alert(&self) -> Option<&Alert> {
        match self {
            Self::Alert(alert) => Some(alert),
            Self::Event(_) => None,
        }
    }

    /// The event, if it is one.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Self::Event(event) => Some(event),
            Self::Alert(_) => None,
        }
    }
}

impl From<Alert> for Said {
    fn from(alert: Alert) -> Self {
        Self::Alert(Box::new(alert))
    }
}

impl From<Event> for Said {
    fn from(event: Event) -> Self {
        Self::Event(Box::new(event))
    }
}

/// What is known of a device now.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DeviceStatus {
    /// Its id.
    pub device: Id,
    /// Its station.
    pub station: Id,
    /// In the registry.
    pub registered: bool,
    /// Journal time of its latest arrival.
    pub last_heard: Option<Time>,
    /// Latest time by its own clock.
    pub last_time: Option<Time>,
    /// Latest position: surveyed for a fixed device, else reported.
    pub position: Option<crate::geometry::LonLat>,
    /// 95 % radius of that.
    pub hacc_m: Option<f64>,
    /// The latest position that it reported is not believed: it cannot have come there, or says itself that
    /// satellite reception is disturbed. `position` is then where it was before.
    pub position_doubtful: bool,
    /// `ok`, `silent`, `maintenance`, `never_heard`.
    pub state: String,
    /// Battery, when last told.
    pub battery_pct: Option<f64>,
    /// Readings accepted since the registry or the journal knew it.
    pub readings: u64,
}

/// The engine.
#[derive(Debug, Default)]
pub struct Engine {
    terms: Option<Arc<Terms>>,
    known: Known,
    roll: Arc<Roll>,
    /// An entry was taken in.
    entries: bool,
    offset: u64,
    frame: Frame,
    records: Records,
    tracks: Tracks,
    fires: Sustained,
    overdue: AllOverdue,
    regions: AllRegions,
    watches: AllWatches,
    /// Follows from all else.
    stretches: AllStretches,
    book: Book,
}

/// A snapshot that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Of another engine version: rebuild from the journal.
    #[error("the snapshot is of engine version {0}, this is {ENGINE_VERSION}")]
    OtherVersion(u32),
    /// Damaged.
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(String),
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fires the timeouts due by the entry's arrival, then takes the entry in.
    pub fn handle_entry(&mut self, entry: &Entry) {
        let before = self.entries.then_some(self.frame.now);
        let arrived = before.map_or(entry.arrived, |before| before.max(entry.arrived));
        self.frame.begin(entry.offset);
        if let Body::Service(true) = entry.body {
            // That we were deaf since a crash has to be known before what was due in it.
            self.frame.hearing.start(before, arrived);
        }
        self.handle_timeouts(arrived);
        self.frame.now = arrived;
        self.entries = true;
        self.offset = entry.offset;
        match &entry.body {
            Body::Reading(reading) => {
                self.message();
                self.take_reading(reading);
            }
            Body::Reject(reject) => {
                self.message();
                if let Some(terms) = self.terms.clone() {
                    let record = reject.device.as_ref().and_then(|device| self.records.by_id.get_mut(device));
                    let known = record.as_deref();
                    tamper::judge_reject(reject, &terms, &self.roll, known, &mut self.book, &mut self.frame);
                    clock::judge_reject(reject, &terms, &self.roll, record, &mut self.book, &mut self.frame);
                }
            }
            Body::State(state) => {
                self.message();
                self.take_state(state);
            }
            Body::Agreement(document) => self.take_agreement(document),
            Body::Registry(document) => self.take_registry(document),
            Body::Service(true) | Body::Tick => {}
            Body::Service(false) => self.frame.hearing.stop(arrived),
            Body::Link(false) => self.frame.hearing.link_down(arrived),
            Body::Link(true) => {
                if self.frame.hearing.link_up(arrived, &mut self.frame.limits) {
                    self.hear_again();
                }
            }
            Body::Clock { offset_ns } => {
                self.frame.wall_ahead = Span::from_nanos(*offset_ns);
                self.rearm_silence();
                self.recheck_coverage();
            }
        }
    }

    /// When the next timeout is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.frame.timers.next()
    }

    /// The next thing it has to say.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.frame.take_output()
    }

    /// Offset of the last entry taken in; 0 at first.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// All devices registered or heard, by id.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        self.records.by_id.iter().map(|(id, record)| self.status(id, record)).collect()
    }

    /// Ids of the alerts that are open.
    pub fn open_alerts(&self) -> Vec<uuid::Uuid> {
        self.book.ids()
    }

    /// Ids of the events that are open.
    pub fn open_events(&self) -> Vec<uuid::Uuid> {
        self.book.event_ids()
    }

    /// How often each limit made it forget something.
    pub fn limits_hit(&self) -> LimitsHit {
        self.frame.limits
    }

    /// All its state. Only between entries, when [`Engine::poll_output`] has nothing more.
    pub fn snapshot(&self) -> Vec<u8> {
        snapshot::write(self, snapshot::Texts::Within)
    }

    /// As [`Engine::snapshot`], but agreement and registry by their hashes only: their texts may be far larger than all
    /// else, and the journal has them.
    pub fn snapshot_without_texts(&self) -> Vec<u8> {
        snapshot::write(self, snapshot::Texts::Elsewhere)
    }

    /// An engine in the state of a snapshot.
    ///
    /// # Errors
    /// The snapshot is of another engine version, or damaged.
    pub fn restore(snapshot: &[u8]) -> Result<Self, SnapshotError> {
        Self::restore_with(snapshot, &|_| None)
    }

    /// As [`Engine::restore`]; `documents` gives the texts that the snapshot names by their hashes.
    ///
    /// # Errors
    /// The snapshot is of another engine version, or damaged, or a document that it names is not there.
    pub fn restore_with(snapshot: &[u8], documents: &dyn Fn(&str) -> Option<Document>) -> Result<Self, SnapshotError> {
        snapshot::read(snapshot, documents)
    }

    fn handle_timeouts(&mut self, until: Time) {
        while let Some((due, key)) = self.frame.timers.pop(until) {
            self.frame.now = self.frame.now.max(due);
            let Some(terms) = self.terms.clone() else { continue };
            match key {
                TimerKey::Revision(key) => self.book.revision_due(&key, &terms, &mut self.frame),
                TimerKey::CoolDown(key) => self.book.cool_down_due(&key, &terms, &mut self.frame),
                TimerKey::Silence { rule, device } => self.silence_due(&rule, &device),
                TimerKey::Coverage { rule } => self.coverage_due(&rule),
                TimerKey::Working { rule, device } => self.working_due(&rule, &device),
            }
        }
    }

    /// A message arrived: we are not deaf.
    fn message(&mut self) {
        if self.frame.hearing.is_deaf() && self.frame.hearing.message(self.frame.now, &mut self.frame.limits) {
            self.hear_again();
        }
    }

    fn hear_again(&mut self) {
        self.book.rearm(&mut self.frame);
        self.rearm_silence();
        self.recheck_coverage();
    }

    fn take_agreement(&mut self, document: &Document) {
        let Some(terms) = Terms::of(document, self.terms.as_deref()) else {
            self.frame.limits.documents += 1;
            return;
        };
        self.known = Known::of(&terms.agreement);
        let terms = Arc::new(terms);
        let status = terms.agreement.status;
        self.book.end_where("agreement_changed", &terms, &mut self.frame, |key, category, was| {
            let same = terms.rule(&key.rule).is_some_and(|rule| rule.kind.as_str() == category);
            !same || was != status
        });
        self.fires.keep(|rule| terms.rule(rule).is_some_and(|rule| rule.kind == RuleKind::NoFire));
        interference::terms_changed(&terms, &mut self.regions, &mut self.book, &mut self.frame);
        if self.terms.replace(terms).is_some_and(|before| before.agreement.status != status) {
            self.forget_overdue();
            self.book.forget_budgets();
        }
        self.prune_overdue("agreement_changed");
        self.rearm_silence();
        self.survey_coverage();
    }

    fn take_registry(&mut self, document: &Document) {
        let Some(roll) = Roll::of(document) else {
            self.frame.limits.documents += 1;
            return;
        };
        let registered = roll.registry.devices.iter().map(|(id, device)| (id, &device.station));
        self.records.register(registered, self.frame.now);
        self.roll = Arc::new(roll);
        self.prune_overdue("registry_changed");
        self.rearm_silence();
        self.survey_coverage();
    }

    fn take_state(&mut self, entry: &StateEntry) {
        let roll = self.roll.clone();
        let station = roll.device(&entry.device).map_or(&entry.station, |device| &device.station);
        let (now, wall) = (self.frame.now, self.frame.wall(self.frame.now));
        let record = self.records.of(&entry.device, station, now, &mut self.frame.limits);
        record.told(&entry.state, wall);
        if entry.state.online {
            record.heard(now);
            self.silence_broken(station, &entry.device);
        }
        self.rearm_device(&entry.device);
        self.coverage_heard(&entry.device);
    }

    fn take_reading(&mut self, entry: &ReadingEntry) {
        // A clock that admits to be a day off may be a day ahead: taken at its word it would make all that
        // its track does until then old. It is judged as of its arrival.
        let wall = self.frame.wall(self.frame.now);
        let early = (entry.time > wall + FUTURE_ALLOWED).then(|| ReadingEntry { time: wall, ..entry.clone() });
        let entry = early.as_ref().unwrap_or(entry);
        let roll = self.roll.clone();
        let device = roll.device(&entry.device);
        let station = device.map_or(&entry.station, |device| &device.station);
        let now = self.frame.now;
        let record = self.records.of(&entry.device, station, now, &mut self.frame.limits);
        record.heard(now);
        record.readings += 1;
        record.absence = None;
        let newest = record.last_time.is_none_or(|last| last < entry.time);
        record.last_time = record.last_time.max(Some(entry.time));
        self.silence_broken(station, &entry.device);
        let Ok(reading) = entry.reading() else {
            self.frame.limits.undecodable += 1;
            return;
        };
        let reading = Arc::unwrap_or_clone(reading).bounded();
        let Some(record) = self.records.by_id.get_mut(&entry.device) else { return };
        if newest && let Data::Health(health) = &reading.data {
            record.battery_pct = health.battery_pct.or(record.battery_pct);
            record.opened = health.enclosure.map_or(record.opened, |enclosure| enclosure == Enclosure::Open);
        }
        let reported = sighting::reported(&reading, device);
        let fastest_mps = device.and_then(|device| device.max_speed_mps).unwrap_or(FASTEST_MPS);
        let worth = record.take_position(&reading, reported, entry.time, newest, fastest_mps);
        let believed = reported.filter(|_| worth != Verdict::Doubted);
        let stand = device.and_then(sighting::fixed_stand).or(believed);
        if worth == Verdict::Doubted {
            self.frame.limits.doubted_positions += 1;
        }
        let within =
            if stand.is_none() && reported.is_some() { record.trail.within(entry.time, fastest_mps) } else { None };
        self.coverage_heard(&entry.device);
        let Some(terms) = self.terms.clone() else { return };
        let Some(record) = self.records.by_id.get_mut(&entry.device) else { return };
        let sighting = Sighting {
            terms: &terms,
            known: &self.known,
            entry,
            reading: &reading,
            offset: self.offset,
            station,
            device,
            stand,
            within,
            worth,
            late: self.frame.wall(now).since(entry.time) > terms.agreement.late_after,
            in_maintenance: device.is_some_and(|device| in_maintenance(device, entry.time)),
        };
        if sighting.is_test() {
            return;
        }
        let (book, frame) = (&mut self.book, &mut self.frame);
        interference::judge(&sighting, record, &mut self.regions, book, frame);
        clock::judge(&sighting, record, book, frame);
        tamper::judge(&sighting, newest, record, &mut self.regions, book, frame);
        objects::judge_watched(&sighting, &mut self.tracks, &mut self.book, &mut self.frame);
        match reading.data {
            Data::AcousticDetection(_) | Data::SeismicDetection(_) => {
                no_fire::judge(&sighting, &mut self.fires, &mut self.book, &mut self.frame);
                no_flight::judge(&sighting, &mut self.tracks, &mut self.book, &mut self.frame);
            }
            Data::PatrolReport(_) => {
                no_fire::judge(&sighting, &mut self.fires, &mut self.book, &mut self.frame);
                no_flight::judge(&sighting, &mut self.tracks, &mut self.book, &mut self.frame);
                objects::judge(&sighting, &mut self.tracks, &mut self.book, &mut self.frame);
            }
            Data::ObjectTrack(_) => {
                objects::judge(&sighting, &mut self.tracks, &mut self.book, &mut self.frame);
            }
            Data::UavDetection(_) => {
                no_flight::judge(&sighting, &mut self.tracks, &mut self.book, &mut self.frame);
            }
            _ => {}
        }
    }

    fn status(&self, id: &Id, record: &record::Record) -> DeviceStatus {
        let device = self.roll.device(id);
        let wall = self.frame.wall(self.frame.now);
        let announced = record.in_maintenance && record.next_by.is_none_or(|next_by| wall < next_by);
        let state = if announced || device.is_some_and(|device| in_maintenance(device, wall)) {
            "maintenance"
        } else if self.is_overdue(&record.station, id) {
            "silent"
        } else if record.last_heard.is_none() {
            "never_heard"
        } else {
            "ok"
        };
        let fixed = device.filter(|device| device.mobility == crate::registry::Mobility::Fixed);
        let stand: Option<Stand> = fixed.and_then(sighting::surveyed).or(record.stand());
        DeviceStatus {
            device: id.clone(),
            station: record.station.clone(),
            registered: record.registered,
            last_heard: record.last_heard,
            last_time: record.last_time,
            position: stand.map(|stand| stand.position),
            hacc_m: stand.map(|stand| stand.hacc_m),
            position_doubtful: record.doubtful,
            state: state.to_owned(),
            battery_pct: record.battery_pct,
            readings: record.readings,
        }
    }
}
