//! Places for connections. When all are taken, the connection that has waited longest for its client gives way, so that
//! clients which send half a request, or nothing, keep nobody else out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// So many connections at once.
pub(super) struct Places {
    most: usize,
    /// A place is free, or another connection waits for its client; the one who accepts looks again.
    changed: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    /// Those that wait for their clients, in the order in which they began to.
    waiting: BTreeMap<u64, CancellationToken>,
    next: u64,
    /// Told to give way and not gone yet.
    leaving: usize,
}

/// One connection's place; free again once dropped.
pub(super) struct Place {
    places: Arc<Places>,
    gives_way: CancellationToken,
    /// Its key among those that wait.
    turn: Mutex<Option<u64>>,
    answered: AtomicBool,
}

impl Places {
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), changed: Notify::new(), state: Mutex::default() })
    }

    /// A place, as soon as there is one.
    pub(super) async fn take(self: &Arc<Self>) -> Arc<Place> {
        loop {
            if self.take_free() {
                let place = Arc::new(Place {
                    places: Arc::clone(self),
                    gives_way: CancellationToken::new(),
                    turn: Mutex::default(),
                    answered: AtomicBool::new(false),
                });
                place.waits();
                return place;
            }
            self.make_room();
            self.changed.notified().await;
        }
    }

    fn take_free(&self) -> bool {
        let mut state = locked(&self.state);
        let free = state.taken < self.most;
        state.taken += usize::from(free);
        free
    }

    fn make_room(&self) {
        let mut state = locked(&self.state);
        if state.leaving == 0
            && let Some((_, gives_way)) = state.waiting.pop_first()
        {
            metrics::counter!("truceline_http_limited_total", "limit" => "connections").increment(1);
            state.leaving += 1;
            gives_way.cancel();
        }
    }
}

impl Place {
    /// The client is to speak next.
    pub(super) fn waits(&self) {
        let mut state = locked(&self.places.state);
        if self.gives_way.is_cancelled() {
            return;
        }
        state.next += 1;
        let turn = state.next;
        state.waiting.insert(turn, self.gives_way.clone());
        *locked(&self.turn) = Some(turn);
        drop(state);
        self.places.changed.notify_one();
    }

    /// A request is there in full: it will be answered.
    pub(super) fn works(&self) {
        let mut state = locked(&self.places.state);
        if let Some(turn) = locked(&self.turn).take() {
            state.waiting.remove(&turn);
        }
        self.answered.store(true, Ordering::Relaxed);
    }

    /// Whether a request is under way; `None` if there has never been one. Otherwise the last answer may still be on its
    /// way to the client.
    pub(super) fn has_request(&self) -> Option<bool> {
        self.answered.load(Ordering::Relaxed).then(|| locked(&self.turn).is_none())
    }

    /// Returns once the place is needed for someone else.
    pub(super) async fn needed(&self) {
        self.gives_way.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = locked(&self.places.state);
        state.taken -= 1;
        if let Some(turn) = locked(&self.turn).take() {
            state.waiting.remove(&turn);
        }
        if self.gives_way.is_cancelled() {
            state.leaving -= 1;
        }
        drop(state);
        self.places.changed.notify_one();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
