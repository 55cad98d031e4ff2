//! Probabilities against Monte Carlo, areas against known figures.

#![allow(clippy::unwrap_used, clippy::panic)]

use truceline_core::geometry::{
    Area, LineIndex, LonLat, SIGMAS_95, Sector, Spread, destination, distance_m, probability_in_area,
    probability_side_a, probability_within,
};

const DRAWS: u32 = 20_000;
/// 0.01 promised, and more than a standard deviation of the Monte Carlo.
const TOLERANCE: f64 = 0.0147;

/// A small linear generator: the tests draw the same positions everywhere.
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

fn at(lon: f64, lat: f64) -> LonLat {
    LonLat::new(lon, lat).unwrap()
}

/// `range` metres away at `bearing` degrees, on the plane: a metre off at 3 km, and quick.
fn away(from: LonLat, bearing: f64, range: f64) -> LonLat {
    let (sin, cos) = bearing.to_radians().sin_cos();
    let north = distance_m(from, at(from.lon, from.lat + 0.01)) * 100.0;
    let east = distance_m(from, at(from.lon + 0.01, from.lat)) * 100.0;
    at(from.lon + range * sin / east, from.lat + range * cos / north)
}

fn normal(centre: LonLat, hacc_m: f64, holds: impl Fn(LonLat) -> bool) -> f64 {
    let mut draw = Draw(7);
    let hits = (0..DRAWS)
        .filter(|_| {
            let range = hacc_m / SIGMAS_95 * (-2.0 * draw.uniform().ln()).sqrt();
            holds(away(centre, 360.0 * draw.uniform(), range))
        })
        .count();
    hits as f64 / f64::from(DRAWS)
}

fn sector(sector: &Sector, holds: impl Fn(LonLat) -> bool) -> f64 {
    let mut draw = Draw(11);
    let hits = (0..DRAWS)
        .filter(|_| {
            let (least, most) = (sector.range_min_m.powi(2), sector.range_max_m.powi(2));
            let range = (least + draw.uniform() * (most - least)).sqrt();
            let bearing = sector.bearing_deg + (draw.uniform() - 0.5) * sector.width_deg;
            holds(away(sector.centre, bearing, range))
        })
        .count();
    hits as f64 / f64::from(DRAWS)
}

fn close(what: &str, got: f64, wanted: f64) {
    println!("{what}: {got:.4}, Monte Carlo {wanted:.4}");
    assert!((got - wanted).abs() <= TOLERANCE, "{what}: {got} but Monte Carlo says {wanted}");
}

/// A line with a right angle, a spike of 200 m and a free end.
fn crooked() -> LineIndex {
    LineIndex::new(vec![vec![
        at(37.90, 48.00),
        at(37.95, 48.00),
        at(37.95, 48.02),
        at(37.9505, 48.0202),
        at(37.9535, 48.0203),
        at(37.9505, 48.0204),
        at(37.95, 48.04),
    ]])
    .unwrap()
}

fn box_around(centre: LonLat, half_m: f64) -> Area {
    let corner = |bearing| destination(centre, bearing, half_m * 2.0_f64.sqrt());
    let ring = vec![corner(45.0), corner(315.0), corner(225.0), corner(135.0), corner(45.0)];
    Area::new(vec![vec![ring]]).unwrap()
}

#[test]
fn the_side_has_the_probability_of_a_monte_carlo_at_corners_spikes_and_ends() {
    let line = crooked();
    for (name, position) in [
        ("straight", at(37.92, 48.0002)),
        ("corner", at(37.9502, 48.0001)),
        ("inside the corner", at(37.9495, 48.0004)),
        ("spike", at(37.952, 48.0203)),
        ("spike's tip", at(37.954, 48.0203)),
        ("free end", at(37.9501, 48.0402)),
        ("free start", at(37.8998, 48.0003)),
    ] {
        for hacc_m in [20.0, 60.0, 200.0, 900.0] {
            let got = probability_side_a(&line, position, hacc_m);
            let wanted = normal(position, hacc_m, |place| line.locate(place).signed_m > 0.0);
            close(&format!("side, {name}, {hacc_m} m"), got, wanted);
        }
    }
}

#[test]
fn a_zone_has_the_probability_of_a_monte_carlo_at_corners_and_when_narrow() {
    let centre = at(37.93, 48.03);
    for half_m in [10.0, 60.0, 500.0] {
        let area = box_around(centre, half_m);
        for (bearing, range) in [(0.0, 0.0), (0.0, half_m), (45.0, half_m * 1.4), (200.0, half_m + 30.0)] {
            let position = destination(centre, bearing, range);
            for hacc_m in [15.0, 50.0, 300.0] {
                let got = probability_in_area(&area, position, hacc_m);
                let wanted = normal(position, hacc_m, |place| area.contains(place));
                close(&format!("box of {half_m} m, {range} m at {bearing}, {hacc_m} m"), got, wanted);
            }
        }
    }
}

#[test]
fn a_buffer_has_the_probability_of_a_monte_carlo_also_when_narrow() {
    let line = crooked();
    for distance_m in [20.0, 150.0, 15_000.0] {
        for bearing in [30.0, 100.0, 220.0, 300.0] {
            let position = destination(at(37.95, 48.0), bearing, distance_m);
            for hacc_m in [25.0, 400.0] {
                let got = probability_within(&line, distance_m, position, hacc_m);
                let wanted = normal(position, hacc_m, |place| line.locate(place).distance_m <= distance_m);
                close(&format!("within {distance_m} m at {bearing}, {hacc_m} m"), got, wanted);
            }
        }
    }
}

#[test]
fn a_sector_has_the_probability_of_a_monte_carlo() {
    let line = crooked();
    let area = box_around(at(37.96, 48.01), 400.0);
    for shape in [
        Sector::disc(at(37.945, 48.01), 3_000.0),
        Sector { centre: at(37.93, 48.01), bearing_deg: 80.0, width_deg: 16.0, range_min_m: 0.0, range_max_m: 5_000.0 },
        Sector {
            centre: at(37.93, 48.01),
            bearing_deg: 170.0,
            width_deg: 90.0,
            range_min_m: 800.0,
            range_max_m: 2_500.0,
        },
        Sector { centre: at(37.96, 48.01), bearing_deg: 0.0, width_deg: 360.0, range_min_m: 300.0, range_max_m: 900.0 },
    ] {
        close(
            &format!("side of {shape:?}"),
            Spread::Even(shape).side_a(&line),
            sector(&shape, |place| line.locate(place).signed_m > 0.0),
        );
        close(
            &format!("area of {shape:?}"),
            Spread::Even(shape).in_area(&area),
            sector(&shape, |place| area.contains(place)),
        );
        close(
            &format!("buffer of {shape:?}"),
            Spread::Even(shape).within(&line, 500.0),
            sector(&shape, |place| line.locate(place).distance_m <= 500.0),
        );
    }
}

#[test]
fn an_exactly_known_position_is_certain_and_the_line_itself_is_neither_side() {
    let line = crooked();
    assert_eq!(probability_side_a(&line, at(37.92, 48.001), 0.0), 1.0);
    assert_eq!(probability_side_a(&line, at(37.92, 47.999), 0.0), 0.0);
    assert_eq!(probability_side_a(&line, at(37.92, 48.0), 0.0), 0.5);
    let area = box_around(at(37.96, 48.01), 400.0);
    assert_eq!(probability_in_area(&area, at(37.96, 48.01), 0.0), 1.0);
    assert_eq!(probability_within(&line, 100.0, at(37.92, 48.001), 0.0), 0.0);
    assert_eq!(probability_within(&line, 120.0, at(37.92, 48.001), 0.0), 1.0);
}

#[test]
fn a_radius_that_is_no_number_gives_a_probability_all_the_same() {
    let line = crooked();
    for hacc_m in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        let p = probability_side_a(&line, at(37.92, 48.001), hacc_m);
        assert!((0.0..=1.0).contains(&p), "{hacc_m} gives {p}");
    }
}

#[test]
fn a_sector_without_extent_or_of_odd_numbers_gives_a_probability_all_the_same() {
    let line = crooked();
    let west = at(37.92, 48.001);
    let numbers = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e-300, 20_000_000.0, 1e300];
    for range_max_m in numbers {
        for width_deg in numbers {
            let shape = Sector { centre: west, bearing_deg: 5e9, width_deg, range_min_m: 0.0, range_max_m };
            let p = Spread::Even(shape).side_a(&line);
            assert!((0.0..=1.0).contains(&p), "{shape:?} gives {p}");
        }
    }
    let thin =
        Sector { centre: west, bearing_deg: 0.0, width_deg: 1.0, range_min_m: 100.0, range_max_m: 100.0_f64.next_up() };
    assert_eq!(Spread::Even(thin).side_a(&line), 1.0);
}

#[test]
fn distance_bearing_and_destination_agree() {
    let from = at(37.9, 48.0);
    for range in [0.5, 100.0, 25_000.0, 299_000.0, 900_000.0] {
        let to = destination(from, 73.0, range);
        assert!((distance_m(from, to) - range).abs() < 1e-3, "{range}");
        assert!((truceline_core::geometry::bearing_deg(from, to) - 73.0).abs() < 1e-5, "{range}");
    }
}
