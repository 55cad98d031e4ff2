//! What happens in a scenario, and what each device notices of it: planned ahead, from the seed alone.

use fastrand::Rng;
use truceline_core::wire::{
    Data, Detection, GnssStatus, Health, ObjectPlace, ObjectPosition, ObjectTrack, SoundClass, Suspicion, Weather,
};

use crate::scenario::{DeviceSpec, OutageKind, Scenario, Vehicle};

/// Speed of sound at 15 degrees Celsius, metres a second.
const SOUND_MPS: f64 = 340.3;
/// One standard deviation of a bearing, degrees.
const BEARING_SD_DEG: f64 = 4.0;
/// 95 % radius of a tracked position, metres.
const TRACK_HACC_M: f64 = 15.0;
/// One standard deviation of that on each axis: the radius over sqrt(-2 ln 0.05).
const TRACK_SD_M: f64 = TRACK_HACC_M / 2.447_746_830_680_816;
/// Metres of one degree of latitude.
const DEGREE_M: f64 = 111_195.0;

/// Kinds that a device sends at its interval, whatever happens.
pub const REGULAR: [&str; 3] = ["health", "gnss_status", "weather"];

/// A reading that a device will make.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Scenario second of its onset at the sensor.
    pub at_s: f64,
    /// Where the device is then: latitude and longitude, as its receiver reports them.
    pub position: (f64, f64),
    /// What it says.
    pub data: Data,
}

/// All readings of one device, in order of time. The same seed gives the same.
pub fn plan(scenario: &Scenario, device: &DeviceSpec, seed: u64) -> Vec<Planned> {
    let mut rng = Rng::with_seed(seed ^ fnv(device.id.as_str()));
    let mut readings = Vec::new();
    let sends = |kind: &str| device.kinds.iter().any(|own| own == kind);
    let mut at_s = rng.f64() * device.interval_s.min(scenario.duration_s);
    let mut battery_pct = 80.0 + 20.0 * rng.f64();
    while at_s < scenario.duration_s {
        for data in regular(device, &mut rng, battery_pct) {
            readings.push((at_s, data));
        }
        battery_pct = f64::max(battery_pct - 0.01, 5.0);
        at_s += device.interval_s;
    }
    for kind in ["acoustic_detection", "seismic_detection"] {
        if sends(kind) {
            for explosion in &scenario.explosions {
                let place = place_of(scenario, device, explosion.at_s);
                readings.extend(
                    hear(device, place, explosion.at_s, (explosion.lat, explosion.lon), explosion.class, &mut rng).map(
                        |(at_s, detection)| {
                            let data = match kind {
                                "acoustic_detection" => Data::AcousticDetection(detection),
                                _ => Data::SeismicDetection(detection),
                            };
                            (at_s, data)
                        },
                    ),
                );
            }
        }
    }
    if sends("object_track") {
        for vehicle in &scenario.vehicles {
            follow(scenario, device, vehicle, &mut rng, &mut readings);
        }
    }
    let silent = |at_s: f64| {
        scenario.outages.iter().any(|outage| {
            outage.kind == OutageKind::Silent
                && concerns(outage, device)
                && (outage.from_s..outage.to_s).contains(&at_s)
        })
    };
    let mut planned: Vec<Planned> = readings
        .into_iter()
        .filter(|(at_s, _)| *at_s < scenario.duration_s && !silent(*at_s))
        .map(|(at_s, data)| {
            let (lat, lon) = place_of(scenario, device, at_s);
            let (north, east) = (gauss(&mut rng) * 1.5, gauss(&mut rng) * 1.5);
            Planned { at_s, position: shift((lat, lon), north, east), data }
        })
        .collect();
    planned.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    planned
}

/// Whether the device's link is down.
pub fn link_down(scenario: &Scenario, device: &DeviceSpec, at_s: f64) -> bool {
    scenario.outages.iter().any(|outage| {
        outage.kind == OutageKind::Link && concerns(outage, device) && (outage.from_s..outage.to_s).contains(&at_s)
    })
}

fn concerns(outage: &crate::scenario::Outage, device: &DeviceSpec) -> bool {
    outage.device.as_ref() == Some(&device.id) || outage.station.as_ref() == Some(&device.station)
}

fn place_of(scenario: &Scenario, device: &DeviceSpec, at_s: f64) -> (f64, f64) {
    let moved = scenario.displacements.iter().filter(|moved| moved.device == device.id && moved.at_s <= at_s);
    moved.max_by(|a, b| a.at_s.total_cmp(&b.at_s)).map_or((device.lat, device.lon), |moved| (moved.lat, moved.lon))
}

fn regular(device: &DeviceSpec, rng: &mut Rng, battery_pct: f64) -> Vec<Data> {
    let health = Health { battery_pct: Some(tenth(battery_pct)), ..Health::default() };
    let mut data = Vec::new();
    for kind in &device.kinds {
        match kind.as_str() {
            "health" => data.push(Data::Health(health.clone())),
            "gnss_status" => data.push(Data::GnssStatus(GnssStatus {
                jamming: Suspicion::None,
                spoofing: Suspicion::None,
                cn0_mean_dbhz: Some(tenth(42.0 + 2.0 * gauss(rng))),
            })),
            "weather" => data.push(Data::Weather(Weather {
                temperature_c: tenth(8.0 + gauss(rng)),
                wind_speed_mps: Some(tenth((4.0 + gauss(rng)).max(0.0))),
                wind_from_deg: Some(tenth((250.0 + 10.0 * gauss(rng)).rem_euclid(360.0))),
            })),
            _ => {}
        }
    }
    data
}

fn hear(
    device: &DeviceSpec,
    place: (f64, f64),
    at_s: f64,
    source: (f64, f64),
    class: SoundClass,
    rng: &mut Rng,
) -> Option<(f64, Detection)> {
    let (north, east) = offset(place, source);
    let distance_m = north.hypot(east);
    // Sure when near, unlikely at the end of the range.
    let chance = 1.0 - (distance_m / device.range_m).powi(2);
    let noticed = rng.f64() < chance;
    let detection = Detection {
        class,
        confidence: hundredth(0.6 + 0.35 * chance.max(0.0) * rng.f64()),
        snr_db: Some(tenth(6.0 + 20.0 * chance.max(0.0))),
        bearing_deg: Some(tenth((east.atan2(north).to_degrees() + BEARING_SD_DEG * gauss(rng)).rem_euclid(360.0))),
        bearing_sd_deg: Some(BEARING_SD_DEG),
        duration_ms: None,
        count: Some(1),
    };
    noticed.then_some((at_s + distance_m / SOUND_MPS, detection))
}

fn follow(scenario: &Scenario, device: &DeviceSpec, vehicle: &Vehicle, rng: &mut Rng, readings: &mut Vec<(f64, Data)>) {
    let (Some(first), Some(last)) = (vehicle.path.first(), vehicle.path.last()) else { return };
    let mut at_s = first[0] + rng.f64() * vehicle.every_s;
    while at_s <= last[0] {
        if let Some((position, speed_mps, heading_deg)) = along(&vehicle.path, at_s) {
            let (north, east) = offset(place_of(scenario, device, at_s), position);
            if north.hypot(east) <= device.range_m {
                let (lat, lon) = shift(position, TRACK_SD_M * gauss(rng), TRACK_SD_M * gauss(rng));
                readings.push((
                    at_s,
                    Data::ObjectTrack(ObjectTrack {
                        track: vehicle.track.clone(),
                        class: vehicle.class,
                        calibre_mm: vehicle.calibre_mm,
                        confidence: Some(hundredth(0.8 + 0.15 * rng.f64())),
                        place: ObjectPlace {
                            position: Some(ObjectPosition { lat, lon, hacc_m: Some(TRACK_HACC_M) }),
                            ..ObjectPlace::default()
                        },
                        speed_mps: Some(tenth(speed_mps)),
                        heading_deg: Some(tenth(heading_deg)),
                    }),
                ));
            }
        }
        at_s += vehicle.every_s;
    }
}

/// Position, speed and heading at a second of a path.
fn along(path: &[[f64; 3]], at_s: f64) -> Option<((f64, f64), f64, f64)> {
    let leg = path.windows(2).find(|leg| (leg[0][0]..=leg[1][0]).contains(&at_s))?;
    let ([from_s, lat0, lon0], [to_s, lat1, lon1]) = (leg[0], leg[1]);
    let share = (at_s - from_s) / (to_s - from_s);
    let (north, east) = offset((lat0, lon0), (lat1, lon1));
    let speed_mps = north.hypot(east) / (to_s - from_s);
    let position = (lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0));
    Some((position, speed_mps, east.atan2(north).to_degrees().rem_euclid(360.0)))
}

/// Metres north and east from one position to another near it (a local plane, good to 1 % within 100 km).
fn offset(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let east = (to.1 - from.1) * DEGREE_M * from.0.to_radians().cos();
    ((to.0 - from.0) * DEGREE_M, east)
}

fn shift((lat, lon): (f64, f64), north_m: f64, east_m: f64) -> (f64, f64) {
    let lon = lon + east_m / (DEGREE_M * lat.to_radians().cos().max(1e-6));
    // To the centimetre: more digits would only make messages longer.
    (((lat + north_m / DEGREE_M) * 1e7).round() / 1e7, (lon * 1e7).round() / 1e7)
}

/// A standard normal variate (Box and Muller 1958).
fn gauss(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.f64()).cos()
}

fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// FNV-1a: a device's own seed must not depend on which devices stand beside it in the file.
pub(crate) fn fnv(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
