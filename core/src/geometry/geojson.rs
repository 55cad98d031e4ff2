//! Lines and areas from GeoJSON (RFC 7946).

use serde_json::Value;

use super::LonLat;
use super::repair::{Repair, repair};

/// Vertices of one text at most.
pub const VERTEX_LIMIT: usize = 100_000;
/// Collections within collections at most.
const DEPTH_LIMIT: usize = 16;
/// Faults that are reported at most.
const FAULT_LIMIT: usize = 1_000;

/// What a GeoJSON text holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// LineString or MultiLineString: vertices, part by part.
    Line(Vec<Vec<LonLat>>),
    /// Polygon or MultiPolygon: polygons of rings.
    Area(Vec<Vec<Vec<LonLat>>>),
}

/// A geometry that cannot be used, or that was repaired, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ShapeFault {
    /// Feature, part or polygon, ring, vertex and coordinate, as far as they are known.
    pub place: String,
    /// What is wrong and what to do, or what was done.
    pub message: String,
}

/// As [`read_geojson`], without a word on what was repaired.
pub fn parse_geojson(text: &str) -> Result<Shape, Vec<ShapeFault>> {
    read_geojson(text).map(|(shape, _)| shape)
}

/// Reads one geometry: bare, in a Feature, or all those of one sort in a FeatureCollection or GeometryCollection.
///
/// Every fault that is found is returned (at most 1,000), not only the first. A text holds at most
/// [`VERTEX_LIMIT`] vertices; a third coordinate (height) is read over. Rings may wind either way, and are repaired
/// where that is unambiguous (see [`repair`]): what was done is returned beside the shape. A `crs` member is tolerated
/// where it names WGS84.
pub fn read_geojson(text: &str) -> Result<(Shape, Vec<ShapeFault>), Vec<ShapeFault>> {
    let value: Value = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(value) => value,
        Err(error) => {
            let message = if error.to_string().starts_with("recursion limit") {
                "is nested too deep for GeoJSON".to_owned()
            } else {
                format!("is not JSON ({error}); write one GeoJSON object")
            };
            return Err(vec![ShapeFault { place: "text".to_owned(), message }]);
        }
    };
    let mut reader = Reader::default();
    reader.object(&value, &Place::default(), 0);
    let (polygons, repairs) = if reader.faults.is_empty() { reader.repair() } else { Default::default() };
    let (lines, areas) = (!reader.lines.is_empty(), !reader.areas.is_empty());
    if reader.faults.is_empty() {
        match (lines, areas) {
            (true, true) => {
                reader.fault(&Place::default(), "holds both lines and polygons; keep each sort in a file of its own");
            }
            (false, false) => reader.fault(
                &Place::default(),
                "holds no geometry; give it a LineString, MultiLineString, Polygon or MultiPolygon",
            ),
            _ => {}
        }
    }
    if !reader.faults.is_empty() {
        return Err(reader.faults);
    }
    Ok((if lines { Shape::Line(reader.lines) } else { Shape::Area(polygons) }, repairs))
}

/// Where in the text: the names from the outside in.
#[derive(Clone, Debug, Default)]
struct Place(Vec<String>);

impl Place {
    fn with(&self, name: &str, number: usize) -> Self {
        let mut inner = self.clone();
        inner.0.push(format!("{name} {number}"));
        inner
    }

    fn text(&self) -> String {
        if self.0.is_empty() { "geometry".to_owned() } else { self.0.join(", ") }
    }
}

#[derive(Default)]
struct Reader {
    lines: Vec<Vec<LonLat>>,
    areas: Vec<Vec<Vec<LonLat>>>,
    /// Of each area.
    places: Vec<Place>,
    vertices: usize,
    faults: Vec<ShapeFault>,
}

impl Reader {
    fn fault(&mut self, place: &Place, message: impl Into<String>) {
        self.fault_at(place.text(), message);
    }

    fn fault_at(&mut self, place: String, message: impl Into<String>) {
        if self.faults.len() < FAULT_LIMIT {
            self.faults.push(ShapeFault { place, message: message.into() });
        }
    }

    fn object(&mut self, value: &Value, place: &Place, depth: usize) {
        if depth > DEPTH_LIMIT {
            return self.fault(place, format!("is nested more than {DEPTH_LIMIT} deep; take the collections apart"));
        }
        let Value::Object(object) = value else {
            return self.fault(
                place,
                format!(
                    "is {} where a GeoJSON object is needed; give a geometry, a Feature or a FeatureCollection",
                    sort_of(value)
                ),
            );
        };
        if let Some(crs) = object.get("crs") {
            self.crs(crs, place);
        }
        let Some(sort) = object.get("type").and_then(Value::as_str) else {
            return self.fault(place, "has no `type`; a GeoJSON object names its own");
        };
        match sort {
            "FeatureCollection" => self.members(object.get("features"), "features", "feature", place, depth),
            "GeometryCollection" => self.members(object.get("geometries"), "geometries", "geometry", place, depth),
            "Feature" => match object.get("geometry") {
                // An unlocated feature (RFC 7946, 3.2).
                Some(Value::Null) => {}
                Some(geometry) => self.object(geometry, place, depth + 1),
                None => self.fault(place, "is a Feature without `geometry`"),
            },
            "LineString" | "MultiLineString" | "Polygon" | "MultiPolygon" => match object.get("coordinates") {
                Some(coordinates) => self.geometry(sort, coordinates, place),
                None => self.fault(place, format!("is a {sort} without `coordinates`")),
            },
            "Point" | "MultiPoint" => {
                self.fault(place, format!("is a {sort}, neither a line nor an area; take it out of this file"));
            }
            other => self.fault(
                place,
                format!(
                    "has the type {}; known are LineString, MultiLineString, Polygon, MultiPolygon and their collections",
                    quoted(other)
                ),
            ),
        }
    }

    fn members(&mut self, value: Option<&Value>, key: &str, name: &str, place: &Place, depth: usize) {
        match value {
            Some(Value::Array(members)) => {
                for (number, member) in members.iter().enumerate() {
                    if self.faults.len() >= FAULT_LIMIT {
                        return;
                    }
                    self.object(member, &place.with(name, number), depth + 1);
                }
            }
            _ => self.fault(place, format!("has no array `{key}`")),
        }
    }

    /// RFC 7946 took `crs` out of GeoJSON; files that still name WGS84 mean what we mean.
    fn crs(&mut self, crs: &Value, place: &Place) {
        let name = crs.pointer("/properties/name").and_then(Value::as_str).unwrap_or_default();
        let known = ["CRS84", "EPSG:4326", "EPSG::4326", "4979"];
        if !crs.is_null() && !known.iter().any(|known| name.to_ascii_uppercase().ends_with(known)) {
            self.fault(
                place,
                format!(
                    "has the crs {}; transform it to WGS84 (longitude, latitude) and leave `crs` out",
                    quoted(name)
                ),
            );
        }
    }

    fn geometry(&mut self, sort: &str, coordinates: &Value, place: &Place) {
        let Value::Array(outer) = coordinates else {
            return self.fault(place, format!("has {} as `coordinates`, not an array", sort_of(coordinates)));
        };
        match sort {
            "LineString" => self.line(outer, place),
            "MultiLineString" => {
                for (number, part) in outer.iter().enumerate() {
                    let place = place.with("part", number);
                    match part {
                        Value::Array(part) => self.line(part, &place),
                        other => self.fault(&place, format!("is {}, not an array of positions", sort_of(other))),
                    }
                }
            }
            "Polygon" => self.polygon(outer, place),
            _ => {
                for (number, polygon) in outer.iter().enumerate() {
                    let place = place.with("polygon", number);
                    match polygon {
                        Value::Array(rings) => self.polygon(rings, &place),
                        other => self.fault(&place, format!("is {}, not an array of rings", sort_of(other))),
                    }
                }
            }
        }
    }

    fn line(&mut self, positions: &[Value], place: &Place) {
        let before = self.faults.len();
        let Some(line) = self.positions(positions, place) else { return };
        if self.faults.len() > before {
            return;
        }
        if line.iter().all(|position| Some(position) == line.first()) {
            return self.fault(place, "needs at least two different positions; add one or leave the line out");
        }
        self.lines.push(line);
    }

    fn polygon(&mut self, rings: &[Value], place: &Place) {
        let before = self.faults.len();
        if rings.is_empty() {
            return self.fault(place, "has no ring; give it an outer ring");
        }
        let mut polygon = Vec::new();
        for (number, ring) in rings.iter().enumerate() {
            let place = place.with("ring", number);
            let Value::Array(positions) = ring else {
                self.fault(&place, format!("is {}, not an array of positions", sort_of(ring)));
                continue;
            };
            let valid_before = self.faults.len();
            let Some(ring) = self.positions(positions, &place) else { return };
            if self.faults.len() == valid_before {
                polygon.push(ring);
            }
        }
        if self.faults.len() == before {
            self.areas.push(polygon);
            self.places.push(place.clone());
        }
    }

    /// The positions of a line or ring; `None` once the text has too many.
    fn positions(&mut self, values: &[Value], place: &Place) -> Option<Vec<LonLat>> {
        let within = self.vertices <= VERTEX_LIMIT;
        self.vertices += values.len();
        if self.vertices > VERTEX_LIMIT {
            if within {
                self.fault(
                    place,
                    format!("brings the text over {VERTEX_LIMIT} vertices; simplify it or divide it into files"),
                );
            }
            return None;
        }
        let mut positions = Vec::with_capacity(values.len());
        for (vertex, value) in values.iter().enumerate() {
            match position(value) {
                Ok(position) => positions.push(position),
                Err((shown, message)) => {
                    self.fault_at(format!("{}, vertex {vertex}{shown}", place.text()), message);
                }
            }
        }
        Some(positions)
    }

    /// The polygons as they can be used, and what was done to them.
    fn repair(&mut self) -> (Vec<Vec<Vec<LonLat>>>, Vec<ShapeFault>) {
        if self.areas.is_empty() {
            return Default::default();
        }
        match repair(&self.areas) {
            Ok(repaired) => (repaired.polygons, repaired.repairs.into_iter().map(|repair| self.told(repair)).collect()),
            Err(faults) => {
                for fault in faults {
                    let ShapeFault { place, message } = self.told(fault);
                    self.fault_at(place, message);
                }
                Default::default()
            }
        }
    }

    fn told(&self, Repair { polygon, ring, vertex, position, what }: Repair) -> ShapeFault {
        let ring = self.places.get(polygon).map_or_else(Place::default, |place| place.with("ring", ring));
        let place = match position {
            Some(position) => format!("{}, vertex {vertex} ({}, {})", ring.text(), position.lon, position.lat),
            None => ring.text(),
        };
        ShapeFault { place, message: what }
    }
}

/// A position, or how to show it and what is wrong.
fn position(value: &Value) -> Result<LonLat, (String, String)> {
    let Value::Array(numbers) = value else {
        return Err((String::new(), format!("is {}, not a position [longitude, latitude]", sort_of(value))));
    };
    let (Some(lon), Some(lat)) = (numbers.first().and_then(Value::as_f64), numbers.get(1).and_then(Value::as_f64))
    else {
        return Err((String::new(), "is not a position; write [longitude, latitude] as two numbers".to_owned()));
    };
    LonLat::new(lon, lat).ok_or_else(|| {
        let swapped = if lon.abs() <= 90.0 && lat.abs() <= 180.0 {
            "; latitude and longitude seem to be swapped, GeoJSON puts longitude first"
        } else {
            "; are these degrees of WGS84? Projected coordinates must be transformed"
        };
        (
            format!(" ({lon}, {lat})"),
            format!("is out of range: longitude in [-180, 180], latitude in [-90, 90]{swapped}"),
        )
    })
}

fn sort_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A word from the text, so short that it can be shown.
fn quoted(word: &str) -> String {
    format!("'{}'", word.chars().take(40).collect::<String>())
}
