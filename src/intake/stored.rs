//! What devices have to be told about what is durable: when, for which boot, with which
//! rejects. Values, no I/O; time is an argument.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

use truceline_core::id::Id;
use truceline_core::log::{Body, Outcome};
use truceline_core::wire::{RejectReason, Stored};

/// Ranges in one message, the newest kept (wire contract).
const MAX_RANGES: usize = 32;
/// Rejects of one boot that are told, the newest kept.
const MAX_REJECTS: usize = 32;
/// Boots of a device that are remembered, and so those that can wait to be told at once.
const MAX_BOOTS: usize = 8;
/// Devices that are remembered.
pub(crate) const MAX_DEVICES: usize = 100_000;
/// The first message after a quiet time waits this long for the rest of a burst.
const GATHER: Duration = Duration::from_millis(200);

/// One boot of one device of one station: what a message is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    /// The station, which is in the topic.
    pub(crate) station: Id,
    /// The device.
    pub(crate) device: Id,
    /// The boot.
    pub(crate) boot: u32,
}

/// A message that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// What it is about.
    pub(crate) subject: Subject,
    /// The latest rejects, oldest first.
    pub(crate) rejected: Vec<(u64, RejectReason)>,
}

impl Due {
    /// The message, given all durable ranges in ascending order.
    pub(crate) fn message(&self, mut ranges: Vec<(u64, u64)>) -> Stored {
        // What came too fast, was sent again and is stored is no reject any more.
        let is_stored = |seq: u64| ranges.iter().any(|(from, to)| (*from..=*to).contains(&seq));
        let told = |(seq, reason): &&(u64, RejectReason)| *reason != RejectReason::RateLimited || !is_stored(*seq);
        let rejected =
            self.rejected.iter().filter(told).map(|(seq, reason)| (*seq, reason.as_str().to_owned())).collect();
        let surplus = ranges.len().saturating_sub(MAX_RANGES);
        ranges.drain(..surplus);
        Stored { v: 1, boot: self.subject.boot, stored: ranges, rejected }
    }
}

/// What is remembered of a message until its outcomes are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct About {
    from: Option<(Id, Id)>,
    bodies: Vec<Told>,
}

/// What one body is, as far as its outcome matters to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A reading.
    Reading {
        /// Its boot.
        boot: u32,
        /// Its number.
        seq: u64,
    },
    /// A reject.
    Reject {
        /// Why.
        reason: RejectReason,
        /// (boot, seq), where known.
        identity: Option<(u32, u64)>,
    },
    /// Nothing that a device waits for.
    Other,
}

impl About {
    /// What to remember of these bodies, all of one message.
    pub(crate) fn of(bodies: &[Body]) -> Self {
        let mut from = None;
        let bodies = bodies
            .iter()
            .map(|body| match body {
                Body::Reading(reading) => {
                    from.get_or_insert_with(|| (reading.station.clone(), reading.device.clone()));
                    Told::Reading { boot: reading.boot, seq: reading.seq }
                }
                Body::Reject(reject) => {
                    if let (Some(station), Some(device)) = (&reject.station, &reject.device) {
                        from.get_or_insert_with(|| (station.clone(), device.clone()));
                    }
                    Told::Reject { reason: reject.reason, identity: reject.identity }
                }
                _ => Told::Other,
            })
            .collect();
        Self { from, bodies }
    }

    /// The bodies with what became of them.
    pub(crate) fn outcomes<'a>(&'a self, outcomes: &'a [Outcome]) -> impl Iterator<Item = (Told, Outcome)> + 'a {
        self.bodies.iter().copied().zip(outcomes.iter().copied())
    }
}

struct DeviceBoard {
    station: Id,
    /// The one heard last is last.
    boots: Vec<Boot>,
    last_sent: Option<Instant>,
    due: Option<Instant>,
}

struct Boot {
    number: u32,
    dirty: bool,
    rejected: VecDeque<(u64, RejectReason)>,
}

/// Which devices are to be told what, at most once per device and interval.
pub(crate) struct StoredBoard {
    interval: Duration,
    max_devices: usize,
    devices: HashMap<Id, DeviceBoard>,
    queue: BTreeSet<(Instant, Id)>,
}

impl StoredBoard {
    /// An empty board with this least time between two messages to one device.
    pub(crate) fn new(interval: Duration, max_devices: usize) -> Self {
        Self { interval, max_devices, devices: HashMap::new(), queue: BTreeSet::new() }
    }

    /// Notes what became of a message. Returns how many notes were refused, or pushed out others, because too many
    /// devices or boots of this one wait.
    pub(crate) fn note(&mut self, about: &About, outcomes: &[Outcome], now: Instant) -> usize {
        let Some((station, device)) = &about.from else { return 0 };
        let mut refused = 0;
        // A batch is of one boot as a rule: its subject is looked up once for a run of equal notes.
        let mut last_clean = None;
        for (told, outcome) in about.outcomes(outcomes) {
            let (boot, reject) = match (told, outcome) {
                (Told::Reading { boot, seq }, Outcome::Conflict) => {
                    (boot, Some((seq, RejectReason::ConflictingDuplicate)))
                }
                // Its device has too many gaps and boots: it is not stored, and to be sent again.
                (Told::Reading { boot, seq }, Outcome::Counted) => (boot, Some((seq, RejectReason::RateLimited))),
                (Told::Reading { boot, .. }, _) => (boot, None),
                (Told::Reject { reason, identity: Some((boot, seq)) }, _) if is_told(reason) => {
                    (boot, Some((seq, reason)))
                }
                (Told::Reject { .. } | Told::Other, _) => continue,
            };
            if reject.is_none() && last_clean == Some(boot) {
                continue;
            }
            if self.mark((station, device, boot), reject, now) {
                last_clean = Some(boot);
            } else {
                refused += 1;
            }
        }
        refused
    }

    /// This was not sent, or nobody confirmed it: it is due again.
    pub(crate) fn again(&mut self, subject: &Subject, now: Instant) {
        self.again_after(subject, now, Duration::ZERO);
    }

    /// As [`Self::again`], but not before so long; what else is to be told to the device waits with it.
    pub(crate) fn again_after(&mut self, subject: &Subject, now: Instant, pause: Duration) {
        self.mark((&subject.station, &subject.device, subject.boot), None, now);
        let Some(board) = self.devices.get_mut(&subject.device) else { return };
        if let Some(due) = board.due.filter(|due| *due < now + pause) {
            self.queue.remove(&(due, subject.device.clone()));
            self.queue.insert((now + pause, subject.device.clone()));
            board.due = Some(now + pause);
        }
    }

    /// Up to about `at_most` messages that are due, those of one device together with the boot heard last at the end.
    pub(crate) fn take_due(&mut self, now: Instant, at_most: usize) -> Vec<Due> {
        let mut due = Vec::new();
        while due.len() < at_most
            && let Some((when, device)) = self.queue.first().cloned()
            && when <= now
        {
            self.queue.pop_first();
            let Some(board) = self.devices.get_mut(&device) else { continue };
            board.due = None;
            board.last_sent = Some(now);
            for boot in board.boots.iter_mut().filter(|boot| boot.dirty) {
                boot.dirty = false;
                let subject = Subject { station: board.station.clone(), device: device.clone(), boot: boot.number };
                due.push(Due { subject, rejected: boot.rejected.iter().copied().collect() });
            }
        }
        due
    }

    /// Whether any device waits for a message.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// How many devices wait for a message.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }

    fn mark(
        &mut self,
        (station, device, boot): (&Id, &Id, u32),
        reject: Option<(u64, RejectReason)>,
        now: Instant,
    ) -> bool {
        let board = match self.devices.get_mut(device) {
            // As a rule it waits already.
            Some(board) if reject.is_none() && board.due.is_some() && board.awaits(station, boot) => return true,
            Some(board) => board,
            None => {
                if self.devices.len() >= self.max_devices {
                    // A sweep looks at all devices, so it must be worth it: a flood of new ones would ask for one each time.
                    if self.devices.len() - self.queue.len() < (self.max_devices / 16).max(1) {
                        return false;
                    }
                    // Those that were told all forget only their old rejects.
                    self.devices.retain(|_, board| board.due.is_some());
                }
                self.devices.entry(device.clone()).or_insert_with(|| DeviceBoard {
                    station: station.clone(),
                    boots: Vec::new(),
                    last_sent: None,
                    due: None,
                })
            }
        };
        board.station.clone_from(station);
        let all_kept = board.touch(boot, reject);
        if board.due.is_none() {
            let soon = now + GATHER;
            let due = board.last_sent.map_or(soon, |sent| soon.max(sent + self.interval));
            board.due = Some(due);
            self.queue.insert((due, device.clone()));
        }
        all_kept
    }
}

/// Whether the device is told of such a reject.
///
/// Whoever writes below another station, or for a device that nobody knows, is not told what is stored, nor
/// may it move where the device is told.
fn is_told(reason: RejectReason) -> bool {
    !matches!(reason, RejectReason::TopicMismatch | RejectReason::UnknownDevice)
}

impl DeviceBoard {
    /// Whether a clean note of this boot would change nothing.
    fn awaits(&self, station: &Id, boot: u32) -> bool {
        self.station == *station && self.boots.last().is_some_and(|last| last.number == boot && last.dirty)
    }

    /// Makes `boot` dirty and the last one. False if another one that waited had to go for it: its device sends again
    /// and is told then.
    fn touch(&mut self, boot: u32, reject: Option<(u64, RejectReason)>) -> bool {
        let found = self.boots.iter().position(|known| known.number == boot);
        let mut known = match found {
            Some(place) => self.boots.remove(place),
            None => Boot { number: boot, dirty: true, rejected: VecDeque::new() },
        };
        known.dirty = true;
        if let Some((seq, reason)) = reject {
            known.rejected.retain(|(known, _)| *known != seq);
            known.rejected.push_back((seq, reason));
            if known.rejected.len() > MAX_REJECTS {
                known.rejected.pop_front();
            }
        }
        let mut all_kept = true;
        if self.boots.len() >= MAX_BOOTS {
            let told = self.boots.iter().position(|known| !known.dirty);
            all_kept = told.is_some();
            self.boots.remove(told.unwrap_or(0));
        }
        self.boots.push(known);
        all_kept
    }
}

/// `stored` messages on their way to the broker, until it confirms them.
#[derive(Default)]
pub(crate) struct Deliveries {
    /// Handed over, without a packet id yet, in order.
    queued: VecDeque<Subject>,
    /// Written, by packet id.
    written: BTreeMap<u16, Subject>,
}

impl Deliveries {
    /// A message was handed to the client.
    pub(crate) fn queued(&mut self, subject: Subject) {
        self.queued.push_back(subject);
    }

    /// The client wrote its next message under this packet id.
    pub(crate) fn written(&mut self, packet: u16) {
        if let Some(subject) = self.queued.pop_front() {
            self.written.insert(packet, subject);
        }
    }

    /// The broker answered this packet id.
    pub(crate) fn confirmed(&mut self, packet: u16) -> Option<Subject> {
        self.written.remove(&packet)
    }

    /// The connection is gone: what it had not confirmed.
    pub(crate) fn lost(&mut self) -> Vec<Subject> {
        std::mem::take(&mut self.written).into_values().chain(self.queued.drain(..)).collect()
    }

    /// How many are on their way.
    pub(crate) fn len(&self) -> usize {
        self.queued.len() + self.written.len()
    }
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
