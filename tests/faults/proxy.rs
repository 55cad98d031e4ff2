//! A link between service and broker that fails on command.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often a slowed link passes something on.
const SLICE: Duration = Duration::from_millis(100);

/// What becomes of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    Open,
    /// They stay where they are; the sockets stay open.
    Stalled,
    /// So many pass in a second, each way.
    Slow(usize),
    /// Connections are closed as soon as they are made.
    Refused,
}

/// The way that bytes take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the service to the broker.
    ToBroker,
    /// From the broker to the service.
    ToService,
}

#[derive(Clone, Copy, Debug)]
struct Orders {
    flow: Flow,
    cuts: u64,
    resets: u64,
    way: Way,
}

/// A TCP proxy in front of one port of this machine.
pub struct Proxy {
    pub port: u16,
    orders: watch::Sender<Orders>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(broker: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let (orders, heard) = watch::channel(Orders { flow: Flow::Open, cuts: 0, resets: 0, way: Way::ToService });
        let far = SocketAddr::from(([127, 0, 0, 1], broker));
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if heard.borrow().flow != Flow::Refused {
                    tokio::spawn(carry(near, far, heard.clone()));
                }
            }
        });
        Self { port, orders, task }
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, flow: Flow) {
        self.orders.send_modify(|orders| orders.flow = flow);
    }

    /// Closes all connections, and lets new ones through.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// Resets each connection when next it carries something this way: all of it but its last byte has passed then.
    pub fn reset_in_mid_packet(&self, way: Way) {
        self.orders.send_modify(|orders| {
            orders.way = way;
            orders.resets += 1;
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

enum End {
    Closed,
    Reset,
}

async fn carry(mut near: TcpStream, far: SocketAddr, mut orders: watch::Receiver<Orders>) {
    let Ok(mut far) = TcpStream::connect(far).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let Orders { cuts, resets, .. } = *orders.borrow_and_update();
    let (up, down) = (orders.clone(), orders.clone());
    let end = {
        let (near_in, near_out) = near.split();
        let (far_in, far_out) = far.split();
        tokio::select! {
            end = pump(near_in, far_out, up, Way::ToBroker, resets) => end,
            end = pump(far_in, near_out, down, Way::ToService, resets) => end,
            _ = orders.wait_for(|orders| orders.cuts != cuts) => End::Closed,
        }
    };
    if matches!(end, End::Reset) {
        let _ = (near.set_zero_linger(), far.set_zero_linger());
    }
}

async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut orders: watch::Receiver<Orders>,
    way: Way,
    resets: u64,
) -> End {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let now = match orders.wait_for(|orders| orders.flow != Flow::Stalled).await {
            Ok(orders) => *orders,
            Err(_) => return End::Closed,
        };
        let most = match now.flow {
            Flow::Slow(per_second) => (per_second / 10).max(1),
            _ => buffer.len(),
        };
        let read = tokio::select! {
            biased;
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return End::Closed,
            },
            read = from.read(&mut buffer[..most]) => read,
        };
        let Ok(count @ 1..) = read else { return End::Closed };
        let reset = now.resets != resets && now.way == way;
        let passed = if reset { count - 1 } else { count };
        if to.write_all(&buffer[..passed]).await.is_err() {
            return End::Closed;
        }
        if reset {
            return End::Reset;
        }
        if matches!(now.flow, Flow::Slow(_)) {
            // The rate of the link.
            tokio::time::sleep(SLICE).await;
        }
    }
}
