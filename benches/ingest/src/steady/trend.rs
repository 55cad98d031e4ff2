//! Whether something grows: a line of least squares through the second half, when all that is made once has been made.

/// What was seen at one moment of a soak.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub at_s: f64,
    pub rss_mb: f64,
    pub handles: f64,
    /// Of the readings that were done since the last sample.
    pub p99_ms: f64,
    pub done: u64,
}

pub struct Trend {
    pub words: String,
    pub is_flat: bool,
}

/// Memory, handles and latency; none is flat with fewer than 8 samples.
pub fn trends(samples: &[Sample]) -> Vec<Trend> {
    let half = samples.get(samples.len() / 2..).unwrap_or_default();
    let over = |name: &str, unit: &str, of: fn(&Sample) -> f64, part: f64, least: f64| {
        let points: Vec<_> = half.iter().map(|sample| (sample.at_s, of(sample))).collect();
        let growth = growth(&points);
        let middle = points.iter().map(|(_, value)| value).sum::<f64>() / points.len().max(1) as f64;
        let most = (middle * part).max(least);
        Trend {
            words: format!(
                "{name} {middle:.0} {unit}, {growth:+.1} over the second half of {} samples, limit {most:+.1}",
                samples.len()
            ),
            is_flat: samples.len() >= 8 && growth <= most,
        }
    };
    vec![
        over("memory", "MB", |sample| sample.rss_mb, 0.05, 8.0),
        over("file handles", "open", |sample| sample.handles, 0.0, 2.0),
        over("latency p99", "ms", |sample| sample.p99_ms, 0.3, 50.0),
    ]
}

/// How much the line through the points rises from the first to the last of them.
fn growth(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (mut across, mut along) = (0.0, 0.0);
    for (x, y) in points {
        across += (x - mean_x) * (y - mean_y);
        along += (x - mean_x) * (x - mean_x);
    }
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return 0.0 };
    if along > 0.0 { across / along * (last.0 - first.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soak(of: impl Fn(f64) -> Sample) -> Vec<bool> {
        let samples: Vec<_> = (0..40).map(|at| of(f64::from(at) * 5.0)).collect();
        trends(&samples).iter().map(|trend| trend.is_flat).collect()
    }

    const FLAT: Sample = Sample { at_s: 0.0, rss_mb: 100.0, handles: 40.0, p99_ms: 60.0, done: 0 };

    #[test]
    fn what_grows_only_at_first_is_flat_and_what_goes_on_growing_is_not() {
        assert_eq!(soak(|at_s| Sample { at_s, rss_mb: 100.0 + at_s.min(90.0), ..FLAT }), [true, true, true]);
        assert_eq!(soak(|at_s| Sample { at_s, rss_mb: 100.0 + at_s, ..FLAT }), [false, true, true]);
        assert_eq!(soak(|at_s| Sample { at_s, handles: 40.0 + (at_s / 20.0).floor(), ..FLAT }), [true, false, true]);
        assert_eq!(soak(|at_s| Sample { at_s, p99_ms: 60.0 + at_s, ..FLAT }), [true, true, false]);
    }

    #[test]
    fn a_run_too_short_to_tell_is_not_called_flat() {
        assert!(trends(&[FLAT; 7]).iter().all(|trend| !trend.is_flat));
    }
}
