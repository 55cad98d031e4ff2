//! A place with its uncertainty, against the line, the zones and a rule's terms.
//!
//! A point with a radius or an ellipse is normally distributed about its middle; in a disc or sector the
//! place is taken as evenly spread over the area.

use std::cell::{Cell, RefCell};
use std::f64::consts::PI;
use std::sync::Arc;

use super::known::{Answers, Known, PlaceKey};
use super::rounding;
use super::terms::Terms;
use crate::agreement::{Extent, Line, Rule, Zone};
use crate::alert::{Place, PlaceExtent, ZoneProbability};
use crate::geometry::{Course, Ellipse, LineFix, LonLat, Region, Sector, Side, Spread, bearing_deg};
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
    /// Where its middle is against the line, told by its print, that was asked for last.
    fix: Cell<Option<(u64, LineFix)>>,
    /// The same of the middle of its cover.
    cover_fix: Cell<Option<(u64, LineFix)>>,
    /// Where the answers are kept for the next sighting of the same place.
    kept: Option<(&'a Known, PlaceKey)>,
}

impl<'a> Located<'a> {
    pub(super) fn new(extent: PlaceExtent, time: Time, terms: &'a Terms) -> Self {
        Self {
            extent,
            spread: spread(extent),
            time,
            terms,
            answers: RefCell::default(),
            fix: Cell::default(),
            cover_fix: Cell::default(),
            kept: None,
        }
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

    /// Where its middle is against a line.
    fn fix(&self, line: &Line) -> LineFix {
        fix_of(&self.fix, line, &line.course(), self.spread.middle())
    }

    /// P(within a distance of the line). Where that is certain, one look at the line does for all distances.
    fn within(&self, line: &Line, course: &Course, distance_m: f64) -> f64 {
        let certain = |fix: LineFix, reach_m: f64| {
            let gap_m = distance_m - fix.distance_m;
            (gap_m.abs() > reach_m).then(|| f64::from(u8::from(gap_m > 0.0)))
        };
        let fix = fix_of(&self.fix, line, course, self.spread.middle());
        if let Some(known) = certain(fix, self.spread.reach_m()) {
            return known;
        }
        if let Some((middle, cover_m)) = self.spread.cover()
            && let Some(known) = certain(fix_of(&self.cover_fix, line, course, middle), cover_m)
        {
            return known;
        }
        course.within(&self.spread, distance_m)
    }

    /// P(inside a zone); 0 when no version of it is in force.
    fn in_slot(&self, slot: u32) -> f64 {
        let mut answers = self.answers.borrow_mut();
        let zones = answers.zones.get_or_insert_with(|| {
            let near = self.terms.agreement.slots_near(self.time, self.spread.circle());
            near.into_iter().map(|slot| (slot, None)).collect()
        });
        let Ok(place) = zones.binary_search_by_key(&slot, |(slot, _)| *slot) else { return 0.0 };
        if let Some(known) = zones[place].1 {
            return known;
        }
        drop(answers);
        let zone = self.terms.agreement.zone_of_slot(slot, self.time);
        let probability = zone.map_or(0.0, |zone| self.compute_in_zone(zone));
        if let Some(zones) = &mut self.answers.borrow_mut().zones {
            zones[place].1 = Some(probability);
        }
        probability
    }

    fn compute_in_zone(&self, zone: &'a Zone) -> f64 {
        let agreement = &self.terms.agreement;
        let Extent::Buffer { line: id, distance_m, side } = &zone.extent else {
            let region = agreement.region(&zone.extent, self.time);
            return region.map_or(0.0, |region| self.spread.probability(&region));
        };
        let Some(line) = agreement.line(id, self.time) else { return 0.0 };
        let course = line.course();
        let within = self.within(line, &course, *distance_m);
        let is_a = match side {
            Some(Side::A) => true,
            Some(Side::B) => false,
            Some(Side::Undetermined) | None => return within,
        };
        let Some(a) = self.side_a(Some(id)) else { return 0.0 };
        let side = if is_a { a } else { 1.0 - a };
        let near = Region::Near(Arc::clone(&course), *distance_m);
        self.spread.all(&[within, side], || Region::All(vec![near, Region::Side(course, is_a)]))
    }

    /// P(inside at least one of the zones of these slots).
    pub(super) fn in_any(&self, slots: &[u32]) -> f64 {
        if let [only] = slots {
            return self.in_slot(*only);
        }
        // What is not there neither adds to the sum nor to the greatest.
        let each: Vec<f64> = slots.iter().map(|slot| self.in_slot(*slot)).filter(|p| *p != 0.0).collect();
        if each.is_empty() {
            return 0.0;
        }
        self.spread.any(&each, || self.zones_region(slots))
    }

    fn zones_region(&self, slots: &[u32]) -> Region<'a> {
        let agreement = &self.terms.agreement;
        let zones = slots.iter().filter_map(|slot| agreement.zone_of_slot(*slot, self.time));
        Region::Any(zones.filter_map(|zone| agreement.region(&zone.extent, self.time)).collect())
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
        if rule.areas.is_empty() { Region::All(Vec::new()) } else { self.zones_region(&rule.area_slots) }
    }

    /// P(where the rule holds): in one of its areas and on one of its sides, jointly.
    pub(super) fn where_rule_holds(&self, rule: &Rule) -> f64 {
        if let Some((_, known)) = self.answers.borrow().rules.iter().find(|(number, _)| *number == rule.number) {
            return *known;
        }
        let areas = if rule.areas.is_empty() { 1.0 } else { self.in_any(&rule.area_slots) };
        let region = || Region::All(vec![self.areas_region(rule), self.sides_region(rule)]);
        let holds = if areas <= 0.0 { 0.0 } else { self.spread.all(&[areas, self.on_sides(rule)], region) };
        self.answers.borrow_mut().rules.push((rule.number, holds));
        holds
    }

    /// P(in a zone and on one of the rule's sides), jointly.
    pub(super) fn in_zone_on_sides(&self, zone: u32, rule: &Rule) -> f64 {
        let inside = self.in_slot(zone);
        if inside <= 0.0 {
            return 0.0;
        }
        let region = || Region::All(vec![self.zones_region(std::slice::from_ref(&zone)), self.sides_region(rule)]);
        self.spread.all(&[inside, self.on_sides(rule)], region)
    }

    /// P(within a distance of the rule's line and where the rule holds), jointly; 0 without a line in force.
    pub(super) fn within_where_rule_holds(&self, rule: &Rule, distance_m: f64) -> f64 {
        let Some(line) = self.line(rule.line.as_ref()) else { return 0.0 };
        let course = line.course();
        let within = self.within(line, &course, distance_m);
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
        let fix = middle.and_then(|middle| Some((middle, self.fix(self.line(line)?))));
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
        let in_reach = self.terms.agreement.slots_near(self.time, self.spread.circle());
        // Slots are in the order of ids.
        in_reach
            .into_iter()
            .filter_map(|slot| Some((slot, self.terms.agreement.zone_of_slot(slot, self.time)?)))
            .map(|(slot, zone)| ZoneProbability { id: zone.id.clone(), probability: self.in_slot(slot) })
            .filter(|zone| zone.probability > TOLD)
            .map(|zone| ZoneProbability { probability: rounding::probability(zone.probability), ..zone })
            .collect()
    }
}

/// Where a position is against a line, looked up once.
fn fix_of(known: &Cell<Option<(u64, LineFix)>>, line: &Line, course: &Course, position: LonLat) -> LineFix {
    if let Some((print, fix)) = known.get()
        && print == line.print()
    {
        return fix;
    }
    let fix = course.locate(position);
    known.set(Some((line.print(), fix)));
    fix
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
