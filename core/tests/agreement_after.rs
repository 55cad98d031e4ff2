//! An agreement comes out alike from a bundle that is lent or given away, and with or without the agreement before it.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use truceline_core::agreement::{Agreement, AgreementFault, Bundle, compile, compile_after, warnings};

const SQUARE: &str =
    r#"{"type":"Polygon","coordinates":[[[37.0,48.0],[37.2,48.0],[37.2,48.2],[37.0,48.2],[37.0,48.0]]]}"#;
/// A position twice, which is repaired.
const REPAIRED: &str =
    r#"{"type":"Polygon","coordinates":[[[37.0,48.0],[37.3,48.0],[37.3,48.0],[37.3,48.3],[37.0,48.3],[37.0,48.0]]]}"#;
const CROSSED: &str = r#"{"type":"Polygon","coordinates":[[[37.0,48.0],[37.2,48.2],[37.2,48.0],[37.0,48.2]]]}"#;

fn bundle(files: &[(&str, &str)], zone: &str) -> Bundle {
    let lines = files.iter().enumerate().map(|(day, (name, _))| {
        format!("[[line]]\nid = \"control\"\nfile = \"{name}\"\nvalid_from = 2024-01-0{}T00:00:00Z\n", day + 1)
            + &format!("valid_to = 2024-01-0{}T00:00:00Z\n", day + 2)
    });
    let terms = format!("id = \"x\"\n{}[[zone]]\nid = \"z\"\nfile = \"{zone}\"\n", lines.collect::<String>());
    let mut bundle = Bundle::default();
    bundle.files.extend(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())));
    bundle.files.insert(Bundle::TERMS.to_owned(), terms);
    bundle
}

/// All that it holds.
fn all(compiled: &Result<Agreement, Vec<AgreementFault>>) -> String {
    format!("{compiled:?}")
}

#[test]
fn a_file_that_lines_and_a_zone_share_is_the_same_lent_given_away_and_after_another_agreement() {
    let days = [("a.geojson", SQUARE), ("b.geojson", REPAIRED), ("c.geojson", REPAIRED), ("a.geojson", SQUARE)];
    for zone in ["a.geojson", "b.geojson"] {
        let before = compile(&bundle(&days[..2], zone)).unwrap();
        let bundle = bundle(&days, zone);
        let lent = compile(&bundle);
        let told: Vec<String> = warnings(lent.as_ref().unwrap(), None).iter().map(ToString::to_string).collect();
        assert_eq!(told.iter().filter(|told| told.contains("b.geojson: ")).count(), 1, "{told:?}");
        assert_eq!(told.iter().filter(|told| told.contains("c.geojson: ")).count(), 1, "{told:?}");
        for again in [
            compile_after(Cow::Owned(bundle.clone()), None),
            compile_after(Cow::Borrowed(&bundle), Some(&before)),
            compile_after(Cow::Owned(bundle.clone()), Some(&before)),
        ] {
            assert_eq!(all(&again), all(&lent));
        }
    }
}

#[test]
fn faults_are_the_same_lent_given_away_and_after_another_agreement() {
    let before = compile(&bundle(&[("a.geojson", SQUARE)], "a.geojson")).unwrap();
    let days = [("a.geojson", SQUARE), ("b.geojson", CROSSED), ("c.geojson", "{"), ("b.geojson", CROSSED)];
    let bundle = bundle(&days, "b.geojson");
    let lent = compile(&bundle);
    let faults = lent.as_ref().unwrap_err();
    assert!(["b.geojson", "c.geojson"].iter().all(|file| faults.iter().any(|fault| fault.file == *file)), "{faults:?}");
    assert_eq!(all(&compile_after(Cow::Owned(bundle.clone()), None)), all(&lent));
    assert_eq!(all(&compile_after(Cow::Owned(bundle), Some(&before))), all(&lent));
}
