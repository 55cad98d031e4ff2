//! Invalid rings: which are repaired, and how; which are refused, and where.

#![allow(clippy::unwrap_used, clippy::panic)]

use geo::{Coord, LineString, Polygon, Validation};
use proptest::prelude::*;
use truceline_core::agreement::{Bundle, compile, warnings};
use truceline_core::geometry::{Area, LonLat, Repair, Repaired, repair};

type Ring = Vec<LonLat>;

fn open(corners: &[(f64, f64)]) -> Ring {
    corners.iter().map(|(lon, lat)| LonLat::new(*lon, *lat).unwrap()).collect()
}

fn ring(corners: &[(f64, f64)]) -> Ring {
    let mut ring = open(corners);
    ring.push(ring[0]);
    ring
}

/// Counter-clockwise, from the south-western corner.
fn rectangle(west: f64, south: f64, east: f64, north: f64) -> Ring {
    ring(&[(west, south), (east, south), (east, north), (west, north)])
}

fn turned(mut ring: Ring) -> Ring {
    ring.reverse();
    ring
}

fn repaired(polygons: &[Vec<Ring>]) -> Repaired {
    repair(polygons).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn told(repairs: &[Repair]) -> Vec<String> {
    repairs
        .iter()
        .map(|Repair { polygon, ring, vertex, position, what }| {
            let at = position.map_or_else(String::new, |at| format!(" ({}, {})", at.lon, at.lat));
            format!("{polygon}/{ring}/{vertex}{at}: {what}")
        })
        .collect()
}

fn faults(polygons: &[Vec<Ring>]) -> Vec<String> {
    match repair(polygons) {
        Ok(repaired) => panic!("accepted as {repaired:?}"),
        Err(faults) => told(&faults),
    }
}

/// Accepted without a word, and as these polygons.
fn accepted(polygons: &[Vec<Ring>], wanted: &[Vec<Ring>]) {
    let found = repaired(polygons);
    assert_eq!(told(&found.repairs), Vec::<String>::new());
    assert_eq!(found.polygons, wanted);
}

#[test]
fn a_ring_that_is_not_closed_is_closed() {
    let corners = open(&[(37.0, 48.0), (38.0, 48.0), (38.0, 49.0), (37.0, 49.0)]);
    let found = repaired(&[vec![corners]]);
    assert_eq!(found.polygons, [[rectangle(37.0, 48.0, 38.0, 49.0)]]);
    assert_eq!(
        told(&found.repairs),
        ["0/0/3 (37, 49): does not close the ring; the first position (37, 48) was repeated"]
    );
}

#[test]
fn repeated_vertices_and_spikes_without_width_go_also_where_the_ring_closes() {
    let corners = ring(&[
        (37.0, 48.0),
        (38.0, 48.0),
        (38.0, 48.0),
        (38.5, 48.0),
        (38.0, 48.0),
        (38.0, 49.0),
        (37.0, 49.0),
        (37.0, 48.0),
        (36.5, 47.5),
    ]);
    let found = repaired(&[vec![corners]]);
    assert_eq!(found.polygons, [[rectangle(37.0, 48.0, 38.0, 49.0)]]);
    assert_eq!(
        told(&found.repairs),
        [
            "0/0/2 (38, 48): repeats the vertex before it; it was left out",
            "0/0/3 (38.5, 48): is the tip of a spike without width; the spike was left out",
            "0/0/8 (36.5, 47.5): is the tip of a spike without width; the spike was left out",
        ]
    );
    // The ring starts at the tip of a spike, which is longer on the way out.
    let tip = ring(&[(36.0, 48.0), (38.0, 48.0), (38.0, 49.0), (37.0, 49.0), (37.0, 48.0)]);
    let found = repaired(&[vec![tip]]);
    assert_eq!(found.polygons[0][0].len(), 5, "{found:?}");
    assert_eq!(told(&found.repairs), ["0/0/0 (36, 48): is the tip of a spike without width; the spike was left out"]);
}

#[test]
fn what_collapses_is_left_out_unless_nothing_is_left() {
    let outer = rectangle(37.0, 48.0, 38.0, 49.0);
    let flat = ring(&[(37.2, 48.2), (37.4, 48.4), (37.3, 48.3)]);
    let found = repaired(&[vec![flat.clone()], vec![outer.clone(), flat.clone()]]);
    assert_eq!(found.polygons, [[outer]]);
    assert_eq!(
        told(&found.repairs),
        [
            "0/0/0 (37.2, 48.2): encloses nothing; the polygon was left out",
            "1/1/0 (37.2, 48.2): the hole encloses nothing; it was left out",
        ]
    );
    let nothing = faults(&[vec![flat.clone()], vec![open(&[(1.0, 1.0)])]]);
    assert_eq!(nothing.len(), 2, "{nothing:?}");
    assert!(nothing[0].starts_with("0/0/0 (37.2, 48.2): encloses nothing; give the ring"), "{nothing:?}");
    assert!(faults(&[vec![Vec::new()]])[0].starts_with("0/0/0: encloses nothing"));
    assert!(faults(&[Vec::new()])[0].contains("has no ring"));
}

#[test]
fn winding_is_no_defect_and_comes_out_as_in_the_standard() {
    let (outer, hole) = (rectangle(37.0, 48.0, 38.0, 49.0), rectangle(37.4, 48.4, 37.6, 48.6));
    accepted(&[vec![turned(outer.clone()), hole.clone()]], &[vec![outer, turned(hole)]]);
}

#[test]
fn a_ring_that_touches_itself_is_two_parts_or_a_part_and_its_hole() {
    // Two squares that meet in a corner, drawn in one go.
    let eight = ring(&[
        (37.0, 48.0),
        (37.5, 48.0),
        (37.5, 48.5),
        (38.0, 48.5),
        (38.0, 49.0),
        (37.5, 49.0),
        (37.5, 48.5),
        (37.0, 48.5),
    ]);
    let parts = repaired(&[vec![eight]]);
    assert_eq!(parts.repairs, []);
    assert_eq!(parts.polygons.len(), 2);
    // A hole that the outer ring goes into at a point of its southern edge.
    let inverted = ring(&[
        (37.0, 48.0),
        (37.5, 48.0),
        (37.4, 48.4),
        (37.6, 48.4),
        (37.5, 48.0),
        (38.0, 48.0),
        (38.0, 49.0),
        (37.0, 49.0),
    ]);
    let found = repaired(&[vec![inverted]]);
    assert_eq!(found.repairs, []);
    assert_eq!(found.polygons.len(), 1);
    assert_eq!(found.polygons[0].len(), 2);
    let area = Area::new(found.polygons).unwrap();
    assert!(area.contains(LonLat { lon: 37.2, lat: 48.2 }) && !area.contains(LonLat { lon: 37.5, lat: 48.3 }));
}

#[test]
fn a_cut_to_a_hole_becomes_a_hole() {
    let keyhole = ring(&[
        (37.0, 48.0),
        (38.0, 48.0),
        (38.0, 49.0),
        (37.0, 49.0),
        (37.0, 48.5),
        (37.4, 48.5),
        (37.4, 48.6),
        (37.6, 48.6),
        (37.6, 48.5),
        (37.4, 48.5),
        (37.0, 48.5),
    ]);
    let found = repaired(&[vec![keyhole]]);
    assert_eq!(found.polygons.len(), 1);
    assert_eq!(found.polygons[0][1], turned(rectangle(37.4, 48.5, 37.6, 48.6)));
    assert_eq!(
        told(&found.repairs),
        ["0/0/4 (37, 48.5): the ring runs back on itself; the stretch without width was left out"]
    );
}

/// A square of a degree whose north-western corner is drawn as a loop of this size, degrees.
fn with_loop(size: f64) -> Ring {
    ring(&[(37.0, 48.0), (38.0, 48.0), (38.0, 49.0), (37.0 - size, 49.0), (37.0, 49.0 + size)])
}

#[test]
fn a_small_loop_is_left_out_and_a_large_one_refused() {
    let found = repaired(&[vec![with_loop(0.001)]]);
    assert_eq!(found.polygons, [[rectangle(37.0, 48.0, 38.0, 49.0)]]);
    assert_eq!(
        told(&found.repairs),
        ["0/0/2 (38, 49): the ring crosses itself at (37.0000000, 49.0000000); the loop of 4068.7 m2 was left out"]
    );
    assert_eq!(
        faults(&[vec![with_loop(0.002)]]),
        ["0/0/2 (38, 49): the ring crosses itself on the edge from here, at (37.0000000, 49.0000000), with the edge \
             from ring 0, vertex 4 (37, 49.002); correct one of the two edges"]
    );
    // As small, but a large part of its ring.
    let tiny = ring(&[(37.0, 48.0), (37.01, 48.0), (37.01, 48.01), (36.999, 48.01), (37.0, 48.011)]);
    assert!(faults(&[vec![tiny]])[0].contains("at (37.0000000, 48.0100000)"));
}

#[test]
fn a_ring_crossed_in_the_middle_is_refused_with_both_edges() {
    let bow = ring(&[(37.0, 48.0), (38.0, 49.0), (38.0, 48.0), (37.0, 49.0)]);
    assert_eq!(
        faults(&[vec![bow]]),
        ["0/0/0 (37, 48): the ring crosses itself on the edge from here, at (37.5000000, 48.5000000), with the edge \
             from ring 0, vertex 2 (38, 48); correct one of the two edges"]
    );
}

#[test]
fn a_small_loop_that_is_gone_around_twice_counts_once() {
    // At the north-eastern corner the ring overshoots inwards and goes around again.
    let twice = ring(&[
        (37.0, 48.0),
        (38.0, 48.0),
        (38.0, 49.0),
        (37.999, 49.0),
        (37.999, 48.9995),
        (37.9995, 48.9995),
        (37.9995, 49.0),
        (37.0, 49.0),
    ]);
    let found = repaired(&[vec![twice]]);
    let area = Area::new(found.polygons.clone()).unwrap();
    let whole = Area::new(vec![vec![rectangle(37.0, 48.0, 38.0, 49.0)]]).unwrap();
    assert!((area.square_m() - whole.square_m()).abs() < 1e-3, "{found:#?}");
    assert_eq!(found.repairs.len(), 1, "{found:#?}");
    assert!(found.repairs[0].what.contains("was counted once"), "{found:#?}");
}

#[test]
fn a_hole_outside_its_outer_ring_or_across_it_is_refused_with_size_and_place() {
    let outer = rectangle(37.0, 48.0, 38.0, 49.0);
    assert_eq!(
        faults(&[vec![outer.clone(), rectangle(39.0, 48.0, 39.01, 48.01)]]),
        [
            "0/1/0 (39, 48): the hole of 829682.3 m2 is outside its outer ring 0; move it, or make it a polygon of its own"
        ]
    );
    assert_eq!(
        faults(&[vec![outer.clone(), rectangle(37.99, 48.5, 38.01, 48.51)]]),
        ["0/1/0 (37.99, 48.5): the hole crosses its outer ring 0 on the edge from here, at (38.0000000, 48.5000000), \
             and is outside it with 821703.9 m2; correct one of the two rings"]
    );
    let across = repaired(&[vec![outer.clone(), rectangle(37.99, 48.5, 38.000_1, 48.51)]]);
    assert_eq!(across.polygons[0].len(), 2);
    assert_eq!(
        told(&across.repairs),
        ["0/1/0 (37.99, 48.5): the hole crosses its outer ring 0 on the edge from here, at (38.0000000, 48.5000000), \
             and is outside it with 8217.0 m2; that was left as it is"]
    );
    let speck = repaired(&[vec![outer.clone(), rectangle(39.0, 48.0, 39.001, 48.001)]]);
    assert_eq!(speck.polygons, [[outer]]);
    assert_eq!(
        told(&speck.repairs),
        ["0/1/0 (39, 48): the hole of 8297.5 m2 is outside its outer ring 0; it was left out"]
    );
}

#[test]
fn holes_may_touch_and_may_not_overlap() {
    let outer = rectangle(37.0, 48.0, 38.0, 49.0);
    // In a corner, in the middle of an edge, and one another.
    let corner = ring(&[(37.0, 48.0), (37.2, 48.1), (37.1, 48.2)]);
    let edge = ring(&[(37.5, 48.0), (37.6, 48.2), (37.4, 48.2)]);
    let beside = rectangle(37.6, 48.2, 37.8, 48.4);
    let holes = [corner, edge, beside];
    let all = |turn: bool| {
        let hole = |hole: &Ring| if turn { turned(hole.clone()) } else { hole.clone() };
        std::iter::once(outer.clone()).chain(holes.iter().map(hole)).collect::<Vec<Ring>>()
    };
    accepted(&[all(false)], &[all(true)]);
    let nested = faults(&[vec![outer, rectangle(37.2, 48.2, 37.8, 48.8), rectangle(37.4, 48.4, 37.6, 48.6)]]);
    assert_eq!(nested.len(), 1, "{nested:?}");
    assert!(
        nested[0].starts_with("0/2/0 (37.4, 48.4): the hole overlaps polygon 0, ring 1 by")
            && nested[0].contains("correct"),
        "{nested:?}"
    );
}

#[test]
fn polygons_may_share_edges_and_lie_in_holes_of_others() {
    let outer = rectangle(37.0, 48.0, 38.0, 49.0);
    let hole = rectangle(37.2, 48.2, 37.8, 48.8);
    let polygons = [
        vec![outer, turned(hole.clone())],
        // Shares half an edge, from vertices that the other one does not have.
        vec![rectangle(38.0, 48.25, 39.0, 48.75)],
        vec![rectangle(37.4, 48.4, 37.6, 48.6)],
    ];
    accepted(&polygons, &polygons);
    // An island that fills the hole of another one.
    let filled = [polygons[0].clone(), vec![hole]];
    accepted(&filled, &filled);
}

#[test]
fn polygons_that_overlap_are_refused_with_size_and_place() {
    let square = vec![rectangle(37.0, 48.0, 38.0, 49.0)];
    assert_eq!(
        faults(&[square.clone(), vec![rectangle(37.99, 48.5, 38.5, 48.51)]]),
        ["1/0/0 (37.99, 48.5): the polygon overlaps polygon 0, ring 0 by 821703.9 m2; correct one of the two rings"]
    );
    let touching = repaired(&[square.clone(), vec![rectangle(37.999_9, 48.5, 38.5, 48.51)]]);
    assert_eq!(touching.polygons.len(), 2);
    assert_eq!(
        told(&touching.repairs),
        ["1/0/0 (37.9999, 48.5): the polygon overlaps polygon 0, ring 0 by 8217.0 m2; that was left as it is"]
    );
    for other in [square[0].clone(), rectangle(37.2, 48.2, 37.4, 48.4), rectangle(36.0, 47.0, 39.0, 50.0)] {
        assert_eq!(faults(&[square.clone(), vec![other]]).len(), 1);
    }
    // Only half in the hole.
    let ringed = vec![square[0].clone(), rectangle(37.2, 48.2, 37.8, 48.8)];
    let half = faults(&[ringed, vec![rectangle(37.5, 48.4, 37.9, 48.6)]]);
    assert!(half[0].starts_with("1/0/"), "{half:?}");
}

#[test]
fn the_antimeridian_makes_no_difference() {
    let across = |shift: f64| {
        let moved = |corners: &[(f64, f64)]| {
            let wrapped: Vec<(f64, f64)> = corners
                .iter()
                .map(|(lon, lat)| (if lon + shift > 180.0 { lon + shift - 360.0 } else { lon + shift }, *lat))
                .collect();
            ring(&wrapped)
        };
        [
            vec![
                moved(&[(-1.0, 48.0), (1.0, 48.0), (1.0, 49.0), (-1.0, 49.0)]),
                moved(&[(-0.5, 48.25), (0.5, 48.25), (0.5, 48.75), (-0.5, 48.75)]),
            ],
            vec![moved(&[(0.75, 48.5), (2.0, 48.5), (2.0, 48.75), (0.75, 48.75)])],
            vec![moved(&[(-0.25, 48.5), (0.25, 48.5), (0.25, 48.625), (-0.25, 48.625)])],
        ]
    };
    let numbers = |shift: f64| -> Vec<[usize; 3]> {
        repair(&across(shift)).unwrap_err().iter().map(|fault| [fault.polygon, fault.ring, fault.vertex]).collect()
    };
    assert_eq!(numbers(0.0), [[1, 0, 0]]);
    assert_eq!(numbers(180.0), numbers(0.0));
}

#[test]
fn a_ring_around_a_pole_is_taken_as_it_is_and_may_not_cross_itself() {
    let at = |lon, lat| LonLat { lon, lat };
    let corners: Vec<(f64, f64)> = (-180..180).step_by(30).map(|lon| (f64::from(lon), 80.0)).collect();
    let around = ring(&corners);
    accepted(&[vec![around.clone()]], &[vec![around.clone()]]);
    let mut crossed = around;
    (crossed[4], crossed[5], crossed[6]) = (at(-30.0, 81.0), at(-30.0, 79.0), at(-75.0, 82.0));
    let found = faults(&[vec![crossed]]);
    assert!(found[0].contains("crosses itself"), "{found:?}");
}

/// A file as control areas come day by day: clockwise, with a `crs`, slivers, touching parts and slips of the pen.
const DAILY: &str = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:OGC:1.3:CRS84"}},
"features":[
 {"type":"Feature","properties":{"day":"2024-02-29"},"geometry":{"type":"MultiPolygon","coordinates":[
  [[[37,48],[37,49],[38,49],[38,48.6],[38,48.6],[38,48],[37,48]],
   [[37.4,48.4],[37.6,48.4],[37.6,48.6],[37.4,48.6],[37.4,48.4]],
   [[37.7,48.7],[37.8,48.7],[37.7,48.7],[37.7,48.7]]],
  [[[38,48.2],[38,48.6],[38.3,48.6],[38.3,48.2]]],
  [[[39,48],[39,48.00004],[39.00006,48.00004],[39.00006,48],[39,48]]]]}},
 {"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":[
  [[40,48],[41,48],[41,49],[39.999,49],[40,49.001],[40,48]]]}}]}"#;

const TERMS: &str = "id = \"test\"\n[[line]]\nid = \"control\"\nfile = \"control.geojson\"\n\
     [[zone]]\nid = \"same\"\nfile = \"control.geojson\"\n\
     [[rule]]\nid = \"quiet\"\nkind = \"no_fire\"\nareas = [\"same\"]\n";

fn bundle(area: &str) -> Bundle {
    let files = [(Bundle::TERMS, TERMS), ("control.geojson", area)];
    Bundle { files: files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect() }
}

#[test]
fn repairs_of_a_daily_file_are_warnings_of_the_agreement_with_file_and_vertex() {
    let agreement = compile(&bundle(DAILY)).unwrap();
    let told: Vec<String> = warnings(&agreement, None).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "control.geojson: feature 0, polygon 0, ring 0, vertex 4 (38, 48.6): repeats the vertex before it; it was left out",
            "control.geojson: feature 0, polygon 0, ring 2, vertex 0 (37.7, 48.7): the hole encloses nothing; it was left out",
            "control.geojson: feature 0, polygon 1, ring 0, vertex 3 (38.3, 48.2): does not close the ring; the first \
             position (38, 48.2) was repeated",
            "control.geojson: feature 1, ring 0, vertex 2 (41, 49): the ring crosses itself at (40.0000000, 49.0000000); \
             the loop of 4068.7 m2 was left out",
        ]
    );
    let course = agreement.lines[0].course();
    let polygons = course.area().unwrap().polygons();
    assert_eq!(polygons.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 1, 1]);
    for (lon, inside) in [(37.2, true), (37.5, false), (38.1, true), (38.4, false), (40.5, true)] {
        assert_eq!(course.locate(LonLat { lon, lat: 48.5 }).signed_m > 0.0, inside, "{lon}");
    }
}

#[test]
fn what_cannot_be_repaired_is_a_fault_of_the_agreement_with_file_and_vertex() {
    let overlapping = DAILY.replace("[38,48.2],[38,48.6],", "[37.9,48.2],[37.9,48.6],");
    let told: Vec<String> = compile(&bundle(&overlapping)).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(
            "control.geojson: feature 0, polygon 1, ring 0, vertex 0 (37.9, 48.2): the polygon overlaps polygon 0, ring 0"
        ),
        "{told:?}"
    );
}

/// Even and odd: the plain area of a ring in square degrees, by strips between all longitudes where anything happens.
fn even_odd(ring: &[LonLat]) -> f64 {
    let edges: Vec<[(f64, f64); 2]> =
        ring.windows(2).map(|pair| [(pair[0].lon, pair[0].lat), (pair[1].lon, pair[1].lat)]).collect();
    let mut xs: Vec<f64> = ring.iter().map(|position| position.lon).collect();
    for (number, [a, b]) in edges.iter().enumerate() {
        for [c, d] in &edges[number + 1..] {
            let across = (b.0 - a.0) * (d.1 - c.1) - (b.1 - a.1) * (d.0 - c.0);
            if across != 0.0 {
                let t = ((c.0 - a.0) * (d.1 - c.1) - (c.1 - a.1) * (d.0 - c.0)) / across;
                if (0.0..=1.0).contains(&t) {
                    xs.push(a.0 + t * (b.0 - a.0));
                }
            }
        }
    }
    xs.sort_by(f64::total_cmp);
    let height = |[a, b]: &[(f64, f64); 2], x: f64| a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0);
    let mut sum = 0.0;
    for strip in xs.windows(2).filter(|strip| strip[1] > strip[0]) {
        let middle = f64::midpoint(strip[0], strip[1]);
        let spans = |[a, b]: &&[(f64, f64); 2]| (a.0 < middle) != (b.0 < middle);
        let mut heights: Vec<f64> = edges.iter().filter(spans).map(|edge| height(edge, middle)).collect();
        heights.sort_by(f64::total_cmp);
        sum += heights.chunks(2).map(|pair| pair[pair.len() - 1] - pair[0]).sum::<f64>() * (strip[1] - strip[0]);
    }
    sum
}

fn plain(polygons: &[Vec<Ring>]) -> f64 {
    let ring = |ring: &Ring| {
        let origin = ring[0];
        let at = |position: LonLat| (position.lon - origin.lon, position.lat - origin.lat);
        let sum: f64 =
            ring.windows(2).map(|pair| (at(pair[0]), at(pair[1]))).map(|((ax, ay), (bx, by))| ax * by - ay * bx).sum();
        sum / 2.0
    };
    polygons.iter().flatten().map(ring).sum()
}

fn polygon_of_geo(rings: &[Ring]) -> Polygon {
    let line = |ring: &Ring| LineString::new(ring.iter().map(|at| Coord { x: at.lon, y: at.lat }).collect());
    Polygon::new(line(&rings[0]), rings[1..].iter().map(line).collect())
}

/// A ring that wanders, so that it crosses itself here and there, mostly in small loops.
fn wandering() -> impl Strategy<Value = Ring> {
    (
        prop::collection::vec((0.2..1.0_f64, -0.05..1.0_f64), 4..30),
        prop::collection::vec((0_usize..30, 0.0..0.001_f64, 0.0..0.001_f64), 0..3),
    )
        .prop_map(|(corners, jitters)| {
            let mut turn = 0.0;
            let all: f64 = corners.iter().map(|corner| corner.1).sum();
            let mut corners: Vec<(f64, f64)> = corners
                .iter()
                .map(|(radius, step)| {
                    turn += step / all * std::f64::consts::TAU;
                    (37.5 + 0.5 * radius * f64::cos(turn), 48.5 + 0.5 * radius * f64::sin(turn))
                })
                .collect();
            // Knots: a loop of metres beside a vertex.
            for (place, east, north) in jitters {
                let place = place % corners.len();
                let (lon, lat) = corners[place];
                corners.insert(place, (lon + east, lat - north));
                corners.insert(place, (lon - north, lat + east));
            }
            ring(&corners)
        })
}

fn on_grid(points: usize) -> impl Strategy<Value = Ring> {
    prop::collection::vec((0_i32..6, 0_i32..6), 3..points).prop_map(|corners| {
        let corners: Vec<(f64, f64)> =
            corners.iter().map(|(x, y)| (37.0 + f64::from(*x) / 8.0, 48.0 + f64::from(*y) / 8.0)).collect();
        ring(&corners)
    })
}

/// Whether a position is in a polygon by the parity of edges north of it.
fn plain_contains(rings: &[Ring], lon: f64, lat: f64) -> bool {
    let north = |pair: &[LonLat]| {
        let (a, b) = (pair[0], pair[1]);
        (a.lon <= lon) != (b.lon <= lon) && a.lat + (b.lat - a.lat) * (lon - a.lon) / (b.lon - a.lon) > lat
    };
    rings.iter().flat_map(|ring| ring.windows(2)).filter(|pair| north(pair)).count() % 2 == 1
}

/// Of one repair at most, square degrees at the latitude of these tests.
const SLIP_SQUARE_DEGREES: f64 = 10_000.0 / (111_000.0 * 111_000.0 * 0.65);

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_repaired_ring_is_valid_and_as_large_as_the_given_one_but_for_slips(ring in wandering()) {
        match repair(&[vec![ring.clone()]]) {
            Ok(found) => {
                for rings in &found.polygons {
                    let valid = polygon_of_geo(rings).check_validation();
                    prop_assert!(valid.is_ok(), "{valid:?} {found:#?}");
                }
                let (wanted, is) = (even_odd(&ring), plain(&found.polygons));
                let most = 1e-9 + found.repairs.len() as f64 * SLIP_SQUARE_DEGREES;
                prop_assert!((wanted - is).abs() <= most, "{wanted} but {is}: {found:#?}");
                // What was repaired needs no repair.
                let again = repair(&found.polygons).unwrap();
                prop_assert_eq!(again.repairs, []);
                prop_assert!(Area::new(found.polygons).is_ok());
            }
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                prop_assert!(faults.iter().all(|fault| fault.position == Some(ring[fault.vertex])));
            }
        }
    }

    #[test]
    fn rings_on_a_grid_which_touch_and_overlap_in_all_ways_keep_their_inside(
        polygons in prop::collection::vec((on_grid(7), prop::option::of(on_grid(5))), 1..4),
        drop in 0_usize..12,
    ) {
        let polygons: Vec<Vec<Ring>> = polygons
            .into_iter()
            .map(|(outer, hole)| {
                let mut outer = outer;
                if drop == 0 && outer.len() > 4 {
                    outer.pop();
                }
                std::iter::once(outer).chain(hole).collect()
            })
            .collect();
        if let Ok(found) = repair(&polygons) {
            let gone = |number: usize| found.repairs.iter().any(|repair| repair.polygon == number && repair.what.contains("polygon was left out"));
            let closed: Vec<Vec<Ring>> = polygons
                .iter()
                .enumerate()
                .filter(|(number, _)| !gone(*number))
                .map(|(_, rings)| rings.iter().map(|ring| ring.iter().chain(ring.first()).copied().collect()).collect())
                .collect();
            for x in 0..20 {
                for y in 0..20 {
                    let (lon, lat) = (37.0 + f64::from(x) / 31.01 + 0.0037, 48.0 + f64::from(y) / 31.01 + 0.0023);
                    let given = closed.iter().any(|rings| plain_contains(rings, lon, lat));
                    let holding = found.polygons.iter().filter(|rings| plain_contains(rings, lon, lat)).count();
                    prop_assert_eq!(holding, usize::from(given), "({}, {}) {:#?}", lon, lat, found);
                }
            }
            // A hole may share an edge with its outer ring, or with another hole.
            let again = repair(&found.polygons).unwrap();
            prop_assert_eq!(again.repairs, []);
        }
    }

    #[test]
    fn no_ring_makes_it_panic_or_hang(
        polygons in prop::collection::vec(
            prop::collection::vec(
                prop::collection::vec(
                    (prop_oneof![-180.0..=180.0_f64, (-4_i32..=4).prop_map(|x| f64::from(x) * 45.0)],
                     prop_oneof![-90.0..=90.0_f64, (-2_i32..=2).prop_map(|y| f64::from(y) * 45.0)]),
                    0..9,
                ),
                0..4,
            ),
            0..4,
        )
    ) {
        let polygons: Vec<Vec<Ring>> = polygons.iter().map(|rings| rings.iter().map(|ring| open(ring)).collect()).collect();
        match repair(&polygons) {
            Ok(found) => prop_assert!(found.polygons.iter().all(|rings| rings.iter().all(|ring| ring.len() > 3 && ring.first() == ring.last()))),
            Err(faults) => prop_assert!(!faults.is_empty() || polygons.is_empty()),
        }
    }
}
