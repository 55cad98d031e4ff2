//! What is around the evaluator: a log, a store, a clock, all in memory and all able to fail.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use truceline_core::alert::Alert;
use truceline_core::engine::Output;
use truceline_core::log::{Body, Document, Entries, Entry};
use truceline_core::time::Time;
use uuid::Uuid;

use super::machine::Toy;
use crate::evaluator::{AlertStore, Evaluator, EvaluatorConfig, Log, Machine, PortError, Ports, Ticks};

pub fn second(seconds: i64) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

pub fn alert(id: Uuid, at: Time) -> Alert {
    serde_json::from_value(serde_json::json!({
        "id": id, "revision": 1, "rule": "r", "category": "no_fire", "severity": "minor",
        "certainty": {"probability": 0.5, "word": "possible"}, "subject": "device:d", "started": at, "last": at,
        "detected_at": at, "updated_at": at, "detections": 1, "count_qualifier": "at_least", "events": null,
        "agreement": {"id": "test", "hash": "0"}, "timeliness": "live", "status": "actual", "summary": "",
    }))
    .unwrap()
}

/// Everything outside the evaluator; outlives any number of them.
#[derive(Clone)]
pub struct World {
    entries: Arc<Mutex<Vec<Entry>>>,
    head: watch::Sender<u64>,
    pub store: Arc<Mutex<Store>>,
    /// Offsets after which the log was read.
    pub reads: Arc<Mutex<Vec<u64>>>,
    pub clock: Arc<AtomicI64>,
    /// Ticks asked for, and held back until released.
    pub asked_ticks: Arc<Mutex<Vec<Time>>>,
    pub hold_ticks: Arc<AtomicBool>,
}

#[derive(Default)]
pub struct Store {
    pub cursor: u64,
    pub log: Vec<(u64, u32, String)>,
    pub ended_unknown: Vec<(u64, BTreeSet<Uuid>)>,
    /// Calls of `apply` until one fails, and whether that one has committed first.
    pub fails_in: Option<(usize, bool)>,
    /// Commits of nothing but the cursor, one before each snapshot.
    pub bare: usize,
}

impl World {
    pub fn new() -> Self {
        Self {
            entries: Arc::default(),
            head: watch::Sender::new(0),
            store: Arc::default(),
            reads: Arc::default(),
            clock: Arc::new(AtomicI64::new(i64::MIN)),
            asked_ticks: Arc::default(),
            hold_ticks: Arc::default(),
        }
    }

    pub fn append(&self, at: Time, body: Body) {
        let mut entries = self.entries.lock().unwrap();
        let arrived = entries.last().map_or(at, |last| last.arrived.max(at));
        let offset = entries.len() as u64 + 1;
        entries.push(Entry { offset, arrived, body });
        drop(entries);
        self.head.send_replace(offset);
    }

    pub fn see(&self, at: i64, subject: i64) {
        self.append(second(at), Body::Clock { offset_ns: subject });
    }

    pub fn set_clock(&self, at: i64) {
        self.clock.store(second(at).nanos(), Ordering::SeqCst);
    }

    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// What one uninterrupted machine says of the whole log.
    pub fn expected(&self) -> Vec<(u64, u32, String)> {
        let mut machine = Toy::fresh();
        let mut said = Vec::new();
        for entry in self.entries() {
            machine
                .feed(&entry, &mut |output: Output| {
                    said.push((output.offset, output.n, serde_json::to_string(output.said.alert().unwrap()).unwrap()));
                    Ok::<(), PortError>(())
                })
                .unwrap();
        }
        said
    }

    pub fn start(&self, config: EvaluatorConfig) -> Evaluator {
        let clock = Arc::clone(&self.clock);
        let ports = Ports {
            log: Box::new(self.clone()),
            store: Box::new(self.clone()),
            ticks: Box::new(self.clone()),
            now: Box::new(move || Time::from_nanos(clock.load(Ordering::SeqCst))),
        };
        Evaluator::start_with::<Toy>(config, ports).unwrap()
    }
}

impl Log for World {
    fn entries(&self, after: u64, max: usize) -> Result<Entries, PortError> {
        self.reads.lock().unwrap().push(after);
        Ok(self.entries.lock().unwrap().iter().skip(after as usize).take(max).cloned().collect::<Vec<_>>().into())
    }

    fn document(&self, _: &str) -> Result<Option<Document>, PortError> {
        Ok(None)
    }

    fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}

impl AlertStore for World {
    fn cursor(&self) -> Result<u64, PortError> {
        Ok(self.store.lock().unwrap().cursor)
    }

    fn apply(&self, outputs: &[Output], through: u64) -> Result<(), PortError> {
        let mut store = self.store.lock().unwrap();
        store.bare += usize::from(outputs.is_empty());
        let failing = match &mut store.fails_in {
            Some((0, committed)) => Some(*committed),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if failing != Some(false) && through > store.cursor {
            let cursor = store.cursor;
            store.log.extend(
                outputs.iter().filter(|output| output.offset > cursor).map(|output| {
                    (output.offset, output.n, serde_json::to_string(output.said.alert().unwrap()).unwrap())
                }),
            );
            store.cursor = through;
        }
        if failing.is_some() {
            store.fails_in = None;
            return Err("the disk is full".into());
        }
        Ok(())
    }

    fn end_unknown(&self, open_in_engine: &BTreeSet<Uuid>, _at: Time) -> Result<(), PortError> {
        let mut store = self.store.lock().unwrap();
        let cursor = store.cursor;
        store.ended_unknown.push((cursor, open_in_engine.clone()));
        Ok(())
    }
}

impl Ticks for World {
    fn append_tick(&self, at: Time) -> Result<(), PortError> {
        self.asked_ticks.lock().unwrap().push(at);
        if !self.hold_ticks.load(Ordering::SeqCst) {
            self.append(at, Body::Tick);
        }
        Ok(())
    }
}
