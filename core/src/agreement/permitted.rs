//! What a rule allows all the same, and hours of the day.

use std::collections::BTreeSet;

use super::compile::Names;
use super::kinds::{HEIGHT, KindTerms};
use super::versions::validity;
use super::{Hours, Permission};
use crate::keys::Keys;

/// Most permissions of one rule.
const MAX_PERMISSIONS: usize = 1_000;

const EXAMPLE: &str = "[{ areas = [\"corridor\"], hours = [\"06:00-18:00\"] }]";

pub(super) fn permitted(keys: &mut Keys<'_>, kind: &KindTerms, names: &Names) -> Vec<Permission> {
    let mut permissions = Vec::new();
    for (number, table) in keys.tables("permitted", MAX_PERMISSIONS, EXAMPLE).into_iter().enumerate() {
        let mut inner = Keys::new(keys.below(&format!("permitted number {}", number + 1)), table);
        if table.is_empty() {
            inner.fault("", format!("has no condition, so the rule would never hold; write {EXAMPLE}"));
        }
        let areas = inner.ids("areas");
        names.check_zones(&mut inner, "areas", &areas);
        let hours = hours(&mut inner);
        let devices = inner.ids("devices").into_iter().collect();
        let classes: BTreeSet<String> = if kind.classes.is_empty() {
            inner.refuse("classes", &format!("a {} rule has no classes; remove it", kind.word));
            BTreeSet::new()
        } else {
            inner.words("classes", kind.classes).into_iter().map(str::to_owned).collect()
        };
        let max_alt_agl_m = if kind.word == "no_flight" {
            inner.number("max_alt_agl_m", HEIGHT)
        } else {
            inner.refuse("max_alt_agl_m", "is for no_flight rules; remove it");
            None
        };
        let validity = validity(&mut inner);
        // An empty list would count as "no such condition" and permit more than was meant.
        for key in ["areas", "hours", "devices", "classes"] {
            if matches!(table.get(key), Some(toml::Value::Array(items)) if items.is_empty()) {
                inner.fault(key, "is empty; list at least one, or leave the key out");
            }
        }
        keys.absorb(inner.finish());
        let area_slots = Vec::new();
        permissions.push(Permission { areas, hours, devices, classes, max_alt_agl_m, validity, area_slots });
    }
    permissions
}

/// `hours = ["22:00-06:00"]`, in UTC.
pub(super) fn hours(keys: &mut Keys<'_>) -> Vec<Hours> {
    let wanted = "hours of the day in UTC, such as [\"22:00-06:00\"]";
    let mut found = Vec::new();
    for text in keys.texts("hours", wanted) {
        match parse_hours(&text) {
            Some(hours) => found.push(hours),
            None => keys.fault(
                "hours",
                format!("'{}' is not a time of day; write {wanted}, from and to different", crate::keys::shown(&text)),
            ),
        }
    }
    found
}

/// `22:00-06:00`; the end may be 24:00.
fn parse_hours(text: &str) -> Option<Hours> {
    let (from, to) = text.split_once('-')?;
    let hours = Hours { from_s: seconds(from)?, to_s: seconds(to)? };
    (hours.from_s < 86_400 && hours.from_s != hours.to_s).then_some(hours)
}

fn seconds(text: &str) -> Option<u32> {
    let (hour, minute) = text.trim().split_once(':')?;
    let number = |text: &str| -> Option<u32> {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    (minute < 60 && (hour < 24 || (hour == 24 && minute == 0))).then_some(hour * 3_600 + minute * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_of_the_day_may_span_midnight_and_end_at_24() {
        assert_eq!(parse_hours("22:00-06:30"), Some(Hours { from_s: 79_200, to_s: 23_400 }));
        assert_eq!(parse_hours("00:00 - 24:00"), Some(Hours { from_s: 0, to_s: 86_400 }));
        for bad in ["24:00-06:00", "06:00-06:00", "6:00-7:00", "06:00", "06:60-07:00", "25:00-26:00", "+6:00-07:00", ""]
        {
            assert_eq!(parse_hours(bad), None, "{bad}");
        }
    }
}
