//! However it is interrupted, the store's log is what one uninterrupted run gives.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::watch;
use truceline_core::log::{Body, Document, Entries};
use uuid::Uuid;

use super::machine::Toy;
use super::wait_for;
use super::world::{World, second};
use crate::evaluator::{Evaluator, EvaluatorConfig, EvaluatorError, Log, Phase, PortError, Ports};

fn config(folder: &Path, snapshot_entries: u64) -> EvaluatorConfig {
    EvaluatorConfig {
        snapshots_dir: folder.to_path_buf(),
        snapshot_every: Duration::from_secs(3_600),
        snapshot_entries,
        batch: 3,
    }
}

/// The snapshot files, the oldest first.
fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// Waits until all is judged; `false` if the evaluator failed first.
fn catch_up(world: &World, evaluator: &Evaluator) -> bool {
    let status = evaluator.status();
    wait_for("the head or a failure", || {
        let status = status.borrow();
        matches!(status.phase, Phase::Failed(_)) || (status.offset == world.head() && status.phase == Phase::AtHead)
    });
    !matches!(status.borrow().phase, Phase::Failed(_))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(8), ..ProptestConfig::default() })]

    #[test]
    fn interruptions_change_nothing(
        rounds in prop::collection::vec(
            (prop::collection::vec((0_i64..8, 0_i64..4), 0..20), prop::option::of((0_usize..6, any::<bool>())), 0_u8..6),
            1..8,
        ),
        snapshot_entries in 1_u64..12,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let world = World::new();
        let mut at = 0;
        for (seen, failure, harm) in rounds {
            for (step, subject) in seen {
                at += step;
                world.see(at, subject);
            }
            match (harm, snapshots(folder.path()).pop()) {
                (0, Some(newest)) => fs::write(&newest, b"TLSNAP").unwrap(),
                (1, Some(newest)) => {
                    let mut bytes = fs::read(&newest).unwrap();
                    // A digit becomes another one, so that only a checksum can tell.
                    *bytes.iter_mut().rev().find(|byte| byte.is_ascii_digit()).unwrap() ^= 1;
                    fs::write(&newest, bytes).unwrap();
                }
                (2, Some(_)) => fs::remove_dir_all(folder.path()).unwrap(),
                _ => {}
            }
            world.store.lock().unwrap().fails_in = failure;
            let evaluator = world.start(config(folder.path(), snapshot_entries));
            if catch_up(&world, &evaluator) {
                let _ = evaluator.stop();
            } else {
                let stored = !matches!(evaluator.stop(), Err(EvaluatorError::Store { .. }));
                prop_assert!(!stored);
            }
        }
        world.store.lock().unwrap().fails_in = None;
        let evaluator = world.start(config(folder.path(), snapshot_entries));
        prop_assert!(catch_up(&world, &evaluator));
        evaluator.stop().unwrap();
        prop_assert_eq!(&world.store.lock().unwrap().log, &world.expected());
        prop_assert_eq!(world.store.lock().unwrap().cursor, world.head());
    }
}

/// Six entries that were judged, with a snapshot at the third and at the sixth.
fn with_snapshots(folder: &Path) -> World {
    let world = World::new();
    for at in 1..=6 {
        world.see(at, at % 2);
    }
    let evaluator = world.start(config(folder, 3));
    assert!(catch_up(&world, &evaluator));
    evaluator.stop().unwrap();
    world
}

#[test]
fn of_a_damaged_snapshot_nothing_is_believed_and_the_older_one_serves() {
    let folder = tempfile::tempdir().unwrap();
    let world = with_snapshots(folder.path());
    let files = snapshots(folder.path());
    assert_eq!(files.len(), 2, "two are kept: {files:?}");
    let bytes = fs::read(&files[1]).unwrap();
    fs::write(&files[1], &bytes[..bytes.len() - 1]).unwrap();
    // What a crash leaves while one is being written.
    fs::write(folder.path().join("00000000000000000009.tmp"), b"half").unwrap();
    world.see(7, 1);
    world.reads.lock().unwrap().clear();
    let evaluator = world.start(config(folder.path(), 100));
    assert!(catch_up(&world, &evaluator));
    assert_eq!(evaluator.status().borrow().retention_floor, 3);
    evaluator.stop().unwrap();
    assert_eq!(world.reads.lock().unwrap().first(), Some(&3), "it goes on after the older snapshot");
    assert_eq!(world.store.lock().unwrap().log, world.expected());
    assert!(world.store.lock().unwrap().ended_unknown.is_empty());
    let names: Vec<String> =
        snapshots(folder.path()).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, ["00000000000000000003.snap", "00000000000000000007.snap"]);
}

#[test]
fn a_snapshot_that_cannot_be_written_is_tried_again_when_its_time_has_come_and_not_at_each_batch() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.see(1, 1);
    let evaluator = world.start(config(folder.path(), 1));
    assert!(catch_up(&world, &evaluator));
    fs::remove_dir_all(folder.path()).unwrap();
    let before = world.store.lock().unwrap().bare;
    for at in 2..=30 {
        world.see(at, at % 3);
        assert!(catch_up(&world, &evaluator));
    }
    assert_eq!(world.store.lock().unwrap().bare - before, 1);
    fs::create_dir_all(folder.path()).unwrap();
    evaluator.stop().unwrap();
    assert_eq!(snapshots(folder.path()).len(), 1, "the stop tries once more");
}

#[test]
fn a_snapshot_that_the_disk_does_not_give_back_stops_the_start_and_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let world = with_snapshots(folder.path());
    let files = snapshots(folder.path());
    // A folder cannot be read as a file is.
    fs::remove_file(&files[1]).unwrap();
    fs::create_dir(&files[1]).unwrap();
    let evaluator = world.start(config(folder.path(), 100));
    assert!(!catch_up(&world, &evaluator));
    let error = evaluator.stop().unwrap_err();
    assert!(matches!(error, EvaluatorError::Snapshot { .. }));
    let message = error.to_string();
    assert!(message.contains(&files[1].display().to_string()) && message.contains("start again"), "{message}");
    assert_eq!(snapshots(folder.path()), files);
}

#[test]
fn a_snapshot_of_another_version_is_set_aside_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = with_snapshots(folder.path());
    let newest = snapshots(folder.path()).remove(1);
    let mut bytes = fs::read(&newest).unwrap();
    bytes[7] += 1;
    fs::write(&newest, &bytes).unwrap();
    let evaluator = world.start(config(folder.path(), 100));
    assert!(catch_up(&world, &evaluator));
    evaluator.stop().unwrap();
    assert_eq!(fs::read(newest.with_extension("other")).unwrap(), bytes);
    assert_eq!(world.store.lock().unwrap().log, world.expected());
}

#[test]
fn without_a_snapshot_it_rebuilds_and_ends_what_it_does_not_know_at_the_stores_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    for at in 1..=5 {
        world.see(at, 1);
    }
    let evaluator = world.start(config(folder.path(), 100));
    assert!(catch_up(&world, &evaluator));
    evaluator.stop().unwrap();
    fs::remove_dir_all(folder.path()).unwrap();
    world.see(6, 2);
    let evaluator = world.start(config(folder.path(), 1));
    assert!(catch_up(&world, &evaluator));
    evaluator.stop().unwrap();
    let store = world.store.lock().unwrap();
    let known = BTreeSet::from([Uuid::from_u128(1 << 32 | 1)]);
    assert_eq!(store.ended_unknown, [(5, known)], "with what was open at offset 5, not at 6");
    assert_eq!(store.log, world.expected());
}

#[test]
fn a_snapshot_never_runs_ahead_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.see(1, 1);
    world.store.lock().unwrap().fails_in = Some((0, false));
    let evaluator = world.start(config(folder.path(), 1));
    assert!(!catch_up(&world, &evaluator));
    assert!(evaluator.stop().is_err());
    assert!(snapshots(folder.path()).is_empty());
}

#[test]
fn entries_that_cause_nothing_need_not_be_judged_again_after_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    for at in 1..=9 {
        world.append(second(at), Body::Link(true));
    }
    let evaluator = world.start(config(folder.path(), 100));
    assert!(catch_up(&world, &evaluator));
    evaluator.stop().unwrap();
    world.see(10, 1);
    world.reads.lock().unwrap().clear();
    let evaluator = world.start(config(folder.path(), 100));
    assert!(catch_up(&world, &evaluator));
    evaluator.stop().unwrap();
    assert_eq!(*world.reads.lock().unwrap(), [9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_ends_it_with_a_message_that_says_what_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.see(1, 1);
    world.store.lock().unwrap().fails_in = Some((0, false));
    let evaluator = world.start(config(folder.path(), 1));
    let message = evaluator.failed().await;
    assert_eq!(message, "the alerts of entries up to offset 1 could not be stored: the disk is full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_panics_is_told_as_a_failure_too() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.see(1, super::machine::FATAL);
    let evaluator = world.start(config(folder.path(), 1));
    let message = evaluator.failed().await;
    assert!(message.contains("fault in the program"), "{message}");
    assert!(matches!(evaluator.stop(), Err(EvaluatorError::Panicked)));
}

#[test]
fn a_store_that_is_ahead_of_the_log_is_of_another_backup() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.see(1, 1);
    world.store.lock().unwrap().cursor = 7;
    let evaluator = world.start(config(folder.path(), 1));
    assert!(!catch_up(&world, &evaluator));
    assert!(matches!(evaluator.stop(), Err(EvaluatorError::StoreAhead { cursor: 7, head: 1 })));
}

/// The journal, after its writer has died.
struct Ended(World);

impl Log for Ended {
    fn entries(&self, after: u64, max: usize) -> Result<Entries, PortError> {
        Log::entries(&self.0, after, max)
    }

    fn document(&self, hash: &str) -> Result<Option<Document>, PortError> {
        self.0.document(hash)
    }

    fn head(&self) -> watch::Receiver<u64> {
        watch::channel(self.0.head()).1
    }
}

#[test]
fn a_log_that_nothing_comes_from_any_more_does_not_keep_it_busy() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.see(1, 1);
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let ports = Ports {
        log: Box::new(Ended(world.clone())),
        store: Box::new(world.clone()),
        ticks: Box::new(world.clone()),
        now: Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            second(1)
        }),
    };
    let evaluator = Evaluator::start_with::<Toy>(config(folder.path(), 100), ports).unwrap();
    assert!(catch_up(&world, &evaluator));
    let before = looks.load(Ordering::SeqCst);
    // What must not happen takes a while not to happen.
    std::thread::sleep(Duration::from_millis(500));
    let looked = looks.load(Ordering::SeqCst) - before;
    assert!(looked < 100, "it looked {looked} times at the clock in half a second");
    evaluator.stop().unwrap();
}
