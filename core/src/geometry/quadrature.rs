//! Probability mass of a domain where a signed distance is positive, by cutting the domain into cells.
//!
//! A distance changes by no more than one moves. So a cell whose middle is farther from the boundary than the
//! cell reaches lies on one side of it; the others are cut until they are small, and then counted by the part
//! that a straight boundary leaves. Nothing is drawn at random: the same question has the same answer.

use super::geodesy::destination;
use super::{Ellipse, LonLat, Sector};

/// A cell in a domain's own two coordinates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    low: [f64; 2],
    high: [f64; 2],
}

impl Cell {
    fn middle(self) -> [f64; 2] {
        [f64::midpoint(self.low[0], self.high[0]), f64::midpoint(self.low[1], self.high[1])]
    }
}

/// A distribution of positions that can be cut into cells.
pub(super) trait Domain {
    /// The whole.
    fn whole(&self) -> Cell;
    /// Its probability.
    fn mass(&self, cell: Cell) -> f64;
    /// The position in its middle.
    fn position(&self, cell: Cell) -> LonLat;
    /// Lengths of its sides, metres.
    fn sides_m(&self, cell: Cell) -> [f64; 2];
    /// Greatest distance from its middle to a point of it, metres.
    fn reach_m(&self, cell: Cell) -> f64;
    /// Small enough to be counted by parts.
    fn is_fine(&self, cell: Cell, mass: f64) -> bool;
    /// Too large to trust that a boundary is met only where the distance says so.
    fn is_coarse(&self, cell: Cell) -> bool;
}

/// Mass where `gap_m` is positive; it gives metres to the boundary, positive inside.
pub(super) fn probability(domain: &impl Domain, gap_m: impl Fn(LonLat) -> f64) -> f64 {
    let mut inside = 0.0;
    let mut total = 0.0;
    let mut waiting = vec![domain.whole()];
    while let Some(cell) = waiting.pop() {
        let mass = domain.mass(cell);
        let sides = domain.sides_m(cell);
        if !domain.is_coarse(cell) {
            let gap = gap_m(domain.position(cell));
            let decided = gap.abs() >= domain.reach_m(cell);
            if decided || domain.is_fine(cell, mass) {
                total += mass;
                let width = (sides[0] * sides[1]).sqrt().max(f64::MIN_POSITIVE);
                inside +=
                    mass * if decided { f64::from(u8::from(gap > 0.0)) } else { (0.5 + gap / width).clamp(0.0, 1.0) };
                continue;
            }
        }
        let axis = usize::from(sides[1] > sides[0]);
        let (mut first, mut second) = (cell, cell);
        let at = cell.middle()[axis];
        first.high[axis] = at;
        second.low[axis] = at;
        waiting.push(first);
        waiting.push(second);
    }
    if total > 0.0 {
        (inside / total).clamp(0.0, 1.0)
    } else {
        // A domain so thin that its mass is rounded away is where its middle is.
        f64::from(u8::from(gap_m(domain.position(domain.whole())) > 0.0))
    }
}

/// A bivariate normal about a position; coordinates are standard deviations along and across its azimuth.
pub(super) struct Normal {
    centre: LonLat,
    sigmas_m: [f64; 2],
    azimuth_deg: f64,
}

/// The normal is cut off here, standard deviations: less than 2e-4 of it lies beyond.
const NORMAL_REACH: f64 = 4.2;

impl Normal {
    /// From its 95 % ellipse.
    pub(super) fn new(ellipse: &Ellipse) -> Self {
        Self { centre: ellipse.middle, sigmas_m: ellipse.sigmas_m(), azimuth_deg: ellipse.azimuth_deg }
    }
}

impl Domain for Normal {
    fn whole(&self) -> Cell {
        Cell { low: [-NORMAL_REACH; 2], high: [NORMAL_REACH; 2] }
    }

    fn mass(&self, cell: Cell) -> f64 {
        (normal_cdf(cell.high[0]) - normal_cdf(cell.low[0])) * (normal_cdf(cell.high[1]) - normal_cdf(cell.low[1]))
    }

    fn position(&self, cell: Cell) -> LonLat {
        let [along, across] = cell.middle();
        let (along_m, across_m) = (along * self.sigmas_m[0], across * self.sigmas_m[1]);
        let bearing_deg = self.azimuth_deg + across_m.atan2(along_m).to_degrees();
        destination(self.centre, bearing_deg, along_m.hypot(across_m))
    }

    fn sides_m(&self, cell: Cell) -> [f64; 2] {
        [(cell.high[0] - cell.low[0]) * self.sigmas_m[0], (cell.high[1] - cell.low[1]) * self.sigmas_m[1]]
    }

    fn reach_m(&self, cell: Cell) -> f64 {
        let [along, across] = self.sides_m(cell);
        along.hypot(across) / 2.0
    }

    fn is_fine(&self, cell: Cell, mass: f64) -> bool {
        mass < 2e-5 || cell.high[0] - cell.low[0] < 0.27 && cell.high[1] - cell.low[1] < 0.27
    }

    fn is_coarse(&self, cell: Cell) -> bool {
        cell.high[0] - cell.low[0] > 2.2 || cell.high[1] - cell.low[1] > 2.2
    }
}

impl Domain for Sector {
    /// Squared range, and degrees from the sector's edge.
    fn whole(&self) -> Cell {
        Cell {
            low: [self.range_min_m * self.range_min_m, 0.0],
            high: [self.range_max_m * self.range_max_m, self.width_deg],
        }
    }

    fn mass(&self, cell: Cell) -> f64 {
        (cell.high[0] - cell.low[0]) * (cell.high[1] - cell.low[1])
    }

    fn position(&self, cell: Cell) -> LonLat {
        let [square, turn] = cell.middle();
        destination(self.centre, self.bearing_deg - self.width_deg / 2.0 + turn, square.max(0.0).sqrt())
    }

    fn sides_m(&self, cell: Cell) -> [f64; 2] {
        let range = cell.middle()[0].sqrt();
        [cell.high[0].sqrt() - cell.low[0].sqrt(), (cell.high[1] - cell.low[1]).to_radians() * range]
    }

    fn reach_m(&self, cell: Cell) -> f64 {
        let range = cell.middle()[0].sqrt();
        let turn = ((cell.high[1] - cell.low[1]) / 2.0).to_radians().min(std::f64::consts::PI).cos();
        [cell.low[0].sqrt(), cell.high[0].sqrt()]
            .into_iter()
            .map(|other| (range * range + other * other - 2.0 * range * other * turn).max(0.0).sqrt())
            .fold(0.0, f64::max)
            // Nothing within a sector is farther than that, save by the Earth's curvature.
            * 1.001
    }

    fn is_fine(&self, _: Cell, mass: f64) -> bool {
        mass <= self.mass(self.whole()) / 500.0
    }

    fn is_coarse(&self, cell: Cell) -> bool {
        self.mass(cell) > self.mass(self.whole()) / 15.0
    }
}

/// Standard normal distribution function, within 1e-7 (Abramowitz and Stegun, 7.1.26).
pub(super) fn normal_cdf(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let poly =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let upper = 0.5 * poly * (-z * z).exp();
    if x >= 0.0 { 1.0 - upper } else { upper }
}
