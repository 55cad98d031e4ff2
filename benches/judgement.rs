//! How many readings a second the engine judges, decoding aside.

use criterion::{Criterion, criterion_group, criterion_main};
use truceline_core::engine::Engine;

fn nothing_yet(criterion: &mut Criterion) {
    criterion.bench_function("a fresh engine", |bench| bench.iter(Engine::new));
}

criterion_group!(benches, nothing_yet);
criterion_main!(benches);
