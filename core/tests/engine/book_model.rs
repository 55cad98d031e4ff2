//! The book of alerts beside a plain list of open alerts that is searched from end to end.

use proptest::prelude::*;
use truceline_core::alert::Timeliness;

use crate::scene::*;

const COOL_DOWN: i64 = 100;
const BUDGET: usize = 3;
const WINDOW: i64 = 400;
const RANGE_M: i64 = 2_000;
/// Discs of this range that are no farther apart have a quarter in common, once both are a quarter larger.
const LOOSE_M: i64 = 3_180;
const STEP_M: i64 = 700;
const PLACES: usize = 12;

const RULE: &str = r#"
[[rule]]
id = "no-fire"
kind = "no_fire"
cool_down_s = 100
"#;

/// A detection: seconds after the one before, how old it is when it arrives, by which sensor, gunfire or explosion.
type Heard = (i64, i64, usize, bool);

#[derive(Clone, Debug, PartialEq)]
struct Plain {
    /// Where it was opened; `None`: a flood.
    place: Option<i64>,
    gunfire: bool,
    late: bool,
    opened: i64,
    evident: i64,
    first: i64,
    last: i64,
    detections: u64,
    ended: Option<i64>,
}

#[derive(Default)]
struct Model {
    alerts: Vec<Plain>,
    /// Openings: when, gunfire, late.
    openings: Vec<(i64, bool, bool)>,
}

impl Model {
    fn openings(&self, now: i64, gunfire: bool, late: bool) -> Vec<i64> {
        let same = self.openings.iter().filter(|opening| (opening.1, opening.2) == (gunfire, late));
        same.map(|opening| opening.0).filter(|opened| now - opened < WINDOW).collect()
    }

    /// Ends what is over by `now`, second by second.
    fn pass(&mut self, from: i64, now: i64) {
        for second in from..=now {
            for i in 0..self.alerts.len() {
                let alert = self.alerts[i].clone();
                let full = self.openings(second, alert.gunfire, alert.late).len() >= BUDGET;
                let stays = alert.place.is_none() && full;
                if alert.ended.is_none() && second - alert.evident >= COOL_DOWN && !stays {
                    self.alerts[i].ended = Some(second);
                }
            }
        }
    }

    /// The open alert nearest to a place, the first opened of equally near ones, and of those out of reach.
    fn nearest(&self, place: i64, gunfire: bool, late: bool, fits: impl Fn(&Plain) -> bool) -> Option<usize> {
        let mut best: Option<(i64, usize)> = None;
        for (i, alert) in self.alerts.iter().enumerate() {
            let Some(opened_at) = alert.place else { continue };
            let apart = (opened_at - place).abs() * STEP_M;
            let same = alert.ended.is_none() && (alert.gunfire, alert.late) == (gunfire, late);
            let loose = apart <= LOOSE_M;
            let apart = apart.min(RANGE_M + 1);
            if same && loose && fits(alert) && best.is_none_or(|(nearest, _)| apart < nearest) {
                best = Some((apart, i));
            }
        }
        best.map(|(_, i)| i)
    }

    fn hear(&mut self, now: i64, made: i64, place: i64, gunfire: bool) {
        let is_late = now - made > 300;
        let reaches = |alert: &Plain| made <= alert.last + COOL_DOWN;
        let covers = |alert: &Plain| reaches(alert) && made >= alert.first - COOL_DOWN;
        let mut late = is_late;
        let mut found = None;
        if is_late {
            found = self.nearest(place, gunfire, false, covers);
        } else if self.nearest(place, gunfire, false, |_| true).is_none() {
            found = self.nearest(place, gunfire, true, reaches);
            if let Some(i) = found {
                self.alerts[i].late = false;
            }
        }
        if found.is_none() {
            found = self.nearest(place, gunfire, late, reaches);
        } else {
            late = false;
        }
        if found.is_none() {
            while let Some(over) = self.nearest(place, gunfire, late, |_| true) {
                self.alerts[over].ended = Some(now);
            }
            let flood = self.alerts.iter().position(|alert| {
                alert.ended.is_none() && alert.place.is_none() && (alert.gunfire, alert.late) == (gunfire, late)
            });
            let left = BUDGET - self.openings(now, gunfire, late).len().min(BUDGET);
            let own = left > usize::from(flood.is_none());
            found = if own { None } else { flood };
            if found.is_none() {
                self.openings.push((now, gunfire, late));
                self.alerts.push(Plain {
                    place: own.then_some(place),
                    gunfire,
                    late,
                    opened: now,
                    evident: now,
                    first: made,
                    last: made,
                    detections: 0,
                    ended: None,
                });
                found = Some(self.alerts.len() - 1);
            }
        }
        if let Some(alert) = found.and_then(|i| self.alerts.get_mut(i)) {
            alert.evident = now;
            alert.first = alert.first.min(made);
            alert.last = alert.last.max(made);
            alert.detections += 1;
        }
    }
}

fn story() -> impl Strategy<Value = Vec<Heard>> {
    let wait = prop_oneof![8 => 1..15i64, 1 => 1..200i64];
    let age = prop_oneof![8 => 0..5i64, 1 => 0..299i64, 2 => 301..900i64];
    prop::collection::vec((wait, age, 0..PLACES, prop::bool::weighted(0.2)), 1..70)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn alerts_open_grow_and_end_as_in_the_plain_list(story in story()) {
        let ranges = format!("range_m = {{ explosion = {RANGE_M}, gunfire = {RANGE_M} }}");
        let registry: String = (0..PLACES)
            .map(|i| fixed(&format!("st{i:02}-ac01"), &format!("st{i:02}"), 3_000.0, (i as i64 * STEP_M) as f64, &ranges))
            .collect();
        let top = format!("flood_alerts = {BUDGET}\nflood_window_s = {WINDOW}");
        let mut scene = Scene::of(agreement_with(&top, RULE), &registry);
        let mut model = Model::default();
        let mut now = 0;
        for (wait, age, place, gunfire) in story {
            model.pass(now + 1, now + wait);
            now += wait;
            model.hear(now, now - age, place as i64, gunfire);
            let class = if gunfire { "gunfire" } else { "explosion" };
            scene.reading(&format!("st{place:02}-ac01"), (now - age) as f64, now as f64, heard(class, 0.8, None));
        }
        model.pass(now + 1, now + 2_000);
        scene.wait_until((now + 2_000) as f64);
        let seconds = |time: truceline_core::time::Time| time.since(t(0.0)).secs_f64().round() as i64;
        let told: Vec<_> = scene
            .alerts()
            .iter()
            .map(|alert| {
                let flood = alert.subject.starts_with("flood:");
                let gunfire = alert.details["class"] == "gunfire";
                let late = alert.timeliness == Timeliness::Late;
                let times = (seconds(alert.detected_at), seconds(alert.started), seconds(alert.last));
                (flood, gunfire, late, times, alert.detections, alert.ended.map(seconds))
            })
            .collect();
        let expected: Vec<_> = model
            .alerts
            .iter()
            .map(|alert| {
                let times = (alert.opened, alert.first, alert.last);
                (alert.place.is_none(), alert.gunfire, alert.late, times, alert.detections, alert.ended)
            })
            .collect();
        prop_assert_eq!(told, expected);
    }
}
