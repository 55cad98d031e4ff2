//! Which of 10,000 zones hold a position: ours, an R-tree of boxes with geo's containment.

use criterion::Criterion;

/// Runs the rows; a table of them.
pub fn run(_: &mut Criterion) -> String {
    String::new()
}
