//! Points from CSV or JSON Lines, one a line.

use std::io::{BufRead, Read};

use serde::Deserialize;
use truceline_core::geometry::LonLat;
use truceline_core::time::Time;

/// Longest line.
const MAX_LINE: u64 = 64 << 10;

/// One point of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) position: LonLat,
    /// 95 % radius in metres; 0 when exactly known.
    pub(super) hacc_m: f64,
    pub(super) time: Option<Time>,
}

#[derive(Deserialize)]
struct JsonPoint {
    lat: f64,
    lon: f64,
    hacc_m: Option<f64>,
    time: Option<Time>,
}

/// How the lines are written, known from the first one.
#[derive(Clone, Debug)]
enum Form {
    Unknown,
    Json,
    Csv(Columns),
}

/// Where a CSV line holds what.
#[derive(Clone, Debug, Default)]
struct Columns {
    separator: u8,
    lat: usize,
    lon: usize,
    hacc_m: Option<usize>,
    time: Option<usize>,
}

/// Points line by line; an error names the line.
pub(super) struct Points<R> {
    input: R,
    line: u64,
    text: Vec<u8>,
    form: Form,
}

impl<R: BufRead> Points<R> {
    pub(super) const fn new(input: R) -> Self {
        Self { input, line: 0, text: Vec::new(), form: Form::Unknown }
    }

    /// The next line's point; `None` for a header or an empty line.
    fn point(&mut self) -> Result<Option<Point>, String> {
        let text = std::str::from_utf8(&self.text).map_err(|_| "is not UTF-8; save the file as UTF-8".to_owned())?;
        let text = if self.line == 1 { text.trim_start_matches('\u{feff}') } else { text }.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if matches!(self.form, Form::Unknown) {
            if text.starts_with('{') {
                self.form = Form::Json;
            } else {
                let (columns, is_header) = columns(text)?;
                self.form = Form::Csv(columns);
                if is_header {
                    return Ok(None);
                }
            }
        }
        match &self.form {
            Form::Csv(columns) => csv_point(text, columns),
            Form::Json | Form::Unknown => json_point(text),
        }
        .map(Some)
    }
}

impl<R: BufRead> Iterator for Points<R> {
    type Item = Result<Point, String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.text.clear();
            self.line += 1;
            match (&mut self.input).take(MAX_LINE).read_until(b'\n', &mut self.text) {
                Ok(0) => return None,
                Ok(length) if length as u64 == MAX_LINE && self.text.last() != Some(&b'\n') => {
                    return Some(Err(format!("line {}: longer than {MAX_LINE} bytes; one point a line", self.line)));
                }
                Ok(_) => {}
                Err(error) => return Some(Err(format!("line {}: cannot be read: {error}", self.line))),
            }
            match self.point() {
                Ok(None) => {}
                Ok(Some(point)) => return Some(Ok(point)),
                Err(message) => return Some(Err(format!("line {}: {message}", self.line))),
            }
        }
    }
}

fn json_point(text: &str) -> Result<Point, String> {
    let point: JsonPoint = serde_json::from_str(text).map_err(|error| error.to_string())?;
    checked(point.lat, point.lon, point.hacc_m.unwrap_or(0.0), point.time)
}

/// The columns by the first line, and whether that is a header.
fn columns(first: &str) -> Result<(Columns, bool), String> {
    let separator = [b',', b';', b'\t'].into_iter().find(|sign| first.as_bytes().contains(sign)).unwrap_or(b',');
    let names = fields(first, separator);
    if names.first().is_some_and(|name| name.parse::<f64>().is_ok()) {
        return Ok((Columns { separator, lat: 0, lon: 1, hacc_m: Some(2), time: Some(3) }, false));
    }
    let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let needed = |wanted: &str| {
        place(wanted).ok_or_else(|| format!("the header has no column {wanted}; write lat,lon[,hacc_m][,time]"))
    };
    let columns =
        Columns { separator, lat: needed("lat")?, lon: needed("lon")?, hacc_m: place("hacc_m"), time: place("time") };
    Ok((columns, true))
}

fn csv_point(text: &str, columns: &Columns) -> Result<Point, String> {
    let fields = fields(text, columns.separator);
    let number = |name: &str, place: usize| match fields.get(place) {
        Some(field) => field.parse::<f64>().map_err(|_| format!("{name} '{}' is not a number", shown(field))),
        None => Err(format!("has {} field{}, none for {name}", fields.len(), if fields.len() == 1 { "" } else { "s" })),
    };
    let given = |place: Option<usize>| place.and_then(|place| fields.get(place)).filter(|field| !field.is_empty());
    let hacc_m = match given(columns.hacc_m) {
        Some(field) => field.parse().map_err(|_| format!("hacc_m '{}' is not a number", shown(field)))?,
        None => 0.0,
    };
    let time = match given(columns.time) {
        Some(field) => Some(field.parse::<Time>().map_err(|error| error.to_string())?),
        None => None,
    };
    checked(number("lat", columns.lat)?, number("lon", columns.lon)?, hacc_m, time)
}

fn checked(lat: f64, lon: f64, hacc_m: f64, time: Option<Time>) -> Result<Point, String> {
    if !(-90.0..=90.0).contains(&lat) {
        let hint = if (-90.0..=90.0).contains(&lon) { "; are lat and lon swapped?" } else { "" };
        return Err(format!("lat {lat} is out of range [-90, 90]{hint}"));
    }
    let position = LonLat::new(lon, lat).ok_or_else(|| format!("lon {lon} is out of range [-180, 180]"))?;
    if !(hacc_m >= 0.0 && hacc_m.is_finite()) {
        return Err(format!("hacc_m {hacc_m} is no radius; it is in metres and not negative"));
    }
    Ok(Point { position, hacc_m, time })
}

/// A field from the input, so short that it can be shown.
fn shown(field: &str) -> String {
    field.chars().take(40).collect()
}

/// The fields of a CSV line; a quoted one may hold separators, not line ends.
fn fields(line: &str, separator: u8) -> Vec<&str> {
    let mut fields = Vec::with_capacity(4);
    let mut start = 0;
    let mut quoted = false;
    for (place, byte) in line.bytes().enumerate() {
        if byte == b'"' {
            quoted = !quoted;
        } else if byte == separator && !quoted {
            fields.push(&line[start..place]);
            start = place + 1;
        }
    }
    fields.push(&line[start..]);
    for field in &mut fields {
        *field = field.trim().trim_matches('"').trim();
    }
    fields
}
