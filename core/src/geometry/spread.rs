//! A place with its uncertainty, of either sort.

use super::{Area, Ellipse, LineIndex, Sector, probability, sector};

/// How the true place is distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Bivariate normal.
    Normal(Ellipse),
    /// Evenly over a sector's area.
    Even(Sector),
}

impl Spread {
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
