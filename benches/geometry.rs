//! How fast a position is put against a line, an area and many zones, with a peer in the same run.

use criterion::{Criterion, criterion_group, criterion_main};
use geographiclib_rs::{Geodesic, InverseGeodesic};
use std::hint::black_box;

fn one_inverse(criterion: &mut Criterion) {
    let earth = Geodesic::wgs84();
    criterion.bench_function("geographiclib inverse", |bench| {
        bench.iter(|| {
            let distance_m: f64 = earth.inverse(black_box(48.5), black_box(38.1), black_box(48.9), black_box(38.9));
            distance_m
        });
    });
}

criterion_group!(benches, one_inverse);
criterion_main!(benches);
