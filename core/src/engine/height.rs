//! A height above ground with its error.

use super::located::SIGMAS_95_ONE_AXIS;

/// 95 % error of a height whose sensor tells none, metres: what a barometer or a GNSS receiver on board
/// keeps to. The wire has no field for it.
pub const HEIGHT_ERROR_M: f64 = 10.0;

/// A height above ground.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Height {
    /// Metres.
    pub(super) alt_agl_m: f64,
    /// 95 % error, metres.
    pub(super) error_m: f64,
}

impl Height {
    /// A height as a sensor tells it; one that measures angles knows an elevation no better than a bearing,
    /// so that at a range (metres) the bearing's standard deviation (degrees) bounds it.
    pub(super) fn told(alt_agl_m: f64, range_m: Option<f64>, bearing_sd_deg: Option<f64>) -> Self {
        let across_m = range_m.zip(bearing_sd_deg).map_or(0.0, |(range_m, sd_deg)| range_m * sd_deg.to_radians());
        Self { alt_agl_m, error_m: HEIGHT_ERROR_M.max(SIGMAS_95_ONE_AXIS * across_m) }
    }

    /// Whether it is at most `max_m`, its error included.
    pub(super) fn surely_up_to(self, max_m: f64) -> bool {
        self.alt_agl_m + self.error_m <= max_m
    }

    /// P(from `min_m` to `max_m`), its error normally distributed; a bound that is absent is none.
    pub(super) fn probability_within(self, min_m: Option<f64>, max_m: Option<f64>) -> f64 {
        let sd_m = self.error_m / SIGMAS_95_ONE_AXIS;
        let below = |bound_m: f64| below((bound_m - self.alt_agl_m) / sd_m);
        (max_m.map_or(1.0, below) - min_m.map_or(0.0, below)).clamp(0.0, 1.0)
    }
}

/// P(a standard normal variable is below `z`), within 1e-7.
///
/// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26, for erf(z / sqrt 2).
pub(super) fn below(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let beyond = polynomial * (-x * x).exp() / 2.0;
    if z > 0.0 { 1.0 - beyond } else { beyond }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_that_of_the_tables() {
        for (z, told) in [(-3.0, 0.001_350), (-1.959_964, 0.025), (0.0, 0.5), (1.0, 0.841_345), (2.326_348, 0.99)] {
            assert!((below(z) - told).abs() < 1e-6, "{z}: {}", below(z));
        }
    }

    #[test]
    fn a_height_is_within_bounds_as_probably_as_its_error_says() {
        let height = Height::told(100.0, None, None);
        let within = |min, max| height.probability_within(min, max);
        assert!((within(None, Some(100.0)) - 0.5).abs() < 1e-6 && (within(Some(110.0), None) - 0.025).abs() < 1e-3);
        assert_eq!(within(None, None), 1.0);
        assert!((within(Some(90.0), Some(110.0)) - 0.95).abs() < 1e-3);
        assert!(height.surely_up_to(110.0) && !height.surely_up_to(109.0));
    }

    #[test]
    fn far_off_the_bearings_error_is_the_heights() {
        let height = Height::told(100.0, Some(5_000.0), Some(1.0));
        assert!((height.error_m - 171.0).abs() < 1.0, "{height:?}");
        assert_eq!(Height::told(100.0, Some(50.0), Some(1.0)).error_m, HEIGHT_ERROR_M);
    }
}
