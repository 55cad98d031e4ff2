//! Distance, side and chainage to a line: ours, one geodesic inverse, every piece, an R-tree in a plane.

use std::fmt::Write as _;

use criterion::Criterion;
use geographiclib_rs::{Geodesic, InverseGeodesic};
use rstar::primitives::{GeomWithData, Line};
use rstar::{PointDistance, RTree};
use truceline_core::geometry::{LineIndex, LonLat};

use super::made::{positions_about, winding_line};
use super::peers;
use super::{Limits, row, told_ns};

/// Distance, side and chainage: what every row gives.
type Answer = (f64, bool, f64);

/// Runs the rows; a table of them.
pub fn run(criterion: &mut Criterion, limits: &mut Limits) -> String {
    let mut told = String::from(
        "Distance, side and chainage to a line (positions within 1, 20 and 300 km of it, a third each; medians)\n",
    );
    for (vertices, limit, peers) in
        [(86, 1.2, peers::LINE_86), (2_000, 1.5, peers::LINE_2_000), (40_000, 2.3, peers::LINE_40_000)]
    {
        let line = winding_line(vertices);
        assert_eq!(line.len(), vertices);
        let queries = positions_about(&line, 4_096);
        let Ok(index) = LineIndex::new(vec![line.clone()]) else { unreachable!("the line is one") };
        let feet: Vec<(LonLat, LonLat)> = queries.iter().map(|query| (*query, index.locate(*query).foot)).collect();
        let earth = Geodesic::wgs84();
        let pieces = Pieces::of(&line);
        let plane = Plane::of(&line);
        let inverse = row(criterion, &format!("{vertices}: one inverse"), &feet, |(query, foot)| -> f64 {
            earth.inverse(query.lat, query.lon, foot.lat, foot.lon)
        });
        let ours = row(criterion, &format!("{vertices}: ours"), &queries, |query| {
            let fix = index.locate(*query);
            (fix.distance_m, fix.signed_m > 0.0, fix.chainage_m)
        });
        let tree = row(criterion, &format!("{vertices}: R-tree in a plane"), &queries, |query| plane.locate(*query));
        let brute =
            row(criterion, &format!("{vertices}: every piece"), &queries, |query| pieces.locate(&earth, *query));
        let ratio = |time: Option<f64>| match (time, inverse) {
            (Some(time), Some(one)) => format!("{:.2}", time / one),
            _ => String::new(),
        };
        let fault = |locate: &dyn Fn(LonLat) -> Answer| {
            let miss = |query: &LonLat| (locate(*query).0 - index.locate(*query).distance_m).abs();
            queries.iter().take(500).map(miss).fold(0.0, f64::max)
        };
        let met = limits.told(ours.zip(inverse).map(|(ours, one)| ours / one), limit);
        let rows = [
            ("one geographiclib-rs inverse".to_owned(), inverse, None),
            (format!("ours (at most {limit}{met})"), ours, None),
            ("R-tree over edges in a plane".to_owned(), tree, Some(fault(&|query| plane.locate(query)))),
            ("every piece, one inverse".to_owned(), brute, Some(fault(&|query| pieces.locate(&earth, query)))),
        ];
        for (name, time, fault) in rows {
            let off = fault.map_or_else(String::new, |fault| format!("distance off by up to {fault:.3} m"));
            // Writing to a string does not fail.
            let _ = writeln!(told, "{vertices:>7} vertices  {name:<32}{:>12}{:>10}  {off}", told_ns(time), ratio(time));
        }
        told += &peers::rows(peers);
    }
    told
}

/// Every piece of at most 500 m as a chord.
struct Pieces(Vec<Piece>);

struct Piece {
    start: [f64; 3],
    chord: [f64; 3],
    from: LonLat,
    to: LonLat,
    chainage_m: f64,
    length_m: f64,
}

impl Pieces {
    fn of(line: &[LonLat]) -> Self {
        let mut pieces = Vec::new();
        let mut chainage_m = 0.0;
        for pair in line.windows(2) {
            let parts = (chord(ecef(pair[0]), ecef(pair[1])) / 500.0).ceil().max(1.0);
            let at = |part: f64| LonLat {
                lon: pair[0].lon + part / parts * (pair[1].lon - pair[0].lon),
                lat: pair[0].lat + part / parts * (pair[1].lat - pair[0].lat),
            };
            for part in 0..parts as usize {
                let (from, to) = (at(part as f64), at(part as f64 + 1.0));
                let (start, end) = (ecef(from), ecef(to));
                let length_m = chord(start, end);
                let chord = [end[0] - start[0], end[1] - start[1], end[2] - start[2]];
                pieces.push(Piece { start, chord, from, to, chainage_m, length_m });
                chainage_m += length_m;
            }
        }
        Self(pieces)
    }

    fn locate(&self, earth: &Geodesic, query: LonLat) -> Answer {
        let at = ecef(query);
        let mut best = (f64::INFINITY, 0, 0.0);
        for (number, piece) in self.0.iter().enumerate() {
            let v = [at[0] - piece.start[0], at[1] - piece.start[1], at[2] - piece.start[2]];
            let d = piece.chord;
            let t =
                ((v[0] * d[0] + v[1] * d[1] + v[2] * d[2]) / (d[0] * d[0] + d[1] * d[1] + d[2] * d[2])).clamp(0.0, 1.0);
            let w = [v[0] - t * d[0], v[1] - t * d[1], v[2] - t * d[2]];
            let square = w[0] * w[0] + w[1] * w[1] + w[2] * w[2];
            if square < best.0 {
                best = (square, number, t);
            }
        }
        let (_, number, t) = best;
        let piece = &self.0[number];
        let (d_lon, d_lat) = (piece.to.lon - piece.from.lon, piece.to.lat - piece.from.lat);
        let foot = LonLat { lon: piece.from.lon + t * d_lon, lat: piece.from.lat + t * d_lat };
        let distance_m: f64 = earth.inverse(query.lat, query.lon, foot.lat, foot.lon);
        let left = d_lon * (query.lat - foot.lat) - d_lat * (query.lon - foot.lon) > 0.0;
        (distance_m, left, piece.chainage_m + t * piece.length_m)
    }
}

fn chord(a: [f64; 3], b: [f64; 3]) -> f64 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

fn ecef(position: LonLat) -> [f64; 3] {
    const E2: f64 = 0.006_694_379_990_141_317;
    let (sin_lat, cos_lat) = position.lat.to_radians().sin_cos();
    let (sin_lon, cos_lon) = position.lon.to_radians().sin_cos();
    let n = 6_378_137.0 / (1.0 - E2 * sin_lat * sin_lat).sqrt();
    [n * cos_lat * cos_lon, n * cos_lat * sin_lon, n * (1.0 - E2) * sin_lat]
}

/// What one would take instead: degrees times metres at the middle latitude, an R-tree over the edges, the side
/// of the nearest one.
struct Plane {
    scale: [f64; 2],
    tree: RTree<GeomWithData<Line<[f64; 2]>, f64>>,
}

impl Plane {
    fn of(line: &[LonLat]) -> Self {
        let middle = line.iter().map(|vertex| vertex.lat).sum::<f64>() / line.len() as f64;
        let scale = [111_320.0 * middle.to_radians().cos(), 111_200.0];
        let mut chainage_m = 0.0;
        let edges = line
            .windows(2)
            .map(|pair| {
                let (from, to) = (flat(scale, pair[0]), flat(scale, pair[1]));
                let edge = GeomWithData::new(Line::new(from, to), chainage_m);
                chainage_m += (to[0] - from[0]).hypot(to[1] - from[1]);
                edge
            })
            .collect();
        Self { scale, tree: RTree::bulk_load(edges) }
    }

    fn locate(&self, query: LonLat) -> Answer {
        let at = flat(self.scale, query);
        let Some(edge) = self.tree.nearest_neighbor(&at) else { return (f64::NAN, false, 0.0) };
        let line = edge.geom();
        let (d, v) =
            ([line.to[0] - line.from[0], line.to[1] - line.from[1]], [at[0] - line.from[0], at[1] - line.from[1]]);
        let length = d[0].hypot(d[1]);
        let along = ((v[0] * d[0] + v[1] * d[1]) / length).clamp(0.0, length);
        (line.distance_2(&at).sqrt(), d[0] * v[1] - d[1] * v[0] > 0.0, edge.data + along)
    }
}

fn flat(scale: [f64; 2], position: LonLat) -> [f64; 2] {
    [position.lon * scale[0], position.lat * scale[1]]
}
