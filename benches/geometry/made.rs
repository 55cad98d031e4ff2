//! Lines, zones and positions, the same in every run.

use truceline_core::geometry::{LonLat, destination};

/// Numbers in [0, 1) from a seed (SplitMix64).
pub struct Numbers(u64);

impl Numbers {
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn within(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }
}

/// A line that winds for some 700 km, rough at every scale: midpoints are moved aside again and again.
pub fn winding_line(vertices: usize) -> Vec<LonLat> {
    let mut numbers = Numbers::seeded(vertices as u64);
    let mut line = vec![(32.0, 46.5), (35.2, 47.4), (37.8, 48.1), (38.6, 50.2)];
    while line.len() < vertices {
        let mut finer = Vec::with_capacity(2 * line.len());
        for pair in line.windows(2) {
            let ((ax, ay), (bx, by)): ((f64, f64), (f64, f64)) = (pair[0], pair[1]);
            let aside = 0.35 * (numbers.next() - 0.5);
            finer.push(pair[0]);
            if finer.len() + line.len() < 2 * vertices {
                finer.push((f64::midpoint(ax, bx) - aside * (by - ay), f64::midpoint(ay, by) + aside * (bx - ax)));
            }
        }
        finer.push(line[line.len() - 1]);
        line = finer;
    }
    // Evenly thinned to the number that was asked for.
    let last = (line.len() - 1) as f64 / (vertices - 1) as f64;
    (0..vertices).map(|i| line[(i as f64 * last).round() as usize]).map(|(lon, lat)| LonLat { lon, lat }).collect()
}

/// Positions as readings have them: a third within a kilometre of the line, a third within 20, a third to 300.
pub fn positions_about(line: &[LonLat], count: usize) -> Vec<LonLat> {
    let mut numbers = Numbers::seeded(7);
    (0..count)
        .map(|_| {
            let place = numbers.within(0.0, (line.len() - 1) as f64);
            let (edge, t) = (place as usize, place.fract());
            let (from, to) = (line[edge], line[(edge + 1).min(line.len() - 1)]);
            let at = LonLat { lon: from.lon + t * (to.lon - from.lon), lat: from.lat + t * (to.lat - from.lat) };
            let reach_m = [1e3, 2e4, 3e5][(3.0 * numbers.next()) as usize];
            destination(at, numbers.within(0.0, 360.0), reach_m * numbers.next())
        })
        .collect()
}

/// Zones like districts with ragged borders: `count` rings of 8 to 60 vertices, about `hits` of them over each place.
pub fn zones(count: usize, hits: f64) -> Vec<Vec<LonLat>> {
    let mut numbers = Numbers::seeded(11);
    let (width, height) = (8.0, 5.0);
    // The mean area of a ring below is about 2.4 times the square of its scale.
    let scale = (hits * width * height / (count as f64 * 2.4)).sqrt();
    (0..count)
        .map(|_| {
            let (lon, lat) = (numbers.within(32.0, 32.0 + width), numbers.within(46.0, 46.0 + height));
            let corners = numbers.within(8.0, 60.0) as usize;
            let own = scale * numbers.within(0.4, 1.6);
            let mut ring: Vec<LonLat> = (0..corners)
                .map(|corner| {
                    let turn = corner as f64 / corners as f64 * std::f64::consts::TAU;
                    let reach = own * numbers.within(0.6, 1.0);
                    LonLat { lon: lon + 1.2 * reach * turn.cos(), lat: lat + 0.8 * reach * turn.sin() }
                })
                .collect();
            ring.push(ring[0]);
            ring
        })
        .collect()
}

/// Positions evenly over the zones' country.
pub fn positions_over_zones(count: usize) -> Vec<LonLat> {
    let mut numbers = Numbers::seeded(13);
    (0..count).map(|_| LonLat { lon: numbers.within(32.0, 40.0), lat: numbers.within(46.0, 51.0) }).collect()
}
