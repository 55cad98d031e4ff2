//! Points from CSV or JSON Lines, one a line.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use truceline_core::geometry::LonLat;
use truceline_core::time::Time;

use crate::cli::failure::json_fault;

/// Longest line.
const MAX_LINE: u64 = 64 << 10;

/// The names of what a point consists of.
const KNOWN: [&str; 4] = ["lat", "lon", "hacc_m", "time"];

/// One point of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) position: LonLat,
    /// 95 % radius in metres; 0 when exactly known.
    pub(super) hacc_m: f64,
    pub(super) time: Option<Time>,
}

/// The keys of an object in the order in which they stand, each with its value as written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object such as {\"lat\":48.02,\"lon\":37.81}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(4);
                while let Some(member) = object.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
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
    unused: BTreeSet<String>,
}

impl<R: BufRead> Points<R> {
    pub(super) const fn new(input: R) -> Self {
        Self { input, line: 0, text: Vec::new(), form: Form::Unknown, unused: BTreeSet::new() }
    }

    /// Names of columns or keys that the input has so far and nothing is made of.
    pub(super) const fn unused(&self) -> &BTreeSet<String> {
        &self.unused
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
                let (columns, is_header) = columns(text, &mut self.unused)?;
                self.form = Form::Csv(columns);
                if is_header {
                    return Ok(None);
                }
            }
        }
        match &self.form {
            Form::Csv(columns) => csv_point(text, columns),
            Form::Json | Form::Unknown => json_point(text, &mut self.unused),
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

/// More unused names than these are not kept: keys may be made up anew for each point.
const MAX_UNUSED: usize = 20;

/// Keeps a name that nothing is made of; refuses one that may be meant for one of `absent`.
fn set_aside(name: &str, absent: &[&str], unused: &mut BTreeSet<String>) -> Result<(), String> {
    let lower = name.to_lowercase();
    for wanted in absent {
        let is_near = match *wanted {
            // A vertical accuracy is something else.
            "hacc_m" => {
                !lower.starts_with('v')
                    && (lower.contains("acc_")
                        || lower.ends_with("acc")
                        || lower.contains("accuracy")
                        || is_close(&lower, wanted))
            }
            "time" => ["timestamp", "datetime", "time_utc"].contains(&lower.as_str()) || is_close(&lower, wanted),
            "lat" => lower == "latitude",
            _ => ["lng", "long", "longitude"].contains(&lower.as_str()),
        };
        if is_near {
            return Err(format!("'{}' is not known; did you mean {wanted}?", shown(name)));
        }
    }
    if unused.len() < MAX_UNUSED && !unused.contains(name) {
        unused.insert(shown(name));
    }
    Ok(())
}

/// One letter is missing, too many, or another.
fn is_close(name: &str, wanted: &str) -> bool {
    let (name, wanted): (Vec<char>, Vec<char>) = (name.chars().collect(), wanted.chars().collect());
    let same = name.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
    let (rest, other) = (&name[same..], &wanted[same..]);
    let without_first = |letters: &[char]| letters.get(1..).map(<[char]>::to_vec);
    name.len() + 1 >= wanted.len()
        && (without_first(rest).as_deref() == Some(other)
            || without_first(other).as_deref() == Some(rest)
            || (!rest.is_empty() && without_first(rest) == without_first(other)))
}

fn json_point(text: &str, unused: &mut BTreeSet<String>) -> Result<Point, String> {
    let Members(members) = serde_json::from_str(text).map_err(|error| json_fault(&error))?;
    let mut values: [Option<&str>; 4] = [None; 4];
    for (key, value) in &members {
        let Some(place) = KNOWN.iter().position(|known| known == key) else { continue };
        if values[place].replace(value.get()).is_some() {
            return Err(format!("{key} is there twice"));
        }
    }
    if members.len() > values.iter().flatten().count() {
        let absent: Vec<&str> =
            KNOWN.into_iter().zip(values).filter(|(_, value)| value.is_none()).map(|(known, _)| known).collect();
        for (key, _) in members.iter().filter(|(key, _)| !KNOWN.contains(&key.as_str())) {
            set_aside(key, &absent, unused)?;
        }
    }
    let [lat, lon, hacc_m, time] = values.map(|value| value.filter(|text| *text != "null"));
    let number =
        |name: &str, value: &str| value.parse::<f64>().map_err(|_| format!("{name} {} is not a number", shown(value)));
    let needed = |name: &str, value: Option<&str>| {
        number(name, value.ok_or_else(|| format!("has no {name}; write {{\"lat\":..,\"lon\":..}}"))?)
    };
    let hacc_m = hacc_m.map_or(Ok(0.0), |value| number("hacc_m", value))?;
    let time = match time {
        Some(value) if value.starts_with('"') => {
            let text: String = serde_json::from_str(value).map_err(|error| json_fault(&error))?;
            Some(text.parse::<Time>().map_err(|error| error.to_string())?)
        }
        Some(value) => return Err(format!("time {} is not a text in quotes", shown(value))),
        None => None,
    };
    checked(needed("lat", lat)?, needed("lon", lon)?, hacc_m, time)
}

/// The columns by the first line, and whether that is a header.
fn columns(first: &str, unused: &mut BTreeSet<String>) -> Result<(Columns, bool), String> {
    let separator = [b',', b';', b'\t'].into_iter().find(|sign| first.as_bytes().contains(sign)).unwrap_or(b',');
    let names = fields(first, separator);
    if names.first().is_some_and(|name| name.parse::<f64>().is_ok()) {
        return Ok((Columns { separator, lat: 0, lon: 1, hacc_m: Some(2), time: Some(3) }, false));
    }
    let place = |wanted: &str| names.iter().position(|name| name.eq_ignore_ascii_case(wanted));
    let absent: Vec<&str> = KNOWN.into_iter().filter(|known| place(known).is_none()).collect();
    for name in &names {
        if !name.is_empty() && !KNOWN.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            set_aside(name, &absent, unused)?;
        }
    }
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
