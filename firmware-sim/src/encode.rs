//! From planned readings to the bytes of a message.

use truceline_core::id::Id;
use truceline_core::time::Time;
use truceline_core::wire::{Clock, ClockSource, Fix, Position, Reading, to_cbor};

use crate::world::Planned;

/// How a device encodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    Json,
    Cbor,
}

impl Format {
    /// The MQTT content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Cbor => "application/cbor",
        }
    }

    /// One reading.
    pub fn encode(self, device: &Id, boot: u32, seq: u64, time: Time, planned: &Planned) -> Vec<u8> {
        let reading = Reading {
            v: 1,
            device: device.clone(),
            boot,
            seq,
            time,
            clock: Clock { source: ClockSource::Gnss, uncertainty_ms: Some(5.0), since_sync_s: None },
            uptime_ms: None,
            position: Some(Position {
                lat: Some(planned.position.0),
                lon: Some(planned.position.1),
                alt_m: None,
                hacc_m: Some(4.0),
                fix: Fix::ThreeD,
                satellites: Some(11),
            }),
            data: planned.data.clone(),
            attachments: Vec::new(),
            test: false,
        };
        match self {
            // A reading has text keys only and always serialises.
            Self::Json => serde_json::to_vec(&reading).unwrap_or_default(),
            Self::Cbor => to_cbor(&reading),
        }
    }

    /// A message of one or more encoded readings, each with its own bytes unchanged.
    pub fn message(self, readings: &[Vec<u8>]) -> Vec<u8> {
        if let [one] = readings {
            return one.clone();
        }
        match self {
            Self::Json => [&b"["[..], &readings.join(&b","[..]), b"]"].concat(),
            // An array of indefinite length: no count to get wrong.
            Self::Cbor => [&[0x9f][..], &readings.concat(), &[0xff]].concat(),
        }
    }
}
