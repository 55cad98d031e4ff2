//! An area: polygons with holes, indexed for containment and boundary distance.

use super::{LonLat, ShapeFault};

/// One or more polygons; each polygon is its outer ring and then its holes. Rings are closed.
#[derive(Clone, Debug)]
pub struct Area {
    polygons: Vec<Vec<Vec<LonLat>>>,
}

impl Area {
    /// Indexes an area.
    pub fn new(polygons: Vec<Vec<Vec<LonLat>>>) -> Result<Self, ShapeFault> {
        Ok(Self { polygons })
    }

    /// The rings, polygon by polygon.
    pub fn polygons(&self) -> &[Vec<Vec<LonLat>>] {
        &self.polygons
    }

    /// Whether `position` is inside.
    pub fn contains(&self, position: LonLat) -> bool {
        let _ = position;
        todo!()
    }

    /// Geodesic distance to the nearest boundary, metres: positive inside, negative outside.
    pub fn signed_m(&self, position: LonLat) -> f64 {
        let _ = position;
        todo!()
    }

    /// Area in square metres.
    pub fn square_m(&self) -> f64 {
        todo!()
    }
}
