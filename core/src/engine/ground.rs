//! Short distances and steps over the ground, where the line's exactness is not needed.

use crate::geometry::LonLat;

/// Semi-major axis of WGS84, metres.
const A: f64 = 6_378_137.0;
/// First eccentricity squared of WGS84.
const E2: f64 = 6.694_379_990_141_316e-3;

/// Radii of curvature at a latitude, metres: meridian and prime vertical.
fn radii(lat_deg: f64) -> (f64, f64) {
    let w2 = 1.0 - E2 * lat_deg.to_radians().sin().powi(2);
    let prime = A / w2.sqrt();
    (prime * (1.0 - E2) / w2, prime)
}

/// Distance over the ellipsoid from the chord, metres; within 1e-5 of it below 300 km.
pub(super) fn distance_m(a: LonLat, b: LonLat) -> f64 {
    let chord = ecef(a).iter().zip(ecef(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let (meridian, prime) = radii(f64::midpoint(a.lat, b.lat));
    let radius = (meridian * prime).sqrt();
    2.0 * radius * (chord / (2.0 * radius)).min(1.0).asin()
}

fn ecef(position: LonLat) -> [f64; 3] {
    let (sin_lat, cos_lat) = position.lat.to_radians().sin_cos();
    let (sin_lon, cos_lon) = position.lon.to_radians().sin_cos();
    let (_, prime) = radii(position.lat);
    [prime * cos_lat * cos_lon, prime * cos_lat * sin_lon, prime * (1.0 - E2) * sin_lat]
}

/// The position `range_m` away at `bearing_deg` from true north; within 0.1 % of the range below 50 km.
pub(super) fn step(from: LonLat, bearing_deg: f64, range_m: f64) -> LonLat {
    let (east, north) = bearing_deg.to_radians().sin_cos();
    let (meridian, _) = radii(from.lat);
    let lat = (from.lat + (range_m * north / meridian).to_degrees()).clamp(-89.999, 89.999);
    let middle = f64::midpoint(from.lat, lat);
    let (_, prime) = radii(middle);
    let lon = from.lon + (range_m * east / (prime * middle.to_radians().cos())).to_degrees();
    LonLat { lon: (lon + 540.0).rem_euclid(360.0) - 180.0, lat }
}

/// The position a part of the way from `a` to `b`, the longitude step taken the short way.
pub(super) fn between(a: LonLat, b: LonLat, part: f64) -> LonLat {
    let dlon = (b.lon - a.lon + 540.0).rem_euclid(360.0) - 180.0;
    let lon = (a.lon + dlon * part + 540.0).rem_euclid(360.0) - 180.0;
    LonLat { lon, lat: a.lat + (b.lat - a.lat) * part }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geographiclib_rs::{Geodesic, InverseGeodesic};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_step_and_a_distance_agree_with_the_geodesic(
            lon in -180.0..180.0f64, lat in -70.0..70.0f64, bearing in 0.0..360.0f64, range in 1.0..50_000.0f64,
        ) {
            let from = LonLat { lon, lat };
            let to = step(from, bearing, range);
            let exact: f64 = Geodesic::wgs84().inverse(from.lat, from.lon, to.lat, to.lon);
            prop_assert!((distance_m(from, to) - exact).abs() <= 0.000_01 * exact + 0.001);
            prop_assert!((exact - range).abs() <= 0.002 * range, "{} {}", exact, range);
        }
    }

    #[test]
    fn halfway_over_the_antimeridian_is_near_it() {
        let half = between(LonLat { lon: 179.9, lat: 0.0 }, LonLat { lon: -179.9, lat: 0.2 }, 0.5);
        assert!((half.lon.abs() - 180.0).abs() < 1e-9 && (half.lat - 0.1).abs() < 1e-12);
    }
}
