//! Where something heard by one sensor may be: a sector or a disc around the sensor.

use super::probability::side_gap_m;
use super::quadrature::probability;
use super::{Area, LineIndex, LonLat};

/// Half the way around the Earth: greater ranges are taken as this one, metres.
const RANGE_LIMIT_M: f64 = 20_000_000.0;

/// A sector of a ring around a centre; a disc when it is 360 degrees wide from range 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sector {
    /// Where the sensor stands.
    pub centre: LonLat,
    /// Its middle, degrees from true north.
    pub bearing_deg: f64,
    /// Its full width in degrees, in (0, 360].
    pub width_deg: f64,
    /// From this range, metres, not negative.
    pub range_min_m: f64,
    /// To this range, metres, over `range_min_m`.
    pub range_max_m: f64,
}

impl Sector {
    /// A disc.
    pub const fn disc(centre: LonLat, range_max_m: f64) -> Self {
        Self { centre, bearing_deg: 0.0, width_deg: 360.0, range_min_m: 0.0, range_max_m }
    }

    /// Whether it is a point: no range, no width, or no number.
    fn is_point(&self) -> bool {
        !(self.range_max_m > self.range_min_m.max(0.0) && self.range_max_m.is_finite() && self.width_deg > 0.0)
    }

    /// The same with every value in its range.
    fn ordered(&self) -> Self {
        Self {
            range_min_m: if self.range_min_m > 0.0 { self.range_min_m.min(RANGE_LIMIT_M) } else { 0.0 },
            range_max_m: self.range_max_m.min(RANGE_LIMIT_M),
            width_deg: self.width_deg.min(360.0),
            bearing_deg: if self.bearing_deg.is_finite() { self.bearing_deg } else { 0.0 },
            ..*self
        }
    }
}

/// P(a place that is uniform over `sector`'s area is on side A of `line`). Within 0.01.
pub(super) fn side_a(line: &LineIndex, sector: &Sector) -> f64 {
    over(sector, |place| side_gap_m(line, place))
}

/// P(a place that is uniform over `sector`'s area is inside `area`). Within 0.01.
pub(super) fn in_area(area: &Area, sector: &Sector) -> f64 {
    over(sector, |place| area.signed_m(place))
}

/// P(a place that is uniform over `sector`'s area is within `distance_m` of `line`). Within 0.01.
pub(super) fn within(line: &LineIndex, distance_m: f64, sector: &Sector) -> f64 {
    over(sector, |place| distance_m - line.locate(place).distance_m)
}

fn over(sector: &Sector, gap_m: impl Fn(LonLat) -> f64) -> f64 {
    let gap = gap_m(sector.centre);
    if sector.is_point() || gap.abs() > sector.range_max_m {
        return if gap == 0.0 { 0.5 } else { f64::from(u8::from(gap > 0.0)) };
    }
    probability(&sector.ordered(), gap_m)
}
