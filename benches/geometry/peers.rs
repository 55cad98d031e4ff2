//! What peers took, measured once on another machine: they are services or other languages, and are not run here.
//!
//! One thread, a query each; lines of 86, 2,000 and 40,000 vertices, 10,000 polygons. PostGIS 3.3 `ST_Distance(geography)`
//! for lines, Shapely 2 its tree and UTM, geo 0.33 the closest point by haversine; the greatest error that each made.

use std::fmt::Write as _;

/// A peer and its microseconds a query.
type Row = (&'static str, f64);

const POSTGIS: &str = "PostGIS 3.3, off by up to 99 m";
const SHAPELY: &str = "Shapely 2, off by up to 1,192 m";

pub const LINE_86: &[Row] = &[(POSTGIS, 5.4), (SHAPELY, 2.4), ("geo 0.33, off by up to 0.55 m", 13.6)];
pub const LINE_2_000: &[Row] = &[(POSTGIS, 10.2), (SHAPELY, 3.5), ("geo 0.33", 305.0)];
pub const LINE_40_000: &[Row] = &[(POSTGIS, 30.7), (SHAPELY, 6.3), ("geo 0.33", 5_885.0)];
pub const ZONES_10_000: &[Row] = &[("PostGIS 3.3", 33.0), ("Shapely 2", 4.2), ("Tile38, a fence update", 21.5)];

/// The rows of a table.
pub fn rows(peers: &[Row]) -> String {
    let mut told = String::new();
    for (name, us) in peers {
        // Writing to a string does not fail.
        let _ = writeln!(told, "    {name:<36}{us:>9.1} us  measured once on another machine, not run here");
    }
    told
}
