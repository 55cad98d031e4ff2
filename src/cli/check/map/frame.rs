//! Where on the sheet a position is.

use truceline_core::geometry::LonLat;

/// Metres in one degree of latitude, on a sphere: a drawing needs no more.
const DEGREE_M: f64 = 111_195.0;

/// A point of the sheet in pixels, from its upper left.
pub(super) type Point = (f64, f64);

/// Round degrees, each with its pixel.
type Marks = Vec<(f64, f64)>;

/// A plate carrée about the middle latitude, scaled into a box.
pub(super) struct Frame {
    middle_lon: f64,
    middle_lat: f64,
    stretch: f64,
    per_degree: f64,
    /// Left, top, width and height of the box in pixels.
    pub area: (f64, f64, f64, f64),
}

impl Frame {
    /// A frame that holds all `positions` with `margin_m` around them, at (`left`, `top`) and within the greatest size.
    pub(super) fn new(positions: &[LonLat], margin_m: f64, (left, top): Point, (max_width, max_height): Point) -> Self {
        let first = positions.first().copied().unwrap_or(LonLat { lon: 0.0, lat: 0.0 });
        let (mut west, mut east, mut south, mut north) = (0.0_f64, 0.0_f64, first.lat, first.lat);
        for position in positions {
            let step = short_way(position.lon - first.lon);
            (west, east) = (west.min(step), east.max(step));
            (south, north) = (south.min(position.lat), north.max(position.lat));
        }
        let middle_lat = f64::midpoint(south, north);
        // Near a pole a map of this kind is of no use, but it must be finite.
        let stretch = middle_lat.to_radians().cos().max(0.02);
        // Room for the labels, also beside a line that needs none for strips.
        let room = 0.1 * ((east - west) * stretch).max(north - south).max(0.02);
        let margin = (margin_m / DEGREE_M * 1.08).max(room);
        let across = (east - west) * stretch + 2.0 * margin;
        let up = north - south + 2.0 * margin;
        let per_degree = (max_width / across).min(max_height / up);
        let size = ((across * per_degree).max(0.55 * max_width), (up * per_degree).max(0.55 * max_height));
        Self {
            middle_lon: first.lon + f64::midpoint(west, east),
            middle_lat,
            stretch,
            per_degree,
            area: (left, top, size.0, size.1),
        }
    }

    pub(super) fn point(&self, position: LonLat) -> Point {
        let (left, top, width, height) = self.area;
        let x = left + width / 2.0 + short_way(position.lon - self.middle_lon) * self.stretch * self.per_degree;
        let y = top + height / 2.0 - (position.lat - self.middle_lat) * self.per_degree;
        (x, y)
    }

    /// The position of a point of the sheet, if there is one.
    pub(super) fn position(&self, (x, y): Point) -> Option<LonLat> {
        let (left, top, width, height) = self.area;
        let lon = self.middle_lon + (x - left - width / 2.0) / self.stretch / self.per_degree;
        let lat = self.middle_lat - (y - top - height / 2.0) / self.per_degree;
        LonLat::new(short_way(lon), lat)
    }

    /// Pixels of so many metres.
    pub(super) fn pixels(&self, metres: f64) -> f64 {
        metres / DEGREE_M * self.per_degree
    }

    /// Meridians and then parallels at round degrees.
    pub(super) fn graticule(&self) -> (Marks, Marks) {
        let (left, top, width, height) = self.area;
        let half = (width / 2.0 / self.stretch / self.per_degree, height / 2.0 / self.per_degree);
        let lons = round_steps(self.middle_lon - half.0, self.middle_lon + half.0)
            .map(|lon| (short_way(lon), left + width / 2.0 + (lon - self.middle_lon) * self.stretch * self.per_degree));
        let lats = round_steps(self.middle_lat - half.1, self.middle_lat + half.1)
            .map(|lat| (lat, top + height / 2.0 - (lat - self.middle_lat) * self.per_degree));
        (lons.collect(), lats.filter(|(lat, _)| lat.abs() <= 90.0).collect())
    }

    /// A round length in metres that takes a fifth of the width or less, and its pixels.
    pub(super) fn scale_bar(&self) -> (f64, f64) {
        let most = self.area.2 / 5.0 / self.pixels(1.0);
        let metres = round_down(most);
        (metres, self.pixels(metres))
    }
}

/// A step in longitude the short way round.
pub(super) fn short_way(degrees: f64) -> f64 {
    (degrees + 540.0).rem_euclid(360.0) - 180.0
}

/// The greatest of 1, 2, 5 times a power of ten that is not over `value`.
fn round_down(value: f64) -> f64 {
    let power = 10f64.powf(value.max(1e-9).log10().floor());
    [5.0, 2.0, 1.0].into_iter().map(|times| times * power).find(|round| *round <= value).unwrap_or(power)
}

/// Three to seven round values from `from` to `to`.
fn round_steps(from: f64, to: f64) -> impl Iterator<Item = f64> {
    let step = round_down((to - from) / 3.0);
    let first = (from / step).ceil();
    let count = ((to / step).floor() - first).clamp(0.0, 20.0) as usize;
    (0..=count).map(move |number| (first + number as f64) * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_across_the_antimeridian_keeps_neighbours_together() {
        let positions = [LonLat { lon: 179.5, lat: -17.0 }, LonLat { lon: -179.5, lat: -17.5 }];
        let frame = Frame::new(&positions, 1_000.0, (0.0, 0.0), (800.0, 600.0));
        let (west, east) = (frame.point(positions[0]), frame.point(positions[1]));
        let back = frame.position(east).unwrap();
        assert!((back.lon + 179.5).abs() < 1e-9 && (back.lat + 17.5).abs() < 1e-9, "{back:?}");
        assert!(west.0 < east.0 && west.0 > 0.0 && east.0 < 800.0, "{west:?} {east:?}");
    }

    #[test]
    fn a_scale_bar_is_a_round_length() {
        for (most, round) in [(7.3, 5.0), (49_000.0, 20_000.0), (0.99, 0.5), (1_000.0, 1_000.0)] {
            assert!((round_down(most) - round).abs() < 1e-9 * round, "{most}");
        }
    }
}
