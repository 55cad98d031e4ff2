//! Silence beside a model of it that goes second by second.

use proptest::prelude::*;
use truceline_core::log::Body;

use crate::scene::*;
use crate::silence::RULE;

/// Seconds of three intervals and of the grace, as the rule and the devices have them.
const ALLOWED: usize = 180;
const GRACE: usize = 60;
const END: usize = 3_000;

/// What happens in one second.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Happens {
    Heard(usize),
    Link(bool),
}

fn happenings(devices: usize) -> impl Strategy<Value = Vec<(usize, Happens)>> {
    let happens = prop_oneof![5 => (0..devices).prop_map(Happens::Heard), 1 => any::<bool>().prop_map(Happens::Link)];
    prop::collection::btree_map(1..END, happens, 0..60).prop_map(|map| map.into_iter().collect())
}

/// The seconds at which a lone device falls silent.
///
/// A second counts if it begins while we hear and at least a grace after we were last deaf.
fn silent_seconds(device: usize, happenings: &[(usize, Happens)]) -> Vec<usize> {
    let mut found = Vec::new();
    let (mut deaf, mut deaf_until, mut counted, mut silent) = (false, 0, 0, false);
    for second in 0..=END {
        // What is due at a second is judged before what arrives in it.
        if !deaf && second >= deaf_until + GRACE && counted >= ALLOWED && !silent {
            silent = true;
            found.push(second);
        }
        for (_, happens) in happenings.iter().filter(|(when, _)| *when == second) {
            match happens {
                Happens::Heard(heard) if *heard == device => (counted, silent) = (0, false),
                Happens::Link(false) => deaf = true,
                Happens::Link(true) if deaf => (deaf, deaf_until) = (false, second),
                _ => {}
            }
        }
        if !deaf && second >= deaf_until + GRACE {
            counted += 1;
        }
    }
    found
}

fn play(scene: &mut Scene, happenings: &[(usize, Happens)], name: impl Fn(usize) -> String) {
    for (second, happens) in happenings {
        match happens {
            Happens::Heard(device) => scene.health(&name(*device), *second as f64),
            Happens::Link(up) => scene.enter(*second as f64, Body::Link(*up)),
        };
    }
    scene.enter(END as f64, Body::Tick);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn lone_devices_fall_silent_when_the_model_says(happenings in happenings(3)) {
        let name = |device| format!("st0{device}-ac01");
        let registry: String = (0..3)
            .map(|device| fixed(&name(device), &format!("st0{device}"), 1_000.0, 0.0, "interval_s = 60"))
            .collect();
        let mut scene = Scene::new(RULE, &registry);
        play(&mut scene, &happenings, name);
        let alerts = scene.alerts();
        for device in 0..3 {
            let subject = format!("device:{}", name(device));
            let seconds: Vec<usize> = alerts
                .iter()
                .filter(|alert| alert.subject == subject)
                .map(|alert| alert.detected_at.since(t(0.0)).secs_f64() as usize)
                .collect();
            prop_assert_eq!(seconds, silent_seconds(device, &happenings), "device {}", device);
        }
    }

    #[test]
    fn a_station_and_its_devices_are_never_told_both(happenings in happenings(4)) {
        let name = |device| format!("st01-ac{device:02}");
        let registry: String =
            (0..4).map(|device| fixed(&name(device), "st01", 1_000.0, 0.0, "interval_s = 60")).collect();
        let mut scene = Scene::new(RULE, &registry);
        let mut heard = [0usize; 4];
        for (second, happens) in &happenings {
            let before = (*second - 1) as f64;
            scene.enter(before.max(0.0), Body::Tick);
            play_one(&mut scene, *second, *happens, name);
            if let Happens::Heard(device) = happens {
                heard[*device] = *second;
            }
            let open: Vec<_> = scene.alerts().into_iter().filter(|alert| alert.ended.is_none()).collect();
            let stations = open.iter().filter(|alert| alert.subject.starts_with("station:")).count();
            prop_assert!(stations == 0 || open.len() == 1, "{:?}", open);
            for alert in &open {
                for (device, last) in heard.iter().enumerate() {
                    if alert.subject == format!("device:{}", name(device)) {
                        prop_assert!(second - last >= ALLOWED, "{} was heard at {}", name(device), last);
                    }
                }
            }
        }
        scene.enter(END as f64, Body::Link(true));
        scene.enter(END as f64 + 1_000.0, Body::Tick);
        let open: Vec<_> = scene.alerts().into_iter().filter(|alert| alert.ended.is_none()).collect();
        prop_assert_eq!(open.len(), 1, "all are silent in the end, and that is one alert");
        prop_assert_eq!(&open[0].subject, "station:st01");
    }
}

fn play_one(scene: &mut Scene, second: usize, happens: Happens, name: impl Fn(usize) -> String) {
    match happens {
        Happens::Heard(device) => scene.health(&name(device), second as f64),
        Happens::Link(up) => scene.enter(second as f64, Body::Link(up)),
    };
}
