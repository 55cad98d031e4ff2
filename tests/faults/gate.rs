//! A gate before a real HTTP server that lets requests through, holds them up, answers for it, or cuts its answers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The server answers it.
    Pass,
    /// The server answers it, and the answer comes so much later.
    Late(Duration),
    /// The server never sees it; this status and text answer it.
    Answer(u16, &'static str),
    /// The server has taken it, and the connection ends within its answer.
    CutAnswer,
    /// The connection ends before anything is read.
    Down,
}

/// One request a connection, so that each meets the order of its moment.
pub struct Gate {
    pub port: u16,
    order: Arc<Mutex<Order>>,
    /// Requests that met something else than [`Order::Pass`].
    faults: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Gate {
    pub async fn before(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let order = Arc::new(Mutex::new(Order::Pass));
        let faults = Arc::new(AtomicU64::new(0));
        let (given, met) = (Arc::clone(&order), Arc::clone(&faults));
        let far = SocketAddr::from(([127, 0, 0, 1], server));
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, far, Arc::clone(&given), Arc::clone(&met)));
            }
        });
        Self { port, order, faults, task }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, order: Order) {
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = order;
    }

    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::SeqCst)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut near: TcpStream, far: SocketAddr, order: Arc<Mutex<Order>>, faults: Arc<AtomicU64>) -> Option<()> {
    let now = || *order.lock().unwrap_or_else(PoisonError::into_inner);
    if now() == Order::Down {
        faults.fetch_add(1, Ordering::SeqCst);
        return None;
    }
    let request = request(&mut near).await?;
    let order = now();
    if order != Order::Pass {
        faults.fetch_add(1, Ordering::SeqCst);
    }
    let answer = match order {
        Order::Down => return None,
        Order::Answer(status, text) => {
            let length = text.len();
            let head = format!("HTTP/1.1 {status} Told\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
            (head + text).into_bytes()
        }
        Order::Pass | Order::Late(_) | Order::CutAnswer => {
            let mut far = TcpStream::connect(far).await.ok()?;
            far.write_all(&request).await.ok()?;
            let mut answer = Vec::new();
            far.read_to_end(&mut answer).await.ok()?;
            answer
        }
    };
    match order {
        Order::CutAnswer => near.write_all(&answer[..answer.len() / 2]).await.ok(),
        Order::Late(by) => {
            // The delay is the fault itself.
            tokio::time::sleep(by).await;
            near.write_all(&answer).await.ok()
        }
        _ => near.write_all(&answer).await.ok(),
    }
}

/// A whole request, made to be the last of its connection.
async fn request(near: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if near.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    while bytes.len() < end + length.unwrap_or(0) {
        if near.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    bytes.splice(end - 2..end - 2, *b"Connection: close\r\n");
    Some(bytes)
}
