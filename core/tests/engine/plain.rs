//! Alerts as a plain list, for the models of rules: opened, extended and ended by whole seconds; no clusters, no floods,
//! no deafness.

use truceline_core::alert::{Alert, Timeliness};
use truceline_core::time::Time;

use crate::scene::{Scene, t};

/// One alert, in seconds of the story.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub opened: i64,
    /// What there is at most one open alert for.
    pub key: String,
    pub late: bool,
    pub started: i64,
    pub last: i64,
    pub detections: u64,
    pub ended: Option<(i64, String)>,
}

pub struct PlainBook {
    cool_down: i64,
    pub now: i64,
    /// Each with when it had evidence last.
    alerts: Vec<(Told, i64)>,
}

impl PlainBook {
    pub fn new(cool_down: i64) -> Self {
        Self { cool_down, now: 0, alerts: Vec::new() }
    }

    /// Time passes, and what cools down ends; whatever comes in a second comes after what ends in it.
    pub fn pass_until(&mut self, second: i64) {
        for now in self.now + 1..=second {
            for (told, evident) in &mut self.alerts {
                if told.ended.is_none() && now - *evident >= self.cool_down {
                    told.ended = Some((now, "cool_down".to_owned()));
                }
            }
        }
        self.now = second;
    }

    fn open(&self, key: &str, late: bool) -> Option<usize> {
        self.alerts.iter().position(|(told, _)| told.key == key && told.late == late && told.ended.is_none())
    }

    /// Evidence of a time, that is late or not.
    pub fn report(&mut self, key: &str, time: i64, late: bool) {
        let (live, was_late) = (self.open(key, false), self.open(key, true));
        let reaches = |i: &usize| time <= self.alerts[*i].0.last + self.cool_down;
        let covers = |i: &usize| reaches(i) && time >= self.alerts[*i].0.started - self.cool_down;
        let goes_on = if late {
            live.filter(covers).or(was_late.filter(reaches))
        } else if live.is_some() {
            live.filter(reaches)
        } else {
            was_late.filter(reaches)
        };
        let i = goes_on.unwrap_or_else(|| {
            if let Some(over) = if late { was_late } else { live } {
                self.alerts[over].0.ended = Some((self.now, "cool_down".to_owned()));
            }
            let key = key.to_owned();
            let told = Told { opened: self.now, key, late, started: time, last: time, detections: 0, ended: None };
            self.alerts.push((told, self.now));
            self.alerts.len() - 1
        });
        let (told, evident) = &mut self.alerts[i];
        *evident = self.now;
        told.late &= late;
        (told.started, told.last) = (told.started.min(time), told.last.max(time));
        told.detections += 1;
    }

    /// What it was about is over.
    pub fn resolve(&mut self, key: &str) {
        let now = self.now;
        for i in [self.open(key, false), self.open(key, true)].into_iter().flatten() {
            self.alerts[i].0.ended = Some((now, "resolved".to_owned()));
        }
    }

    pub fn told(&self) -> Vec<Told> {
        let mut told: Vec<Told> = self.alerts.iter().map(|(told, _)| told.clone()).collect();
        told.sort();
        told
    }
}

/// What the engine said, in the same words; `key` names what an alert is about.
pub fn told_by(scene: &Scene, key: impl Fn(&Alert) -> String) -> Vec<Told> {
    let second = |time: Time| time.since(t(0.0)).secs_f64().round() as i64;
    let one = |alert: Alert| Told {
        opened: second(alert.detected_at),
        key: key(&alert),
        late: alert.timeliness == Timeliness::Late,
        started: second(alert.started),
        last: second(alert.last),
        detections: alert.detections,
        ended: alert.ended.map(second).zip(alert.ended_reason.clone()),
    };
    let mut told: Vec<Told> = scene.alerts().into_iter().map(one).collect();
    told.sort();
    told
}
