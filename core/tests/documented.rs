//! `docs/agreement.md` and `docs/devices.md` hold what they show: every example is understood, every key is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

use std::collections::BTreeSet;

use truceline_core::agreement::{Bundle, compile};
use truceline_core::engine::{ASSUMED_RANGE_M, ASSUMED_RANGES_M};
use truceline_core::registry::parse_registry;

const AGREEMENT: &str = include_str!("../../docs/agreement.md");
const RULES: &str = include_str!("../../docs/rules.md");
const DEVICES: &str = include_str!("../../docs/devices.md");
const LINE: &str = r#"{"type":"LineString","coordinates":[[37.0,48.0],[37.0,48.5],[37.5,48.5]]}"#;
const SQUARE: &str =
    r#"{"type":"Polygon","coordinates":[[[37.0,48.0],[37.02,48.0],[37.02,48.02],[37.0,48.02],[37.0,48.0]]]}"#;

/// The ```toml blocks of a page.
fn examples(page: &str) -> Vec<String> {
    let blocks = page.split("```toml\n").skip(1);
    blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// An example with what it refers to: a line `contact` and some zones, as far as it has none of its own.
fn completed(example: &str) -> String {
    if example.starts_with("id = ") {
        return example.to_owned();
    }
    let mut text = "id = \"page\"\n".to_owned();
    if !example.contains("[[line]]") {
        text.push_str("[[line]]\nid = \"contact\"\nfile = \"line.geojson\"\n");
    }
    for zone in ["security-zone", "zolote", "corridor"] {
        text.push_str(&format!("[[zone]]\nid = \"{zone}\"\nfile = \"square.geojson\"\n"));
    }
    text + example
}

fn bundle(terms: &str) -> Bundle {
    let mut files: std::collections::BTreeMap<String, String> = Bundle::files_named_by(terms)
        .into_iter()
        .map(|name| (name.clone(), if name.starts_with("line") { LINE } else { SQUARE }.to_owned()))
        .collect();
    if !Bundle::day_patterns(terms).is_empty() {
        files.insert("control/2022-02-24.geojson".to_owned(), SQUARE.to_owned());
    }
    files.insert(Bundle::TERMS.to_owned(), terms.to_owned());
    Bundle { files }
}

#[test]
fn every_example_of_the_agreements_page_is_understood() {
    let examples = examples(AGREEMENT);
    assert!(examples.len() >= 14, "{}", examples.len());
    let mut kinds = BTreeSet::new();
    for example in examples {
        let agreement = compile(&bundle(&completed(&example))).unwrap_or_else(|faults| panic!("{example}\n{faults:?}"));
        kinds.extend(agreement.rules.iter().map(|rule| rule.kind.as_str()));
    }
    assert_eq!(kinds.len(), 10, "a kind without an example: {kinds:?}");
}

#[test]
fn the_rules_page_has_a_row_for_each_kind_and_nothing_empty_in_it() {
    let (first, _) = RULES.split_once("## ").unwrap();
    let rows = first.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let rows: std::collections::BTreeMap<&str, &str> = rows.collect();
    for example in examples(AGREEMENT) {
        for rule in &compile(&bundle(&completed(&example))).unwrap().rules {
            let row = rows.get(rule.kind.as_str()).unwrap_or_else(|| panic!("no row for {}", rule.kind.as_str()));
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
            assert!(cells.len() == 3 && cells.iter().all(|cell| cell.len() > 10), "{row}");
        }
    }
    assert_eq!(rows.len(), 10);
}

/// A rule of a kind with what it must have, and one more line.
fn rule_with(kind: &str, more: &str) -> Result<(), Vec<String>> {
    let must = match kind {
        "exclusion_zone" if !more.starts_with("areas") => "areas = [\"zolote\"]\n",
        "withdrawal" => "distances = [{ class = \"tank\", distance_m = 5000 }]\n",
        _ => "",
    };
    let terms = completed(&format!("[[rule]]\nid = \"r\"\nkind = \"{kind}\"\n{must}{more}\n"));
    compile(&bundle(&terms)).map(drop).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn the_table_of_what_each_kind_may_say_is_what_is_accepted() {
    let (_, table) = RULES.split_once("## What each kind may say").unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), 10);
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [kind, dwell, hysteresis, cool_down, sides, areas] = cells[..] else { panic!("{row}") };
        let kind = kind.trim_matches('`');
        assert!(hysteresis.len() > 10, "{row}");
        let values = ["dwell_s = 5", "cool_down_s = 5", "sides = [\"a\"]", "areas = [\"zolote\"]"];
        for (cell, value) in [dwell, cool_down, sides, areas].into_iter().zip(values) {
            let key = value.split(' ').next().unwrap();
            match (cell.starts_with(&format!("`{key}`")), rule_with(kind, value)) {
                (true, accepted) => assert_eq!(accepted, Ok(()), "{kind}: {cell}"),
                (false, Ok(())) => panic!("{kind} may say {key}, and the table says '{cell}'"),
                (false, Err(faults)) => {
                    assert!(cell.starts_with("none: ") && cell.len() > 12, "{kind}: '{cell}' gives no reason");
                    let told = format!("{key}: a {kind} rule has none: ");
                    assert!(faults.len() == 1 && faults[0].contains(&told), "{kind}: {faults:?}");
                }
            }
        }
        for value in ["severity = \"minor\"", "valid_from = 2026-01-01T00:00:00Z", "hours = [\"01:00-02:00\"]"] {
            assert_eq!(rule_with(kind, value), Ok(()), "{kind}: {value}");
        }
    }
}

#[test]
fn every_example_of_the_registrys_page_is_understood() {
    let examples = examples(DEVICES);
    assert!(!examples.is_empty());
    for example in examples {
        parse_registry(&example).unwrap_or_else(|faults| panic!("{example}\n{faults:?}"));
    }
}

/// The keys that a fault of an unknown key proposes.
fn proposed(faults: &[String]) -> Vec<String> {
    let fault = faults.iter().find(|fault| fault.contains("zzzzzzzz")).unwrap_or_else(|| panic!("{faults:?}"));
    let (_, keys) = fault.split_once("use one of: ").unwrap_or_else(|| panic!("{fault}"));
    keys.split(", ").map(str::to_owned).collect()
}

fn backticked(page: &str) -> BTreeSet<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_key_of_an_agreement_is_on_its_page() {
    let unknown = "zzzzzzzz = 1\n";
    let rule = "[[rule]]\nid = \"r\"\nkind = ";
    let mut places = vec![
        unknown.to_owned(),
        format!("[[line]]\nid = \"l\"\n{unknown}"),
        format!("[[zone]]\nid = \"z\"\n{unknown}"),
        format!("[[activity]]\nid = \"a\"\n{unknown}"),
        format!("{rule}\"no_flight\"\npermitted = [{{ zzzzzzzz = 1 }}]\n"),
        format!("{rule}\"withdrawal\"\ndistances = [{{ zzzzzzzz = 1 }}]\n"),
    ];
    for kind in ["no_fire", "withdrawal", "tamper", "silence", "interference", "clock", "coverage"] {
        places.push(format!("{rule}\"{kind}\"\n{unknown}"));
    }
    let page = backticked(AGREEMENT);
    let mut keys = BTreeSet::new();
    for place in places {
        let faults = compile(&bundle(&place)).expect_err("an unknown key");
        keys.extend(proposed(&faults.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }
    assert!(keys.len() > 40, "{keys:?}");
    // The sections are told as headings and in the examples.
    let missing: Vec<&String> = keys
        .iter()
        .filter(|key| !page.contains(key.as_str()) && !page.contains(format!("[[{key}]]").as_str()))
        .collect();
    assert!(missing.is_empty(), "docs/agreement.md does not tell {missing:?}");
}

#[test]
fn every_key_of_a_registry_is_on_its_page() {
    let page = backticked(DEVICES);
    let inner = |keys: Vec<String>, of: &str| keys.into_iter().map(|key| format!("{of}.{key}")).collect::<Vec<_>>();
    let keys_at = |text: &str| {
        let faults = parse_registry(text).expect_err("an unknown key");
        proposed(&faults.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let device = "[[device]]\nid = \"d\"\nstation = \"s\"\n";
    let mut keys = keys_at("enforced = true\nzzzzzzzz = 1\n");
    keys.extend(keys_at(&format!("{device}zzzzzzzz = 1\n")));
    keys.extend(keys_at(&format!("{device}[station.s]\nzzzzzzzz = 1\n")));
    keys.extend(inner(keys_at(&format!("{device}position = {{ zzzzzzzz = 1 }}\n")), "position"));
    keys.extend(inner(keys_at(&format!("{device}maintenance = [{{ zzzzzzzz = 1 }}]\n")), "maintenance"));
    assert!(keys.len() > 20, "{keys:?}");
    let missing: Vec<&String> = keys
        .iter()
        .filter(|key| {
            let headings = [format!("[[{key}]]"), format!("[{key}.ID]")];
            !page.contains(key.as_str()) && !headings.iter().any(|heading| page.contains(heading.as_str()))
        })
        .collect();
    assert!(missing.is_empty(), "docs/devices.md does not tell {missing:?}");
}

#[test]
fn the_ranges_that_are_assumed_are_on_the_registrys_page() {
    let rows: Vec<(&str, &str)> = DEVICES
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .filter(|(_, range)| range.parse::<f64>().is_ok())
        .collect();
    let told = |class: &str| {
        let row = rows.iter().find(|(classes, _)| classes.split(", ").any(|one| one == class));
        row.and_then(|(_, range)| range.parse::<f64>().ok())
    };
    for (class, range_m) in ASSUMED_RANGES_M {
        assert_eq!(told(class), Some(range_m), "{class}");
    }
    assert_eq!(told("all others"), Some(ASSUMED_RANGE_M));
}
