//! Our own deafness: the times at which nothing could reach us.
//!
//! Nobody's silence counts while we are deaf. We are deaf while the link is down and while
//! the service is off; a start without a stop before it was a crash, so we were deaf since
//! the entry before it. After a start we are deaf until something shows that we hear: the
//! link coming up, or a message.

use serde::{Deserialize, Serialize};

use super::limits::{LimitsHit, MAX_DEAF_PERIODS};
use crate::time::{Span, Time};

/// When we were deaf, and whether we are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Hearing {
    /// Running, as far as the entries say.
    running: bool,
    link_down: bool,
    deaf_since: Option<Time>,
    /// Past deafness, (from, to), in order and apart.
    periods: Vec<(Time, Time)>,
}

impl Hearing {
    pub(super) fn is_deaf(&self) -> bool {
        self.deaf_since.is_some()
    }

    /// When the latest deafness ended.
    pub(super) fn last_end(&self) -> Option<Time> {
        self.periods.last().map(|(_, to)| *to)
    }

    /// The latest deafness that has ended.
    pub(super) fn last_period(&self) -> Option<(Time, Time)> {
        self.periods.last().copied()
    }

    /// How long we were deaf between two times.
    pub(super) fn deaf_within(&self, from: Time, to: Time) -> Span {
        let now = self.deaf_since.map(|since| (since, to));
        let within = |(since, until): (Time, Time)| until.min(to).since(since.max(from)).max(Span::default());
        self.periods.iter().copied().chain(now).map(within).fold(Span::default(), |sum, span| sum + span)
    }

    /// The service started; `previous` is the arrival of the entry before, if there is one.
    ///
    /// To be told before the timeouts up to the start fire: a crash shows only now.
    pub(super) fn start(&mut self, previous: Option<Time>, now: Time) {
        let since = if self.running { previous.unwrap_or(now) } else { now };
        self.deaf_since.get_or_insert(since);
        self.running = true;
        self.link_down = false;
    }

    pub(super) fn stop(&mut self, now: Time) {
        self.running = false;
        self.deaf_since.get_or_insert(now);
    }

    pub(super) fn link_down(&mut self, now: Time) {
        self.link_down = true;
        self.deaf_since.get_or_insert(now);
    }

    /// The link came up; whether that ended a deafness.
    pub(super) fn link_up(&mut self, now: Time, limits: &mut LimitsHit) -> bool {
        self.link_down = false;
        self.end(now, limits)
    }

    /// A message arrived; whether that ended a deafness. While the link is down it is one from before.
    pub(super) fn message(&mut self, now: Time, limits: &mut LimitsHit) -> bool {
        !self.link_down && self.end(now, limits)
    }

    fn end(&mut self, now: Time, limits: &mut LimitsHit) -> bool {
        let Some(since) = self.deaf_since.take() else { return false };
        match self.periods.last_mut() {
            Some(last) if last.1 >= since => last.1 = now,
            _ => self.periods.push((since, now)),
        }
        if self.periods.len() > MAX_DEAF_PERIODS {
            let oldest = self.periods.remove(0);
            if let Some(next) = self.periods.first_mut() {
                next.0 = oldest.0;
            }
            limits.deaf_periods += 1;
        }
        true
    }

    /// The time at which `span` of hearing has passed since `from`, each deafness counting `grace` longer than
    /// it was; `None` if it has not before a deafness that still lasts.
    pub(super) fn after(&self, from: Time, span: Span, grace: Span) -> Option<Time> {
        let (mut at, mut left) = (from, span);
        let first = self.periods.partition_point(|(_, to)| *to + grace <= from);
        for (since, to) in self.periods.get(first..).unwrap_or_default() {
            let heard = since.since(at).max(Span::default());
            if heard >= left {
                return Some(at + left);
            }
            left = left - heard;
            at = at.max(*to + grace);
        }
        match self.deaf_since {
            Some(since) if since.since(at) < left => None,
            _ => Some(at + left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_nanos(0) + Span::from_secs(seconds)
    }

    fn deaf(periods: &[(i64, i64)]) -> Hearing {
        let mut hearing = Hearing::default();
        for (from, to) in periods {
            hearing.link_down(at(*from));
            hearing.link_up(at(*to), &mut LimitsHit::default());
        }
        hearing
    }

    #[test]
    fn only_time_in_which_we_heard_counts() {
        let hearing = deaf(&[(100, 200), (250, 300)]);
        let after = |from, span| hearing.after(at(from), Span::from_secs(span), Span::from_secs(10)).unwrap();
        assert_eq!(after(0, 50), at(50));
        assert_eq!(after(0, 100), at(100));
        assert_eq!(after(0, 101), at(211));
        assert_eq!(after(0, 150), at(320));
        assert_eq!(after(205, 10), at(220), "heard within the grace: counting starts after it");
        assert_eq!(after(500, 7), at(507));
    }

    #[test]
    fn deafness_is_summed_within_two_times() {
        let mut hearing = deaf(&[(100, 200), (250, 300)]);
        let within = |hearing: &Hearing, from, to| hearing.deaf_within(at(from), at(to));
        assert_eq!(within(&hearing, 0, 1_000), Span::from_secs(150));
        assert_eq!(within(&hearing, 150, 260), Span::from_secs(60));
        assert_eq!(within(&hearing, 200, 250), Span::default());
        hearing.link_down(at(400));
        assert_eq!(within(&hearing, 290, 430), Span::from_secs(40));
    }

    #[test]
    fn nothing_runs_out_while_we_are_deaf() {
        let mut hearing = deaf(&[]);
        hearing.link_down(at(100));
        assert_eq!(hearing.after(at(50), Span::from_secs(50), Span::default()), Some(at(100)));
        assert_eq!(hearing.after(at(50), Span::from_secs(51), Span::default()), None);
    }

    #[test]
    fn a_start_without_a_stop_was_a_crash() {
        let mut hearing = Hearing::default();
        hearing.start(None, at(0));
        hearing.message(at(1), &mut LimitsHit::default());
        hearing.start(Some(at(60)), at(500));
        assert!(hearing.is_deaf());
        assert!(hearing.message(at(510), &mut LimitsHit::default()));
        assert_eq!(hearing.after(at(50), Span::from_secs(11), Span::default()), Some(at(511)));
    }

    #[test]
    fn many_gaps_are_joined_rather_than_forgotten() {
        let mut limits = LimitsHit::default();
        let mut hearing = Hearing::default();
        for i in 0..(MAX_DEAF_PERIODS as i64 + 10) {
            hearing.link_down(at(i * 10));
            hearing.link_up(at(i * 10 + 5), &mut limits);
        }
        assert_eq!(limits.deaf_periods, 10);
        assert_eq!(hearing.periods.len(), MAX_DEAF_PERIODS);
        assert_eq!(hearing.periods[0].0, at(0));
    }
}
