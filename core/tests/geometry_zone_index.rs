//! The index of many areas against going through all of them.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use truceline_core::geometry::{Area, LonLat, ZoneIndex};

fn wrapped(lon: f64) -> f64 {
    (lon + 180.0).rem_euclid(360.0) - 180.0
}

fn rectangle(lon: f64, lat: f64, width: f64, height: f64) -> Vec<LonLat> {
    let corner = |east: f64, north: f64| LonLat { lon: wrapped(lon + east), lat: (lat + north).clamp(-89.0, 89.0) };
    vec![corner(0.0, 0.0), corner(width, 0.0), corner(width, height), corner(0.0, height), corner(0.0, 0.0)]
}

/// A ring around a pole.
fn cap(lat: f64) -> Vec<LonLat> {
    let mut ring: Vec<LonLat> = (0..12).map(|i| LonLat { lon: f64::from(i) * 30.0 - 180.0, lat }).collect();
    ring.push(ring[0]);
    ring
}

/// Around places where longitude is awkward, with holes, of two polygons, and around the poles.
fn areas() -> impl Strategy<Value = Vec<Area>> {
    let place = prop::sample::select(vec![(37.0, 48.0), (179.9, -17.0), (-179.9, 60.0), (0.0, 0.0), (20.0, 84.0)]);
    let one = (place, -0.5..0.5_f64, -0.5..0.5_f64, 0.01..1.5_f64, 0.01..1.0_f64, 0_u8..4);
    (prop::collection::vec(one, 1..60), any::<bool>()).prop_map(|(places, caps)| {
        let mut areas: Vec<Area> = places
            .into_iter()
            .map(|((lon, lat), east, north, width, height, kind)| {
                let shell = rectangle(lon + east, lat + north, width, height);
                let polygons = match kind {
                    0 => vec![vec![
                        shell,
                        rectangle(lon + east + width / 4.0, lat + north + height / 4.0, width / 2.0, height / 2.0),
                    ]],
                    1 => vec![vec![shell], vec![rectangle(lon + east - 3.0, lat + north, width, height)]],
                    _ => vec![vec![shell]],
                };
                Area::new(polygons).unwrap()
            })
            .collect();
        if caps {
            areas.push(Area::new(vec![vec![cap(80.0)]]).unwrap());
            areas.push(Area::new(vec![vec![cap(-60.0)]]).unwrap());
        }
        areas
    })
}

fn queries() -> impl Strategy<Value = LonLat> {
    let place = prop::sample::select(vec![
        (37.0, 48.0),
        (179.9, -17.0),
        (-179.9, 60.0),
        (0.0, 0.0),
        (20.0, 84.0),
        (0.0, 90.0),
        (90.0, -89.5),
    ]);
    (place, -2.5..2.5_f64, -2.0..2.0_f64).prop_map(|((lon, lat), east, north)| LonLat {
        lon: wrapped(lon + east),
        lat: (lat + north).clamp(-90.0, 90.0),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_area_that_holds_or_is_near_a_position_is_visited_once(areas in areas(), query in queries(), reach_m in 0.0..2e5_f64) {
        let index = ZoneIndex::new(areas.iter().enumerate());
        let (mut holding, mut near) = (Vec::new(), Vec::new());
        index.visit_holding(query, |number| holding.push(number));
        index.visit_near(query, reach_m, |number| near.push(number));
        for (number, area) in areas.iter().enumerate() {
            let times = |list: &[usize]| list.iter().filter(|one| **one == number).count();
            if area.contains(query) {
                prop_assert_eq!(times(&holding), 1, "area {} holds it", number);
            }
            if area.signed_m(query) >= -reach_m {
                prop_assert_eq!(times(&near), 1, "area {} is within {} m", number, reach_m);
            }
            prop_assert!(times(&holding) <= 1 && times(&near) <= 1);
        }
    }

    #[test]
    fn the_areas_that_a_position_is_inside_of_are_those_that_contain_it(
        areas in areas(),
        query in queries(),
        corner in 0_usize..400,
        part in prop::sample::select(vec![0.0, 0.5, 0.3, 1.0]),
        aside in prop::sample::select(vec![0.0, 1e-15, -1e-15, 1e-9, -1e-9, 1e-7, -1e-6]),
    ) {
        let index = ZoneIndex::new(areas.iter().enumerate());
        // Of every area a corner or a place of an edge as well, or one a hair beside it.
        let edges = areas.iter().map(|area| {
            let ring = &area.polygons()[corner % area.polygons().len()].last().unwrap();
            let (from, to) = (ring[corner % (ring.len() - 1)], ring[corner % (ring.len() - 1) + 1]);
            let step = (to.lon - from.lon + 540.0).rem_euclid(360.0) - 180.0;
            let lat = (from.lat + part * (to.lat - from.lat) - aside).clamp(-90.0, 90.0);
            LonLat { lon: if part == 0.0 { from.lon } else { wrapped(from.lon + part * step) } + aside, lat }
        });
        for place in edges.chain([query]) {
            let mut inside = Vec::new();
            index.visit_inside(place, |number| areas.get(number), |number| inside.push(number));
            inside.sort_unstable();
            let wanted: Vec<usize> = (0..areas.len()).filter(|number| areas[*number].contains(place)).collect();
            prop_assert_eq!(&inside, &wanted, "at {:?}", place);
            let mut holding = Vec::new();
            index.visit_holding(place, |number| holding.push(number));
            prop_assert!(wanted.iter().all(|number| holding.contains(number)), "at {:?}", place);
        }
    }

    #[test]
    fn ragged_rings_hold_what_their_containment_says(
        place in prop::sample::select(vec![(37.0, 48.0), (180.0, -17.0), (-179.5, 60.0), (0.0, 0.0), (20.0, 84.0)]),
        radii in prop::collection::vec(0.2..1.0_f64, 3..90),
        scale in prop::sample::select(vec![1e-6, 0.01, 1.0, 5.0]),
        queries in prop::collection::vec((-1.1..1.1_f64, -1.1..1.1_f64), 40),
    ) {
        let at = |east: f64, north: f64| LonLat { lon: wrapped(place.0 + scale * east), lat: place.1 + scale * north };
        let turn = |corner: usize| corner as f64 / radii.len() as f64 * std::f64::consts::TAU;
        let star = |size: f64| {
            let mut ring: Vec<LonLat> =
                radii.iter().enumerate().map(|(corner, radius)| at(size * radius * turn(corner).cos(), size * radius * turn(corner).sin())).collect();
            ring.push(ring[0]);
            ring
        };
        let area = Area::new(vec![vec![star(1.0), star(0.4)]]).unwrap();
        let index = ZoneIndex::new([(7, &area)]);
        for (east, north) in queries {
            let query = at(east, north);
            let mut inside = 0;
            index.visit_inside(query, |_| Some(&area), |_| inside += 1);
            prop_assert_eq!(inside == 1, area.contains(query), "{:?}", query);
        }
    }

    #[test]
    fn the_nearest_boundary_is_the_nearest_of_all(areas in areas(), query in queries(), left_out in 0_usize..60) {
        let index = ZoneIndex::new(areas.iter().enumerate());
        let considered = |number: usize| (number != left_out).then(|| &areas[number]);
        let found = index.nearest_boundary(query, considered);
        let fixes = areas.iter().enumerate().filter(|(number, _)| *number != left_out).map(|(_, area)| area.locate(query));
        match fixes.map(|fix| fix.distance_m).min_by(f64::total_cmp) {
            None => prop_assert_eq!(found, None),
            Some(least) => {
                let found = found.unwrap();
                prop_assert!(found.number != left_out);
                prop_assert!((found.fix.distance_m - least).abs() < 1e-3, "{:?} but {} m", found, least);
                prop_assert_eq!(found.fix, areas[found.number].locate(query));
            }
        }
    }
}

#[test]
fn an_area_around_a_pole_or_an_axis_of_the_earth_holds_its_middle_far_from_every_edge() {
    let areas = [
        Area::new(vec![vec![cap(60.0)]]).unwrap(),
        Area::new(vec![vec![rectangle(-20.0, -20.0, 40.0, 40.0)]]).unwrap(),
        Area::new(vec![vec![rectangle(160.0, -20.0, 40.0, 40.0)]]).unwrap(),
    ];
    let index = ZoneIndex::new(areas.iter().enumerate());
    for (query, wanted) in [((0.0, 90.0), 0), ((0.0, 0.0), 1), ((180.0, 0.0), 2), ((-180.0, 1.0), 2)] {
        let mut holding = Vec::new();
        index.visit_holding(LonLat { lon: query.0, lat: query.1 }, |number| holding.push(number));
        assert_eq!(holding, [wanted], "{query:?}");
    }
}

#[test]
fn an_empty_index_and_a_position_that_is_none_find_nothing() {
    let none = ZoneIndex::new(Vec::new());
    assert!(none.is_empty() && none.nearest_boundary(LonLat { lon: 0.0, lat: 0.0 }, |_| None).is_none());
    let area = Area::new(vec![vec![rectangle(37.0, 48.0, 1.0, 1.0)]]).unwrap();
    let index = ZoneIndex::new([(0, &area)]);
    index.visit_near(LonLat { lon: f64::NAN, lat: 48.0 }, f64::INFINITY, |_| panic!("it is near nothing"));
}
