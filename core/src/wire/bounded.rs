//! Numbers that the contract allows and the Earth does not.
//!
//! The contract sets no upper end to accuracies, ranges and the like, so a reading with a range of
//! 1e300 m is accepted and kept as sent. Whoever computes with it takes the bounded one: no product of
//! its numbers overflows, and no place is larger than the Earth.

use super::{Data, ObjectPlace, Reading};

/// Half the Earth's circumference in metres: no two places are farther apart.
pub const MAX_DISTANCE_M: f64 = 20_003_932.0;
/// A bearing's standard deviation beyond which it says nothing.
const MAX_BEARING_SD_DEG: f64 = 360.0;
/// Largest calibre, height, speed and the like that is computed with.
const MAX_MEASURE: f64 = 1e6;

fn at_most(value: &mut Option<f64>, greatest: f64) {
    if let Some(value) = value {
        *value = value.clamp(-greatest, greatest);
    }
}

impl Reading {
    /// The reading with every open-ended number within what the Earth allows.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if let Some(position) = &mut self.position {
            at_most(&mut position.hacc_m, MAX_DISTANCE_M);
            at_most(&mut position.alt_m, MAX_MEASURE);
        }
        match &mut self.data {
            Data::AcousticDetection(detection) | Data::SeismicDetection(detection) => {
                at_most(&mut detection.bearing_sd_deg, MAX_BEARING_SD_DEG);
                at_most(&mut detection.snr_db, MAX_MEASURE);
            }
            Data::ObjectTrack(track) => {
                place(&mut track.place);
                at_most(&mut track.calibre_mm, MAX_MEASURE);
                at_most(&mut track.speed_mps, MAX_MEASURE);
            }
            Data::UavDetection(uav) => {
                place(&mut uav.place);
                at_most(&mut uav.alt_agl_m, MAX_MEASURE);
                at_most(&mut uav.speed_mps, MAX_MEASURE);
            }
            Data::Health(health) => at_most(&mut health.shock_g, MAX_MEASURE),
            Data::PatrolReport(report) => {
                at_most(&mut report.range_min_m, MAX_DISTANCE_M);
                at_most(&mut report.range_max_m, MAX_DISTANCE_M);
                if let Some(weapon) = &mut report.weapon {
                    at_most(&mut weapon.calibre_mm, MAX_MEASURE);
                }
            }
            Data::HazardReport(report) => {
                at_most(&mut report.range_min_m, MAX_DISTANCE_M);
                at_most(&mut report.range_max_m, MAX_DISTANCE_M);
                if let Some(position) = &mut report.position {
                    at_most(&mut position.hacc_m, MAX_DISTANCE_M);
                }
            }
            Data::GnssStatus(_) | Data::Weather(_) | Data::AccessReport(_) | Data::SiteInspection(_) => {}
        }
        self
    }
}

fn place(place: &mut ObjectPlace) {
    at_most(&mut place.bearing_sd_deg, MAX_BEARING_SD_DEG);
    at_most(&mut place.range_m, MAX_DISTANCE_M);
    at_most(&mut place.range_sd_m, MAX_DISTANCE_M);
    if let Some(position) = &mut place.position {
        at_most(&mut position.hacc_m, MAX_DISTANCE_M);
    }
}
