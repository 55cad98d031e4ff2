//! Geodesy on WGS84: where a position is against a line or an area, and how sure that is.
//!
//! Edges are straight in longitude and latitude (RFC 7946, 3.1.1), the longitude step
//! taken the short way. Distances are geodesic, in metres; angles are degrees from
//! true north. A line has a direction: side A is to the left of travel.

mod area;
mod boundary_integral;
mod box_tree;
mod course;
mod crossing;
mod ellipse;
mod frame_tree;
mod geodesy;
mod geojson;
mod line_index;
mod outlines;
mod piece;
mod plane;
mod probability;
mod quadrature;
mod reach;
mod repair;
mod rings;
mod scan;
mod sector;
mod spread;
mod zone_index;

pub use area::Area;
pub use course::Course;
pub(crate) use crossing::boundaries_cross;
pub use ellipse::Ellipse;
pub use geodesy::{bearing_deg, destination, distance_m};
pub use geojson::{Shape, ShapeFault, parse_geojson, read_geojson};
pub use line_index::{LineFix, LineIndex};
pub use probability::{probability_in_area, probability_side_a, probability_within};
pub use repair::{Repair, Repaired, SLIP_SHARE, SLIP_SQUARE_M, repair};
pub use sector::Sector;
pub use spread::{Region, Spread};
pub use zone_index::{NearestBoundary, ZoneIndex};

use serde::{Deserialize, Serialize};

/// Radius of the 95 % circle of a round bivariate normal in standard deviations: sqrt(-2 ln 0.05).
pub const SIGMAS_95: f64 = 2.447_746_830_680_816;

/// A position in degrees on WGS84; `lon` in [-180, 180], `lat` in [-90, 90].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LonLat {
    /// Degrees east.
    pub lon: f64,
    /// Degrees north.
    pub lat: f64,
}

impl LonLat {
    /// A position, if both numbers are finite and in range.
    pub fn new(lon: f64, lat: f64) -> Option<Self> {
        ((-180.0..=180.0).contains(&lon) && (-90.0..=90.0).contains(&lat)).then_some(Self { lon, lat })
    }
}

/// A side of a directed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Left of the direction of travel; inside, for a control area.
    A,
    /// Right of it; outside.
    B,
    /// Too close to call with the accuracy there is.
    Undetermined,
}
