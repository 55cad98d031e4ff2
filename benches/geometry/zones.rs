//! Which of 10,000 zones hold a position: ours, an R-tree of boxes with geo's containment.

use std::fmt::Write as _;

use criterion::Criterion;
use geo::{Contains, LineString, Point, Polygon};
use rstar::primitives::{GeomWithData, Rectangle};
use rstar::{AABB, RTree};
use truceline_core::geometry::{Area, LonLat, ZoneIndex};

use super::made::{positions_over_zones, zones};
use super::peers;
use super::{Limits, row, told_ns};

const ZONES: usize = 10_000;
/// What ours may take, nanoseconds.
const LIMIT_NS: f64 = 2_000.0;

/// Runs the rows; a table of them.
pub fn run(criterion: &mut Criterion, limits: &mut Limits) -> String {
    let rings = zones(ZONES, 7.0);
    let queries = positions_over_zones(4_096);
    let areas: Vec<Area> = rings.iter().filter_map(|ring| Area::new(vec![vec![ring.clone()]]).ok()).collect();
    assert_eq!(areas.len(), ZONES);
    let index = ZoneIndex::new(areas.iter().enumerate());
    let ours = |query: &LonLat| {
        let mut hits = 0_u32;
        index.visit_inside(*query, |number| areas.get(number), |_| hits += 1);
        hits
    };
    let polygons: Vec<Polygon> = rings
        .iter()
        .map(|ring| Polygon::new(ring.iter().map(|at| (at.lon, at.lat)).collect::<LineString>(), Vec::new()))
        .collect();
    let boxes = RTree::bulk_load(
        rings
            .iter()
            .enumerate()
            .map(|(number, ring)| {
                let corners: Vec<[f64; 2]> = ring.iter().map(|at| [at.lon, at.lat]).collect();
                GeomWithData::new(Rectangle::from_aabb(AABB::from_points(corners.iter())), number)
            })
            .collect::<Vec<_>>(),
    );
    let peer = |query: &LonLat| {
        let held = |number: usize| polygons[number].contains(&Point::new(query.lon, query.lat));
        boxes.locate_all_at_point(&[query.lon, query.lat]).filter(|found| held(found.data)).count() as u32
    };
    let hits: u32 = queries.iter().map(ours).sum();
    assert_eq!(hits, queries.iter().map(peer).sum::<u32>(), "the two do not agree");
    let time = row(criterion, "zones: ours", &queries, ours);
    let met = limits.told(time, LIMIT_NS);
    let rows = [
        (format!("ours (at most 2 us{met})"), time),
        ("R-tree of boxes, geo's contains".to_owned(), row(criterion, "zones: R-tree of boxes", &queries, peer)),
        (
            "nearest boundary, ours".to_owned(),
            row(criterion, "zones: nearest boundary", &queries, |query| {
                index.nearest_boundary(*query, |number| areas.get(number)).map(|found| found.fix.signed_m)
            }),
        ),
    ];
    let mut told = format!(
        "\nWhich of {ZONES} zones hold a position ({:.1} on average; medians)\n",
        f64::from(hits) / queries.len() as f64
    );
    for (name, time) in rows {
        // Writing to a string does not fail.
        let _ = writeln!(told, "{name:<40}{:>12}", told_ns(time));
    }
    told += &peers::rows(peers::ZONES_10_000);
    told
}
