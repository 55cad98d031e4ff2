//! The line index against a small slow reference: every edge sampled, the best place refined, exact geodesics.

#![allow(clippy::unwrap_used, clippy::panic)]

use geographiclib_rs::{Geodesic, InverseGeodesic};
use proptest::prelude::*;
use truceline_core::geometry::{LineIndex, LonLat};

/// Geodesic distance and azimuth in degrees from `a` to `b`.
fn inverse(geodesic: &Geodesic, a: LonLat, b: LonLat) -> (f64, f64) {
    let (metres, azimuth, _, _): (f64, f64, f64, f64) = geodesic.inverse(a.lat, a.lon, b.lat, b.lon);
    (metres, azimuth)
}

fn step_of(from: LonLat, to: LonLat) -> f64 {
    let step = to.lon - from.lon;
    if step.abs() < 180.0 { step } else { (step + 180.0).rem_euclid(360.0) - 180.0 }
}

fn on_edge(from: LonLat, to: LonLat, t: f64) -> LonLat {
    LonLat { lon: from.lon + t * step_of(from, to), lat: from.lat + t * (to.lat - from.lat) }
}

/// Azimuth of travel in degrees at `t` of an edge, from a short step along it.
fn azimuth_of_travel(geodesic: &Geodesic, from: LonLat, to: LonLat, t: f64) -> f64 {
    let small = 1e-6;
    let (a, b) = (on_edge(from, to, t - small), on_edge(from, to, t + small));
    inverse(geodesic, a, b).1
}

struct Reference {
    distance_m: f64,
    /// The side by the wedge rule; 0 where it is too close to tell for this reference.
    side: i8,
    foot: LonLat,
    /// Another place of the line, elsewhere, is as near within a centimetre.
    ambiguous: bool,
}

/// Nearest place on an edge: 40 samples, then golden sections around the best.
fn nearest_on(geodesic: &Geodesic, from: LonLat, to: LonLat, query: LonLat) -> (f64, f64) {
    let distance = |t: f64| inverse(geodesic, on_edge(from, to, t), query).0;
    let samples = 40;
    let best = (0..=samples)
        .map(|i| f64::from(i) / f64::from(samples))
        .min_by(|a, b| distance(*a).total_cmp(&distance(*b)))
        .unwrap();
    let (mut low, mut high) = ((best - 0.025).max(0.0), (best + 0.025).min(1.0));
    let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..60 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if distance(a) <= distance(b) {
            high = b;
        } else {
            low = a;
        }
    }
    [low, f64::midpoint(low, high), high, 0.0, 1.0]
        .into_iter()
        .map(|t| (distance(t), t))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap()
}

fn reference(line: &[LonLat], query: LonLat) -> Reference {
    let geodesic = Geodesic::wgs84();
    let edges: Vec<(LonLat, LonLat)> = line.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let found: Vec<(f64, f64)> = edges.iter().map(|(from, to)| nearest_on(&geodesic, *from, *to, query)).collect();
    let (edge, (distance_m, t)) = found.iter().copied().enumerate().min_by(|a, b| a.1.0.total_cmp(&b.1.0)).unwrap();
    let (from, to) = edges[edge];
    let foot = on_edge(from, to, t);
    let ambiguous = found.iter().zip(&edges).any(|((other, t), (from, to))| {
        other - distance_m < 0.01 && inverse(&geodesic, on_edge(*from, *to, *t), foot).0 > 1.0
    });
    let (_, toward) = inverse(&geodesic, foot, query);
    let turn = |from: f64, to: f64| (from - to).rem_euclid(360.0);
    // A millimetre from a vertex counts as the vertex.
    let length = inverse(&geodesic, from, to).0;
    let vertex = if t * length < 1e-3 { Some(edge) } else { ((1.0 - t) * length < 1e-3).then_some(edge + 1) };
    let side = match vertex {
        Some(vertex) if vertex > 0 && vertex < edges.len() => {
            let out = azimuth_of_travel(&geodesic, edges[vertex].0, edges[vertex].1, 0.0);
            let back = azimuth_of_travel(&geodesic, edges[vertex - 1].0, edges[vertex - 1].1, 1.0) + 180.0;
            let (to_query, wedge) = (turn(out, toward), turn(out, back));
            // Too close to one of the edges' directions for the short step's accuracy.
            let near = [to_query, (to_query - wedge).rem_euclid(360.0)].iter().any(|d| d.min(360.0 - d) < 1e-3);
            if near {
                0
            } else if to_query < wedge {
                1
            } else {
                -1
            }
        }
        _ => {
            let left = (azimuth_of_travel(&geodesic, from, to, t) - toward).to_radians().sin();
            if left.abs() < 1e-5 {
                0
            } else if left > 0.0 {
                1
            } else {
                -1
            }
        }
    };
    Reference { distance_m, side: if distance_m < 1e-3 { 0 } else { side }, foot, ambiguous }
}

/// A line of short and long edges with sharp turns, around a place that may be at the antimeridian or far north.
fn lines() -> impl Strategy<Value = Vec<LonLat>> {
    let origins = prop_oneof![
        Just((37.8, 48.0)),
        Just((179.99, -17.0)),
        Just((-30.0, 80.0)),
        Just((12.0, 0.0)),
        Just((-179.9, 66.0)),
    ];
    let steps = prop::collection::vec(((-1.0..1.0_f64), (-1.0..1.0_f64), 0_u8..4), 1..12);
    (origins, steps).prop_map(|((lon, lat), steps)| {
        let mut at = LonLat { lon, lat };
        let mut line = vec![at];
        for (east, north, scale) in steps {
            let degrees: f64 = [0.001, 0.02, 0.3, 0.0][usize::from(scale)];
            if scale == 3 && line.len() > 1 {
                // A spike: nearly all the way back.
                let before = line[line.len() - 2];
                at = on_edge(at, before, 0.9 + 0.05 * east);
                at.lat += north * 1e-4;
            } else {
                at = LonLat { lon: at.lon + east * degrees.max(0.001), lat: at.lat + north * degrees.max(0.001) };
            }
            at.lon = (at.lon + 180.0).rem_euclid(360.0) - 180.0;
            line.push(at);
        }
        line
    })
}

proptest! {
    #[test]
    fn distance_side_and_foot_are_those_of_a_slow_reference(
        line in lines(),
        vertex in 0_usize..12,
        east in -1.0..1.0_f64,
        north in -1.0..1.0_f64,
        scale in prop::sample::select(vec![1e-4, 1e-3, 0.02, 0.2, 1.5]),
    ) {
        let near = line[vertex % line.len()];
        let lon = (near.lon + east * scale + 180.0).rem_euclid(360.0) - 180.0;
        let query = LonLat { lon, lat: near.lat + north * scale };
        let wanted = reference(&line, query);
        let fix = LineIndex::new(vec![line.clone()]).unwrap().locate(query);
        prop_assert!(
            (fix.distance_m - wanted.distance_m).abs() < 1e-3,
            "{} m, reference {} m", fix.distance_m, wanted.distance_m
        );
        prop_assert_eq!(fix.signed_m.abs(), if fix.distance_m < 1e-6 { 0.0 } else { fix.distance_m });
        if wanted.side != 0 && !wanted.ambiguous {
            prop_assert_eq!(f64::from(wanted.side), fix.signed_m.signum(), "{:?}", fix);
        }
        if !wanted.ambiguous {
            let apart = inverse(&Geodesic::wgs84(), fix.foot, wanted.foot).0;
            // Golden sections see a foot only as sharply as the distance's rounding lets them.
            prop_assert!(apart < 0.02 + (wanted.distance_m * 1e-7).max(3e-4 * wanted.distance_m.sqrt()), "feet {} m apart", apart);
        }
    }

    #[test]
    fn chainage_grows_along_the_line_and_its_end_is_the_length(line in lines(), t in 0.0..1.0_f64) {
        let index = LineIndex::new(vec![line.clone()]).unwrap();
        let geodesic = Geodesic::wgs84();
        let mut along = 0.0;
        for (edge, pair) in line.windows(2).enumerate() {
            // The path's length by short geodesics.
            let parts = 64;
            let part = |i: u32| on_edge(pair[0], pair[1], f64::from(i) / f64::from(parts));
            let length: f64 = (0..parts).map(|i| inverse(&geodesic, part(i), part(i + 1)).0).sum();
            let place = on_edge(pair[0], pair[1], t);
            let place = LonLat { lon: (place.lon + 180.0).rem_euclid(360.0) - 180.0, ..place };
            let fix = index.locate(place);
            prop_assert!(fix.distance_m < 1e-6, "a place of the line is {} m from it", fix.distance_m);
            if fix.edge == edge {
                let (least, most) = (along - 1e-3, along + length + 1e-3);
                prop_assert!(fix.chainage_m > least && fix.chainage_m < most, "{} not in {}..{}", fix.chainage_m, least, most);
            }
            along += length;
        }
        prop_assert!((index.length_m() - along).abs() < 1e-3 + along * 1e-8, "{} not {}", index.length_m(), along);
    }
}

fn at(lon: f64, lat: f64) -> LonLat {
    LonLat::new(lon, lat).unwrap()
}

#[test]
fn parts_that_meet_are_one_course_and_chainage_goes_on_over_a_gap() {
    let whole = LineIndex::new(vec![vec![at(37.0, 48.0), at(37.1, 48.0), at(37.1, 48.1)]]).unwrap();
    let parts =
        LineIndex::new(vec![vec![at(37.0, 48.0), at(37.1, 48.0)], vec![at(37.1, 48.0), at(37.1, 48.1)]]).unwrap();
    for query in [at(37.11, 47.99), at(37.09, 48.01), at(37.2, 48.0), at(37.1, 47.9)] {
        let (one, two) = (whole.locate(query), parts.locate(query));
        assert_eq!((one.signed_m, one.beyond_end), (two.signed_m, two.beyond_end), "{query:?}");
    }
    let apart =
        LineIndex::new(vec![vec![at(37.0, 48.0), at(37.1, 48.0)], vec![at(37.2, 48.0), at(37.3, 48.0)]]).unwrap();
    let first = LineIndex::new(vec![vec![at(37.0, 48.0), at(37.1, 48.0)]]).unwrap().length_m();
    let fix = apart.locate(at(37.2, 48.001));
    assert!((fix.chainage_m - first).abs() < 1e-6, "{fix:?}");
    assert_eq!(fix.edge, 1);
    assert_eq!(apart.locate(at(37.19, 48.001)).beyond_end, -1);
    assert_eq!(apart.locate(at(37.11, 48.001)).beyond_end, 1);
}

#[test]
fn a_closed_line_has_no_end_and_its_corner_is_like_the_others() {
    let ring = vec![at(37.0, 48.0), at(37.1, 48.0), at(37.1, 48.1), at(37.0, 48.1), at(37.0, 48.0)];
    let index = LineIndex::new(vec![ring]).unwrap();
    for (corner, out) in [(at(37.0, 48.0), -1.0), (at(37.1, 48.0), -1.0)] {
        for (east, north) in [(-0.01, -0.01), (0.01, -0.01)] {
            let fix = index.locate(at(corner.lon + east, corner.lat + north));
            assert_eq!((fix.signed_m.signum(), fix.beyond_end), (out, 0), "{fix:?}");
        }
    }
    assert!(index.locate(at(37.01, 48.01)).signed_m > 0.0);
}

#[test]
fn repeated_vertices_change_nothing_but_the_numbers_of_edges() {
    let plain = LineIndex::new(vec![vec![at(37.0, 48.0), at(37.1, 48.0), at(37.1, 48.1)]]).unwrap();
    let repeated = LineIndex::new(vec![vec![
        at(37.0, 48.0),
        at(37.0, 48.0),
        at(37.1, 48.0),
        at(37.1, 48.0),
        at(37.1, 48.0),
        at(37.1, 48.1),
        at(37.1, 48.1),
    ]])
    .unwrap();
    for query in [at(37.05, 48.01), at(37.11, 47.99), at(36.9, 48.0), at(37.1, 48.2)] {
        let (one, two) = (plain.locate(query), repeated.locate(query));
        assert_eq!((one.signed_m, one.chainage_m, one.beyond_end), (two.signed_m, two.chainage_m, two.beyond_end));
    }
    assert_eq!(repeated.locate(at(37.11, 48.05)).edge, 4);
}

#[test]
fn a_line_to_the_pole_and_one_around_it_are_indexed() {
    let meridian = LineIndex::new(vec![vec![at(10.0, 80.0), at(10.0, 90.0)]]).unwrap();
    assert!(meridian.locate(at(11.0, 85.0)).signed_m < 0.0);
    assert!(meridian.locate(at(9.0, 85.0)).signed_m > 0.0);
    let spiral = LineIndex::new(vec![vec![at(0.0, 80.0), at(90.0, 90.0)]]).unwrap();
    assert!(spiral.locate(at(0.0, 90.0)).distance_m < 1e-3);
    let around =
        LineIndex::new(vec![vec![at(-179.0, 89.0), at(-60.0, 89.0), at(60.0, 89.0), at(179.0, 89.0)]]).unwrap();
    let pole = around.locate(at(0.0, 90.0));
    assert!((pole.distance_m - 111_694.0).abs() < 5.0, "{pole:?}");
    assert!(pole.signed_m > 0.0);
}

#[test]
fn a_line_of_one_place_or_of_wild_coordinates_is_refused_with_its_vertex() {
    let one = LineIndex::new(vec![vec![at(37.0, 48.0), at(37.0, 48.0)]]).unwrap_err();
    assert_eq!(one.to_string(), "part 0: needs at least two different positions");
    let twice = LineIndex::new(vec![vec![at(180.0, 10.0), at(-180.0, 10.0)]]).unwrap_err();
    assert!(twice.message.contains("two different"), "{twice}");
    let wild = LineIndex::new(vec![vec![at(37.0, 48.0), LonLat { lon: f64::NAN, lat: 0.0 }]]).unwrap_err();
    assert!(wild.place.contains("vertex 1"), "{wild}");
    assert!(LineIndex::new(Vec::new()).is_err());
}

#[test]
fn a_line_that_winds_round_a_pole_without_end_is_refused_and_not_indexed_for_ever() {
    let turns = (0..20_000).map(|i| at(f64::from(i % 3) * 120.0 - 120.0, 89.0 + f64::from(i % 7) * 1e-3)).collect();
    let fault = LineIndex::new(vec![turns]).unwrap_err();
    assert!(fault.message.contains("too near a pole"), "{fault}");
}

#[test]
fn a_query_that_is_no_place_has_no_distance_and_does_no_harm() {
    let index = LineIndex::new(vec![vec![at(37.0, 48.0), at(38.0, 48.0)]]).unwrap();
    for query in [LonLat { lon: f64::NAN, lat: 48.0 }, LonLat { lon: 37.0, lat: f64::INFINITY }] {
        assert!(index.locate(query).distance_m.is_nan());
    }
}

#[test]
fn distances_beyond_300_km_are_still_the_geodesics() {
    let line = LineIndex::new(vec![vec![at(37.0, 48.0), at(38.0, 48.0)]]).unwrap();
    let geodesic = Geodesic::wgs84();
    for query in [at(37.0, 60.0), at(-60.0, -20.0), at(100.0, 10.0), at(-142.5, -48.0)] {
        let fix = line.locate(query);
        let exact = inverse(&geodesic, fix.foot, query).0;
        assert!((fix.distance_m - exact).abs() < 1e-3, "{fix:?} but {exact}");
        assert!(fix.distance_m <= inverse(&geodesic, at(37.5, 48.0), query).0 * 1.0001);
    }
}
