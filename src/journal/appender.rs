//! How the other parts append: requests go in through one bounded queue, receipts come back by a channel each.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use truceline_core::log::{Append, Receipt};

use super::JournalError;
use super::writer::{Reply, Request};

/// Appends to the journal; the receipts come on the channel that was made with it.
#[derive(Clone)]
pub struct Appender {
    requests: mpsc::Sender<Request>,
    /// Weak, so that the channel ends with the writer and whoever waits for a receipt is not left waiting.
    receipts: mpsc::WeakSender<Vec<Receipt>>,
}

impl Appender {
    pub(super) fn new(requests: mpsc::Sender<Request>, receipts: mpsc::WeakSender<Vec<Receipt>>) -> Self {
        Self { requests, receipts }
    }

    /// Asks to make entries durable; waits while the queue is full.
    ///
    /// # Errors
    ///
    /// When the writer has stopped. That nobody takes the receipts any more is none.
    pub async fn append(&self, append: Append) -> Result<(), JournalError> {
        self.requests.send(self.request(append)).await.map_err(|_| JournalError::Stopped)
    }

    /// [`Appender::append`] for threads that are not tasks.
    ///
    /// # Errors
    ///
    /// As [`Appender::append`].
    pub fn append_blocking(&self, append: Append) -> Result<(), JournalError> {
        self.requests.blocking_send(self.request(append)).map_err(|_| JournalError::Stopped)
    }

    fn request(&self, append: Append) -> Request {
        Request::Append(append, self.receipts.upgrade())
    }
}

/// The receipts' channels that are open; `None` once the writer has ended.
#[derive(Clone)]
pub(super) struct Channels(Arc<Mutex<Option<Vec<Reply>>>>);

impl Channels {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }

    /// A channel for receipts that lives as long as the writer, or until its receiver is dropped.
    pub(super) fn open(&self, window: usize) -> (mpsc::WeakSender<Vec<Receipt>>, mpsc::Receiver<Vec<Receipt>>) {
        let (sender, receiver) = mpsc::channel(window.max(1));
        let weak = sender.downgrade();
        if let Ok(mut open) = self.0.lock()
            && let Some(open) = open.as_mut()
        {
            open.retain(|sender| !sender.is_closed());
            open.push(sender);
        }
        (weak, receiver)
    }

    /// Ends them all.
    pub(super) fn close(&self) {
        if let Ok(mut open) = self.0.lock() {
            *open = None;
        }
    }
}
