//! An event's ellipse: a bivariate normal about a position.

use super::{LonLat, SIGMAS_95};

/// Greater semi-axes are taken as this one, metres.
const LIMIT_M: f64 = 2_000_000.0;
/// Thinner ellipses are taken as of this ratio: what is thinner is a line for every purpose here.
const THINNEST: f64 = 1e-3;

/// A position that is bivariate normal, told by the ellipse that holds it with 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ellipse {
    /// The middle.
    pub middle: LonLat,
    /// Longer semi-axis of the 95 % ellipse, metres. 0 means exactly known.
    pub semi_major_m: f64,
    /// Shorter semi-axis, metres.
    pub semi_minor_m: f64,
    /// Direction of the longer axis, degrees from true north.
    pub azimuth_deg: f64,
}

impl Ellipse {
    /// A round one, from its 95 % radius.
    pub const fn circle(middle: LonLat, hacc_m: f64) -> Self {
        Self { middle, semi_major_m: hacc_m, semi_minor_m: hacc_m, azimuth_deg: 0.0 }
    }

    /// The same after an independent error of 95 % radius `hacc_m` is added: covariances add, and a round one turns
    /// no axis.
    #[must_use]
    pub fn plus_circle(self, hacc_m: f64) -> Self {
        let hacc_m = if hacc_m > 0.0 { hacc_m } else { 0.0 };
        Self { semi_major_m: self.semi_major_m.hypot(hacc_m), semi_minor_m: self.semi_minor_m.hypot(hacc_m), ..self }
    }

    /// Half the width of its 95 % interval along a direction, metres: the radius of a round one.
    pub fn reach_m(&self, bearing_deg: f64) -> f64 {
        let (sin, cos) = (bearing_deg - self.azimuth_deg).to_radians().sin_cos();
        (self.semi_major_m * cos).hypot(self.semi_minor_m * sin)
    }

    /// Its standard deviations in metres along and across its azimuth, as [`Self::ordered`] makes them.
    pub(super) fn sigmas_m(&self) -> [f64; 2] {
        [self.semi_major_m / SIGMAS_95, self.semi_minor_m / SIGMAS_95]
    }

    pub(super) fn axes(&self) -> Axes {
        let (sin, cos) = self.azimuth_deg.to_radians().sin_cos();
        Axes { sin, cos, sigmas_m: self.sigmas_m() }
    }

    /// 0, or not a length at all.
    pub(super) fn is_exact(&self) -> bool {
        !(self.semi_major_m > 0.0 || self.semi_minor_m > 0.0)
    }

    /// The same with every value in its range and the longer axis first.
    pub(super) fn ordered(&self) -> Self {
        let axis = |length: f64| if length > 0.0 { length.min(LIMIT_M) } else { 0.0 };
        let (first, second) = (axis(self.semi_major_m), axis(self.semi_minor_m));
        let azimuth_deg = if self.azimuth_deg.is_finite() { self.azimuth_deg } else { 0.0 };
        let longer = first.max(second);
        Self {
            middle: self.middle,
            semi_major_m: longer,
            semi_minor_m: first.min(second).max(longer * THINNEST),
            azimuth_deg: if first >= second { azimuth_deg } else { azimuth_deg + 90.0 },
        }
    }
}

/// Turns metres east and north into standard deviations along an ellipse's azimuth and to its left, and back. Left
/// stays left.
pub(super) struct Axes {
    sin: f64,
    cos: f64,
    sigmas_m: [f64; 2],
}

impl Axes {
    pub(super) fn to_sigmas(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [(x * self.sin + y * self.cos) / self.sigmas_m[0], (y * self.sin - x * self.cos) / self.sigmas_m[1]]
    }

    pub(super) fn to_metres(&self, [along, left]: [f64; 2]) -> [f64; 2] {
        let (along_m, left_m) = (along * self.sigmas_m[0], left * self.sigmas_m[1]);
        [along_m * self.sin - left_m * self.cos, along_m * self.cos + left_m * self.sin]
    }

    /// The covector whose product with metres is the same as `sigmas`' product with standard deviations.
    pub(super) fn covector(&self, [along, left]: [f64; 2]) -> [f64; 2] {
        let (along, left) = (along / self.sigmas_m[0], left / self.sigmas_m[1]);
        [along * self.sin - left * self.cos, along * self.cos + left * self.sin]
    }

    /// Standard deviation in metres along a direction of length 1.
    pub(super) fn sigma_m(&self, [x, y]: [f64; 2]) -> f64 {
        ((x * self.sin + y * self.cos) * self.sigmas_m[0]).hypot((y * self.sin - x * self.cos) * self.sigmas_m[1])
    }
}
