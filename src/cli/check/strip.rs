//! How large a strip along a line is, about.

use truceline_core::agreement::{Agreement, Extent, Zone};
use truceline_core::geometry::{LonLat, Side};

/// Cells along each edge of the box around the strip.
const CELLS: usize = 160;
/// Metres in a degree of latitude, on a sphere.
const DEGREE_M: f64 = 111_195.0;

/// Square metres of a zone along a line, by counting cells: within some percent. Of the line the version that is listed
/// last counts. `None` for other zones, and for one that is much smaller than its line is long.
pub(super) fn square_m(agreement: &Agreement, zone: &Zone) -> Option<f64> {
    let Extent::Buffer { line, distance_m, side } = &zone.extent else { return None };
    let line = agreement.lines.iter().rev().find(|version| version.id == *line)?;
    let course = line.course();
    let vertices: Vec<LonLat> = course.boundary().parts().iter().flatten().copied().collect();
    let first = vertices.first()?;
    let (mut west, mut east, mut south, mut north) = (0.0_f64, 0.0_f64, first.lat, first.lat);
    for vertex in &vertices {
        let step = (vertex.lon - first.lon + 540.0).rem_euclid(360.0) - 180.0;
        (west, east) = (west.min(step), east.max(step));
        (south, north) = (south.min(vertex.lat), north.max(vertex.lat));
    }
    let margin = 1.05 * distance_m / DEGREE_M;
    (south, north) = ((south - margin).max(-90.0), (north + margin).min(90.0));
    let widest = south.abs().max(north.abs()).to_radians().cos().max(0.02);
    (west, east) = ((west - margin / widest).max(-180.0), (east + margin / widest).min(180.0));
    let (across, up) = ((east - west) / CELLS as f64, (north - south) / CELLS as f64);
    // Cells wider than the strip would tell nothing.
    if (across * widest).max(up) * DEGREE_M > 0.5 * distance_m {
        return None;
    }
    let mut square_m = 0.0;
    for row in 0..CELLS {
        let lat = south + (row as f64 + 0.5) * up;
        let cell_m2 = across * lat.to_radians().cos() * up * DEGREE_M * DEGREE_M;
        for column in 0..CELLS {
            let lon = (first.lon + west + (column as f64 + 0.5) * across + 540.0).rem_euclid(360.0) - 180.0;
            let fix = LonLat::new(lon, lat).map(|position| course.locate(position))?;
            let on_side = match side {
                Some(Side::A) => fix.signed_m >= 0.0,
                Some(Side::B) => fix.signed_m <= 0.0,
                _ => true,
            };
            square_m += if on_side && fix.distance_m <= *distance_m { cell_m2 } else { 0.0 };
        }
    }
    // Two digits: no more is known.
    let unit = 10f64.powf(square_m.max(1.0).log10().floor() - 1.0);
    Some((square_m / unit).round() * unit)
}
