//! Publishes at a steady rate, by the wall's seconds, over a few connections.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::anyhow;

use super::site::{device, place, station};
use crate::messages::rfc3339;
use crate::publisher::{append_publish, connect};

const CONNECTIONS: usize = 4;
/// Between two writes.
const TICK: Duration = Duration::from_millis(10);

/// A reading that opens an alert: its device, its number, and when it was written.
pub struct Opened {
    pub device: String,
    pub seq: u64,
    pub written: Instant,
}

pub struct Publisher {
    thread: JoinHandle<anyhow::Result<Vec<Opened>>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    published: AtomicU64,
    /// Number of the last reading of each write that is not done, and when the write began.
    writes: Mutex<VecDeque<(u64, Instant)>>,
    done: AtomicU64,
}

impl Publisher {
    pub fn start(port: u16, devices: usize, alerts: usize, length: Duration) -> anyhow::Result<Self> {
        let mut sockets = Vec::new();
        for number in 0..CONNECTIONS {
            let socket = connect(port, &format!("bench-steady-{number}"))?;
            let mut acks = socket.try_clone()?;
            // Acknowledgements are read so that the broker can write them; the thread ends with the connection.
            std::thread::spawn(move || {
                let mut buffer = vec![0; 16 * 1_024];
                while acks.read(&mut buffer).is_ok_and(|count| count > 0) {}
            });
            sockets.push(socket);
        }
        let shared = Arc::new(Shared::default());
        let told = Arc::clone(&shared);
        let thread = std::thread::spawn(move || publish(&mut sockets, devices, alerts, length, &told));
        Ok(Self { thread, shared })
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    pub fn published(&self) -> u64 {
        self.shared.published.load(Ordering::SeqCst)
    }

    /// The writes that are done when so many readings are: how many readings, and when the write began.
    pub fn take_through(&self, done: u64) -> Vec<(u64, Instant)> {
        let mut writes = self.shared.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        while let Some((last, written)) = writes.front().copied().filter(|(last, _)| *last <= done) {
            writes.pop_front();
            taken.push((last - self.shared.done.swap(last, Ordering::SeqCst), written));
        }
        taken
    }

    /// Waits for its end.
    pub fn opened(self) -> anyhow::Result<Vec<Opened>> {
        self.thread.join().map_err(|_| anyhow!("the publisher's thread broke off"))?
    }
}

#[expect(clippy::disallowed_methods, reason = "devices have clocks of their own")]
fn publish(
    sockets: &mut [TcpStream],
    devices: usize,
    alerts: usize,
    length: Duration,
    shared: &Shared,
) -> anyhow::Result<Vec<Opened>> {
    let begun = Instant::now();
    let mut opened = Vec::new();
    let mut chunks = vec![Vec::new(); sockets.len()];
    let mut number = 0_u64;
    let openings = (devices / alerts.max(1)).max(1) as u64;
    while begun.elapsed() < length {
        let due = (begun.elapsed().as_secs_f64() * devices as f64) as u64;
        let written = Instant::now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let time = format!("{}.{:03}Z", rfc3339(wall.as_secs()), wall.subsec_millis());
        while number < due {
            let (index, seq) = ((number % devices as u64) as usize, number / devices as u64);
            // Each second other devices open theirs, each once, so that each is an alert of its own.
            let opens = alerts > 0 && seq == index as u64 % openings;
            let (kind, data) = data(index, seq, number, opens);
            let (lat, lon) = place(index);
            let name = device(index);
            let payload = format!(
                "{{\"v\":1,\"device\":\"{name}\",\"boot\":1,\"seq\":{seq},\"time\":\"{time}\",\
                 \"clock\":{{\"source\":\"gnss\",\"uncertainty_ms\":5}},\
                 \"position\":{{\"lat\":{lat:.5},\"lon\":{lon:.5},\"hacc_m\":4.0,\"fix\":\"3d\"}},\
                 \"kind\":\"{kind}\",\"data\":{data}}}"
            );
            let topic = format!("truceline/v1/readings/{}/{name}", station(index));
            if let Some(chunk) = chunks.get_mut(index % CONNECTIONS) {
                append_publish(chunk, &topic, payload.as_bytes(), (number % 65_000 + 1) as u16);
            }
            if opens {
                opened.push(Opened { device: name, seq, written });
            }
            number += 1;
        }
        shared.writes.lock().unwrap_or_else(PoisonError::into_inner).push_back((number, written));
        shared.published.store(number, Ordering::SeqCst);
        for (socket, chunk) in sockets.iter_mut().zip(&mut chunks) {
            socket.write_all(chunk)?;
            chunk.clear();
        }
        std::thread::sleep(TICK);
    }
    Ok(opened)
}

/// Half of the readings are health, four in ten tracks, one in ten detections.
fn data(index: usize, seq: u64, number: u64, opens: bool) -> (&'static str, String) {
    if opens {
        return ("health", "{\"battery_pct\":80.5,\"enclosure\":\"open\"}".to_owned());
    }
    let (lat, lon) = place(index);
    match (number / 7 + seq) % 10 {
        0..5 => ("health", "{\"battery_pct\":80.5,\"enclosure\":\"closed\",\"tilt_deg\":0.3}".to_owned()),
        5..9 => (
            "object_track",
            format!(
                "{{\"track\":\"t{}\",\"class\":\"vehicle\",\"confidence\":0.9,\"position\":\
                 {{\"lat\":{:.5},\"lon\":{lon:.5},\"hacc_m\":12.0}}}}",
                seq / 60,
                lat + (seq % 60) as f64 * 0.000_1
            ),
        ),
        _ => ("acoustic_detection", "{\"class\":\"vehicle\",\"confidence\":0.8,\"snr_db\":14.2}".to_owned()),
    }
}
