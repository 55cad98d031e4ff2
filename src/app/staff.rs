//! People and reviews for the API: the desk, passwords, and the time.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use truceline_core::alert::{Alert, ViewerAlert};
use truceline_core::review::{Act, Person, Review, Step};
use truceline_core::time::{Span, Time};
use uuid::Uuid;

use super::answers::{alerts_of, failed};
use crate::desk::{self, Change, Desk, DeskError, PeopleError, TokenRow, Upload};
use crate::http::{
    ActError, AlertFilter, Caller, ChangeError, Credential, Page, PeopleChange, PersonItem, QueryError, SignInError,
    SignedIn, Staff, TokenItem,
};
use crate::people::{Gate, Secret, Wait, hash, verify, verify_nobody};

/// How long a session lasts: a watch of twelve hours.
const SESSION: Span = Span::from_secs(12 * 3600);
/// Most days that a token is good.
const MAX_TOKEN_DAYS: u32 = 366;
/// Longest name of a person or a token.
const MAX_NAME: usize = 64;
/// Tells a time.
type Now = dyn Fn() -> Time + Send + Sync;

/// People and reviews on a desk.
pub struct DeskStaff {
    desk: Desk,
    gate: Mutex<Gate>,
    wall: Arc<Now>,
    journal: Arc<Now>,
    viewer_delay: Span,
}

impl DeskStaff {
    /// `wall` and `journal` tell the time; viewers get what is `viewer_delay` old.
    pub fn new(desk: Desk, wall: Arc<Now>, journal: Arc<Now>, viewer_delay: Duration) -> Self {
        let viewer_delay = Span::from_nanos(i64::try_from(viewer_delay.as_nanos()).unwrap_or(i64::MAX));
        Self { desk, gate: Mutex::default(), wall, journal, viewer_delay }
    }

    fn now(&self) -> Time {
        (self.wall)()
    }

    /// Whether this is the password of `name`; a failure counts for the name and the address.
    fn check(&self, name: &str, password: &str, address: IpAddr) -> Result<desk::PersonRow, SignInError> {
        let now = self.now();
        {
            let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(Wait(until)) = gate.admit(name, address, now) {
                return Err(SignInError::Wait(until.since(now).secs_f64().ceil().clamp(1.0, 3600.0) as u32));
            }
            gate.failed(name, address, now);
        }
        let found = self.desk.person(name).map_err(failed)?;
        let is_right = match &found {
            Some((_, hash)) => verify(password, hash),
            None => verify_nobody(password),
        };
        match found {
            Some((person, _)) if is_right => {
                self.gate.lock().unwrap_or_else(PoisonError::into_inner).succeeded(name, address);
                Ok(person)
            }
            _ => {
                self.desk.sign_in_failed(name, "name or password wrong", now).map_err(failed)?;
                tracing::warn!(%address, "a sign-in failed");
                Err(SignInError::Wrong)
            }
        }
    }

    /// The newest revision that is old enough for viewers.
    fn as_of(&self, id: Uuid) -> Result<Option<Alert>, QueryError> {
        let until = Time::from_nanos((self.journal)().nanos().saturating_sub(self.viewer_delay.nanos()));
        let row = self.desk.revision_at(id, until).map_err(failed)?;
        row.map(|row| row.said.map_err(QueryError::Failed)).transpose()
    }
}

impl Staff for DeskStaff {
    fn caller(&self, credential: &Credential) -> Result<Option<Caller>, QueryError> {
        let now = self.now();
        let found = match credential {
            Credential::Session(text) => Secret::read(text).map(|secret| self.desk.session(&secret.hash(), now)),
            Credential::Token(text) => Secret::read(text).map(|secret| self.desk.token(&secret.hash(), now)),
        };
        let found = found.transpose().map_err(failed)?.flatten();
        Ok(found.map(|caller| Caller { name: caller.name, role: caller.role, csrf: caller.csrf }))
    }

    fn sign_in(&self, name: &str, password: &str, address: IpAddr) -> Result<SignedIn, SignInError> {
        let person = self.check(name, password, address)?;
        let (secret, csrf) = (Secret::new().map_err(failed)?, Secret::new().map_err(failed)?.show());
        let now = self.now();
        let expires_at = now + SESSION;
        self.desk.begin_session(&person.name, secret.hash(), &csrf, now, expires_at).map_err(failed)?;
        Ok(SignedIn {
            caller: Caller { name: person.name, role: person.role, csrf: Some(csrf) },
            secret: secret.show(),
            expires_at,
            lasts_s: SESSION.secs_f64() as u64,
        })
    }

    fn sign_out(&self, caller: &Caller, secret: &str) -> Result<(), QueryError> {
        let Some(secret) = Secret::read(secret) else { return Ok(()) };
        self.desk.end_session(&caller.name, secret.hash(), self.now()).map_err(failed)
    }

    fn change_own_password(&self, name: &str, old: &str, new: &str, address: IpAddr) -> Result<(), SignInError> {
        self.check(name, old, address)?;
        let password = hash(new).map_err(|error| SignInError::Password(error.to_string()))?;
        let change = Change::SetPassword { name: name.to_owned(), password };
        self.desk.change_people(name, self.now(), change).map_err(failed)?;
        Ok(())
    }

    fn viewer_alerts(&self, filter: &AlertFilter) -> Result<Page<ViewerAlert>, QueryError> {
        let page = self.desk.alerts(&alerts_of(filter)).map_err(failed)?;
        let mut items = Vec::with_capacity(page.items.len());
        for alert in page.items {
            items.extend(self.as_of(alert.id)?.map(|alert| alert.viewer_form()));
        }
        Ok(Page { items, next: page.next })
    }

    fn viewer_alert(&self, id: Uuid) -> Result<Option<ViewerAlert>, QueryError> {
        Ok(self.as_of(id)?.map(|alert| alert.viewer_form()))
    }

    fn review(&self, alert: Uuid, after: u64, max: usize) -> Result<Option<(Review, Vec<Step>)>, QueryError> {
        if self.desk.alert(alert).map_err(failed)?.is_none() {
            return Ok(None);
        }
        let steps = self.desk.review_steps(alert, after, max).map_err(failed)?;
        Ok(Some((self.desk.review(alert).map_err(failed)?, steps)))
    }

    fn act(&self, alert: Uuid, seen: u64, person: &Person, act: Act) -> Result<Review, ActError> {
        self.desk.act(alert, seen, person, self.now(), act).map_err(act_error)
    }

    fn attach(
        &self,
        alert: Uuid,
        person: &Person,
        name: String,
        media_type: String,
        bytes: Vec<u8>,
    ) -> Result<Review, ActError> {
        self.desk.attach(alert, person, self.now(), Upload { name, media_type, bytes }).map_err(act_error)
    }

    fn attached(&self, sha256: &str) -> Result<Option<Vec<u8>>, QueryError> {
        self.desk.attached(sha256).map_err(failed)
    }

    fn people(&self) -> Result<Vec<PersonItem>, QueryError> {
        let rows = self.desk.people().map_err(failed)?;
        let item = |row: desk::PersonRow| PersonItem {
            name: row.name,
            role: row.role,
            disabled: row.disabled,
            made_at: row.made_at,
        };
        Ok(rows.into_iter().map(item).collect())
    }

    fn tokens(&self) -> Result<Vec<TokenItem>, QueryError> {
        let rows = self.desk.tokens().map_err(failed)?;
        let item = |row: TokenRow| TokenItem {
            id: row.id,
            name: row.name,
            role: row.role,
            made_by: row.made_by,
            made_at: row.made_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        };
        Ok(rows.into_iter().map(item).collect())
    }

    fn change(&self, by: &str, change: PeopleChange) -> Result<Option<String>, ChangeError> {
        let hashed = |password: String| hash(&password).map_err(|error| ChangeError::Value(error.to_string()));
        let now = self.now();
        let mut shown = None;
        let change = match change {
            PeopleChange::Add { name, role, password } => {
                Change::Add { name: good_name(name)?, role, password: hashed(password)? }
            }
            PeopleChange::SetRole { name, role } => Change::SetRole { name, role },
            PeopleChange::SetPassword { name, password } => Change::SetPassword { name, password: hashed(password)? },
            PeopleChange::SetDisabled { name, disabled } => Change::SetDisabled { name, disabled },
            PeopleChange::RevokeToken { id } => Change::RevokeToken { id },
            PeopleChange::AddToken { name, role, days } => {
                if !(1..=MAX_TOKEN_DAYS).contains(&days) {
                    return Err(ChangeError::Value(format!("days must be 1 to {MAX_TOKEN_DAYS}")));
                }
                let secret = Secret::new().map_err(failed)?;
                let id = id_of(&secret);
                shown = Some(secret.show());
                let token = TokenRow {
                    id,
                    name: good_name(name)?,
                    role,
                    made_by: by.to_owned(),
                    made_at: now,
                    expires_at: now + Span::from_secs(i64::from(days) * 86_400),
                    revoked_at: None,
                };
                Change::AddToken { token, hash: secret.hash() }
            }
        };
        self.desk.change_people(by, now, change).map_err(|error| match error {
            PeopleError::Unknown(_) => ChangeError::Unknown(error.to_string()),
            PeopleError::Taken(_) | PeopleError::LastAdmin(_) | PeopleError::TooMany => {
                ChangeError::Conflict(error.to_string())
            }
            PeopleError::Desk(error) => ChangeError::Query(failed(error)),
        })?;
        Ok(shown)
    }
}

/// A name for a token that tells nothing of its secret.
fn id_of(secret: &Secret) -> String {
    let number = secret.hash().iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:012x}")
}

fn act_error(error: desk::ActError) -> ActError {
    match error {
        desk::ActError::NoAlert(id) => ActError::NoAlert(id),
        desk::ActError::Refused(refusal) => ActError::Refused(refusal),
        desk::ActError::Desk(error) => ActError::Query(failed(error)),
    }
}

/// A name that reads the same everywhere and is nobody else's: letters, digits, '.', '-', '_' and '@'.
pub(crate) fn good_name(name: String) -> Result<String, ChangeError> {
    let is_good = !name.is_empty()
        && name.chars().count() <= MAX_NAME
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@'));
    if is_good {
        Ok(name)
    } else {
        let why = format!("a name has 1 to {MAX_NAME} of A-Z, a-z, 0-9, '.', '-', '_' and '@'");
        Err(ChangeError::Value(why))
    }
}

/// Adds somebody to a desk, as the command line does it.
///
/// # Errors
/// The name or password cannot be had, the name is taken, or the desk cannot be written.
pub fn add_person(
    desk: &Desk,
    at: Time,
    name: &str,
    role: truceline_core::review::Role,
    password: &str,
) -> Result<(), AddPersonError> {
    let name = good_name(name.to_owned()).map_err(|error| AddPersonError::Value(error.to_string()))?;
    let password = hash(password).map_err(|error| AddPersonError::Value(error.to_string()))?;
    desk.change_people("command line", at, Change::Add { name, role, password }).map_err(|error| match error {
        PeopleError::Desk(error) => AddPersonError::Desk(error),
        error => AddPersonError::Value(error.to_string()),
    })
}

/// Why somebody was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddPersonError {
    /// A value that cannot be had.
    #[error("{0}")]
    Value(String),
    /// The desk cannot be written.
    #[error(transparent)]
    Desk(DeskError),
}
