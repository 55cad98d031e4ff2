//! What each kind of rule may say and what it has unless told: one table.

use super::zones::DISTANCE;
use super::{RuleKind, Severity, WithdrawalDistance};
use crate::keys::{Keys, Limits};
use crate::time::Span;

/// The keys, defaults and classes of one kind.
#[derive(Debug)]
pub(super) struct KindTerms {
    /// The word in the file.
    pub word: &'static str,
    /// What it may say beside the keys of every rule.
    pub keys: &'static [&'static str],
    /// What most kinds may say and it may not, why, and what to use instead.
    pub without: &'static [(&'static str, &'static str)],
    /// Severity unless told.
    pub severity: Severity,
    /// Threshold unless told.
    pub threshold: f64,
    /// Least threshold: below a half both sides of a line would be sure at once.
    pub least_threshold: f64,
    /// Dwell unless told, seconds.
    pub dwell_s: f64,
    /// Cool-down unless told, seconds.
    pub cool_down_s: f64,
    /// Classes that it can count.
    pub classes: &'static [&'static str],
    /// Classes that it counts unless told; empty: any.
    pub default_classes: &'static [&'static str],
}

/// The keys of every rule.
pub(super) const COMMON_KEYS: [&str; 6] = ["id", "kind", "severity", "hours", "valid_from", "valid_to"];

/// Of what is somewhere.
const STAYS: &[&str] = &["areas", "line", "sides", "classes", "threshold", "dwell_s", "cool_down_s", "permitted"];

/// Of what flies somewhere.
const FLIES: &[&str] = &[
    "areas",
    "line",
    "sides",
    "classes",
    "threshold",
    "dwell_s",
    "cool_down_s",
    "permitted",
    "min_alt_agl_m",
    "max_alt_agl_m",
];

const OBJECTS: &[&str] =
    &["person", "vehicle", "armoured_vehicle", "tank", "artillery", "mortar", "mlrs", "engineering", "unknown"];
const WEAPONS: &[&str] = &["armoured_vehicle", "tank", "artillery", "mortar", "mlrs"];
const FLYERS: &[&str] = &["multirotor", "fixed_wing", "unknown", "aircraft", "helicopter", "uav", "missile"];

/// Heights that a rule or a permission may name.
pub(super) const HEIGHT: Limits = Limits::new(0.0, 100_000.0, "metres above ground");

/// All that a sensor may have a registered range for.
const SENSED: &[&str] = &[
    "explosion",
    "gunfire",
    "launch",
    "missile",
    "aircraft",
    "helicopter",
    "uav",
    "multirotor",
    "fixed_wing",
    "person",
    "vehicle",
    "armoured_vehicle",
    "tank",
    "artillery",
    "mortar",
    "mlrs",
    "engineering",
];

/// All kinds.
pub(super) const KINDS: [KindTerms; 10] = [
    KindTerms {
        word: "no_fire",
        keys: STAYS,
        without: &[],
        severity: Severity::Severe,
        threshold: 0.5,
        least_threshold: 0.01,
        dwell_s: 0.0,
        cool_down_s: 600.0,
        classes: &["explosion", "gunfire", "launch", "missile"],
        default_classes: &["explosion", "gunfire", "launch"],
    },
    KindTerms {
        word: "crossing",
        keys: STAYS,
        without: &[],
        severity: Severity::Moderate,
        threshold: 0.9,
        least_threshold: 0.51,
        dwell_s: 0.0,
        cool_down_s: 600.0,
        classes: OBJECTS,
        default_classes: &[],
    },
    KindTerms {
        word: "exclusion_zone",
        keys: STAYS,
        without: &[],
        severity: Severity::Severe,
        threshold: 0.8,
        least_threshold: 0.01,
        dwell_s: 30.0,
        cool_down_s: 600.0,
        classes: OBJECTS,
        default_classes: WEAPONS,
    },
    KindTerms {
        word: "withdrawal",
        keys: &["areas", "line", "sides", "threshold", "dwell_s", "cool_down_s", "permitted", "distances"],
        without: &[("classes", "its classes are those of its distances; write them there")],
        severity: Severity::Severe,
        threshold: 0.8,
        least_threshold: 0.01,
        dwell_s: 60.0,
        cool_down_s: 3_600.0,
        classes: &[],
        default_classes: &[],
    },
    KindTerms {
        word: "tamper",
        keys: &["areas", "line", "sides", "dwell_s", "cool_down_s", "displacement_m", "shock_g"],
        without: &[
            ("threshold", "how probable it is follows from what is reported; use displacement_m, shock_g or dwell_s"),
            ("classes", "it counts all that is done to a device; remove it"),
            ("permitted", "work at a device is told by maintenance in the registry, which labels and lowers; use that"),
        ],
        severity: Severity::Moderate,
        threshold: 0.5,
        least_threshold: 0.01,
        dwell_s: 0.0,
        cool_down_s: 3_600.0,
        classes: &[],
        default_classes: &[],
    },
    KindTerms {
        word: "silence",
        keys: &["areas", "line", "sides", "intervals", "grace_s"],
        without: &[
            (
                "dwell_s",
                "how long nobody may be heard is intervals, counted in the device's own interval, and grace_s comes on top \
                 after an outage of our own; use these",
            ),
            ("cool_down_s", "its alert ends when the device is heard again; remove it"),
            ("threshold", "that nothing is heard is certain; use intervals"),
            ("classes", "whatever a device sends is a sign of life; remove it"),
            ("permitted", "use maintenance in the registry, or hours"),
        ],
        severity: Severity::Minor,
        threshold: 0.5,
        least_threshold: 0.01,
        dwell_s: 0.0,
        cool_down_s: 0.0,
        classes: &[],
        default_classes: &[],
    },
    KindTerms {
        word: "no_flight",
        keys: FLIES,
        without: &[],
        severity: Severity::Moderate,
        threshold: 0.5,
        least_threshold: 0.01,
        dwell_s: 10.0,
        cool_down_s: 600.0,
        classes: FLYERS,
        default_classes: &["multirotor", "fixed_wing", "unknown", "aircraft", "helicopter", "uav"],
    },
    KindTerms {
        word: "interference",
        keys: &["areas", "line", "sides", "dwell_s", "cool_down_s", "min_devices", "radius_m"],
        without: &[
            ("threshold", "how probable it is follows from what the devices report; use min_devices or dwell_s"),
            ("classes", "it counts all signs of it; remove it"),
            ("permitted", "nothing in a reading tells interference that is allowed; use areas or hours"),
        ],
        severity: Severity::Moderate,
        threshold: 0.5,
        least_threshold: 0.01,
        dwell_s: 60.0,
        cool_down_s: 1_800.0,
        classes: &[],
        default_classes: &[],
    },
    KindTerms {
        word: "clock",
        keys: &["areas", "line", "sides", "dwell_s", "cool_down_s", "max_error_ms"],
        without: &[
            ("threshold", "use max_error_ms or dwell_s"),
            ("classes", "it is about clocks; remove it"),
            ("permitted", "work at a device is told by maintenance in the registry, which labels and lowers; use that"),
        ],
        severity: Severity::Minor,
        threshold: 0.5,
        least_threshold: 0.01,
        dwell_s: 0.0,
        cool_down_s: 3_600.0,
        classes: &[],
        default_classes: &[],
    },
    KindTerms {
        word: "coverage",
        keys: &["areas", "line", "classes", "dwell_s", "stretch_m", "intervals", "grace_s", "assumed_ranges"],
        without: &[
            ("cool_down_s", "its alert ends when the stretch is covered again; remove it"),
            ("sides", "the line runs between its sides, so no stretch of it is on one; use areas"),
            ("threshold", "a stretch is covered or it is not; use intervals or assumed_ranges"),
            ("permitted", "use areas, hours or dwell_s"),
        ],
        severity: Severity::Minor,
        threshold: 0.5,
        least_threshold: 0.01,
        dwell_s: 900.0,
        cool_down_s: 0.0,
        classes: SENSED,
        default_classes: &["explosion"],
    },
];

impl KindTerms {
    /// The terms of a kind's word.
    pub(super) fn of(word: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.word == word)
    }

    /// Whether a rule of this kind is about a line, whatever else it says.
    pub(super) fn needs_line(&self) -> bool {
        matches!(self.word, "crossing" | "withdrawal" | "coverage")
    }

    /// Why it may not say what most kinds may, and what to use instead.
    pub(super) fn why_not(&self, key: &str) -> Option<&'static str> {
        self.without.iter().find(|(without, _)| *without == key).map(|(_, why)| *why)
    }

    /// Whether a rule of this kind may say `key`.
    pub(super) fn may_say(&self, key: &str) -> bool {
        self.keys.contains(&key)
    }
}

/// Every key that some kind has and not every rule.
pub(super) fn all_keys() -> Vec<&'static str> {
    let mut keys: Vec<&'static str> = KINDS.iter().flat_map(|kind| kind.keys.iter().copied()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The kind's own parameters; `None` if there is a fault among them.
pub(super) fn parameters(keys: &mut Keys<'_>, kind: &KindTerms) -> Option<RuleKind> {
    let metres = |min: f64, max: f64| Limits::new(min, max, "metres");
    match kind.word {
        "no_fire" => Some(RuleKind::NoFire),
        "crossing" => Some(RuleKind::Crossing),
        "exclusion_zone" => Some(RuleKind::ExclusionZone),
        "withdrawal" => Some(RuleKind::Withdrawal { distances: distances(keys)? }),
        "tamper" => {
            let shock_g = number_or(keys, "shock_g", Limits::new(0.1, 1_000.0, "g"), 0.0)?;
            Some(RuleKind::Tamper {
                displacement_m: number_or(keys, "displacement_m", metres(0.0, 100_000.0), 50.0)?,
                shock_g: (shock_g > 0.0).then_some(shock_g),
            })
        }
        "silence" => {
            let (intervals, grace) = hearing(keys);
            Some(RuleKind::Silence { intervals: intervals?, grace: grace? })
        }
        "no_flight" => heights(keys),
        "interference" => {
            let least = Limits::new(1.0, 10_000.0, "devices");
            let min_devices = if keys.has("min_devices") { keys.whole("min_devices", least) } else { Some(3) };
            let radius_m = number_or(keys, "radius_m", metres(100.0, 300_000.0), 20_000.0);
            Some(RuleKind::Interference { min_devices: min_devices?, radius_m: radius_m? })
        }
        "clock" => {
            let limits = Limits::new(0.1, 86_400_000.0, "milliseconds");
            Some(RuleKind::Clock { max_error_ms: number_or(keys, "max_error_ms", limits, 1_000.0)? })
        }
        _ => {
            let stretch_m = number_or(keys, "stretch_m", metres(100.0, 300_000.0), 5_000.0);
            let (intervals, grace) = hearing(keys);
            let assumed_ranges = keys.flag("assumed_ranges").unwrap_or(false);
            Some(RuleKind::Coverage { stretch_m: stretch_m?, intervals: intervals?, grace: grace?, assumed_ranges })
        }
    }
}

/// How long a device may not be heard, in its intervals, and the grace after our own deafness.
fn hearing(keys: &mut Keys<'_>) -> (Option<f64>, Option<Span>) {
    let intervals = number_or(keys, "intervals", Limits::new(1.0, 1_000.0, "of the device's intervals"), 3.0);
    let grace_s = number_or(keys, "grace_s", Limits::new(0.0, 86_400.0, "seconds"), 120.0);
    (intervals, grace_s.map(Span::from_secs_f64))
}

/// The number, or the default where the key is absent; `None` at a fault.
pub(super) fn number_or(keys: &mut Keys<'_>, key: &'static str, limits: Limits, default: f64) -> Option<f64> {
    if keys.has(key) { keys.number(key, limits) } else { Some(default) }
}

/// The heights above ground that a flight rule is limited to; `None` at a fault.
fn heights(keys: &mut Keys<'_>) -> Option<RuleKind> {
    let mut height = |key: &'static str| {
        if keys.has(key) { keys.number(key, HEIGHT).map(Some) } else { Some(None) }
    };
    let (min_alt_agl_m, max_alt_agl_m) = (height("min_alt_agl_m")?, height("max_alt_agl_m")?);
    if let (Some(min), Some(max)) = (min_alt_agl_m, max_alt_agl_m)
        && min >= max
    {
        keys.fault("max_alt_agl_m", format!("{max} is not over min_alt_agl_m, {min}: no height is between them"));
        return None;
    }
    Some(RuleKind::NoFlight { min_alt_agl_m, max_alt_agl_m })
}

fn distances(keys: &mut Keys<'_>) -> Option<Vec<WithdrawalDistance>> {
    const EXAMPLE: &str = "[{ class = \"artillery\", calibre_min_mm = 100, distance_m = 25000 }]";
    const MOST: usize = 100;
    keys.require("distances", &format!("distances = {EXAMPLE}"));
    let tables = keys.tables("distances", MOST, EXAMPLE);
    if tables.is_empty() && keys.has("distances") {
        keys.fault("distances", format!("names no weapon; write {EXAMPLE}"));
    }
    let mut found = Vec::new();
    let count = tables.len();
    for (number, table) in tables.into_iter().enumerate() {
        let mut inner = Keys::new(keys.below(&format!("distances number {}", number + 1)), table);
        inner.require("class", "a class of weapon, such as class = \"artillery\"");
        inner.require("distance_m", "metres from the line, such as distance_m = 25000");
        let class = inner.word("class", WEAPONS);
        let calibre = Limits::new(1.0, 2_000.0, "millimetres");
        let calibre_min_mm = inner.number("calibre_min_mm", calibre);
        let calibre_max_mm = inner.number("calibre_max_mm", calibre);
        if let (Some(min), Some(max)) = (calibre_min_mm, calibre_max_mm)
            && min >= max
        {
            inner.fault(
                "calibre_max_mm",
                format!(
                    "{max} is not over calibre_min_mm, {min}; calibres from min (included) to max (excluded) are meant"
                ),
            );
        }
        let distance_m = inner.number("distance_m", DISTANCE);
        keys.absorb(inner.finish());
        if let (Some(class), Some(distance_m)) = (class, distance_m) {
            found.push(WithdrawalDistance { class: class.to_owned(), calibre_min_mm, calibre_max_mm, distance_m });
        }
    }
    (count > 0 && found.len() == count).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_the_defaults_of_every_kind() {
        let page = include_str!("../../../docs/agreement.md");
        for kind in &KINDS {
            let severity = format!("{:?}", kind.severity).to_lowercase();
            let threshold = if kind.may_say("threshold") { format!(" {} ", kind.threshold) } else { " ".to_owned() };
            let classes = match (kind.may_say("classes"), kind.default_classes.join(", ")) {
                (false, _) => " ".to_owned(),
                (true, classes) if classes.is_empty() => " any ".to_owned(),
                (true, classes) => format!(" {classes} "),
            };
            let seconds = |key: &str, seconds: f64| {
                if kind.may_say(key) { format!(" {seconds} ") } else { " ".to_owned() }
            };
            let (dwell, cool_down) = (seconds("dwell_s", kind.dwell_s), seconds("cool_down_s", kind.cool_down_s));
            let row = format!("| {} | {severity} |{threshold}|{dwell}|{cool_down}|{classes}|", kind.word);
            assert!(page.contains(&row), "docs/agreement.md lacks the row\n{row}");
        }
    }

    #[test]
    fn every_kind_counts_by_default_only_classes_that_it_may_count() {
        for kind in &KINDS {
            assert!(kind.default_classes.iter().all(|class| kind.classes.contains(class)), "{}", kind.word);
        }
    }
}
