//! A directed line, indexed for nearest-point queries.

use super::{LonLat, ShapeFault};

/// Where a position is against a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LineFix {
    /// Geodesic distance to the foot, metres, never negative.
    pub distance_m: f64,
    /// `distance_m`, positive on side A (left of travel), negative on side B; 0 within a micrometre of the line.
    pub signed_m: f64,
    /// Nearest point of the line.
    pub foot: LonLat,
    /// Length along the line from its start to the foot; parts of a multi-part line count one after another.
    pub chainage_m: f64,
    /// Which edge the foot is on, counted over all parts.
    pub edge: usize,
    /// The query lies past an end of the line: -1 before the start, 1 after the end, else 0.
    pub beyond_end: i8,
}

/// A directed line of one or more parts.
#[derive(Clone, Debug)]
pub struct LineIndex {
    parts: Vec<Vec<LonLat>>,
}

impl LineIndex {
    /// Indexes a line. Each part needs at least two different positions.
    pub fn new(parts: Vec<Vec<LonLat>>) -> Result<Self, ShapeFault> {
        Ok(Self { parts })
    }

    /// The vertices, part by part.
    pub fn parts(&self) -> &[Vec<LonLat>] {
        &self.parts
    }

    /// Length in metres along the edges.
    pub fn length_m(&self) -> f64 {
        todo!()
    }

    /// Where `position` is against this line.
    pub fn locate(&self, position: LonLat) -> LineFix {
        let _ = position;
        todo!()
    }
}
