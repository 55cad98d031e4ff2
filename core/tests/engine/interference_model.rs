//! Interference beside a plain model of it: no grid, no order, every subset tried.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use truceline_core::log::{Body, Entry};

use crate::interference::gnss;
use crate::scene::*;

const RULE: &str = r#"
[[rule]]
id = "jam"
kind = "interference"
min_devices = 3
radius_m = 10000
dwell_s = 60
cool_down_s = 86400
"#;

const DEVICES: usize = 9;
const LEAST: usize = 3;
const RADIUS_KM: f64 = 10.0;
const DWELL: i64 = 60;
/// Seconds for which a report stands.
const STANDS: i64 = 900;

#[derive(Clone, Debug)]
struct Says {
    device: usize,
    after_s: i64,
    jammed: bool,
}

fn story() -> impl Strategy<Value = Vec<Says>> {
    let after = prop_oneof![8 => 0..40i64, 1 => 0..1_200i64];
    let says = (0..DEVICES, after, prop::bool::weighted(0.8)).prop_map(|(device, after_s, jammed)| Says {
        device,
        after_s,
        jammed,
    });
    prop::collection::vec(says, 1..90)
}

/// (from, end) of each device's report, and the members of each region by its subject's device.
#[derive(Default)]
struct Model {
    reports: BTreeMap<usize, (i64, i64)>,
    regions: Vec<(usize, BTreeSet<usize>)>,
    /// Opened and ended, in order.
    told: Vec<String>,
}

impl Model {
    fn near(places: &[(f64, f64)], a: usize, b: usize) -> bool {
        let ((x, y), (v, w)) = (places[a], places[b]);
        (x - v).hypot(y - w) <= RADIUS_KM
    }

    fn stands(&self, device: usize, now: i64) -> Option<i64> {
        self.reports.get(&device).filter(|(_, end)| now < *end).map(|(from, _)| *from)
    }

    fn drop_ended(&mut self, now: i64) {
        let reports = self.reports.clone();
        for (_, members) in &mut self.regions {
            members.retain(|device| reports.get(device).is_some_and(|(_, end)| now < *end));
        }
    }

    fn says(&mut self, places: &[(f64, f64)], device: usize, now: i64, jammed: bool) {
        if !jammed {
            let Some(report) = self.reports.get_mut(&device) else { return };
            report.1 = report.1.min(now);
            let Some(region) = self.regions.iter().position(|(_, members)| members.contains(&device)) else { return };
            self.drop_ended(now);
            if self.regions[region].1.len() * 2 <= LEAST {
                let (name, _) = self.regions.remove(region);
                self.told.push(format!("end {name}"));
            }
            return;
        }
        let from = self.stands(device, now).unwrap_or(now);
        self.reports.insert(device, (from, now + STANDS));
        self.drop_ended(now);
        if self.regions.iter().any(|(_, members)| members.contains(&device)) {
            return;
        }
        let touches =
            |(_, members): &(usize, BTreeSet<usize>)| members.iter().any(|member| Self::near(places, device, *member));
        let touched: Vec<usize> = (0..self.regions.len()).filter(|n| touches(&self.regions[*n])).collect();
        if let Some((oldest, rest)) = touched.split_first() {
            self.regions[*oldest].1.insert(device);
            for younger in rest.iter().rev() {
                let (name, members) = self.regions.remove(*younger);
                self.regions[*oldest].1.extend(members);
                self.told.push(format!("end {name}"));
            }
            return;
        }
        if from > now - DWELL {
            return;
        }
        let member = |n: &usize| self.regions.iter().any(|(_, members)| members.contains(n));
        let others: Vec<usize> = (0..DEVICES)
            .filter(|n| *n != device && !member(n) && Self::near(places, device, *n))
            .filter(|n| self.stands(*n, now).is_some_and(|from| from <= now - DWELL))
            .collect();
        let pair = |(a, b): (&usize, &usize)| a != b && Self::near(places, *a, *b);
        let agree = others.iter().flat_map(|a| others.iter().map(move |b| (a, b))).any(pair);
        if !agree {
            return;
        }
        let members: BTreeSet<usize> = others.into_iter().chain([device]).collect();
        let borne = |n: &usize| self.regions.iter().any(|(name, members)| name == n && !members.is_empty());
        let by_report = |n: &usize| (self.reports[n].0, *n);
        let free = members.iter().filter(|n| !borne(n)).min_by_key(|n| by_report(n));
        let first = *free.or(members.iter().min_by_key(|n| by_report(n))).unwrap();
        // One of this name that all have left is gone on with.
        let regions = self.regions.len();
        self.regions.retain(|(name, members)| *name != first || !members.is_empty());
        if regions == self.regions.len() {
            self.told.push(format!("open {first}"));
        }
        self.regions.push((first, members));
    }
}

fn name(device: usize) -> String {
    format!("st01-gn{device:02}")
}

fn told(scene: &Scene) -> Vec<String> {
    let mut told = Vec::new();
    for output in &scene.outputs {
        let alert = output.said.alert().unwrap();
        let device: usize = alert.subject.rsplit("gn").next().unwrap().parse().unwrap();
        match (alert.revision, alert.ended.is_some()) {
            (_, true) => told.push(format!("end {device}")),
            (1, false) => told.push(format!("open {device}")),
            _ => {}
        }
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn regions_open_meet_and_end_when_the_model_says(
        story in story(),
        places in prop::collection::vec((0.0..40.0f64, -8.0..8.0f64), DEVICES),
        cut in 0.0..1.0f64,
    ) {
        // What is at the very edge of the distance is a matter of rounding.
        for a in 0..DEVICES {
            for b in 0..a {
                let apart = (places[a].0 - places[b].0).hypot(places[a].1 - places[b].1);
                prop_assume!((apart - RADIUS_KM).abs() > 0.15);
            }
        }
        let registry: String = places
            .iter()
            .enumerate()
            .map(|(n, (east, north))| fixed(&name(n), "st01", north * 1_000.0, east * 1_000.0, ""))
            .collect();
        let mut scene = Scene::new(RULE, &registry);
        let mut model = Model::default();
        let mut now = 0;
        for says in &story {
            now += says.after_s;
            let fields = gnss(if says.jammed { "suspected" } else { "none" }, "none");
            scene.reading(&name(says.device), now as f64, now as f64 + 0.5, fields);
            model.says(&places, says.device, now, says.jammed);
            prop_assert_eq!(told(&scene), model.told.clone(), "after {:?} at {}", says, now);
        }
        scene.alerts();
        let (mut engine, outputs) = scene.replayed(cut);
        prop_assert_eq!(outputs, scene.outputs);
        engine.handle_entry(&Entry { offset: 10_000, arrived: t(now as f64 + 90_000.0), body: Body::Tick });
        prop_assert!(engine.open_alerts().is_empty(), "all cools down in the end");
    }
}
