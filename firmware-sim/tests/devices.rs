//! Devices lose nothing: what they keep, what they send again, and that a seed repeats.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreadable_literal)]

use std::collections::BTreeSet;
use std::time::Duration;

use firmware_sim::firmware::Firmware;
use firmware_sim::{Scenario, world};
use proptest::prelude::*;
use truceline_core::wire::{Encoding, Stored, decode};

fn demo() -> Scenario {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios/demo.toml");
    Scenario::load(&path).expect("the demo's scenario")
}

#[test]
fn the_same_seed_gives_the_same_readings_and_another_seed_others() {
    let scenario = demo();
    let all =
        |seed| -> Vec<_> { scenario.devices.iter().flat_map(|device| world::plan(&scenario, device, seed)).collect() };
    assert_eq!(all(7), all(7));
    assert_ne!(all(7), all(8));
}

#[test]
fn a_device_plans_the_same_whoever_stands_beside_it() {
    let scenario = demo();
    let mut alone = scenario.clone();
    alone.devices.truncate(1);
    let device = &scenario.devices[0];
    assert_eq!(world::plan(&scenario, device, 3), world::plan(&alone, device, 3));
}

#[test]
fn the_demo_has_detections_tracks_and_a_moved_device() {
    let scenario = demo();
    let kinds: BTreeSet<&str> = scenario
        .devices
        .iter()
        .flat_map(|device| world::plan(&scenario, device, 1))
        .map(|planned| planned.data.kind())
        .collect();
    for kind in ["acoustic_detection", "object_track", "health", "gnss_status"] {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    assert!(!scenario.displacements.is_empty() && !scenario.outages.is_empty());
}

#[test]
fn messages_are_what_the_service_reads() {
    use firmware_sim::encode::Format;
    let scenario = demo();
    let device = &scenario.devices[0];
    let planned = world::plan(&scenario, device, 1);
    let time = "2026-11-24T03:00:00Z".parse().expect("a time");
    for (format, encoding) in [(Format::Json, Encoding::Json), (Format::Cbor, Encoding::Cbor)] {
        for count in [1, 2, 50.min(planned.len())] {
            let encoded: Vec<Vec<u8>> =
                (0..count).map(|seq| format.encode(&device.id, 9, seq as u64, time, &planned[seq])).collect();
            let message = format.message(&encoded);
            let items = decode(encoding, &message, &device.id);
            assert_eq!(items.len(), count);
            for (item, bytes) in items.iter().zip(&encoded) {
                assert!(item.result.is_ok(), "{:?}", item.result);
                assert_eq!(item.bytes, bytes, "sent again in another batch it has the same bytes");
            }
        }
    }
}

#[test]
fn every_fault_of_a_scenario_is_told_at_once() {
    let faults = Scenario::parse(
        "name = 'x'\nduration_s = 100\n\
         [[device]]\nid = 'd1'\nstation = 's1'\nlat = 91\nlon = 0\nkinds = ['sonar']\n\
         [[explosion]]\nat_s = 200\nlat = 0\nlon = 0\n\
         [[vehicle]]\ntrack = 'v'\nclass = 'tank'\npath = [[5, 0, 0]]\n\
         [[outage]]\nfrom_s = 9\nto_s = 3\n\
         [[displacement]]\ndevice = 'd2'\nat_s = 1\nlat = 0\nlon = 0\n",
    )
    .expect_err("faulty")
    .0;
    for part in [
        "lat: 91",
        "'sonar' is no kind",
        "explosion[0]: at_s: 200",
        "at least 2",
        "from_s is not before",
        "no such device",
        "not both",
    ] {
        assert!(faults.iter().any(|fault| fault.contains(part)), "{part} is not in {faults:#?}");
    }
    let unknown = Scenario::parse("name = 'x'\nduration_s = 1\ncolour = 'red'\n").expect_err("unknown key");
    assert!(unknown.0[0].contains("colour"));
}

#[derive(Clone, Debug)]
enum Step {
    Keep,
    Send,
    Link(bool),
    Store(u64, u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Keep),
        3 => Just(Step::Send),
        1 => any::<bool>().prop_map(Step::Link),
        2 => (0_u64..40, 0_u64..5).prop_map(|(from, length)| Step::Store(from, from + length)),
        1 => (1_u64..40).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn nothing_is_forgotten_before_it_is_in_stored(steps in prop::collection::vec(step(), 1..120)) {
        let mut firmware = Firmware::new(5, Duration::from_secs(30));
        let mut now = Duration::ZERO;
        let mut open: BTreeSet<u64> = BTreeSet::new();
        let mut made = 0_u64;
        for step in steps {
            match step {
                Step::Keep => {
                    firmware.keep(made.to_be_bytes().to_vec());
                    open.insert(made);
                    made += 1;
                }
                Step::Send => {
                    for bytes in firmware.poll_send(now) {
                        let seq = u64::from_be_bytes(bytes.try_into().unwrap());
                        prop_assert!(open.contains(&seq), "{} was stored already", seq);
                    }
                }
                Step::Link(up) => firmware.link(up),
                Step::Store(from, to) => {
                    let known = to.min(made.saturating_sub(1));
                    if made > 0 && from <= known {
                        firmware.stored(&Stored { v: 1, boot: 5, stored: vec![(from, known)], rejected: vec![] });
                        open.retain(|seq| !(from..=known).contains(seq));
                    }
                    firmware.stored(&Stored { v: 1, boot: 6, stored: vec![(0, 1000)], rejected: vec![] });
                }
                Step::Wait(seconds) => now += Duration::from_secs(seconds),
            }
            prop_assert_eq!(firmware.pending(), open.len());
        }
        // With a link and enough patience all that is open is sent.
        firmware.link(false);
        firmware.link(true);
        let mut sent = BTreeSet::new();
        loop {
            let batch = firmware.poll_send(now);
            if batch.is_empty() { break; }
            sent.extend(batch.into_iter().map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap())));
        }
        prop_assert_eq!(sent, open);
    }
}
