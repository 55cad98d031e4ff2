//! Where something heard by one sensor may be: a sector or a disc around the sensor.

use super::probability::side_gap_m;
use super::{Area, LineIndex, LonLat, Region, Spread, destination};

/// Half the way around the Earth: greater ranges are taken as this one, metres.
const RANGE_LIMIT_M: f64 = 20_000_000.0;

/// Distances within greater sectors are not reckoned as on a plane, metres.
const PLANE_LIMIT_M: f64 = 200_000.0;

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
    pub(super) fn is_point(&self) -> bool {
        !(self.range_max_m > self.range_min_m.max(0.0) && self.range_max_m.is_finite() && self.width_deg > 0.0)
    }

    /// A circle about its middle that covers it, where that is smaller than the one about the sensor.
    pub(super) fn cover(&self) -> Option<(LonLat, f64)> {
        if self.width_deg > 90.0 || self.range_max_m > PLANE_LIMIT_M {
            return None;
        }
        let middle_m = f64::midpoint(self.range_min_m, self.range_max_m);
        let cos = (self.width_deg / 2.0).to_radians().cos();
        let corner = |range: f64| (middle_m * middle_m + range * range - 2.0 * middle_m * range * cos).max(0.0).sqrt();
        // A little more, for the Earth's curvature.
        let cover_m = 1.001 * corner(self.range_min_m).max(corner(self.range_max_m));
        Some((destination(self.centre, self.bearing_deg, middle_m), cover_m))
    }

    /// The same with every value in its range.
    pub(super) fn ordered(&self) -> Self {
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
    over(sector, &Region::SideA(line), |place| side_gap_m(line, place))
}

/// P(a place that is uniform over `sector`'s area is inside `area`). Within 0.01.
pub(super) fn in_area(area: &Area, sector: &Sector) -> f64 {
    over(sector, &Region::Inside(area), |place| area.signed_m(place))
}

/// P(a place that is uniform over `sector`'s area is within `distance_m` of `line`). Within 0.01.
pub(super) fn within(line: &LineIndex, distance_m: f64, sector: &Sector) -> f64 {
    over(sector, &Region::Within(line, distance_m), |place| distance_m - line.locate(place).distance_m)
}

fn over(sector: &Sector, region: &Region<'_>, gap_m: impl Fn(LonLat) -> f64) -> f64 {
    let gap = gap_m(sector.centre);
    if sector.is_point() || gap.abs() > sector.range_max_m {
        return if gap == 0.0 { 0.5 } else { f64::from(u8::from(gap > 0.0)) };
    }
    let sector = sector.ordered();
    if let Some((middle, cover_m)) = sector.cover() {
        let gap = gap_m(middle);
        if gap.abs() > cover_m {
            return f64::from(u8::from(gap > 0.0));
        }
    }
    Spread::Even(sector).joint(region)
}
