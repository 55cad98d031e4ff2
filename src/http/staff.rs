//! What this part asks about people: who somebody is, and what they decide.

use std::net::IpAddr;

use truceline_core::alert::ViewerAlert;
use truceline_core::review::{Act, Person, Refusal, Review, Role, Step};
use truceline_core::time::Time;
use uuid::Uuid;

use super::queries::{AlertFilter, Page, QueryError};

/// People and reviews as this part sees them. Methods block: they are called on blocking threads.
pub trait Staff: Send + Sync + 'static {
    /// Who the secret of a session or token stands for now; `None` if for nobody.
    fn caller(&self, credential: &Credential) -> Result<Option<Caller>, QueryError>;

    /// Signs somebody in.
    ///
    /// # Errors
    /// They are not who they say, or have to wait.
    fn sign_in(&self, name: &str, password: &str, address: IpAddr) -> Result<SignedIn, SignInError>;

    /// Ends a session.
    fn sign_out(&self, caller: &Caller, secret: &str) -> Result<(), QueryError>;

    /// Sets one's own password; ends all sessions of one's own.
    ///
    /// # Errors
    /// The old one is wrong, or the new one cannot be had.
    fn change_own_password(&self, name: &str, old: &str, new: &str, address: IpAddr) -> Result<(), SignInError>;

    /// Alerts as viewers get them: coarsened, and as they were a while ago.
    fn viewer_alerts(&self, filter: &AlertFilter) -> Result<Page<ViewerAlert>, QueryError>;

    /// One of them.
    fn viewer_alert(&self, id: Uuid) -> Result<Option<ViewerAlert>, QueryError>;

    /// The review of an alert and its steps after number `after`; `None` if there is no such alert.
    fn review(&self, alert: Uuid, after: u64, max: usize) -> Result<Option<(Review, Vec<Step>)>, QueryError>;

    /// Does something about an alert.
    ///
    /// # Errors
    /// Why not.
    fn act(&self, alert: Uuid, seen: u64, person: &Person, act: Act) -> Result<Review, ActError>;

    /// Attaches a file to a review.
    ///
    /// # Errors
    /// Why not.
    fn attach(
        &self,
        alert: Uuid,
        person: &Person,
        name: String,
        media_type: String,
        bytes: Vec<u8>,
    ) -> Result<Review, ActError>;

    /// The bytes of an attached file, by their SHA-256.
    fn attached(&self, sha256: &str) -> Result<Option<Vec<u8>>, QueryError>;

    /// All who may or might sign in.
    fn people(&self) -> Result<Vec<PersonItem>, QueryError>;

    /// All tokens of programs.
    fn tokens(&self) -> Result<Vec<TokenItem>, QueryError>;

    /// Makes a change of people; for a new token its secret.
    ///
    /// # Errors
    /// Why not.
    fn change(&self, by: &str, change: PeopleChange) -> Result<Option<String>, ChangeError>;
}

/// What somebody shows to say who they are.
#[derive(Clone)]
pub enum Credential {
    /// The secret of a session, from its cookie.
    Session(String),
    /// That of a token.
    Token(String),
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A person's name, or `token:` and its id.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What each change from a session has to carry.
    pub csrf: Option<String>,
}

/// A session that began.
#[derive(Clone)]
pub struct SignedIn {
    /// Who.
    pub caller: Caller,
    /// Its secret, for the cookie.
    pub secret: String,
    /// Until when it lasts.
    pub expires_at: Time,
    /// That in seconds from now.
    pub lasts_s: u64,
}

/// Why somebody is not signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name or password are wrong; which of them is not told.
    #[error("name or password are not right")]
    Wrong,
    /// Too many failed.
    #[error("too many sign-ins have failed; wait")]
    Wait(u32),
    /// A new password that cannot be had.
    #[error("{0}")]
    Password(String),
    /// The store failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// No such alert.
    #[error("there is no alert {0}")]
    NoAlert(Uuid),
    /// It may not be done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Why a change of people was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// As things are, it may not.
    #[error("{0}")]
    Conflict(String),
    /// Nobody of this name, no such token.
    #[error("{0}")]
    Unknown(String),
    /// A value that cannot be used.
    #[error("{0}")]
    Value(String),
    /// The store failed.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// A change of people.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum PeopleChange {
    Add { name: String, role: Role, password: String },
    SetRole { name: String, role: Role },
    SetPassword { name: String, password: String },
    SetDisabled { name: String, disabled: bool },
    AddToken { name: String, role: Role, days: u32 },
    RevokeToken { id: String },
}

/// Somebody who may or might sign in.
#[derive(Clone, Debug, serde::Serialize)]
#[allow(missing_docs)]
pub struct PersonItem {
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    pub made_at: Time,
}

/// A token of a program; never its secret.
#[derive(Clone, Debug, serde::Serialize)]
#[allow(missing_docs)]
pub struct TokenItem {
    pub id: String,
    pub name: String,
    pub role: Role,
    pub made_by: String,
    pub made_at: Time,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
}
