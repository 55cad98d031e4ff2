//! Listens, serves connections, and ends them within a deadline.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::places::{Place, Places};
use super::queries::Queries;
use super::router::{StaffAccess, router};
use super::{HttpConfig, Limits};

/// Largest head of a request in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// How long the last answer of a connection that gives way may still take to leave.
const FLUSH: Duration = Duration::from_secs(1);

/// Writes the metrics in Prometheus's text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// There is no sign-in yet, so the address must not be reachable from outside.
    #[error(
        "http.listen '{0}' can be reached from outside and there is no sign-in; use a loopback address, or set http.behind_proxy"
    )]
    Exposed(SocketAddr),
    /// The address cannot be had.
    #[error("http.listen '{listen}' cannot be listened on: {source}; free it, or choose another port")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    limits: Limits,
}

/// An address that is taken, before anything answers there.
pub struct Listening {
    config: HttpConfig,
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening {
    /// Listens; what arrives waits until [`Server::serve`].
    ///
    /// # Errors
    /// The address is not a loopback one and no proxy is in front, or it cannot be listened on.
    pub async fn bind(config: HttpConfig) -> Result<Self, HttpError> {
        let listen = config.listen;
        if !listen.ip().is_loopback() && !config.behind_proxy {
            return Err(HttpError::Exposed(listen));
        }
        let fault = |source| HttpError::Listen { listen, source };
        let listener = TcpListener::bind(listen).await.map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        Ok(Self { config, listener, address })
    }

    /// The server that answers there.
    pub fn server(
        self,
        queries: Arc<dyn Queries>,
        render_metrics: RenderMetrics,
        staff: Option<StaffAccess>,
    ) -> Server {
        let router = router(&self.config, queries, render_metrics, staff);
        Server { listener: self.listener, address: self.address, router, limits: self.config.limits }
    }
}

impl Server {
    /// Listens and answers: [`Listening::bind`] and [`Listening::server`].
    ///
    /// # Errors
    /// See [`Listening::bind`].
    pub async fn bind(
        config: HttpConfig,
        queries: Arc<dyn Queries>,
        render_metrics: RenderMetrics,
        staff: Option<StaffAccess>,
    ) -> Result<Self, HttpError> {
        Ok(Listening::bind(config).await?.server(queries, render_metrics, staff))
    }

    /// Where it listens; names the port that was taken for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets answers under way finish within [`Limits::drain`].
    ///
    /// Returns how many connections had to be cut off.
    pub async fn serve(self, stop: CancellationToken) -> usize {
        let places = Places::new(self.limits.connections);
        let mut connections = JoinSet::new();
        loop {
            // Finished connections are taken out as they end, so that the set stays as small as what is open.
            while connections.try_join_next().is_some() {}
            let Some((stream, place)) = accept(&self.listener, &places, &stop).await else { break };
            let (router, limits, stop) = (self.router.clone(), self.limits, stop.clone());
            connections.spawn(connection(stream, place, router, limits, stop));
        }
        drop(self.listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limits.drain, drained).await.is_ok() {
            return 0;
        }
        let cut = connections.len();
        connections.shutdown().await;
        tracing::warn!(connections = cut, "HTTP connections were cut off: they took longer than the deadline");
        cut
    }
}

/// The next connection and its place; `None` once the server stops.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Places>,
    stop: &CancellationToken,
) -> Option<(TcpStream, Arc<Place>)> {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            // Only a connection that is there makes another one give way.
            Ok((stream, _)) => {
                return tokio::select! {
                    () = stop.cancelled() => None,
                    place = places.take() => Some((stream, place)),
                };
            }
            Err(error) => {
                // Out of file descriptors, or the peer left: neither ends the server, and the first needs a pause.
                tracing::warn!(%error, "an HTTP connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, place: Arc<Place>, router: Router, limits: Limits, stop: CancellationToken) {
    let _open = Open::new();
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr().ok();
    let at_work = Arc::clone(&place);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let (mut router, place) = (router.clone(), Arc::clone(&at_work));
        async move {
            use tower_service::Service;
            place.works();
            // A router is always ready.
            let response = match router.call(request.map(Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            place.waits();
            Ok::<_, Infallible>(response)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    // A client that does not read its answer must not hold its place for ever.
    let ended = tokio::select! {
        result = served.as_mut() => Err(result),
        () = stop.cancelled() => Ok(limits.request + limits.drain),
        () = tokio::time::sleep(limits.connection) => Ok(limits.request + limits.drain),
        () = place.needed() => Ok(match place.has_request() {
            // It came as the place was given away.
            Some(true) => limits.request + limits.drain,
            Some(false) => FLUSH,
            None => Duration::ZERO,
        }),
    };
    let result = match ended {
        Err(result) => result,
        Ok(within) => {
            served.as_mut().graceful_shutdown();
            tokio::time::timeout(within, served).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}

/// Counts a connection for as long as it is open, also when it is cut off.
struct Open(metrics::Gauge);

impl Open {
    fn new() -> Self {
        let gauge = metrics::gauge!("truceline_http_connections");
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
