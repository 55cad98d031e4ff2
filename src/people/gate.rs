//! How often a sign-in may be tried, by name and by address.
//!
//! Failures are counted in a sliding window. A name that has had too many waits, wherever the tries come from, and so
//! does an address, whatever names it tries. Both tables are bounded: what was tried longest ago is forgotten first,
//! for a guesser cannot make their own newest tries forgotten by making more.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use truceline_core::time::{Span, Time};

/// Failures that a name may have within [`WINDOW`].
pub const MAX_OF_NAME: usize = 5;
/// Failures that an address may have within [`WINDOW`]: several people may sit behind one.
pub const MAX_OF_ADDRESS: usize = 30;
/// The window.
pub const WINDOW: Span = Span::from_secs(15 * 60);
/// Most names, and most addresses, that are remembered.
const MAX_REMEMBERED: usize = 4_096;

/// From when on it may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub Time);

/// The failures of late.
#[derive(Debug, Default)]
pub struct Gate {
    names: BTreeMap<String, VecDeque<Time>>,
    addresses: BTreeMap<IpAddr, VecDeque<Time>>,
}

impl Gate {
    /// Whether a sign-in of `name` from `address` may be tried at `now`.
    ///
    /// # Errors
    /// Not before the time told.
    pub fn admit(&mut self, name: &str, address: IpAddr, now: Time) -> Result<(), Wait> {
        let of_name = self.names.get_mut(&key(name)).and_then(|failed| full_until(failed, MAX_OF_NAME, now));
        let of_address = self.addresses.get_mut(&address).and_then(|failed| full_until(failed, MAX_OF_ADDRESS, now));
        match of_name.max(of_address) {
            Some(until) => Err(Wait(until)),
            None => Ok(()),
        }
    }

    /// Notes that one failed. Called before the password is looked at and taken back by [`Gate::succeeded`], so that
    /// many at once cannot try more than one after the other.
    pub fn failed(&mut self, name: &str, address: IpAddr, now: Time) {
        note(&mut self.names, key(name), MAX_OF_NAME, now);
        note(&mut self.addresses, address, MAX_OF_ADDRESS, now);
    }

    /// Takes back what [`Gate::failed`] noted: it was the right password.
    pub fn succeeded(&mut self, name: &str, address: IpAddr) {
        self.names.remove(&key(name));
        if let Some(failed) = self.addresses.get_mut(&address) {
            failed.pop_back();
        }
    }
}

/// Names are told apart only as far as a guesser could gain by it.
fn key(name: &str) -> String {
    name.chars().take(64).collect()
}

fn full_until(failed: &mut VecDeque<Time>, most: usize, now: Time) -> Option<Time> {
    while failed.front().is_some_and(|time| *time + WINDOW <= now) {
        failed.pop_front();
    }
    let limiting = failed.len().checked_sub(most)?;
    failed.get(limiting).map(|time| *time + WINDOW)
}

fn note<K: Ord + Clone>(table: &mut BTreeMap<K, VecDeque<Time>>, key: K, most: usize, now: Time) {
    if !table.contains_key(&key) && table.len() >= MAX_REMEMBERED {
        let oldest = table.iter().min_by_key(|(_, failed)| failed.back().copied()).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            table.remove(&oldest);
        }
    }
    let failed = table.entry(key).or_default();
    failed.push_back(now);
    while failed.len() > most {
        failed.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn there(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    fn at(seconds: i64) -> Time {
        Time::from_nanos(0) + Span::from_secs(seconds)
    }

    #[test]
    fn a_name_waits_wherever_the_tries_come_from() {
        let mut gate = Gate::default();
        for i in 0..5 {
            assert_eq!(gate.admit("one", there(i), at(i64::from(i))), Ok(()));
            gate.failed("one", there(i), at(i64::from(i)));
        }
        assert_eq!(gate.admit("one", there(99), at(10)), Err(Wait(at(900))));
        assert_eq!(gate.admit("two", there(99), at(10)), Ok(()));
        assert_eq!(gate.admit("one", there(99), at(900)), Ok(()), "the first is fifteen minutes ago");
        gate.failed("one", there(99), at(900));
        assert_eq!(gate.admit("one", there(99), at(900)), Err(Wait(at(901))));
    }

    #[test]
    fn an_address_waits_whatever_names_it_tries() {
        let mut gate = Gate::default();
        for i in 0..30 {
            assert_eq!(gate.admit(&format!("p{i}"), HERE, at(0)), Ok(()));
            gate.failed(&format!("p{i}"), HERE, at(0));
        }
        assert_eq!(gate.admit("other", HERE, at(1)), Err(Wait(at(900))));
        assert_eq!(gate.admit("other", there(1), at(1)), Ok(()));
    }

    #[test]
    fn who_signs_in_has_no_failures() {
        let mut gate = Gate::default();
        for i in 0..100 {
            assert_eq!(gate.admit("one", HERE, at(i)), Ok(()));
            gate.failed("one", HERE, at(i));
            gate.succeeded("one", HERE);
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_flood_does_not_free_its_own_name() {
        let mut gate = Gate::default();
        for i in 0..5 {
            gate.failed("victim", HERE, at(i));
        }
        for i in 0..10_000 {
            gate.failed(&format!("n{i}"), there(i), at(5));
            gate.failed("victim", HERE, at(5));
        }
        assert!(gate.names.len() <= MAX_REMEMBERED && gate.addresses.len() <= MAX_REMEMBERED);
        assert!(gate.admit("victim", there(7), at(6)).is_err());
    }
}
