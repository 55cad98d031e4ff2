//! API, metrics and the page: what people and programs may ask, over HTTP/1.1.
//!
//! This part knows no store. What it answers comes through [`Queries`], which the wiring
//! implements; its own work is to read parameters, to page, to say what is wrong in
//! RFC 9457 problems, and to stay bounded: connections, queries at once, time and size.

mod access;
mod agreement;
mod api;
mod body;
mod control;
mod cursor;
mod guard;
mod items;
mod page;
mod params;
mod people;
mod places;
mod probes;
mod problem;
mod queries;
mod reviews;
mod router;
mod server;
mod session;
mod staff;

use std::net::SocketAddr;
use std::time::Duration;

pub use access::{Access, ROUTES};
pub use queries::{
    AgreementNow, AlertFilter, AlertState, Change, EventFilter, Page, PartStatus, Queries, QueryError, ReadingFilter,
    ReadingRow, RejectFilter, RejectRow, ReloadAnswer, ReloadFault, ReloadReport, Stats,
};
pub use router::StaffAccess;
pub use server::{HttpError, Listening, RenderMetrics, Server};
pub use staff::{
    ActError, Caller, ChangeError, Credential, PeopleChange, PersonItem, SignInError, SignedIn, Staff, TokenItem,
};

/// Where and for whom it answers.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// A proxy in front does the sign-in; without it only a loopback address is accepted.
    pub behind_proxy: bool,
    /// Names that a request's `Host` may have beside the loopback ones, without a port.
    pub host_names: Vec<String>,
    /// What a reload and the audit ask for; without it nobody has either.
    pub control_token: Option<String>,
    /// What bounds it.
    pub limits: Limits,
}

/// What bounds it; each counts in `truceline_http_limited_total` when it bites.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; for one more, the one that has waited longest for its client gives way.
    pub connections: usize,
    /// Queries of the stores at once.
    pub queries: usize,
    /// How long a request waits for its turn to query.
    pub query_wait: Duration,
    /// How long a request may take.
    pub request: Duration,
    /// How long a client may take to send a request's head, and a connection may be idle.
    pub head: Duration,
    /// How long a connection lives; it is then ended after the answer that is under way.
    pub connection: Duration,
    /// How long answers under way may take once the server stops.
    pub drain: Duration,
    /// Bytes of a request's body, but for an act of a review and an attached file.
    pub body_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            queries: 8,
            query_wait: Duration::from_secs(2),
            request: Duration::from_secs(10),
            head: Duration::from_secs(15),
            connection: Duration::from_secs(300),
            drain: Duration::from_secs(5),
            body_bytes: 16 * 1024,
        }
    }
}
