//! What every part of the engine works in: the time, the entry at hand, the timers, what is said.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::hearing::Hearing;
use super::limits::LimitsHit;
use super::timers::Timers;
use super::{Output, Said};
use crate::time::{Span, Time};

/// The moment at which an entry or a timeout is handled.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Frame {
    /// Journal time.
    pub(super) now: Time,
    /// The entry that is being taken in; timeouts before it count as its own.
    pub(super) offset: u64,
    /// Wall time less journal time.
    pub(super) wall_ahead: Span,
    pub(super) timers: Timers,
    pub(super) hearing: Hearing,
    pub(super) limits: LimitsHit,
    #[serde(skip)]
    said: u32,
    #[serde(skip)]
    outputs: VecDeque<Output>,
}

impl Frame {
    /// Starts the next entry.
    pub(super) fn begin(&mut self, offset: u64) {
        self.offset = offset;
        self.said = 0;
    }

    pub(super) fn say(&mut self, said: impl Into<Said>) {
        self.outputs.push_back(Output { offset: self.offset, n: self.said, said: said.into() });
        self.said += 1;
    }

    pub(super) fn take_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Wall time at a journal time.
    pub(super) fn wall(&self, journal: Time) -> Time {
        journal + self.wall_ahead
    }

    /// Journal time at a wall time.
    pub(super) fn journal(&self, wall: Time) -> Time {
        wall - self.wall_ahead
    }
}
