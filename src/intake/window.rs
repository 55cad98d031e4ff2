//! Which messages are under way, and which acknowledgements may be sent: values, no I/O.
//!
//! A message takes a slot when it is read and leaves it when the store has answered.
//! Slots leave in arrival order, so acknowledgements do too (MQTT 5, 4.6). An MQTT
//! acknowledgement is a bare packet id, and ids are reused by the next connection: one
//! that outlived its connection would release a message that was never stored. Each
//! slot therefore remembers its connection's epoch, and an acknowledgement of another
//! epoch than the current one does not exist.

use std::collections::VecDeque;

/// How much may be under way before reading pauses.
///
/// Brokers send more than Receive Maximum allows, so this and not that bounds memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Messages without an answer of the store, and those that wait behind them.
    pub(crate) messages: usize,
    /// The bytes that they take.
    pub(crate) bytes: usize,
    /// Acknowledgements that could not be written yet.
    pub(crate) acks: usize,
}

/// The store answered what was not asked, or left one out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store answered request {got}, but request {expected:?} was the oldest without an answer")]
pub(crate) struct OutOfOrder {
    /// The ticket of the answer.
    pub(crate) got: u64,
    /// The oldest ticket without an answer.
    pub(crate) expected: Option<u64>,
}

struct Slot<T> {
    epoch: u64,
    packet: Option<u16>,
    bytes: usize,
    /// `None`: nothing was to be stored.
    work: Option<(u64, T)>,
}

/// The messages under way and the acknowledgements due. `T` is what to remember until the answer.
pub(crate) struct Window<T> {
    limits: Limits,
    epoch: u64,
    connected: bool,
    last_ticket: u64,
    slots: VecDeque<Slot<T>>,
    waiting: usize,
    bytes: usize,
    acks: VecDeque<u16>,
}

impl<T> Window<T> {
    /// An empty window, not connected.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            epoch: 0,
            connected: false,
            last_ticket: 0,
            slots: VecDeque::new(),
            waiting: 0,
            bytes: 0,
            acks: VecDeque::new(),
        }
    }

    /// A connection was made: a new epoch begins.
    pub(crate) fn connected(&mut self) {
        self.epoch += 1;
        self.connected = true;
        self.acks.clear();
    }

    /// The connection is gone: its acknowledgements, sent or due, mean nothing any more.
    pub(crate) fn disconnected(&mut self) {
        self.connected = false;
        self.acks.clear();
    }

    /// Takes a message that the store is asked for; `packet` is its id if it wants an
    /// acknowledgement. Returns the ticket of the request.
    pub(crate) fn admit(&mut self, packet: Option<u16>, bytes: usize, about: T) -> u64 {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.waiting += 1;
        self.bytes += bytes;
        self.slots.push_back(Slot { epoch: self.epoch, packet: self.live(packet), bytes, work: Some((ticket, about)) });
        ticket
    }

    /// Takes a message of which nothing is to be stored: acknowledged when its turn comes.
    pub(crate) fn pass(&mut self, packet: Option<u16>) {
        self.slots.push_back(Slot { epoch: self.epoch, packet: self.live(packet), bytes: 0, work: None });
        self.release_passed();
    }

    /// The store answered request `ticket`.
    ///
    /// # Errors
    /// [`OutOfOrder`] unless it is the oldest without an answer; the window is unchanged then.
    pub(crate) fn committed(&mut self, ticket: u64) -> Result<T, OutOfOrder> {
        let oldest = self.slots.pop_front();
        let expected = oldest.as_ref().and_then(|slot| slot.work.as_ref().map(|(ticket, _)| *ticket));
        match oldest {
            Some(Slot { epoch, packet, bytes, work: Some((oldest, about)) }) if oldest == ticket => {
                self.waiting -= 1;
                self.bytes -= bytes;
                self.release(epoch, packet);
                self.release_passed();
                Ok(about)
            }
            other => {
                if let Some(slot) = other {
                    self.slots.push_front(slot);
                }
                Err(OutOfOrder { got: ticket, expected })
            }
        }
    }

    /// The next acknowledgement to write, oldest first.
    pub(crate) fn next_ack(&self) -> Option<u16> {
        self.acks.front().copied()
    }

    /// The one that [`Self::next_ack`] gave is on its way.
    pub(crate) fn ack_taken(&mut self) {
        self.acks.pop_front();
    }

    /// Whether another message may be read.
    pub(crate) fn is_open(&self) -> bool {
        // Those of which nothing is to be stored wait as well, behind the oldest without an answer.
        self.slots.len() < self.limits.messages && self.bytes < self.limits.bytes
    }

    /// Whether more acknowledgements are due than a broker within the standard can be owed.
    pub(crate) fn is_overrun(&self) -> bool {
        self.acks.len() > self.limits.acks
    }

    /// Messages without an answer of the store.
    pub(crate) fn in_flight(&self) -> usize {
        self.waiting
    }

    /// Acknowledgements due and not on their way.
    pub(crate) fn pending_acks(&self) -> usize {
        self.acks.len()
    }

    /// A message read while not connected is a leftover of the last connection, which
    /// will send it again: its id may not be acknowledged.
    fn live(&self, packet: Option<u16>) -> Option<u16> {
        packet.filter(|_| self.connected)
    }

    fn release(&mut self, epoch: u64, packet: Option<u16>) {
        if let Some(packet) = packet
            && self.connected
            && epoch == self.epoch
        {
            self.acks.push_back(packet);
        }
    }

    fn release_passed(&mut self) {
        while let Some(&Slot { epoch, packet, work: None, .. }) = self.slots.front() {
            self.slots.pop_front();
            self.release(epoch, packet);
        }
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
