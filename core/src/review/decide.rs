//! Who may do what, when; and what follows.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Act, Attachment, Attribution, Contact, Facts, MAX_ATTACHMENT, MAX_ATTACHMENTS, MAX_SHELVED_S, MAX_STEPS, MAX_TEXT,
    Outcome, Person, Proposal, Review, Role, Stage, Step,
};
use crate::time::{Span, Time};

/// Most characters of a file's name or media type, or of a person's name.
const MAX_NAME: usize = 200;
/// Who does what no person does.
const MACHINE: &str = "truceline";

/// What was done, with all that follows from it: no alert has to be looked at again to know the review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "done", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Done {
    Acknowledged,
    Shelved {
        until: Time,
        reason: String,
    },
    Unshelved,
    Assigned {
        to: Option<String>,
    },
    Taken,
    Proposed {
        outcome: Outcome,
        reason: String,
        alert_revision: u32,
    },
    Declined {
        reason: String,
    },
    /// `proposed_by` is the first of four eyes; without one the outcome needed none.
    Concluded {
        outcome: Outcome,
        reason: String,
        proposed_by: Option<String>,
        detections: u64,
        alert_revision: u32,
    },
    Reopened {
        reason: String,
    },
    /// More detections than it was closed with.
    NewEvidence {
        detections: u64,
        alert_revision: u32,
    },
    Superseded {
        by: Uuid,
        reason: String,
        detections: u64,
    },
    Attributed {
        to: Attribution,
        reason: String,
    },
    Commented {
        text: String,
    },
    Attached(Attachment),
    Contacted(Contact),
}

/// Why somebody may not do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The role does not allow it.
    #[error("this needs the role {needed}; yours is {own}")]
    Role {
        /// The least that does.
        needed: Role,
        /// The person's.
        own: Role,
    },
    /// It has gone on since.
    #[error("the review is at revision {now}, and you saw {seen}: look at it again")]
    Stale {
        /// As it is.
        now: u64,
        /// As they saw it.
        seen: u64,
    },
    /// It is not possible as it stands.
    #[error("not possible while the review is {stage}: {why}", stage = stage.as_str())]
    Stage {
        /// How it stands.
        stage: Stage,
        /// What would be needed.
        why: &'static str,
    },
    /// The same person may not do both.
    #[error("{0} proposed it, so another person has to sign it")]
    SameEyes(String),
    /// Evidence came after it was proposed.
    #[error("the alert is at revision {now}, and revision {then} was proposed: decline, and let it be looked at again")]
    Outdated {
        /// The alert's revision.
        now: u32,
        /// That of the proposal.
        then: u32,
    },
    /// A text, time or file that cannot be taken.
    #[error("{field}: {why}")]
    Value {
        /// Which field of the act.
        field: &'static str,
        /// What is wrong with it, and what to do.
        why: String,
    },
}

impl Refusal {
    fn value(field: &'static str, why: impl Into<String>) -> Self {
        Self::Value { field, why: why.into() }
    }
}

impl Review {
    /// The step that an act is, if `person`, who saw revision `seen`, may do it at `at`.
    ///
    /// # Errors
    /// Why not; nothing changes then.
    pub fn decide(&self, facts: Facts, seen: u64, person: &Person, at: Time, act: Act) -> Result<Step, Refusal> {
        if person.role < Role::Analyst {
            return Err(Refusal::Role { needed: Role::Analyst, own: person.role });
        }
        // What only adds needs no look at the newest revision.
        let adds = matches!(act, Act::Comment { .. } | Act::Attach(_) | Act::Contact(_) | Act::Acknowledge {});
        if seen != self.revision && !adds {
            return Err(Refusal::Stale { now: self.revision, seen });
        }
        if adds && self.revision >= MAX_STEPS {
            return Err(Refusal::value(
                "act",
                format!("the review has {MAX_STEPS} steps, which is the most it can have"),
            ));
        }
        let done = self.done(facts, person, at, act)?;
        Ok(self.step(at, person.name.clone(), Some(person.role), done))
    }

    fn done(&self, facts: Facts, person: &Person, at: Time, act: Act) -> Result<Done, Refusal> {
        Ok(match act {
            Act::Acknowledge {} => {
                self.open("it is closed, and nobody has to see it any more")?;
                if self.acknowledged_by.is_some() {
                    return Err(self.not_now("it has been acknowledged"));
                }
                Done::Acknowledged
            }
            Act::Shelve { until, reason } => {
                self.open("a closed one is not in the queue")?;
                let longest = at + Span::from_secs(MAX_SHELVED_S);
                if until <= at || until > longest {
                    return Err(Refusal::value("until", format!("must be after now and at most {longest}")));
                }
                Done::Shelved { until, reason: text("reason", reason)? }
            }
            Act::Unshelve {} => {
                if self.shelved_until.is_none() {
                    return Err(self.not_now("it is not shelved"));
                }
                Done::Unshelved
            }
            Act::Assign { to } => {
                self.open("reopen it first")?;
                Done::Assigned { to: to.map(|to| name("to", to)).transpose()? }
            }
            Act::Take {} => {
                self.open("reopen it first")?;
                if self.proposal.is_some() {
                    return Err(self.not_now("an outcome waits to be signed or declined"));
                }
                if self.reviewer.as_ref() == Some(&person.name) && self.stage == Stage::UnderReview {
                    return Err(self.not_now("you have taken it already"));
                }
                Done::Taken
            }
            Act::Conclude { outcome, reason } => self.conclude(facts, person, outcome, text("reason", reason)?)?,
            Act::Sign {} => self.sign(facts, person)?,
            Act::Decline { reason } => {
                let proposal = self.proposal.as_ref().ok_or_else(|| self.not_now("nothing waits to be signed"))?;
                // Who proposed it may take it back.
                if proposal.by != person.name {
                    needs(person, Role::Supervisor)?;
                }
                Done::Declined { reason: text("reason", reason)? }
            }
            Act::Reopen { reason } => {
                if !self.stage.is_closed() {
                    return Err(self.not_now("it is open"));
                }
                if self.signed_by.is_some() {
                    needs(person, Role::Supervisor)?;
                }
                Done::Reopened { reason: text("reason", reason)? }
            }
            Act::Supersede { by, reason } => {
                self.open("reopen it first")?;
                if self.proposal.is_some() {
                    return Err(self.not_now("an outcome waits to be signed or declined"));
                }
                Done::Superseded { by, reason: text("reason", reason)?, detections: facts.detections }
            }
            Act::Attribute { to, reason } => {
                needs(person, Role::Supervisor)?;
                Done::Attributed { to, reason: text("reason", reason)? }
            }
            Act::Comment { text: said } => Done::Commented { text: text("text", said)? },
            Act::Attach(attachment) => Done::Attached(self.attachment(attachment)?),
            Act::Contact(contact) => {
                if contact.at > at {
                    return Err(Refusal::value("at", "is in the future"));
                }
                Done::Contacted(Contact { text: text("text", contact.text)?, ..contact })
            }
        })
    }

    fn conclude(&self, facts: Facts, person: &Person, outcome: Outcome, reason: String) -> Result<Done, Refusal> {
        if self.stage != Stage::UnderReview || self.reviewer.as_ref() != Some(&person.name) {
            return Err(self.not_now("whoever concludes it has to take it first"));
        }
        if self.proposal.is_some() {
            return Err(self.not_now("an outcome waits to be signed or declined"));
        }
        let alert_revision = facts.revision;
        Ok(if outcome.needs_four_eyes(facts.severity) {
            Done::Proposed { outcome, reason, alert_revision }
        } else {
            Done::Concluded { outcome, reason, proposed_by: None, detections: facts.detections, alert_revision }
        })
    }

    fn sign(&self, facts: Facts, person: &Person) -> Result<Done, Refusal> {
        needs(person, Role::Supervisor)?;
        let proposal = self.proposal.as_ref().ok_or_else(|| self.not_now("nothing waits to be signed"))?;
        if proposal.by == person.name {
            return Err(Refusal::SameEyes(proposal.by.clone()));
        }
        if proposal.alert_revision != facts.revision {
            return Err(Refusal::Outdated { now: facts.revision, then: proposal.alert_revision });
        }
        Ok(Done::Concluded {
            outcome: proposal.outcome,
            reason: proposal.reason.clone(),
            proposed_by: Some(proposal.by.clone()),
            detections: facts.detections,
            alert_revision: facts.revision,
        })
    }

    fn attachment(&self, attachment: Attachment) -> Result<Attachment, Refusal> {
        if self.attachments as usize >= MAX_ATTACHMENTS {
            return Err(Refusal::value(
                "name",
                format!("the review has {MAX_ATTACHMENTS} files, the most it can have"),
            ));
        }
        if attachment.size > MAX_ATTACHMENT {
            return Err(Refusal::value("size", format!("a file may have {MAX_ATTACHMENT} bytes")));
        }
        let is_hash = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash(&attachment.sha256) {
            return Err(Refusal::value("sha256", "write 64 hexadecimal digits in lower case"));
        }
        Ok(Attachment {
            name: name("name", attachment.name)?,
            media_type: name("media_type", attachment.media_type)?,
            ..attachment
        })
    }

    /// The step by which new evidence opens a closed review, if there is any.
    ///
    /// A superseded alert stays so: its evidence goes to the one that goes on.
    pub fn on_evidence(&self, facts: Facts, at: Time) -> Option<Step> {
        let closed_with = self.closed_at_detections.filter(|_| self.stage != Stage::Superseded)?;
        (self.stage.is_closed() && facts.detections > closed_with).then(|| {
            let done = Done::NewEvidence { detections: facts.detections, alert_revision: facts.revision };
            self.step(at, MACHINE.to_owned(), None, done)
        })
    }

    fn step(&self, at: Time, by: String, role: Option<Role>, done: Done) -> Step {
        Step { n: self.revision + 1, at, by, role, done }
    }

    /// The review after this step.
    #[must_use]
    pub fn after(mut self, step: &Step) -> Self {
        self.revision = step.n;
        let by = || Some(step.by.clone());
        match &step.done {
            Done::Acknowledged => (self.acknowledged_by, self.acknowledged_at) = (by(), Some(step.at)),
            Done::Shelved { until, .. } => self.shelved_until = Some(*until),
            Done::Unshelved => self.shelved_until = None,
            Done::Assigned { to } => self.assignee.clone_from(to),
            Done::Taken => {
                self.stage = Stage::UnderReview;
                self.reviewer = by();
            }
            Done::Proposed { outcome, reason, alert_revision } => {
                self.proposal = Some(Proposal {
                    outcome: *outcome,
                    by: step.by.clone(),
                    at: step.at,
                    reason: reason.clone(),
                    alert_revision: *alert_revision,
                });
            }
            Done::Declined { .. } => self.proposal = None,
            Done::Concluded { outcome, reason, proposed_by, detections, .. } => {
                self.close(outcome.stage(), reason, *detections);
                self.signed_by = proposed_by.as_ref().and_then(|_| by());
            }
            Done::Superseded { by, reason, detections } => {
                self.close(Stage::Superseded, reason, *detections);
                self.superseded_by = Some(*by);
            }
            Done::Reopened { .. } => self.open_again(false),
            Done::NewEvidence { .. } => self.open_again(true),
            Done::Attributed { to, .. } => self.attribution = *to,
            Done::Commented { .. } => self.comments += 1,
            Done::Attached(_) => self.attachments += 1,
            Done::Contacted(_) => self.contacts += 1,
        }
        self
    }

    fn close(&mut self, stage: Stage, reason: &str, detections: u64) {
        self.stage = stage;
        self.reason = Some(reason.to_owned());
        self.closed_at_detections = Some(detections);
        (self.proposal, self.shelved_until, self.signed_by) = (None, None, None);
        self.new_evidence = false;
    }

    fn open_again(&mut self, new_evidence: bool) {
        self.stage = Stage::Suspected;
        self.new_evidence = new_evidence;
        // Whoever saw it before has not seen this.
        (self.acknowledged_by, self.acknowledged_at) = (None, None);
        (self.reason, self.signed_by, self.closed_at_detections) = (None, None, None);
        self.superseded_by = None;
    }

    fn open(&self, why: &'static str) -> Result<(), Refusal> {
        if self.stage.is_closed() { Err(self.not_now(why)) } else { Ok(()) }
    }

    fn not_now(&self, why: &'static str) -> Refusal {
        Refusal::Stage { stage: self.stage, why }
    }
}

fn needs(person: &Person, needed: Role) -> Result<(), Refusal> {
    if person.role < needed { Err(Refusal::Role { needed, own: person.role }) } else { Ok(()) }
}

fn text(field: &'static str, text: String) -> Result<String, Refusal> {
    let said = text.trim();
    if said.is_empty() {
        return Err(Refusal::value(field, "must say something"));
    }
    if said.chars().count() > MAX_TEXT {
        return Err(Refusal::value(field, format!("may have {MAX_TEXT} characters")));
    }
    Ok(if said.len() == text.len() { text } else { said.to_owned() })
}

fn name(field: &'static str, text: String) -> Result<String, Refusal> {
    let is_good = !text.trim().is_empty() && text.chars().count() <= MAX_NAME && !text.chars().any(char::is_control);
    if is_good { Ok(text) } else { Err(Refusal::value(field, format!("write 1 to {MAX_NAME} printable characters"))) }
}
