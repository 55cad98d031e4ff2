//! Places labels so that they do not lie over one another.

use std::fmt::Write;

use super::escaped;
use super::frame::Point;

/// Side of a cell of the occupied sheet in pixels.
const CELL: f64 = 3.0;

#[derive(Clone, Copy)]
struct Rect {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

/// Labels that have been placed, and the cells of the box that they must keep clear of.
pub(super) struct Labels {
    within: Rect,
    columns: usize,
    rows: usize,
    taken: Vec<bool>,
    svg: String,
}

impl Labels {
    /// No labels yet, for a box of (left, top, width, height).
    pub(super) fn new((left, top, width, height): (f64, f64, f64, f64)) -> Self {
        let within = Rect { left, top, right: left + width, bottom: top + height };
        let (columns, rows) = ((width / CELL).ceil() as usize, (height / CELL).ceil() as usize);
        Self { within, columns, rows, taken: vec![false; columns * rows], svg: String::new() }
    }

    /// Keeps labels off a point.
    pub(super) fn keep_clear(&mut self, (x, y): Point, radius: f64) {
        self.take(Rect { left: x - radius, top: y - radius, right: x + radius, bottom: y + radius });
    }

    fn take(&mut self, rect: Rect) {
        let (columns, rows) = self.cells(rect);
        for row in rows {
            for column in columns.clone() {
                if let Some(cell) = self.taken.get_mut(row * self.columns + column) {
                    *cell = true;
                }
            }
        }
    }

    /// Square pixels of the rectangle that are taken, or outside the box, which counts tenfold.
    fn covered(&self, rect: Rect) -> f64 {
        let (columns, rows) = self.cells(rect);
        let mut taken = 0_usize;
        for row in rows {
            for column in columns.clone() {
                taken += usize::from(self.taken.get(row * self.columns + column).is_some_and(|cell| *cell));
            }
        }
        let inside = |low: f64, high: f64, from: f64, to: f64| (high.min(to) - low.max(from)).max(0.0);
        let shown = inside(rect.left, rect.right, self.within.left, self.within.right)
            * inside(rect.top, rect.bottom, self.within.top, self.within.bottom);
        let outside = (rect.right - rect.left) * (rect.bottom - rect.top) - shown;
        taken as f64 * CELL * CELL + 10.0 * outside
    }

    /// The columns and rows of the box that a rectangle touches.
    fn cells(&self, rect: Rect) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        // A float below 0 becomes 0.
        let cell = |value: f64, origin: f64, most: usize| (((value - origin) / CELL) as usize).min(most);
        let columns =
            cell(rect.left, self.within.left, self.columns)..cell(rect.right + CELL, self.within.left, self.columns);
        let rows = cell(rect.top, self.within.top, self.rows)..cell(rect.bottom + CELL, self.within.top, self.rows);
        (columns, rows)
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
                let cost = 0.4 * self.covered(rect) + ring as f64 * 10.0 + turn as f64 * 0.5;
                if best.is_none_or(|(least, _)| cost < least) {
                    best = Some((cost, rect));
                }
            }
        }
        let Some((_, rect)) = best else { return };
        let near = (x.clamp(rect.left, rect.right), y.clamp(rect.top, rect.bottom));
        if (near.0 - x).hypot(near.1 - y) > clear + 12.0 {
            let _ = writeln!(
                self.svg,
                r#"<line class="leader" x1="{x:.1}" y1="{y:.1}" x2="{:.1}" y2="{:.1}"/>"#,
                near.0, near.1
            );
        }
        self.write(rect, text, class, size);
    }

    /// Writes `text` anywhere in the box where `fits` says how well its corners and middle lie; the least is taken.
    pub(super) fn place_where(&mut self, text: &str, class: &str, size: f64, fits: impl Fn(&[Point]) -> Option<f64>) {
        const STEP: f64 = 14.0;
        let width = text.chars().count() as f64 * size * 0.56;
        let mut best: Option<(f64, Rect)> = None;
        let mut top = self.within.top + STEP;
        while top + size < self.within.bottom - STEP {
            let mut left = self.within.left + STEP;
            while left + width < self.within.right - STEP {
                let rect = Rect { left, top, right: left + width, bottom: top + size };
                let middle = (left + width / 2.0, top + size / 2.0);
                let points = [middle, (left, top), (rect.right, top), (left, rect.bottom), (rect.right, rect.bottom)];
                if let Some(cost) = fits(&points) {
                    let cost = cost + self.covered(rect);
                    if best.is_none_or(|(least, _)| cost < least) {
                        best = Some((cost, rect));
                    }
                }
                left += STEP;
            }
            top += STEP;
        }
        if let Some((_, rect)) = best {
            self.write(rect, text, class, size);
        }
    }

    fn write(&mut self, rect: Rect, text: &str, class: &str, size: f64) {
        let width = rect.right - rect.left;
        self.take(rect);
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
