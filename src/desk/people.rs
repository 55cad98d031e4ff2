//! Who may sign in: people, their sessions, and tokens for programs. Secrets are held as hashes only.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use truceline_core::audit::{AuditEntry, Deed};
use truceline_core::review::Role;
use truceline_core::time::Time;

use super::audit::append;
use super::error::writing;
use super::{Desk, DeskError};

/// Most people that a desk knows, and most tokens.
pub const MAX_PEOPLE: usize = 1_000;
/// Most sessions of one person at once; the oldest ends for one more.
pub const MAX_SESSIONS: usize = 10;

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PersonRow {
    /// The name that they sign in with.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// May not sign in any more; their name stays in what they did.
    pub disabled: bool,
    /// Since when.
    pub made_at: Time,
}

/// A token of a program.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TokenRow {
    /// Its id, which is no secret.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who made it.
    pub made_by: String,
    /// When.
    pub made_at: Time,
    /// Until when it is good.
    pub expires_at: Time,
    /// Since when it is not any more.
    pub revoked_at: Option<Time>,
}

/// Who a session or token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// A person's name, or `token:` and the token's id.
    pub name: String,
    /// What they may do now.
    pub role: Role,
    /// What their page has to send with each change; tokens need none.
    pub csrf: Option<String>,
}

/// Why a change of people was not made.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The name is taken.
    #[error("there is somebody called '{0}' already; choose another name, or change theirs")]
    Taken(String),
    /// There is nobody of this name, or no such token.
    #[error("there is no '{0}'")]
    Unknown(String),
    /// Nobody could manage people any more.
    #[error("'{0}' is the last admin who may sign in; make another one first")]
    LastAdmin(String),
    /// Too many.
    #[error("there are {MAX_PEOPLE}, which is the most there can be")]
    TooMany,
    /// The desk could not do it.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

/// A change of people; each is in the audit.
#[derive(Clone, Debug)]
pub enum Change {
    /// Somebody new, with the hash of their password.
    Add {
        /// Who.
        name: String,
        /// What they may do.
        role: Role,
        /// Their password's hash (PHC string).
        password: String,
    },
    /// Another role; ends their sessions.
    SetRole {
        /// Whose.
        name: String,
        /// Which.
        role: Role,
    },
    /// Another password; ends their sessions.
    SetPassword {
        /// Whose.
        name: String,
        /// Its hash.
        password: String,
    },
    /// Whether they may not sign in; ends their sessions.
    SetDisabled {
        /// Whose.
        name: String,
        /// Whether.
        disabled: bool,
    },
    /// A token, by the hash of its secret.
    AddToken {
        /// Its row; `made_by` and `made_at` are filled in.
        token: TokenRow,
        /// SHA-256 of the secret.
        hash: [u8; 32],
    },
    /// A token is good no more.
    RevokeToken {
        /// Which.
        id: String,
    },
}

impl Desk {
    /// Makes a change of people, by `actor`, with its entry of the audit; durable when this returns.
    ///
    /// # Errors
    /// Why it was not made; nothing changed then.
    pub fn change_people(&self, actor: &str, at: Time, change: Change) -> Result<(), PeopleError> {
        let fault = |source| writing(&self.inner.path, source);
        self.write(|connection| {
            let changed = self.transact(connection, |transaction| {
                match apply(transaction, actor, at, change).map_err(fault)? {
                    Ok((action, subject, detail)) => {
                        let deed = Deed { actor: actor.to_owned(), action: action.to_owned(), subject, detail };
                        Ok(Ok(append(transaction, at, deed).map_err(fault)?))
                    }
                    // Nothing was written before a refusal.
                    Err(error) => Ok(Err(error)),
                }
            })?;
            match changed {
                Ok(entry) => self.anchor(&entry).map(Ok),
                Err(error) => Ok(Err(error)),
            }
        })?
    }

    /// All who may or might sign in, by name.
    pub fn people(&self) -> Result<Vec<PersonRow>, DeskError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT name, role, disabled, made_at FROM person ORDER BY name")?
                .query_map([], person_of)?
                .collect()
        })
    }

    /// Somebody who may sign in, and the hash of their password.
    pub fn person(&self, name: &str) -> Result<Option<(PersonRow, String)>, DeskError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT name, role, disabled, made_at, password FROM person WHERE name = ?1 AND disabled = 0",
                )?
                .query_row([name], |row| Ok((person_of(row)?, row.get(4)?)))
                .optional()
        })
    }

    /// All tokens, the newest first.
    pub fn tokens(&self) -> Result<Vec<TokenRow>, DeskError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, name, role, made_by, made_at, expires_at, revoked_at FROM token ORDER BY made_at DESC, id",
                )?
                .query_map([], |row| {
                    Ok(TokenRow {
                        id: row.get(0)?,
                        name: row.get(1)?,
                        role: role(row, 2)?,
                        made_by: row.get(3)?,
                        made_at: Time::from_nanos(row.get(4)?),
                        expires_at: Time::from_nanos(row.get(5)?),
                        revoked_at: row.get::<_, Option<i64>>(6)?.map(Time::from_nanos),
                    })
                })?
                .collect()
        })
    }

    /// Begins a session of `person`, by the hash of its secret; in the audit as a sign-in.
    pub fn begin_session(
        &self,
        person: &str,
        hash: [u8; 32],
        csrf: &str,
        at: Time,
        expires_at: Time,
    ) -> Result<(), DeskError> {
        self.with_deed(at, person, "signed_in", serde_json::json!({ "until": expires_at.to_string() }), |transaction| {
            transaction.execute("DELETE FROM session WHERE expires_at <= ?1", [at.nanos()])?;
            transaction.execute(
                "DELETE FROM session WHERE person = ?1 AND hash NOT IN
                     (SELECT hash FROM session WHERE person = ?1 ORDER BY made_at DESC LIMIT ?2)",
                params![person, MAX_SESSIONS as i64 - 1],
            )?;
            transaction.execute(
                "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5)",
                params![hash, person, csrf, at.nanos(), expires_at.nanos()],
            )?;
            Ok(())
        })
    }

    /// Ends a session; in the audit as a sign-out.
    pub fn end_session(&self, person: &str, hash: [u8; 32], at: Time) -> Result<(), DeskError> {
        self.with_deed(at, person, "signed_out", serde_json::Value::Null, |transaction| {
            transaction.execute("DELETE FROM session WHERE hash = ?1", [hash]).map(drop)
        })
    }

    /// Notes that somebody could not sign in; `name` is what was typed, cut short.
    pub fn sign_in_failed(&self, name: &str, why: &str, at: Time) -> Result<(), DeskError> {
        let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
        self.with_deed(at, &name, "sign_in_refused", serde_json::json!({ "why": why }), |_| Ok(()))
    }

    /// Who the session of this hash stands for at `now`.
    pub fn session(&self, hash: &[u8; 32], now: Time) -> Result<Option<Caller>, DeskError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT person.name, person.role, session.csrf FROM session JOIN person ON person.name = session.person
                     WHERE session.hash = ?1 AND session.expires_at > ?2 AND person.disabled = 0",
                )?
                .query_row(params![hash, now.nanos()], |row| {
                    Ok(Caller { name: row.get(0)?, role: role(row, 1)?, csrf: row.get(2)? })
                })
                .optional()
        })
    }

    /// Who the token of this hash stands for at `now`.
    pub fn token(&self, hash: &[u8; 32], now: Time) -> Result<Option<Caller>, DeskError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, role FROM token WHERE hash = ?1 AND expires_at > ?2 AND revoked_at IS NULL",
                )?
                .query_row(params![hash, now.nanos()], |row| {
                    let id: String = row.get(0)?;
                    Ok(Caller { name: format!("token:{id}"), role: role(row, 1)?, csrf: None })
                })
                .optional()
        })
    }

    fn with_deed(
        &self,
        at: Time,
        actor: &str,
        action: &str,
        detail: serde_json::Value,
        work: impl FnOnce(&Transaction) -> rusqlite::Result<()>,
    ) -> Result<(), DeskError> {
        let fault = |source| writing(&self.inner.path, source);
        self.write(|connection| {
            let entry: AuditEntry = self.transact(connection, |transaction| {
                work(transaction).map_err(fault)?;
                let (actor, action) = (actor.to_owned(), action.to_owned());
                append(transaction, at, Deed { subject: actor.clone(), actor, action, detail }).map_err(fault)
            })?;
            self.anchor(&entry)
        })
    }
}

/// The role of somebody who may sign in.
pub(super) fn role_of(connection: &Connection, name: &str) -> rusqlite::Result<Option<Role>> {
    connection
        .prepare_cached("SELECT role FROM person WHERE name = ?1 AND disabled = 0")?
        .query_row([name], |row| role(row, 0))
        .optional()
}

/// What the audit says of a change: action, subject, detail.
type Told = (&'static str, String, serde_json::Value);

fn apply(
    transaction: &Transaction,
    actor: &str,
    at: Time,
    change: Change,
) -> rusqlite::Result<Result<Told, PeopleError>> {
    let count = |sql: &str| transaction.query_row(sql, [], |row| row.get::<_, i64>(0));
    let full = |sql: &str| count(sql).map(|held| held >= MAX_PEOPLE as i64);
    let is_known = |name: &str| transaction.prepare_cached("SELECT 1 FROM person WHERE name = ?1")?.exists([name]);
    // Of an admin who may sign in: whether there is another one.
    let is_last_admin = |name: &str| {
        let others = "SELECT count(*) FROM person WHERE role = 'admin' AND disabled = 0 AND name <> ?1";
        let others: i64 = transaction.query_row(others, [name], |row| row.get(0))?;
        Ok::<_, rusqlite::Error>(others == 0 && role_of(transaction, name)? == Some(Role::Admin))
    };
    let end_sessions = |name: &str| transaction.execute("DELETE FROM session WHERE person = ?1", [name]);
    Ok(Ok(match change {
        Change::Add { name, role, password } => {
            if is_known(&name)? {
                return Ok(Err(PeopleError::Taken(name)));
            }
            if full("SELECT count(*) FROM person")? {
                return Ok(Err(PeopleError::TooMany));
            }
            transaction.execute(
                "INSERT INTO person VALUES (?1, ?2, ?3, 0, ?4)",
                params![name, role.as_str(), password, at.nanos()],
            )?;
            ("person_added", name, serde_json::json!({ "role": role }))
        }
        Change::SetRole { name, role } => {
            if !is_known(&name)? {
                return Ok(Err(PeopleError::Unknown(name)));
            }
            if role != Role::Admin && is_last_admin(&name)? {
                return Ok(Err(PeopleError::LastAdmin(name)));
            }
            transaction.execute("UPDATE person SET role = ?2 WHERE name = ?1", params![name, role.as_str()])?;
            end_sessions(&name)?;
            ("role_changed", name, serde_json::json!({ "role": role }))
        }
        Change::SetPassword { name, password } => {
            if !is_known(&name)? {
                return Ok(Err(PeopleError::Unknown(name)));
            }
            transaction.execute("UPDATE person SET password = ?2 WHERE name = ?1", params![name, password])?;
            end_sessions(&name)?;
            ("password_changed", name, serde_json::Value::Null)
        }
        Change::SetDisabled { name, disabled } => {
            if !is_known(&name)? {
                return Ok(Err(PeopleError::Unknown(name)));
            }
            if disabled && is_last_admin(&name)? {
                return Ok(Err(PeopleError::LastAdmin(name)));
            }
            transaction.execute("UPDATE person SET disabled = ?2 WHERE name = ?1", params![name, disabled])?;
            end_sessions(&name)?;
            (if disabled { "person_disabled" } else { "person_enabled" }, name, serde_json::Value::Null)
        }
        Change::AddToken { token, hash } => {
            if full("SELECT count(*) FROM token")? {
                return Ok(Err(PeopleError::TooMany));
            }
            transaction.execute(
                "INSERT INTO token VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
                params![token.id, hash, token.name, token.role.as_str(), actor, at.nanos(), token.expires_at.nanos()],
            )?;
            let detail = serde_json::json!({ "name": token.name, "role": token.role, "until": token.expires_at });
            ("token_added", token.id, detail)
        }
        Change::RevokeToken { id } => {
            let revoked = "UPDATE token SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
            if transaction.execute(revoked, params![id, at.nanos()])? == 0 {
                return Ok(Err(PeopleError::Unknown(id)));
            }
            ("token_revoked", id, serde_json::Value::Null)
        }
    }))
}

fn person_of(row: &Row) -> rusqlite::Result<PersonRow> {
    Ok(PersonRow {
        name: row.get(0)?,
        role: role(row, 1)?,
        disabled: row.get(2)?,
        made_at: Time::from_nanos(row.get(3)?),
    })
}

/// A word that is no role is one that may do least: nobody gains by a damaged row.
fn role(row: &Row, index: usize) -> rusqlite::Result<Role> {
    Ok(row.get::<_, String>(index)?.parse().unwrap_or(Role::Viewer))
}
