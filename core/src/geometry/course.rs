//! What divides side A from side B: a line, or the boundary of a control area.

use super::{Area, Ellipse, LineFix, LineIndex, LonLat, Region, Shape, ShapeFault, Spread};

/// A line with a left and a right, or an area with an inside and an outside.
#[derive(Clone, Debug)]
pub enum Course {
    /// Side A is to the left of travel.
    Line(LineIndex),
    /// Side A is inside.
    Area(Area),
}

impl Course {
    /// Indexes what a GeoJSON text holds.
    ///
    /// # Errors
    /// The first part or ring that cannot be indexed.
    pub fn new(shape: Shape) -> Result<Self, ShapeFault> {
        match shape {
            Shape::Line(parts) => LineIndex::new(parts).map(Self::Line),
            Shape::Area(polygons) => Area::new(polygons).map(Self::Area),
        }
    }

    /// Where `position` is against it; of an area's boundary the rings count one after another, inside to the left.
    pub fn locate(&self, position: LonLat) -> LineFix {
        match self {
            Self::Line(line) => line.locate(position),
            Self::Area(area) => area.locate(position),
        }
    }

    /// The line itself, or the area's boundary with the inside to its left: what distances are to.
    pub fn boundary(&self) -> &LineIndex {
        match self {
            Self::Line(line) => line,
            Self::Area(area) => area.boundary(),
        }
    }

    /// The area, if it is one.
    pub fn area(&self) -> Option<&Area> {
        match self {
            Self::Line(_) => None,
            Self::Area(area) => Some(area),
        }
    }

    /// P(on side A), within 0.01; of a place that is exactly known and on the line or boundary 0.5.
    pub fn side_a(&self, spread: &Spread) -> f64 {
        match (self, spread) {
            (Self::Line(line), _) => spread.side_a(line),
            (Self::Area(area), Spread::Normal(Ellipse { middle, semi_major_m, .. }))
                if !semi_major_m.is_normal() && area.locate(*middle).signed_m == 0.0 =>
            {
                0.5
            }
            (Self::Area(area), _) => spread.in_area(area),
        }
    }

    /// Its side A, or its side B, as a region.
    pub(super) fn region(&self, is_a: bool) -> Region<'_> {
        match (self, is_a) {
            (Self::Line(line), true) => Region::SideA(line),
            (Self::Line(line), false) => Region::SideB(line),
            (Self::Area(area), true) => Region::Inside(area),
            (Self::Area(area), false) => Region::Outside(area),
        }
    }

    /// P(within `distance_m` of the line or boundary), within 0.01.
    pub fn within(&self, spread: &Spread, distance_m: f64) -> f64 {
        spread.within(self.boundary(), distance_m)
    }
}
