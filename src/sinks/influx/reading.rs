//! A reading as a point of the measurement `reading`.
//!
//! Tags: station, device, kind. Each field has one type whatever the kind, so that no
//! two readings can disagree about it. A point's time is the reading's microseconds
//! plus its seq modulo 1,000 as nanoseconds: readings of one device in the same
//! microsecond stay apart, and a second sending falls on the first. The exact time is
//! the field `time_ns`. In the viewer's form times are whole seconds, for the arrival of
//! one bang at many sensors places it as well as their positions would.

use truceline_core::alert::coarse_position;
use truceline_core::geometry::LonLat;
use truceline_core::log::ReadingEntry;
use truceline_core::time::{NANOS_PER_SECOND, Time};
use truceline_core::wire::{
    AccessReport, Data, Detection, Fault, HazardReport, Health, ObjectPlace, ObjectPosition, PatrolReport, Position,
    Reading, TimeBasis,
};

use super::line::Line;
use crate::sinks::Form;

/// The line of one reading.
pub(super) fn line_of(entry: &ReadingEntry, arrived: Time, form: Form) -> Result<Option<String>, Fault> {
    let reading = entry.reading()?;
    let mut line = Line::new("reading")
        .tag("station", entry.station.as_str())
        .tag("device", entry.device.as_str())
        .tag("kind", reading.data.kind());
    line.int("boot", i64::from(entry.boot));
    line.int("seq", entry.seq as i64);
    if form == Form::Internal {
        line.int("time_ns", entry.time.nanos());
        line.int("arrived_ns", arrived.nanos());
    }
    if entry.time_basis == TimeBasis::Estimated {
        line.text("time_basis", "estimated");
    }
    line.float("clock_uncertainty_ms", reading.clock.uncertainty_ms);
    if let Some(position) = &reading.position {
        device_position(&mut line, position, form);
    }
    data(&mut line, &reading, form);
    let time = match form {
        Form::Internal => exact_time(entry.time, entry.seq),
        Form::Viewer => coarse_time(entry.time, entry.boot, entry.seq),
    };
    Ok(line.at(time))
}

/// Microseconds of `time`, with `seq` modulo 1,000 as nanoseconds.
fn exact_time(time: Time, seq: u64) -> i64 {
    time.nanos().div_euclid(1_000).saturating_mul(1_000).saturating_add((seq % 1_000) as i64)
}

/// Seconds of `time`; what lies below tells readings apart and nothing of their time.
fn coarse_time(time: Time, boot: u32, seq: u64) -> i64 {
    let apart = (seq % 1_000_000) as i64 * 1_000 + i64::from(boot % 1_000);
    time.nanos().div_euclid(NANOS_PER_SECOND).saturating_mul(NANOS_PER_SECOND).saturating_add(apart)
}

fn device_position(line: &mut Line, position: &Position, form: Form) {
    place(line, ["lat", "lon"], position.lat.zip(position.lon), form);
    if form == Form::Internal {
        line.float("alt_m", position.alt_m);
        line.float("hacc_m", position.hacc_m);
    }
    line.int("satellites", position.satellites.map(i64::from));
}

fn object_position(line: &mut Line, position: Option<&ObjectPosition>, form: Form) {
    let Some(position) = position else { return };
    place(line, ["object_lat", "object_lon"], Some((position.lat, position.lon)), form);
    if form == Form::Internal {
        line.float("object_hacc_m", position.hacc_m);
    }
}

fn place(line: &mut Line, [lat_key, lon_key]: [&str; 2], place: Option<(f64, f64)>, form: Form) {
    let Some((lat, lon)) = place else { return };
    let exact = LonLat { lon, lat };
    let shown = if form == Form::Internal { exact } else { coarse_position(exact) };
    line.float(lat_key, shown.lat);
    line.float(lon_key, shown.lon);
}

fn data(line: &mut Line, reading: &Reading, form: Form) {
    match &reading.data {
        Data::AcousticDetection(heard) | Data::SeismicDetection(heard) => detection(line, heard, form),
        Data::ObjectTrack(track) => {
            track_id(line, &track.track, form);
            line.text("class", track.class.as_str());
            line.float("calibre_mm", track.calibre_mm);
            line.float("confidence", track.confidence);
            object_place(line, &track.place, form);
            movement(line, track.speed_mps, track.heading_deg, form);
        }
        Data::UavDetection(uav) => {
            track_id(line, &uav.track, form);
            line.text("class", uav.class.as_str());
            line.float("confidence", uav.confidence);
            object_place(line, &uav.place, form);
            movement(line, uav.speed_mps, uav.heading_deg, form);
            line.float("alt_agl_m", uav.alt_agl_m);
        }
        Data::GnssStatus(status) => {
            line.text("jamming", status.jamming.as_str());
            line.text("spoofing", status.spoofing.as_str());
            line.float("cn0_mean_dbhz", status.cn0_mean_dbhz);
        }
        Data::Weather(weather) => {
            line.float("temperature_c", weather.temperature_c);
            line.float("wind_speed_mps", weather.wind_speed_mps);
            line.float("wind_from_deg", weather.wind_from_deg);
        }
        Data::Health(state) => health(line, state),
        Data::PatrolReport(report) => patrol(line, report, form),
        Data::AccessReport(report) => access(line, report),
        Data::SiteInspection(inspection) => {
            line.text("site", inspection.site.as_str());
            let count = |counts: &[truceline_core::wire::SiteCount]| {
                counts.iter().map(|count| i64::from(count.count)).sum::<i64>()
            };
            line.int("expected_count", count(&inspection.expected));
            line.int("seen_count", count(&inspection.seen));
            line.text("access", inspection.access.map(truceline_core::wire::Access::as_str));
        }
        Data::HazardReport(report) => hazard(line, report, form),
    }
}

fn detection(line: &mut Line, heard: &Detection, form: Form) {
    line.text("class", heard.class.as_str());
    line.float("confidence", heard.confidence);
    line.float("snr_db", heard.snr_db);
    if form == Form::Internal {
        line.float("bearing_deg", heard.bearing_deg);
        line.float("bearing_sd_deg", heard.bearing_sd_deg);
    }
    line.float("duration_ms", heard.duration_ms);
    line.int("count", heard.count.map(i64::from));
}

fn track_id(line: &mut Line, track: &str, form: Form) {
    if form == Form::Internal {
        line.text("track", track);
    }
}

fn object_place(line: &mut Line, place: &ObjectPlace, form: Form) {
    object_position(line, place.position.as_ref(), form);
    if form == Form::Internal {
        line.float("bearing_deg", place.bearing_deg);
        line.float("bearing_sd_deg", place.bearing_sd_deg);
        line.float("range_m", place.range_m);
        line.float("range_sd_m", place.range_sd_m);
    }
}

fn movement(line: &mut Line, speed_mps: Option<f64>, heading_deg: Option<f64>, form: Form) {
    line.float("speed_mps", speed_mps);
    if form == Form::Internal {
        line.float("heading_deg", heading_deg);
    }
}

fn health(line: &mut Line, state: &Health) {
    line.float("battery_pct", state.battery_pct);
    line.text("enclosure", state.enclosure.map(truceline_core::wire::Enclosure::as_str));
    line.float("tilt_deg", state.tilt_deg);
    line.float("shock_g", state.shock_g);
    line.float("storage_pct", state.storage_pct);
    let dropped = |(_, from, to): &(u32, u64, u64)| to.saturating_sub(*from).saturating_add(1) as i64;
    line.int("dropped", state.dropped.iter().map(dropped).fold(0_i64, i64::saturating_add));
}

/// Notes and names stay in the journal: they may tell of persons.
fn patrol(line: &mut Line, report: &PatrolReport, form: Form) {
    line.text("observation", report.observation.as_str());
    line.text("means", report.means.as_str());
    line.int("count", report.count.map(i64::from));
    line.text("count_qualifier", report.count_qualifier.map(truceline_core::wire::CountQualifier::as_str));
    line.text("assessment", report.assessment.map(truceline_core::wire::Assessment::as_str));
    if let Some(weapon) = &report.weapon {
        line.text("class", weapon.class.map(truceline_core::wire::ObjectClass::as_str));
        line.float("calibre_mm", weapon.calibre_mm);
    }
    sector(line, [report.sector_deg, report.sector_width_deg, report.range_min_m, report.range_max_m], form);
}

fn access(line: &mut Line, report: &AccessReport) {
    line.text("access", report.access.as_str());
    line.float("duration_s", report.duration_s);
}

fn hazard(line: &mut Line, report: &HazardReport, form: Form) {
    line.text("hazard", report.hazard.as_str());
    object_position(line, report.position.as_ref(), form);
    sector(line, [report.sector_deg, report.sector_width_deg, report.range_min_m, report.range_max_m], form);
}

fn sector(line: &mut Line, [middle, width, nearest, farthest]: [Option<f64>; 4], form: Form) {
    if form == Form::Internal {
        line.float("sector_deg", middle);
        line.float("sector_width_deg", width);
        line.float("range_min_m", nearest);
        line.float("range_max_m", farthest);
    }
}
