//! Points from CSV or JSON Lines, one a line.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use truceline_core::geometry::LonLat;
use truceline_core::spelling::edits;
use truceline_core::time::Time;

use super::stream::MAX_UNUSED;
use crate::cli::failure::json_fault;

/// Half the Earth's circumference: a position less accurate than this is none.
const MAX_HACC_M: f64 = 2.0e7;

/// The names of what a point consists of.
const KNOWN: [&str; 4] = ["lat", "lon", "hacc_m", "time"];

/// One point of the input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) position: LonLat,
    /// 95 % radius in metres, where the point has one; 0 is none.
    pub(super) hacc_m: Option<f64>,
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

/// How the lines are written.
#[derive(Clone, Debug)]
pub(super) enum Form {
    Json,
    Csv(Columns),
}

/// Where a CSV line holds what.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    separator: u8,
    /// How many fields the header has; without one, none has more than this.
    width: usize,
    has_header: bool,
    lat: usize,
    lon: usize,
    hacc_m: Option<usize>,
    time: Option<usize>,
}

/// How the lines are written by the first of them, and whether that is a header.
pub(super) fn form(first: &str, unused: &mut BTreeSet<String>) -> Result<(Form, bool), String> {
    let is_larger = |key: &&str| first.contains(*key) && !first.contains("\"lat\"");
    if first == "{" || first.starts_with('{') && ["\"coordinates\"", "\"FeatureCollection\""].iter().any(is_larger) {
        return Err("is no point but the start of a larger JSON text; give a GeoJSON line or area with --line FILE, and points \
                    as CSV or one {\"lat\":..,\"lon\":..} a line"
            .to_owned());
    }
    if first.starts_with('{') {
        return Ok((Form::Json, false));
    }
    if first.starts_with('[') {
        return Err("is a JSON array; write one object a line, as jq -c '.[]' does".to_owned());
    }
    let (columns, is_header) = columns(first, unused)?;
    Ok((Form::Csv(columns), is_header))
}

/// A line's point; names that nothing is made of are added to `unused`.
pub(super) fn point(text: &str, form: &Form, unused: &mut BTreeSet<String>) -> Result<Point, String> {
    match form {
        Form::Csv(columns) => csv_point(text, columns),
        Form::Json => json_point(text, unused),
    }
}

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
                        || edits(&lower, wanted) == 1)
            }
            "time" => ["timestamp", "datetime", "time_utc"].contains(&lower.as_str()) || edits(&lower, wanted) == 1,
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
    let number = |name: &str, value: &str| value.parse::<f64>().map_err(|_| no_number(name, value));
    let needed = |name: &str, value: Option<&str>| {
        number(name, value.ok_or_else(|| format!("has no {name}; write {{\"lat\":..,\"lon\":..}}"))?)
    };
    let hacc_m = hacc_m.map(|value| number("hacc_m", value)).transpose()?;
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
    let names = fields(first, separator)?;
    if names.first().is_some_and(|name| name.parse::<f64>().is_ok()) {
        let (hacc_m, time) = (Some(2), Some(3));
        return Ok((Columns { separator, width: 4, has_header: false, lat: 0, lon: 1, hacc_m, time }, false));
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
    let columns = Columns {
        separator,
        width: names.len(),
        has_header: true,
        lat: needed("lat")?,
        lon: needed("lon")?,
        hacc_m: place("hacc_m"),
        time: place("time"),
    };
    Ok((columns, true))
}

fn csv_point(text: &str, columns: &Columns) -> Result<Point, String> {
    let fields = fields(text, columns.separator)?;
    // One separator at the end of a row is common, and says nothing.
    let has_end = fields.len() == columns.width + 1 && fields.last().is_some_and(|field| field.is_empty());
    if fields.len() > columns.width && !has_end {
        let most = if columns.has_header { "the header has" } else { "without a header there are at most" };
        let remedy = match columns.separator {
            b',' => "write decimals with a point",
            _ => "give each column a name in the header",
        };
        return Err(format!("'{}' has {} fields, {most} {}; {remedy}", shown(text), fields.len(), columns.width));
    }
    let number = |name: &str, place: usize| match fields.get(place) {
        Some(field) => decimal(name, field),
        None => Err(format!("has {} field{}, none for {name}", fields.len(), if fields.len() == 1 { "" } else { "s" })),
    };
    let given = |place: Option<usize>| place.and_then(|place| fields.get(place)).filter(|field| !field.is_empty());
    let hacc_m = given(columns.hacc_m).map(|field| decimal("hacc_m", field)).transpose()?;
    let time = match given(columns.time) {
        Some(field) => Some(field.parse::<Time>().map_err(|error| error.to_string())?),
        None => None,
    };
    checked(number("lat", columns.lat)?, number("lon", columns.lon)?, hacc_m, time)
}

/// A number in a CSV field.
fn decimal(name: &str, field: &str) -> Result<f64, String> {
    field.parse().map_err(|_| no_number(name, &format!("'{}'", shown(field))))
}

/// What to say of a value that must be a number and is none.
fn no_number(name: &str, value: &str) -> String {
    let has_comma = value.contains(',') && value.trim_matches('\'').replace(',', ".").parse::<f64>().is_ok();
    let remedy = match name {
        _ if has_comma => "write decimals with a point",
        "lat" | "lon" if is_sexagesimal(value) => "write decimal degrees such as 37.81, west and south below 0",
        "hacc_m" => "write metres such as 4.5, or nothing",
        _ => "write degrees such as 37.81",
    };
    format!("{name} {} is not a number; {remedy}", shown(value))
}

/// Whether it looks like degrees and minutes, or has a letter for north, south, east or west.
fn is_sexagesimal(value: &str) -> bool {
    let value = value.trim_matches(['\'', '"']);
    let letters = value.chars().filter(|sign| sign.is_alphabetic()).count();
    value.contains(['°', 'º', '′', '\'', ':'])
        || letters == 1
            && value.contains(|sign: char| "NSEWnsew".contains(sign))
            && value.contains(|sign: char| sign.is_ascii_digit())
}

fn checked(lat: f64, lon: f64, hacc_m: Option<f64>, time: Option<Time>) -> Result<Point, String> {
    if !(-90.0..=90.0).contains(&lat) {
        let is_swapped = (-180.0..=180.0).contains(&lat) && (-90.0..=90.0).contains(&lon);
        let remedy = if is_swapped { "are lat and lon swapped?" } else { "write degrees north" };
        return Err(format!("lat {} is out of range [-90, 90]; {remedy}", short(lat)));
    }
    let position = LonLat::new(lon, lat).ok_or_else(|| {
        format!("lon {} is out of range [-180, 180]; write degrees east, those west below 0", short(lon))
    })?;
    if let Some(hacc_m) = hacc_m.filter(|hacc_m| !(0.0..=MAX_HACC_M).contains(hacc_m)) {
        return Err(format!("hacc_m {} is no radius; write metres, 0 to {MAX_HACC_M}, or nothing", short(hacc_m)));
    }
    Ok(Point { position, hacc_m, time })
}

/// A number, without hundreds of zeros.
fn short(number: f64) -> String {
    if number.abs() < 1e15 { number.to_string() } else { format!("{number:e}") }
}

/// A field from the input, so short that it can be shown.
fn shown(field: &str) -> String {
    field.chars().take(40).collect()
}

/// The fields of a CSV line; a quoted one may hold separators, not line ends.
fn fields(line: &str, separator: u8) -> Result<Vec<&str>, String> {
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
    if quoted {
        return Err("has a quote without its end; a quoted field must not hold a line end".to_owned());
    }
    fields.push(&line[start..]);
    for field in &mut fields {
        *field = field.trim().trim_matches('"').trim();
    }
    Ok(fields)
}
