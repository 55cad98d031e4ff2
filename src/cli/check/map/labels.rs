//! Places labels so that they do not lie over one another.

use std::fmt::Write;

use super::escaped;
use super::frame::Point;

#[derive(Clone, Copy)]
struct Rect {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Rect {
    fn overlap(self, other: Self) -> f64 {
        let across = (self.right.min(other.right) - self.left.max(other.left)).max(0.0);
        let down = (self.bottom.min(other.bottom) - self.top.max(other.top)).max(0.0);
        across * down
    }
}

/// Labels that have been placed, and what they must keep clear of.
pub(super) struct Labels {
    within: Rect,
    taken: Vec<Rect>,
    svg: String,
}

impl Labels {
    /// No labels yet, for a box of (left, top, width, height).
    pub(super) fn new((left, top, width, height): (f64, f64, f64, f64)) -> Self {
        let within = Rect { left, top, right: left + width, bottom: top + height };
        Self { within, taken: Vec::new(), svg: String::new() }
    }

    /// Keeps labels off a point.
    pub(super) fn keep_clear(&mut self, (x, y): Point, radius: f64) {
        self.taken.push(Rect { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius });
    }

    /// Keeps labels off a line.
    pub(super) fn keep_clear_of_line(&mut self, points: &[Point]) {
        for pair in points.windows(2) {
            let [from, to] = pair else { continue };
            let steps = ((to.0 - from.0).hypot(to.1 - from.1) / 8.0).ceil().clamp(1.0, 500.0);
            for step in 0..=steps as usize {
                let part = step as f64 / steps;
                self.keep_clear((from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part), 2.5);
            }
        }
    }

    /// Writes `text` as near to a point as there is room, with a thin leader where it is far.
    pub(super) fn place(&mut self, (x, y): Point, clear: f64, text: &str, class: &str, size: f64) {
        let width = text.chars().count() as f64 * size * 0.56;
        let mut best: Option<(f64, Rect)> = None;
        for (ring, far) in [0.0, 10.0, 22.0, 36.0, 54.0].into_iter().enumerate() {
            let reach = clear + 3.0 + far;
            for (turn, angle) in [0, 330, 30, 300, 60, 180, 210, 150, 270, 90, 240, 120].into_iter().enumerate() {
                let (sin, cos) = f64::from(angle).to_radians().sin_cos();
                let (px, py) = (x + reach * cos, y + reach * sin);
                let left = px - width * (1.0 - cos) / 2.0;
                let top = py - size * (1.0 - sin) / 2.0;
                let rect = Rect { left, top, right: left + width, bottom: top + size };
                let covered: f64 = self.taken.iter().map(|other| rect.overlap(*other)).sum();
                let outside = width * size - rect.overlap(self.within);
                let cost = covered + 10.0 * outside + (ring * 12 + turn) as f64 * 0.5;
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, rect));
                }
            }
        }
        let Some((_, rect)) = best else { return };
        self.taken.push(rect);
        let near = (x.clamp(rect.left, rect.right), y.clamp(rect.top, rect.bottom));
        if (near.0 - x).hypot(near.1 - y) > clear + 12.0 {
            let _ = writeln!(
                self.svg,
                r#"<line class="leader" x1="{x:.1}" y1="{y:.1}" x2="{:.1}" y2="{:.1}"/>"#,
                near.0, near.1
            );
        }
        let _ = writeln!(
            self.svg,
            r#"<text class="{class}" x="{:.1}" y="{:.1}" font-size="{size}" textLength="{width:.1}" lengthAdjust="spacingAndGlyphs">{}</text>"#,
            rect.left,
            rect.bottom - size * 0.18,
            escaped(text)
        );
    }

    /// The labels as SVG.
    pub(super) fn into_svg(self) -> String {
        self.svg
    }
}
