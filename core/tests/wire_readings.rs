//! Any reading the types can hold survives JSON and CBOR; any damage to it is a fault and no panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use truceline_core::id::Id;
use truceline_core::time::Time;
use truceline_core::wire::{
    Access, AccessReport, Assessment, Attachment, Clock, ClockSource, CountQualifier, Data, Detection, Enclosure,
    Encoding, Fix, GnssStatus, Hazard, HazardReport, Health, MAX_SEQ, Means, ObjectClass, ObjectPlace, ObjectPosition,
    ObjectTrack, Observation, PatrolReport, Position, Reading, RejectReason, SiteCount, SiteInspection, SoundClass,
    Suspicion, UavClass, UavDetection, Weapon, Weather, decode, decode_one, to_cbor,
};

fn device() -> Id {
    "st07-ac03".parse().unwrap()
}

fn time() -> impl Strategy<Value = Time> {
    any::<i64>().prop_map(|nanos| Time::from_nanos(nanos.clamp(-9_000_000_000_000_000_000, i64::MAX)))
}

fn angle() -> impl Strategy<Value = f64> {
    0.0..=360.0_f64
}

fn over_zero() -> impl Strategy<Value = f64> {
    prop_oneof![Just(f64::MIN_POSITIVE), 1e-6..1e6_f64, Just(f64::MAX)]
}

fn from_zero() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..1e9_f64]
}

fn finite() -> impl Strategy<Value = f64> {
    prop_oneof![-1e9..1e9_f64, Just(-f64::MAX), Just(0.1)]
}

fn text(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..most).prop_map(String::from_iter)
}

fn object_position() -> impl Strategy<Value = ObjectPosition> {
    (-90.0..=90.0_f64, -180.0..=180.0_f64, of(over_zero())).prop_map(|(lat, lon, hacc_m)| ObjectPosition {
        lat,
        lon,
        hacc_m,
    })
}

fn place() -> impl Strategy<Value = ObjectPlace> {
    (of(object_position()), of(((angle(), over_zero()), of((from_zero(), over_zero()))))).prop_map(
        |(position, seen)| ObjectPlace {
            position,
            bearing_deg: seen.map(|seen| seen.0.0),
            bearing_sd_deg: seen.map(|seen| seen.0.1),
            range_m: seen.and_then(|seen| seen.1).map(|range| range.0),
            range_sd_m: seen.and_then(|seen| seen.1).map(|range| range.1),
        },
    )
}

fn detection() -> impl Strategy<Value = Detection> {
    let bearing = of((angle(), over_zero()));
    (select(SoundClass::ALL), 0.0..=1.0_f64, of(finite()), bearing, of(from_zero()), of(1_u32..)).prop_map(
        |(class, confidence, snr_db, bearing, duration_ms, count)| Detection {
            class,
            confidence,
            snr_db,
            bearing_deg: bearing.map(|pair| pair.0),
            bearing_sd_deg: bearing.map(|pair| pair.1),
            duration_ms,
            count,
        },
    )
}

fn track() -> impl Strategy<Value = Data> {
    let name = || text(63).prop_map(|text| format!("t{text}"));
    let object = (name(), select(ObjectClass::ALL), of(over_zero()), of(0.0..=1.0_f64), place(), of(from_zero()));
    let uav = (name(), select(UavClass::ALL), of(0.0..=1.0_f64), place(), of(angle()), of(finite()));
    prop_oneof![
        object.prop_map(|(track, class, calibre_mm, confidence, place, speed_mps)| Data::ObjectTrack(ObjectTrack {
            track,
            class,
            calibre_mm,
            confidence,
            place,
            speed_mps,
            heading_deg: speed_mps.map(|_| 12.5),
        })),
        uav.prop_map(|(track, class, confidence, place, heading_deg, alt_agl_m)| Data::UavDetection(UavDetection {
            track,
            class,
            confidence,
            place,
            speed_mps: heading_deg,
            heading_deg,
            alt_agl_m,
        })),
    ]
}

fn health() -> impl Strategy<Value = Data> {
    let dropped = (any::<u32>(), 0..=MAX_SEQ, 0..=MAX_SEQ).prop_map(|(boot, a, b)| (boot, a.min(b), a.max(b)));
    let dropped = prop::collection::vec(dropped, 0..6);
    (of(0.0..=100.0_f64), of(select(Enclosure::ALL)), of(-180.0..180.0_f64), of(from_zero()), dropped).prop_map(
        |(battery_pct, enclosure, tilt_deg, shock_g, dropped)| {
            Data::Health(Health { battery_pct, enclosure, tilt_deg, shock_g, storage_pct: battery_pct, dropped })
        },
    )
}

type Sector = ((Option<f64>, Option<f64>), (Option<f64>, Option<f64>));

fn sector() -> impl Strategy<Value = Sector> {
    let ranges = of((from_zero(), from_zero())).prop_map(|pair| match pair {
        Some((a, b)) => (Some(a.min(b)), Some(a.max(b))),
        None => (None, None),
    });
    ((of(angle()), of(angle())), ranges)
}

fn patrol() -> impl Strategy<Value = Data> {
    let weapon = (of(select(ObjectClass::ALL)), of(over_zero()), of(text(200)))
        .prop_map(|(class, calibre_mm, text)| Weapon { class, calibre_mm, text });
    let words = (select(Observation::ALL), select(Means::ALL), of(select(CountQualifier::ALL)));
    (words, of(select(Assessment::ALL)), of(weapon), sector(), of(any::<u32>()), of(time()), of(text(2000))).prop_map(
        |((observation, means, count_qualifier), assessment, weapon, (sector, range), count, observed_to, note)| {
            Data::PatrolReport(PatrolReport {
                observation,
                means,
                count,
                count_qualifier,
                assessment,
                weapon,
                sector_deg: sector.0,
                sector_width_deg: sector.1,
                range_min_m: range.0,
                range_max_m: range.1,
                observed_to,
                note,
            })
        },
    )
}

fn counts() -> impl Strategy<Value = Vec<SiteCount>> {
    let count = (select(ObjectClass::ALL), of(over_zero()), any::<u32>())
        .prop_map(|(class, calibre_mm, count)| SiteCount { class, calibre_mm, count });
    prop::collection::vec(count, 0..4)
}

fn data() -> impl Strategy<Value = Data> {
    let access = (select(Access::ALL), of(text(200)), of(from_zero()), of(text(99)));
    let inspection = ("[a-z0-9][a-z0-9-]{0,31}", counts(), counts(), of(select(Access::ALL)), of(text(99)));
    let hazard = (select(Hazard::ALL), object_position(), sector(), of(text(99)));
    prop_oneof![
        detection().prop_map(Data::AcousticDetection),
        detection().prop_map(Data::SeismicDetection),
        track(),
        (select(Suspicion::ALL), select(Suspicion::ALL), of(finite())).prop_map(
            |(jamming, spoofing, cn0_mean_dbhz)| { Data::GnssStatus(GnssStatus { jamming, spoofing, cn0_mean_dbhz }) }
        ),
        (-90.0..60.0_f64, of(from_zero()), of(angle())).prop_map(|(temperature_c, wind_speed_mps, wind_from_deg)| {
            Data::Weather(Weather { temperature_c, wind_speed_mps, wind_from_deg })
        }),
        health(),
        patrol(),
        access.prop_map(|(access, by, duration_s, note)| Data::AccessReport(AccessReport {
            access,
            by,
            duration_s,
            note
        })),
        inspection.prop_map(|(site, expected, seen, access, note)| {
            let site = site.parse().unwrap();
            Data::SiteInspection(SiteInspection { site, expected, seen, access, note })
        }),
        hazard.prop_map(|(hazard, position, (sector, range), note)| Data::HazardReport(HazardReport {
            hazard,
            position: Some(position),
            sector_deg: sector.0,
            sector_width_deg: sector.1,
            range_min_m: range.0,
            range_max_m: range.1,
            note,
        })),
    ]
}

fn position() -> impl Strategy<Value = Position> {
    let fix = select(&[Fix::ThreeD, Fix::TwoD, Fix::Surveyed][..]);
    let known = (object_position(), of(finite()), fix, of(any::<u8>())).prop_map(|(at, alt_m, fix, satellites)| {
        Position { lat: Some(at.lat), lon: Some(at.lon), alt_m, hacc_m: at.hacc_m, fix, satellites }
    });
    let none = Position { lat: None, lon: None, alt_m: None, hacc_m: None, fix: Fix::None, satellites: Some(2) };
    prop_oneof![9 => known, 1 => Just(none)]
}

fn reading() -> impl Strategy<Value = Reading> {
    use ClockSource::{Gnss, Holdover, None, Ntp, Rtc};
    let clock = (select(&[Gnss, Holdover, Ntp, Rtc, None][..]), of(0.0..=86_400_000.0_f64), of(from_zero()))
        .prop_map(|(source, uncertainty_ms, since_sync_s)| Clock { source, uncertainty_ms, since_sync_s });
    let attachment = ("[0-9a-f]{64}", "[a-z]{1,9}/[a-z]{1,9}", 0..=MAX_SEQ)
        .prop_map(|(sha256, media_type, bytes)| Attachment { sha256, media_type, bytes });
    let attachments = prop::collection::vec(attachment, 0..3);
    let whole = (any::<u32>(), 0..=MAX_SEQ, time(), clock, of(from_zero()));
    (whole, of(position()), data(), attachments, any::<bool>()).prop_map(
        |((boot, seq, time, clock, uptime_ms), position, data, attachments, test)| Reading {
            v: 1,
            device: device(),
            boot,
            seq,
            time,
            clock,
            uptime_ms,
            position,
            data,
            attachments,
            test,
        },
    )
}

fn only(encoding: Encoding, bytes: &[u8]) -> Reading {
    let mut items = decode(encoding, bytes, &device());
    assert_eq!(items.len(), 1);
    items.remove(0).result.unwrap_or_else(|fault| panic!("{fault}: {}", String::from_utf8_lossy(bytes)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_reading_survives_json_and_cbor(reading in reading()) {
        let json = serde_json::to_vec(&reading).unwrap();
        prop_assert_eq!(&only(Encoding::Json, &json), &reading);
        let cbor = to_cbor(&reading);
        prop_assert_eq!(&only(Encoding::Cbor, &cbor), &reading);
        prop_assert_eq!(&decode_one(Encoding::Json, &json).unwrap(), &reading);
        prop_assert_eq!(&decode_one(Encoding::Cbor, &cbor).unwrap(), &reading);
    }

    #[test]
    fn a_batch_gives_each_reading_with_its_own_bytes(readings in prop::collection::vec(reading(), 1..6), pretty in any::<bool>(), indefinite in any::<bool>()) {
        let one = |reading| if pretty { serde_json::to_string_pretty(reading) } else { serde_json::to_string(reading) }.unwrap();
        let texts: Vec<String> = readings.iter().map(one).collect();
        let json = format!("\r\n[{}]\t", texts.join(if pretty { " ,\n " } else { "," }));
        let items = decode(Encoding::Json, json.as_bytes(), &device());
        prop_assert_eq!(items.len(), readings.len());
        for ((item, text), reading) in items.iter().zip(&texts).zip(&readings) {
            prop_assert_eq!(item.bytes, text.as_bytes());
            prop_assert_eq!(item.result.as_ref().unwrap(), reading);
        }
        let elements: Vec<Vec<u8>> = readings.iter().map(to_cbor).collect();
        let cbor = if indefinite {
            [&[0x9f][..], &elements.concat(), &[0xff]].concat()
        } else {
            [&[0x80 + elements.len() as u8][..], &elements.concat()].concat()
        };
        let items = decode(Encoding::Cbor, &cbor, &device());
        prop_assert_eq!(items.len(), readings.len());
        for ((item, element), reading) in items.iter().zip(&elements).zip(&readings) {
            prop_assert_eq!(item.bytes, &element[..]);
            prop_assert_eq!(item.result.as_ref().unwrap(), reading);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_reading_cut_off_anywhere_is_undecodable(reading in reading()) {
        for (encoding, bytes) in [(Encoding::Json, serde_json::to_vec(&reading).unwrap()), (Encoding::Cbor, to_cbor(&reading))] {
            for end in 0..bytes.len() {
                let items = decode(encoding, &bytes[..end], &device());
                prop_assert_eq!(items.len(), 1);
                prop_assert_eq!(items[0].result.as_ref().unwrap_err().reason, RejectReason::Undecodable, "cut at {}", end);
            }
        }
    }

    #[test]
    fn damage_in_one_element_of_a_batch_leaves_the_others(readings in prop::collection::vec(reading(), 3), junk in "[a-z0-9:]{0,12}") {
        let texts: Vec<String> = readings.iter().map(|reading| serde_json::to_string(reading).unwrap()).collect();
        let [before, bad, after] = <[String; 3]>::try_from(texts).unwrap();
        let broken = bad.replacen('{', &format!("{{{junk} "), 1);
        let message = format!("[{before},{broken},{after}]");
        let items = decode(Encoding::Json, message.as_bytes(), &device());
        prop_assert_eq!(items.len(), 3);
        prop_assert!(items[0].result.is_ok() && items[2].result.is_ok());
        prop_assert_eq!(items[1].bytes, broken.as_bytes());
        if !junk.is_empty() {
            prop_assert_eq!(items[1].result.as_ref().unwrap_err().reason, RejectReason::Undecodable);
        }
    }

    #[test]
    fn damaged_bytes_never_panic(reading in reading(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), times in 1..4_usize) {
        for (encoding, bytes) in [(Encoding::Json, serde_json::to_vec(&reading).unwrap()), (Encoding::Cbor, to_cbor(&reading))] {
            let mut bytes = match encoding {
                Encoding::Json => format!("[{}]", vec![String::from_utf8(bytes).unwrap(); times].join(",")).into_bytes(),
                _ => [&[0x80 + times as u8][..], &bytes.repeat(times)].concat(),
            };
            for (at, byte) in &flips {
                let length = bytes.len();
                bytes[at.index(length)] = *byte;
            }
            let items = decode(encoding, &bytes, &device());
            prop_assert!(!items.is_empty());
            for item in items {
                let inside = bytes.as_ptr_range();
                prop_assert!(item.bytes.is_empty() || inside.contains(&item.bytes.as_ptr()));
                if let Ok(reading) = item.result {
                    prop_assert_eq!(decode_one(encoding, item.bytes).unwrap(), reading);
                }
            }
        }
    }
}
