//! `[[rule]]`.

use std::collections::BTreeSet;

use super::compile::Names;
use super::kinds::{COMMON_KEYS, KINDS, KindTerms, all_keys, number_or, parameters};
use super::permitted::{hours, permitted};
use super::versions::validity;
use super::{Rule, Severity};
use crate::geometry::Side;
use crate::id::Id;
use crate::keys::{Keys, Limits, called};
use crate::time::Span;

/// Most rules of one agreement.
pub(super) const MAX_RULES: usize = 1_000;

const DWELL: Limits = Limits::new(0.0, 604_800.0, "seconds");

pub(super) fn read(top: &mut Keys<'_>, names: &Names) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut seen = BTreeSet::new();
    let tables = top.tables("rule", MAX_RULES, "each rule as [[rule]] with its keys below");
    for (number, table) in tables.into_iter().enumerate() {
        let mut keys = Keys::new(called("rule", number, table), table);
        keys.require("id", "an id such as id = \"no-fire\"");
        keys.require("kind", "one of no_fire, crossing, exclusion_zone, withdrawal, tamper, silence, …");
        let id = keys.id("id");
        if let Some(id) = &id
            && !seen.insert(id.clone())
        {
            keys.fault("id", "is the id of a rule before it too; give each its own");
        }
        let words: Vec<&'static str> = KINDS.iter().map(|kind| kind.word).collect();
        match keys.word("kind", &words).and_then(KindTerms::of) {
            Some(kind) => rules.extend(rule(&mut keys, id, kind, names)),
            // Which keys belong to it cannot be said: no second fault for each of them.
            None => COMMON_KEYS.into_iter().chain(all_keys()).for_each(|key| {
                keys.value(key);
            }),
        }
        top.absorb(keys.finish());
    }
    rules
}

fn rule(keys: &mut Keys<'_>, id: Option<Id>, kind: &'static KindTerms, names: &Names) -> Option<Rule> {
    for key in all_keys().into_iter().filter(|key| !kind.may_say(key)) {
        let message = match kind.why_not(key) {
            Some(why) => format!("a {} rule has none: {why}", kind.word),
            None => {
                format!("a {} rule has no such key; remove it (it may have: {})", kind.word, kind.keys.join(", "))
            }
        };
        keys.refuse(key, &message);
    }
    let validity = validity(keys);
    let severity = severity(keys).unwrap_or(kind.severity);
    let hours = hours(keys);
    let seconds = |keys: &mut Keys<'_>, key: &'static str, default: f64| {
        if kind.may_say(key) { number_or(keys, key, DWELL, default) } else { Some(default) }
    };
    let dwell_s = seconds(keys, "dwell_s", kind.dwell_s);
    let cool_down_s = seconds(keys, "cool_down_s", kind.cool_down_s);
    if kind.word == "no_fire" && dwell_s.is_some_and(|dwell_s| dwell_s > 0.0) && cool_down_s == Some(0.0) {
        keys.fault(
            "cool_down_s",
            "is 0, so no two detections would be of one fire and dwell_s would never be reached; write how long may lie \
             between two, such as 600",
        );
    }
    let areas = if kind.may_say("areas") { areas(keys, kind, names) } else { Vec::new() };
    let sides = if kind.may_say("sides") { sides(keys) } else { Vec::new() };
    let line = if kind.may_say("line") { line(keys, kind, names, !sides.is_empty()) } else { None };
    let classes = if kind.may_say("classes") { classes(keys, kind) } else { BTreeSet::new() };
    let threshold = if kind.may_say("threshold") {
        number_or(keys, "threshold", Limits::new(kind.least_threshold, 0.9999, "a probability"), kind.threshold)
    } else {
        Some(kind.threshold)
    };
    let permitted = if kind.may_say("permitted") { permitted(keys, kind, names) } else { Vec::new() };
    let kind = parameters(keys, kind);
    Some(Rule {
        id: id?,
        validity,
        severity,
        areas,
        line,
        sides,
        classes,
        hours,
        threshold: threshold?,
        dwell: Span::from_secs_f64(dwell_s?),
        cool_down: Span::from_secs_f64(cool_down_s?),
        permitted,
        kind: kind?,
        number: 0,
        area_slots: Vec::new(),
    })
}

fn severity(keys: &mut Keys<'_>) -> Option<Severity> {
    Some(match keys.word("severity", &["minor", "moderate", "severe", "extreme"])? {
        "minor" => Severity::Minor,
        "moderate" => Severity::Moderate,
        "severe" => Severity::Severe,
        _ => Severity::Extreme,
    })
}

fn areas(keys: &mut Keys<'_>, kind: &KindTerms, names: &Names) -> Vec<Id> {
    let areas = keys.ids("areas");
    if kind.word == "exclusion_zone" {
        keys.require("areas", "the zones that must stay free, such as areas = [\"zolote\"]");
        if areas.is_empty() && keys.has("areas") {
            keys.fault("areas", "names no zone; list those that must stay free");
        }
    }
    names.check_zones(keys, "areas", &areas);
    areas
}

/// The line that the rule goes by. Crossing, withdrawal and coverage need one, and so does any rule with sides.
fn line(keys: &mut Keys<'_>, kind: &KindTerms, names: &Names, has_sides: bool) -> Option<Id> {
    let told = keys.id("line");
    if let Some(line) = &told {
        names.check_line(keys, "line", line);
        return told;
    }
    let needed = has_sides || kind.needs_line();
    if needed && names.primary_line.is_none() && !keys.has("line") {
        let why = if has_sides {
            "sides are sides of a line".to_owned()
        } else {
            format!("a {} rule goes by one", kind.word)
        };
        keys.fault("line", format!("{why}, and the agreement has none; add a [[line]]"));
    }
    names.primary_line.clone()
}

fn sides(keys: &mut Keys<'_>) -> Vec<Side> {
    let words = keys.words("sides", &["a", "b"]);
    words.into_iter().map(|word| if word == "a" { Side::A } else { Side::B }).collect()
}

fn classes(keys: &mut Keys<'_>, kind: &KindTerms) -> BTreeSet<String> {
    if !keys.has("classes") {
        return kind.default_classes.iter().map(|class| (*class).to_owned()).collect();
    }
    let classes = keys.words("classes", kind.classes);
    if classes.is_empty() && matches!(keys.value("classes"), Some(toml::Value::Array(items)) if items.is_empty()) {
        keys.fault("classes", "is empty, so nothing would count; list classes, or leave the key out");
    }
    classes.into_iter().map(str::to_owned).collect()
}
