//! A place from a bearing and a range, each with its error, seen from a place with an error of its own.

use super::record::Stand;
use crate::alert::PlaceExtent;
use crate::geometry::{Ellipse, SIGMAS_95, destination};

/// Half the width of a 95 % interval when two of them must hold at once, in standard deviations: 97.5 % each.
const SIGMAS_OF_TWO: f64 = 2.2414;
/// An ellipse stands for the bent cloud while the bend is at most this part of the range's error. The part of the
/// bend that is then left over, the cloud's skewness, moves a probability by less than 0.01.
const STRAIGHT: f64 = 0.25;

/// What a radar tells of an object.
pub(super) struct Polar {
    pub(super) bearing_deg: f64,
    pub(super) bearing_sd_deg: f64,
    pub(super) range_m: f64,
    pub(super) range_sd_m: f64,
}

impl Polar {
    /// The ellipse, or the sector where the bearing is too vague for one.
    ///
    /// A circle with the ellipse's longer axis would do for caution alone; but a radar's range is often ten times
    /// better than its bearing is across, and then the circle calls `undetermined` what is well known.
    pub(super) fn extent(&self, stand: Stand) -> PlaceExtent {
        let sd = self.bearing_sd_deg.to_radians();
        if self.range_m * sd * sd / 2.0 <= STRAIGHT * self.range_sd_m {
            self.ellipse(stand, sd)
        } else {
            self.sector(stand, sd)
        }
    }

    /// Middle and axes have the first two moments of the true cloud.
    ///
    /// # References
    /// Lerro and Bar-Shalom, Tracking with debiased consistent converted measurements versus EKF (1993), here with
    /// the mean and covariance given the measurement.
    fn ellipse(&self, stand: Stand, sd: f64) -> PlaceExtent {
        let (range, variance) = (self.range_m, self.range_sd_m * self.range_sd_m);
        let square = range * range + variance;
        // With d normal of this deviation: E cos d, E cos² d, E sin² d.
        let (cos, double) = ((-sd * sd / 2.0).exp(), (-2.0 * sd * sd).exp());
        let along = (square * (1.0 + double) / 2.0 - range * range * cos * cos).max(0.0).sqrt();
        let across = (square * (1.0 - double) / 2.0).max(0.0).sqrt();
        let own = Ellipse {
            middle: destination(stand.position, self.bearing_deg, range * cos),
            semi_major_m: SIGMAS_95 * along.max(across),
            semi_minor_m: SIGMAS_95 * along.min(across),
            azimuth_deg: if along >= across { self.bearing_deg } else { self.bearing_deg + 90.0 },
        };
        let Ellipse { middle, semi_major_m, semi_minor_m, azimuth_deg } = own.plus_circle(stand.hacc_m);
        PlaceExtent::Ellipse {
            position: middle,
            semi_major_m,
            semi_minor_m,
            azimuth_deg: azimuth_deg.rem_euclid(180.0),
        }
    }

    /// Both errors are widened by the sensor's own.
    fn sector(&self, stand: Stand, sd: f64) -> PlaceExtent {
        let own_sd_m = stand.hacc_m / SIGMAS_95;
        let reach_m = SIGMAS_OF_TWO * self.range_sd_m.hypot(own_sd_m);
        let turn = if self.range_m > 0.0 { own_sd_m / self.range_m } else { std::f64::consts::PI };
        PlaceExtent::Sector {
            position: stand.position,
            bearing_deg: self.bearing_deg,
            width_deg: (2.0 * SIGMAS_OF_TWO * sd.hypot(turn).to_degrees()).min(360.0),
            range_min_m: (self.range_m - reach_m).max(0.0),
            range_max_m: self.range_m + reach_m,
        }
    }
}

/// A position with the radius that covers a place, where there is one: of what is only somewhere around a sensor
/// there is none.
pub(super) fn covering(extent: PlaceExtent) -> Option<Stand> {
    match extent {
        PlaceExtent::Point { position, hacc_m } => Some(Stand { position, hacc_m }),
        PlaceExtent::Ellipse { position, semi_major_m, .. } => Some(Stand { position, hacc_m: semi_major_m }),
        PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m, range_max_m } if range_min_m > 0.0 => {
            let middle_m = f64::midpoint(range_min_m, range_max_m);
            let half = (width_deg / 2.0).min(180.0).to_radians();
            let corner = |range: f64| {
                (middle_m * middle_m + range * range - 2.0 * middle_m * range * half.cos()).max(0.0).sqrt()
            };
            let hacc_m = corner(range_min_m).max(corner(range_max_m)).max((range_max_m - range_min_m) / 2.0);
            Some(Stand { position: destination(position, bearing_deg, middle_m), hacc_m })
        }
        PlaceExtent::Disc { .. } | PlaceExtent::Sector { .. } => None,
    }
}
