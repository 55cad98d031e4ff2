//! An area: polygons with holes, indexed for containment and boundary distance.

use super::frame_tree::{Frame, frame_around};
use super::rings::{Rings, signed_square_m};
use super::{LineFix, LineIndex, LonLat, ShapeFault};

/// One or more polygons; each polygon is its outer ring and then its holes. Rings are closed.
///
/// Either winding is accepted. Edges are straight in longitude and latitude, and containment is exact in them;
/// the boundary counts as inside. Polygons may cross the antimeridian and go around a pole.
#[derive(Clone, Debug)]
pub struct Area {
    polygons: Vec<Vec<Vec<LonLat>>>,
    rings: Vec<Rings>,
    /// All rings, the inside to their left.
    boundary: LineIndex,
    square_m: f64,
}

impl Area {
    /// Indexes an area.
    pub fn new(polygons: Vec<Vec<Vec<LonLat>>>) -> Result<Self, ShapeFault> {
        let fault = |place: String, message: &str| Err(ShapeFault { place, message: message.to_owned() });
        if polygons.is_empty() {
            return fault("area".to_owned(), "has no polygon; give it at least one ring");
        }
        let mut boundary = Vec::new();
        let mut square_m = 0.0;
        for (polygon, rings) in polygons.iter().enumerate() {
            if rings.is_empty() {
                return fault(format!("polygon {polygon}"), "has no ring; give it an outer ring");
            }
            for (number, ring) in rings.iter().enumerate() {
                let place = || format!("polygon {polygon}, ring {number}");
                if ring.len() < 4 {
                    return fault(place(), "needs at least four positions, the last like the first");
                }
                if ring.first() != ring.last() {
                    return fault(place(), "is not closed; repeat its first position at its end");
                }
                let signed = signed_square_m(ring);
                if signed == 0.0 || !signed.is_finite() {
                    return fault(place(), "encloses nothing; give it at least three positions not on one line");
                }
                let shell = number == 0;
                square_m += if shell { signed.abs() } else { -signed.abs() };
                let mut part = ring.clone();
                if (signed > 0.0) != shell {
                    part.reverse();
                }
                boundary.push(part);
            }
        }
        let rings = polygons.iter().map(|polygon| Rings::new(polygon)).collect();
        Ok(Self { rings, boundary: LineIndex::new(boundary)?, polygons, square_m })
    }

    /// The rings, polygon by polygon.
    pub fn polygons(&self) -> &[Vec<Vec<LonLat>>] {
        &self.polygons
    }

    /// Whether `position` is inside.
    pub fn contains(&self, position: LonLat) -> bool {
        self.rings.iter().any(|rings| rings.contains(position))
    }

    /// Its box in degrees.
    pub(super) fn frame_deg(&self) -> Frame {
        frame_around(self.rings.iter().map(Rings::frame_deg))
    }

    /// How many of the polygons hold `position`: one at most where they do not overlap.
    pub(super) fn windings(&self, position: LonLat) -> u32 {
        self.rings.iter().map(|rings| u32::from(rings.contains(position))).sum()
    }

    /// Geodesic distance to the nearest boundary, metres: positive inside, negative outside.
    pub fn signed_m(&self, position: LonLat) -> f64 {
        let distance_m = self.boundary.locate(position).distance_m;
        if self.contains(position) { distance_m } else { -distance_m }
    }

    /// Where `position` is against the boundary: its rings one after another, each with the inside to its left.
    ///
    /// The sign is that of [`Self::signed_m`], so that inside is side A.
    pub fn locate(&self, position: LonLat) -> LineFix {
        let mut fix = self.boundary.locate(position);
        if fix.signed_m != 0.0 {
            fix.signed_m = if self.contains(position) { fix.distance_m } else { -fix.distance_m };
        }
        fix
    }

    /// The boundary as a line: ring by ring, each with the inside to its left.
    pub fn boundary(&self) -> &LineIndex {
        &self.boundary
    }

    /// Area in square metres on the ellipsoid, holes taken off, within 1 part in a million.
    pub fn square_m(&self) -> f64 {
        self.square_m
    }
}
