//! The line index against truth that an independent implementation made (see data/geotruth/README.md).

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use geographiclib_rs::{Geodesic, InverseGeodesic};
use serde::Deserialize;
use truceline_core::geometry::{LineIndex, LonLat, Shape, parse_geojson};

#[derive(Deserialize)]
struct Truth {
    id: u32,
    lon: f64,
    lat: f64,
    made_as: String,
    dist_m: f64,
    signed_m: f64,
    side: i8,
    foot: [f64; 2],
    chainage_m: f64,
    beyond_end: i8,
    ambiguous_foot: bool,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/geotruth")
}

fn line(name: &str) -> LineIndex {
    let text = fs::read_to_string(folder().join(format!("{name}.line.geojson"))).unwrap();
    match parse_geojson(&text).unwrap() {
        Shape::Line(parts) => LineIndex::new(parts).unwrap(),
        Shape::Area(_) => panic!("{name} is no line"),
    }
}

fn holds(name: &str) {
    let index = line(name);
    let truths: Vec<Truth> = fs::read_to_string(folder().join(format!("{name}.truth.jsonl")))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(truths.len() >= 300, "{name} has {} queries", truths.len());
    let mut worst = [0.0_f64; 3];
    let mut faults = Vec::new();
    for truth in &truths {
        let fix = index.locate(LonLat { lon: truth.lon, lat: truth.lat });
        let mut fault = |what: &str, got: String, wanted: String| {
            faults.push(format!(
                "{name} {} ({}, {:.3} m): {what} {got}, truth {wanted}",
                truth.id, truth.made_as, truth.dist_m
            ));
        };
        let miss = (fix.distance_m - truth.dist_m).abs();
        worst[0] = worst[0].max(miss);
        if miss > 2e-4 || (fix.signed_m - truth.signed_m).abs() > 2e-4 {
            fault("distance", fix.signed_m.to_string(), truth.signed_m.to_string());
        }
        let side = i8::from(fix.signed_m > 0.0) - i8::from(fix.signed_m < 0.0);
        if side != truth.side {
            fault("side", side.to_string(), truth.side.to_string());
        }
        if fix.beyond_end != truth.beyond_end {
            fault("beyond_end", fix.beyond_end.to_string(), truth.beyond_end.to_string());
        }
        if !truth.ambiguous_foot {
            let allowed = 1e-3 + truth.dist_m * 1e-8;
            let apart: f64 = Geodesic::wgs84().inverse(fix.foot.lat, fix.foot.lon, truth.foot[1], truth.foot[0]);
            worst[1] = worst[1].max(apart / allowed);
            if apart > allowed {
                fault("foot off by", apart.to_string(), allowed.to_string());
            }
            let along = (fix.chainage_m - truth.chainage_m).abs();
            worst[2] = worst[2].max(along / allowed);
            if along > allowed {
                fault("chainage", fix.chainage_m.to_string(), truth.chainage_m.to_string());
            }
        }
    }
    println!(
        "{name}: distance within {:.3e} m, foot {:.3} and chainage {:.3} of what is allowed",
        worst[0], worst[1], worst[2]
    );
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(30)].join("\n"));
}

#[test]
fn a_line_across_the_antimeridian_is_located_as_the_truth_says() {
    holds("antimeridian17S");
}

#[test]
fn a_line_at_78_degrees_north_is_located_as_the_truth_says() {
    holds("greenland78N");
}

#[test]
fn a_line_with_a_spike_is_located_as_the_truth_says() {
    holds("spike");
}

#[test]
fn a_line_with_a_switchback_is_located_as_the_truth_says() {
    holds("switchback");
}

#[test]
fn a_zigzag_of_2000_vertices_is_located_as_the_truth_says() {
    holds("zigzag2000");
}

#[test]
fn a_zigzag_of_40000_vertices_is_located_as_the_truth_says() {
    holds("zigzag40000");
}
