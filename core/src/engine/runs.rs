//! Blind stretches next to one another, and their alerts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Engine;
use super::book::AlertKey;
use super::finding::{Finding, Follow, PlaceBy};
use super::limits::MAX_NAMED_DEVICES;
use super::rules::coverage::Watch;
use super::stretches::Stretches;
use super::terms::Terms;
use super::words;
use crate::agreement::Rule;
use crate::alert::PlaceExtent;
use crate::id::Id;
use crate::time::{Span, Time};

/// Blind stretches that are one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    /// The alert's subject: the stretch where it began when it opened.
    pub(super) subject: String,
    /// Journal time of its opening.
    pub(super) opened: Time,
    /// Journal time since which a stretch of it is blind.
    pub(super) since: Time,
    pub(super) first: u32,
    pub(super) last: u32,
}

impl Run {
    pub(super) fn key(&self, rule: &Rule) -> AlertKey {
        AlertKey { rule: rule.id.clone(), subject: self.subject.clone(), zone: None, facet: String::new(), late: false }
    }
}

/// What becomes of the alerts.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Fitted {
    /// Those that go on, the oldest first.
    pub(super) kept: Vec<Run>,
    /// Places in `kept` of those that are of other stretches now.
    pub(super) changed: Vec<usize>,
    /// Those that end, and why.
    pub(super) ended: Vec<(Run, &'static str)>,
    /// First and last stretch of those that open.
    pub(super) fresh: Vec<(u32, u32)>,
}

/// Fits the alerts that there are to the stretches that are blind: each to the run that it has most of, the oldest
/// first; what finds its run taken is part of an older one.
pub(super) fn fit(mut runs: Vec<Run>, blind: &BTreeSet<u32>) -> Fitted {
    let mut found: Vec<(u32, u32, bool)> = Vec::new();
    for stretch in blind {
        match found.last_mut() {
            Some((_, last, _)) if *last + 1 == *stretch => *last = *stretch,
            _ => found.push((*stretch, *stretch, false)),
        }
    }
    let mut fitted = Fitted::default();
    runs.sort_by_key(|run| (run.opened, run.first));
    for mut run in runs {
        let shared =
            |(first, last, _): &(u32, u32, bool)| (run.last.min(*last) + 1).saturating_sub(run.first.max(*first));
        let mut best: Option<(u32, usize)> = None;
        for (place, candidate) in found.iter().enumerate().filter(|(_, candidate)| !candidate.2) {
            let shared = shared(candidate);
            if shared > best.map_or(0, |(most, _)| most) {
                best = Some((shared, place));
            }
        }
        let left = found.iter().any(|candidate| shared(candidate) > 0);
        let Some((first, last, taken)) = best.and_then(|(_, place)| found.get_mut(place)) else {
            fitted.ended.push((run, if left { "folded" } else { "resolved" }));
            continue;
        };
        *taken = true;
        if (run.first, run.last) != (*first, *last) {
            (run.first, run.last) = (*first, *last);
            fitted.changed.push(fitted.kept.len());
        }
        fitted.kept.push(run);
    }
    fitted.fresh = found.into_iter().filter(|(_, _, taken)| !taken).map(|(first, last, _)| (first, last)).collect();
    fitted
}

impl Engine {
    pub(super) fn end_run(&mut self, rule: &Rule, run: &Run, reason: &str, terms: &Terms) {
        self.book.end(&run.key(rule), reason, terms, &mut self.frame);
    }

    /// Tells what is blind, since when, and why.
    pub(super) fn tell_run(&mut self, rule: &Rule, run: &Run, watch: &Watch, map: &Stretches, terms: &Terms) {
        let (now, wall) = (self.frame.now, self.frame.wall(self.frame.now));
        let since = self.frame.wall(run.since);
        let (from_m, to_m) = (map.chainages(run.first).0, map.chainages(run.last).1);
        let line = rule.line.as_ref().map_or("", Id::as_str);
        let part = format!("{line} from km {:.1} to km {:.1}", from_m / 1_000.0, to_m / 1_000.0);
        let whole_seconds = |span: Span| Value::from(span.nanos() / Span::from_secs(1).nanos());
        let mut details = Map::from_iter([
            ("line".to_owned(), line.into()),
            ("from_chainage_m".to_owned(), from_m.into()),
            ("to_chainage_m".to_owned(), to_m.into()),
            ("stretches".to_owned(), (run.last - run.first + 1).into()),
            ("stretch_m".to_owned(), map.stretch_m.into()),
            ("since".to_owned(), since.to_string().into()),
            ("blind_s".to_owned(), whole_seconds(now.since(run.since))),
            ("devices".to_owned(), self.out_of_work(rule, run, watch, map)),
        ]);
        let outage = self.frame.hearing.deaf_within(run.since, now);
        if outage > Span::default() {
            details.insert("own_outage_s".to_owned(), whole_seconds(outage));
            details.insert("reasons".to_owned(), json!(["own_outage"]));
        }
        let disc = map.disc(run.first, run.last);
        let opens = !self.book.is_open(&run.key(rule));
        let finding = Finding {
            rule,
            subject: run.subject.clone(),
            station: None,
            registered: true,
            permitted: None,
            zone: None,
            facet: "",
            opening: format!("{}/{}", run.since, run.opened),
            time: if opens { since.min(wall) } else { wall },
            late: false,
            probability: 1.0,
            observed: true,
            severity: rule.severity,
            cool_down: None,
            extent: disc.map(|disc| PlaceExtent::Disc { position: disc.middle, radius_m: disc.radius_m }),
            place_by: PlaceBy::Registry,
            follow: Follow::Latest,
            detections: 0,
            evidence: Vec::new(),
            labels: Vec::new(),
            what: format!("No working sensor covers line {part}, since {}", words::second(since)),
            past: Some(format!("No working sensor covered line {part} from {} to", words::second(since))),
            details,
        };
        self.book.report(finding, terms, &mut self.frame);
    }

    /// The devices that would cover some of it, and why they do not.
    fn out_of_work(&self, rule: &Rule, run: &Run, watch: &Watch, map: &Stretches) -> Value {
        let mut named: Vec<(&Id, &str)> = Vec::new();
        for stretch in run.first..=run.last {
            for device in map.devices(stretch).filter(|device| !watch.working.contains(*device)) {
                if named.len() >= MAX_NAMED_DEVICES {
                    break;
                }
                if !named.iter().any(|(known, _)| *known == device) {
                    let reason = self.works(rule, device, false).0.err().unwrap_or("silent");
                    named.push((device, reason));
                }
            }
        }
        named.into_iter().map(|(device, reason)| json!({"device": device.as_str(), "reason": reason})).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u32, last: u32, opened: i64) -> Run {
        let time = Time::from_nanos(opened);
        Run { subject: format!("stretch:l/{first}"), opened: time, since: time, first, last }
    }

    #[test]
    fn a_run_that_falls_into_two_goes_on_with_the_larger() {
        let fitted = fit(vec![run(0, 9, 1)], &(0..=2).chain(4..=9).collect());
        assert_eq!((fitted.kept[0].first, fitted.kept[0].last), (4, 9));
        assert_eq!((fitted.changed, fitted.fresh, fitted.ended), (vec![0], vec![(0, 2)], vec![]));
    }

    #[test]
    fn of_two_that_meet_the_older_goes_on() {
        let fitted = fit(vec![run(0, 4, 2), run(6, 7, 1)], &(0..=7).collect());
        assert_eq!((fitted.kept[0].subject.as_str(), fitted.kept[0].first, fitted.kept[0].last), ("stretch:l/6", 0, 7));
        assert_eq!(fitted.ended, [(run(0, 4, 2), "folded")]);
    }

    #[test]
    fn one_of_which_nothing_is_left_is_resolved() {
        let fitted = fit(vec![run(0, 4, 2)], &BTreeSet::from([6]));
        assert_eq!((fitted.ended, fitted.fresh), (vec![(run(0, 4, 2), "resolved")], vec![(6, 6)]));
    }
}
