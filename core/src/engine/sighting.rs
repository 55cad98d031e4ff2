//! A reading as the rules see it: what was sensed, from where, when.

use super::finding::{Asked, Finding, Follow, PlaceBy};
use super::height::Height;
use super::known::Known;
use super::located::{Located, SIGMAS_95_ONE_AXIS};
use super::polar::Polar;
use super::record::Stand;
use super::terms::Terms;
use super::tracks::{Rank, Step};
use super::trail::Verdict;
use crate::agreement::{Rule, Severity};
use crate::alert::{Evidence, PlaceExtent};
use crate::geometry::LonLat;
use crate::id::Id;
use crate::log::ReadingEntry;
use crate::registry::{Device, Mobility};
use crate::time::Time;
use crate::wire::{MAX_DISTANCE_M, ObjectPlace, PatrolReport, Reading, TimeBasis};

/// 95 % radius of a position that says nothing of its accuracy, where the registry gives no default: metres.
pub const DEFAULT_HACC_M: f64 = 50.0;

/// Greatest range by class where the registry gives none, metres: how far off such a thing may be sensed.
///
/// Wide rather than narrow: a place that is too small would claim what no sensor supports.
pub const ASSUMED_RANGES_M: [(&str, f64); 8] = [
    ("explosion", 15_000.0),
    ("launch", 8_000.0),
    ("missile", 10_000.0),
    ("gunfire", 3_000.0),
    ("aircraft", 10_000.0),
    ("helicopter", 8_000.0),
    ("uav", 1_000.0),
    ("person", 2_000.0),
];
/// The same for all other classes: vehicles and weapons seen, and what is not known.
pub const ASSUMED_RANGE_M: f64 = 5_000.0;

/// Label of what rests on a time that is estimated from the arrival: it may be long ago.
const TIME_ESTIMATED: &str = "time_estimated";
/// Label of what rests on a reported position that is not believed.
pub(super) const POSITION_DOUBTFUL: &str = "position_doubtful";

/// The range that is assumed for a class, metres.
pub(super) fn assumed_range_m(class: &str) -> f64 {
    let known = ASSUMED_RANGES_M.iter().find(|(known, _)| *known == class);
    known.map_or(ASSUMED_RANGE_M, |(_, range_m)| *range_m)
}

/// One reading.
pub(super) struct Sighting<'a> {
    pub(super) terms: &'a Terms,
    pub(super) known: &'a Known,
    pub(super) entry: &'a ReadingEntry,
    pub(super) reading: &'a Reading,
    pub(super) offset: u64,
    pub(super) station: &'a Id,
    /// Its registration.
    pub(super) device: Option<&'a Device>,
    /// Where the device is: as surveyed if it is registered as fixed, else as reported, if that is believed.
    pub(super) stand: Option<Stand>,
    /// Where it is at most, if what it reports is not believed.
    pub(super) within: Option<Stand>,
    /// What the position that it reports is worth.
    pub(super) worth: Verdict,
    pub(super) late: bool,
    /// Within a registered maintenance window at its own time.
    pub(super) in_maintenance: bool,
}

impl<'a> Sighting<'a> {
    pub(super) fn time(&self) -> Time {
        self.entry.time
    }

    /// A test: announced as one, and in a window where tests are expected.
    pub(super) fn is_test(&self) -> bool {
        self.reading.test && self.in_maintenance
    }

    pub(super) fn located(&self, extent: PlaceExtent) -> Located<'a> {
        // A disc about a fixed device is the same each time; other places hardly ever are.
        if self.device.is_some_and(|device| device.mobility == Mobility::Fixed) {
            return Located::remembered(extent, self.time(), self.terms, self.known);
        }
        Located::new(extent, self.time(), self.terms)
    }

    pub(super) fn evidence(&self) -> Evidence {
        Evidence {
            offset: self.offset,
            device: self.entry.device.clone(),
            boot: self.entry.boot,
            seq: self.entry.seq,
            time: self.entry.time,
            kind: self.reading.data.kind().to_owned(),
        }
    }

    /// A finding with what comes from the reading filled in.
    pub(super) fn finding(&self, rule: &'a Rule, subject: String, probability: f64) -> Finding<'a> {
        Finding {
            rule,
            subject,
            station: Some(self.station),
            registered: self.device.is_some(),
            zone: None,
            facet: "",
            opening: format!("{}/{}/{}", self.entry.device, self.entry.boot, self.entry.seq),
            time: self.time(),
            late: self.late,
            probability,
            observed: false,
            severity: rule.severity,
            cool_down: Some(rule.cool_down),
            extent: None,
            place_by: PlaceBy::Sensor,
            follow: Follow::Best,
            detections: 1,
            evidence: vec![self.evidence()],
            labels: self.labels(),
            what: String::new(),
            past: None,
            details: serde_json::Map::new(),
            permitted: None,
        }
    }

    /// How long what is known by it is kept.
    pub(super) fn rank(&self, now: Time) -> Rank {
        Rank { registered: self.device.is_some(), arrived: now }
    }

    /// The step of its track that it is, for something that no record looked at.
    pub(super) fn step(&self, stand: Option<Stand>, fastest_mps: f64) -> Step {
        Step { time: self.time(), late: self.late, stand, fastest_mps, worth: None }
    }

    /// What is asked of a permission for something sensed now.
    pub(super) fn asked<'b>(
        &'b self,
        class: &'b str,
        located: Option<&'b Located<'b>>,
        height: Option<Height>,
    ) -> Asked<'b> {
        Asked { device: &self.entry.device, class, when: (self.time(), self.time()), located, height }
    }

    /// What is to be known of a reading whatever it says.
    fn labels(&self) -> Vec<String> {
        let mut labels = Vec::new();
        if self.within.is_some() {
            labels.push(POSITION_DOUBTFUL.to_owned());
        }
        if self.entry.time_basis == TimeBasis::Estimated {
            labels.push(TIME_ESTIMATED.to_owned());
        }
        labels
    }

    /// Greatest range at which the device senses a class, metres, and whether that is assumed.
    fn range_m(&self, class: &str) -> (f64, bool) {
        match self.device.and_then(|device| device.range_m.get(class).copied()) {
            Some(registered) => (registered, false),
            None => (assumed_range_m(class), true),
        }
    }

    /// Where something is that was sensed from here: in the 95 % sector of its bearing, or all around.
    pub(super) fn extent_of_bearing(&self, class: &str, bearing: Option<(f64, f64)>) -> Option<(PlaceExtent, PlaceBy)> {
        let (range_m, assumed) = self.range_m(class);
        let by = if assumed { PlaceBy::SensorAssumedRange } else { PlaceBy::Sensor };
        let Some(stand) = self.stand else { return self.around_doubtful(range_m, by) };
        let width_deg = bearing.map_or(360.0, |(_, sd_deg)| 2.0 * SIGMAS_95_ONE_AXIS * sd_deg);
        let extent = match bearing {
            Some((bearing_deg, _)) if width_deg < 360.0 => PlaceExtent::Sector {
                position: stand.position,
                bearing_deg,
                width_deg,
                range_min_m: 0.0,
                range_max_m: range_m,
            },
            _ => PlaceExtent::Disc { position: stand.position, radius_m: range_m },
        };
        Some((blurred(extent, stand.hacc_m), by))
    }

    /// Where an object is: as its position, its bearing and range, its bearing, or all around.
    pub(super) fn extent_of_object(&self, class: &str, place: &ObjectPlace) -> Option<(PlaceExtent, PlaceBy)> {
        if let Some(at) = place.position {
            let position = LonLat::new(at.lon, at.lat)?;
            let hacc_m = at.hacc_m.unwrap_or(DEFAULT_HACC_M);
            return Some((PlaceExtent::Point { position, hacc_m }, PlaceBy::Sensor));
        }
        let bearing = place.bearing_deg.zip(place.bearing_sd_deg);
        if let (Some((bearing_deg, bearing_sd_deg)), Some((range_m, range_sd_m))) =
            (bearing, place.range_m.zip(place.range_sd_m))
        {
            let polar = Polar { bearing_deg, bearing_sd_deg, range_m, range_sd_m };
            let Some(stand) = self.stand else { return self.around_doubtful(range_m, PlaceBy::Sensor) };
            return Some((polar.extent(stand), PlaceBy::Sensor));
        }
        self.extent_of_bearing(class, bearing)
    }

    /// Where a patrol says that something was: `None` if it gives neither sector nor range.
    pub(super) fn extent_of_report(&self, class: &str, report: &PatrolReport) -> Option<(PlaceExtent, PlaceBy)> {
        let (range_max_m, assumed) = report.range_max_m.map_or_else(|| self.range_m(class), |told| (told, false));
        let by = if assumed { PlaceBy::ObserverAssumedRange } else { PlaceBy::Observer };
        let Some(stand) = self.stand else {
            let told = report.sector_deg.is_some() || report.range_max_m.is_some();
            return if told { self.around_doubtful(range_max_m, by) } else { None };
        };
        let range_min_m = report.range_min_m.unwrap_or(0.0).min(range_max_m);
        let position = stand.position;
        let extent = match (report.sector_deg, report.sector_width_deg.unwrap_or(360.0)) {
            (Some(bearing_deg), width_deg) if width_deg < 360.0 => {
                PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m, range_max_m }
            }
            _ => PlaceExtent::Disc { position, radius_m: report.range_max_m? },
        };
        Some((blurred(extent, stand.hacc_m), by))
    }

    /// All around a person who tells no place, as far as such a thing is noticed.
    pub(super) fn extent_around_observer(&self, class: &str) -> Option<(PlaceExtent, PlaceBy)> {
        let (radius_m, assumed) = self.range_m(class);
        let by = if assumed { PlaceBy::ObserverAssumedRange } else { PlaceBy::Observer };
        let Some(stand) = self.stand else { return self.around_doubtful(radius_m, by) };
        Some((PlaceExtent::Disc { position: stand.position, radius_m }, by))
    }

    /// Anywhere within a range of wherever a device may be whose position is not believed.
    fn around_doubtful(&self, range_m: f64, by: PlaceBy) -> Option<(PlaceExtent, PlaceBy)> {
        let Stand { position, hacc_m } = self.within?;
        Some((PlaceExtent::Disc { position, radius_m: (hacc_m + range_m).min(MAX_DISTANCE_M) }, by))
    }

    /// Lowers and labels a finding by the notified activities.
    pub(super) fn severity(&self, rule: &Rule, located: Option<&Located<'_>>, labels: &mut Vec<String>) -> Severity {
        super::finding::after_activities(&self.terms.agreement, rule.severity, self.time(), located, labels)
    }
}

/// An extent about a device whose own position is only known within `hacc_m`: where that is more than a hundredth of the
/// range it counts, and from a quarter on the bearing says nothing more.
fn blurred(extent: PlaceExtent, hacc_m: f64) -> PlaceExtent {
    const NEGLIGIBLE: f64 = 0.01;
    const HOPELESS: f64 = 0.25;
    match extent {
        PlaceExtent::Disc { position, radius_m } if hacc_m > NEGLIGIBLE * radius_m => {
            PlaceExtent::Disc { position, radius_m: radius_m + hacc_m }
        }
        PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m, range_max_m }
            if hacc_m > NEGLIGIBLE * range_max_m =>
        {
            let width_deg = width_deg + 2.0 * (hacc_m / range_max_m).atan().to_degrees();
            let hopeless = hacc_m > HOPELESS * range_max_m || width_deg >= 360.0;
            let range_max_m = range_max_m + hacc_m;
            if hopeless {
                return PlaceExtent::Disc { position, radius_m: range_max_m };
            }
            let range_min_m = (range_min_m - hacc_m).max(0.0);
            PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m, range_max_m }
        }
        other => other,
    }
}

/// The position that a reading reports, with its radius or what the registry gives for one that says none.
pub(super) fn reported(reading: &Reading, device: Option<&Device>) -> Option<Stand> {
    let position = reading.position.as_ref()?;
    let at = LonLat::new(position.lon?, position.lat?)?;
    let default = device.map_or(DEFAULT_HACC_M, |device| device.hacc_m);
    Some(Stand { position: at, hacc_m: position.hacc_m.unwrap_or(default) })
}

/// Where a registered device was surveyed.
pub(super) fn surveyed(device: &Device) -> Option<Stand> {
    Some(Stand { position: device.position?, hacc_m: device.hacc_m })
}

/// Where a fixed device stands, whatever it reports.
pub(super) fn fixed_stand(device: &Device) -> Option<Stand> {
    if device.mobility == Mobility::Fixed { surveyed(device) } else { None }
}
