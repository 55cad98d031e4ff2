//! GeoJSON in, shapes or faults out.

#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use truceline_core::geometry::{Area, LineIndex, LonLat, Shape, parse_geojson};

fn faults(text: &str) -> Vec<String> {
    match parse_geojson(text) {
        Ok(shape) => panic!("accepted as {shape:?}"),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

fn parts(text: &str) -> usize {
    match parse_geojson(text) {
        Ok(Shape::Line(parts)) => parts.len(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_line_is_read_bare_in_a_feature_and_in_collections() {
    let line = r#"{"type":"LineString","coordinates":[[37,48],[37.5,48,120]]}"#;
    let feature = format!(r#"{{"type":"Feature","properties":{{"a":1}},"geometry":{line}}}"#);
    assert_eq!(parts(line), 1);
    assert_eq!(parts(&format!("\u{feff}{feature}")), 1);
    let none = r#"{"type":"Feature","properties":null,"geometry":null}"#;
    assert_eq!(parts(&format!(r#"{{"type":"FeatureCollection","features":[{feature},{none},{feature}]}}"#)), 2);
    assert_eq!(parts(&format!(r#"{{"type":"GeometryCollection","geometries":[{line},{line},{line}]}}"#)), 3);
    assert_eq!(parts(r#"{"type":"MultiLineString","coordinates":[[[1,2],[3,4]],[[5,6],[7,8]]]}"#), 2);
}

#[test]
fn every_fault_is_told_with_its_feature_ring_vertex_and_coordinate() {
    let told = faults(
        r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]}},
            {"type":"Feature","geometry":{"type":"MultiPolygon","coordinates":[
                [[[0,0],[1,0],[1,1],[0,0]]],
                [[[0,0],[1,0],[1,1],[0,1]], 5, [[48,137.8],[1,0],["x",1]]]
            ]}},
            {"type":"Circle"}, 7
        ]}"#,
    );
    for wanted in [
        "feature 0: is a Point",
        "feature 1, polygon 1, ring 1: is a number, not an array of positions",
        "feature 1, polygon 1, ring 2, vertex 0 (48, 137.8): is out of range",
        "swapped",
        "feature 1, polygon 1, ring 2, vertex 2: is not a position",
        "feature 2: has the type 'Circle'",
        "feature 3: is a number",
    ] {
        assert!(told.iter().any(|fault| fault.contains(wanted)), "'{wanted}' is not among {told:#?}");
    }
}

#[test]
fn a_ring_that_crosses_itself_or_another_is_told_with_both_edges() {
    let bow = faults(r#"{"type":"Polygon","coordinates":[[[0,0],[1,1],[1,0],[0,1],[0,0]]]}"#);
    assert_eq!(bow.len(), 1, "{bow:?}");
    assert!(bow[0].starts_with("ring 0, vertex 0 (0, 0): the ring crosses itself"), "{bow:?}");
    assert!(bow[0].contains("(0.5000000, 0.5000000)") && bow[0].contains("vertex 2 (1, 0)"), "{bow:?}");
    let hole =
        faults(r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[3,1],[5,1],[5,2],[3,2],[3,1]]]}"#);
    assert!(
        hole[0].starts_with("ring 1, vertex 0 (3, 1): the hole crosses its outer ring 0 on the edge from here"),
        "{hole:?}"
    );
    assert!(hole[0].contains("at (4.0000000, 1.0000000)") && hole.len() == 1, "{hole:?}");
    let collapsed = faults(
        r#"{"type":"FeatureCollection","features":[{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[1,0],[0,0]]]}}]}"#,
    );
    assert!(collapsed[0].starts_with("feature 0, ring 0, vertex 0 (0, 0): encloses nothing"), "{collapsed:?}");
    let across = faults(r#"{"type":"Polygon","coordinates":[[[179,0],[-179,1],[-179,0],[179,1],[179,0]]]}"#);
    assert!(across[0].contains("crosses itself") && across.len() == 1, "{across:?}");
}

#[test]
fn rings_may_touch_wind_either_way_and_have_spikes() {
    for text in [
        // A hole that touches its shell in a vertex.
        r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[4,4],[0,4],[0,0]],[[0,0],[1,2],[2,1],[0,0]]]}"#,
        // Clockwise.
        r#"{"type":"Polygon","coordinates":[[[0,0],[0,4],[4,4],[4,0],[0,0]]]}"#,
        // Out and back on one edge.
        r#"{"type":"Polygon","coordinates":[[[0,0],[4,0],[6,0],[4,0],[4,4],[0,4],[0,0]]]}"#,
    ] {
        match parse_geojson(text) {
            Ok(Shape::Area(polygons)) => assert!(Area::new(polygons).unwrap().contains(LonLat { lon: 3.5, lat: 3.0 })),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn only_a_crs_that_means_wgs84_is_accepted() {
    let with = |name: &str| {
        format!(
            r#"{{"type":"LineString","coordinates":[[1,2],[3,4]],"crs":{{"type":"name","properties":{{"name":"{name}"}}}}}}"#
        )
    };
    assert_eq!(parts(&with("urn:ogc:def:crs:OGC:1.3:CRS84")), 1);
    assert_eq!(parts(&with("EPSG:4326")), 1);
    assert_eq!(parts(&with("urn:ogc:def:crs:EPSG::4326")), 1);
    assert!(faults(&with("EPSG:32637"))[0].contains("transform it to WGS84"));
    assert!(faults(&with("urn:ogc:def:crs:EPSG::3857"))[0].contains("EPSG::3857"));
}

#[test]
fn a_text_that_is_no_geometry_is_refused_in_words() {
    for (text, wanted) in [
        ("", "is not JSON"),
        ("[1,2]", "is an array where a GeoJSON object is needed"),
        ("{}", "has no `type`"),
        (r#"{"type":"FeatureCollection","features":[]}"#, "holds no geometry"),
        (r#"{"type":"Feature"}"#, "without `geometry`"),
        (r#"{"type":"LineString"}"#, "without `coordinates`"),
        (r#"{"type":"LineString","coordinates":[]}"#, "at least two different positions"),
        (r#"{"type":"LineString","coordinates":[[1,2],[1,2]]}"#, "at least two different positions"),
        (r#"{"type":"Polygon","coordinates":[]}"#, "has no ring"),
        (
            r#"{"type":"GeometryCollection","geometries":[{"type":"LineString","coordinates":[[1,2],[3,4]]},
               {"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}]}"#,
            "both lines and polygons",
        ),
    ] {
        let told = faults(text);
        assert!(told[0].contains(wanted), "{text}: {told:?}");
    }
    let deep = r#"{"type":"GeometryCollection","geometries":["#.repeat(30) + &"]}".repeat(30);
    assert!(faults(&deep)[0].contains("nested more than"), "{:?}", faults(&deep));
    assert!(faults(&"[".repeat(100_000))[0].contains("nested too deep"));
}

#[test]
fn too_many_vertices_are_refused() {
    let positions: Vec<String> = (0..100_001).map(|i| format!("[{},0]", f64::from(i) / 1000.0)).collect();
    let told = faults(&format!(r#"{{"type":"LineString","coordinates":[{}]}}"#, positions.join(",")));
    assert!(told[0].contains("over 100000 vertices"), "{:?}", told[0]);
}

/// JSON that looks like GeoJSON until it does not.
fn hostile() -> impl Strategy<Value = String> {
    let number = prop_oneof![
        (-200.0..200.0_f64).prop_map(|x| x.to_string()),
        (-3_i32..3).prop_map(|x| x.to_string()),
        Just("1e308".to_owned()),
        Just("-0.0".to_owned()),
        Just("90".to_owned()),
        Just("180".to_owned()),
        Just("\"x\"".to_owned()),
        Just("null".to_owned()),
    ];
    let leaf = prop::collection::vec(number, 0..4).prop_map(|numbers| format!("[{}]", numbers.join(",")));
    let arrays = leaf.prop_recursive(4, 60, 6, |inner| {
        prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(",")))
    });
    let sorts = prop::sample::select(vec![
        "LineString",
        "MultiLineString",
        "Polygon",
        "MultiPolygon",
        "Feature",
        "FeatureCollection",
        "GeometryCollection",
        "Point",
    ]);
    (sorts, arrays, prop::sample::select(vec!["coordinates", "geometry", "features", "geometries"]))
        .prop_map(|(sort, array, key)| format!(r#"{{"type":"{sort}","{key}":{array}}}"#))
}

proptest! {
    #[test]
    fn hostile_json_never_panics_and_what_is_accepted_can_be_indexed_or_refused(text in hostile(), cut in 0_usize..200) {
        let _ = parse_geojson(&text[..cut.min(text.len())]);
        match parse_geojson(&text) {
            Ok(Shape::Line(parts)) => {
                if let Ok(index) = LineIndex::new(parts) {
                    let finite = index.locate(LonLat { lon: 1.0, lat: 2.0 }).distance_m.is_finite();
                    prop_assert!(finite, "no distance from a line");
                }
            }
            Ok(Shape::Area(polygons)) => {
                if let Ok(area) = Area::new(polygons) {
                    let finite = area.signed_m(LonLat { lon: 1.0, lat: 2.0 }).is_finite();
                    prop_assert!(finite, "no distance from an area");
                }
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}
