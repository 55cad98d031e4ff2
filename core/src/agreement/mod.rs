//! The agreement: the ceasefire's terms as data.
//!
//! `docs/agreement.md` is the format for its authors. [`compile`] reads a [`Bundle`] of files
//! into an [`Agreement`] or says everything that is wrong; [`warnings`] says what may not be meant.

mod activities;
mod bundle;
mod compile;
mod days;
mod held;
mod kinds;
mod lines;
mod meeting;
mod permitted;
mod rules;
mod shapes;
mod versions;
mod warnings;
mod zone_places;
mod zones;

pub use bundle::Bundle;
pub use compile::{AgreementFault, compile, compile_after};
pub use days::{DayName, DayPattern, DayPatternError};
pub use warnings::{AgreementWarning, LONG_ACTIVITY, WIDE_ACTIVITY_M, warnings};
pub use zone_places::ZoneBoundary;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::zone_places::ZonePlaces;
use crate::geometry::{Area, Course, Ellipse, LonLat, Region, Side, Spread};
use crate::id::Id;
use crate::time::{Span, Time};

/// The terms, validated and indexed.
#[derive(Debug)]
pub struct Agreement {
    /// Its id.
    pub id: Id,
    /// For people.
    pub name: String,
    /// What people should know of it, such as that it is not authoritative; may be empty.
    pub note: String,
    /// Hash of the bundle it was compiled from.
    pub hash: String,
    /// Alerts of an exercise say so.
    pub status: Status,
    /// A reading that arrives later than this after its time is late.
    pub late_after: Span,
    /// How many new alerts of one sort there may be in a while.
    pub flood: FloodTerms,
    /// Lines; several with one id are versions of it, the first id is the primary line.
    pub lines: Vec<Line>,
    /// The places of each line's versions in `lines`, by time.
    versions: BTreeMap<Id, Vec<usize>>,
    /// The lines whose versions are files by day.
    daily: Vec<days::Daily>,
    /// Zones; several with one id are versions of it.
    pub zones: Vec<Zone>,
    /// The same, by id and by place.
    placed: ZonePlaces,
    /// Rules, in the file's order.
    pub rules: Vec<Rule>,
    /// Notified activities.
    pub activities: Vec<Activity>,
    /// What was repaired in the files, in the order in which they were read.
    repairs: Vec<AgreementWarning>,
    /// What the lines' files hold, for the next agreement.
    read_lines: shapes::ReadLines,
}

/// At most so many new alerts of one sort in a window of time; what is beyond goes into one flood alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodTerms {
    /// How many, the flood alert counted; at least 2.
    pub alerts: usize,
    /// In how long, by journal time.
    pub window: Span,
}

/// CAP's words for whether an alert is for real.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Status {
    Actual,
    Exercise,
}

/// When something is in force: from (inclusive) to (exclusive); open where absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Validity {
    pub from: Option<Time>,
    pub to: Option<Time>,
}

impl Validity {
    /// Whether it is in force at `time`.
    pub fn contains(self, time: Time) -> bool {
        self.from.is_none_or(|from| from <= time) && self.to.is_none_or(|to| time < to)
    }
}

/// A version of a line.
#[derive(Debug)]
pub struct Line {
    /// Its id.
    pub id: Id,
    /// When this version is in force.
    pub validity: Validity,
    /// What people call side A and side B.
    pub side_names: [String; 2],
    held: Arc<held::Held>,
    recent: Arc<held::Recent>,
    /// Of a version that cannot be indexed, which none that was compiled is.
    spare: Arc<Course>,
    print: u64,
}

impl Line {
    /// The line or control area itself, indexed: one of many versions is indexed when it is asked for, and then
    /// kept for a while.
    pub fn course(&self) -> Arc<Course> {
        self.recent.course(&self.held).unwrap_or_else(|| Arc::clone(&self.spare))
    }

    /// What tells it from another line or another version.
    pub(crate) const fn print(&self) -> u64 {
        self.print
    }

    /// Whether both versions are the same, vertex by vertex.
    pub fn has_course_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.held, &other.held)
    }
}

/// A version of a zone.
#[derive(Debug)]
pub struct Zone {
    /// Its id.
    pub id: Id,
    /// When this version is in force.
    pub validity: Validity,
    /// Where it is.
    pub extent: Extent,
}

/// Where a zone is.
#[derive(Debug)]
pub enum Extent {
    /// Polygons from a file.
    Area(Area),
    /// All within a distance of a line's version in force, on one side or both.
    Buffer {
        /// The line's id.
        line: Id,
        /// Metres.
        distance_m: f64,
        /// Only this side of it; both when absent.
        side: Option<Side>,
    },
}

impl Extent {
    /// The line that a zone along one follows.
    pub fn line(&self) -> Option<&Id> {
        match self {
            Self::Area(_) => None,
            Self::Buffer { line, .. } => Some(line),
        }
    }
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its id.
    pub id: Id,
    /// When it is in force.
    pub validity: Validity,
    /// CAP severity of its alerts.
    pub severity: Severity,
    /// Ids of the zones that it holds in; empty: everywhere.
    pub areas: Vec<Id>,
    /// The line that it refers to, where its kind needs one: the primary line unless told.
    pub line: Option<Id>,
    /// Only places on these sides; empty: any.
    pub sides: Vec<Side>,
    /// Classes that it counts; empty: the kind's own default.
    pub classes: BTreeSet<String>,
    /// Hours of the day in UTC in which it holds; empty: always.
    pub hours: Vec<Hours>,
    /// Least probability to open an alert; half of it or less ends one (hysteresis).
    pub threshold: f64,
    /// The state must hold for so long, by reading time.
    pub dwell: Span,
    /// An alert that had no evidence for so long ends; new evidence then opens another.
    pub cool_down: Span,
    /// What is allowed all the same.
    pub permitted: Vec<Permission>,
    /// What it judges.
    pub kind: RuleKind,
    /// Its place in the agreement's list.
    pub(crate) number: u32,
    /// The slots of `areas`.
    pub(crate) area_slots: Vec<u32>,
}

/// Hours of the day in UTC, seconds after midnight; `from` > `to` spans midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Hours {
    pub from_s: u32,
    pub to_s: u32,
}

/// What a rule allows all the same; every condition that is given must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Permission {
    /// Inside one of these zones.
    pub areas: Vec<Id>,
    /// In these hours.
    pub hours: Vec<Hours>,
    /// Seen by or being one of these devices (registered mission assets).
    pub devices: BTreeSet<Id>,
    /// Of these classes.
    pub classes: BTreeSet<String>,
    /// At most this high above ground.
    pub max_alt_agl_m: Option<f64>,
    /// When it holds.
    pub validity: Validity,
    /// The slots of `areas`.
    pub(crate) area_slots: Vec<u32>,
}

/// What a rule judges; its parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// An explosion, launch or gunfire in the area.
    NoFire,
    /// A tracked object or a watched device changes side of the line.
    Crossing,
    /// An object of the listed classes is inside one of the areas.
    ExclusionZone,
    /// A weapon stands closer to the line than its withdrawal distance.
    Withdrawal {
        /// The first that fits a weapon decides.
        distances: Vec<WithdrawalDistance>,
    },
    /// A device was moved, opened, struck or imitated.
    Tamper {
        /// Metres beyond the accuracy that count as moved.
        displacement_m: f64,
        /// g that count as struck; `None`: not judged.
        shock_g: Option<f64>,
    },
    /// A device, or a whole station, is not heard.
    Silence {
        /// How many of its intervals.
        intervals: f64,
        /// Seconds of grace after our own deafness.
        grace: Span,
    },
    /// A UAV or aircraft is inside the area.
    NoFlight {
        /// Only from this height above ground on, metres.
        min_alt_agl_m: Option<f64>,
        /// Only up to this height above ground, metres.
        max_alt_agl_m: Option<f64>,
    },
    /// GNSS jamming or spoofing is reported by enough devices of a region.
    Interference {
        /// How many.
        min_devices: u32,
        /// Within which distance of one another.
        radius_m: f64,
    },
    /// A clock's drift or jump is beyond what its readings need.
    Clock {
        /// Milliseconds.
        max_error_ms: f64,
    },
    /// A stretch of the line has had no working sensor in range.
    Coverage {
        /// Length of a stretch in metres.
        stretch_m: f64,
        /// A device works that was heard within so many of its intervals.
        intervals: f64,
        /// Grace after our own deafness.
        grace: Span,
        /// A range that nobody registered counts as well.
        assumed_ranges: bool,
    },
}

impl RuleKind {
    /// The word in the agreement file and in alerts' `category`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NoFire => "no_fire",
            Self::Crossing => "crossing",
            Self::ExclusionZone => "exclusion_zone",
            Self::Withdrawal { .. } => "withdrawal",
            Self::Tamper { .. } => "tamper",
            Self::Silence { .. } => "silence",
            Self::NoFlight { .. } => "no_flight",
            Self::Interference { .. } => "interference",
            Self::Clock { .. } => "clock",
            Self::Coverage { .. } => "coverage",
        }
    }
}

/// How far from the line a weapon must stand.
#[derive(Clone, Debug, PartialEq)]
pub struct WithdrawalDistance {
    /// Class of weapon.
    pub class: String,
    /// Calibres from this, inclusive.
    pub calibre_min_mm: Option<f64>,
    /// Calibres to this, exclusive.
    pub calibre_max_mm: Option<f64>,
    /// Metres from the line.
    pub distance_m: f64,
}

/// CAP severity, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Severity {
    Minor,
    Moderate,
    Severe,
    Extreme,
}

/// A notified activity: it labels alerts and lowers their severity, it never hides them.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Its id.
    pub id: Id,
    /// `exercise`, `demining`, `blasting` or another word for people.
    pub kind: String,
    /// Where: ids of zones.
    pub areas: Vec<Id>,
    /// From (inclusive).
    pub from: Time,
    /// To (exclusive).
    pub to: Time,
    /// Who notified it.
    pub notified_by: String,
    /// When; after `from` it only labels `late_notice`.
    pub notified_at: Time,
    /// The slots of `areas`.
    pub(crate) area_slots: Vec<u32>,
}

impl Agreement {
    /// The version of line `id` in force at `time`.
    pub fn line(&self, id: &Id, time: Time) -> Option<&Line> {
        let versions = self.versions.get(id)?;
        let after = versions.partition_point(|place| self.from(*place).is_none_or(|from| from <= time));
        let line = self.lines.get(*versions.get(after.checked_sub(1)?)?)?;
        line.validity.contains(time).then_some(line)
    }

    fn from(&self, place: usize) -> Option<Time> {
        self.lines.get(place).and_then(|line| line.validity.from)
    }

    /// The primary line's version in force at `time`.
    pub fn primary_line(&self, time: Time) -> Option<&Line> {
        self.lines.first().and_then(|first| self.line(&first.id, time))
    }

    /// The version of zone `id` in force at `time`.
    pub fn zone(&self, id: &Id, time: Time) -> Option<&Zone> {
        self.placed.zone(&self.zones, id, time)
    }

    /// P(`position` is inside zone `id`) by the version in force at `time`; `None` if no version is.
    pub fn zone_probability(&self, id: &Id, time: Time, position: LonLat, hacc_m: f64) -> Option<f64> {
        self.extent_probability(&self.zone(id, time)?.extent, time, position, hacc_m)
    }

    /// Zones in force at `time` with the probability that `position` is inside, where over 0.5 %, by id.
    pub fn zones_at(&self, time: Time, position: LonLat, hacc_m: f64) -> Vec<(Id, f64)> {
        let spread = Spread::Normal(Ellipse::circle(position, hacc_m));
        let mut found: Vec<(Id, f64)> = self
            .zones_in_reach(time, &spread)
            .into_iter()
            .filter_map(|zone| Some((zone.id.clone(), self.extent_probability(&zone.extent, time, position, hacc_m)?)))
            .filter(|(_, probability)| *probability > 0.005)
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found
    }

    /// The zones in force at `time` that something so distributed may be in, in the file's order; those left out
    /// have a probability of 0. Zones along a line are all among them.
    pub fn zones_in_reach(&self, time: Time, spread: &Spread) -> Vec<&Zone> {
        self.placed.in_reach(&self.zones, time, spread)
    }

    /// The nearest boundary of the zones in force at `time` that are polygons. Of a zone along a line the boundary
    /// is where the distance to that line is the zone's, and the place against that line tells how far that is.
    pub fn nearest_zone_boundary(&self, time: Time, position: LonLat) -> Option<ZoneBoundary<'_>> {
        self.placed.nearest_boundary(&self.zones, time, position)
    }

    fn extent_probability(&self, extent: &Extent, time: Time, position: LonLat, hacc_m: f64) -> Option<f64> {
        let region = self.region(extent, time)?;
        Some(Spread::Normal(Ellipse::circle(position, hacc_m)).probability(&region))
    }

    /// The version in force at `time` of the zone with this slot.
    pub(crate) fn zone_of_slot(&self, slot: u32, time: Time) -> Option<&Zone> {
        self.placed.zone_of(&self.zones, slot, time)
    }

    /// The slots of the zones in force at `time` that may be within metres of a position, ascending; of those along
    /// a line all.
    pub(crate) fn slots_near(&self, time: Time, circle: (LonLat, f64)) -> Vec<u32> {
        self.placed.slots_near(&self.zones, time, circle)
    }

    /// The version of zone `id` in force at `time` as a region; `None` if none is, or its line is not.
    pub fn zone_region(&self, id: &Id, time: Time) -> Option<Region<'_>> {
        let zone = self.zone(id, time)?;
        self.region(&zone.extent, time)
    }

    /// An extent as it is at `time`; `None` if its line has no version in force.
    pub(crate) fn region<'a>(&'a self, extent: &'a Extent, time: Time) -> Option<Region<'a>> {
        match extent {
            Extent::Area(area) => Some(Region::Inside(area)),
            Extent::Buffer { line, distance_m, side } => {
                let course = self.line(line, time)?.course();
                let within = Region::Near(Arc::clone(&course), *distance_m);
                Some(match side {
                    None | Some(Side::Undetermined) => within,
                    Some(Side::A) => Region::All(vec![within, Region::Side(course, true)]),
                    Some(Side::B) => Region::All(vec![within, Region::Side(course, false)]),
                })
            }
        }
    }
}
