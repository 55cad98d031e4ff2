//! A place with its uncertainty, against the line, the zones and a rule's terms.
//!
//! A point with a radius or an ellipse is normally distributed about its middle; in a disc or sector the
//! place is taken as evenly spread over the area.

use std::cell::RefCell;
use std::f64::consts::PI;

use super::known::{Answers, Known, PlaceKey};
use super::rounding;
use super::terms::Terms;
use crate::agreement::{Line, Rule};
use crate::alert::{Place, PlaceExtent, ZoneProbability};
use crate::geometry::{Ellipse, Region, Sector, Side, Spread, bearing_deg};
use crate::id::Id;
use crate::time::Time;

/// A side is told from this probability on.
pub(super) const SURE: f64 = 0.95;
/// Two-sided 95 % of a normal distribution in standard deviations.
pub(super) const SIGMAS_95_ONE_AXIS: f64 = 1.96;

/// A place at a time, under the terms in force.
pub(super) struct Located<'a> {
    pub(super) extent: PlaceExtent,
    spread: Spread,
    time: Time,
    terms: &'a Terms,
    /// What was asked already: several rules often have one zone.
    answers: RefCell<Answers>,
    /// Where the answers are kept for the next sighting of the same place.
    kept: Option<(&'a Known, PlaceKey)>,
}

impl<'a> Located<'a> {
    pub(super) fn new(extent: PlaceExtent, time: Time, terms: &'a Terms) -> Self {
        Self { extent, spread: spread(extent), time, terms, answers: RefCell::default(), kept: None }
    }

    /// A place that will be asked for again: what is known of it is used, and what is found out is kept.
    pub(super) fn remembered(extent: PlaceExtent, time: Time, terms: &'a Terms, known: &'a Known) -> Self {
        let mut located = Self::new(extent, time, terms);
        if let PlaceExtent::Disc { position, radius_m } = extent {
            let key = known.key(position, radius_m, time);
            located.answers = RefCell::new(known.take(&key));
            located.kept = Some((known, key));
        }
        located
    }

    /// The line `id`, or the primary one, in the version in force.
    pub(super) fn line(&self, id: Option<&Id>) -> Option<&'a Line> {
        match id {
            Some(id) => self.terms.agreement.line(id, self.time),
            None => self.terms.agreement.primary_line(self.time),
        }
    }

    /// P(side A of the line); `None` without a line in force.
    pub(super) fn side_a(&self, line: Option<&Id>) -> Option<f64> {
        let compute = || Some(self.line(line)?.course().side_a(&self.spread));
        let primary = self.terms.agreement.lines.first().map(|line| &line.id);
        if line.is_some() && line != primary {
            return compute();
        }
        if let known @ Some(_) = self.answers.borrow().side_a {
            return known;
        }
        let side_a = compute();
        self.answers.borrow_mut().side_a = side_a;
        side_a
    }

    /// P(inside a zone); 0 when no version of it is in force.
    pub(super) fn in_zone(&self, zone: &Id) -> f64 {
        if let Some((_, known)) = self.answers.borrow().zones.iter().find(|(id, _)| id == zone) {
            return *known;
        }
        let probability = self.compute_in_zone(zone);
        self.answers.borrow_mut().zones.push((zone.clone(), probability));
        probability
    }

    fn compute_in_zone(&self, zone: &Id) -> f64 {
        self.terms.agreement.zone_region(zone, self.time).map_or(0.0, |region| self.spread.probability(&region))
    }

    /// P(inside at least one of these zones).
    pub(super) fn in_any(&self, zones: &[Id]) -> f64 {
        if let [only] = zones {
            return self.in_zone(only);
        }
        let each: Vec<f64> = zones.iter().map(|zone| self.in_zone(zone)).collect();
        self.spread.any(&each, || self.zones_region(zones))
    }

    fn zones_region(&self, zones: &[Id]) -> Region<'a> {
        Region::Any(zones.iter().filter_map(|zone| self.terms.agreement.zone_region(zone, self.time)).collect())
    }

    /// P(on one of the rule's sides); 1 for a rule that names none.
    pub(super) fn on_sides(&self, rule: &Rule) -> f64 {
        if rule.sides.is_empty() {
            return 1.0;
        }
        let Some(a) = self.side_a(rule.line.as_ref()) else { return 0.0 };
        let of = |side: &Side| match side {
            Side::A => a,
            Side::B => 1.0 - a,
            Side::Undetermined => 0.0,
        };
        rule.sides.iter().map(of).sum::<f64>().min(1.0)
    }

    /// The rule's sides; everywhere for a rule that names none.
    fn sides_region(&self, rule: &Rule) -> Region<'a> {
        if rule.sides.is_empty() {
            return Region::All(Vec::new());
        }
        let Some(line) = self.line(rule.line.as_ref()) else { return Region::Any(Vec::new()) };
        let of = |side: &Side| match side {
            Side::A => Some(Region::Side(line.course(), true)),
            Side::B => Some(Region::Side(line.course(), false)),
            Side::Undetermined => None,
        };
        Region::Any(rule.sides.iter().filter_map(of).collect())
    }

    /// The rule's areas; everywhere for a rule that names none.
    fn areas_region(&self, rule: &Rule) -> Region<'a> {
        if rule.areas.is_empty() { Region::All(Vec::new()) } else { self.zones_region(&rule.areas) }
    }

    /// P(where the rule holds): in one of its areas and on one of its sides, jointly.
    pub(super) fn where_rule_holds(&self, rule: &Rule) -> f64 {
        if let Some((_, known)) = self.answers.borrow().rules.iter().find(|(id, _)| *id == rule.id) {
            return *known;
        }
        let areas = if rule.areas.is_empty() { 1.0 } else { self.in_any(&rule.areas) };
        let region = || Region::All(vec![self.areas_region(rule), self.sides_region(rule)]);
        let holds = if areas <= 0.0 { 0.0 } else { self.spread.all(&[areas, self.on_sides(rule)], region) };
        self.answers.borrow_mut().rules.push((rule.id.clone(), holds));
        holds
    }

    /// P(in a zone and on one of the rule's sides), jointly.
    pub(super) fn in_zone_on_sides(&self, zone: &Id, rule: &Rule) -> f64 {
        let inside = self.in_zone(zone);
        if inside <= 0.0 {
            return 0.0;
        }
        let region = || Region::All(vec![self.zones_region(std::slice::from_ref(zone)), self.sides_region(rule)]);
        self.spread.all(&[inside, self.on_sides(rule)], region)
    }

    /// P(within a distance of the rule's line and where the rule holds), jointly; 0 without a line in force.
    pub(super) fn within_where_rule_holds(&self, rule: &Rule, distance_m: f64) -> f64 {
        let Some(line) = self.line(rule.line.as_ref()) else { return 0.0 };
        let course = line.course();
        let within = course.within(&self.spread, distance_m);
        if within <= 0.0 || (rule.areas.is_empty() && rule.sides.is_empty()) {
            return within;
        }
        let near = Region::Near(course, distance_m);
        let region = || Region::All(vec![near, self.areas_region(rule), self.sides_region(rule)]);
        self.spread.all(&[within, self.where_rule_holds(rule)], region)
    }

    /// All that an alert says of where it is.
    pub(super) fn place(&self, line: Option<&Id>) -> Place {
        let middle = match self.extent {
            PlaceExtent::Point { position, .. }
            | PlaceExtent::Ellipse { position, .. }
            | PlaceExtent::Disc { position, .. } => Some(position),
            PlaceExtent::Sector { .. } => None,
        };
        let fix = middle.and_then(|middle| Some((middle, self.line(line)?.course().locate(middle))));
        let error_m = fix.map(|(middle, fix)| match (self.extent, self.spread) {
            (PlaceExtent::Point { hacc_m, .. }, _) => hacc_m,
            (PlaceExtent::Disc { radius_m, .. }, _) => radius_m,
            (_, Spread::Normal(ellipse)) => ellipse.reach_m(bearing_deg(middle, fix.foot)),
            (_, Spread::Even(sector)) => sector.range_max_m,
        });
        let fix = fix.map(|(_, fix)| fix);
        let p_side_a = self.side_a(line).map(rounding::probability);
        let located_side = match p_side_a {
            Some(a) if a >= SURE => Side::A,
            Some(a) if a <= 1.0 - SURE => Side::B,
            _ => Side::Undetermined,
        };
        Place {
            extent: self.extent,
            line_distance_m: fix.map(|fix| fix.distance_m),
            line_distance_error_m: error_m,
            chainage_m: fix.map(|fix| fix.chainage_m),
            located_side,
            p_side_a,
            zones: self.told_zones(),
        }
    }

    fn told_zones(&self) -> Vec<ZoneProbability> {
        const TOLD: f64 = 0.005;
        if let PlaceExtent::Point { position, hacc_m } = self.extent {
            let found = self.terms.agreement.zones_at(self.time, position, hacc_m);
            return found
                .into_iter()
                .map(|(id, probability)| ZoneProbability { id, probability: rounding::probability(probability) })
                .collect();
        }
        let in_reach = self.terms.agreement.zones_in_reach(self.time, &self.spread);
        let mut zones: Vec<ZoneProbability> = in_reach
            .into_iter()
            .map(|zone| ZoneProbability { id: zone.id.clone(), probability: self.in_zone(&zone.id) })
            .filter(|zone| zone.probability > TOLD)
            .map(|zone| ZoneProbability { probability: rounding::probability(zone.probability), ..zone })
            .collect();
        zones.sort_by(|a, b| a.id.cmp(&b.id));
        zones
    }
}

/// How a place is distributed.
fn spread(extent: PlaceExtent) -> Spread {
    match extent {
        PlaceExtent::Point { position, hacc_m } => Spread::Normal(Ellipse::circle(position, hacc_m)),
        PlaceExtent::Ellipse { position, semi_major_m, semi_minor_m, azimuth_deg } => {
            Spread::Normal(Ellipse { middle: position, semi_major_m, semi_minor_m, azimuth_deg })
        }
        PlaceExtent::Disc { position, radius_m } => Spread::Even(Sector::disc(position, radius_m)),
        PlaceExtent::Sector { position, bearing_deg, width_deg, range_min_m, range_max_m } => {
            Spread::Even(Sector { centre: position, bearing_deg, width_deg, range_min_m, range_max_m })
        }
    }
}

impl Drop for Located<'_> {
    fn drop(&mut self) {
        if let Some((known, key)) = self.kept {
            known.keep(key, self.answers.take());
        }
    }
}

/// How large a place is, square metres: the smaller, the more it says.
pub(super) fn area_m2(extent: PlaceExtent) -> f64 {
    match extent {
        PlaceExtent::Point { hacc_m, .. } => PI * hacc_m.powi(2),
        PlaceExtent::Ellipse { semi_major_m, semi_minor_m, .. } => PI * semi_major_m * semi_minor_m,
        PlaceExtent::Disc { radius_m, .. } => PI * radius_m.powi(2),
        PlaceExtent::Sector { width_deg, range_min_m, range_max_m, .. } => {
            width_deg / 360.0 * PI * (range_max_m.powi(2) - range_min_m.powi(2))
        }
    }
}
