//! The agreement as its authors meet it: what is understood, every fault, what is warned of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use truceline_core::agreement::{Agreement, Bundle, Extent, RuleKind, Severity, Status, compile, warnings};
use truceline_core::geometry::{LonLat, Side};
use truceline_core::registry::parse_registry;
use truceline_core::time::{Span, Time};

const EXAMPLE: &str = include_str!("../../config/agreements/example/agreement.toml");
const LINE: &str = r#"{"type":"LineString","coordinates":[[37.0,48.0],[37.0,48.5],[37.5,48.5]]}"#;
const SQUARE: &str =
    r#"{"type":"Polygon","coordinates":[[[37.0,48.0],[37.02,48.0],[37.02,48.02],[37.0,48.02],[37.0,48.0]]]}"#;

const EAST: &str =
    r#"{"type":"Polygon","coordinates":[[[37.04,48.0],[37.06,48.0],[37.06,48.02],[37.04,48.02],[37.04,48.0]]]}"#;

fn bundle(terms: &str) -> Bundle {
    let files = [(Bundle::TERMS, terms), ("line.geojson", LINE), ("square.geojson", SQUARE), ("east.geojson", EAST)];
    Bundle { files: files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect() }
}

/// An agreement with a line `main` and the zones `strip` and `square`, and then `more`.
fn terms(more: &str) -> String {
    format!(
        "id = \"test\"\n[[line]]\nid = \"main\"\nfile = \"line.geojson\"\n\
         [[zone]]\nid = \"strip\"\nbuffer_of = \"main\"\ndistance_m = 5000\n\
         [[zone]]\nid = \"square\"\nfile = \"square.geojson\"\n{more}"
    )
}

fn compiled(more: &str) -> Agreement {
    compile(&bundle(&terms(more))).unwrap_or_else(|faults| panic!("{more}: {faults:?}"))
}

fn faults_of(bundle: &Bundle) -> Vec<String> {
    compile(bundle).expect_err("faulty").iter().map(ToString::to_string).collect()
}

fn faults(more: &str) -> Vec<String> {
    let found = faults_of(&bundle(&terms(more)));
    found.iter().map(|fault| fault.strip_prefix("agreement.toml: ").unwrap_or(fault).to_owned()).collect()
}

fn warned(more: &str) -> Vec<String> {
    warnings(&compiled(more), None).iter().map(ToString::to_string).collect()
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

fn example() -> Bundle {
    let mut files = BTreeMap::from([(Bundle::TERMS.to_owned(), EXAMPLE.to_owned())]);
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/agreements/example");
    for name in Bundle::files_named_by(EXAMPLE) {
        files.insert(name.clone(), std::fs::read_to_string(folder.join(&name)).unwrap());
    }
    Bundle { files }
}

#[test]
fn the_example_is_understood_without_faults_and_without_warnings() {
    let agreement = compile(&example()).unwrap();
    assert_eq!(agreement.lines.len(), 1);
    assert_eq!(agreement.zones.len(), 4);
    let kinds: Vec<&str> = agreement.rules.iter().map(|rule| rule.kind.as_str()).collect();
    assert_eq!(kinds, ["no_fire", "crossing", "exclusion_zone", "withdrawal", "tamper", "silence"]);
    assert!(agreement.note.contains("not authoritative"));
    let registry = parse_registry(include_str!("../../config/devices/example.toml")).unwrap();
    assert_eq!(warnings(&agreement, Some(&registry)), []);
}

#[test]
fn the_examples_files_say_that_they_are_not_authoritative() {
    for (name, text) in example().files {
        assert!(text.contains("not authoritative"), "{name}");
    }
}

#[test]
fn the_examples_line_has_the_west_on_its_left_and_its_squares_are_two_by_two_kilometres() {
    let agreement = compile(&example()).unwrap();
    let line = &agreement.lines[0];
    let vertices: usize = line.course().boundary().parts().iter().map(Vec::len).sum();
    assert!((25..=60).contains(&vertices), "{vertices}");
    // Bakhmut is west of it, Donetsk city east.
    for (lon, lat, west) in [(38.00, 48.59, true), (37.80, 48.00, false), (36.3, 47.8, true), (39.3, 48.57, false)] {
        let fix = line.course().locate(truceline_core::geometry::LonLat::new(lon, lat).unwrap());
        assert_eq!(fix.signed_m > 0.0, west, "{lat} {lon}");
    }
    let areas = agreement.zones.iter().filter_map(|zone| match &zone.extent {
        Extent::Area(area) => Some(area.square_m()),
        Extent::Buffer { .. } => None,
    });
    for square_m in areas {
        assert!((square_m - 4e6).abs() < 4e4, "{square_m}");
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let agreement = compiled("[[rule]]\nid = \"f\"\nkind = \"no_fire\"\n[[rule]]\nid = \"s\"\nkind = \"silence\"");
    assert_eq!((agreement.name.as_str(), agreement.note.as_str()), ("test", ""));
    assert_eq!((agreement.status, agreement.late_after), (Status::Actual, Span::from_secs(300)));
    assert_eq!(agreement.lines[0].side_names, ["side A", "side B"]);
    let fire = &agreement.rules[0];
    assert_eq!((fire.severity, fire.threshold, fire.dwell), (Severity::Severe, 0.5, Span::default()));
    assert_eq!(fire.classes.iter().map(String::as_str).collect::<Vec<_>>(), ["explosion", "gunfire", "launch"]);
    assert_eq!(fire.line.as_ref().unwrap().as_str(), "main", "the primary line");
    assert_eq!(agreement.rules[1].kind, RuleKind::Silence { intervals: 3.0, grace: Span::from_secs(120) });
}

#[test]
fn what_is_written_is_understood() {
    let agreement = compile(&bundle(
        "id = \"test\"\nname = \"N\"\nstatus = \"exercise\"\nlate_after_s = 60.5\n\
         [[line]]\nid = \"main\"\nfile = \"line.geojson\"\nside_a = \"north\"\nside_b = \"south\"\n\
         valid_from = 2020-01-01T00:00:00Z\nvalid_to = \"2021-01-01T00:00:00Z\"\n\
         [[line]]\nid = \"main\"\nfile = \"line.geojson\"\nvalid_from = 2021-01-01T00:00:00Z\n\
         [[zone]]\nid = \"left\"\nbuffer_of = \"main\"\ndistance_m = 750.5\nside = \"a\"\n\
         [[rule]]\nid = \"w\"\nkind = \"withdrawal\"\nseverity = \"extreme\"\nsides = [\"b\"]\nthreshold = 0.7\ndwell_s = 5\n\
         cool_down_s = 6\nhours = [\"22:00-06:00\"]\n\
         distances = [{ class = \"artillery\", calibre_min_mm = 100, calibre_max_mm = 130.5, distance_m = 9000 }]\n\
         permitted = [{ areas = [\"left\"], devices = [\"d1\"], hours = [\"06:00-24:00\"] }]\n\
         [[activity]]\nid = \"a\"\nkind = \"demining\"\nareas = [\"left\"]\nfrom = 2021-01-01T00:00:00Z\n\
         to = 2021-01-02T00:00:00Z\nnotified_by = \"x\"\nnotified_at = 2020-12-01T00:00:00Z\n",
    ))
    .unwrap();
    assert_eq!((agreement.status, agreement.late_after.secs_f64()), (Status::Exercise, 60.5));
    let main = "main".parse().unwrap();
    assert_eq!(agreement.line(&main, time("2020-12-31T23:59:59Z")).unwrap().side_names, ["north", "south"]);
    assert_eq!(agreement.line(&main, time("2021-01-01T00:00:00Z")).unwrap().side_names, ["side A", "side B"]);
    assert!(agreement.line(&main, time("2019-12-31T23:59:59Z")).is_none());
    assert!(
        matches!(&agreement.zones[0].extent, Extent::Buffer { distance_m, side: Some(Side::A), .. } if *distance_m == 750.5)
    );
    let rule = &agreement.rules[0];
    assert_eq!((rule.severity, rule.threshold, rule.sides.as_slice()), (Severity::Extreme, 0.7, &[Side::B][..]));
    assert_eq!((rule.dwell, rule.cool_down), (Span::from_secs(5), Span::from_secs(6)));
    assert_eq!((rule.hours[0].from_s, rule.hours[0].to_s), (79_200, 21_600));
    assert_eq!(rule.permitted[0].hours[0].to_s, 86_400);
    let RuleKind::Withdrawal { distances } = &rule.kind else { panic!("{:?}", rule.kind) };
    assert_eq!((distances[0].calibre_min_mm, distances[0].calibre_max_mm), (Some(100.0), Some(130.5)));
    assert_eq!(agreement.activities[0].notified_at, time("2020-12-01T00:00:00Z"));
}

#[test]
fn all_ten_kinds_are_read_without_a_warning() {
    let mut more = String::new();
    for (number, kind) in [
        "no_fire",
        "crossing",
        "exclusion_zone",
        "withdrawal",
        "tamper",
        "silence",
        "no_flight",
        "interference",
        "clock",
        "coverage",
    ]
    .iter()
    .enumerate()
    {
        more.push_str(&format!("[[rule]]\nid = \"r{number}\"\nkind = \"{kind}\"\n"));
        match *kind {
            "exclusion_zone" => more.push_str("areas = [\"square\"]\n"),
            "withdrawal" => more.push_str("distances = [{ class = \"tank\", distance_m = 1000 }]\n"),
            _ => {}
        }
    }
    let agreement = compiled(&more);
    assert_eq!(agreement.rules.len(), 10);
    let warned = warned(&more);
    assert_eq!(warned, Vec::<String>::new());
}

fn rule(lines: &str) -> String {
    format!("[[rule]]\nid = \"r\"\n{lines}")
}

fn activity(lines: &str) -> String {
    format!(
        "[[activity]]\nid = \"a\"\nkind = \"demining\"\nareas = [\"square\"]\nnotified_by = \"x\"\n\
         notified_at = 2020-01-01T00:00:00Z\n{lines}"
    )
}

const DAY: &str = "from = 2021-01-01T00:00:00Z\nto = 2021-01-02T00:00:00Z\n";

#[test]
fn each_fault_of_a_line_or_zone_names_key_value_and_remedy() {
    let line = |lines: &str| format!("[[line]]\nid = \"l\"\n{lines}");
    let zone = |lines: &str| format!("[[zone]]\nid = \"z\"\n{lines}");
    let cases = [
        (line(""), "line 'l': file: is missing; write the name of a GeoJSON file, such as file = \"line.geojson\""),
        (
            line("file = \"gone.geojson\""),
            "line 'l': file: there is no file 'gone.geojson' beside agreement.toml; add it, or correct the name",
        ),
        (
            line("file = \"../line.geojson\""),
            "line 'l': file: '../line.geojson' is not a file name; use letters, digits, '-', '_', '.', at most 100, ending in .geojson, and keep the file beside agreement.toml",
        ),
        (
            line("file = \"line.geojson\"\nside_a = \"x\"\nside_b = \"x\""),
            "line 'l': side_b: 'x' is side A's name too; name the sides apart",
        ),
        (
            line("file = \"line.geojson\"\nside_c = \"x\""),
            "line 'l': side_c: there is no such key; did you mean 'side_a'?",
        ),
        (
            line("file = \"line.geojson\"\nvalid_from = 2021-01-01T00:00:00Z\nvalid_to = 2020-01-01T00:00:00Z"),
            "line 'l': valid_to: 2020-01-01T00:00:00Z is not after valid_from, 2021-01-01T00:00:00Z; correct one of them",
        ),
        (
            "[[line]]\nid = \"main\"\nfile = \"line.geojson\"\nvalid_from = 2021-01-01T00:00:00Z".to_owned(),
            "line 'main': two versions are in force at one time: one version ends at no time, the next starts at 2021-01-01T00:00:00Z; give each a valid_from and valid_to that do not overlap, or another id",
        ),
        (
            zone(""),
            "zone 'z': file: is missing; write file = \"zone.geojson\" for polygons, or buffer_of = \"LINE\" with distance_m for a strip along a line",
        ),
        (
            zone("file = \"square.geojson\"\nbuffer_of = \"main\"\ndistance_m = 1"),
            "zone 'z': file: is there beside buffer_of; a zone has one of the two; write file = \"zone.geojson\" for polygons, or buffer_of = \"LINE\" with distance_m for a strip along a line",
        ),
        (
            zone("file = \"line.geojson\""),
            "zone 'z': file: 'line.geojson' holds a line; a zone needs a Polygon or MultiPolygon. For a strip along a line use buffer_of and distance_m",
        ),
        (
            zone("file = \"square.geojson\"\ndistance_m = 5"),
            "zone 'z': distance_m: belongs to buffer_of; this zone comes from a file, so remove it",
        ),
        (
            zone("buffer_of = \"mane\"\ndistance_m = 5"),
            "zone 'z': buffer_of: there is no line 'mane'; add it as [[line]], or use one of: main",
        ),
        (
            zone("buffer_of = \"main\""),
            "zone 'z': distance_m: is missing; write metres from the line, such as distance_m = 15000",
        ),
        (
            zone("buffer_of = \"main\"\ndistance_m = -5"),
            "zone 'z': distance_m: -5 is out of range; write 1 to 300000, metres from the line",
        ),
        (
            zone("buffer_of = \"main\"\ndistance_m = 5\nside = \"west\""),
            "zone 'z': side: 'west' is not known here; use one of: a, b, both",
        ),
        (
            "[[zone]]\nid = \"square\"\nfile = \"square.geojson\"".to_owned(),
            "zone 'square': two versions are in force at one time: one version ends at no time, the next starts at no time; give each a valid_from and valid_to that do not overlap, or another id",
        ),
    ];
    for (more, wanted) in cases {
        assert_eq!(faults(&more), [wanted], "{more}");
    }
}

#[test]
fn each_fault_of_a_rule_names_key_value_and_remedy() {
    let fire = "kind = \"no_fire\"\n";
    let withdrawal = |distance: &str| format!("kind = \"withdrawal\"\ndistances = [{distance}]");
    let cases = [
        (
            String::new(),
            "rule 'r': kind: is missing; write one of no_fire, crossing, exclusion_zone, withdrawal, tamper, silence, …",
        ),
        (
            "kind = \"no_fires\"\nintervals = 7".to_owned(),
            "rule 'r': kind: 'no_fires' is not known here; did you mean 'no_fire'?",
        ),
        (format!("{fire}treshold = 0.5"), "rule 'r': treshold: there is no such key; did you mean 'threshold'?"),
        (
            format!("{fire}threshold = 1.7"),
            "rule 'r': threshold: 1.7 is out of range; write 0.01 to 0.9999, a probability",
        ),
        (
            format!("{fire}threshold = \"half\""),
            "rule 'r': threshold: \"half\" is a text in quotes; write a number, a probability",
        ),
        (
            format!("{fire}threshold = nan"),
            "rule 'r': threshold: nan is out of range; write 0.01 to 0.9999, a probability",
        ),
        (
            format!("{fire}areas = [\"sqare\"]"),
            "rule 'r': areas: there is no zone 'sqare'; add it as [[zone]], or use one of: square, strip",
        ),
        (
            format!("{fire}areas = \"square\""),
            "rule 'r': areas: \"square\" is a text in quotes; write a list of ids such as [\"id-1\", \"id-2\"]",
        ),
        (format!("{fire}areas = [\"square\", \"square\"]"), "rule 'r': areas: 'square' is listed twice; remove one"),
        (
            format!("{fire}line = \"x\""),
            "rule 'r': line: there is no line 'x'; add it as [[line]], or use one of: main",
        ),
        (
            format!("{fire}classes = [\"tank\"]"),
            "rule 'r': classes: 'tank' is not known here; use one of: explosion, gunfire, launch, missile",
        ),
        (
            format!("{fire}classes = []"),
            "rule 'r': classes: is empty, so nothing would count; list classes, or leave the key out",
        ),
        (format!("{fire}sides = [\"west\"]"), "rule 'r': sides: 'west' is not known here; use one of: a, b"),
        (
            format!("{fire}severity = \"high\""),
            "rule 'r': severity: 'high' is not known here; use one of: minor, moderate, severe, extreme",
        ),
        (
            format!("{fire}hours = [\"22-6\"]"),
            "rule 'r': hours: '22-6' is not a time of day; write hours of the day in UTC, such as [\"22:00-06:00\"], from and to different",
        ),
        (
            "kind = \"tamper\"\ndwell_s = -1".to_owned(),
            "rule 'r': dwell_s: -1 is out of range; write 0 to 604800, seconds",
        ),
        (
            format!("{fire}dwell_s = 5\ncool_down_s = 0"),
            "rule 'r': cool_down_s: is 0, so no two detections would be of one fire and dwell_s would never be reached; write how long may lie between two, such as 600",
        ),
        (
            "kind = \"silence\"\ncool_down_s = 5".to_owned(),
            "rule 'r': cool_down_s: a silence rule has none: its alert ends when the device is heard again; remove it",
        ),
        (
            "kind = \"crossing\"\nthreshold = 0.5".to_owned(),
            "rule 'r': threshold: 0.5 is out of range; write 0.51 to 0.9999, a probability",
        ),
        (format!("{fire}cool_down_s = -1"), "rule 'r': cool_down_s: -1 is out of range; write 0 to 604800, seconds"),
        (
            format!("{fire}intervals = 3"),
            "rule 'r': intervals: a no_fire rule has no such key; remove it (it may have: areas, line, sides, classes, threshold, dwell_s, cool_down_s, permitted)",
        ),
        (
            format!("{fire}permitted = [{{}}]"),
            "rule 'r': permitted number 1: has no condition, so the rule would never hold; write [{ areas = [\"corridor\"], hours = [\"06:00-18:00\"] }]",
        ),
        (
            format!("{fire}permitted = [{{ areas = [] }}]"),
            "rule 'r': permitted number 1: areas: is empty; list at least one, or leave the key out",
        ),
        (
            format!("{fire}permitted = [{{ areas = [\"x\"] }}]"),
            "rule 'r': permitted number 1: areas: there is no zone 'x'; add it as [[zone]], or use one of: square, strip",
        ),
        (
            format!("{fire}permitted = [{{ max_alt_agl_m = 5 }}]"),
            "rule 'r': permitted number 1: max_alt_agl_m: is for no_flight rules; remove it",
        ),
        (
            format!("{fire}valid_from = 2021-01-01T00:00:00+02:00"),
            "rule 'r': valid_from: '2021-01-01T00:00:00+02:00' is not a time; write it as 2026-11-24T03:00:00Z, in UTC, with at most 9 decimals",
        ),
        (
            "kind = \"silence\"\nthreshold = 0.5".to_owned(),
            "rule 'r': threshold: a silence rule has none: that nothing is heard is certain; use intervals",
        ),
        (
            "kind = \"silence\"\nintervals = 0".to_owned(),
            "rule 'r': intervals: 0 is out of range; write 1 to 1000, of the device's intervals",
        ),
        (
            "kind = \"exclusion_zone\"".to_owned(),
            "rule 'r': areas: is missing; write the zones that must stay free, such as areas = [\"zolote\"]",
        ),
        (
            "kind = \"exclusion_zone\"\nareas = []".to_owned(),
            "rule 'r': areas: names no zone; list those that must stay free",
        ),
        (
            "kind = \"withdrawal\"".to_owned(),
            "rule 'r': distances: is missing; write distances = [{ class = \"artillery\", calibre_min_mm = 100, distance_m = 25000 }]",
        ),
        (
            withdrawal(""),
            "rule 'r': distances: names no weapon; write [{ class = \"artillery\", calibre_min_mm = 100, distance_m = 25000 }]",
        ),
        (
            withdrawal("{ class = \"person\", distance_m = 5 }"),
            "rule 'r': distances number 1: class: 'person' is not known here; use one of: armoured_vehicle, tank, artillery, mortar, mlrs",
        ),
        (
            withdrawal("{ class = \"tank\", distance_m = -5 }"),
            "rule 'r': distances number 1: distance_m: -5 is out of range; write 1 to 300000, metres from the line",
        ),
        (
            withdrawal("{ class = \"tank\", calibre_min_mm = 122, calibre_max_mm = 100, distance_m = 5 }"),
            "rule 'r': distances number 1: calibre_max_mm: 100 is not over calibre_min_mm, 122; calibres from min (included) to max (excluded) are meant",
        ),
        (
            "kind = \"interference\"\nmin_devices = 2.5".to_owned(),
            "rule 'r': min_devices: 2.5 is a number with decimals; write a whole number",
        ),
    ];
    for (lines, wanted) in cases {
        assert_eq!(faults(&rule(&lines)), [wanted], "{lines}");
    }
    let twice = format!("{}{}", rule(fire), rule(fire));
    assert_eq!(faults(&twice), ["rule 'r': id: is the id of a rule before it too; give each its own"]);
}

#[test]
fn each_fault_of_an_activity_names_key_value_and_remedy() {
    let cases = [
        (
            activity("from = 2021-01-02T00:00:00Z\nto = 2021-01-01T00:00:00Z"),
            "activity 'a': to: 2021-01-01T00:00:00Z is not after from, 2021-01-02T00:00:00Z; correct one of them",
        ),
        (
            activity("to = 2021-01-01T00:00:00Z"),
            "activity 'a': from: is missing; write a time such as from = 2026-11-24T08:00:00Z",
        ),
        (
            activity(DAY).replace("square", "round"),
            "activity 'a': areas: there is no zone 'round'; add it as [[zone]], or use one of: square, strip",
        ),
        (
            activity(DAY).replace("[\"square\"]", "[]"),
            "activity 'a': areas: names no zone; an activity is somewhere, so list at least one",
        ),
        (
            activity(DAY).replace("\"x\"", "\" \""),
            "activity 'a': notified_by: is empty; write a text, or leave the key out",
        ),
        (
            format!("{}{}", activity(DAY), activity(DAY)),
            "activity 'a': id: is the id of an activity before it too; give each its own",
        ),
    ];
    for (more, wanted) in cases {
        assert_eq!(faults(&more), [wanted], "{more}");
    }
}

#[test]
fn each_fault_of_the_whole_names_key_value_and_remedy() {
    let cases = [
        ("", "agreement.toml: id: is missing; write an id such as id = \"my-agreement\"; alerts carry it"),
        (
            "id = \"A B\"",
            "agreement.toml: id: 'A B' is not an id; use 1 to 32 of a-z, 0-9 and '-', not starting with '-'",
        ),
        (
            "id = \"x\"\nstatus = \"real\"",
            "agreement.toml: status: 'real' is not known here; use one of: actual, exercise",
        ),
        (
            "id = \"x\"\nlate_after_s = 0",
            "agreement.toml: late_after_s: 0 is out of range; write 1 to 2592000, seconds",
        ),
        (
            "id = \"x\"\nrule = 1",
            "agreement.toml: rule: 1 is a whole number; write each rule as [[rule]] with its keys below",
        ),
        ("id = \"x\"\n[[rules]]\nid = \"y\"", "agreement.toml: rules: there is no such key; did you mean 'rule'?"),
        (
            "id = \"x\"\n[[rule]]\nid = \"y\"\nkind = \"crossing\"",
            "agreement.toml: rule 'y': line: a crossing rule goes by one, and the agreement has none; add a [[line]]",
        ),
        (
            "id = \"x\"\n[[rule]]\nid = \"y\"\nkind = \"no_fire\"\nsides = [\"a\"]",
            "agreement.toml: rule 'y': line: sides are sides of a line, and the agreement has none; add a [[line]]",
        ),
        (
            "id = \"x\"\n[[rule]]\nkind = \"silence\"",
            "agreement.toml: rule number 1: id: is missing; write an id such as id = \"no-fire\"",
        ),
    ];
    for (terms, wanted) in cases {
        assert_eq!(faults_of(&bundle(terms)), [wanted], "{terms}");
    }
    let not_toml = faults_of(&bundle("id = "));
    assert!(not_toml.len() == 1 && not_toml[0].starts_with("agreement.toml: the file: is not TOML"), "{not_toml:?}");
    assert_eq!(
        faults_of(&Bundle::default()),
        ["agreement.toml: the file: there is none; write one beside its GeoJSON files"]
    );
}

#[test]
fn a_faulty_geometry_names_its_file_and_vertex_and_is_told_once() {
    let mut bundle = bundle(&terms("[[zone]]\nid = \"again\"\nfile = \"square.geojson\""));
    let bent = SQUARE.replace("48.02],[37.0,48.02]", "98.02],[37.0,48.02]");
    assert_ne!(bent, SQUARE);
    bundle.files.insert("square.geojson".to_owned(), bent);
    let found = faults_of(&bundle);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("square.geojson: ") && found[0].contains("98.02"), "{found:?}");
}

#[test]
fn all_faults_are_told_at_once() {
    let more = format!(
        "{}{}[[zone]]\nid = \"z\"\nfile = \"gone.geojson\"\ncolour = 3\n",
        rule("kind = \"no_fire\"\nthreshold = 2\nareas = [\"x\"]\n"),
        activity("from = 1\n")
    );
    // The unit of count is a key: threshold, areas, from, to (missing), file, colour.
    let found = faults(&more);
    assert_eq!(found.len(), 6, "{found:?}");
}

#[test]
fn what_may_not_be_meant_is_warned_of() {
    let rules =
        format!("{}[[rule]]\nid = \"q\"\nkind = \"no_fire\"\nareas = [\"square\"]\n", rule("kind = \"no_fire\"\n"));
    let versions = "[[zone]]\nid = \"v\"\nfile = \"square.geojson\"\nvalid_to = 2020-01-01T00:00:00Z\n\
                    [[zone]]\nid = \"v\"\nfile = \"square.geojson\"\nvalid_from = 2020-01-02T00:00:00Z\n";
    let hidden = "kind = \"withdrawal\"\ndistances = [{ class = \"tank\", distance_m = 1 }, \
                  { class = \"tank\", calibre_min_mm = 100, distance_m = 2 }]\n";
    let cases = [
        (
            rules,
            "rule 'q': it has the kind, areas, sides and classes of rule 'r' at the same time: each incident raises two alerts",
        ),
        (
            format!("{versions}{}", rule("kind = \"silence\"\n")),
            "zone 'v': one version ends at 2020-01-01T00:00:00Z, the next starts at 2020-01-02T00:00:00Z: in between there is none, and rules that refer to it hold nowhere",
        ),
        (rule(hidden), "rule 'r': distances number 2 is never used: number 1 before it fits the same weapons"),
        (String::new(), "the file: there is no rule: readings are stored and nothing is judged"),
        (
            format!(
                "{}{}",
                rule("kind = \"silence\"\n"),
                activity("from = 2021-01-01T00:00:00Z\nto = 2021-01-09T00:00:00Z\n")
            ),
            "activity 'a': it lasts 8.0 days, more than 7: it lowers the severity of all alerts there for so long",
        ),
        (
            format!("{}{}", rule("kind = \"silence\"\n"), activity(DAY).replace("square", "strip")),
            "activity 'a': zone 'strip' runs along a whole line: it lowers the severity of all alerts there; give it a zone of its own",
        ),
        (
            format!("{}{}", rule("kind = \"silence\"\n"), activity(DAY).replace("2020-01-01T00", "2021-01-01T01")),
            "activity 'a': it was notified after its start: it only labels alerts as late_notice",
        ),
    ];
    for (more, wanted) in cases {
        assert_eq!(warned(&more), [wanted], "{more}");
    }
    let registry =
        parse_registry("[[device]]\nid = \"d\"\nstation = \"s\"\nmobility = \"mobile\"\nkinds = [\"health\"]").unwrap();
    let deaf = compiled(&format!(
        "{}[[rule]]\nid = \"s\"\nkind = \"silence\"\n",
        rule("kind = \"no_fire\"\npermitted = [{ devices = [\"e\"] }]\n")
    ));
    let told: Vec<String> = warnings(&deaf, Some(&registry)).iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "rule 'r': it permits device 'e', which the registry does not have",
            "rule 'r': no device of the registry has a kind that hears fire: it can raise nothing",
            "rule 's': no device of the registry has interval_s: nobody can be silent",
        ]
    );
}

#[test]
fn rules_whose_zones_overlap_and_terms_that_never_meet_are_warned_of() {
    let second = |lines: &str| format!("[[rule]]\nid = \"q\"\n{lines}");
    let late = "valid_from = 2024-01-01T00:00:00Z\n";
    let zone = "[[zone]]\nid = \"old\"\nfile = \"square.geojson\"\nvalid_to = 2020-01-01T00:00:00Z\n\
                [[zone]]\nid = \"left\"\nbuffer_of = \"main\"\ndistance_m = 900\nside = \"a\"\n";
    let fire = |lines: &str| format!("kind = \"no_fire\"\n{lines}");
    let cases = [
        (
            rule(&fire("areas = [\"strip\"]\n")) + &second(&fire("areas = [\"square\"]\n")),
            "rule 'q': its zone 'square' and zone 'strip' of rule 'r', which has its kind, sides and classes at the same \
             time, overlap: each incident in both raises two alerts",
        ),
        (
            rule(&fire("valid_to = 2024-01-01T00:00:00Z\n")) + &second(&fire("valid_from = 2024-02-01T00:00:00Z\n")),
            "rule 'q': it begins at 2024-02-01T00:00:00Z, and rule 'r', which has its kind, areas, sides and classes, ends at \
             2024-01-01T00:00:00Z: in between none holds",
        ),
        (
            rule(&fire(
                "hours = [\"22:00-06:00\"]\nvalid_from = 2024-01-01T08:00:00Z\nvalid_to = 2024-01-01T20:00:00Z\n",
            )),
            "rule 'r': its hours never fall into the time in which it is in force: it raises nothing",
        ),
        (
            rule(&fire(&format!("areas = [\"old\"]\n{late}"))) + zone,
            "rule 'r': zone 'old' is never in force while it is: it raises nothing",
        ),
        (
            rule(&fire(&format!("areas = [\"old\", \"strip\"]\n{late}"))) + zone,
            "rule 'r': zone 'old' is never in force while it is: it does not hold there",
        ),
        (
            rule(&fire("areas = [\"left\"]\nsides = [\"b\"]\n")) + zone,
            "rule 'r': its areas lie on the other side of the line than its sides: it raises nothing",
        ),
        (
            rule(&fire("hours = [\"22:00-06:00\"]\npermitted = [{ hours = [\"06:00-18:00\"] }]\n")),
            "rule 'r': permitted number 1 never applies: the rule does not hold in its hours",
        ),
        (
            rule(&fire("classes = [\"gunfire\"]\npermitted = [{ classes = [\"launch\"] }]\n")),
            "rule 'r': permitted number 1 never applies: the rule counts none of its classes",
        ),
        (
            rule(&fire(&format!("{late}permitted = [{{ areas = [\"old\"] }}]\n"))) + zone,
            "rule 'r': permitted number 1 never applies: none of its areas is in force in its time",
        ),
    ];
    for (more, wanted) in cases {
        assert_eq!(warned(&more), [wanted], "{more}");
    }
    let apart = [
        rule(&fire("hours = [\"22:00-06:00\"]\n")) + &second(&fire("hours = [\"06:00-22:00\"]\n")),
        rule(&fire("valid_to = 2024-01-01T00:00:00Z\n")) + &second(&fire(late)),
        rule(&fire("sides = [\"a\"]\n")) + &second(&fire("sides = [\"b\"]\n")),
        rule(&fire("areas = [\"left\"]\n"))
            + &second(&fire("areas = [\"right\"]\n"))
            + zone
            + "[[zone]]\nid = \"right\"\nbuffer_of = \"main\"\ndistance_m = 900\nside = \"b\"\n",
    ];
    for more in apart {
        assert_eq!(warned(&more), Vec::<String>::new(), "{more}");
    }
}

#[test]
fn all_the_rules_that_a_rule_overlaps_are_told() {
    let more = |id: &str| format!("[[rule]]\nid = \"{id}\"\nkind = \"no_fire\"\n");
    let told = warned(&(rule("kind = \"no_fire\"\n") + &more("p") + &more("q")));
    let of = told.iter().map(|told| (&told[..8], told.contains("of rule 'r'"))).collect::<Vec<_>>();
    assert_eq!(of, [("rule 'p'", true), ("rule 'q'", true), ("rule 'q'", false)], "{told:?}");
}

#[test]
fn zones_overlap_where_their_edges_cross_or_one_holds_the_other_and_not_where_they_touch() {
    let rectangle = |west: f64, south: f64, east: f64, north: f64| {
        format!(
            "{{\"type\":\"Polygon\",\"coordinates\":[[[{west},{south}],[{east},{south}],[{east},{north}],[{west},{north}],\
             [{west},{south}]]]}}"
        )
    };
    let flat = rectangle(38.0, 48.06, 38.1, 48.07);
    let rules = "[[zone]]\nid = \"one\"\nfile = \"one.geojson\"\n[[zone]]\nid = \"two\"\nfile = \"two.geojson\"\n\
                 [[rule]]\nid = \"r\"\nkind = \"no_fire\"\nareas = [\"one\"]\n\
                 [[rule]]\nid = \"q\"\nkind = \"no_fire\"\nareas = [\"two\"]\n";
    for (name, other, overlap) in [
        ("crosses it as a cross does", rectangle(38.02, 48.0, 38.03, 48.1), true),
        ("is a copy", flat.clone(), true),
        ("is inside", rectangle(38.02, 48.062, 38.03, 48.065), true),
        ("holds it", rectangle(37.9, 48.0, 38.2, 48.1), true),
        ("shares an edge, outside", rectangle(38.0, 48.07, 38.1, 48.08), false),
        ("shares an edge, inside", rectangle(38.0, 48.06, 38.1, 48.065), true),
        ("touches at a corner", rectangle(38.1, 48.07, 38.2, 48.08), false),
        ("is apart", rectangle(38.2, 48.06, 38.3, 48.07), false),
    ] {
        for (one, two) in [(&flat, &other), (&other, &flat)] {
            let mut bundle = bundle(&terms(rules));
            bundle.files.insert("one.geojson".to_owned(), one.clone());
            bundle.files.insert("two.geojson".to_owned(), two.clone());
            let told: Vec<String> =
                warnings(&compile(&bundle).unwrap(), None).iter().map(ToString::to_string).collect();
            assert_eq!(told.iter().any(|warning| warning.contains("overlap")), overlap, "{name}: {told:?}");
        }
    }
    // A long zone across a narrow strip, its vertices and the middles of its edges far from the line.
    let mut bundle = bundle(&terms(
        "[[zone]]\nid = \"narrow\"\nbuffer_of = \"main\"\ndistance_m = 10\n\
         [[zone]]\nid = \"long\"\nfile = \"long.geojson\"\n\
         [[rule]]\nid = \"r\"\nkind = \"no_fire\"\nareas = [\"narrow\"]\n\
         [[rule]]\nid = \"q\"\nkind = \"no_fire\"\nareas = [\"long\"]\n",
    ));
    bundle.files.insert("long.geojson".to_owned(), rectangle(36.9, 48.2, 37.4, 48.21));
    let told: Vec<String> = warnings(&compile(&bundle).unwrap(), None).iter().map(ToString::to_string).collect();
    assert!(told.len() == 1 && told[0].contains("its zone 'long' and zone 'narrow' of rule 'r'"), "{told:?}");
}

#[test]
fn devices_far_away_and_devices_with_an_assumed_range_are_warned_of() {
    let device = |id: &str, position: &str, range: &str| {
        format!(
            "[[device]]\nid = \"{id}\"\nstation = \"s\"\nposition = {position}\nkinds = [\"acoustic_detection\"]\n{range}"
        )
    };
    let near = "{ lat = 48.1, lon = 37.1 }";
    let registry = [
        device("a", near, "range_m = { explosion = 8000 }\n"),
        device("b", near, ""),
        device("c", "{ lat = 37.1, lon = 48.1 }", "range_m = { explosion = 8000 }\n"),
    ];
    let registry = parse_registry(&registry.concat()).unwrap();
    let told = |more: &str| -> Vec<String> {
        warnings(&compiled(more), Some(&registry)).iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        told(&rule("kind = \"no_fire\"\nareas = [\"strip\"]\n")),
        [
            "rule 'r': it asks where fire was, and device 'b' has no range_m for explosion, gunfire, launch: a range is \
             assumed, which alerts say; register what the sensor can hear",
            "the registry: device 'c' has a position more than 500 km from line 'main'; are lat and lon swapped?",
        ]
    );
    assert_eq!(told(&rule("kind = \"no_fire\"\n")).len(), 1, "without areas and sides the range matters less");
}

#[test]
fn versions_that_follow_one_another_without_a_gap_are_not_warned_of() {
    let versions = "[[zone]]\nid = \"v\"\nfile = \"square.geojson\"\nvalid_from = 2020-01-01T00:00:00Z\n\
                    [[zone]]\nid = \"v\"\nfile = \"square.geojson\"\nvalid_to = 2020-01-01T00:00:00Z\n";
    assert_eq!(warned(&format!("{versions}{}", rule("kind = \"silence\"\n"))), Vec::<String>::new());
}

#[test]
fn a_wide_activity_is_warned_of_and_a_square_of_two_kilometres_is_not() {
    let more = format!("{}{}", rule("kind = \"silence\"\n"), activity(DAY));
    assert_eq!(warned(&more), Vec::<String>::new());
    let mut wide = bundle(&terms(&more));
    wide.files.insert("square.geojson".to_owned(), SQUARE.replace("37.02", "37.3"));
    let told = warnings(&compile(&wide).unwrap(), None);
    assert!(told.len() == 1 && told[0].message.starts_with("zone 'square' is about 22 km wide"), "{told:?}");
}

#[test]
fn the_hash_changes_with_any_file_and_with_nothing_else() {
    let first = compiled("").hash;
    assert_eq!(first, compiled("").hash);
    let mut other = bundle(&terms(""));
    other.files.insert("line.geojson".to_owned(), LINE.replace("37.5", "37.6"));
    assert_ne!(first, compile(&other).unwrap().hash);
}

/// The example's terms with some lines replaced.
fn damaged() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => Just(String::new()),
        2 => "(id|kind|file|areas|sides|hours|threshold|distances|valid_to|permitted|from|buffer_of) = (-?[0-9]{1,20}|\"[^\"\n]{0,10}\"|\\[\\]|\\[\"[a-z]*\"\\]|\\{ *[a-z]* = nan \\}|inf|true|\\[\\{\\}\\]|9999-12-31T00:00:00Z)",
        1 => "\\[{0,3}[a-z.]{0,10}\\]{0,3}",
        1 => "\\PC{0,40}",
    ];
    let count = EXAMPLE.lines().count();
    proptest::collection::vec((0..count, line), 1..10).prop_map(|edits| {
        let mut lines: Vec<String> = EXAMPLE.lines().map(str::to_owned).collect();
        for (at, line) in edits {
            lines[at] = line;
        }
        lines.join("\n")
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = compile(&bundle(&text));
        let _ = Bundle::files_named_by(&text);
    }

    #[test]
    fn a_damaged_agreement_is_understood_or_refused_alike_each_time(text in damaged()) {
        let mut bundle = example();
        bundle.files.insert(Bundle::TERMS.to_owned(), text);
        match (compile(&bundle), compile(&bundle)) {
            (Ok(first), Ok(second)) => {
                prop_assert_eq!(format!("{:?}", first.rules), format!("{:?}", second.rules));
                prop_assert_eq!(warnings(&first, None), warnings(&second, None));
            }
            (Err(first), Err(second)) => {
                prop_assert!(!first.is_empty());
                prop_assert!(first.iter().all(|fault| !fault.place.is_empty() && !fault.message.is_empty()));
                prop_assert_eq!(first, second);
            }
            _ => prop_assert!(false, "once understood, once refused"),
        }
    }
}

#[test]
fn the_nearest_zone_boundary_is_that_of_the_version_in_force_with_the_sign_of_inside() {
    let agreement = compiled(
        "[[zone]]\nid = \"later\"\nfile = \"east.geojson\"\nvalid_from = 2026-01-01T00:00:00Z\n\
         valid_to = 2026-02-01T00:00:00Z\n",
    );
    let position = LonLat::new(37.05, 48.01).unwrap();
    let before = agreement.nearest_zone_boundary(time("2025-12-31T23:59:59Z"), position).unwrap();
    assert_eq!(before.zone.id.as_str(), "square");
    assert!(before.fix.signed_m < -2_000.0 && (before.fix.foot.lon - 37.02).abs() < 1e-6, "{before:?}");
    let within = agreement.nearest_zone_boundary(time("2026-01-01T00:00:00Z"), position).unwrap();
    assert_eq!(within.zone.id.as_str(), "later");
    assert!(within.fix.signed_m > 700.0 && (within.fix.foot.lon - 37.04).abs() < 1e-6, "{within:?}");
    let told =
        |at| agreement.zones_at(time(at), position, 10.0).into_iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>();
    assert_eq!(told("2026-01-15T00:00:00Z"), ["later", "strip"]);
    assert_eq!(told("2026-02-01T00:00:00Z"), ["strip"]);
}
