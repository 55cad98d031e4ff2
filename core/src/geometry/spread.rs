//! A place with its uncertainty, and the probability that it is where something holds.

use std::sync::Arc;

use super::boundary_integral::{BEND, REACH, sides};
use super::plane::{Plane, Stretch, divides, hypot};
use super::probability::{self, side_gap_m};
use super::quadrature::{self, Normal};
use super::scan::{Fan, Left, Part};
use super::{Area, Course, Ellipse, LineIndex, LonLat, Sector, destination, sector};

/// Bounds nearer together than this need no closer look.
const CLOSE: f64 = 0.005;
/// A stretch that a band is drawn about may miss its course by this many standard deviations: it decides no side.
const BAND_BEND: f64 = 0.01;
/// A stretch may miss its course by this part of a sector's range.
const SECTOR_BEND: f64 = 5e-4;
/// Stretches tell the side of a place that is farther from the boundary than they may miss it by, with as much to spare.
const TOLD_FROM: f64 = 2.0;

/// How the true place is distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Bivariate normal.
    Normal(Ellipse),
    /// Evenly over a sector's area.
    Even(Sector),
}

/// Where something holds.
#[derive(Clone, Debug)]
pub enum Region<'a> {
    /// On side A of a line.
    SideA(&'a LineIndex),
    /// On side B of it.
    SideB(&'a LineIndex),
    /// Inside an area.
    Inside(&'a Area),
    /// Outside of it.
    Outside(&'a Area),
    /// Within a distance of a line, metres.
    Within(&'a LineIndex, f64),
    /// On side A of a course that is shared, or on side B if this is false.
    Side(Arc<Course>, bool),
    /// Within a distance of a course that is shared, metres.
    Near(Arc<Course>, f64),
    /// Where all of these hold; everywhere, if there are none.
    All(Vec<Region<'a>>),
    /// Where at least one of these holds; nowhere, if there are none.
    Any(Vec<Region<'a>>),
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

    /// A circle outside of which it certainly is not, of those known the smaller.
    pub(crate) fn circle(&self) -> (LonLat, f64) {
        self.cover().unwrap_or((self.middle(), self.reach_m()))
    }

    /// A narrow sector's circle that leaves out its sensor's surroundings.
    pub(crate) fn cover(&self) -> Option<(LonLat, f64)> {
        match self {
            Self::Even(sector) if !sector.is_point() => sector.ordered().cover(),
            _ => None,
        }
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

    /// P(in `region`), jointly. Within 0.01.
    ///
    /// Where the parts' own probabilities leave no more than 0.005 open, the lower bound; else one integral over all
    /// of them.
    pub fn probability(&self, region: &Region<'_>) -> f64 {
        let each = |parts: &[Region<'_>]| parts.iter().map(|part| self.probability(part)).collect::<Vec<f64>>();
        match region {
            Region::SideA(line) => self.side_a(line),
            Region::SideB(line) => 1.0 - self.side_a(line),
            Region::Inside(area) => self.in_area(area),
            Region::Outside(area) => 1.0 - self.in_area(area),
            Region::Within(line, distance_m) => self.within(line, *distance_m),
            Region::Side(course, is_a) => {
                let a = course.side_a(self);
                if *is_a { a } else { 1.0 - a }
            }
            Region::Near(course, distance_m) => course.within(self, *distance_m),
            Region::All(parts) => self.all(&each(parts), || region.clone()),
            Region::Any(parts) => self.any(&each(parts), || region.clone()),
        }
    }

    /// P(all of several), from the probability of each; `region` is asked for only where these do not tell.
    pub fn all<'a>(&self, each: &[f64], region: impl FnOnce() -> Region<'a>) -> f64 {
        let upper = each.iter().copied().fold(1.0, f64::min);
        let lower = (1.0 - each.iter().map(|p| 1.0 - p).sum::<f64>()).max(0.0);
        self.between(lower, upper, region)
    }

    /// P(at least one of several), likewise.
    pub fn any<'a>(&self, each: &[f64], region: impl FnOnce() -> Region<'a>) -> f64 {
        let lower = each.iter().copied().fold(0.0, f64::max);
        let upper = each.iter().sum::<f64>().min(1.0);
        self.between(lower, upper, region)
    }

    fn between<'a>(&self, lower: f64, upper: f64, region: impl FnOnce() -> Region<'a>) -> f64 {
        let is_point = match self {
            Self::Normal(ellipse) => ellipse.is_exact(),
            Self::Even(sector) => sector.is_point(),
        };
        // Two ways to sum the same may differ in the last bit.
        let lower = lower.min(upper);
        if is_point || upper - lower <= CLOSE { lower } else { self.joint(&region()).clamp(lower, upper) }
    }

    /// P(in `region`) by integration, of a spread that is no point.
    pub(super) fn joint(&self, region: &Region<'_>) -> f64 {
        let clear = self.clear_of(region);
        clear.scanned(region).unwrap_or_else(|| match &clear {
            Self::Normal(ellipse) => {
                quadrature::probability(&Normal::new(&ellipse.ordered()), |place| region.gap_m(place))
            }
            Self::Even(sector) => quadrature::probability(&sector.ordered(), |place| region.gap_m(place)),
        })
    }

    /// The same, moved off a boundary that its middle is so near to that stretches, which may miss its course, cannot
    /// tell the middle's side: by an eighth of a percent of its size.
    fn clear_of(&self, region: &Region<'_>) -> Self {
        let bend_m = match self {
            Self::Normal(ellipse) => BEND * ellipse.ordered().sigmas_m()[1],
            Self::Even(sector) => SECTOR_BEND * sector.ordered().range_max_m,
        };
        let middle = self.middle();
        if region.clearance_m(middle) > TOLD_FROM * bend_m {
            return *self;
        }
        let ways = (0..8).map(|eighth| destination(middle, 20.0 + 45.0 * f64::from(eighth), 1.25 * TOLD_FROM * bend_m));
        let best = ways.max_by(|a, b| region.clearance_m(*a).total_cmp(&region.clearance_m(*b))).unwrap_or(middle);
        match *self {
            Self::Normal(ellipse) => Self::Normal(Ellipse { middle: best, ..ellipse }),
            Self::Even(sector) => Self::Even(Sector { centre: best, ..sector }),
        }
    }

    fn scanned(&self, region: &Region<'_>) -> Option<f64> {
        match self {
            Self::Normal(ellipse) => {
                let ellipse = ellipse.ordered();
                let [along_m, across_m] = ellipse.sigmas_m();
                let around = Around::new(ellipse.middle, REACH * along_m, BEND * across_m);
                let part = around.part(region)?;
                let toward = region.foot(ellipse.middle).map_or([0.0; 2], |foot| around.plane.place_of(foot));
                Some(Fan::normal(&ellipse.axes(), toward).mass(&part))
            }
            Self::Even(sector) => {
                let sector = sector.ordered();
                let around = Around::new(sector.centre, sector.range_max_m, SECTOR_BEND * sector.range_max_m);
                Some(Fan::even(&sector).mass(&around.part(region)?))
            }
        }
    }
}

impl Region<'_> {
    /// Metres to the region's boundary or less, positive inside.
    fn gap_m(&self, place: LonLat) -> f64 {
        match self {
            Self::SideA(line) => side_gap_m(line, place),
            Self::SideB(line) => -side_gap_m(line, place),
            Self::Inside(area) => area.signed_m(place),
            Self::Outside(area) => -area.signed_m(place),
            Self::Within(line, distance_m) => distance_m - line.locate(place).distance_m,
            Self::Side(course, is_a) => course.region(*is_a).gap_m(place),
            Self::Near(course, distance_m) => distance_m - course.locate(place).distance_m,
            Self::All(parts) => parts.iter().map(|part| part.gap_m(place)).fold(f64::INFINITY, f64::min),
            Self::Any(parts) => parts.iter().map(|part| part.gap_m(place)).fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// Metres to the nearest boundary that has a side.
    fn clearance_m(&self, place: LonLat) -> f64 {
        match self {
            Self::Within(..) | Self::Near(..) => f64::INFINITY,
            Self::Side(course, is_a) => course.region(*is_a).clearance_m(place),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().map(|part| part.clearance_m(place)).fold(f64::INFINITY, f64::min)
            }
            _ => self.gap_m(place).abs(),
        }
    }

    /// The nearest point of the first boundary that it names.
    fn foot(&self, place: LonLat) -> Option<LonLat> {
        match self {
            Self::SideA(line) | Self::SideB(line) | Self::Within(line, _) => Some(line.locate(place).foot),
            Self::Inside(area) | Self::Outside(area) => Some(area.boundary().locate(place).foot),
            Self::Side(course, _) | Self::Near(course, _) => Some(course.locate(place).foot),
            Self::All(parts) | Self::Any(parts) => parts.iter().find_map(|part| part.foot(place)),
        }
    }
}

/// What lies around a position.
struct Around {
    middle: LonLat,
    plane: Plane,
    reach_m: f64,
    bend_m: f64,
}

impl Around {
    fn new(middle: LonLat, reach_m: f64, bend_m: f64) -> Self {
        Self { middle, plane: Plane::at(middle), reach_m, bend_m }
    }

    /// A region on the plane; `None` where that does not hold.
    fn part(&self, region: &Region<'_>) -> Option<Part> {
        let parts = |parts: &[Region<'_>]| parts.iter().map(|part| self.part(part)).collect::<Option<Vec<Part>>>();
        Some(match region {
            Region::SideA(line) => Part::Left(self.side(line, true)?),
            Region::SideB(line) => Part::Left(self.side(line, false)?),
            Region::Inside(area) => {
                let stretches = self.plane.stretches(area.boundary(), self.reach_m, self.bend_m)?.list;
                let windings = i32::try_from(area.windings(self.middle)).unwrap_or(i32::MAX);
                Part::Left(Left { stretches, windings: self.told(area.signed_m(self.middle), windings) })
            }
            Region::Outside(area) => {
                // What is inside of no polygon is left of all their boundaries run the other way.
                let list = self.plane.stretches(area.boundary(), self.reach_m, self.bend_m)?.list;
                let stretches = list.into_iter().map(Stretch::reversed).collect();
                let windings = i32::try_from(area.windings(self.middle)).unwrap_or(i32::MAX);
                Part::Left(Left { stretches, windings: self.told(area.signed_m(self.middle), 1 - windings) })
            }
            Region::Within(line, distance_m) => {
                let distance_m = distance_m.max(0.0);
                let near = self.plane.stretches(line, self.reach_m + distance_m, self.bend_m * BAND_BEND / BEND)?;
                let rays = near.rays;
                let mut list = near.list;
                list.truncate(list.len() - rays);
                // What the plane makes of the distance at its middle is known, and is taken off.
                let fix = line.locate(self.middle);
                let off_m = hypot(self.plane.place_of(fix.foot)) - fix.distance_m;
                Part::Within(list, (distance_m + off_m).max(0.0))
            }
            Region::Side(course, is_a) => self.part(&course.region(*is_a))?,
            Region::Near(course, distance_m) => self.part(&Region::Within(course.boundary(), *distance_m))?,
            Region::All(all) => Part::All(parts(all)?),
            Region::Any(any) => Part::Any(parts(any)?),
        })
    }

    fn side(&self, line: &LineIndex, is_a: bool) -> Option<Left> {
        let found = line.find(self.middle);
        let mut stretches: Vec<Stretch> = sides(line, self.middle, &found, self.reach_m, self.bend_m)?;
        if !divides(stretches.iter().copied(), self.reach_m) {
            return None;
        }
        if !is_a {
            stretches = stretches.into_iter().map(Stretch::reversed).collect();
        }
        let on_it = (found.fix.signed_m > 0.0) == is_a;
        Some(Left { stretches, windings: self.told(found.fix.signed_m.abs().min(found.margin_m), i32::from(on_it)) })
    }

    /// Where the middle is as near to a boundary as stretches may miss its course, they decide by themselves.
    fn told(&self, gap_m: f64, windings: i32) -> Option<i32> {
        (gap_m.abs() > TOLD_FROM * self.bend_m).then_some(windings)
    }
}

/// P(within a distance of a line that is `apart_m` away), where that is the band of one straight stretch; `None` elsewhere.
pub(super) fn straight_band(line: &LineIndex, distance_m: f64, ellipse: &Ellipse, apart_m: f64) -> Option<f64> {
    let [along_m, across_m] = ellipse.sigmas_m();
    let reach_m = REACH * along_m;
    let near = Plane::at(ellipse.middle).stretches(line, reach_m + distance_m, BAND_BEND * across_m)?;
    let [Stretch { from, to }] = near.list.as_slice() else { return None };
    let d = [to[0] - from[0], to[1] - from[1]];
    let length = hypot(d);
    let (first, last) = ((from[0] * d[0] + from[1] * d[1]) / length, (to[0] * d[0] + to[1] * d[1]) / length);
    // All that counts lies beside it.
    if !(first < -reach_m && last > reach_m) {
        return None;
    }
    let sigma_m = ellipse.axes().sigma_m([-d[1] / length, d[0] / length]);
    let below = |edge_m: f64| quadrature::normal_cdf((edge_m - apart_m) / sigma_m);
    Some((below(distance_m) - below(-distance_m)).clamp(0.0, 1.0))
}
