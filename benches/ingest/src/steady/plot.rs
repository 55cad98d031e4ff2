//! A soak as a picture: memory, handles and latency over time, one below the other.

use std::fmt::Write as _;

use super::trend::Sample;

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 160.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 34.0;

/// What it shows, and where that is in a sample.
type Panel = (&'static str, fn(&Sample) -> f64);

/// An SVG document.
pub fn svg(samples: &[Sample]) -> String {
    let panels: [Panel; 3] = [
        ("resident memory, MB", |sample| sample.rss_mb),
        ("open file handles", |sample| sample.handles),
        ("published until stored, checked and acknowledged, p99 of each interval, ms", |sample| sample.p99_ms),
    ];
    let whole = (TOP + HEIGHT) * panels.len() as f64 + 40.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {whole}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        LEFT + WIDTH + 20.0
    );
    let end = samples.last().map_or(1.0, |sample| sample.at_s).max(1.0);
    for ((name, of), row) in panels.into_iter().zip(0_u8..) {
        let top = TOP + f64::from(row) * (TOP + HEIGHT);
        let most = samples.iter().map(of).fold(1.0, f64::max) * 1.1;
        let points: Vec<String> = samples
            .iter()
            .map(|sample| {
                let (x, y) = (LEFT + sample.at_s / end * WIDTH, top + HEIGHT - of(sample) / most * HEIGHT);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let (bottom, right) = (top + HEIGHT, LEFT + WIDTH);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "<text x=\"{LEFT}\" y=\"{:.0}\">{name}</text>\n\
             <path d=\"M{LEFT} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"#888\"/>\n\
             <text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\">{most:.0}</text>\n\
             <text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">0</text>\n\
             <polyline points=\"{}\" fill=\"none\" stroke=\"#0b5fa5\" stroke-width=\"1.5\"/>",
            top - 8.0,
            LEFT - 6.0,
            top + 10.0,
            LEFT - 6.0,
            points.join(" ")
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\">{end:.0} seconds</text>\n</svg>",
        LEFT + WIDTH,
        whole - 14.0
    );
    text
}
