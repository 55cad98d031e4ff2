//! Clocks that are ahead or unsure beside a model of them; jumps have tests of their own.

use proptest::prelude::*;
use serde_json::json;
use truceline_core::wire::RejectReason;

use crate::plain::*;
use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "clocks"
kind = "clock"
max_error_ms = 1000
dwell_s = 60
cool_down_s = 100
"#;

const DWELL: i64 = 60;

#[derive(Clone, Debug)]
enum Says {
    /// By how many ms it is dated after its arrival, and the standard deviation that it tells, ms.
    Reading { ahead_ms: i64, sd_ms: Option<f64> },
    /// Refused as dated too far ahead.
    Refused,
}

fn story() -> impl Strategy<Value = Vec<(i64, Says)>> {
    let ahead_ms = prop_oneof![
        3 => 1_100..9_000i64,
        2 => 600..900i64,
        2 => -20_000..400i64,
        // Late: what is stored says nothing of the clock.
        1 => -900_000..-301_000i64,
    ];
    // At half the standard deviation is 1,483 ms, at a quarter 869 ms; none is near these.
    let sd_ms = prop_oneof![3 => Just(None), 2 => (1_600.0..9_000.0f64).prop_map(Some), 1 => (950.0..1_400.0f64).prop_map(Some), 1 => (1.0..800.0f64).prop_map(Some)];
    let reading = (ahead_ms, sd_ms).prop_map(|(ahead_ms, sd_ms)| Says::Reading { ahead_ms, sd_ms });
    let wait = prop_oneof![8 => 5..40i64, 1 => 90..200i64];
    prop::collection::vec((wait, prop_oneof![7 => reading, 1 => Just(Says::Refused)]), 1..80)
}

/// Since when something is so, told once it has been for the dwell; `None` leaves it as it was.
fn holds(since: &mut Option<i64>, is_so: Option<bool>, now: i64) -> bool {
    match is_so {
        Some(true) => now - *since.get_or_insert(now) >= DWELL,
        Some(false) => {
            *since = None;
            false
        }
        None => false,
    }
}

fn between(value: f64, low: f64, high: f64) -> Option<bool> {
    if value > high { Some(true) } else { (value < low).then_some(false) }
}

fn model(story: &[(i64, Says)]) -> PlainBook {
    let mut book = PlainBook::new(100);
    let (mut ahead, mut unsure) = (None, None);
    for (wait, says) in story {
        book.pass_until(book.now + wait);
        let now = book.now;
        match says {
            Says::Reading { ahead_ms, .. } if *ahead_ms < -300_000 => {}
            Says::Reading { ahead_ms, sd_ms } => {
                if holds(&mut ahead, between(*ahead_ms as f64, 500.0, 1_000.0), now) {
                    book.report("ahead", now, false);
                }
                if sd_ms.is_some_and(|sd_ms| holds(&mut unsure, between(sd_ms, 869.0, 1_483.0), now)) {
                    book.report("unsure", now, false);
                }
            }
            Says::Refused => {
                if holds(&mut ahead, Some(true), now) {
                    book.report("ahead", now, false);
                }
            }
        }
    }
    book.pass_until(book.now + 1_000);
    book
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn clocks_are_told_when_the_model_says(story in story()) {
        let mut scene = Scene::new(RULE, &fixed("st01-ac01", "st01", 1_000.0, 0.0, ""));
        let mut now = 0;
        for (wait, says) in &story {
            now += wait;
            match says {
                Says::Reading { ahead_ms, sd_ms } => {
                    let mut fields = json!({"kind": "health", "data": {}, "clock": {"source": "rtc"}});
                    if let Some(sd_ms) = sd_ms {
                        fields["clock"]["uncertainty_ms"] = (*sd_ms).into();
                    }
                    scene.reading("st01-ac01", now as f64 + *ahead_ms as f64 / 1_000.0, now as f64, fields)
                }
                Says::Refused => scene.reject(now as f64, "st01-ac01", RejectReason::TimeInFuture),
            };
        }
        scene.wait_until((now + 1_000) as f64);
        let mut told = told_by(&scene, |alert| alert.details["cause"].as_str().unwrap().to_owned());
        told.retain(|told| told.key != "jumped");
        prop_assert_eq!(told, model(&story).told());
    }
}
