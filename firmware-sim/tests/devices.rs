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

#[test]
fn a_start_is_a_date_a_text_or_now() {
    let with = |start: &str| {
        Scenario::parse(&format!(
            "name = 'x'\nduration_s = 1\nstart = {start}\n[[device]]\nid = 'd'\nstation = 's'\nlat = 0\nlon = 0\nkinds = []"
        ))
    };
    let time = "2026-11-24T03:00:00Z".parse().unwrap();
    assert_eq!(with("2026-11-24T03:00:00Z").unwrap().start, Some(time));
    assert_eq!(with("'2026-11-24T03:00:00Z'").unwrap().start, Some(time));
    assert_eq!(with("'now'").unwrap().start, None);
    assert!(with("'tomorrow'").unwrap_err().0[0].contains("start"));
}

#[test]
fn a_scenario_that_would_not_fit_in_memory_is_refused() {
    let text = "name = 'x'\nduration_s = 604800\n\
        [[device]]\nid = 'd'\nstation = 's'\nlat = 0\nlon = 0\nkinds = ['object_track']\n\
        [[vehicle]]\ntrack = 'v'\nclass = 'tank'\nevery_s = 0.1\npath = [[0, 0, 0], [604800, 1, 1]]\n";
    let faults = Scenario::parse(text).unwrap_err().0;
    assert!(faults[0].contains("6048001 readings"), "{faults:?}");
    assert!(Scenario::parse(&text.replace("every_s = 0.1", "every_s = 1")).is_ok());
}

#[test]
fn sound_takes_its_time_and_is_not_heard_beyond_the_range() {
    let scenario = Scenario::parse(
        "name = 'x'\nduration_s = 100\n\
         [[device]]\nid = 'near'\nstation = 's'\nlat = 0\nlon = 0\nkinds = ['acoustic_detection']\n\
         [[device]]\nid = 'far'\nstation = 's'\nlat = 1\nlon = 0\nkinds = ['acoustic_detection']\n\
         [[explosion]]\nat_s = 10\nlat = 0\nlon = 0.02\n",
    )
    .unwrap();
    let heard: Vec<_> = (0..50).flat_map(|seed| world::plan(&scenario, &scenario.devices[0], seed)).collect();
    assert!(heard.len() > 40, "2.2 km of 10 km: nearly always, not {} of 50", heard.len());
    for planned in heard {
        // 0.02 degrees of the equator by 340.3 m/s.
        assert!((planned.at_s - 10.0 - 2_224.0 / 340.3).abs() < 0.02, "{}", planned.at_s);
    }
    assert!((0..50).all(|seed| world::plan(&scenario, &scenario.devices[1], seed).is_empty()));
}

#[test]
fn a_device_reports_its_new_place_after_it_was_moved() {
    let scenario = demo();
    let moved = &scenario.displacements[0];
    let device = scenario.devices.iter().find(|device| device.id == moved.device).unwrap();
    for planned in world::plan(&scenario, device, 1) {
        let (lat, lon) = if planned.at_s < moved.at_s { (device.lat, device.lon) } else { (moved.lat, moved.lon) };
        let off_m = ((planned.position.0 - lat) * 111_195.0).hypot((planned.position.1 - lon) * 75_000.0);
        assert!(off_m < 12.0, "{off_m} m off at {} s", planned.at_s);
    }
}

#[test]
fn a_full_flash_keeps_the_oldest_and_tells_what_it_gave_up() {
    let mut firmware = Firmware::new(5, 3, Duration::from_secs(30));
    let kept: Vec<bool> = (0..6_u8).map(|number| firmware.keep(vec![number])).collect();
    assert_eq!(kept, [true, true, true, false, false, false]);
    assert_eq!(firmware.dropped(), [(5, 3, 5)]);
    firmware.stored(&Stored { v: 1, boot: 5, stored: vec![(0, 0)], rejected: vec![(2, "out_of_range".to_owned())] });
    assert!(firmware.keep(vec![6]));
    firmware.told_dropped();
    assert!(firmware.keep(vec![7]) && !firmware.keep(vec![8]));
    assert_eq!(firmware.dropped(), [(5, 8, 8)]);
    assert_eq!((firmware.counts.dropped, firmware.counts.rejected, firmware.pending()), (4, 1, 3));
}

#[test]
fn what_only_came_too_fast_is_kept_and_sent_again() {
    let mut firmware = Firmware::new(5, 10, Duration::from_secs(30));
    firmware.link(true);
    assert!(firmware.keep(vec![0]) && firmware.keep(vec![1]));
    let batch = firmware.poll_send(Duration::ZERO).unwrap();
    let too_fast = vec![(1, "rate_limited".to_owned())];
    firmware.stored(&Stored { v: 1, boot: 5, stored: vec![(0, 0)], rejected: too_fast.clone() });
    assert_eq!((firmware.pending(), firmware.counts.rejected), (1, 0));
    assert_eq!(firmware.poll_send(Duration::from_secs(29)), None, "not at once");
    assert_eq!(firmware.poll_send(Duration::from_secs(30)).unwrap().readings, batch.readings[1..]);
    firmware.stored(&Stored { v: 1, boot: 5, stored: vec![(0, 1)], rejected: too_fast });
    assert_eq!((firmware.pending(), firmware.counts.stored), (0, 2));
}

#[test]
fn under_way_are_never_more_than_the_limit_and_the_rest_follows() {
    use firmware_sim::firmware::{MAX_BATCH, MAX_UNDER_WAY};
    let mut firmware = Firmware::new(5, 10_000, Duration::from_secs(30));
    firmware.link(true);
    (0..MAX_UNDER_WAY + 50).for_each(|_| assert!(firmware.keep(vec![0])));
    let mut sent = 0;
    while let Some(batch) = firmware.poll_send(Duration::ZERO) {
        assert!(batch.readings.len() <= MAX_BATCH);
        sent += batch.readings.len();
    }
    assert_eq!(sent, MAX_UNDER_WAY);
    firmware.stored(&Stored { v: 1, boot: 5, stored: vec![(0, 9)], rejected: vec![] });
    assert_eq!(firmware.poll_send(Duration::ZERO).unwrap().readings.len(), 10);
    let again = firmware.poll_send(Duration::from_secs(30)).unwrap();
    assert_eq!((again.readings.len(), firmware.counts.resent), (MAX_BATCH, MAX_BATCH as u64));
    firmware.not_sent(&again);
    assert_eq!(firmware.poll_send(Duration::from_secs(31)).unwrap(), again, "what the link refused waits no time");
}

#[derive(Clone, Debug)]
enum Step {
    Keep,
    Send,
    Refuse,
    Link(bool),
    Store(u64, u64),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Keep),
        3 => Just(Step::Send),
        1 => Just(Step::Refuse),
        1 => any::<bool>().prop_map(Step::Link),
        2 => (0_u64..40, 0_u64..5).prop_map(|(from, length)| Step::Store(from, from + length)),
        1 => (1_u64..40).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn nothing_is_forgotten_before_it_is_in_stored(steps in prop::collection::vec(step(), 1..120)) {
        let mut firmware = Firmware::new(5, 1_000, Duration::from_secs(30));
        let mut now = Duration::ZERO;
        let mut open: BTreeSet<u64> = BTreeSet::new();
        let mut made = 0_u64;
        for step in steps {
            match step {
                Step::Keep => {
                    prop_assert!(firmware.keep(made.to_be_bytes().to_vec()));
                    open.insert(made);
                    made += 1;
                }
                Step::Send => {
                    for bytes in firmware.poll_send(now).unwrap_or_default().readings {
                        let seq = u64::from_be_bytes(bytes.try_into().unwrap());
                        prop_assert!(open.contains(&seq), "{} was stored already", seq);
                    }
                }
                Step::Refuse => {
                    if let Some(batch) = firmware.poll_send(now) {
                        firmware.not_sent(&batch);
                        prop_assert_eq!(firmware.poll_send(now), Some(batch));
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
        while let Some(batch) = firmware.poll_send(now) {
            sent.extend(batch.readings.into_iter().map(|bytes| u64::from_be_bytes(bytes.try_into().unwrap())));
        }
        prop_assert_eq!(sent, open);
    }
}
