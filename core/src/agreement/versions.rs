//! Several entries with one id are versions of it, each in force for a time of its own.

use std::collections::BTreeMap;

use super::Validity;
use crate::id::Id;
use crate::keys::Keys;
use crate::time::Time;

/// Most versions of all lines.
pub(super) const MAX_VERSIONS: usize = 2_000;
/// Most versions of all zones.
pub(super) const MAX_ZONES: usize = 20_000;

/// `valid_from` and `valid_to`.
pub(super) fn validity(keys: &mut Keys<'_>) -> Validity {
    let validity = Validity { from: keys.time("valid_from"), to: keys.time("valid_to") };
    if let (Some(from), Some(to)) = (validity.from, validity.to)
        && from >= to
    {
        keys.fault("valid_to", format!("{to} is not after valid_from, {from}; correct one of them"));
    }
    validity
}

/// The version of `id` before and the one after a place in time where they overlap or leave a gap.
pub(super) struct Seam {
    pub id: Id,
    pub end: Option<Time>,
    pub start: Option<Time>,
}

impl Seam {
    /// Both are in force at some time.
    pub(super) fn overlaps(&self) -> bool {
        match (self.end, self.start) {
            (Some(end), Some(start)) => start < end,
            _ => true,
        }
    }

    /// Neither is in force for some time.
    pub(super) fn is_gap(&self) -> bool {
        matches!((self.end, self.start), (Some(end), Some(start)) if end < start)
    }

    /// Both ends for people.
    pub(super) fn told(&self) -> String {
        let time = |time: Option<Time>, open: &str| time.map_or(open.to_owned(), |time| time.to_string());
        format!("one version ends at {}, the next starts at {}", time(self.end, "no time"), time(self.start, "no time"))
    }
}

/// Every two versions of one id that follow each other in time, by id.
pub(super) fn seams<'v>(versions: impl IntoIterator<Item = (&'v Id, Validity)>) -> Vec<Seam> {
    let mut by_id: BTreeMap<&Id, Vec<Validity>> = BTreeMap::new();
    for (id, validity) in versions {
        by_id.entry(id).or_default().push(validity);
    }
    let mut seams = Vec::new();
    for (id, mut versions) in by_id {
        versions.sort_by_key(|validity| (validity.from, validity.to));
        for pair in versions.windows(2) {
            if let [before, after] = pair {
                seams.push(Seam { id: id.clone(), end: before.to, start: after.from });
            }
        }
    }
    seams
}

/// Adds a fault for every two versions that are in force at one time.
pub(super) fn check_overlaps<'v>(
    keys: &mut Keys<'_>,
    sort: &str,
    versions: impl IntoIterator<Item = (&'v Id, Validity)>,
) {
    for seam in seams(versions).iter().filter(|seam| seam.overlaps()) {
        let message = format!(
            "two versions are in force at one time: {}; give each a valid_from and valid_to that do not overlap, or \
             another id",
            seam.told()
        );
        keys.fault(&format!("{sort} '{}'", seam.id), message);
    }
}
