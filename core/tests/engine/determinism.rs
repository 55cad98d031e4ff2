//! The same entries give the same outputs: in one run, over a snapshot, and however time is cut by ticks.

use proptest::prelude::*;
use serde_json::json;
use truceline_core::engine::{Engine, Output, Said};
use truceline_core::log::{Body, Document, Entry, StateEntry};
use truceline_core::time::Span;
use truceline_core::wire::{DeviceState, RejectReason};

use crate::scene::*;

const DEVICES: [&str; 5] = ["st01-ac01", "st01-ac02", "st02-rd01", "st03-v1", "st09-x1"];

fn rules(variant: u8) -> String {
    let fire =
        "[[rule]]\nid = \"no-fire\"\nkind = \"no_fire\"\nareas = [\"near\"]\nthreshold = 0.3\ncool_down_s = 120\n";
    let others = r#"
[[rule]]
id = "crossing"
kind = "crossing"
cool_down_s = 60
[[rule]]
id = "square"
kind = "exclusion_zone"
areas = ["square", "near-b"]
dwell_s = 20
cool_down_s = 90
[[rule]]
id = "withdrawal"
kind = "withdrawal"
dwell_s = 10
distances = [{ class = "tank", distance_m = 500 }]
[[rule]]
id = "tamper"
kind = "tamper"
displacement_m = 20
cool_down_s = 200
[[rule]]
id = "silence"
kind = "silence"
intervals = 2
grace_s = 30
[[rule]]
id = "jam"
kind = "interference"
min_devices = 2
radius_m = 5000
dwell_s = 10
cool_down_s = 120
[[rule]]
id = "blind"
kind = "coverage"
stretch_m = 20000
dwell_s = 60
grace_s = 30
hours = ["12:02-12:40"]
"#;
    let activity = r#"
[[activity]]
id = "blasting"
kind = "blasting"
areas = ["near"]
from = 2026-11-24T12:05:00Z
to = 2026-11-24T12:20:00Z
notified_by = "quarry"
notified_at = 2026-11-20T12:00:00Z
"#;
    match variant {
        0 => format!("{fire}{others}"),
        1 => format!("{others}{activity}"),
        _ => fire.to_owned(),
    }
}

fn registry(variant: u8) -> String {
    let timed = "interval_s = 60\nrange_m = { explosion = 50000 }";
    let mut text = fixed("st01-ac01", "st01", 1_000.0, 0.0, timed) + &fixed("st02-rd01", "st02", 500.0, 0.0, timed);
    if variant == 0 {
        text += &fixed("st01-ac02", "st01", 1_200.0, 0.0, timed);
        text += &mobile("st03-v1", "st03", &format!("watched = true\n{timed}"));
    }
    text
}

#[derive(Clone, Debug)]
enum Act {
    Track { track: u8, north_m: f64, hacc_m: f64 },
    Heard { device: usize, confidence: f64, bearing: Option<f64> },
    Health { device: usize, north_m: Option<f64>, open: bool },
    Gnss { device: usize, jamming: bool },
    Announce { device: usize, next_by_s: Option<f64>, online: bool },
    Link(bool),
    Stop,
    Start,
    Clock(i64),
    Agreement(u8),
    Registry(u8),
    Reject(usize),
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    let device = 0..DEVICES.len();
    let wide = || prop_oneof![-800.0..800.0f64, 5_000.0..7_000.0f64];
    prop_oneof![
        6 => (0..3u8, wide(), 5.0..80.0f64).prop_map(|(track, north_m, hacc_m)| Act::Track { track, north_m, hacc_m }),
        4 => (device.clone(), 0.0..1.0f64, prop::option::of(0.0..360.0f64))
            .prop_map(|(device, confidence, bearing)| Act::Heard { device, confidence, bearing }),
        6 => (device.clone(), prop::option::of(-300.0..1_500.0f64), prop::bool::weighted(0.1))
            .prop_map(|(device, north_m, open)| Act::Health { device, north_m, open }),
        4 => (device.clone(), prop::bool::weighted(0.8)).prop_map(|(device, jamming)| Act::Gnss { device, jamming }),
        1 => (device.clone(), prop::option::of(0.0..3_000.0f64), any::<bool>())
            .prop_map(|(device, next_by_s, online)| Act::Announce { device, next_by_s, online }),
        1 => any::<bool>().prop_map(Act::Link),
        1 => Just(Act::Stop),
        1 => Just(Act::Start),
        1 => (-5_000..5_000i64).prop_map(Act::Clock),
        1 => (0..3u8).prop_map(Act::Agreement),
        1 => (0..2u8).prop_map(Act::Registry),
        1 => device.prop_map(Act::Reject),
        1 => Just(Act::Tick),
    ]
}

/// Acts with the seconds that pass before each and how old a reading is when it arrives.
fn story() -> impl Strategy<Value = Vec<(f64, f64, Act)>> {
    let wait = prop_oneof![4 => 0.0..20.0f64, 1 => 0.0..400.0f64, 1 => Just(0.0)];
    let age = prop_oneof![6 => 0.0..2.0f64, 1 => 0.0..1_500.0f64];
    prop::collection::vec((wait, age, act()), 1..80)
}

fn entries(story: &[(f64, f64, Act)]) -> Vec<Entry> {
    let mut scene = Scene::new(&rules(0), &registry(0));
    let mut now = 0.0;
    for (wait, age, act) in story {
        now += wait;
        let made = now - age;
        let body = match act {
            Act::Track { track, north_m, hacc_m } => {
                let class = ["vehicle", "tank", "tank"][usize::from(*track)];
                scene.reading_body(
                    "st02-rd01",
                    made,
                    sighting(&format!("t{track}"), class, (*north_m, 1_000.0), *hacc_m),
                )
            }
            Act::Heard { device, confidence, bearing } => scene.reading_body(
                DEVICES[*device],
                made,
                heard(["explosion", "gunfire"][device % 2], *confidence, bearing.map(|b| (b, 5.0))),
            ),
            Act::Health { device, north_m, open } => {
                let mut fields =
                    json!({"kind": "health", "data": {"enclosure": if *open { "open" } else { "closed" }}});
                if let Some(north_m) = north_m {
                    let (lat, lon) = at(*north_m, 0.0);
                    fields["position"] = json!({"lat": lat, "lon": lon, "hacc_m": 7.5, "fix": "3d"});
                }
                scene.reading_body(DEVICES[*device], made, fields)
            }
            Act::Gnss { device, jamming } => {
                let jamming = if *jamming { "suspected" } else { "none" };
                let fields = json!({"kind": "gnss_status", "data": {"jamming": jamming, "spoofing": "none"}});
                scene.reading_body(DEVICES[*device], made, fields)
            }
            Act::Announce { device, next_by_s, online } => {
                let state = DeviceState {
                    v: 1,
                    online: *online,
                    boot: None,
                    firmware: None,
                    time: None,
                    interval_s: None,
                    next_by: next_by_s.map(|after| t(now + after)),
                    reason: next_by_s.map(|_| "maintenance".to_owned()),
                };
                Body::State(StateEntry { station: id("st01"), device: id(DEVICES[*device]), state })
            }
            Act::Link(up) => Body::Link(*up),
            Act::Stop => Body::Service(false),
            Act::Start => Body::Service(true),
            Act::Clock(seconds) => Body::Clock { offset_ns: Span::from_secs(*seconds).nanos() },
            Act::Agreement(variant) => Body::Agreement(agreement(&rules(*variant)).document()),
            Act::Registry(variant) => Body::Registry(Document::new(registry(*variant))),
            Act::Reject(device) => {
                scene.reject(now, DEVICES[*device], RejectReason::ConflictingDuplicate);
                continue;
            }
            Act::Tick => Body::Tick,
        };
        scene.enter(now, body);
    }
    scene.enter(now + 1_000.0, Body::Tick);
    scene.alerts();
    scene.entries
}

fn drain(engine: &mut Engine) -> Vec<Output> {
    std::iter::from_fn(|| engine.poll_output()).collect()
}

fn as_text(outputs: &[Output]) -> Vec<String> {
    outputs
        .iter()
        .map(|output| {
            let said = match &output.said {
                Said::Alert(alert) => serde_json::to_string(alert),
                Said::Event(event) => serde_json::to_string(event),
            };
            format!("{} {} {}", output.offset, output.n, said.unwrap())
        })
        .collect()
}

fn run(engine: &mut Engine, entries: &[Entry]) -> Vec<Output> {
    entries
        .iter()
        .flat_map(|entry| {
            engine.handle_entry(entry);
            drain(engine)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_snapshot_anywhere_changes_nothing(story in story(), cut in 0.0..1.0f64) {
        let entries = entries(&story);
        let mut unbroken = Engine::new();
        let expected = run(&mut unbroken, &entries);
        let cut = (entries.len() as f64 * cut) as usize;
        let mut first = Engine::new();
        let mut outputs = run(&mut first, &entries[..cut]);
        let snapshot = first.snapshot();
        let mut second = Engine::restore(&snapshot).unwrap();
        prop_assert_eq!(second.snapshot(), snapshot, "a restored engine has the same snapshot");
        prop_assert_eq!(second.poll_timeout(), first.poll_timeout());
        prop_assert_eq!(second.offset(), first.offset());
        outputs.extend(run(&mut second, &entries[cut..]));
        prop_assert_eq!(as_text(&outputs), as_text(&expected));
        prop_assert_eq!(second.snapshot(), unbroken.snapshot());
        prop_assert_eq!(second.devices(), unbroken.devices());
    }

    #[test]
    fn outputs_are_numbered_within_their_entry_and_never_ahead_of_time(story in story()) {
        let entries = entries(&story);
        let mut engine = Engine::new();
        for entry in &entries {
            engine.handle_entry(entry);
            for (n, output) in drain(&mut engine).into_iter().enumerate() {
                prop_assert_eq!((output.offset, output.n), (entry.offset, n as u32));
                let (updated_at, started, last) = match &output.said {
                    Said::Alert(alert) => (alert.updated_at, alert.started, alert.last),
                    Said::Event(event) => (event.updated_at, event.started, event.last),
                };
                prop_assert!(updated_at <= entry.arrived);
                prop_assert!(started <= last);
            }
            prop_assert!(engine.poll_timeout().is_none_or(|due| due >= entry.arrived), "what was due has fired");
        }
    }

    /// Ticks between entries tell nothing but the time. (After a crash they do: that we were there.)
    #[test]
    fn ticks_change_nothing_but_when_it_is_said(story in story()) {
        let story: Vec<_> = story.into_iter().filter(|(_, _, act)| !matches!(act, Act::Start)).collect();
        let entries = entries(&story);
        let mut plain = Engine::new();
        let expected: Vec<_> = run(&mut plain, &entries).into_iter().map(|output| output.said).collect();
        let mut ticked = Engine::new();
        let mut said = Vec::new();
        let mut offset = 0;
        for entry in &entries {
            while let Some(due) = ticked.poll_timeout().filter(|due| *due < entry.arrived) {
                ticked.handle_entry(&Entry { offset, arrived: due, body: Body::Tick });
                said.extend(drain(&mut ticked));
            }
            ticked.handle_entry(entry);
            said.extend(drain(&mut ticked));
            offset = entry.offset;
        }
        let said: Vec<_> = said.into_iter().map(|output| output.said).collect();
        prop_assert_eq!(said, expected);
        prop_assert_eq!(ticked.snapshot(), plain.snapshot());
    }
}

#[test]
fn the_same_entries_give_the_same_ids_in_another_run() {
    let story: Vec<_> = (0..40)
        .map(|i| {
            (15.0, 0.3, Act::Track { track: i % 3, north_m: if i % 2 == 0 { 200.0 } else { -200.0 }, hacc_m: 9.0 })
        })
        .collect();
    let entries = entries(&story);
    let ids = |engine: &mut Engine| {
        run(engine, &entries).into_iter().filter_map(|output| Some(output.said.alert()?.id)).collect::<Vec<_>>()
    };
    let first = ids(&mut Engine::new());
    assert!(first.len() > 5);
    assert!(first.iter().all(|id| id.get_version_num() == 8));
    assert_eq!(first, ids(&mut Engine::new()));
}
