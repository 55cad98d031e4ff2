//! Which part of a line is within a distance of a position, and where on the line a chainage is.

use super::geodesy::{Trig, dot, minus, wrap_deg};
use super::{LineIndex, LonLat};

/// Least radius of curvature of the ellipsoid, at the equator along the meridian, metres.
const LEAST_RADIUS_M: f64 = 6_335_439.3;
/// What two pieces that meet may be apart by in rounding, metres.
const MEET_M: f64 = 0.01;

impl LineIndex {
    /// The parts of the line that are surely within a geodesic distance of a position, as chainages from and to,
    /// ascending and apart.
    ///
    /// # Units
    /// Metres. At its ends a part may be too short by a metre at 300 km, by a millimetre below 30 km; it is never too
    /// long by more than a centimetre.
    pub fn chainages_within(&self, position: LonLat, radius_m: f64) -> Vec<(f64, f64)> {
        let query = Trig::at(position).ecef();
        // The shortest chord that a geodesic of this length may have.
        let half = (radius_m / (2.0 * LEAST_RADIUS_M)).min(std::f64::consts::FRAC_PI_2);
        let chord_m = 2.0 * LEAST_RADIUS_M * half.sin();
        let mut found = Vec::new();
        if chord_m.is_nan() || chord_m <= 0.0 {
            return found;
        }
        self.pieces_near(query, chord_m, |piece, _, _| {
            let reach_m = chord_m - piece.sag_m;
            let from = minus(piece.start, query);
            let (square, along) = (dot(piece.chord, piece.chord), dot(from, piece.chord));
            let root = along * along - square * (dot(from, from) - reach_m * reach_m);
            if reach_m <= 0.0 || square <= 0.0 || root < 0.0 {
                return true;
            }
            let (first, last) = ((-along - root.sqrt()) / square, (-along + root.sqrt()) / square);
            if last > 0.0 && first < 1.0 {
                let chainage = |part: f64| piece.chainage_m + piece.length_to(part.clamp(0.0, 1.0));
                found.push((chainage(first), chainage(last)));
            }
            true
        });
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut parts: Vec<(f64, f64)> = Vec::new();
        for (from, to) in found {
            match parts.last_mut() {
                Some(last) if from <= last.1 + MEET_M => last.1 = last.1.max(to),
                _ => parts.push((from, to)),
            }
        }
        parts
    }

    /// The places of these chainages, metres along the line; beyond an end the end.
    pub fn places_at(&self, chainages_m: &[f64]) -> Vec<LonLat> {
        let mut pieces: Vec<_> = self.pieces().iter().collect();
        pieces.sort_unstable_by_key(|piece| piece.order);
        let place = |chainage_m: &f64| {
            let after = pieces.partition_point(|piece| piece.chainage_m <= *chainage_m);
            let piece = pieces.get(after.saturating_sub(1))?;
            let length_m = piece.length_to(1.0);
            let part = if length_m > 0.0 { ((chainage_m - piece.chainage_m) / length_m).clamp(0.0, 1.0) } else { 0.0 };
            let (from, d_lon, d_lat) = self.edge(piece.edge)?;
            let t = piece.t + part * piece.dt;
            Some(LonLat { lon: wrap_deg(from.lon + t * d_lon), lat: from.lat + t * d_lat })
        };
        chainages_m.iter().filter_map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::distance_m;
    use proptest::prelude::*;

    fn line() -> impl Strategy<Value = LineIndex> {
        let vertex = (-0.4..0.4f64, -0.3..0.3f64);
        (prop::collection::vec(vertex, 3..8), -180.0..180.0f64, -75.0..75.0f64).prop_map(|(vertices, lon, lat)| {
            let at = |(x, y): (f64, f64)| LonLat { lon: wrap_deg(lon + x), lat: lat + y };
            LineIndex::new(vec![vertices.into_iter().map(at).collect()]).unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_within_is_within_and_what_is_not_is_not(
            line in line(),
            off in (-0.5..0.5f64, -0.4..0.4f64),
            radius_m in 100.0..60_000.0f64,
        ) {
            let start = line.parts()[0][0];
            let from = LonLat { lon: wrap_deg(start.lon + off.0), lat: start.lat + off.1 };
            let parts = line.chainages_within(from, radius_m);
            prop_assert!(parts.windows(2).all(|pair| pair[0].1 < pair[1].0), "{:?}", parts);
            let chainages: Vec<f64> = (0..=400).map(|n| line.length_m() * f64::from(n) / 400.0).collect();
            for (chainage, place) in chainages.iter().zip(line.places_at(&chainages)) {
                prop_assert!((line.locate(place).distance_m) < 0.001);
                let within = parts.iter().any(|(from, to)| from - MEET_M <= *chainage && *chainage <= to + MEET_M);
                let apart = distance_m(from, place);
                // Places by a chainage are good to some centimetres.
                if within {
                    prop_assert!(apart <= radius_m + 0.2, "{} at {} of {}", apart, chainage, radius_m);
                } else {
                    prop_assert!(apart >= radius_m - 0.4, "{} at {} of {}", apart, chainage, radius_m);
                }
            }
        }
    }

    #[test]
    fn a_position_far_off_reaches_nothing_and_one_near_by_all() {
        let line =
            LineIndex::new(vec![vec![LonLat { lon: 37.0, lat: 48.0 }, LonLat { lon: 38.0, lat: 48.0 }]]).unwrap();
        let at = LonLat { lon: 37.5, lat: 48.1 };
        assert!(line.chainages_within(at, 5_000.0).is_empty());
        assert!(line.chainages_within(at, 0.0).is_empty());
        let all = line.chainages_within(at, 100_000.0);
        assert!(all.len() == 1 && all[0].0 == 0.0 && (all[0].1 - line.length_m()).abs() < 1e-6, "{all:?}");
    }
}
