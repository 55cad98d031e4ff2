//! From a value to the data of a kind.

use super::fields::Fields;
use super::value::Value;
use super::{
    Access, AccessReport, Assessment, CountQualifier, Data, Detection, Enclosure, Fault, GnssStatus, Hazard,
    HazardReport, Health, MAX_SEQ, Means, ObjectClass, ObjectPlace, ObjectPosition, ObjectTrack, Observation,
    PatrolReport, SiteCount, SiteInspection, SoundClass, Suspicion, UavClass, UavDetection, Weapon, Weather,
};
use crate::id::Id;

/// Longest note in characters.
const MAX_NOTE: usize = 2000;
/// Longest short text (`by`, a weapon's `text`) in characters.
const MAX_TEXT: usize = 200;
/// Longest name of a track in characters.
const MAX_TRACK: usize = 64;
/// Most ranges of readings given up, and most counts of a site.
const MAX_LIST: usize = 256;

const ANY: f64 = f64::MAX;

type F<'v, 'a> = Fields<'v, 'a>;
type Read<T> = Result<T, Fault>;

/// The data of `kind`, which is one of the contract's.
pub(super) fn data(kind: &str, fields: F<'_, '_>) -> Read<Data> {
    Ok(match kind {
        "acoustic_detection" => Data::AcousticDetection(detection(fields)?),
        "seismic_detection" => Data::SeismicDetection(detection(fields)?),
        "object_track" => Data::ObjectTrack(ObjectTrack {
            track: track(fields)?,
            class: fields.need("class", fields.class("class", ObjectClass::from_word, ObjectClass::Unknown))?,
            calibre_mm: fields.positive("calibre_mm")?,
            confidence: fields.number("confidence", 0.0, 1.0)?,
            place: place(fields)?,
            speed_mps: fields.number("speed_mps", 0.0, ANY)?,
            heading_deg: fields.number("heading_deg", 0.0, 360.0)?,
        }),
        "uav_detection" => Data::UavDetection(UavDetection {
            track: track(fields)?,
            class: fields.need("class", fields.class("class", UavClass::from_word, UavClass::Unknown))?,
            confidence: fields.number("confidence", 0.0, 1.0)?,
            place: place(fields)?,
            speed_mps: fields.number("speed_mps", 0.0, ANY)?,
            heading_deg: fields.number("heading_deg", 0.0, 360.0)?,
            alt_agl_m: fields.number("alt_agl_m", -ANY, ANY)?,
        }),
        "gnss_status" => Data::GnssStatus(GnssStatus {
            jamming: fields.need("jamming", fields.word("jamming", Suspicion::from_word))?,
            spoofing: fields.need("spoofing", fields.word("spoofing", Suspicion::from_word))?,
            cn0_mean_dbhz: fields.number("cn0_mean_dbhz", -ANY, ANY)?,
        }),
        "weather" => Data::Weather(Weather {
            temperature_c: fields.need("temperature_c", fields.number("temperature_c", -273.15, 1000.0))?,
            wind_speed_mps: fields.number("wind_speed_mps", 0.0, ANY)?,
            wind_from_deg: fields.number("wind_from_deg", 0.0, 360.0)?,
        }),
        "health" => Data::Health(health(fields)?),
        "patrol_report" => Data::PatrolReport(patrol(fields)?),
        "access_report" => Data::AccessReport(AccessReport {
            access: fields.need("access", fields.word("access", Access::from_word))?,
            by: fields.note("by", MAX_TEXT)?,
            duration_s: fields.number("duration_s", 0.0, ANY)?,
            note: fields.note("note", MAX_NOTE)?,
        }),
        "site_inspection" => Data::SiteInspection(inspection(fields)?),
        _ => Data::HazardReport(hazard(fields)?),
    })
}

/// `hacc_m`: over 0; 0 or absent is unknown.
pub(super) fn accuracy(fields: F<'_, '_>) -> Read<Option<f64>> {
    Ok(fields.number("hacc_m", 0.0, ANY)?.filter(|radius| *radius > 0.0))
}

fn detection(fields: F<'_, '_>) -> Read<Detection> {
    fields.pair("bearing_deg", "bearing_sd_deg")?;
    Ok(Detection {
        class: fields.need("class", fields.class("class", SoundClass::from_word, SoundClass::Unknown))?,
        confidence: fields.need("confidence", fields.number("confidence", 0.0, 1.0))?,
        snr_db: fields.number("snr_db", -ANY, ANY)?,
        bearing_deg: fields.number("bearing_deg", 0.0, 360.0)?,
        bearing_sd_deg: fields.positive("bearing_sd_deg")?,
        duration_ms: fields.number("duration_ms", 0.0, ANY)?,
        count: fields.u32("count", 1)?,
    })
}

/// A track's name: a text, or an integer, kept as its digits.
fn track(fields: F<'_, '_>) -> Read<String> {
    match fields.raw("track") {
        Some(Value::Integer(number)) => Ok(number.to_string()),
        _ => Ok(fields.need("track", fields.text("track", 1, MAX_TRACK))?.to_owned()),
    }
}

fn place(fields: F<'_, '_>) -> Read<ObjectPlace> {
    fields.pair("bearing_deg", "bearing_sd_deg")?;
    fields.pair("range_m", "range_sd_m")?;
    if fields.has("range_m") && !fields.has("bearing_deg") {
        return Err(fields.missing("bearing_deg"));
    }
    Ok(ObjectPlace {
        position: fields.map("position", "data.position")?.map(object_position).transpose()?,
        bearing_deg: fields.number("bearing_deg", 0.0, 360.0)?,
        bearing_sd_deg: fields.positive("bearing_sd_deg")?,
        range_m: fields.number("range_m", 0.0, ANY)?,
        range_sd_m: fields.positive("range_sd_m")?,
    })
}

fn object_position(fields: F<'_, '_>) -> Read<ObjectPosition> {
    Ok(ObjectPosition {
        lat: fields.need("lat", fields.number("lat", -90.0, 90.0))?,
        lon: fields.need("lon", fields.number("lon", -180.0, 180.0))?,
        hacc_m: accuracy(fields)?,
    })
}

fn health(fields: F<'_, '_>) -> Read<Health> {
    let range = |item: &Value<'_>| {
        let fault = || fields.out_of_range("dropped", "must hold triples of boot, from and to, with from <= to");
        let Value::Array(numbers) = item else { return Err(fault()) };
        let [Value::Integer(boot), Value::Integer(from), Value::Integer(to)] = numbers.as_slice() else {
            return Err(fault());
        };
        let triple = (u32::try_from(*boot), u64::try_from(*from), u64::try_from(*to));
        match triple {
            (Ok(boot), Ok(from), Ok(to)) if from <= to && to <= MAX_SEQ => Ok((boot, from, to)),
            _ => Err(fault()),
        }
    };
    Ok(Health {
        battery_pct: fields.number("battery_pct", 0.0, 100.0)?,
        enclosure: fields.word("enclosure", Enclosure::from_word)?,
        tilt_deg: fields.number("tilt_deg", -360.0, 360.0)?,
        shock_g: fields.number("shock_g", 0.0, ANY)?,
        storage_pct: fields.number("storage_pct", 0.0, 100.0)?,
        dropped: fields.list("dropped", MAX_LIST)?.iter().map(range).collect::<Read<_>>()?,
    })
}

/// Sector and range: (middle, width, nearest, farthest).
type Sector = (Option<f64>, Option<f64>, Option<f64>, Option<f64>);

fn sector(fields: F<'_, '_>) -> Read<Sector> {
    let nearest = fields.number("range_min_m", 0.0, ANY)?;
    let farthest = fields.number("range_max_m", 0.0, ANY)?;
    if let (Some(nearest), Some(farthest)) = (nearest, farthest)
        && nearest > farthest
    {
        return Err(fields.out_of_range("range_min_m", "is over range_max_m"));
    }
    let middle = fields.number("sector_deg", 0.0, 360.0)?;
    Ok((middle, fields.number("sector_width_deg", 0.0, 360.0)?, nearest, farthest))
}

fn patrol(fields: F<'_, '_>) -> Read<PatrolReport> {
    let weapon = |fields: F<'_, '_>| {
        Ok(Weapon {
            class: fields.class("class", ObjectClass::from_word, ObjectClass::Unknown)?,
            calibre_mm: fields.positive("calibre_mm")?,
            text: fields.note("text", MAX_TEXT)?,
        })
    };
    let (sector_deg, sector_width_deg, range_min_m, range_max_m) = sector(fields)?;
    Ok(PatrolReport {
        observation: fields.need("observation", fields.word("observation", Observation::from_word))?,
        means: fields.need("means", fields.word("means", Means::from_word))?,
        count: fields.u32("count", 0)?,
        count_qualifier: fields.word("count_qualifier", CountQualifier::from_word)?,
        assessment: fields.word("assessment", Assessment::from_word)?,
        weapon: fields.map("weapon", "data.weapon")?.map(weapon).transpose()?,
        sector_deg,
        sector_width_deg,
        range_min_m,
        range_max_m,
        observed_to: fields.time("observed_to")?,
        note: fields.note("note", MAX_NOTE)?,
    })
}

fn inspection(fields: F<'_, '_>) -> Read<SiteInspection> {
    let count = |fields: F<'_, '_>| {
        Ok(SiteCount {
            class: fields.need("class", fields.class("class", ObjectClass::from_word, ObjectClass::Unknown))?,
            calibre_mm: fields.positive("calibre_mm")?,
            count: fields.need("count", fields.u32("count", 0))?,
        })
    };
    let site: &str = fields.need("site", fields.text("site", 0, 256))?;
    let site: Id = site.parse().map_err(|_| fields.out_of_range("site", "is not an id"))?;
    Ok(SiteInspection {
        site,
        expected: fields.each("expected", "data.expected", MAX_LIST, count)?,
        seen: fields.each("seen", "data.seen", MAX_LIST, count)?,
        access: fields.word("access", Access::from_word)?,
        note: fields.note("note", MAX_NOTE)?,
    })
}

fn hazard(fields: F<'_, '_>) -> Read<HazardReport> {
    let (sector_deg, sector_width_deg, range_min_m, range_max_m) = sector(fields)?;
    let position = fields.map("position", "data.position")?.map(object_position).transpose()?;
    if position.is_none() && (sector_deg.is_none() || range_max_m.is_none()) {
        return Err(fields.missing("position"));
    }
    Ok(HazardReport {
        hazard: fields.need("hazard", fields.word("hazard", Hazard::from_word))?,
        position,
        sector_deg,
        sector_width_deg,
        range_min_m,
        range_max_m,
        note: fields.note("note", MAX_NOTE)?,
    })
}
