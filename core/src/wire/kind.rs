//! The kinds of reading and their data.

use serde::{Deserialize, Serialize};

use crate::id::Id;
use crate::time::Time;

/// A reading's kind with its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Data {
    AcousticDetection(Detection),
    SeismicDetection(Detection),
    ObjectTrack(ObjectTrack),
    UavDetection(UavDetection),
    GnssStatus(GnssStatus),
    Weather(Weather),
    Health(Health),
    PatrolReport(PatrolReport),
    AccessReport(AccessReport),
    SiteInspection(SiteInspection),
    HazardReport(HazardReport),
}

impl Data {
    /// The word on the wire.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::AcousticDetection(_) => "acoustic_detection",
            Self::SeismicDetection(_) => "seismic_detection",
            Self::ObjectTrack(_) => "object_track",
            Self::UavDetection(_) => "uav_detection",
            Self::GnssStatus(_) => "gnss_status",
            Self::Weather(_) => "weather",
            Self::Health(_) => "health",
            Self::PatrolReport(_) => "patrol_report",
            Self::AccessReport(_) => "access_report",
            Self::SiteInspection(_) => "site_inspection",
            Self::HazardReport(_) => "hazard_report",
        }
    }
}

/// All kinds, in the contract's order.
pub const KINDS: [&str; 11] = [
    "acoustic_detection",
    "seismic_detection",
    "object_track",
    "uav_detection",
    "gnss_status",
    "weather",
    "health",
    "patrol_report",
    "access_report",
    "site_inspection",
    "hazard_report",
];

/// Makes a closed set of words, each variant one word on the wire.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub enum $name { $(#[serde(rename = $word)] $variant),+ }

        impl $name {
            /// All words, in the contract's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value that this word stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// What an acoustic or seismic sensor heard. An unknown word counts as `unknown`.
    SoundClass {
        Explosion = "explosion", Gunfire = "gunfire", Launch = "launch", Aircraft = "aircraft",
        Helicopter = "helicopter", Uav = "uav", Missile = "missile", Vehicle = "vehicle", Unknown = "unknown",
    }
}
words! {
    /// What a radar, camera or lidar saw. An unknown word counts as `unknown`.
    ObjectClass {
        Person = "person", Vehicle = "vehicle", ArmouredVehicle = "armoured_vehicle", Tank = "tank",
        Artillery = "artillery", Mortar = "mortar", Mlrs = "mlrs", Engineering = "engineering", Unknown = "unknown",
    }
}
words! {
    /// What flew. An unknown word counts as `unknown`.
    UavClass { Multirotor = "multirotor", FixedWing = "fixed_wing", Unknown = "unknown" }
}
words! {
    /// How sure a receiver is of jamming or spoofing.
    Suspicion { None = "none", Suspected = "suspected", Confirmed = "confirmed" }
}
words! {
    /// A device's enclosure.
    Enclosure { Closed = "closed", Open = "open" }
}
words! {
    /// What a patrol observed.
    Observation {
        Explosion = "explosion", Shot = "shot", Burst = "burst", Projectile = "projectile",
        MuzzleFlash = "muzzle_flash", IlluminationFlare = "illumination_flare", Vehicle = "vehicle",
        Weapon = "weapon", Uav = "uav", Other = "other",
    }
}
words! {
    /// How a patrol knows.
    Means { Saw = "saw", Heard = "heard", Recorded = "recorded", Imagery = "imagery", Reported = "reported" }
}
words! {
    /// What a count means.
    CountQualifier { Exact = "exact", About = "about", AtLeast = "at_least" }
}
words! {
    /// What a patrol thinks it was.
    Assessment {
        Undetermined = "undetermined", Outgoing = "outgoing", Incoming = "incoming", Impact = "impact",
        Airburst = "airburst", LiveFireExercise = "live_fire_exercise", ControlledDetonation = "controlled_detonation",
    }
}
words! {
    /// Whether a patrol was let through.
    Access { Denied = "denied", Delayed = "delayed", Conditional = "conditional", Granted = "granted" }
}
words! {
    /// A hazard found.
    Hazard { Mine = "mine", Uxo = "uxo", Trap = "trap", Other = "other" }
}

/// An acoustic or seismic detection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// What it sounded like.
    pub class: SoundClass,
    /// 0 to 1.
    pub confidence: f64,
    /// Signal over noise, dB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snr_db: Option<f64>,
    /// From true north, 0 to 360; comes with `bearing_sd_deg` or not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearing_deg: Option<f64>,
    /// One standard deviation, over 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearing_sd_deg: Option<f64>,
    /// Length of the sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// Distinct impulses, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// Where a sensor saw an object: a place, a bearing with or without a range, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectPlace {
    /// Its position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<ObjectPosition>,
    /// From true north, 0 to 360; comes with `bearing_sd_deg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearing_deg: Option<f64>,
    /// One standard deviation, over 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bearing_sd_deg: Option<f64>,
    /// Metres from the sensor; comes with `range_sd_m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_m: Option<f64>,
    /// One standard deviation, over 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_sd_m: Option<f64>,
}

/// An object's position.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectPosition {
    /// Degrees WGS84.
    pub lat: f64,
    /// Degrees WGS84.
    pub lon: f64,
    /// 95 % horizontal radius in metres; `None` when unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hacc_m: Option<f64>,
}

/// One sighting of a tracked object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectTrack {
    /// The sensor's name for the object within this boot; 1 to 64 characters. Integers are kept as their digits.
    pub track: String,
    /// What it is.
    pub class: ObjectClass,
    /// Calibre, where it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibre_mm: Option<f64>,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Where.
    #[serde(flatten)]
    pub place: ObjectPlace,
    /// Speed over ground.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_mps: Option<f64>,
    /// From true north, 0 to 360.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heading_deg: Option<f64>,
}

/// One sighting of a UAV.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UavDetection {
    /// The sensor's name for it within this boot, as in [`ObjectTrack::track`].
    pub track: String,
    /// What it is.
    pub class: UavClass,
    /// 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// Where.
    #[serde(flatten)]
    pub place: ObjectPlace,
    /// Speed over ground.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_mps: Option<f64>,
    /// From true north, 0 to 360.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heading_deg: Option<f64>,
    /// Height above ground.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt_agl_m: Option<f64>,
}

/// The state of a GNSS receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GnssStatus {
    /// Jamming.
    pub jamming: Suspicion,
    /// Spoofing.
    pub spoofing: Suspicion,
    /// Mean carrier to noise density, dB-Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cn0_mean_dbhz: Option<f64>,
}

/// Weather at the device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weather {
    /// Air temperature.
    pub temperature_c: f64,
    /// Wind speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wind_speed_mps: Option<f64>,
    /// Where the wind comes from, 0 to 360.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wind_from_deg: Option<f64>,
}

/// The device's own health.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery_pct: Option<f64>,
    /// Whether it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enclosure: Option<Enclosure>,
    /// Tilt from its mounting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tilt_deg: Option<f64>,
    /// Greatest shock since the last health reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shock_g: Option<f64>,
    /// Flash in use, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_pct: Option<f64>,
    /// Readings given up: (boot, from, to).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<(u32, u64, u64)>,
}

/// A weapon as a patrol describes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Weapon {
    /// Its class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ObjectClass>,
    /// Its calibre.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibre_mm: Option<f64>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A person's observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PatrolReport {
    /// What.
    pub observation: Observation,
    /// How they know.
    pub means: Means,
    /// How many (bursts count bursts).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// What `count` means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count_qualifier: Option<CountQualifier>,
    /// What they think it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assessment: Option<Assessment>,
    /// The weapon seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weapon: Option<Weapon>,
    /// Middle of the sector, from true north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_deg: Option<f64>,
    /// Width of the sector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_width_deg: Option<f64>,
    /// Nearest it may have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_min_m: Option<f64>,
    /// Farthest it may have been.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_max_m: Option<f64>,
    /// End of what was observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_to: Option<Time>,
    /// Up to 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Whether a patrol was let through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessReport {
    /// Whether.
    pub access: Access,
    /// By whom it was hindered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// For how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// Up to 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Weapons counted at a storage site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteCount {
    /// Class of weapon.
    pub class: ObjectClass,
    /// Calibre.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibre_mm: Option<f64>,
    /// How many.
    pub count: u32,
}

/// An inspection of a storage site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteInspection {
    /// The site.
    pub site: Id,
    /// What should be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<SiteCount>,
    /// What was there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<SiteCount>,
    /// Whether the inspectors were let in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Up to 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A hazard for those who come after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HazardReport {
    /// What.
    pub hazard: Hazard,
    /// Where, if not given by sector and range.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<ObjectPosition>,
    /// Middle of the sector, from true north.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_deg: Option<f64>,
    /// Width of the sector.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_width_deg: Option<f64>,
    /// Nearest it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_min_m: Option<f64>,
    /// Farthest it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range_max_m: Option<f64>,
    /// Up to 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
