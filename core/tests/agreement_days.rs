//! A line whose versions are files by day.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::format_push_string)]

use proptest::prelude::*;
use truceline_core::agreement::{Agreement, Bundle, compile, warnings};
use truceline_core::time::{Span, Time};

fn area(day: u32) -> String {
    let east = 37.0 + 0.001 * f64::from(day);
    format!("{{\"type\":\"Polygon\",\"coordinates\":[[[37,48],[{east},48],[{east},49],[37,49],[37,48]]]}}")
}

fn bundle(keys: &str, names: &[&str]) -> Bundle {
    let terms = format!("id = \"t\"\n[[line]]\nid = \"control\"\n{keys}\n[[rule]]\nid = \"s\"\nkind = \"silence\"\n");
    let mut bundle = Bundle::default();
    for (day, name) in (1..).zip(names) {
        bundle.files.insert((*name).to_owned(), area(day));
    }
    bundle.files.insert(Bundle::TERMS.to_owned(), terms);
    bundle
}

fn compiled(keys: &str, names: &[&str]) -> Agreement {
    compile(&bundle(keys, names)).unwrap_or_else(|faults| panic!("{faults:?}"))
}

fn faults(keys: &str, names: &[&str]) -> Vec<String> {
    compile(&bundle(keys, names)).expect_err("faulty").iter().map(ToString::to_string).collect()
}

fn told(agreement: &Agreement) -> Vec<String> {
    warnings(agreement, None).iter().map(ToString::to_string).collect()
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

const DAYS: &str = "days = \"control/%Y-%m-%d.geojson\"";
const FEBRUARY: [&str; 4] = [
    "control/2024-02-27.geojson",
    "control/2024-02-28.geojson",
    "control/2024-03-01.geojson",
    "control/2024-03-12.geojson",
];

#[test]
fn a_file_is_in_force_from_its_day_until_the_next_one_or_until_it_is_too_old() {
    let agreement = compiled(DAYS, &FEBRUARY);
    // How far to the east the area reaches, in thousandths of a degree; no version in force is none.
    let at = |text: &str| {
        let line = agreement.primary_line(time(text))?;
        let east = line.course().boundary().parts().iter().flatten().map(|vertex| vertex.lon).fold(0.0, f64::max);
        Some(((east - 37.0) * 1_000.0).round())
    };
    for (text, wanted) in [
        ("2024-02-26T23:59:59.999999999Z", None),
        ("2024-02-27T00:00:00Z", Some(1.0)),
        ("2024-02-27T23:59:59.999999999Z", Some(1.0)),
        ("2024-02-28T00:00:00Z", Some(2.0)),
        ("2024-02-29T12:00:00Z", Some(2.0)),
        ("2024-03-01T00:00:00Z", Some(3.0)),
        ("2024-03-07T23:59:59Z", Some(3.0)),
        ("2024-03-08T00:00:00Z", None),
        ("2024-03-11T23:59:59Z", None),
        ("2024-03-12T00:00:00Z", Some(4.0)),
        ("2024-03-18T23:59:59Z", Some(4.0)),
        ("2024-03-19T00:00:00Z", None),
    ] {
        assert_eq!(at(text), wanted, "{text}");
    }
    assert_eq!(agreement.lines[0].side_names, ["side A", "side B"]);
}

#[test]
fn missing_days_are_warned_of_once_a_line() {
    assert_eq!(
        told(&compiled(DAYS, &FEBRUARY)),
        ["line 'control': 11 days have no file between 2024-02-27 and 2024-03-12; the longest run is 10 days from \
             2024-03-02 on: there the version before stays in force until it is 7 days old, and for 4 of these days there \
             is none, so that rules that refer to it hold nowhere"]
    );
    let longer = format!("{DAYS}\nmax_age_days = 11");
    assert_eq!(
        told(&compiled(&longer, &FEBRUARY)),
        ["line 'control': 11 days have no file between 2024-02-27 and 2024-03-12; the longest run is 10 days from \
             2024-03-02 on: there the version before stays in force"]
    );
    assert!(told(&compiled(DAYS, &FEBRUARY[..2])).is_empty());
}

#[test]
fn a_file_whose_digits_are_no_date_is_warned_of_and_not_read() {
    let names = ["control/2024-02-27.geojson", "control/2024-02-30.geojson", "control/latest.geojson"];
    let agreement = compiled(DAYS, &names);
    assert_eq!(agreement.lines.len(), 1);
    assert_eq!(
        told(&agreement),
        [
            "line 'control': 1 file has digits that are no date where the date belongs ('control/2024-02-30.geojson'): not \
             read; correct the name"
        ]
    );
}

#[test]
fn each_fault_of_days_names_key_value_and_remedy() {
    let start = "agreement.toml: line 'control': ";
    for (keys, wanted) in [
        (DAYS, "days: there is no file with a date like 'control/%Y-%m-%d.geojson'; add some, or correct the pattern"),
        (
            "days = \"../%Y-%m-%d.geojson\"",
            "days: '../%Y-%m-%d.geojson' is no pattern of days; write %Y, %m and %d once",
        ),
        (
            "days = \"%Y-%m.geojson\"",
            "days: '%Y-%m.geojson' is no pattern of days; write %Y, %m and %d once each in a file",
        ),
        ("days = 3", "days: 3 is a whole number; write a text in quotes"),
        ("days = \"%Y%m%d.json\"\nmax_age_days = 0", "max_age_days: 0 is out of range; write 1 to 366, days"),
        (
            "days = \"%Y%m%d.json\"\nfile = \"a.json\"",
            "file: does not go with days: each of its files is in force from",
        ),
        ("days = \"%Y%m%d.json\"\nvalid_to = 2020-01-01T00:00:00Z", "valid_to: does not go with days"),
        ("file = \"20240227.json\"\nmax_age_days = 3", "max_age_days: belongs to days; this version is in force as"),
    ] {
        let names: &[&str] = if keys == DAYS { &["control/2024-02-31.geojson"] } else { &["20240227.json"] };
        let found = faults(keys, names);
        assert!(found.len() == 1 && found[0].starts_with(&format!("{start}{wanted}")), "{keys}: {found:?}");
    }
}

#[test]
fn a_faulty_file_of_a_day_is_told_by_its_name() {
    let mut bundle = bundle(DAYS, &FEBRUARY);
    bundle.files.insert(FEBRUARY[2].to_owned(), "{\"type\":\"Point\",\"coordinates\":[1,2]}".to_owned());
    let found = compile(&bundle).expect_err("a point");
    assert!(found.iter().all(|fault| fault.file == FEBRUARY[2]), "{found:?}");
}

#[test]
fn a_version_from_a_file_may_stand_before_the_days_and_must_not_overlap_them() {
    let before = |to: &str| format!("{DAYS}\n[[line]]\nid = \"control\"\nfile = \"old.json\"\nvalid_to = {to}\n");
    let names: Vec<&str> = FEBRUARY[..2].iter().copied().chain(["old.json"]).collect();
    let agreement = compiled(&before("2024-02-27T00:00:00Z"), &names);
    assert!(told(&agreement).is_empty(), "{:?}", told(&agreement));
    assert!(agreement.primary_line(time("2001-01-01T00:00:00Z")).is_some());
    let gap = told(&compiled(&before("2024-02-20T00:00:00Z"), &names));
    assert!(gap.len() == 1 && gap[0].contains("one version ends at 2024-02-20T00:00:00Z"), "{gap:?}");
    let overlap = faults(&before("2024-02-27T00:00:01Z"), &names);
    assert!(overlap.len() == 1 && overlap[0].contains("two versions are in force at one time"), "{overlap:?}");
}

#[test]
fn more_versions_than_the_limit_are_a_fault_that_says_so() {
    let mut bundle = bundle("days = \"%Y%m%d.json\"", &[]);
    for day in 0..2_001 {
        let date = (time("2015-01-01T00:00:00Z") + Span::from_secs(day * 86_400)).to_string();
        bundle.files.insert(format!("{}.json", date[..10].replace('-', "")), String::new());
    }
    let found: Vec<String> = compile(&bundle).expect_err("too many").iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "agreement.toml: line 'control': days: it has 2001 files; an agreement has at most 2000 versions of lines: move \
             the oldest files away"
        ]
    );
}

#[test]
fn geometry_beyond_the_limit_of_all_files_is_a_fault_that_says_so() {
    let mut bundle = bundle(DAYS, &FEBRUARY);
    for name in FEBRUARY {
        bundle.files.insert(name.to_owned(), " ".repeat(Bundle::MAX_BYTES / 4 + 1));
    }
    let found: Vec<String> = compile(&bundle).expect_err("too large").iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "agreement.toml: the GeoJSON files: are together larger than 256 MiB; write fewer decimals, simplify, or move \
             the oldest files away"
        ]
    );
}

proptest! {
    #[test]
    fn the_version_of_a_time_is_the_newest_file_that_is_not_too_old(
        days in proptest::collection::btree_set(0_i64..60, 1..20),
        max_age in 1_i64..20,
        at in -2_i64..90,
        second in 0_i64..86_400,
    ) {
        let start = time("2023-12-15T00:00:00Z");
        let day = |number: i64| start + Span::from_secs(number * 86_400);
        let names: Vec<String> = days.iter().map(|number| format!("{}.json", &day(*number).to_string()[..10])).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let agreement = compiled(&format!("days = \"%Y-%m-%d.json\"\nmax_age_days = {max_age}"), &names);
        let wanted = days.range(..=at).next_back().filter(|newest| at - **newest < max_age);
        let found = agreement.primary_line(day(at) + Span::from_secs(second));
        prop_assert_eq!(found.and_then(|line| line.validity.from), wanted.map(|number| day(*number)));
        // What is warned of adds up to what is not there.
        let (first, last) = (*days.first().unwrap(), *days.last().unwrap());
        let missing = (first..last).filter(|number| !days.contains(number)).count();
        let without = (first..last)
            .filter(|number| days.range(..=number).next_back().is_none_or(|newest| number - newest >= max_age))
            .count();
        let told = told(&agreement).into_iter().find(|warning| warning.contains("no file"));
        prop_assert_eq!(told.is_some(), missing > 0);
        if let Some(told) = told {
            let count = if missing == 1 { "1 day has".to_owned() } else { format!("{missing} days have") };
            let counted = told.contains(&format!("'control': {count} no file"));
            prop_assert!(counted, "{told}");
            prop_assert_eq!(told.contains(&format!("for {without} of these days")), without > 0, "{}", told);
        }
    }
}
