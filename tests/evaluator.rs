//! The real engine between a log and a real desk: interruptions change nothing, and a replay says the same.

// What a test cannot build fails it at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::watch;
use truceline::config::read_bundle;
use truceline::desk::Desk;
use truceline::evaluator::{AlertStore, Evaluator, EvaluatorConfig, Log, Phase, PortError, Ports, Ticks, replay};
use truceline_core::alert::Alert;
use truceline_core::engine::{Output, Said};
use truceline_core::log::{Body, Decoded, Document, Entries, Entry, ReadingEntry};
use truceline_core::time::{Span, Time};
use truceline_core::wire::{Encoding, TimeBasis};
use uuid::Uuid;

use harness::{rounds, wait_for};

/// The entries, of which the evaluator sees those up to the head.
#[derive(Clone)]
struct Journal {
    entries: Arc<Vec<Entry>>,
    head: watch::Sender<u64>,
}

impl Log for Journal {
    fn entries(&self, after: u64, max: usize) -> Result<Entries, PortError> {
        let head = *self.head.borrow() as usize;
        Ok(self.entries[..head].iter().skip(after as usize).take(max).cloned().collect::<Vec<_>>().into())
    }
    fn document(&self, hash: &str) -> Result<Option<Document>, PortError> {
        let documents = self.entries.iter().filter_map(|entry| match &entry.body {
            Body::Agreement(document) | Body::Registry(document) => Some(document),
            _ => None,
        });
        Ok(documents.into_iter().find(|document| document.hash == hash).cloned())
    }
    fn head(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }
}

impl Ticks for Journal {
    fn append_tick(&self, _: Time) -> Result<(), PortError> {
        Err("the clock of this test stands at the beginning: nothing is due".into())
    }
}

/// A desk whose commit, or the answer to it, may fail.
struct Store {
    desk: Desk,
    journal: Journal,
    fails_in: Arc<Mutex<Option<(usize, bool)>>>,
}

impl AlertStore for Store {
    fn cursor(&self) -> Result<u64, PortError> {
        Ok(self.desk.cursor()?)
    }

    fn apply(&self, outputs: &[Output], through: u64) -> Result<(), PortError> {
        let mut fails_in = self.fails_in.lock().unwrap();
        let (fails, committed) = match fails_in.as_mut() {
            Some((0, committed)) => (true, *committed),
            Some((left, _)) => {
                *left -= 1;
                (false, true)
            }
            None => (false, true),
        };
        if committed {
            let find = |offset: u64| {
                Ok(match &self.journal.entries[offset as usize - 1].body {
                    Body::Reading(reading) => Some((reading.encoding, reading.bytes.clone())),
                    _ => None,
                })
            };
            self.desk.apply(outputs, through, &find)?;
        }
        if fails { Err("the power failed".into()) } else { Ok(()) }
    }

    fn end_unknown(&self, open_in_engine: &BTreeSet<Uuid>, at: Time) -> Result<(), PortError> {
        self.desk.end_unknown(open_in_engine, at)?;
        Ok(())
    }
}

/// Half an hour of what st01 and st02 of the example registry may say, with deafness, ticks and a new agreement in it.
fn story(rng: &mut Rng, length: usize) -> Vec<Entry> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let agreement = read_bundle(&root.join("agreements/example")).unwrap();
    let mut revised = agreement.clone();
    let terms = revised.files.get_mut("agreement.toml").unwrap();
    *terms = terms.replace("threshold = 0.5", "threshold = 0.4");
    let registry = std::fs::read_to_string(root.join("devices/example.toml")).unwrap();
    let start: Time = "2021-06-01T03:00:00Z".parse().unwrap();
    let mut now = start;
    let mut bodies = vec![
        (now, Body::Service(true)),
        (now, Body::Registry(Document::new(registry))),
        (now, Body::Agreement(agreement.document())),
        (now, Body::Link(true)),
    ];
    let mut seqs: BTreeMap<&str, u64> = BTreeMap::new();
    for step in 0..length {
        now = now + Span::from_nanos(rng.i64(0..4_000_000_000));
        if step == length / 2 {
            bodies.push((now, Body::Agreement(revised.document())));
        }
        let body = match rng.u8(0..40) {
            0 => Body::Tick,
            1 => Body::Link(rng.bool()),
            2 => Body::Clock { offset_ns: rng.i64(-2_000_000_000..2_000_000_000) },
            3..=9 => reading(
                rng,
                &mut seqs,
                "st01-ac01",
                now,
                "acoustic_detection",
                |rng| serde_json::json!({"class": "explosion", "confidence": 0.6 + rng.f64() * 0.4}),
            ),
            10..=14 => reading(rng, &mut seqs, "st02-ac01", now, "acoustic_detection", |rng| {
                serde_json::json!({"class": "gunfire", "confidence": 0.6 + rng.f64() * 0.4,
                    "bearing_deg": rng.f64() * 360.0, "bearing_sd_deg": 4.0})
            }),
            15..=32 => reading(rng, &mut seqs, "st01-rd01", now, "object_track", |rng| {
                let track = format!("t{}", rng.u8(0..3));
                // Across the line and back, some kilometres each way.
                let swing = ((now.since(start).secs_f64() / 200.0) + f64::from(rng.u8(0..3))).sin();
                serde_json::json!({"track": track, "class": "tank", "calibre_mm": 125.0,
                    "position": {"lat": 48.31, "lon": 37.95 + 0.08 * swing, "hacc_m": 20.0}})
            }),
            _ => reading(
                rng,
                &mut seqs,
                "st02-gn01",
                now,
                "health",
                |rng| serde_json::json!({"battery_pct": 70.0, "enclosure": if rng.u8(0..8) == 0 { "open" } else { "closed" }}),
            ),
        };
        bodies.push((now, body));
    }
    let numbered = bodies.into_iter().zip(1..);
    numbered.map(|((arrived, body), offset)| Entry { offset, arrived, body }).collect()
}

fn reading<'a>(
    rng: &mut Rng,
    seqs: &mut BTreeMap<&'a str, u64>,
    device: &'a str,
    now: Time,
    kind: &str,
    data: impl FnOnce(&mut Rng) -> serde_json::Value,
) -> Body {
    let seq = seqs.entry(device).or_default();
    *seq += 1;
    let time = now - Span::from_nanos(rng.i64(0..3_000_000_000));
    let json = serde_json::json!({
        "v": 1, "device": device, "boot": 1, "seq": *seq, "time": time, "clock": {"source": "gnss"},
        "kind": kind, "data": data(rng),
    });
    Body::Reading(ReadingEntry {
        station: device.split('-').next().unwrap().parse().unwrap(),
        device: device.parse().unwrap(),
        incarnation: 1,
        boot: 1,
        seq: *seq,
        time,
        time_basis: TimeBasis::Reported,
        encoding: Encoding::Json,
        bytes: json.to_string().into_bytes(),
        decoded: Decoded::default(),
    })
}

type Told = Vec<(u64, u32, String)>;

fn replayed(entries: &[Entry]) -> Told {
    let mut told = Told::new();
    replay(entries.iter().cloned().map(Ok), &mut |output: &Output| {
        let json = match &output.said {
            Said::Alert(alert) => serde_json::to_string(alert),
            Said::Event(event) => serde_json::to_string(event),
        };
        told.push((output.offset, output.n, json.unwrap()));
        Ok::<(), PortError>(())
    })
    .unwrap();
    told
}

fn on_the_desk(desk: &Desk) -> Told {
    let alerts = desk.log(0, usize::MAX).unwrap().into_iter().map(|row| (row.offset, row.n, row.json));
    let events = desk.event_log(0, usize::MAX).unwrap().into_iter().map(|row| (row.offset, row.n, row.json));
    let mut told: Told = alerts.chain(events).collect();
    told.sort();
    told
}

#[test]
fn the_desks_log_is_what_a_replay_says_wherever_the_run_was_interrupted() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = Rng::with_seed(seed);
    for _ in 0..rounds(3, 60) {
        let folder = tempfile::tempdir().unwrap();
        let entries = Arc::new(story(&mut rng, 500));
        let journal = Journal { entries: Arc::clone(&entries), head: watch::Sender::new(0) };
        let desk_file = folder.path().join("desk.db");
        let length = entries.len() as u64;
        let mut last = false;
        while !last {
            last = rng.u8(0..6) == 0;
            let fails_in = Arc::new(Mutex::new((!last && rng.bool()).then(|| (rng.usize(0..8), rng.bool()))));
            let desk = Desk::open(&desk_file).unwrap();
            // Never below what was durable before.
            let seen = *journal.head.borrow();
            journal.head.send_replace(if last { length } else { rng.u64(seen..=length) });
            let config = EvaluatorConfig {
                snapshots_dir: folder.path().join("snapshots"),
                snapshot_every: Duration::from_secs(3_600),
                snapshot_entries: rng.u64(1..200),
                batch: rng.usize(1..120),
            };
            let evaluator = Evaluator::start(
                config,
                Ports {
                    log: Box::new(journal.clone()),
                    store: Box::new(Store { desk: desk.clone(), journal: journal.clone(), fails_in }),
                    ticks: Box::new(journal.clone()),
                    now: Box::new(|| Time::from_nanos(i64::MIN)),
                },
            )
            .unwrap();
            let status = evaluator.status();
            wait_for("the head or a failure", Duration::from_secs(60), || {
                let status = status.borrow();
                matches!(status.phase, Phase::Failed(_))
                    || (status.offset == *journal.head.borrow() && status.phase == Phase::AtHead)
            });
            let _ = evaluator.stop();
        }
        let desk = Desk::open(&desk_file).unwrap();
        let said = on_the_desk(&desk);
        assert_eq!(said, replayed(&entries));
        let rows: Vec<Alert> = desk.log(0, usize::MAX).unwrap().into_iter().map(|row| row.said.unwrap()).collect();
        let categories: BTreeSet<&str> = rows.iter().map(|alert| alert.category.as_str()).collect();
        assert!(categories.len() >= 3, "the story is too dull to test with: {categories:?}");
        for evidence in rows.iter().flat_map(|alert| &alert.evidence) {
            let kept = desk.evidence(evidence.offset).unwrap().expect("a copy of what an alert cites");
            let Body::Reading(reading) = &entries[evidence.offset as usize - 1].body else { panic!("no reading") };
            assert_eq!((kept.encoding, &kept.bytes), (reading.encoding, &reading.bytes));
        }
    }
}

#[test]
fn an_engine_that_lost_the_beginning_ends_what_it_does_not_know() {
    let mut rng = Rng::with_seed(7);
    let folder = tempfile::tempdir().unwrap();
    let entries = Arc::new(story(&mut rng, 400));
    let journal = Journal { entries: Arc::clone(&entries), head: watch::Sender::new(entries.len() as u64) };
    let desk = Desk::open(&folder.path().join("desk.db")).unwrap();
    let through = entries.len() as u64;
    let mut outputs = Vec::new();
    replay(entries.iter().cloned().map(Ok), &mut |output: &Output| {
        outputs.push(output.clone());
        Ok::<(), PortError>(())
    })
    .unwrap();
    desk.apply(&outputs, through, &|_| Ok(None)).unwrap();
    // An alert of an engine that knew more than the log now tells.
    let alert = outputs.iter().rev().find_map(|output| output.said.alert()).expect("an alert");
    let alert = Alert { id: Uuid::from_u128(1), ended: None, ..alert.clone() };
    let foreign = Output { offset: through + 1, n: 0, said: alert.into() };
    let mut more = entries.to_vec();
    more.push(Entry { offset: through + 1, arrived: entries.last().unwrap().arrived, body: Body::Tick });
    desk.apply(&[foreign], through + 1, &|_| Ok(None)).unwrap();
    let open_before = desk.counts().unwrap().open;
    let journal = Journal { entries: Arc::new(more), head: journal.head };
    journal.head.send_replace(through + 1);
    let evaluator = Evaluator::start(
        EvaluatorConfig::new(folder.path().join("snapshots")),
        Ports {
            log: Box::new(journal.clone()),
            store: Box::new(Store { desk: desk.clone(), journal: journal.clone(), fails_in: Arc::default() }),
            ticks: Box::new(journal.clone()),
            now: Box::new(|| Time::from_nanos(i64::MIN)),
        },
    )
    .unwrap();
    let status = evaluator.status();
    wait_for("the head", Duration::from_secs(60), || status.borrow().phase == Phase::AtHead);
    evaluator.stop().unwrap();
    let ended = desk.alert(Uuid::from_u128(1)).unwrap().expect("the alert");
    assert_eq!(ended.ended_reason.as_deref(), Some("engine_changed"));
    assert_eq!(desk.counts().unwrap().open, open_before - 1, "and nothing else has ended");
}
