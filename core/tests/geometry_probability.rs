//! Probabilities against Monte Carlo, areas against known figures.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use truceline_core::geometry::{
    Area, Ellipse, LineIndex, LonLat, Region, SIGMAS_95, Sector, Spread, destination, distance_m, probability_in_area,
    probability_side_a, probability_within,
};

/// A Monte Carlo draws once in each cell of a square of so many by so many cells of equal probability: its own
/// standard error is then about 0.001 instead of 0.005.
const CELLS: u32 = 100;
const TOLERANCE: f64 = 0.01;

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
    let east = distance_m(from, at(if from.lon > 0.0 { from.lon - 0.01 } else { from.lon + 0.01 }, from.lat)) * 100.0;
    let lat = from.lat + range * cos / north;
    // Meridians converge: at high latitudes the degree of longitude is that of half way there.
    let shrunk = f64::midpoint(from.lat, lat).to_radians().cos() / from.lat.to_radians().cos();
    let lon = from.lon + range * sin / (east * shrunk);
    at((lon + 540.0).rem_euclid(360.0) - 180.0, lat)
}

/// The part of the unit square's draws that hold.
fn drawn(seed: u64, holds: impl Fn(f64, f64) -> bool) -> f64 {
    let mut draw = Draw(seed);
    let mut hits = 0;
    for x in 0..CELLS {
        for y in 0..CELLS {
            let place = |cell: u32, within: f64| (f64::from(cell) + within) / f64::from(CELLS);
            hits += u32::from(holds(place(x, draw.uniform()), place(y, draw.uniform())));
        }
    }
    f64::from(hits) / f64::from(CELLS * CELLS)
}

fn normal(centre: LonLat, hacc_m: f64, holds: impl Fn(LonLat) -> bool) -> f64 {
    elliptic(&Ellipse::circle(centre, hacc_m), holds)
}

fn elliptic(ellipse: &Ellipse, holds: impl Fn(LonLat) -> bool) -> f64 {
    drawn(7, |x, y| {
        let range = (-2.0 * x.ln()).sqrt() / SIGMAS_95;
        let (sin, cos) = (std::f64::consts::TAU * y).sin_cos();
        let (along, across) = (ellipse.semi_major_m * range * cos, ellipse.semi_minor_m * range * sin);
        holds(away(ellipse.middle, ellipse.azimuth_deg + across.atan2(along).to_degrees(), along.hypot(across)))
    })
}

fn sector(sector: &Sector, holds: impl Fn(LonLat) -> bool) -> f64 {
    drawn(11, |x, y| {
        let (least, most) = (sector.range_min_m.powi(2), sector.range_max_m.powi(2));
        let range = (least + x * (most - least)).sqrt();
        holds(away(sector.centre, sector.bearing_deg + (y - 0.5) * sector.width_deg, range))
    })
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

/// Many places at which one thing is asked of one spread, each against a Monte Carlo.
fn against_monte_carlo(name: &str, ellipse: &Ellipse, line: &LineIndex, area: &Area, distance_m: f64) {
    let spread = Spread::Normal(*ellipse);
    let side = |place| line.locate(place).signed_m > 0.0;
    let near = |place| line.locate(place).distance_m <= distance_m;
    close(&format!("{name}: side"), spread.side_a(line), elliptic(ellipse, side));
    close(&format!("{name}: area"), spread.in_area(area), elliptic(ellipse, |place| area.contains(place)));
    close(&format!("{name}: within"), spread.within(line, distance_m), elliptic(ellipse, near));
    let both = Region::All(vec![Region::Inside(area), Region::SideA(line)]);
    let wanted = elliptic(ellipse, |place| area.contains(place) && side(place));
    close(&format!("{name}: area and side A"), spread.probability(&both), wanted);
    let one = Region::Any(vec![Region::Inside(area), Region::Within(line, distance_m), Region::SideB(line)]);
    let wanted = elliptic(ellipse, |place| area.contains(place) || near(place) || !side(place));
    close(&format!("{name}: area, near or side B"), spread.probability(&one), wanted);
}

#[test]
fn ellipses_even_thin_ones_have_the_probability_of_a_monte_carlo_alone_and_jointly() {
    let line = crooked();
    for (position, half_m) in [(at(37.9497, 48.0003), 150.0), (at(37.952, 48.0205), 60.0)] {
        let area = box_around(destination(position, 60.0, 90.0), half_m);
        for (semi_major_m, semi_minor_m) in [(600.0, 60.0), (1_000.0, 20.0)] {
            for azimuth_deg in [0.0, 37.0, 91.0] {
                let ellipse = Ellipse { middle: position, semi_major_m, semi_minor_m, azimuth_deg };
                let name = format!("{semi_major_m} by {semi_minor_m} at {azimuth_deg}, {position:?}");
                against_monte_carlo(&name, &ellipse, &line, &area, 120.0);
            }
        }
    }
}

#[test]
fn far_north_and_across_the_antimeridian_probabilities_are_those_of_a_monte_carlo() {
    let north = LineIndex::new(vec![vec![at(15.0, 80.0), at(15.1, 80.0), at(15.1, 80.01), at(15.2, 80.01)]]).unwrap();
    let seam = LineIndex::new(vec![vec![at(179.99, -17.0), at(-179.998, -17.0), at(-179.998, -16.99)]]).unwrap();
    for (name, line, middle) in
        [("80 north", &north, at(15.099, 80.0004)), ("antimeridian", &seam, at(179.9995, -16.9996))]
    {
        let area = box_around(destination(middle, 200.0, 100.0), 130.0);
        for (semi_major_m, semi_minor_m) in [(150.0, 150.0), (800.0, 40.0)] {
            let ellipse = Ellipse { middle, semi_major_m, semi_minor_m, azimuth_deg: 60.0 };
            against_monte_carlo(&format!("{name}, {semi_major_m}"), &ellipse, line, &area, 100.0);
        }
        let shape =
            Sector { centre: middle, bearing_deg: 100.0, width_deg: 60.0, range_min_m: 0.0, range_max_m: 1_500.0 };
        let side = |place| line.locate(place).signed_m > 0.0;
        close(&format!("{name}: sector"), Spread::Even(shape).side_a(line), sector(&shape, side));
    }
}

#[test]
fn beyond_a_free_end_its_continuation_divides_the_sides_however_far() {
    let line = LineIndex::new(vec![vec![at(37.9, 48.0), at(37.95, 48.0)]]).unwrap();
    for (bearing, range, side_m) in [(90.0, 5_000.0, 12.0), (90.0, 50.0, 5.0), (270.0, 9_000.0, -20.0)] {
        let end = if bearing == 90.0 { at(37.95, 48.0) } else { at(37.9, 48.0) };
        let position = destination(destination(end, bearing, range), 0.0, side_m);
        for hacc_m in [20.0, 60.0] {
            let wanted = normal(position, hacc_m, |place| line.locate(place).signed_m > 0.0);
            close(&format!("{range} m past the end, {hacc_m} m"), probability_side_a(&line, position, hacc_m), wanted);
        }
    }
}

#[test]
fn zones_that_lie_apart_add_up_and_zones_that_overlap_do_not() {
    let position = at(37.93, 48.03);
    let west = box_around(destination(position, 270.0, 50.0), 50.0);
    let east = box_around(destination(position, 90.0, 50.0), 50.0);
    let spread = Spread::Normal(Ellipse::circle(position, 120.0));
    let [in_west, in_east] = [spread.in_area(&west), spread.in_area(&east)];
    let either = spread.probability(&Region::Any(vec![Region::Inside(&west), Region::Inside(&east)]));
    assert!((either - in_west - in_east).abs() < 0.01, "{either} of {in_west} and {in_east}");
    let twice = spread.probability(&Region::Any(vec![Region::Inside(&west), Region::Inside(&west)]));
    assert!((twice - in_west).abs() < 0.01, "{twice} of {in_west}");
    let both = spread.probability(&Region::All(vec![Region::Inside(&west), Region::Inside(&east)]));
    assert!(both < 0.01, "{both}: in two places at once");
}

#[test]
fn an_area_on_the_other_side_of_the_line_is_not_on_this_side() {
    let line = LineIndex::new(vec![vec![at(37.8, 48.0), at(38.0, 48.0)]]).unwrap();
    let south = box_around(destination(at(37.9, 48.0), 180.0, 300.0), 300.0);
    let spread = Spread::Normal(Ellipse::circle(at(37.9, 48.0), 100.0));
    let both = spread.probability(&Region::All(vec![Region::Inside(&south), Region::SideA(&line)]));
    assert!(spread.in_area(&south) > 0.45 && spread.side_a(&line) > 0.45 && both < 0.01, "{both}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn probabilities_are_probabilities_and_the_two_sides_are_one(
        east in -2_000.0..6_000.0f64, north in -2_000.0..6_000.0f64, major in 0.0..3_000.0f64,
        ratio in 0.0..1.0f64, azimuth_deg in -360.0..720.0f64, distance_m in 0.0..2_000.0f64,
    ) {
        let line = crooked();
        let back = LineIndex::new(vec![line.parts()[0].iter().rev().copied().collect()]).unwrap();
        let middle = away(away(at(37.92, 48.0), 90.0, east), 0.0, north);
        let ellipse = Ellipse { middle, semi_major_m: major, semi_minor_m: major * ratio, azimuth_deg };
        let spread = Spread::Normal(ellipse);
        let (a, b) = (spread.side_a(&line), spread.side_a(&back));
        let within = spread.within(&line, distance_m);
        let all = spread.probability(&Region::All(vec![Region::SideA(&line), Region::Within(&line, distance_m)]));
        for p in [a, b, within, all] {
            prop_assert!((0.0..=1.0).contains(&p), "{p}");
        }
        prop_assert!((a + b - 1.0).abs() < 0.01, "{a} and {b}");
        prop_assert!(all <= a.min(within), "{all} of {a} and {within}");
        prop_assert!(within <= spread.within(&line, distance_m + 50.0) + 0.005);
    }

    #[test]
    fn along_a_straight_line_nothing_changes_and_farther_off_or_better_known_is_surer(
        along in 0.0..1.0f64, off_m in 1.0..400.0f64, hacc_m in 5.0..500.0f64,
    ) {
        let line = LineIndex::new(vec![vec![at(37.9, 47.8), at(37.9, 48.2)]]).unwrap();
        let near = |part: f64, off_m: f64| away(at(37.9, 47.9 + 0.2 * part), 270.0, off_m);
        let here = probability_side_a(&line, near(along, off_m), hacc_m);
        prop_assert!((here - probability_side_a(&line, near(0.5, off_m), hacc_m)).abs() < 0.002);
        prop_assert!(probability_side_a(&line, near(along, off_m + 10.0), hacc_m) >= here - 1e-4);
        prop_assert!(probability_side_a(&line, near(along, off_m), hacc_m * 1.3) <= here + 1e-4);
        let band = |hacc_m| probability_within(&line, 100.0, near(along, 600.0 + off_m), hacc_m);
        prop_assert!(band(hacc_m * 1.3) >= band(hacc_m) - 1e-4, "far away a worse position is likelier to be near");
    }
}

/// Along 48 N to the east and then, at 38 E, to the north: side A is north and west of it.
fn bent() -> LineIndex {
    let at = |lon, lat| LonLat { lon, lat };
    LineIndex::new(vec![vec![at(37.0, 48.0), at(38.0, 48.0), at(38.0, 49.0)]]).unwrap()
}

#[test]
fn a_disc_or_sector_whose_sensor_stands_on_or_beside_the_line_is_not_sure_of_the_wrong_side() {
    let line = bent();
    for off_m in [0.0, 0.001, -0.001, 0.1, -0.1, 1.0, -1.0, 2.5, -2.5, 4.0, -4.0] {
        let sensor = destination(LonLat { lon: 37.5, lat: 48.0 }, 0.0, off_m);
        let disc = Spread::Even(Sector::disc(sensor, 3_000.0)).side_a(&line);
        assert!((disc - 0.5).abs() < 0.01, "{off_m} m off: a disc has {disc}");
        for (bearing_deg, wanted) in [(0.0, 1.0), (180.0, 0.0), (45.0, 1.0), (225.0, 0.0)] {
            let sector =
                Sector { centre: sensor, bearing_deg, width_deg: 12.0, range_min_m: 0.0, range_max_m: 3_000.0 };
            let told = Spread::Even(sector).side_a(&line);
            assert!((told - wanted).abs() < 0.01, "{off_m} m off, to {bearing_deg}: {told}");
        }
    }
}

#[test]
fn a_position_on_a_vertex_is_in_as_much_as_the_angle_there() {
    let line = bent();
    let square = |west: f64, south: f64| {
        let at = |lon, lat| LonLat { lon, lat };
        let (east, north) = (west + 0.5, south + 0.5);
        let ring = vec![at(west, south), at(east, south), at(east, north), at(west, north), at(west, south)];
        Area::new(vec![vec![ring]]).unwrap()
    };
    for off_m in [0.0, 1e-9, 1e-6, 1e-3] {
        for bearing_deg in [0.0, 37.0, 90.0, 180.0, 200.0, 270.0] {
            let near = |lon, lat| destination(LonLat { lon, lat }, bearing_deg, off_m);
            let side = probability_side_a(&line, near(38.0, 48.0), 300.0);
            assert!((side - 0.25).abs() < 0.01, "{off_m} m to {bearing_deg}: side {side}");
            for (lon, lat) in [(38.0, 48.0), (38.5, 48.0), (38.5, 48.5), (38.0, 48.5)] {
                let inside = probability_in_area(&square(38.0, 48.0), near(lon, lat), 300.0);
                assert!((inside - 0.25).abs() < 0.01, "{off_m} m to {bearing_deg} of {lon} {lat}: {inside}");
            }
        }
    }
}
