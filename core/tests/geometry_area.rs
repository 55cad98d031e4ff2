//! Areas: containment, boundary distance and size, also at the antimeridian and the poles.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use truceline_core::geometry::{Area, LonLat, distance_m};

fn at(lon: f64, lat: f64) -> LonLat {
    LonLat::new(lon, lat).unwrap()
}

fn ring(corners: &[(f64, f64)]) -> Vec<LonLat> {
    corners.iter().chain(corners.first()).map(|(lon, lat)| at(*lon, *lat)).collect()
}

fn area(rings: Vec<Vec<LonLat>>) -> Area {
    Area::new(vec![rings]).unwrap()
}

#[test]
fn a_hole_is_outside_and_its_edge_inside() {
    let area = area(vec![
        ring(&[(37.0, 48.0), (38.0, 48.0), (38.0, 49.0), (37.0, 49.0)]),
        ring(&[(37.4, 48.4), (37.6, 48.4), (37.6, 48.6), (37.4, 48.6)]),
    ]);
    for (position, inside) in [
        (at(37.2, 48.5), true),
        (at(37.5, 48.5), false),
        (at(37.4, 48.5), true),
        (at(37.4, 48.4), true),
        (at(37.0, 48.0), true),
        (at(37.5, 49.0), true),
        (at(36.999_999_999_9, 48.5), false),
        (at(37.5, 49.000_000_000_1), false),
    ] {
        assert_eq!(area.contains(position), inside, "{position:?}");
        assert_eq!(area.signed_m(position) >= 0.0, inside, "{position:?}");
    }
    let hole = area.signed_m(at(37.41, 48.5));
    assert!((hole + distance_m(at(37.41, 48.5), at(37.4, 48.5))).abs() < 0.01, "{hole}");
}

#[test]
fn winding_makes_no_difference() {
    let corners = [(37.0, 48.0), (38.0, 48.0), (38.0, 49.0), (37.0, 49.0)];
    let mut turned = corners;
    turned.reverse();
    let (one, other) = (area(vec![ring(&corners)]), area(vec![ring(&turned)]));
    assert_eq!(one.square_m(), other.square_m());
    for position in [at(37.5, 48.5), at(39.0, 48.5), at(36.9, 47.9)] {
        assert_eq!(one.signed_m(position), other.signed_m(position));
        assert_eq!(one.locate(position).signed_m, other.locate(position).signed_m);
        // The boundary has the inside to its left, as the line of a control area.
        assert_eq!(one.boundary().locate(position).signed_m, one.signed_m(position));
    }
}

#[test]
fn an_area_across_the_antimeridian_holds_both_sides_of_it() {
    let fiji = area(vec![ring(&[(179.0, -18.0), (-179.0, -18.0), (-179.0, -16.0), (179.0, -16.0)])]);
    for (position, inside) in [
        (at(179.5, -17.0), true),
        (at(-179.5, -17.0), true),
        (at(180.0, -17.0), true),
        (at(-180.0, -17.0), true),
        (at(178.9, -17.0), false),
        (at(-178.9, -17.0), false),
        (at(0.0, -17.0), false),
    ] {
        assert_eq!(fiji.contains(position), inside, "{position:?}");
    }
    let here = area(vec![ring(&[(9.0, -18.0), (11.0, -18.0), (11.0, -16.0), (9.0, -16.0)])]);
    assert!((fiji.square_m() / here.square_m() - 1.0).abs() < 1e-12);
}

#[test]
fn a_ring_around_a_pole_holds_that_pole() {
    let corners: Vec<(f64, f64)> = (-180..180).step_by(30).map(|lon| (f64::from(lon), 80.0)).collect();
    let north = area(vec![ring(&corners)]);
    assert!(north.contains(at(12.0, 85.0)) && north.contains(at(0.0, 90.0)) && !north.contains(at(12.0, 79.0)));
    assert!(north.signed_m(at(0.0, 90.0)) > 1_000_000.0);
    let south_corners: Vec<(f64, f64)> = corners.iter().map(|(lon, lat)| (*lon, -lat)).collect();
    let south = area(vec![ring(&south_corners)]);
    assert!(south.contains(at(12.0, -85.0)) && !south.contains(at(12.0, -79.0)) && !south.contains(at(12.0, 85.0)));
    assert!((north.square_m() / south.square_m() - 1.0).abs() < 1e-12);
    // Written as RFC 7946 would have it: down to the pole along the antimeridian.
    let mut written = vec![(-180.0, -90.0)];
    written.extend((-180..=180).step_by(30).map(|lon| (f64::from(lon), -80.0)));
    written.push((180.0, -90.0));
    let cut = area(vec![ring(&written)]);
    assert!(cut.contains(at(12.0, -85.0)) && !cut.contains(at(12.0, -79.0)));
    assert!((cut.square_m() / south.square_m() - 1.0).abs() < 1e-9);
}

#[test]
fn sizes_are_those_of_the_ellipsoid() {
    // A whole hemisphere and the ellipsoid's surface, 510 065 621.7 km².
    let corners: Vec<(f64, f64)> = (-180..180).step_by(30).map(|lon| (f64::from(lon), 1e-9)).collect();
    let half = area(vec![ring(&corners)]).square_m();
    assert!((half / (510_065_621.724e6 / 2.0) - 1.0).abs() < 1e-8, "{half}");
    // A small box: its sides by the geodesic.
    let small = area(vec![ring(&[(37.0, 48.0), (37.001, 48.0), (37.001, 48.001), (37.0, 48.001)])]).square_m();
    let sides = distance_m(at(37.0, 48.0005), at(37.001, 48.0005)) * distance_m(at(37.0, 48.0), at(37.0, 48.001));
    assert!((small / sides - 1.0).abs() < 1e-6, "{small} but {sides}");
}

#[test]
fn several_polygons_are_one_area() {
    let both = Area::new(vec![
        vec![ring(&[(37.0, 48.0), (37.1, 48.0), (37.1, 48.1), (37.0, 48.1)])],
        vec![ring(&[(38.0, 48.0), (38.1, 48.0), (38.1, 48.1), (38.0, 48.1)])],
    ])
    .unwrap();
    assert!(both.contains(at(37.05, 48.05)) && both.contains(at(38.05, 48.05)) && !both.contains(at(37.5, 48.05)));
    assert_eq!(both.polygons().len(), 2);
}

#[test]
fn what_encloses_nothing_is_refused_with_polygon_and_ring() {
    for (rings, wanted) in [
        (Vec::new(), "polygon 0: has no ring"),
        (vec![ring(&[(37.0, 48.0), (38.0, 48.0)])], "polygon 0, ring 0: needs at least four positions"),
        (vec![ring(&[(37.0, 48.0), (38.0, 48.0), (37.0, 48.0)])], "polygon 0, ring 0: encloses nothing"),
        (
            vec![vec![at(37.0, 48.0), at(38.0, 48.0), at(38.0, 49.0), at(37.0, 49.0)]],
            "polygon 0, ring 0: is not closed",
        ),
    ] {
        let fault = Area::new(vec![rings]).unwrap_err().to_string();
        assert!(fault.starts_with(wanted), "{fault}");
    }
    assert!(Area::new(Vec::new()).is_err());
}

/// A star around a place: corners at rising angles, so that it never crosses itself.
fn stars() -> impl Strategy<Value = (LonLat, Vec<LonLat>)> {
    let places = prop::sample::select(vec![(37.5, 48.0), (180.0, 10.0), (-179.7, -40.0), (0.0, 75.0)]);
    (places, prop::collection::vec(0.05..1.0_f64, 3..80)).prop_map(|((lon, lat), radii)| {
        let count = radii.len() as f64;
        let corners: Vec<(f64, f64)> = radii
            .iter()
            .enumerate()
            .map(|(i, radius)| {
                let turn = i as f64 / count * std::f64::consts::TAU;
                let east: f64 = lon + radius * turn.cos();
                (
                    if east > 180.0 {
                        east - 360.0
                    } else if east < -180.0 {
                        east + 360.0
                    } else {
                        east
                    },
                    lat + radius * turn.sin(),
                )
            })
            .collect();
        (at(lon, lat), ring(&corners))
    })
}

proptest! {
    #[test]
    fn containment_is_that_of_a_plain_walk_around_the_ring((centre, ring) in stars(), east in -1.1..1.1_f64, north in -1.1..1.1_f64) {
        let area = Area::new(vec![vec![ring.clone()]]).unwrap();
        let lon = centre.lon + east;
        let query = at(if lon > 180.0 { lon - 360.0 } else if lon < -180.0 { lon + 360.0 } else { lon }, centre.lat + north);
        // Angles seen from the query in a plane of degrees, added up along the ring.
        let near = |position: &LonLat| ((position.lon - query.lon + 540.0).rem_euclid(360.0) - 180.0, position.lat - query.lat);
        let turned: f64 = ring
            .windows(2)
            .map(|pair| {
                let ((ax, ay), (bx, by)) = (near(&pair[0]), near(&pair[1]));
                (ax * by - ay * bx).atan2(ax * bx + ay * by)
            })
            .sum();
        let inside = turned.abs() > std::f64::consts::PI;
        prop_assume!(area.signed_m(query).abs() > 1e-3);
        prop_assert_eq!(area.contains(query), inside);
        prop_assert_eq!(area.boundary().locate(query).signed_m > 0.0, inside);
    }
}
