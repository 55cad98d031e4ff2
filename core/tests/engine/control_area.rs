//! A line that is given as polygons: inside is side A.

use serde_json::json;
use truceline_core::agreement::Bundle;
use truceline_core::alert::Alert;
use truceline_core::geometry::Side;
use truceline_core::log::{Body, Document};

use crate::scene::*;

/// A square from 1 km to 9 km north and 4 km either way, with a hole from 4 km to 6 km north, 1 km either way;
/// wound as daily files have it, with their `crs`.
fn area() -> String {
    let ring = |south: f64, north: f64, half: f64| {
        let corner = |north_m: f64, east_m: f64| {
            let (lat, lon) = at(north_m, east_m);
            [lon, lat]
        };
        vec![corner(south, -half), corner(north, -half), corner(north, half), corner(south, half), corner(south, -half)]
    };
    let hole: Vec<[f64; 2]> = ring(4_000.0, 6_000.0, 1_000.0).into_iter().rev().collect();
    json!({
        "type": "FeatureCollection",
        "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},
        "features": [{"type": "Feature", "properties": {}, "geometry":
            {"type": "MultiPolygon", "coordinates": [[ring(1_000.0, 9_000.0, 4_000.0), hole]]}}],
    })
    .to_string()
}

fn bundle(rules: &str) -> Bundle {
    let mut bundle = agreement(rules);
    bundle.files.insert("line.geojson".to_owned(), area());
    bundle
}

fn scene(bundle: &Bundle) -> Scene {
    let mut scene = Scene::empty();
    scene.enter(0.0, Body::Service(true));
    scene.enter(0.0, Body::Link(true));
    scene.enter(0.0, Body::Agreement(bundle.document()));
    scene.enter(0.0, Body::Registry(Document::new(fixed("st01-rd01", "st01", 2_000.0, 0.0, ""))));
    assert_eq!(scene.engine.limits_hit().documents, 0, "the agreement and the registry are valid");
    scene
}

fn directions(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.details["direction"].as_str().unwrap()).collect()
}

#[test]
fn going_in_through_the_hole_and_out_again_is_four_crossings_of_a_control_area() {
    let mut scene =
        scene(&bundle("[[rule]]\nid = \"crossing\"\nkind = \"crossing\"\nthreshold = 0.95\ncool_down_s = 60\n"));
    // North through the middle: outside, inside, the hole, inside, outside.
    for step in 0..=100 {
        let second = f64::from(step) * 10.0;
        scene.track(second, "t1", "vehicle", (f64::from(step) * 100.0, 0.0), 20.0);
    }
    let alerts = scene.alerts();
    assert_eq!(directions(&alerts), ["b_to_a", "a_to_b", "b_to_a", "a_to_b"]);
    for (alert, north_m) in alerts.iter().zip([1_000.0, 4_000.0, 6_000.0, 9_000.0]) {
        let place = alert.place.as_ref().unwrap();
        assert!(place.line_distance_m.unwrap() < 60.0, "{place:?}");
        let crossed: truceline_core::time::Time = alert.details["crossed_at"].as_str().unwrap().parse().unwrap();
        assert!((crossed.since(t(0.0)).secs_f64() - north_m / 10.0).abs() < 6.0, "{crossed} at {north_m} m");
    }
}

#[test]
fn withdrawal_distances_are_to_the_nearest_ring_of_a_control_area() {
    let rule = "[[rule]]\nid = \"heavy\"\nkind = \"withdrawal\"\ndwell_s = 0\n\
                distances = [{ class = \"artillery\", distance_m = 1200 }]\n";
    for (north_m, east_m, near) in [
        (2_500.0, 0.0, false),
        (3_000.0, 0.0, true),
        (5_000.0, 0.0, true),
        (-100.0, 0.0, true),
        (-500.0, 0.0, false),
        (5_000.0, 2_500.0, false),
    ] {
        let mut scene = scene(&bundle(rule));
        for second in [0.0, 10.0, 20.0] {
            scene.track(second, "t1", "artillery", (north_m, east_m), 10.0);
        }
        assert_eq!(!scene.alerts().is_empty(), near, "{north_m} m north, {east_m} m east");
    }
}

#[test]
fn a_rule_for_side_a_holds_inside_a_control_area_and_not_in_its_hole() {
    let rule =
        "[[rule]]\nid = \"heavy\"\nkind = \"exclusion_zone\"\nareas = [\"near\"]\nsides = [\"a\"]\ndwell_s = 0\n";
    for (north_m, inside) in [(2_500.0, true), (5_000.0, false), (-500.0, false)] {
        let mut scene = scene(&bundle(rule));
        for second in [0.0, 10.0, 20.0] {
            scene.track(second, "t1", "tank", (north_m, 0.0), 10.0);
        }
        let alerts = scene.alerts();
        assert_eq!(!alerts.is_empty(), inside, "{north_m} m north");
        assert!(alerts.iter().all(|alert| alert.place.as_ref().unwrap().located_side == Side::A));
    }
}

#[test]
fn a_line_that_becomes_a_control_area_has_moved_and_nothing_has_crossed_it() {
    let mut bundle = bundle("[[rule]]\nid = \"crossing\"\nkind = \"crossing\"\nthreshold = 0.95\n");
    let day = "valid_to = 2026-11-24T12:10:00Z\n\n[[line]]\nid = \"line\"\nfile = \"area.geojson\"\n\
               valid_from = 2026-11-24T12:10:00Z\n";
    let terms =
        bundle.files[Bundle::TERMS].replace("file = \"line.geojson\"\n", &format!("file = \"line.geojson\"\n{day}"));
    bundle.files.insert(Bundle::TERMS.to_owned(), terms);
    bundle.files.insert("area.geojson".to_owned(), area());
    let line = json!({"type": "LineString", "coordinates": [[37.0, 48.0], [39.0, 48.0]]});
    bundle.files.insert("line.geojson".to_owned(), line.to_string());
    let mut scene = scene(&bundle);
    // North of the line (side A), and later outside the area (side B) at the same place.
    for second in [0.0, 300.0, 590.0, 610.0, 900.0] {
        scene.track(second, "t1", "vehicle", (500.0, 0.0), 20.0);
    }
    assert!(scene.alerts().is_empty());
    // Into the area: from outside to inside, by the version in force.
    scene.track(920.0, "t1", "vehicle", (800.0, 0.0), 20.0);
    scene.track(940.0, "t1", "vehicle", (1_200.0, 0.0), 20.0);
    assert_eq!(directions(&scene.alerts()), ["b_to_a"]);
}
