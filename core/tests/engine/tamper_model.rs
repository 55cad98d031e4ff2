//! Tampering beside a model: a device that is moved to and fro, opened, struck and imitated, with readings out of order.

use proptest::prelude::*;
use serde_json::{Value, json};
use truceline_core::wire::RejectReason;

use crate::plain::*;
use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "tamper"
kind = "tamper"
displacement_m = 50
shock_g = 8
dwell_s = 30
cool_down_s = 100
"#;

const DWELL: i64 = 30;
const DISPLACEMENT_M: f64 = 50.0;
const SURVEY_HACC_M: f64 = 3.0;

#[derive(Clone, Debug)]
enum Says {
    /// Metres farther off than what the displacement and both accuracies explain, or nearer; and its accuracy.
    Position {
        beyond_m: f64,
        hacc_m: f64,
    },
    Opened,
    Struck(f64),
    Nothing,
    Imitated,
    OutOfRange,
}

fn story() -> impl Strategy<Value = Vec<(i64, i64, Says)>> {
    let beyond_m = prop_oneof![3 => 2.0..200.0f64, 1 => -50.0..-2.0f64];
    let position = (beyond_m, 2.0..40.0f64).prop_map(|(beyond_m, hacc_m)| Says::Position { beyond_m, hacc_m });
    let says = prop_oneof![
        8 => position,
        1 => Just(Says::Opened),
        1 => prop_oneof![4.0..7.9f64, 8.0..20.0f64].prop_map(Says::Struck),
        1 => Just(Says::Nothing),
        1 => Just(Says::Imitated),
        1 => Just(Says::OutOfRange),
    ];
    let wait = prop_oneof![8 => 5..40i64, 1 => 90..400i64];
    let age = prop_oneof![8 => 0..4i64, 1 => 20..120i64, 1 => 301..700i64];
    prop::collection::vec((wait, age, says), 1..80)
}

fn off_m(beyond_m: f64, hacc_m: f64) -> f64 {
    (DISPLACEMENT_M + SURVEY_HACC_M.hypot(hacc_m) + beyond_m).max(0.0)
}

fn model(story: &[(i64, i64, Says)]) -> PlainBook {
    let mut book = PlainBook::new(100);
    let mut newest = None;
    // Since when, and how many positions in a row.
    let mut moved: Option<(i64, u32)> = None;
    for (wait, age, says) in story {
        book.pass_until(book.now + wait);
        let (time, late) = (book.now - age, *age > 300);
        match says {
            Says::Imitated => {
                book.report("imitated", book.now, false);
                continue;
            }
            Says::OutOfRange => continue,
            Says::Opened => book.report("opened", time, late),
            Says::Struck(shock_g) if *shock_g >= 8.0 => book.report("struck", time, late),
            Says::Position { beyond_m, .. } if newest.is_none_or(|newest| newest < time) => {
                moved = (*beyond_m > 0.0).then(|| moved.map_or((time, 1), |(since, count)| (since, count + 1)));
                if moved.is_some_and(|(since, count)| count >= 2 && time - since >= DWELL) {
                    book.report("moved", time, late);
                }
            }
            _ => {}
        }
        newest = newest.max(Some(time));
    }
    book.pass_until(book.now + 1_000);
    book
}

fn fields(says: &Says) -> Value {
    match says {
        Says::Position { beyond_m, hacc_m } => {
            let (lat, lon) = at(1_000.0 + off_m(*beyond_m, *hacc_m), 0.0);
            let position = json!({"lat": lat, "lon": lon, "hacc_m": hacc_m, "fix": "3d"});
            json!({"kind": "health", "data": {}, "position": position})
        }
        Says::Opened => json!({"kind": "health", "data": {"enclosure": "open"}}),
        Says::Struck(shock_g) => json!({"kind": "health", "data": {"shock_g": shock_g}}),
        _ => json!({"kind": "health", "data": {"enclosure": "closed"}}),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn tampering_is_told_when_the_model_says(story in story()) {
        let mut scene = Scene::new(RULE, &fixed("st01-ac01", "st01", 1_000.0, 0.0, ""));
        let mut now = 0;
        for (wait, age, says) in &story {
            now += wait;
            match says {
                Says::Imitated => scene.reject(now as f64, "st01-ac01", RejectReason::ConflictingDuplicate),
                Says::OutOfRange => scene.reject(now as f64, "st01-ac01", RejectReason::OutOfRange),
                _ => scene.reading("st01-ac01", (now - age) as f64, now as f64, fields(says)),
            };
        }
        scene.wait_until((now + 1_000) as f64);
        let told = told_by(&scene, |alert| alert.details["cause"].as_str().unwrap().to_owned());
        prop_assert_eq!(told, model(&story).told());
    }
}
