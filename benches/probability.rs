//! How long a probability takes, far from a boundary, near a straight edge and near a corner, with the distance
//! query alone in the same run. The line has 2,000 vertices, as a real one may.

#![allow(clippy::expect_used)]

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use truceline_core::geometry::{Area, Ellipse, LineIndex, LonLat, Region, Sector, Spread, destination};

const VERTICES: usize = 2_000;

/// Edges of 200 m to the north-east and to the south-east by turns, and a long straight one at the end.
fn line() -> LineIndex {
    let mut at = LonLat { lon: 37.0, lat: 48.0 };
    let mut part = vec![at];
    for vertex in 1..VERTICES {
        at = destination(at, if vertex % 2 == 0 { 60.0 } else { 120.0 }, 200.0);
        part.push(at);
    }
    part.push(destination(at, 90.0, 40_000.0));
    LineIndex::new(vec![part]).expect("a line")
}

fn square(middle: LonLat, half_m: f64) -> Area {
    let corner = |bearing| destination(middle, bearing, half_m * 2.0_f64.sqrt());
    Area::new(vec![vec![vec![corner(45.0), corner(315.0), corner(225.0), corner(135.0), corner(45.0)]]])
        .expect("an area")
}

fn probabilities(criterion: &mut Criterion) {
    let line = line();
    let part = &line.parts()[0];
    let corner = part[VERTICES / 2];
    let straight = destination(part[VERTICES - 1], 90.0, 20_000.0);
    let normal = |at: LonLat, bearing, range_m, hacc_m| {
        Spread::Normal(Ellipse::circle(destination(at, bearing, range_m), hacc_m))
    };
    let mut row = |name: &str, run: &dyn Fn() -> f64| {
        criterion.bench_function(name, |bench| bench.iter(|| black_box(run())));
    };

    let far = destination(corner, 0.0, 3_000.0);
    row("distance and side alone, far", &|| line.locate(black_box(far)).signed_m);
    let spread = normal(corner, 0.0, 3_000.0, 50.0);
    row("side, far", &|| black_box(spread).side_a(&line));
    let spread = normal(straight, 0.0, 20.0, 50.0);
    row("side, near a straight edge", &|| black_box(spread).side_a(&line));
    let spread = normal(corner, 0.0, 20.0, 50.0);
    row("side, near a corner", &|| black_box(spread).side_a(&line));
    let spread = normal(corner, 0.0, 20.0, 1_000.0);
    row("side, among ten corners", &|| black_box(spread).side_a(&line));

    let zone = square(destination(corner, 0.0, 5_000.0), 1_000.0);
    let spread = normal(corner, 0.0, 3_000.0, 50.0);
    row("area, far", &|| black_box(spread).in_area(&zone));
    let spread = normal(corner, 0.0, 4_020.0, 50.0);
    row("area, near a straight edge", &|| black_box(spread).in_area(&zone));
    let spread = Spread::Normal(Ellipse::circle(zone.polygons()[0][0][0], 50.0));
    row("area, at a corner", &|| black_box(spread).in_area(&zone));

    let spread = normal(straight, 0.0, 3_000.0, 50.0);
    row("within 2 km, far from its edge", &|| black_box(spread).within(&line, 2_000.0));
    let spread = normal(straight, 0.0, 2_010.0, 50.0);
    row("within 2 km, at its straight edge", &|| black_box(spread).within(&line, 2_000.0));
    let spread = normal(corner, 0.0, 150.0, 50.0);
    row("within 150 m, at a corner", &|| black_box(spread).within(&line, 150.0));
    let spread = normal(corner, 0.0, 15_000.0, 50.0);
    row("within 15 km, at its edge", &|| black_box(spread).within(&line, 15_000.0));

    let thin = Spread::Normal(Ellipse {
        middle: destination(corner, 0.0, 20.0),
        semi_major_m: 500.0,
        semi_minor_m: 10.0,
        azimuth_deg: 30.0,
    });
    row("side, ellipse of 1 to 50", &|| black_box(thin).side_a(&line));
    let near = square(corner, 60.0);
    let other = square(destination(corner, 90.0, 100.0), 60.0);
    let spread = normal(corner, 0.0, 20.0, 100.0);
    let both = Region::All(vec![Region::Inside(&near), Region::SideA(&line)]);
    row("area and side, both uncertain", &|| black_box(spread).probability(&both));
    let either = Region::Any(vec![Region::Inside(&near), Region::Inside(&other)]);
    row("either of two areas, both uncertain", &|| black_box(spread).probability(&either));

    let sector = Sector {
        centre: destination(corner, 0.0, 3_000.0),
        bearing_deg: 170.0,
        width_deg: 16.0,
        range_min_m: 0.0,
        range_max_m: 10_000.0,
    };
    row("side, sector of 10 km", &|| Spread::Even(black_box(sector)).side_a(&line));
    let disc = Sector::disc(sector.centre, 10_000.0);
    row("side, disc of 10 km", &|| Spread::Even(black_box(disc)).side_a(&line));
    row("within 5 km, disc of 10 km", &|| Spread::Even(black_box(disc)).within(&line, 5_000.0));
}

criterion_group!(benches, probabilities);
criterion_main!(benches);
