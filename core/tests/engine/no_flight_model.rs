//! Flights beside a model: a tracked UAV by place, height and how sure its sensor is; a helicopter that is heard now and then.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::plain::*;
use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "no-flight"
kind = "no_flight"
areas = ["square"]
max_alt_agl_m = 120
threshold = 0.5
dwell_s = 10
cool_down_s = 100
"#;

const DWELL: i64 = 10;
const LONGEST_GAP: i64 = 600;
const LONGEST_SILENCE: i64 = 60;
const SIGMAS: f64 = 2.447_746_830_680_816;

#[derive(Clone, Debug)]
enum Says {
    /// Standard deviations within the zone's border, height, and how sure the sensor is.
    Tracked {
        within: f64,
        alt_m: Option<f64>,
        sure: bool,
    },
    Heard {
        sure: bool,
        lasts: i64,
    },
}

#[derive(Clone, Debug)]
struct Step {
    wait: i64,
    age: i64,
    says: Says,
}

fn story() -> impl Strategy<Value = Vec<Step>> {
    let wait = prop_oneof![12 => 2..14i64, 2 => 50..130i64, 1 => 601..900i64];
    let age = prop_oneof![8 => 0..3i64, 1 => 4..290i64];
    // At half the border is on the place, at a quarter it is crossed by 0.674; none is near these.
    let within = prop_oneof![3 => 0.12..3.0f64, 1 => -0.55..-0.12f64, 2 => -3.0..-0.8f64];
    let alt_m = prop_oneof![Just(Some(40.0)), Just(None), Just(Some(250.0))];
    let sure = || prop::bool::weighted(0.8);
    let tracked = (within, alt_m, sure()).prop_map(|(within, alt_m, sure)| Says::Tracked { within, alt_m, sure });
    let heard = (sure(), prop_oneof![Just(0), 3..20i64]).prop_map(|(sure, lasts)| Says::Heard { sure, lasts });
    let step = (wait, age, prop_oneof![2 => tracked, 1 => heard]);
    let story = prop::collection::vec(step.prop_map(|(wait, age, says)| Step { wait, age, says }), 1..80);
    // What was made before its track began, or came back, and what is late has tests of its own.
    story.prop_map(|mut story| {
        let (mut now, mut tracks) = (0, [None::<(i64, i64)>; 2]);
        for step in &mut story {
            now += step.wait;
            let track = &mut tracks[usize::from(matches!(step.says, Says::Heard { .. }))];
            if track.is_none_or(|(began, _)| now - step.age < began) {
                step.age = 0;
            }
            let time = now - step.age;
            let goes_on = track.filter(|(_, newest)| time - newest <= LONGEST_GAP);
            *track = Some(goes_on.map_or((time, time), |(began, newest)| (began, newest.max(time))));
        }
        story
    })
}

fn model(story: &[Step]) -> PlainBook {
    let mut book = PlainBook::new(100);
    // Since when it is there, and when it was surely there last.
    let (mut newest_seen, mut stay_seen) = (None::<i64>, None::<(i64, i64)>);
    let (mut newest_heard, mut stay_heard) = (None::<i64>, None::<(i64, i64)>);
    for step in story {
        book.pass_until(book.now + step.wait);
        let time = book.now - step.age;
        match step.says {
            Says::Tracked { within, alt_m, sure } => {
                if newest_seen.is_some_and(|newest| time <= newest) {
                    continue;
                }
                if newest_seen.is_some_and(|newest| time - newest > LONGEST_GAP) {
                    stay_seen = None;
                }
                newest_seen = Some(time);
                // A height that nobody knows excludes nothing.
                let low = alt_m.is_none_or(|alt_m| alt_m < 120.0);
                if low && within > 0.0 && sure {
                    let goes_on = stay_seen.filter(|(_, last)| time - last <= LONGEST_GAP);
                    let since = goes_on.map_or(time, |(since, _)| since);
                    stay_seen = Some((since, time));
                    if time - since >= DWELL {
                        book.report("track:st01-uv01/7/u1", time, false);
                    }
                } else if (!low || within < -0.674) && stay_seen.take().is_some() {
                    book.resolve("track:st01-uv01/7/u1");
                }
            }
            Says::Heard { sure, lasts } => {
                if newest_heard.is_some_and(|newest| time <= newest) {
                    continue;
                }
                if newest_heard.is_some_and(|newest| time - newest > LONGEST_GAP) {
                    stay_heard = None;
                }
                newest_heard = Some(time);
                if !sure {
                    continue;
                }
                let goes_on = stay_heard.filter(|(_, last)| time - last <= LONGEST_SILENCE);
                let since = goes_on.map_or(time, |(since, _)| since);
                stay_heard = Some((since, time));
                if time + lasts - since >= DWELL {
                    book.report("station:st01", time, false);
                }
            }
        }
    }
    book.pass_until(book.now + 1_000);
    book
}

fn fields(says: &Says) -> Value {
    match says {
        Says::Tracked { within, alt_m, sure } => {
            let hacc_m = 30.0;
            let (lat, lon) = at(6_000.0, 2_000.0 - within * hacc_m / SIGMAS);
            let position = json!({"lat": lat, "lon": lon, "hacc_m": hacc_m});
            let confidence = if *sure { 1.0 } else { 0.4 };
            let mut data =
                json!({"track": "u1", "class": "multirotor", "position": position, "confidence": confidence});
            if let Some(alt_m) = alt_m {
                data["alt_agl_m"] = (*alt_m).into();
            }
            json!({"kind": "uav_detection", "data": data})
        }
        Says::Heard { sure, lasts } => {
            let mut said = heard("helicopter", if *sure { 0.9 } else { 0.3 }, None);
            said["data"]["duration_ms"] = (lasts * 1_000).into();
            said
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn flights_are_told_when_the_model_says(story in story()) {
        let agreement = agreement_with("flood_alerts = 1000", RULE);
        // Whatever is within 500 m of the zone's middle is in it.
        let sensor = fixed("st01-uv01", "st01", 6_000.0, 1_000.0, "range_m = { helicopter = 500 }");
        let mut scene = Scene::of(agreement, &sensor);
        let mut now = 0;
        for step in &story {
            now += step.wait;
            scene.reading("st01-uv01", (now - step.age) as f64, now as f64, fields(&step.says));
        }
        scene.wait_until((now + 1_000) as f64);
        prop_assert_eq!(scene.engine.limits_hit().doubted_positions, 0);
        prop_assert_eq!(told_by(&scene, |alert| alert.subject.clone()), model(&story).told());
    }
}
