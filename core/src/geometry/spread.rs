//! A place with its uncertainty, of either sort.

use super::{Area, Ellipse, LineIndex, LonLat, Sector, probability, sector};

/// How the true place is distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Bivariate normal.
    Normal(Ellipse),
    /// Evenly over a sector's area.
    Even(Sector),
}

impl Spread {
    /// What is farther than this from its middle, metres, is certainly not met: its probability is 0.
    pub fn reach_m(&self) -> f64 {
        let reach_m = match self {
            Self::Normal(ellipse) => probability::CERTAIN * ellipse.ordered().semi_major_m,
            Self::Even(sector) => sector.range_max_m,
        };
        if reach_m > 0.0 { reach_m } else { 0.0 }
    }

    /// Its middle; a sector's is where its sensor stands.
    pub fn middle(&self) -> LonLat {
        match self {
            Self::Normal(ellipse) => ellipse.middle,
            Self::Even(sector) => sector.centre,
        }
    }

    /// P(on side A of `line`). Within 0.01.
    pub fn side_a(&self, line: &LineIndex) -> f64 {
        match self {
            Self::Normal(ellipse) => probability::side_a(line, ellipse),
            Self::Even(sector) => sector::side_a(line, sector),
        }
    }

    /// P(inside `area`). Within 0.01.
    pub fn in_area(&self, area: &Area) -> f64 {
        match self {
            Self::Normal(ellipse) => probability::in_area(area, ellipse),
            Self::Even(sector) => sector::in_area(area, sector),
        }
    }

    /// P(within `distance_m` of `line`). Within 0.01.
    pub fn within(&self, line: &LineIndex, distance_m: f64) -> f64 {
        match self {
            Self::Normal(ellipse) => probability::within(line, distance_m, ellipse),
            Self::Even(sector) => sector::within(line, distance_m, sector),
        }
    }
}
