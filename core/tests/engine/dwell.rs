//! Fire that goes on and crossings that last, under rules with a dwell.

use serde_json::json;
use truceline_core::alert::Alert;

use crate::scene::*;

const FIRE: &str = "[[rule]]\nid = \"fire\"\nkind = \"no_fire\"\ndwell_s = 120\ncool_down_s = 100\n";
const CROSSING: &str = "[[rule]]\nid = \"entry\"\nkind = \"crossing\"\ndwell_s = 60\n";

fn sensor() -> String {
    let range = "range_m = { explosion = 5000, gunfire = 5000 }";
    fixed("st01-ac01", "st01", 1_000.0, 0.0, range) + &fixed("st02-ac01", "st02", 1_000.0, 50_000.0, range)
}

/// What is told of explosions that the first station hears at these seconds.
fn explosions(seconds: &[f64]) -> (Scene, Vec<Alert>) {
    let mut scene = Scene::new(FIRE, &sensor());
    for second in seconds {
        scene.reading("st01-ac01", *second, second + 0.5, heard("explosion", 0.9, None));
    }
    let last = seconds.iter().copied().fold(0.0, f64::max);
    scene.wait_until(last + 20.0);
    let alerts = scene.alerts();
    (scene, alerts)
}

#[test]
fn fire_is_told_when_it_has_gone_on_for_the_dwell_with_all_that_came_before() {
    let (_, none) = explosions(&[10.0, 60.0, 129.9]);
    assert_eq!(none.len(), 0, "119.9 s");
    let (scene, told) = explosions(&[10.0, 60.0, 130.0, 140.0]);
    assert_eq!((told.len(), told[0].detections, told[0].started), (1, 4, t(10.0)));
    let times: Vec<_> = told[0].evidence.iter().map(|evidence| evidence.time).collect();
    assert!(
        [10.0, 130.0, 140.0].iter().all(|second| times.contains(&t(*second))),
        "the first is evidence too: {times:?}"
    );
    assert_eq!(told[0].details["sources"][0]["detections"], json!(4));
    for cut in [0.6, 0.75, 0.9] {
        assert_eq!(scene.replayed(cut).1, scene.outputs, "{cut}");
    }
}

#[test]
fn a_pause_longer_than_the_cool_down_begins_anew_and_one_shot_is_never_told() {
    assert_eq!(explosions(&[10.0]).1.len(), 0);
    assert_eq!(explosions(&[10.0, 60.0, 160.1, 250.0]).1.len(), 0);
    assert_eq!(explosions(&[10.0, 60.0, 160.1, 250.0, 280.1]).1[0].detections, 3, "two were another fire");
}

#[test]
fn what_comes_in_another_order_counts_as_well() {
    let (_, told) = explosions(&[130.0, 60.0, 10.0]);
    assert_eq!((told.len(), told[0].detections, told[0].started), (1, 3, t(10.0)));
}

#[test]
fn each_station_and_each_class_goes_on_by_itself() {
    let mut scene = Scene::new(FIRE, &sensor());
    for (second, device, class) in
        [(10.0, "st01-ac01", "explosion"), (70.0, "st02-ac01", "explosion"), (130.0, "st01-ac01", "gunfire")]
    {
        scene.reading(device, second, second, heard(class, 0.9, None));
    }
    assert_eq!(scene.alerts().len(), 0);
}

/// Crossings that are told of a tank by second and metres north.
fn crossings(way: &[(f64, f64)]) -> (Scene, Vec<Alert>) {
    let mut scene = Scene::new(CROSSING, &fixed("st01-rd01", "st01", 1_000.0, 0.0, ""));
    for (second, north) in way {
        scene.track(*second, "t1", "tank", (*north, 0.0), 10.0);
    }
    scene.wait_until(way.iter().map(|(second, _)| *second).fold(0.0, f64::max) + 20.0);
    let alerts = scene.alerts();
    (scene, alerts)
}

#[test]
fn a_crossing_is_told_when_it_has_lasted_as_of_when_it_was() {
    let way = [(0.0, 100.0), (10.0, -100.0), (40.0, -150.0), (69.9, -200.0)];
    assert_eq!(crossings(&way).1.len(), 0, "59.9 s on the other side");
    let longer = [&way[..], &[(70.0, -200.0), (100.0, -250.0)]].concat();
    let (scene, told) = crossings(&longer);
    assert_eq!((told.len(), told[0].detections), (1, 1));
    assert_eq!(told[0].details["not_before"], json!(t(0.0).to_string()));
    assert_eq!(told[0].details["not_after"], json!(t(10.0).to_string()));
    assert_eq!(told[0].details["direction"], "a_to_b");
    for cut in [0.75, 0.9] {
        assert_eq!(scene.replayed(cut).1, scene.outputs, "{cut}");
    }
}

#[test]
fn what_is_back_before_the_dwell_has_not_crossed_and_the_next_time_counts_anew() {
    let back = [(0.0, 100.0), (10.0, -100.0), (50.0, -100.0), (60.0, 100.0), (70.0, -100.0), (125.0, -100.0)];
    assert_eq!(crossings(&back).1.len(), 0);
    let stays = [&back[..], &[(130.0, -100.0)]].concat();
    let (_, told) = crossings(&stays);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].details["not_after"], json!(t(70.0).to_string()), "the second time");
}

#[test]
fn what_is_too_near_to_call_neither_ends_the_dwell_nor_begins_it_anew() {
    let way = [(0.0, 100.0), (10.0, -100.0), (40.0, -1.0), (75.0, -100.0)];
    assert_eq!(crossings(&way).1.len(), 1);
}
