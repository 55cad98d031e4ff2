//! A step along the straight line between two positions in longitude and latitude.

use crate::geometry::LonLat;

/// The position a part of the way from `a` to `b`, the longitude step taken the short way.
pub(super) fn between(a: LonLat, b: LonLat, part: f64) -> LonLat {
    let dlon = (b.lon - a.lon + 540.0).rem_euclid(360.0) - 180.0;
    let lon = (a.lon + dlon * part + 540.0).rem_euclid(360.0) - 180.0;
    LonLat { lon, lat: a.lat + (b.lat - a.lat) * part }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halfway_over_the_antimeridian_is_near_it() {
        let half = between(LonLat { lon: 179.9, lat: 0.0 }, LonLat { lon: -179.9, lat: 0.2 }, 0.5);
        assert!((half.lon.abs() - 180.0).abs() < 1e-9 && (half.lat - 0.1).abs() < 1e-12);
    }
}
