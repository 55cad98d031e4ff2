//! From one message to what the journal is asked to keep: values, no I/O.

use truceline_core::id::Id;
use truceline_core::log::{Body, Decoded, MAX_REJECT_BYTES, ReadingEntry, RejectEntry, StateEntry};
use truceline_core::registry::{Device, Registry};
use truceline_core::time::Span;
use truceline_core::wire::{self, DeviceState, Encoding, Fault, MAX_MESSAGE_BYTES, Reading, RejectReason};

use super::Now;
use super::generations::Generations;
use super::rate::{RateLimit, Strangers};
use super::topic::{Topic, Topics};

/// Devices whose last state is remembered at least.
const STATES: usize = 100_000;
/// Longest topic and content type, in characters, that a reject keeps. A topic of the contract's form is shorter; MQTT allows
/// 64 KiB of each, and every bad reading of a batch keeps its own.
const MAX_TOPIC: usize = 512;
const MAX_CONTENT_TYPE: usize = 128;

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// Its topic.
    pub(crate) topic: &'a str,
    /// Its MQTT content type.
    pub(crate) content_type: Option<&'a str>,
    /// Its payload.
    pub(crate) payload: &'a [u8],
}

/// Decides what becomes of messages; remembers devices' last states and rates.
pub(crate) struct Judge {
    topics: Topics,
    horizon: Span,
    limit: Option<RateLimit>,
    strangers: Strangers,
    states: Generations<Id, DeviceState>,
}

impl Judge {
    /// A judge for messages under `topics` that accepts readings up to `horizon` old.
    pub(crate) fn new(topics: Topics, horizon: Span, limit: Option<RateLimit>) -> Self {
        Self { topics, horizon, limit, strangers: Strangers::new(), states: Generations::new(STATES) }
    }

    /// What is to be kept of `message`: for readings one body each, in their order; for a
    /// state that is known already nothing.
    pub(crate) fn judge(&mut self, message: Message<'_>, registry: &Registry, now: Now) -> Vec<Body> {
        match self.topics.parse(message.topic) {
            Topic::Readings { station, device } => self.readings(message, &station, &device, registry, now),
            Topic::State { station, device } => {
                self.state(message, station, device, registry, now).into_iter().collect()
            }
            Topic::BadId { station, device } => {
                let fault =
                    fault(RejectReason::BadId, "station and device of the topic must match [a-z0-9][a-z0-9-]{0,31}");
                vec![reject(message, station.as_ref(), device.as_ref(), message.payload, fault)]
            }
            Topic::Foreign => {
                let fault = fault(RejectReason::TopicMismatch, "the topic is not one of this service's");
                vec![reject(message, None, None, message.payload, fault)]
            }
        }
    }

    fn readings(
        &mut self,
        message: Message<'_>,
        station: &Id,
        device: &Id,
        registry: &Registry,
        now: Now,
    ) -> Vec<Body> {
        let whole = |fault| vec![reject(message, Some(station), Some(device), message.payload, fault)];
        if message.payload.len() > MAX_MESSAGE_BYTES {
            return whole(fault(RejectReason::TooLarge, "the message is larger than 1 MiB"));
        }
        let encoding = match wire::encoding_of(message.content_type, message.payload) {
            Ok(encoding) => encoding,
            Err(fault) => return whole(fault),
        };
        let items = wire::decode(encoding, message.payload, device);
        let registered = registry.devices.get(device);
        items
            .into_iter()
            .map(|item| {
                let accepted = item.result.and_then(|reading| {
                    admit(&reading, station, registered, registry.enforced)?;
                    let (time, time_basis) = wire::time_of(&reading, now.wall, self.horizon)?;
                    self.within_limits(station, device, registered.is_some(), now)
                        .map_err(|fault| Fault { identity: Some((reading.boot, reading.seq)), ..fault })?;
                    Ok((reading, time, time_basis))
                });
                match accepted {
                    Ok((reading, time, time_basis)) => Body::Reading(ReadingEntry {
                        station: station.clone(),
                        device: device.clone(),
                        incarnation: registered.map_or(0, |device| device.incarnation),
                        boot: reading.boot,
                        seq: reading.seq,
                        time,
                        time_basis,
                        encoding: if encoding == Encoding::Cose { Encoding::Cbor } else { encoding },
                        bytes: item.bytes.to_vec(),
                        decoded: Decoded::of(reading),
                    }),
                    Err(fault) => reject(message, Some(station), Some(device), item.bytes, fault),
                }
            })
            .collect()
    }

    /// Whether `device` may leave one more entry at `now`.
    fn within_limits(&mut self, station: &Id, device: &Id, registered: bool, now: Now) -> Result<(), Fault> {
        if !registered && !self.strangers.admits(station, device, now.journal) {
            metrics::counter!("truceline_intake_strangers_refused_total").increment(1);
            return Err(fault(RejectReason::RateLimited, "too many new devices that nobody registered; register it"));
        }
        if self.limit.as_mut().is_some_and(|limit| !limit.allows(device, now.journal)) {
            return Err(fault(RejectReason::RateLimited, "the device sends more than its rate"));
        }
        Ok(())
    }

    fn state(&mut self, message: Message<'_>, station: Id, device: Id, registry: &Registry, now: Now) -> Option<Body> {
        if message.payload.is_empty() {
            // A retained state was cleared: nothing is said.
            return None;
        }
        let registered = registry.devices.get(&device);
        let state = wire::decode_state(message.content_type, message.payload).and_then(|state| {
            registration(&station, registered, registry.enforced)?;
            Ok(state)
        });
        let state = match state {
            Ok(state) if self.states.get_mut(&device).is_some_and(|last| *last == state) => return None,
            Ok(state) => self.within_limits(&station, &device, registered.is_some(), now).map(|()| state),
            fault => fault,
        };
        match state {
            Ok(state) => {
                self.states.insert(device.clone(), state.clone());
                Some(Body::State(StateEntry { station, device, state }))
            }
            Err(fault) => Some(reject(message, Some(&station), Some(&device), message.payload, fault)),
        }
    }
}

/// Whether the registry lets this device send this reading.
fn admit(reading: &Reading, station: &Id, registered: Option<&Device>, enforced: bool) -> Result<(), Fault> {
    registration(station, registered, enforced)
        .map_err(|fault| Fault { identity: Some((reading.boot, reading.seq)), ..fault })?;
    let kind = reading.data.kind();
    if registered.is_some_and(|device| !device.kinds.is_empty() && !device.kinds.contains(kind)) {
        let mut fault = of(reading, RejectReason::UnknownKind, "the registry does not list this kind for the device");
        fault.path = Some("kind".to_owned());
        return Err(fault);
    }
    wire::lacks_position(reading, registered.map(|device| device.mobility)).map_or(Ok(()), Err)
}

fn registration(station: &Id, registered: Option<&Device>, enforced: bool) -> Result<(), Fault> {
    match registered {
        None if enforced => Err(fault(RejectReason::UnknownDevice, "the device is not in the registry")),
        Some(device) if device.station != *station => {
            let detail = format!("the registry has the device at station '{}'", device.station);
            Err(fault(RejectReason::TopicMismatch, &detail))
        }
        _ => Ok(()),
    }
}

fn fault(reason: RejectReason, detail: &str) -> Fault {
    Fault { reason, path: None, identity: None, detail: detail.to_owned() }
}

fn of(reading: &Reading, reason: RejectReason, detail: &str) -> Fault {
    Fault { identity: Some((reading.boot, reading.seq)), ..fault(reason, detail) }
}

fn reject(message: Message<'_>, station: Option<&Id>, device: Option<&Id>, bytes: &[u8], fault: Fault) -> Body {
    Body::Reject(RejectEntry {
        topic: message.topic.chars().take(MAX_TOPIC).collect(),
        content_type: message.content_type.map(|name| name.chars().take(MAX_CONTENT_TYPE).collect()),
        station: station.cloned(),
        device: device.cloned(),
        identity: fault.identity,
        reason: fault.reason,
        path: fault.path,
        detail: fault.detail,
        bytes: bytes.get(..MAX_REJECT_BYTES).unwrap_or(bytes).to_vec(),
        size: bytes.len() as u64,
    })
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
