//! How many alerts of one sort may be opened in a while.
//!
//! The times of the last openings are kept, so in no window are there more than the budget
//! has: a bucket that fills up again would allow its whole content on top of its rate.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::key::AlertKey;
use crate::agreement::{FloodTerms, RuleKind};
use crate::engine::limits::{LimitsHit, MAX_BUDGETS};
use crate::time::Time;

/// Whether alerts of rules of this kind have a budget; the module's text says why others have none.
pub(super) const fn is_budgeted(kind: &RuleKind) -> bool {
    match kind {
        RuleKind::NoFire
        | RuleKind::Crossing
        | RuleKind::ExclusionZone
        | RuleKind::Withdrawal { .. }
        | RuleKind::NoFlight { .. } => true,
        RuleKind::Tamper { .. }
        | RuleKind::Silence { .. }
        | RuleKind::Interference { .. }
        | RuleKind::Clock { .. }
        | RuleKind::Coverage { .. } => false,
    }
}

/// Journal times of the latest openings of each sort, the sort named by its flood alert's key.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Budgets {
    #[serde(with = "crate::engine::pairs")]
    opened: BTreeMap<AlertKey, VecDeque<Time>>,
}

impl Budgets {
    /// Whether one more may have an alert of its own at `now`; if so it is counted.
    ///
    /// The last place of the budget is the flood alert's, which is counted when it opens.
    pub(super) fn allow(
        &mut self,
        sort: &AlertKey,
        flood_is_open: bool,
        now: Time,
        terms: FloodTerms,
        limits: &mut LimitsHit,
    ) -> bool {
        if !self.opened.contains_key(sort) {
            self.make_room(now, terms, limits);
        }
        let opened = self.opened.entry(sort.clone()).or_default();
        while opened.front().is_some_and(|opened| *opened <= now - terms.window) {
            opened.pop_front();
        }
        let own = opened.len() + usize::from(!flood_is_open) < terms.alerts;
        if own || !flood_is_open {
            opened.push_back(now);
            // A flood alert that ended for another reason than its flood's end opens beyond the budget.
            while opened.len() > terms.alerts {
                opened.pop_front();
            }
        }
        own
    }

    /// From when on there is room in the budget; a flood alert stays until then.
    pub(super) fn free_from(&self, sort: &AlertKey, terms: FloodTerms) -> Option<Time> {
        let opened = self.opened.get(sort)?;
        let limiting = opened.len().checked_sub(terms.alerts)?;
        opened.get(limiting).map(|opened| *opened + terms.window)
    }

    pub(super) fn forget(&mut self) {
        self.opened.clear();
    }

    fn make_room(&mut self, now: Time, terms: FloodTerms, limits: &mut LimitsHit) {
        if self.opened.len() < MAX_BUDGETS {
            return;
        }
        self.opened.retain(|_, opened| opened.back().is_some_and(|last| *last > now - terms.window));
        while self.opened.len() >= MAX_BUDGETS {
            let oldest = self.opened.iter().min_by_key(|(key, opened)| (opened.back(), *key));
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { return };
            self.opened.remove(&oldest);
            limits.budgets += 1;
        }
    }
}
