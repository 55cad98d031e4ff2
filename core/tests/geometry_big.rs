//! Shapes of 100,000 vertices against brute force: every edge that can be the nearest, by exact geodesics; the side by the
//! sum of the normals of the edges that meet at a vertex (Bærentzen and Aanæs, Signed distance computation using the angle
//! weighted pseudonormal, 2005; in a plane the two angles are equal); the inside by counting crossings.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::f64::consts::TAU;

use geographiclib_rs::{Geodesic, InverseGeodesic};
use truceline_core::geometry::{Area, LineFix, LineIndex, LonLat};

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    /// In [-1, 1).
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1 << 30) - 1.0
    }
}

/// Where the nearest place is, and on which side the query is; 0 where this reference cannot tell.
struct Nearest {
    distance_m: f64,
    side: f64,
}

struct BruteForce {
    geodesic: Geodesic,
    parts: Vec<Vec<LonLat>>,
    longest_m: f64,
}

impl BruteForce {
    fn new(parts: Vec<Vec<LonLat>>) -> Self {
        let edges = parts.iter().flat_map(|part| part.windows(2));
        let longest_m = edges.map(|edge| on_sphere_m(edge[0], edge[1])).fold(0.0, f64::max) * 1.01;
        Self { geodesic: Geodesic::wgs84(), parts, longest_m }
    }

    /// Geodesic distance in metres and azimuth in degrees.
    fn inverse(&self, from: LonLat, to: LonLat) -> (f64, f64) {
        let (metres, azimuth, _, _): (f64, f64, f64, f64) = self.geodesic.inverse(from.lat, from.lon, to.lat, to.lon);
        (metres, azimuth)
    }

    fn nearest(&self, query: LonLat) -> Nearest {
        let edges: Vec<(usize, usize)> =
            self.parts.iter().enumerate().flat_map(|(part, all)| (1..all.len()).map(move |to| (part, to))).collect();
        let ends = |(part, to): (usize, usize)| (self.parts[part][to - 1], self.parts[part][to]);
        // On a sphere it is the same within 0.6 %.
        let rough = |edge| on_sphere_m(ends(edge).0, query).min(on_sphere_m(ends(edge).1, query));
        let least_m = edges.iter().map(|edge| rough(*edge)).fold(f64::MAX, f64::min);
        let near: Vec<(usize, usize)> =
            edges.into_iter().filter(|edge| rough(*edge) <= (least_m + self.longest_m) * 1.02).collect();
        let exact = |edge| self.inverse(ends(edge).0, query).0.min(self.inverse(ends(edge).1, query).0);
        let exactly: Vec<f64> = near.iter().map(|edge| exact(*edge)).collect();
        let least_m = exactly.iter().copied().fold(f64::MAX, f64::min);
        let within = near.iter().zip(exactly).filter(|(_, metres)| *metres <= least_m + self.longest_m);
        let found = within.map(|(edge, _)| {
            let (from, to) = ends(*edge);
            let (metres, t) = self.nearest_on(from, to, query);
            (metres, t, *edge)
        });
        let (distance_m, t, edge) = found.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        let side = self.side(edge, t, query);
        Nearest { distance_m, side: if distance_m < 1e-3 { 0.0 } else { side } }
    }

    /// Golden sections: on a short edge the distance has one minimum.
    fn nearest_on(&self, from: LonLat, to: LonLat, query: LonLat) -> (f64, f64) {
        let golden = (5.0_f64.sqrt() - 1.0) / 2.0;
        let distance = |t: f64| self.inverse(between(from, to, t), query).0;
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..45 {
            let (a, b) = (high - golden * (high - low), low + golden * (high - low));
            if distance(a) <= distance(b) {
                high = b;
            } else {
                low = a;
            }
        }
        let tried = [0.0, f64::midpoint(low, high), 1.0].map(|t| (distance(t), t));
        tried.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
    }

    fn side(&self, (part, to): (usize, usize), t: f64, query: LonLat) -> f64 {
        let all = &self.parts[part];
        let (from, until) = (all[to - 1], all[to]);
        let length_m = self.inverse(from, until).0;
        let closed = all.first() == all.last();
        // The other edge at the vertex that is nearest, a millimetre from it counting as it.
        let other = if t * length_m < 1e-3 {
            if to > 1 { Some((all[to - 2], from)) } else { closed.then(|| (all[all.len() - 2], from)) }
        } else if (1.0 - t) * length_m < 1e-3 {
            if to + 1 < all.len() { Some((until, all[to + 1])) } else { closed.then(|| (until, all[1])) }
        } else {
            None
        };
        let left = |(from, to): (LonLat, LonLat)| unit(self.inverse(from, to).1 - 90.0);
        let mut normal = left((from, until));
        if let Some(other) = other {
            let other = left(other);
            normal = (normal.0 + other.0, normal.1 + other.1);
        }
        let toward = unit(self.inverse(between(from, until, t), query).1);
        let shown = normal.0 * toward.0 + normal.1 * toward.1;
        if shown.abs() < 1e-4 { 0.0 } else { shown.signum() }
    }
}

fn unit(azimuth_deg: f64) -> (f64, f64) {
    azimuth_deg.to_radians().sin_cos()
}

fn between(from: LonLat, to: LonLat, t: f64) -> LonLat {
    LonLat { lon: from.lon + t * (to.lon - from.lon), lat: from.lat + t * (to.lat - from.lat) }
}

/// Along the chord, on a sphere.
fn on_sphere_m(a: LonLat, b: LonLat) -> f64 {
    let half = |a: f64, b: f64| ((a - b).to_radians() / 2.0).sin().powi(2);
    let cos = a.lat.to_radians().cos() * b.lat.to_radians().cos();
    2.0 * 6_371_000.0 * (half(a.lat, b.lat) + cos * half(a.lon, b.lon)).sqrt()
}

/// A front from west to east that wavers by some metres at each step and bends over kilometres.
fn front(numbers: &mut Numbers, (lon, lat): (f64, f64), vertices: u32) -> Vec<LonLat> {
    let vertex = |i: u32| {
        let along = f64::from(i) * 2e-5;
        LonLat { lon: lon + along, lat: lat + 0.05 * (along * 7.0).sin() + 4e-5 * numbers.next() }
    };
    (0..vertices).map(vertex).collect()
}

/// A closed ring about a place whose radius wavers.
fn star(numbers: &mut Numbers, (lon, lat): (f64, f64), radius_deg: f64, vertices: u32) -> Vec<LonLat> {
    let vertex = |i: u32| {
        let angle = f64::from(i) / f64::from(vertices) * TAU;
        let radius = radius_deg * (1.0 + 0.1 * (5.0 * angle).sin() + 1e-4 * numbers.next());
        LonLat { lon: lon + radius * angle.cos(), lat: lat + 0.7 * radius * angle.sin() }
    };
    let mut ring: Vec<LonLat> = (0..vertices).map(vertex).collect();
    ring.push(ring[0]);
    ring
}

/// Places at all distances from some vertices.
fn queries(numbers: &mut Numbers, parts: &[Vec<LonLat>], count: usize) -> Vec<LonLat> {
    let scales = [1e-5, 1e-4, 2e-3, 0.03, 0.4];
    let mut query = |i: usize| {
        let part = &parts[i % parts.len()];
        let near = part[(f64::midpoint(numbers.next(), 1.0) * part.len() as f64) as usize];
        let scale = scales[i % scales.len()];
        LonLat { lon: near.lon + scale * numbers.next(), lat: near.lat + scale * numbers.next() }
    };
    (0..count).map(&mut query).collect()
}

/// How many of the queries' sides the reference could tell.
fn agree_on(parts: Vec<Vec<LonLat>>, queries: &[LonLat], signed_m: impl Fn(LonLat) -> (f64, f64)) -> usize {
    let slow = BruteForce::new(parts);
    let mut told = 0;
    for query in queries {
        let (wanted, (distance_m, signed_m)) = (slow.nearest(*query), signed_m(*query));
        assert!((distance_m - wanted.distance_m).abs() < 1e-3, "{query:?}: {distance_m}, not {}", wanted.distance_m);
        if wanted.side != 0.0 {
            told += 1;
            assert_eq!(signed_m.signum(), wanted.side, "{query:?}: {signed_m}");
        }
    }
    told
}

fn distances(fix: LineFix) -> (f64, f64) {
    (fix.distance_m, fix.signed_m)
}

#[test]
fn a_line_of_a_hundred_thousand_vertices_is_as_brute_force_says() {
    let mut numbers = Numbers(5);
    let parts = vec![front(&mut numbers, (37.0, 48.0), 100_000)];
    let queries = queries(&mut numbers, &parts, 15);
    let index = LineIndex::new(parts.clone()).unwrap();
    let told = agree_on(parts, &queries, |query| distances(index.locate(query)));
    assert!(told >= 12, "{told}");
}

#[test]
fn a_line_of_twenty_parts_is_as_brute_force_says_also_in_the_gaps() {
    let mut numbers = Numbers(6);
    let starts = (0..20).map(|i| (20.0 + f64::from(i) * 0.12, 66.0 + 0.03 * f64::from(i % 3)));
    let parts: Vec<Vec<LonLat>> = starts.map(|start| front(&mut numbers, start, 5_000)).collect();
    let mut queries = queries(&mut numbers, &parts, 10);
    // Each part is 0.1° long, and 0.02° are between two.
    queries.extend((0..5).map(|i| LonLat { lon: 20.107 + f64::from(i) * 0.36, lat: 66.0 + 0.01 * numbers.next() }));
    let index = LineIndex::new(parts.clone()).unwrap();
    let told = agree_on(parts, &queries, |query| distances(index.locate(query)));
    assert!(told >= 12, "{told}");
}

#[test]
fn an_area_of_a_hundred_thousand_vertices_with_holes_is_as_brute_force_says() {
    let mut numbers = Numbers(7);
    let mut first = vec![star(&mut numbers, (37.0, 48.0), 0.8, 60_000)];
    for i in 0..6 {
        let angle = f64::from(i) / 6.0 * TAU;
        first.push(star(&mut numbers, (37.0 + 0.4 * angle.cos(), 48.0 + 0.28 * angle.sin()), 0.1, 5_000));
    }
    let polygons = vec![first, vec![star(&mut numbers, (38.5, 48.2), 0.2, 10_000)]];
    let rings: Vec<Vec<LonLat>> = polygons.iter().flatten().cloned().collect();
    let queries = queries(&mut numbers, &rings, 16);
    let area = Area::new(polygons).unwrap();
    // An edge is straight in longitude and latitude: a ray to the north crosses an odd number of them from inside.
    let inside = |query: LonLat| {
        let edges = rings.iter().flat_map(|ring| ring.windows(2));
        let crossed = edges.filter(|edge| {
            let (a, b) = (edge[0], edge[1]);
            let at = |t: f64| a.lat + t * (b.lat - a.lat);
            (a.lon > query.lon) != (b.lon > query.lon) && at((query.lon - a.lon) / (b.lon - a.lon)) > query.lat
        });
        crossed.count() % 2 == 1
    };
    let sides = queries.iter().map(|query| (area.contains(*query), inside(*query)));
    assert!(sides.clone().all(|(told, counted)| told == counted));
    assert!(sides.clone().any(|(told, _)| told) && sides.clone().any(|(told, _)| !told));
    // The boundary has the inside to its left, whichever way its rings are given.
    let told = agree_on(area.boundary().parts().to_vec(), &queries, |query| {
        let fix = area.locate(query);
        assert_eq!(area.signed_m(query), fix.signed_m);
        distances(fix)
    });
    assert!(told >= 12, "{told}");
}
