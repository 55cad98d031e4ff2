//! A short piece of an edge: its chord for the search, its true course for the answer.

use super::geodesy::{A, E2, Trig, Vector, arc_m, dot, minus, polar_shift_m};

/// Chords shorter than this (squared, metres) point along the geodesic within 0.05 mm at the foot.
const STRAIGHT_SQUARED: f64 = 1e8;
/// A course of smaller steps than this, radians, has the length that its middle's speed gives, within a micrometre.
const PLAIN_STEP: f64 = 1e-4;

/// A piece of an edge that is straight in longitude and latitude.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// Where it starts.
    pub(super) start: Vector,
    /// From its start to its end.
    pub(super) chord: Vector,
    /// The true course is at most this far from the chord, metres.
    pub(super) sag_m: f64,
    /// The edge that it is a piece of.
    pub(super) edge: u32,
    /// Its place among the pieces along the line.
    pub(super) order: u32,
    /// The start's angles.
    pub(super) trig: Trig,
    /// Steps in latitude and longitude over the piece, radians.
    pub(super) d_lat: f64,
    pub(super) d_lon: f64,
    /// The part of the edge that it covers: from `t` on, `dt` long.
    pub(super) t: f64,
    pub(super) dt: f64,
    /// Chainage of its start, metres.
    pub(super) chainage_m: f64,
}

/// A nearest point on a piece's edge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Foot {
    /// Geodesic distance, metres (closed form).
    pub(super) arc_m: f64,
    /// How far along the piece; somewhat outside of 0..1 when the edge goes on.
    pub(super) tau: f64,
    /// How far along the edge: exactly 0 or 1 at its ends.
    pub(super) t: f64,
    /// Horizontal direction to the query there: east, north (geodesic, of the chord's length).
    pub(super) toward: [f64; 2],
    /// Direction of travel there: east, north.
    pub(super) travel: [f64; 2],
}

impl Piece {
    /// Squared chord distance from `query` to the chord, and how far along it.
    pub(super) fn chord_square(&self, query: Vector) -> (f64, f64) {
        let v = minus(query, self.start);
        let length2 = dot(self.chord, self.chord);
        let tau = if length2 > 0.0 { (dot(v, self.chord) / length2).clamp(0.0, 1.0) } else { 0.0 };
        let w = [v[0] - tau * self.chord[0], v[1] - tau * self.chord[1], v[2] - tau * self.chord[2]];
        (dot(w, w), tau)
    }

    /// Geodesic distance to the chord's nearest point, within `sag_m` of that to the true course.
    pub(super) fn arc_estimate(&self, query: Vector) -> f64 {
        let (_, tau) = self.chord_square(query);
        let near = [0, 1, 2].map(|axis| self.start[axis] + tau * self.chord[axis]);
        arc_m(near, query)
    }

    /// The nearest point of the true course, by Newton's method in brackets from the chord's nearest point.
    pub(super) fn foot(&self, query: Vector) -> Foot {
        let (first, last) = ((-0.25_f64).max(-self.t / self.dt), 1.25_f64.min((1.0 - self.t) / self.dt));
        let (mut low, mut high) = (first, last);
        let mut tau = self.chord_square(query).1.clamp(low, high);
        let mut travel;
        let mut from;
        let mut to;
        let mut round = 0;
        loop {
            let trig = self.trig.moved(tau * self.d_lat, tau * self.d_lon);
            let (m, n) = trig.radii();
            let p = n * trig.cos_lat;
            from = [p * trig.cos_lon, p * trig.sin_lon, n * (1.0 - E2) * trig.sin_lat];
            travel = [p * self.d_lon, m * self.d_lat];
            let v = minus(query, from);
            let c2 = dot(v, v);
            let mut pull = v;
            if c2 > STRAIGHT_SQUARED {
                pull[2] += polar_shift_m(from, v, c2);
            }
            let (east, north) = (trig.east(), trig.north());
            to = [dot(pull, east), dot(pull, north)];
            let slope = to[0] * travel[0] + to[1] * travel[1];
            let speed2 = travel[0] * travel[0] + travel[1] * travel[1];
            // The course bends: downwards with the ellipsoid, sideways since meridians converge.
            let (sin, d_lat, d_lon) = (trig.sin_lat, self.d_lat, self.d_lon);
            let up = dot(v, trig.up());
            let bend = to[0] * (-(m * sin * d_lat * d_lon) - travel[1] * d_lon * sin) + to[1] * travel[0] * d_lon * sin
                - up * (travel[0] * d_lon * trig.cos_lat + travel[1] * d_lat);
            if slope > 0.0 {
                low = tau;
            } else {
                high = tau;
            }
            round += 1;
            if slope == 0.0 || (slope > 0.0 && tau >= last) || (slope < 0.0 && tau <= first) || round > 60 {
                break;
            }
            let fall = speed2 - bend;
            let mut next = if fall > 0.0 { tau + slope / fall } else { f64::NAN };
            if !(next >= low && next <= high) {
                // Past a bracket's end that was not looked at yet: look there; else halve.
                next = if fall > 0.0 && next > high && high == last {
                    last
                } else if fall > 0.0 && next < low && low == first {
                    first
                } else {
                    f64::midpoint(low, high)
                };
            }
            if round > 20 {
                next = f64::midpoint(low, high);
            }
            let step = next - tau;
            tau = next;
            if step * step * speed2 < 1e-8 && next > first && next < last {
                // A tenth of a millimetre: what a further round would change is below a nanometre.
                from = [0, 1, 2].map(|axis| from[axis] + step * (travel[0] * east[axis] + travel[1] * north[axis]));
                to = [to[0] - step * travel[0], to[1] - step * travel[1]];
                break;
            }
            if step == 0.0 {
                break;
            }
        }
        let t = if tau <= first && self.t + first * self.dt <= 1e-15 {
            0.0
        } else if tau >= last && self.t + last * self.dt >= 1.0 - 1e-15 {
            1.0
        } else {
            self.t + tau * self.dt
        };
        Foot { arc_m: arc_m(from, query), tau, t, toward: to, travel }
    }

    /// The place of the true course at `tau`.
    pub(super) fn place(&self, tau: f64) -> Vector {
        self.trig.moved(tau * self.d_lat, tau * self.d_lon).ecef()
    }

    /// Where it ends.
    pub(super) fn end(&self) -> Vector {
        [0, 1, 2].map(|axis| self.start[axis] + self.chord[axis])
    }

    /// Metres along the true course from the piece's start to `tau`; negative before it.
    pub(super) fn length_to(&self, tau: f64) -> f64 {
        let (d_lat, d_lon) = (tau * self.d_lat, tau * self.d_lon);
        if d_lat.abs() < PLAIN_STEP && d_lon.abs() < PLAIN_STEP {
            return speed(self.trig.moved(d_lat / 2.0, d_lon / 2.0), d_lat, d_lon).copysign(tau);
        }
        course_m(self.trig, d_lat, d_lon).copysign(tau)
    }
}

/// Length in metres of a course that is straight in longitude and latitude, by Gauss and Legendre with three nodes.
pub(super) fn course_m(start: Trig, d_lat: f64, d_lon: f64) -> f64 {
    const NODES: [(f64, f64); 3] =
        [(0.112_701_665_379_258_31, 5.0 / 18.0), (0.5, 8.0 / 18.0), (0.887_298_334_620_741_7, 5.0 / 18.0)];
    NODES
        .iter()
        .map(|(x, weight)| {
            let trig = start.moved(x * d_lat, x * d_lon);
            weight * speed(trig, d_lat, d_lon)
        })
        .sum()
}

/// Metres per unit of a course's parameter at a place on it.
pub(super) fn speed(trig: Trig, d_lat: f64, d_lon: f64) -> f64 {
    let (m, n) = trig.radii();
    let (east, north) = (n * trig.cos_lat * d_lon, m * d_lat);
    (east * east + north * north).sqrt()
}

/// How long a piece may be at a latitude so that its chord stays within some centimetres, metres.
pub(super) fn piece_limit_m(cos_lat: f64, base_m: f64) -> f64 {
    base_m.min((0.25 * A * cos_lat).sqrt()).max(1.0)
}

/// Upper bound for the distance between the course and its chord, metres.
///
/// The course's curvature is at most 1/R for the normal part and 1.09 tan(lat)/R for the part in the surface.
pub(super) fn sag_m(length_m: f64, least_cos_lat: f64) -> f64 {
    (1.2 * length_m * length_m / (8.0 * A * least_cos_lat)).min(0.5 * length_m) + 1e-7
}
