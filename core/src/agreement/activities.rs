//! `[[activity]]`.

use std::collections::BTreeSet;

use super::Activity;
use super::compile::Names;
use crate::id::Id;
use crate::keys::{Keys, called};

/// Most notified activities of one agreement.
const MAX_ACTIVITIES: usize = 10_000;

pub(super) fn read(top: &mut Keys<'_>, names: &Names) -> Vec<Activity> {
    let mut activities = Vec::new();
    let mut seen = BTreeSet::new();
    let tables = top.tables("activity", MAX_ACTIVITIES, "each activity as [[activity]] with its keys below");
    for (number, table) in tables.into_iter().enumerate() {
        let mut keys = Keys::new(called("activity", number, table), table);
        let id = keys.id("id");
        if let Some(id) = &id
            && !seen.insert(id.clone())
        {
            keys.fault("id", "is the id of an activity before it too; give each its own");
        }
        activities.extend(activity(&mut keys, id, names));
        top.absorb(keys.finish());
    }
    activities
}

fn activity(keys: &mut Keys<'_>, id: Option<Id>, names: &Names) -> Option<Activity> {
    keys.require("id", "an id such as id = \"demining-3\"");
    keys.require("kind", "what it is, such as kind = \"demining\"");
    keys.require("areas", "the zones where it is, such as areas = [\"zolote\"]");
    keys.require("from", "a time such as from = 2026-11-24T08:00:00Z");
    keys.require("to", "a time such as to = 2026-11-24T12:00:00Z");
    keys.require("notified_by", "who notified it, such as notified_by = \"joint coordination centre\"");
    keys.require("notified_at", "when it was notified, such as notified_at = 2026-11-20T10:00:00Z");
    let kind = keys.text("kind");
    let areas = keys.ids("areas");
    if keys.has("areas") && areas.is_empty() {
        keys.fault("areas", "names no zone; an activity is somewhere, so list at least one");
    }
    names.check_zones(keys, "areas", &areas);
    let (from, to) = (keys.time("from"), keys.time("to"));
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        keys.fault("to", format!("{to} is not after from, {from}; correct one of them"));
    }
    let notified_by = keys.text("notified_by");
    let notified_at = keys.time("notified_at");
    Some(Activity {
        id: id?,
        kind: kind?,
        areas,
        from: from?,
        to: to?,
        notified_by: notified_by?,
        notified_at: notified_at?,
        area_slots: Vec::new(),
    })
}
