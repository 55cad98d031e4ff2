//! P(side A) against a plain Monte Carlo over the exact sides, where a line's own stretches and ends compete.

#![allow(clippy::unwrap_used, clippy::panic)]

use truceline_core::geometry::{LineIndex, LonLat, SIGMAS_95, destination, probability_side_a};

/// A Monte Carlo draws once in each of so many by so many cells of equal probability; its own error is below 0.004.
const CELLS: u32 = 70;
const TOLERANCE: f64 = 0.013;

/// A small linear generator: the tests draw the same everywhere.
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// As often in each tenfold.
    fn scale(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    fn below(&mut self, many: usize) -> usize {
        (self.uniform() * many as f64) as usize
    }
}

fn at(lon: f64, lat: f64) -> LonLat {
    LonLat::new(lon, lat).unwrap()
}

/// The part of the positions that are drawn about `centre` which is on side A.
fn monte_carlo(line: &LineIndex, centre: LonLat, hacc_m: f64) -> f64 {
    let mut draw = Draw(7);
    let mut hits = 0;
    for x in 0..CELLS {
        for y in 0..CELLS {
            let part = |cell: u32, within: f64| (f64::from(cell) + within) / f64::from(CELLS);
            let range = hacc_m / SIGMAS_95 * (-2.0 * part(x, draw.uniform()).ln()).sqrt();
            let place = destination(centre, 360.0 * part(y, draw.uniform()), range);
            hits += u32::from(line.locate(place).signed_m > 0.0);
        }
    }
    f64::from(hits) / f64::from(CELLS * CELLS)
}

/// A walk of some steps from a place, of about `size_m` in all; each turn is drawn by `turn`.
fn walk(draw: &mut Draw, from: LonLat, size_m: f64, steps: usize, turn: impl Fn(&mut Draw) -> f64) -> Vec<LonLat> {
    let mut bearing = draw.between(0.0, 360.0);
    let mut part = vec![from];
    for _ in 0..steps {
        let step = size_m / steps as f64 * draw.between(0.3, 1.7);
        let last = *part.last().unwrap();
        part.push(destination(last, bearing, step));
        bearing += turn(draw);
    }
    part
}

/// A line of a kind that is drawn, its name, and about how large it is.
fn line(draw: &mut Draw) -> (&'static str, Vec<Vec<LonLat>>, f64) {
    let from = at(draw.between(-179.9, 179.9), draw.between(-72.0, 72.0));
    let size_m = draw.scale(30.0, 60_000.0);
    let sign = |draw: &mut Draw| if draw.uniform() < 0.5 { -1.0 } else { 1.0 };
    match draw.below(7) {
        0 => ("straight", vec![walk(draw, from, size_m, 1, |_| 0.0)], size_m),
        1 => ("acute", vec![walk(draw, from, size_m, 2, |draw| sign(draw) * draw.between(150.0, 179.0))], size_m),
        2 => ("bent", vec![walk(draw, from, size_m, 3, |draw| draw.between(-120.0, 120.0))], size_m),
        3 => ("switchback", vec![walk(draw, from, size_m, 4, |draw| sign(draw) * draw.between(160.0, 178.0))], size_m),
        4 => {
            let mut part = walk(draw, from, size_m, 2, |draw| draw.between(-20.0, 20.0));
            let tip = destination(part[1], draw.between(0.0, 360.0), size_m * draw.between(0.1, 0.6));
            part.splice(1..1, [destination(part[1], 200.0, size_m * 0.01), tip]);
            ("spike", vec![part], size_m)
        }
        5 => ("curl", vec![walk(draw, from, size_m, 6, |draw| draw.between(30.0, 75.0))], size_m),
        _ => {
            let first = walk(draw, from, size_m, 2, |draw| draw.between(-60.0, 60.0));
            let gap = destination(first[2], draw.between(0.0, 360.0), size_m * draw.between(0.05, 0.6));
            let second = walk(draw, gap, size_m, 2, |draw| draw.between(-60.0, 60.0));
            ("parts", vec![first, second], 2.0 * size_m)
        }
    }
}

/// A place near the line, near one of its ends, or beyond both.
fn place(draw: &mut Draw, parts: &[Vec<LonLat>], size_m: f64) -> LonLat {
    let part = &parts[draw.below(parts.len())];
    let from = match draw.below(4) {
        0 => part[0],
        1 => part[part.len() - 1],
        _ => part[draw.below(part.len())],
    };
    let bearing = draw.between(0.0, 360.0);
    let away = draw.scale(0.01, 4.0) * size_m;
    destination(from, bearing, away)
}

fn differences(seed: u64, lines: usize) -> Vec<(f64, String)> {
    let mut draw = Draw(seed);
    let mut found = Vec::new();
    for _ in 0..lines {
        let (name, parts, size_m) = line(&mut draw);
        let index = LineIndex::new(parts.clone()).unwrap();
        for _ in 0..3 {
            let position = place(&mut draw, &parts, size_m);
            let apart_m = index.locate(position).distance_m;
            let hacc_m = if draw.uniform() < 0.5 {
                draw.scale(1.0, 4.0 * size_m).min(300_000.0)
            } else {
                (apart_m * draw.scale(0.2, 5.0)).clamp(1.0, 300_000.0)
            };
            let (told, wanted) = (probability_side_a(&index, position, hacc_m), monte_carlo(&index, position, hacc_m));
            found.push((
                (told - wanted).abs(),
                format!("{name} of {size_m:.0} m, {apart_m:.1} m away, hacc {hacc_m:.1}: {told:.4}, Monte Carlo {wanted:.4}; {parts:?} {position:?}"),
            ));
        }
    }
    found
}

#[test]
fn two_free_ends_of_an_acute_line_compete_and_each_side_has_its_share() {
    let line = LineIndex::new(vec![vec![at(30.0, 50.0), at(30.1, 50.0), at(30.01, 50.01)]]).unwrap();
    for (lon, lat) in [(29.964_032_665_094_92, 50.010_704_845_023_28), (29.976_282_577_126_51, 49.993_365_149_203)] {
        for hacc_m in [500.0, 1_000.0, 2_000.0, 4_000.0, 12_000.0] {
            let (told, wanted) =
                (probability_side_a(&line, at(lon, lat), hacc_m), monte_carlo(&line, at(lon, lat), hacc_m));
            assert!((told - wanted).abs() < TOLERANCE, "{lon} {lat}, {hacc_m}: {told}, Monte Carlo {wanted}");
        }
    }
}

#[test]
fn far_beyond_both_ends_what_is_told_certain_is_certain() {
    let line = LineIndex::new(vec![vec![at(30.0, 50.0), at(30.1, 50.0), at(30.01, 50.01)]]).unwrap();
    let start = at(30.0, 50.0);
    let mut contested = 0;
    for bearing in 0..36 {
        for away in [8_000.0, 30_000.0, 120_000.0] {
            let position = destination(start, 270.0 + f64::from(bearing) * 2.0, away);
            let (told, wanted) =
                (probability_side_a(&line, position, away / 5.0), monte_carlo(&line, position, away / 5.0));
            contested += u32::from(wanted > 0.1 && wanted < 0.9);
            assert!((told - wanted).abs() < TOLERANCE, "{away} m at {bearing}: {told}, Monte Carlo {wanted}");
        }
    }
    assert!(contested > 5, "only {contested} places are contested");
}

#[test]
fn random_short_lines_have_the_probabilities_of_a_monte_carlo() {
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    let lines = std::env::var("LINES").map_or(120, |lines| lines.parse().unwrap());
    let mut found = differences(seed, lines);
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (difference, what) in found.iter().take(12) {
        println!("{difference:.4} {what}");
    }
    let worse = found.iter().filter(|(difference, _)| *difference >= TOLERANCE).count();
    assert!(worse == 0, "{worse} of {} are wrong; the worst by {:?}", found.len(), found[0]);
}
