//! What peers took, measured once on another machine: they are services or other languages, and are not run here.
//!
//! One thread, a query each; lines of 86, 2,000 and 40,000 vertices, 10,000 polygons. PostGIS 3.3 `ST_Distance(geography)`
//! and `ST_Contains` with a GiST index, Shapely 2 with its STR-tree (lines in UTM), Tile38 a fence update.

use std::fmt::Write as _;

/// A peer and its microseconds a query.
type Row = (&'static str, f64);

pub const LINE_86: &[Row] = &[("PostGIS 3.3", 5.4), ("Shapely 2", 2.4)];
pub const LINE_2_000: &[Row] = &[("PostGIS 3.3", 10.2), ("Shapely 2", 3.5)];
pub const LINE_40_000: &[Row] = &[("PostGIS 3.3", 30.7), ("Shapely 2", 6.3)];
pub const ZONES_10_000: &[Row] = &[("PostGIS 3.3", 33.0), ("Shapely 2", 4.2), ("Tile38, a fence update", 21.0)];

/// The rows of a table.
pub fn rows(peers: &[Row]) -> String {
    let mut told = String::new();
    for (name, us) in peers {
        // Writing to a string does not fail.
        let _ = writeln!(told, "    {name:<36}{us:>9.1} us  measured once on another machine, not run here");
    }
    told
}
