//! A line with a version for every day: memory, time to compile, and answers that do not depend on what is indexed.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::borrow::Cow;
use std::fmt::Write;
use std::time::Instant;

use truceline_core::agreement::{Agreement, Bundle, compile, compile_after, warnings};
use truceline_core::geometry::LonLat;
use truceline_core::time::{Span, Time};

const VERTICES: u32 = 3_000;

fn first() -> Time {
    "2024-01-01T00:00:00Z".parse().unwrap()
}

fn noon(day: u32) -> Time {
    first() + Span::from_secs(i64::from(day) * 86_400 + 43_200)
}

/// Inside, 0.002 degrees a day further out; every seventh day as the day before.
fn area(day: u32) -> String {
    let grown = 0.5 + 0.002 * f64::from(day - u32::from(day % 7 == 6));
    let mut ring = String::new();
    for vertex in 0..=VERTICES {
        let turn = -f64::from(vertex % VERTICES) / f64::from(VERTICES) * std::f64::consts::TAU;
        let wave = 1.0 + 0.01 * (turn * 100.0).sin();
        let (sin, cos) = turn.sin_cos();
        let comma = if vertex == 0 { "" } else { "," };
        write!(ring, "{comma}[{:.9},{:.9}]", 37.0 + grown * wave * cos, 48.0 + grown * wave * sin).unwrap();
    }
    format!("{{\"type\":\"Polygon\",\"coordinates\":[[{ring}]]}}")
}

fn bundle(days: u32) -> Bundle {
    let mut terms = "id = \"daily\"\n[[rule]]\nid = \"s\"\nkind = \"silence\"\n".to_owned();
    let mut bundle = Bundle::default();
    for day in 0..days {
        let start = first() + Span::from_secs(i64::from(day) * 86_400);
        let end = start + Span::from_secs(86_400);
        write!(
            terms,
            "[[line]]\nid = \"control\"\nfile = \"{day}.geojson\"\nvalid_from = \"{start}\"\nvalid_to = \"{end}\"\n"
        )
        .unwrap();
        let mut text = area(day);
        text.shrink_to_fit();
        bundle.files.insert(format!("{day}.geojson"), text);
    }
    bundle.files.insert(Bundle::TERMS.to_owned(), terms);
    bundle
}

/// The most bytes of this process that were resident at once.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() * 1_024
}

/// Metres inside the area along the parallel of its middle.
fn inside_m(agreement: &Agreement, day: u32) -> f64 {
    let position = LonLat::new(37.5, 48.0).unwrap();
    agreement.primary_line(noon(day)).unwrap().course().locate(position).signed_m
}

/// One test, so that nothing else is counted.
#[test]
fn a_version_a_day_is_compact_and_answers_alike_in_any_order() {
    let days: u32 = std::env::var("TRUCELINE_TEST_DAYS").ok().and_then(|days| days.parse().ok()).unwrap_or(60);
    let bundle = bundle(days);
    let text = bundle.geometry_bytes();
    let started = Instant::now();
    let agreement = compile_after(Cow::Owned(bundle), None).unwrap();
    let took = started.elapsed();
    let first_pass: Vec<f64> = (0..days).map(|day| inside_m(&agreement, day)).collect();
    let peak = peak();
    eprintln!(
        "{days} days of {VERTICES} vertices: {took:.2?}, at most {} MB resident; the text is {} MB",
        peak / 1_000_000,
        text / 1_000_000
    );
    // The shapes are 50 kB a day, their text is 84 kB; an index kept of every version would be over 1 MB.
    let most = 75_000_000 + u64::from(days) * 95_000;
    assert!(peak < most, "{peak} bytes for {days} days");
    // A new day: only its file is read.
    let next = self::bundle(days + 1);
    let started = Instant::now();
    let later = compile_after(Cow::Borrowed(&next), Some(&agreement)).unwrap();
    let again = started.elapsed();
    eprintln!("the day after: {again:.2?}");
    assert!(later.lines.iter().zip(&agreement.lines).all(|(later, before)| later.has_course_of(before)), "read again");
    let whole = compile(&next).unwrap();
    assert_eq!((&later.hash, warnings(&later, None)), (&whole.hash, warnings(&whole, None)));
    for day in 0..=days {
        assert_eq!(inside_m(&later, day).to_bits(), inside_m(&whole, day).to_bits(), "day {day}");
    }
    drop((later, whole, next));
    let mut day = 0;
    for _ in 0..days {
        day = (day + 37) % days;
        assert_eq!(inside_m(&agreement, day), first_pass[day as usize], "day {day}");
    }
    for pair in [(5, 6), (12, 13)] {
        assert_eq!(first_pass[pair.0], first_pass[pair.1], "a file that was not updated");
        assert_ne!(first_pass[pair.0 - 1], first_pass[pair.0]);
    }
    assert!(agreement.primary_line(first() - Span::from_nanos(1)).is_none());
    assert!(agreement.primary_line(noon(days)).is_none());
    let told: Vec<String> = warnings(&agreement, None).iter().map(ToString::to_string).collect();
    let equal = (0..days).filter(|day| day % 7 == 6).count();
    assert_eq!(
        told,
        [format!(
            "line 'control': the version from 2024-01-07T00:00:00Z equals the one before, and {} more like it: was its file \
             copied or not updated?",
            equal - 1
        )]
    );
}
