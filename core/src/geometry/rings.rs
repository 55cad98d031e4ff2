//! Containment in rings, exact in longitude and latitude.

use robust::{Coord, orient2d};

use super::LonLat;
use super::frame_tree::Frame;
use super::geodesy::{A, E2, lon_step_deg};

/// Rounding of a longitude and of its place among the bands is far below this, degrees.
const SLACK_DEG: f64 = 1e-9;
/// Rings of so many edges together have one band and no list.
const FEW_EDGES: usize = 64;

/// The rings of one polygon, in bands of longitude.
///
/// A position is inside when an odd number of edges pass north of it; which side of an edge it is on is
/// decided by an exact predicate. A ring that goes around a pole encloses the nearer one.
#[derive(Clone, Debug)]
pub(super) struct Rings {
    edges: Vec<RingEdge>,
    /// Western end of the bands and their width, degrees.
    west: f64,
    width: f64,
    /// Where each band's edges start in `listed`; one more than there are bands.
    starts: Vec<u32>,
    listed: Vec<u32>,
    /// South and north of all vertices, up to a pole that is enclosed.
    lats: [f64; 2],
    /// The parity of edges north of a position that means inside.
    odd_inside: bool,
}

/// An edge of a ring; longitudes go on past 180 where it crosses the antimeridian.
#[derive(Clone, Copy, Debug)]
struct RingEdge {
    lon: [f64; 2],
    lat: [f64; 2],
}

impl Rings {
    pub(super) fn new(rings: &[Vec<LonLat>]) -> Self {
        let mut edges = Vec::new();
        let mut lats = [f64::INFINITY, f64::NEG_INFINITY];
        let mut odd_inside = true;
        // Extent in longitude, unwrapped from each ring's first vertex.
        let reference = rings.iter().flatten().next().map_or(0.0, |first| first.lon);
        let (mut least, mut most) = (0.0_f64, 0.0_f64);
        for ring in rings {
            let mut unwrapped = ring.first().map_or(0.0, |first| lon_step_deg(reference, first.lon));
            least = least.min(unwrapped);
            most = most.max(unwrapped);
            for pair in ring.windows(2) {
                let step = lon_step_deg(pair[0].lon, pair[1].lon);
                let to = if (pair[1].lon - pair[0].lon).abs() < 180.0 { pair[1].lon } else { pair[0].lon + step };
                edges.push(RingEdge { lon: [pair[0].lon, to], lat: [pair[0].lat, pair[1].lat] });
                unwrapped += step;
                least = least.min(unwrapped);
                most = most.max(unwrapped);
            }
            if goes_around_pole(ring) {
                let is_north = mean_lat(ring) > 0.0;
                odd_inside ^= is_north;
                lats = if is_north { [lats[0], 90.0] } else { [-90.0, lats[1]] };
            }
            for position in ring {
                lats = [lats[0].min(position.lat), lats[1].max(position.lat)];
            }
        }
        let span = (most - least).clamp(1e-9, 360.0);
        let mut bands = Self {
            edges,
            west: reference + least,
            width: span,
            starts: Vec::new(),
            listed: Vec::new(),
            lats,
            odd_inside,
        };
        bands.list(span);
        bands
    }

    /// Lists the edges by band: so many bands that the lists together stay within a few times the edges.
    fn list(&mut self, span: f64) {
        let total: f64 = self.edges.iter().map(|edge| (edge.lon[1] - edge.lon[0]).abs()).sum();
        let count = self.edges.len() as f64;
        // Each edge is in one band plus those that it spans.
        // A few edges are gone through faster than they are looked up.
        let few = self.edges.len() <= FEW_EDGES;
        let bands = if few { 1.0 } else { (2.0 * count * span / total.max(span)).clamp(1.0, count.max(1.0)).ceil() };
        self.width = span / bands;
        let bands = bands as usize;
        if bands == 1 {
            self.starts = vec![0, 0];
            return;
        }
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); bands];
        for (number, edge) in self.edges.iter().enumerate() {
            let (from, to) = (edge.lon[0].min(edge.lon[1]), edge.lon[0].max(edge.lon[1]));
            let start = (from - self.west).rem_euclid(360.0);
            // The western end itself, a rounding too far to the west.
            let start = if start > span + SLACK_DEG { start - 360.0 } else { start };
            // A little more on each side: rounding must not lose an edge.
            let first = ((start - SLACK_DEG) / self.width).floor() as i64;
            let last = ((start + (to - from) + SLACK_DEG) / self.width).floor() as i64;
            let around = (360.0 / self.width).round().max(1.0) as i64;
            let mut before = usize::MAX;
            for band in first..=last {
                let mut place = band;
                if place >= around {
                    place -= around;
                }
                let place = (place.max(0) as usize).min(bands - 1);
                if place != before && members[place].last() != Some(&(number as u32)) {
                    members[place].push(number as u32);
                }
                before = place;
            }
        }
        self.starts.push(0);
        for member in members {
            self.listed.extend(member);
            self.starts.push(self.listed.len() as u32);
        }
    }

    /// Its box in degrees.
    pub(super) fn frame_deg(&self) -> Frame {
        let span = (self.width * (self.starts.len() - 1) as f64).min(360.0);
        Frame { south: self.lats[0], north: self.lats[1], west: self.west, span }
    }

    /// Whether `position` is inside or on the boundary.
    pub(super) fn contains(&self, position: LonLat) -> bool {
        if position.lat < self.lats[0] || position.lat > self.lats[1] {
            return false;
        }
        let bands = self.starts.len() - 1;
        let offset = (position.lon - self.west).rem_euclid(360.0);
        let band = (offset / self.width).floor();
        let band = if band < bands as f64 {
            band as usize
        } else if offset > 360.0 - self.width {
            0
        } else if band < bands as f64 + 1.0 {
            bands - 1
        } else {
            return false;
        };
        let mut north = 0_u32;
        let mut on = false;
        let mut look = |edge: &RingEdge| match edge.against(position) {
            Against::On => on = true,
            Against::South => north += 1,
            Against::Elsewhere => {}
        };
        if bands == 1 {
            for edge in &self.edges {
                look(edge);
            }
        } else {
            let members = &self.listed[self.starts[band] as usize..self.starts[band + 1] as usize];
            for member in members {
                look(&self.edges[*member as usize]);
            }
        }
        on || (north % 2 == 1) == self.odd_inside
    }
}

/// Where a position is against an edge.
enum Against {
    /// On it.
    On,
    /// South of it, so that the way north passes it.
    South,
    Elsewhere,
}

impl RingEdge {
    fn against(&self, position: LonLat) -> Against {
        let (low, high) = (self.lon[0].min(self.lon[1]), self.lon[0].max(self.lon[1]));
        let lon = if position.lon < low && position.lon + 360.0 <= high {
            position.lon + 360.0
        } else if position.lon > high && position.lon - 360.0 >= low {
            position.lon - 360.0
        } else {
            position.lon
        };
        let (south, top) = (self.lat[0].min(self.lat[1]), self.lat[0].max(self.lat[1]));
        if lon < low || lon > high || position.lat > top {
            return Against::Elsewhere;
        }
        // Half open in longitude, so that a vertex counts once.
        let passes = (self.lon[0] <= lon) != (self.lon[1] <= lon);
        let south_of = |is: bool| if passes && is { Against::South } else { Against::Elsewhere };
        if position.lat < south {
            return south_of(true);
        }
        let turn = orient2d(
            Coord { x: self.lon[0], y: self.lat[0] },
            Coord { x: self.lon[1], y: self.lat[1] },
            Coord { x: lon, y: position.lat },
        );
        if turn == 0.0 {
            return Against::On;
        }
        south_of(if self.lon[1] > self.lon[0] { turn < 0.0 } else { turn > 0.0 })
    }
}

fn mean_lat(ring: &[LonLat]) -> f64 {
    ring.iter().map(|position| position.lat).sum::<f64>() / ring.len().max(1) as f64
}

/// Whether a closed ring's longitudes add up to a whole turn.
fn goes_around_pole(ring: &[LonLat]) -> bool {
    ring.windows(2).map(|pair| lon_step_deg(pair[0].lon, pair[1].lon)).sum::<f64>().abs() > 180.0
}

/// Area that a closed ring encloses, square metres: positive when that is to its left. A ring that goes around a
/// pole encloses the nearer one.
///
/// The area under a course between two meridians is the integral of q(lat) over longitude, with q the
/// authalic function (Snyder, Map Projections, eq. 3-12); on an edge it is integrated by Gauss and Legendre.
pub(super) fn signed_square_m(ring: &[LonLat]) -> f64 {
    let around = goes_around_pole(ring);
    // Measured from a latitude of the ring, so that a small ring loses no digits; from the pole if it is enclosed.
    let base = if around { 90.0_f64.copysign(mean_lat(ring)) } else { ring.first().map_or(0.0, |first| first.lat) };
    let zero = under(base);
    let mut sum = 0.0;
    for pair in ring.windows(2) {
        sum += swept(pair[0], pair[1], zero);
    }
    sum
}

/// Area between an edge and the parallel `base`, square metres, positive where that is to the edge's left: over a closed
/// ring they add up to the area to its left.
pub(super) fn swept_square_m(from: LonLat, to: LonLat, base: f64) -> f64 {
    swept(from, to, under(base))
}

fn swept(from: LonLat, to: LonLat, zero: f64) -> f64 {
    const NODES: [(f64, f64); 5] = [
        (0.046_910_077_030_668, 0.118_463_442_528_094_54),
        (0.230_765_344_947_158_45, 0.239_314_335_249_683_23),
        (0.5, 0.284_444_444_444_444_44),
        (0.769_234_655_052_841_5, 0.239_314_335_249_683_23),
        (0.953_089_922_969_332, 0.118_463_442_528_094_54),
    ];
    let d_lon = lon_step_deg(from.lon, to.lon).to_radians();
    let mean: f64 = NODES.iter().map(|(x, weight)| weight * (under(from.lat + x * (to.lat - from.lat)) - zero)).sum();
    -mean * d_lon
}

/// Area between the equator and a latitude, per radian of longitude, square metres.
fn under(lat: f64) -> f64 {
    let sin = lat.to_radians().sin();
    let e = E2.sqrt();
    A * A * (1.0 - E2) / 2.0 * (sin / (1.0 - E2 * sin * sin) + (e * sin).atanh() / e)
}
