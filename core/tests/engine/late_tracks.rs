//! Tracks whose store comes after what is newer: judged among themselves and beside what was seen live.

use proptest::prelude::*;
use serde_json::{Value, json};
use truceline_core::alert::{Alert, Timeliness};
use truceline_core::engine::{MAX_LATE_SIGHTINGS, MAX_LATE_SIGHTINGS_PER_TRACK, MAX_LIVE_RUNS};
use truceline_core::log::Body;

use crate::crossing::RULE;
use crate::scene::*;

const DAY_S: f64 = 86_400.0;

fn registry() -> String {
    mobile("st02-v1", "st02", "watched = true") + &fixed("st01-rd01", "st01", 2_000.0, 0.0, "")
}

fn health(north_m: f64) -> Value {
    let (lat, lon) = at(north_m, 0.0);
    json!({"kind": "health", "data": {}, "position": {"lat": lat, "lon": lon, "hacc_m": 10.0, "fix": "3d"}})
}

/// One live position on each side of a store; the store as it arrives. The alerts of crossings.
fn told(live: &[(f64, f64)], store: &[(f64, f64)]) -> Vec<Alert> {
    let mut scene = Scene::new(RULE, &registry());
    for (second, north) in live {
        scene.reading("st02-v1", *second, second + 0.2, health(*north));
    }
    let arrived = live.last().unwrap().0 + 1.0;
    for (i, (made, north)) in store.iter().enumerate() {
        scene.reading("st02-v1", *made, arrived + i as f64 * 0.01, health(*north));
    }
    scene.wait_until(arrived + store.len() as f64 * 0.01 + 30.0);
    scene.alerts()
}

fn directions(alerts: &[Alert]) -> Vec<(&str, u64)> {
    alerts.iter().map(|alert| (alert.details["direction"].as_str().unwrap(), alert.detections)).collect()
}

#[test]
fn a_crossing_in_a_store_that_comes_after_a_live_position_is_told_late_and_once() {
    let store = [(1_000.0, 300.0), (1_060.0, 200.0), (1_120.0, -200.0), (1_180.0, -300.0)];
    let mut orders: Vec<Vec<(f64, f64)>> = vec![store.to_vec()];
    orders.push(store.iter().rev().copied().collect());
    orders.push([2, 0, 3, 1].map(|i| store[i]).to_vec());
    // The same part twice.
    orders.push(store.iter().chain(&store).copied().collect());
    for order in orders {
        let alerts = told(&[(0.0, 500.0), (DAY_S, -500.0)], &order);
        assert_eq!(directions(&alerts), [("a_to_b", 1)], "{order:?}");
        assert_eq!(alerts[0].timeliness, Timeliness::Late);
        assert!(alerts[0].last <= t(1_180.0), "its own time: {:?}", alerts[0].last);
    }
}

#[test]
fn a_store_goes_on_from_what_was_live_before_and_up_to_what_was_live_after() {
    let alerts = told(&[(0.0, 500.0), (DAY_S, 500.0)], &[(60.0, -300.0), (DAY_S - 60.0, -300.0)]);
    assert_eq!(directions(&alerts), [("a_to_b", 1), ("b_to_a", 1)]);
    // The last one is a minute old, which is not late.
    assert_eq!([&alerts[0], &alerts[1]].map(|alert| alert.timeliness), [Timeliness::Late, Timeliness::Live]);
    // A gap of more than 600 s on both sides: nobody saw.
    assert!(told(&[(0.0, 500.0), (DAY_S, 500.0)], &[(700.0, -300.0), (DAY_S - 700.0, -300.0)]).is_empty());
}

#[test]
fn what_comes_late_from_a_time_that_was_seen_live_makes_up_nothing() {
    let live: Vec<_> = (0..40).map(|i| (f64::from(i) * 60.0, 500.0)).collect();
    assert!(told(&live, &[(90.0, -300.0), (1_000.0, -300.0)]).is_empty());
    let later: Vec<_> = live.iter().copied().chain([(DAY_S, 500.0)]).collect();
    assert!(told(&later, &[(90.0, -300.0), (1_000.0, -300.0)]).is_empty());
}

#[test]
fn one_wild_position_of_a_store_is_no_crossing() {
    let store = [(1_000.0, 300.0), (1_060.0, 310.0), (1_030.0, -90_000.0), (1_045.0, 305.0)];
    assert!(told(&[(0.0, 500.0), (DAY_S, 500.0)], &store).is_empty());
}

#[test]
fn a_stay_in_a_store_newest_first_is_told_by_its_own_dwell() {
    let zone = "[[rule]]\nid = \"square\"\nkind = \"exclusion_zone\"\nareas = [\"square\"]\ndwell_s = 100\n";
    for (norths, expected) in [([6_000.0, 6_000.0, 6_000.0], 1), ([6_000.0, 3_000.0, 6_000.0], 0)] {
        let mut scene = Scene::new(zone, &registry());
        scene.track(DAY_S, "t1", "tank", (3_000.0, 1_000.0), 10.0);
        for (i, north) in norths.into_iter().enumerate() {
            let made = 1_000.0 - 60.0 * i as f64;
            scene.reading("st01-rd01", made, DAY_S + 1.0 + i as f64, sighting("t1", "tank", (north, 1_000.0), 10.0));
        }
        let alerts = scene.alerts();
        assert_eq!(alerts.len(), expected);
        for alert in alerts {
            assert_eq!((alert.timeliness, &alert.details["since"]), (Timeliness::Late, &t(880.0).to_string().into()));
        }
    }
}

#[test]
fn a_store_newest_first_beyond_the_limit_is_counted_and_nothing_is_told_twice() {
    let mut scene = Scene::new(RULE, &registry());
    scene.reading("st02-v1", 30.0 * DAY_S, 30.0 * DAY_S, health(500.0));
    let many = MAX_LATE_SIGHTINGS_PER_TRACK + 50;
    for i in 0..many {
        let made = 29.0 * DAY_S - i as f64 * 700.0;
        scene.reading("st02-v1", made, 30.0 * DAY_S + i as f64 * 0.01, health(500.0));
    }
    assert!(scene.alerts().is_empty());
    assert!(scene.engine.limits_hit().late_sightings >= 50, "{:?}", scene.engine.limits_hit());
}

#[test]
fn a_store_in_order_is_judged_to_its_end_however_long_it_is() {
    let mut scene = Scene::new(RULE, &registry());
    scene.reading("st02-v1", 9.0 * DAY_S, 9.0 * DAY_S, health(500.0));
    let many = 5 * MAX_LATE_SIGHTINGS_PER_TRACK;
    for i in 0..many {
        let north = if i + 10 < many { 500.0 } else { -500.0 };
        scene.reading("st02-v1", i as f64 * 100.0, 9.0 * DAY_S + i as f64 * 0.01, health(north));
    }
    assert_eq!(directions(&scene.alerts()), [("a_to_b", 1)]);
    assert_eq!(scene.engine.limits_hit().late_sightings, 0);
}

#[test]
fn a_snapshot_keeps_what_came_late() {
    let mut scene = Scene::new(RULE, &registry());
    scene.reading("st02-v1", DAY_S, DAY_S, health(500.0));
    scene.reading("st02-v1", 1_000.0, DAY_S + 1.0, health(300.0));
    scene.engine = truceline_core::engine::Engine::restore(&scene.engine.snapshot()).unwrap();
    scene.reading("st02-v1", 1_060.0, DAY_S + 2.0, health(-300.0));
    assert_eq!(directions(&scene.alerts()), [("a_to_b", 1)]);
}

#[test]
fn a_store_that_comes_again_after_its_past_was_forgotten_is_not_told_again() {
    let mut scene = Scene::new(RULE, &registry());
    let store = [(1_000.0, 300.0), (1_060.0, -300.0)];
    let mut now = DAY_S;
    let mut seen = |scene: &mut Scene, track: &str, made: f64, north: f64| {
        now += 0.001;
        scene.reading("st01-rd01", made, now, sighting(track, "vehicle", (north, 0.0), 10.0));
    };
    seen(&mut scene, "t0", DAY_S, 500.0);
    for (made, north) in store {
        seen(&mut scene, "t0", made, north);
    }
    assert_eq!(directions(&scene.alerts()), [("a_to_b", 1)]);
    let each = 1_000;
    for i in 0..=MAX_LATE_SIGHTINGS / each {
        seen(&mut scene, &format!("t{}", i + 1), DAY_S, 500.0);
        for step in 0..each {
            seen(&mut scene, &format!("t{}", i + 1), 1_000.0 + step as f64 * 60.0, 500.0);
        }
    }
    let forgotten = scene.engine.limits_hit().late_sightings;
    assert!(forgotten > 0);
    for (made, north) in store {
        seen(&mut scene, "t0", made, north);
    }
    assert_eq!(directions(&scene.alerts()), [("a_to_b", 1)]);
    assert_eq!(scene.engine.limits_hit().late_sightings, forgotten + 2);
}

#[test]
fn what_a_long_store_of_sounds_forgets_does_not_break_a_stay() {
    // Longer than the sounds that are kept.
    let dwell_s = 5 * MAX_LATE_SIGHTINGS_PER_TRACK + 40;
    let rule = format!("[[rule]]\nid = \"flight\"\nkind = \"no_flight\"\ndwell_s = {dwell_s}\n");
    let mut scene = Scene::new(&rule, &fixed("st01-ac01", "st01", 6_000.0, 0.0, "range_m = { helicopter = 800 }"));
    scene.reading("st01-ac01", DAY_S, DAY_S, heard("helicopter", 0.9, None));
    for i in 0..MAX_LATE_SIGHTINGS_PER_TRACK + 20 {
        let made = 1_000.0 + i as f64 * 5.0;
        scene.reading("st01-ac01", made, DAY_S + i as f64 * 0.001, heard("helicopter", 0.9, None));
    }
    assert_eq!(scene.only_alert().details["since"], t(1_000.0).to_string());
}

#[test]
fn a_time_of_being_seen_live_that_is_forgotten_is_counted() {
    let mut scene = Scene::new(RULE, &registry());
    for i in 0..MAX_LIVE_RUNS + 2 {
        scene.reading("st02-v1", i as f64 * 700.0, i as f64 * 700.0 + 0.2, health(500.0));
    }
    assert_eq!(scene.engine.limits_hit().late_sightings, 1);
}

/// A vehicle as the radar sees it: when, how far north, how surely a vehicle.
type Look = (f64, f64, f64);

fn seen_as((_, north, confidence): Look) -> Value {
    let mut seen = sighting("t1", "vehicle", (north, 0.0), 10.0);
    seen["data"]["confidence"] = confidence.into();
    seen
}

fn of_vehicles() -> String {
    RULE.replace("[[rule]]", "[[rule]]\nclasses = [\"vehicle\"]\ncool_down_s = 604800").replace("0.95", "0.8")
}

#[test]
fn a_late_crossing_waits_for_one_that_surely_is_what_the_rule_is_about_in_any_order() {
    let store = [(1_000.0, 300.0, 0.95), (1_060.0, -300.0, 0.5), (1_120.0, -310.0, 0.95), (1_180.0, 300.0, 0.5)];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let mut scene = Scene::new(&of_vehicles(), &registry());
        scene.reading("st01-rd01", DAY_S, DAY_S, seen_as((DAY_S, 500.0, 0.95)));
        for (i, at) in order.into_iter().enumerate() {
            scene.reading("st01-rd01", store[at].0, DAY_S + 1.0 + i as f64, seen_as(store[at]));
        }
        assert_eq!(directions(&scene.alerts()), [("a_to_b", 1)], "{order:?}");
    }
}

#[test]
fn a_live_vehicle_that_is_surely_one_only_later_is_crossed_to_by_what_comes_late() {
    let mut scene = Scene::new(&of_vehicles(), &registry());
    let look = |scene: &mut Scene, look: Look, arrived: f64| {
        scene.reading("st01-rd01", look.0, arrived, seen_as(look));
    };
    look(&mut scene, (0.0, 500.0, 0.95), 0.0);
    look(&mut scene, (DAY_S, -300.0, 0.5), DAY_S);
    look(&mut scene, (DAY_S + 20.0, -310.0, 0.95), DAY_S + 20.0);
    assert!(scene.alerts().is_empty());
    look(&mut scene, (DAY_S - 60.0, 300.0, 0.95), DAY_S + 30.0);
    assert_eq!(directions(&scene.alerts()), [("a_to_b", 1)]);
    look(&mut scene, (DAY_S - 30.0, -290.0, 0.95), DAY_S + 40.0);
    assert_eq!(directions(&scene.alerts()), [("a_to_b", 1)], "told once");
}

/// A way, which of it came live, and the order in which the rest comes.
fn story() -> impl Strategy<Value = (Vec<Look>, usize, usize, Vec<usize>)> {
    let gap = prop_oneof![8 => 20.0..200.0f64, 1 => 601.0..900.0f64];
    let north = prop_oneof![3 => 50.0..150.0f64, 3 => -150.0..-50.0f64, 1 => -2.0..2.0f64];
    let confidence = prop_oneof![2 => 0.9..1.0f64, 1 => 0.3..0.7f64];
    prop::collection::vec((gap, north, confidence), 4..40).prop_flat_map(|steps| {
        let mut time = 0.0;
        let way: Vec<Look> = steps
            .into_iter()
            .map(|(gap, north, confidence)| {
                time += gap;
                (time, north, confidence)
            })
            .collect();
        let many = way.len();
        (1..many - 1, 1..many - 1).prop_flat_map(move |(a, b)| {
            let (from, to) = (a.min(b), a.max(b));
            let order = Just((from..to).collect::<Vec<usize>>()).prop_shuffle();
            (Just(way.clone()), Just(from), Just(to), order)
        })
    })
}

/// Crossings to B and to A of a whole way, seen in order: to where it surely is a vehicle, from where one such was; live
/// also from where it was seen first.
fn crossings(way: &[Look], live: usize) -> (u64, u64) {
    let (mut to_b, mut to_a) = (0, 0);
    let (mut last, mut before): (Option<(bool, bool)>, f64) = (None, f64::NEG_INFINITY);
    for (i, (time, north, confidence)) in way.iter().enumerate() {
        // What is not known to be a vehicle when it is lost sight of is nothing to what comes late.
        if time - before > 600.0 || (i == live && last.is_some_and(|(_, surely)| !surely)) {
            last = None;
        }
        before = *time;
        if north.abs() < 20.0 {
            continue;
        }
        let (on_a, surely) = (*north > 0.0, *confidence > 0.8);
        match last {
            None if surely || i < live => last = Some((on_a, surely)),
            Some((was, _)) if was != on_a && surely => {
                *(if on_a { &mut to_a } else { &mut to_b }) += 1;
                last = Some((on_a, true));
            }
            Some((was, true)) if was == on_a => {}
            Some((was, false)) if was == on_a => last = Some((was, surely)),
            _ => {}
        }
    }
    (to_b, to_a)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_store_in_any_order_tells_what_was_told_had_it_come_in_time(
        (way, from, to, order) in story(), by_class in any::<bool>(),
    ) {
        // The link is down between the two live parts; what was made then comes after the first live one.
        let rule = if by_class { of_vehicles() } else { of_vehicles().replace("classes = [\"vehicle\"]", "") };
        let mut scene = Scene::new(&rule, &registry());
        let way: Vec<Look> =
            way.into_iter().map(|(time, north, sure)| (time, north, if by_class { sure } else { 1.0 })).collect();
        let offline = way[to].0 - way[from - 1].0;
        prop_assume!(offline > 600.0);
        let mut now = 0.0;
        for look in way[..from].iter().chain(&way[to..=to]) {
            now = look.0;
            scene.reading("st01-rd01", now, now, seen_as(*look));
        }
        // So that all of it is late.
        now += 400.0;
        scene.enter(now, Body::Tick);
        for i in order {
            now += 0.01;
            scene.reading("st01-rd01", way[i].0, now, seen_as(way[i]));
        }
        scene.wait_until(now + 20.0);
        let count = |direction: &str| -> u64 {
            scene.alerts().iter().filter(|alert| alert.details["direction"] == direction).map(|alert| alert.detections).sum()
        };
        let expected = crossings(&way[..=to], from);
        prop_assert_eq!((count("a_to_b"), count("b_to_a")), expected, "live before {} and at {}", from, to);
    }
}
