//! Coverage beside a plain model of it: second by second, place by place.

use std::collections::BTreeSet;

use proptest::prelude::*;
use truceline_core::log::Body;

use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "blind"
kind = "coverage"
stretch_m = 10000
dwell_s = 300
intervals = 3
grace_s = 60
"#;

const DEVICES: usize = 4;
const ALLOWED: usize = 180;
const DWELL: usize = 300;
const GRACE: usize = 60;
const END: usize = 3_000;
const LENGTH_KM: f64 = 149.25;
const STRETCHES: usize = 15;

#[derive(Clone, Copy, Debug)]
enum Happens {
    Heard(usize),
    Link(bool),
}

fn story() -> impl Strategy<Value = Vec<(usize, Happens)>> {
    let happens = prop_oneof![9 => (0..DEVICES).prop_map(Happens::Heard), 1 => any::<bool>().prop_map(Happens::Link)];
    prop::collection::btree_map(1..END, happens, 0..70).prop_map(|map| map.into_iter().collect())
}

/// Where a device is, km from the line's start, and how far it hears, km.
fn devices() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((0.0..LENGTH_KM, 10.0..90.0f64), DEVICES)
}

/// The stretches that are told as blind, by the second in which that changes.
///
/// A second counts if it begins while we hear and at least a grace after we were last deaf.
fn model(devices: &[(f64, f64)], story: &[(usize, Happens)]) -> Vec<(usize, BTreeSet<usize>)> {
    let covered = |works: &[bool; DEVICES], stretch: usize| {
        (0..=100).all(|step| {
            let km = (stretch as f64 + f64::from(step) / 100.0) * 10.0;
            km > LENGTH_KM || (0..DEVICES).any(|n| works[n] && (devices[n].0 - km).abs() <= devices[n].1)
        })
    };
    let (mut deaf, mut deaf_until) = (false, 0);
    let mut counted: [Option<usize>; DEVICES] = [None; DEVICES];
    let mut works = [false; DEVICES];
    let mut blind = [Some(0); STRETCHES];
    let mut told: BTreeSet<usize> = BTreeSet::new();
    let mut found = Vec::new();
    for second in 0..=END {
        let after_grace = second >= deaf_until + GRACE;
        let look = |works: &[bool; DEVICES], blind: &mut [Option<usize>; STRETCHES], told: &mut BTreeSet<usize>| {
            for (stretch, blind) in blind.iter_mut().enumerate() {
                if covered(works, stretch) {
                    *blind = None;
                    told.remove(&stretch);
                } else if blind.is_none() {
                    *blind = Some(0);
                }
            }
        };
        // What is due at a second is judged before what arrives in it.
        if !deaf && after_grace {
            for n in 0..DEVICES {
                if counted[n].is_some_and(|seconds| seconds >= ALLOWED) {
                    works[n] = false;
                }
            }
            look(&works, &mut blind, &mut told);
            for (stretch, blind) in blind.iter().enumerate() {
                if blind.is_some_and(|seconds| seconds >= DWELL) {
                    told.insert(stretch);
                }
            }
        }
        for (_, happens) in story.iter().filter(|(when, _)| *when == second) {
            match happens {
                Happens::Heard(n) => {
                    counted[*n] = Some(0);
                    // While the link is down nothing begins to work; what was heard then counts when it is up.
                    works[*n] |= !deaf;
                    look(&works, &mut blind, &mut told);
                }
                Happens::Link(false) => deaf = true,
                Happens::Link(true) if deaf => {
                    (deaf, deaf_until) = (false, second);
                    for n in 0..DEVICES {
                        works[n] |= counted[n].is_some_and(|seconds| seconds < ALLOWED);
                    }
                    look(&works, &mut blind, &mut told);
                }
                Happens::Link(true) => {}
            }
        }
        if !deaf && second >= deaf_until + GRACE {
            counted.iter_mut().flatten().for_each(|seconds| *seconds += 1);
            blind.iter_mut().flatten().for_each(|seconds| *seconds += 1);
        }
        if found.last().map_or(!told.is_empty(), |(_, last)| *last != told) {
            found.push((second, told.clone()));
        }
    }
    found
}

fn name(device: usize) -> String {
    format!("st01-ac{device:02}")
}

fn told(scene: &Scene) -> BTreeSet<usize> {
    let open = scene.alerts().into_iter().filter(|alert| alert.ended.is_none());
    let stretch = |value: &serde_json::Value| (value.as_f64().unwrap() / 10_000.0).ceil() as usize;
    open.flat_map(|alert| stretch(&alert.details["from_chainage_m"])..stretch(&alert.details["to_chainage_m"]))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn stretches_are_blind_when_the_model_says(devices in devices(), story in story(), cut in 0.0..1.0f64) {
        // What ends within some hundred metres of a stretch's end, or of another's reach, is a matter of rounding.
        let mut ends: Vec<f64> = devices.iter().flat_map(|(at, range)| [at - range, at + range]).collect();
        for end in &ends {
            prop_assume!((end / 10.0 - (end / 10.0).round()).abs() > 0.03 && (end - LENGTH_KM).abs() > 0.3);
        }
        ends.sort_by(f64::total_cmp);
        prop_assume!(ends.windows(2).all(|pair| pair[1] - pair[0] > 0.3));
        let registry: String = devices
            .iter()
            .enumerate()
            .map(|(n, (at_km, range_km))| {
                // On the line; 3 m are taken off for the accuracy.
                let east_m = at_km * 1_000.0 - LENGTH_KM * 500.0;
                let range = range_km * 1_000.0 + 3.0;
                fixed(&name(n), "st01", 0.0, east_m, &format!("interval_s = 60\nrange_m = {{ explosion = {range:.1} }}"))
            })
            .collect();
        let mut scene = Scene::new(RULE, &registry);
        let expected = model(&devices, &story);
        let mut next = expected.iter().peekable();
        let (mut now, mut changed): (BTreeSet<usize>, usize) = (BTreeSet::new(), 0);
        let mut story = story.into_iter().peekable();
        for second in 0..=END {
            if let Some((_, happens)) = story.next_if(|(when, _)| *when == second) {
                // What is due in this very second comes before it in the engine, and its revision is held back.
                changed = second;
                match happens {
                    Happens::Heard(n) => scene.health(&name(n), second as f64),
                    Happens::Link(up) => scene.enter(second as f64, Body::Link(up)),
                };
            }
            if let Some((_, told)) = next.next_if(|(when, _)| *when == second) {
                (now, changed) = (told.clone(), second);
            }
            // What only grows or shrinks is held back for up to ten seconds.
            if second % 5 == 0 && second > changed + 10 {
                scene.wait_until(second as f64 + 0.5);
                prop_assert_eq!(told(&scene), now.clone(), "at {}", second);
            }
        }
        prop_assert_eq!(scene.replayed(cut).1, scene.outputs);
    }
}
