//! Reviews: each step is added to a log, with its entry of the audit, in one transaction.

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use truceline_core::alert::Alert;
use truceline_core::audit::Deed;
use truceline_core::hash::ContentHash;
use truceline_core::review::{Act, Attachment, Facts, MAX_ATTACHMENT, Person, Refusal, Review, Role, Step};
use truceline_core::time::Time;
use uuid::Uuid;

use super::audit::append;
use super::error::writing;
use super::{Desk, DeskError, people, read};

/// Why an act on an alert was not done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// There is none with this id.
    #[error("there is no alert {0}")]
    NoAlert(Uuid),
    /// It may not be done.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The desk could not do it.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// A file to attach: what it is called, and its bytes.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its name, for people.
    pub name: String,
    /// Its media type, as told.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Desk {
    /// The review of an alert as it stands; one without a step where nobody did anything.
    pub fn review(&self, alert: Uuid) -> Result<Review, DeskError> {
        let json = self.read(|connection| held(connection, alert))?;
        json.map_or_else(|| Ok(Review::default()), |json| self.parse(&alert.to_string(), &json))
    }

    /// The steps of a review after number `after`, in order, at most `max`.
    pub fn review_steps(&self, alert: Uuid, after: u64, max: usize) -> Result<Vec<Step>, DeskError> {
        let id = alert.to_string();
        let rows: Vec<String> = self.read(|connection| {
            connection
                .prepare_cached("SELECT json FROM review_step WHERE alert = ?1 AND n > ?2 ORDER BY n LIMIT ?3")?
                .query_map(params![id, after.cast_signed(), i64::try_from(max).unwrap_or(i64::MAX)], |row| row.get(0))?
                .collect()
        })?;
        rows.iter().map(|json| self.parse(&id, json)).collect()
    }

    /// Does something about an alert as `person`, who saw revision `seen` of its review; durable when this returns.
    ///
    /// # Errors
    /// Why it was not done; nothing changed then. [`DeskError::Anchor`] alone comes after it was.
    pub fn act(&self, alert: Uuid, seen: u64, person: &Person, at: Time, act: Act) -> Result<Review, ActError> {
        self.act_with(alert, seen, person, at, act, None)
    }

    /// Attaches a file, stored once however often it is attached.
    ///
    /// # Errors
    /// See [`Desk::act`].
    pub fn attach(&self, alert: Uuid, person: &Person, at: Time, upload: Upload) -> Result<Review, ActError> {
        let size = upload.bytes.len() as u64;
        if size > MAX_ATTACHMENT {
            let why = format!("a file may have {MAX_ATTACHMENT} bytes, this one has {size}");
            return Err(Refusal::Value { field: "size", why }.into());
        }
        let mut sha256 = ContentHash::default();
        sha256.add(&upload.bytes);
        let sha256 = sha256.end();
        let attachment = Attachment { sha256, name: upload.name, media_type: upload.media_type, size };
        self.act_with(alert, 0, person, at, Act::Attach(attachment), Some(&upload.bytes))
    }

    /// The bytes of an attached file.
    pub fn attached(&self, sha256: &str) -> Result<Option<Vec<u8>>, DeskError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT bytes FROM attachment WHERE sha256 = ?1")?
                .query_row([sha256], |row| row.get(0))
                .optional()
        })
    }

    fn act_with(
        &self,
        alert: Uuid,
        seen: u64,
        person: &Person,
        at: Time,
        act: Act,
        file: Option<&[u8]>,
    ) -> Result<Review, ActError> {
        let fault = |source| writing(&self.inner.path, source);
        self.write(|connection| {
            let done = self.transact(connection, |transaction| {
                let Some(found) = self.held_alert(transaction, alert)? else {
                    return Ok(Err(ActError::NoAlert(alert)));
                };
                let before = self.held_review(transaction, alert)?;
                if let Err(refusal) = self.known_to_the_desk(transaction, alert, &act)? {
                    return Ok(Err(refusal.into()));
                }
                let step = match before.decide(facts_of(&found), seen, person, at, act) {
                    Ok(step) => step,
                    Err(refusal) => return Ok(Err(refusal.into())),
                };
                if let Some(bytes) = file {
                    transaction
                        .execute(
                            "INSERT OR IGNORE INTO attachment VALUES (?1, ?2)",
                            params![attachment_hash(&step), bytes],
                        )
                        .map_err(fault)?;
                }
                let review = self.add_step(transaction, alert, before, &step)?;
                let deed = Deed {
                    actor: person.name.clone(),
                    action: "review".to_owned(),
                    subject: alert.to_string(),
                    detail: serde_json::to_value(&step).unwrap_or_default(),
                };
                let entry = append(transaction, at, deed).map_err(fault)?;
                Ok(Ok((review, entry)))
            })?;
            let (review, entry) = match done {
                Ok(done) => done,
                Err(error) => return Ok(Err(error)),
            };
            self.anchor(&entry)?;
            Ok(Ok(review))
        })?
    }

    /// Opens a closed review again where the machine says that there is new evidence.
    pub(super) fn reopen_on_evidence(&self, transaction: &Transaction, alert: &Alert) -> Result<(), DeskError> {
        let before = self.held_review(transaction, alert.id)?;
        let Some(step) = before.on_evidence(facts_of(alert), alert.updated_at) else { return Ok(()) };
        self.add_step(transaction, alert.id, before, &step)?;
        Ok(())
    }

    fn add_step(
        &self,
        transaction: &Transaction,
        alert: Uuid,
        before: Review,
        step: &Step,
    ) -> Result<Review, DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        let id = alert.to_string();
        let json = |source| DeskError::Json { path: self.inner.path.clone(), id: id.clone(), source };
        let told = serde_json::to_string(step).map_err(json)?;
        let review = before.after(step);
        let now = serde_json::to_string(&review).map_err(json)?;
        transaction
            .prepare_cached("INSERT INTO review_step (alert, n, at, json) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| statement.execute(params![id, step.n.cast_signed(), step.at.nanos(), told]))
            .map_err(fault)?;
        transaction
            .prepare_cached(
                "INSERT INTO review VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (alert) DO UPDATE SET revision = excluded.revision, stage = excluded.stage,
                     assignee = excluded.assignee, shelved_until = excluded.shelved_until, json = excluded.json",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    id,
                    review.revision.cast_signed(),
                    review.stage.as_str(),
                    review.assignee,
                    review.shelved_until.map(Time::nanos),
                    now
                ])
            })
            .map_err(fault)?;
        Ok(review)
    }

    /// What an act names has to be there: the other alert, the person.
    fn known_to_the_desk(
        &self,
        transaction: &Transaction,
        alert: Uuid,
        act: &Act,
    ) -> Result<Result<(), Refusal>, DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        let refused = |field, why: String| Ok(Err(Refusal::Value { field, why }));
        match act {
            Act::Supersede { by, .. } if *by == alert => refused("by", "an alert does not supersede itself".to_owned()),
            Act::Supersede { by, .. } if self.held_alert(transaction, *by)?.is_none() => {
                refused("by", format!("there is no alert {by}"))
            }
            Act::Assign { to: Some(to) } => match people::role_of(transaction, to).map_err(fault)? {
                Some(role) if role >= Role::Analyst => Ok(Ok(())),
                Some(role) => refused("to", format!("'{to}' is a {role}, who does not review")),
                None => refused("to", format!("there is nobody called '{to}' who may sign in")),
            },
            _ => Ok(Ok(())),
        }
    }

    fn held_alert(&self, connection: &Connection, id: Uuid) -> Result<Option<Alert>, DeskError> {
        let id = id.to_string();
        let json = read::json_of(connection, "alert", &id).map_err(|source| writing(&self.inner.path, source))?;
        json.map(|json| self.parse(&id, &json)).transpose()
    }

    fn held_review(&self, connection: &Connection, alert: Uuid) -> Result<Review, DeskError> {
        let json = held(connection, alert).map_err(|source| writing(&self.inner.path, source))?;
        json.map_or_else(|| Ok(Review::default()), |json| self.parse(&alert.to_string(), &json))
    }
}

fn held(connection: &Connection, alert: Uuid) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT json FROM review WHERE alert = ?1")?
        .query_row([alert.to_string()], |row| row.get(0))
        .optional()
}

const fn facts_of(alert: &Alert) -> Facts {
    Facts { severity: alert.severity, detections: alert.detections, revision: alert.revision }
}

fn attachment_hash(step: &Step) -> Option<&str> {
    match &step.done {
        truceline_core::review::Done::Attached(attachment) => Some(&attachment.sha256),
        _ => None,
    }
}
