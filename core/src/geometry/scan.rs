//! Probability mass of any combination of sides, areas and distances, by lines laid through a distribution.
//!
//! The lines are of equal probability: parallels through a normal, rays from a sector's sensor. On each line every
//! condition holds on some intervals, found in closed form; they are cut and joined, and their mass on the line is
//! exact. So an error is left only where a boundary runs along the lines, at most half a line's probability for
//! each time that it does. Nothing is drawn at random.

use super::ellipse::Axes;
use super::plane::{Stretch, hypot};
use super::quadrature::normal_cdf;
use super::{Sector, boundary_integral::REACH};

/// How many lines.
const LINES: usize = 256;

/// What must hold, in metres on the plane about the middle of a normal or a sector's sensor.
pub(super) enum Part {
    /// Left of the stretches.
    Left(Left),
    /// Within a distance of one of them.
    Within(Vec<Stretch>, f64),
    /// All of these.
    All(Vec<Part>),
    /// One of these at least.
    Any(Vec<Part>),
}

/// What is left of a boundary.
pub(super) struct Left {
    pub(super) stretches: Vec<Stretch>,
    /// How often it winds around the plane's middle; `None` where that is too near to it to tell.
    pub(super) windings: Option<i32>,
}

struct Line {
    from: [f64; 2],
    /// Metres for each step of the line's own measure.
    along: [f64; 2],
    low: f64,
    high: f64,
}

impl Line {
    /// Where it crosses a stretch, and what that adds to the windings.
    fn crossing(&self, stretch: &Stretch) -> Option<(f64, i32)> {
        let a = [stretch.from[0] - self.from[0], stretch.from[1] - self.from[1]];
        let b = [stretch.to[0] - self.from[0], stretch.to[1] - self.from[1]];
        let (left_a, left_b) = (cross(self.along, a), cross(self.along, b));
        if (left_a > 0.0) == (left_b > 0.0) {
            return None;
        }
        let part = left_a / (left_a - left_b);
        let at = [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part];
        Some((dot(at, self.along) / dot(self.along, self.along), if left_a > 0.0 { 1 } else { -1 }))
    }

    /// Where it is within a distance of a stretch: one interval, since that is convex.
    fn near(&self, band: &Band, distance_m: f64) -> Option<(f64, f64)> {
        let per_square = 1.0 / dot(self.along, self.along);
        let mut found: Option<(f64, f64)> = None;
        let mut join = |low: f64, high: f64| {
            if low <= high {
                found = Some(found.map_or((low, high), |(a, b)| (a.min(low), b.max(high))));
            }
        };
        for end in [band.from, band.to] {
            let v = [end[0] - self.from[0], end[1] - self.from[1]];
            let middle = dot(v, self.along) * per_square;
            let root = middle * middle - (dot(v, v) - distance_m * distance_m) * per_square;
            if root >= 0.0 {
                let half = root.sqrt();
                join(middle - half, middle + half);
            }
        }
        if band.length > 0.0 {
            let v = [self.from[0] - band.from[0], self.from[1] - band.from[1]];
            let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
            let mut keep = |at: f64, step: f64, least: f64, most: f64| {
                if step == 0.0 {
                    if at < least || at > most {
                        (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
                    }
                } else {
                    let per_step = 1.0 / step;
                    let (one, other) = ((least - at) * per_step, (most - at) * per_step);
                    (low, high) = (low.max(one.min(other)), high.min(one.max(other)));
                }
            };
            keep(dot(v, band.unit), dot(self.along, band.unit), 0.0, band.length);
            keep(cross(band.unit, v), cross(band.unit, self.along), -distance_m, distance_m);
            join(low, high);
        }
        found
    }
}

/// A stretch that a band is drawn about, with its length and direction.
struct Band {
    from: [f64; 2],
    to: [f64; 2],
    unit: [f64; 2],
    length: f64,
}

impl Band {
    fn about(&Stretch { from, to }: &Stretch) -> Self {
        let d = [to[0] - from[0], to[1] - from[1]];
        let length = hypot(d);
        let unit = if length > 0.0 { [d[0] / length, d[1] / length] } else { [0.0; 2] };
        Self { from, to, unit, length }
    }
}

/// The lines through a distribution.
pub(super) struct Fan {
    lines: Vec<Line>,
    order: Order,
}

enum Order {
    /// By the product with a covector; ascending. The spine leads through the middle across all of them.
    Across { covector: [f64; 2], at: Vec<f64>, spine: Line },
    /// By the turn from a sector's edge, degrees.
    Turn { start_deg: f64, width_deg: f64 },
}

impl Fan {
    /// Parallels through a normal, towards the nearest boundary as far as that is known, which then crosses them.
    pub(super) fn normal(axes: &Axes, toward: [f64; 2]) -> Self {
        let toward = axes.to_sigmas(toward);
        let far = hypot(toward);
        let unit = if far > 1e-9 { [toward[0] / far, toward[1] / far] } else { [1.0, 0.0] };
        let left = [-unit[1], unit[0]];
        let (along, across) = (axes.to_metres(unit), axes.to_metres(left));
        let at: Vec<f64> = (0..LINES).map(|line| quantile((line as f64 + 0.5) / LINES as f64)).collect();
        let lines = at.iter().map(|v| {
            let high = (REACH * REACH - v * v).sqrt();
            Line { from: [across[0] * v, across[1] * v], along, low: -high, high }
        });
        let lines = lines.collect();
        let spine = Line { from: [0.0; 2], along: across, low: -REACH, high: REACH };
        Self { lines, order: Order::Across { covector: axes.covector(left), at, spine } }
    }

    /// Rays over a sector.
    pub(super) fn even(sector: &Sector) -> Self {
        let start_deg = sector.bearing_deg - sector.width_deg / 2.0;
        let at = |line: f64| (start_deg + sector.width_deg * line / LINES as f64).to_radians().sin_cos();
        let ((mut sin, mut cos), step) = (at(0.5), (sector.width_deg / LINES as f64).to_radians().sin_cos());
        let lines = (0..LINES).map(|_| {
            let ray = Line { from: [0.0; 2], along: [sin, cos], low: sector.range_min_m, high: sector.range_max_m };
            // Each from the one before: what that loses over all of them is below 1e-13.
            (sin, cos) = (sin * step.1 + cos * step.0, cos * step.1 - sin * step.0);
            ray
        });
        Self { lines: lines.collect(), order: Order::Turn { start_deg, width_deg: sector.width_deg } }
    }

    /// Mass where `part` holds.
    pub(super) fn mass(&self, part: &Part) -> f64 {
        let listed = Listed::of(part, self);
        let (mut inside, mut whole) = (0.0, 0.0);
        let mut spans = Spans::default();
        for (number, line) in self.lines.iter().enumerate() {
            spans.found.clear();
            listed.find(number, line, &mut spans);
            let measure = |(low, high): (f64, f64)| match self.order {
                Order::Across { .. } => normal_cdf(high) - normal_cdf(low),
                Order::Turn { .. } => (high - low) * (high + low),
            };
            inside += spans.found.iter().copied().map(measure).sum::<f64>();
            whole += measure((line.low, line.high));
        }
        if whole > 0.0 { (inside / whole).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Which lines may come within `pad_m` of a stretch: runs of them.
    fn reached(&self, stretch: &Stretch, pad_m: f64, mut visit: impl FnMut(usize, usize)) {
        match &self.order {
            Order::Across { covector, at, .. } => {
                let pad = pad_m * hypot(*covector);
                let (a, b) = (dot(*covector, stretch.from), dot(*covector, stretch.to));
                let first = at.partition_point(|v| *v < a.min(b) - pad - 1e-9);
                let last = at.partition_point(|v| *v <= a.max(b) + pad + 1e-9);
                visit(first, last);
            }
            Order::Turn { start_deg, width_deg } => {
                let nearest = distance_to_origin(stretch);
                if nearest <= pad_m || nearest == 0.0 {
                    visit(0, LINES);
                    return;
                }
                let pad = (pad_m / nearest).asin().to_degrees() + 1e-9;
                let bearing = |place: [f64; 2]| place[0].atan2(place[1]).to_degrees();
                let from = (bearing(stretch.from) - start_deg).rem_euclid(360.0);
                let turn = (bearing(stretch.to) - bearing(stretch.from) + 540.0).rem_euclid(360.0) - 180.0;
                let (low, high) = (from + turn.min(0.0) - pad, from + turn.max(0.0) + pad);
                let step = width_deg / LINES as f64;
                for whole in [-360.0, 0.0, 360.0] {
                    let first = ((low + whole) / step - 0.5).ceil().clamp(0.0, LINES as f64) as usize;
                    let last = ((high + whole) / step + 0.5).floor().clamp(0.0, LINES as f64) as usize;
                    visit(first, last.max(first));
                }
            }
        }
    }
}

/// A part with, for each line, which of its stretches may matter there.
enum Listed<'a> {
    Left { stretches: &'a [Stretch], by_line: ByLine, windings: Vec<Option<i32>> },
    Within { bands: Vec<Band>, by_line: ByLine, distance_m: f64 },
    All(Vec<Listed<'a>>),
    Any(Vec<Listed<'a>>),
}

struct ByLine {
    /// Where each line's list starts; one more than there are lines.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl ByLine {
    fn of(stretches: &[Stretch], pad_m: f64, fan: &Fan) -> Self {
        let mut starts = vec![0_u32; LINES + 1];
        let mut runs = Vec::with_capacity(stretches.len());
        for (number, stretch) in stretches.iter().enumerate() {
            fan.reached(stretch, pad_m, |first, last| {
                if first < last {
                    runs.push((number as u32, first, last));
                    for start in &mut starts[first + 1..=last] {
                        *start += 1;
                    }
                }
            });
        }
        for line in 0..LINES {
            starts[line + 1] += starts[line];
        }
        let mut next = starts.clone();
        let mut items = vec![0; starts[LINES] as usize];
        for (number, first, last) in runs {
            for place in &mut next[first..last] {
                items[*place as usize] = number;
                *place += 1;
            }
        }
        Self { starts, items }
    }

    fn line(&self, line: usize) -> &[u32] {
        &self.items[self.starts[line] as usize..self.starts[line + 1] as usize]
    }
}

/// Intervals of one line, disjoint and in order; those of a part at work are at the end.
#[derive(Default)]
struct Spans {
    found: Vec<(f64, f64)>,
    crossings: Vec<(f64, i32)>,
}

impl<'a> Listed<'a> {
    fn of(part: &'a Part, fan: &Fan) -> Self {
        match part {
            Part::Left(Left { stretches, windings }) => Self::Left {
                stretches,
                by_line: ByLine::of(stretches, 0.0, fan),
                windings: windings_at_lines(stretches, *windings, fan),
            },
            Part::Within(stretches, distance_m) => {
                let bands = stretches.iter().map(Band::about).collect();
                Self::Within { bands, by_line: ByLine::of(stretches, *distance_m, fan), distance_m: *distance_m }
            }
            Part::All(parts) => Self::All(parts.iter().map(|part| Self::of(part, fan)).collect()),
            Part::Any(parts) => Self::Any(parts.iter().map(|part| Self::of(part, fan)).collect()),
        }
    }

    /// Appends the intervals of a line on which it holds.
    fn find(&self, number: usize, line: &Line, spans: &mut Spans) {
        let start = spans.found.len();
        match self {
            Self::Left { stretches, by_line, windings } => {
                spans.crossings.clear();
                let crossings = by_line.line(number).iter().filter_map(|at| line.crossing(&stretches[*at as usize]));
                spans.crossings.extend(crossings);
                spans.crossings.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
                let mut winding = windings_before(&spans.crossings, windings[number]);
                let mut from = f64::NEG_INFINITY;
                for at in 0..=spans.crossings.len() {
                    let (to, change) = spans.crossings.get(at).copied().unwrap_or((f64::INFINITY, 0));
                    let (low, high) = (from.max(line.low), to.min(line.high));
                    if winding > 0 && low < high {
                        spans.found.push((low, high));
                    }
                    winding += change;
                    from = to;
                }
            }
            Self::Within { bands, by_line, distance_m } => {
                for at in by_line.line(number) {
                    if let Some((low, high)) = line.near(&bands[*at as usize], *distance_m) {
                        let (low, high) = (low.max(line.low), high.min(line.high));
                        if low < high {
                            spans.found.push((low, high));
                        }
                    }
                }
                join(&mut spans.found, start);
            }
            Self::All(parts) => {
                let Some((first, others)) = parts.split_first() else {
                    spans.found.push((line.low, line.high));
                    return;
                };
                first.find(number, line, spans);
                for part in others {
                    let middle = spans.found.len();
                    if middle == start {
                        return;
                    }
                    part.find(number, line, spans);
                    intersect(&mut spans.found, start, middle);
                }
            }
            Self::Any(parts) => {
                for part in parts {
                    part.find(number, line, spans);
                }
                join(&mut spans.found, start);
            }
        }
    }
}

/// Windings before the first crossing, from those at 0; where these are not known, the least that is possible.
fn windings_before(crossings: &[(f64, i32)], at_middle: Option<i32>) -> i32 {
    if let Some(windings) = at_middle {
        return windings - crossings.iter().take_while(|(at, _)| *at <= 0.0).map(|(_, change)| change).sum::<i32>();
    }
    let (mut windings, mut least) = (0, 0);
    for (_, change) in crossings {
        windings += change;
        least = least.min(windings);
    }
    -least
}

fn windings_at_lines(stretches: &[Stretch], at_middle: Option<i32>, fan: &Fan) -> Vec<Option<i32>> {
    let Order::Across { at, spine, .. } = &fan.order else { return vec![at_middle; LINES] };
    let mut crossings: Vec<(f64, i32)> = stretches.iter().filter_map(|stretch| spine.crossing(stretch)).collect();
    if crossings.is_empty() {
        return vec![at_middle; LINES];
    }
    crossings.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut windings = windings_before(&crossings, at_middle);
    let mut passed = crossings.iter().peekable();
    at.iter()
        .map(|v| {
            while let Some((_, change)) = passed.next_if(|(at, _)| at <= v) {
                windings += change;
            }
            Some(windings)
        })
        .collect()
}

/// Makes the intervals from `start` on disjoint and ordered.
fn join(spans: &mut Vec<(f64, f64)>, start: usize) {
    if spans.len() < start + 2 {
        return;
    }
    spans[start..].sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut last = start;
    for next in start + 1..spans.len() {
        if spans[next].0 <= spans[last].1 {
            spans[last].1 = spans[last].1.max(spans[next].1);
        } else {
            last += 1;
            spans[last] = spans[next];
        }
    }
    spans.truncate(last + 1);
}

/// Replaces the intervals from `start` on by what is common to those before and from `middle` on.
fn intersect(spans: &mut Vec<(f64, f64)>, start: usize, middle: usize) {
    let end = spans.len();
    let (mut one, mut other) = (start, middle);
    while one < middle && other < end {
        let (low, high) = (spans[one].0.max(spans[other].0), spans[one].1.min(spans[other].1));
        if low < high {
            spans.push((low, high));
        }
        if spans[one].1 < spans[other].1 {
            one += 1;
        } else {
            other += 1;
        }
    }
    spans.drain(start..end);
}

fn distance_to_origin(stretch: &Stretch) -> f64 {
    let d = [stretch.to[0] - stretch.from[0], stretch.to[1] - stretch.from[1]];
    let square = dot(d, d);
    let part = if square > 0.0 { (-dot(stretch.from, d) / square).clamp(0.0, 1.0) } else { 0.0 };
    hypot([stretch.from[0] + d[0] * part, stretch.from[1] + d[1] * part])
}

/// Standard normal quantile, within 5e-4 (Abramowitz and Stegun, 26.2.23).
fn quantile(p: f64) -> f64 {
    let t = (-2.0 * p.min(1.0 - p).ln()).sqrt();
    let x =
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    if p < 0.5 { -x } else { x }
}

fn cross(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

fn dot(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}
