//! Live time gets into the log by ticks: when due, at the head, one at a time.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use truceline_core::log::Body;

use super::wait_for;
use super::world::{World, second};
use crate::evaluator::{EvaluatorConfig, Phase};

fn ticks(world: &World) -> usize {
    world.entries().iter().filter(|entry| entry.body == Body::Tick).count()
}

#[test]
fn a_timeout_that_is_due_becomes_one_tick_and_then_there_is_quiet() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.see(100, 1);
    world.set_clock(105);
    let evaluator = world.start(EvaluatorConfig::new(folder.path().into()));
    let status = evaluator.status();
    wait_for("the head", || status.borrow().offset == 1 && status.borrow().phase == Phase::AtHead);
    assert_eq!(ticks(&world), 0, "nothing is due yet");
    world.set_clock(110);
    wait_for("the alert's end", || world.store.lock().unwrap().log.len() == 2);
    assert_eq!(ticks(&world), 1);
    assert_eq!(*world.asked_ticks.lock().unwrap(), [second(110)]);
    evaluator.stop().unwrap();
    assert_eq!(world.head(), 2, "no tick without a timeout");
    assert_eq!(world.store.lock().unwrap().log, world.expected());
}

#[test]
fn while_a_tick_is_on_its_way_no_other_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.hold_ticks.store(true, Ordering::SeqCst);
    world.see(100, 1);
    world.set_clock(200);
    let evaluator = world.start(EvaluatorConfig::new(folder.path().into()));
    let status = evaluator.status();
    wait_for("the tick to be asked for", || !world.asked_ticks.lock().unwrap().is_empty());
    // Arrived before the timeout, so it is still due after each of them.
    // Longer than the evaluator leaves between two ticks.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        world.append(second(101), Body::Link(true));
        let head = world.head();
        wait_for("the entry to be judged", || status.borrow().offset == head && status.borrow().phase == Phase::AtHead);
    }
    assert_eq!(world.asked_ticks.lock().unwrap().len(), 1);
    world.append(second(200), Body::Tick);
    wait_for("the alert's end", || world.store.lock().unwrap().log.len() == 2);
    evaluator.stop().unwrap();
    assert_eq!(world.asked_ticks.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_questions_about_devices() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new();
    world.see(100, 4);
    let evaluator = world.start(EvaluatorConfig::new(folder.path().into()));
    let mut status = evaluator.status();
    status.wait_for(|status| status.offset == 1).await.unwrap();
    let devices = evaluator.inquiry().devices().await.unwrap();
    assert_eq!(devices.iter().map(|device| device.device.as_str()).collect::<Vec<_>>(), ["d4"]);
    let inquiry = evaluator.inquiry();
    tokio::task::spawn_blocking(|| evaluator.stop()).await.unwrap().unwrap();
    assert!(inquiry.devices().await.is_none());
}
