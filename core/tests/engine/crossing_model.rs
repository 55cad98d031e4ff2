//! Crossings beside a model: the sides of a track that are sure, one after another.

use proptest::prelude::*;

use crate::crossing::RULE;
use crate::scene::*;

/// The 95 % radius of a round normal distribution in standard deviations.
const SIGMAS: f64 = 2.447_746_830_680_816;

/// One sighting: seconds after the one before, metres north, 95 % radius, and whether it arrives out of order.
type Step = (f64, f64, f64, bool);

fn walk() -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![12 => 10.0..60.0f64, 1 => 601.0..900.0f64];
    // Standard deviations off the line; probabilities are within 0.01, so none near the threshold's 1.645.
    let sigmas = prop_oneof![2 => 0.0..1.45f64, 1 => 1.9..3.0f64, 1 => 3.0..8.0f64];
    let one = (gap, sigmas, any::<bool>(), 5.0..60.0f64, prop::bool::weighted(0.1));
    let step = one.prop_map(|(gap, sigmas, north, hacc_m, out_of_order)| {
        let off_m = sigmas * hacc_m / SIGMAS;
        (gap, if north { off_m } else { -off_m }, hacc_m, out_of_order)
    });
    let walk = prop::collection::vec(step, 1..60);
    // Before the first there is no order to be out of.
    walk.prop_map(|mut walk| {
        walk[0].3 = false;
        walk
    })
}

/// On a straight line a side is sure at 95 % when the position is 1.645 standard deviations off it.
fn sure_side(north_m: f64, hacc_m: f64) -> Option<bool> {
    let sigmas = north_m / (hacc_m / SIGMAS);
    (sigmas.abs() >= 1.644_853_6).then_some(sigmas > 0.0)
}

/// A sighting as the model keeps it: second, metres north, 95 % radius.
type Known = (f64, f64, f64);

/// Nobody lost it in between, and it can have come there.
fn linked(before: &Known, after: &Known) -> bool {
    let seconds = after.0 - before.0;
    seconds <= 600.0 && (after.1 - before.1).abs() <= 120.0 * seconds + before.2 + after.2
}

/// What is judged, in order of time: all that is in order, and what comes late, or after a
/// gap, from a time that was not seen live.
fn judged(walk: &[Step]) -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    let mut live: Vec<(f64, f64)> = Vec::new();
    let mut now = 0.0;
    for (after_s, north_m, hacc_m, out_of_order) in walk {
        if *out_of_order {
            let made = now - after_s;
            let place = known.partition_point(|(time, ..)| *time < made);
            let one = (made, *north_m, *hacc_m);
            let [before, after] = [place.checked_sub(1).map(|i| known[i]), known.get(place).copied()];
            let bridged = before.zip(after).is_some_and(|(before, after)| linked(&before, &after));
            let fits =
                before.is_some_and(|before| linked(&before, &one)) && after.is_some_and(|after| linked(&one, &after));
            let seen = live.iter().any(|(from, to)| *from <= made && made <= *to);
            if (*after_s > 300.0 || live.len() > 1) && !seen && (fits || !bridged) {
                known.insert(place, one);
            }
            continue;
        }
        now += after_s;
        match live.last_mut() {
            Some((_, to)) if now - *to <= 600.0 => *to = now,
            _ => live.push((now, now)),
        }
        known.push((now, *north_m, *hacc_m));
    }
    known
}

/// Crossings to A and to B.
fn crossings(walk: &[Step]) -> (u64, u64) {
    let (mut to_a, mut to_b) = (0, 0);
    let mut last: Option<bool> = None;
    let mut before: Option<Known> = None;
    for one in judged(walk) {
        // After a long gap nothing is known.
        if before.is_some_and(|before| !linked(&before, &one)) {
            last = None;
        }
        before = Some(one);
        let Some(side) = sure_side(one.1, one.2) else { continue };
        match (last, side) {
            (Some(false), true) => to_a += 1,
            (Some(true), false) => to_b += 1,
            _ => {}
        }
        last = Some(side);
    }
    (to_a, to_b)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn crossings_are_those_of_the_model(walk in walk()) {
        let mut scene = Scene::new(RULE, &fixed("st01-rd01", "st01", 2_000.0, 0.0, ""));
        let (mut now, mut newest) = (0.0, 0.0);
        for (after_s, north_m, hacc_m, out_of_order) in &walk {
            // What arrives out of order was made before the newest; it takes no time.
            if *out_of_order {
                let made = newest - after_s;
                scene.reading("st01-rd01", made, now, sighting("t1", "unknown", (*north_m, 0.0), *hacc_m));
                continue;
            }
            now += after_s;
            newest = now;
            scene.reading("st01-rd01", now, now, sighting("t1", "unknown", (*north_m, 0.0), *hacc_m));
        }
        scene.wait_until(now + 20.0);
        let count = |direction: &str| -> u64 {
            scene.alerts().iter().filter(|alert| alert.details["direction"] == direction).map(|alert| alert.detections).sum()
        };
        prop_assert_eq!((count("b_to_a"), count("a_to_b")), crossings(&walk));
    }
}
