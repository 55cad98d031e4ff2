//! Lines and areas from GeoJSON (RFC 7946).

use super::LonLat;

/// What a GeoJSON text holds.
#[derive(Clone, Debug)]
pub enum Shape {
    /// LineString or MultiLineString: vertices, part by part.
    Line(Vec<Vec<LonLat>>),
    /// Polygon or MultiPolygon: polygons of rings.
    Area(Vec<Vec<Vec<LonLat>>>),
}

/// A geometry that cannot be used, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ShapeFault {
    /// Feature, part or polygon, ring, vertex and coordinate, as far as they are known.
    pub place: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Reads one geometry: bare, in a Feature, or all those of one sort in a FeatureCollection or GeometryCollection.
///
/// Every fault that is found is returned, not only the first.
pub fn parse_geojson(text: &str) -> Result<Shape, Vec<ShapeFault>> {
    let _ = text;
    todo!()
}
