//! What people decide about an alert: the review, as pure transitions.
//!
//! A [`Review`] is folded from its [`Step`]s, which are only ever added. [`Review::decide`] says whether somebody may do
//! something now, and as what step it is written; [`Review::after`] is the review that follows from a step. The
//! machine's part, the alert itself, is not touched by either.
//!
//! ```text
//! suspected ─take─▶ under_review ─conclude─▶ dismissed | inconclusive
//!     ▲                 │  ▲                        │
//!     │          conclude  decline                  │
//!     │   (four eyes)   ▼  │                        │
//!     │              a proposal ─sign─▶ verified | dismissed
//!     └──────────── reopen, new evidence ───────────┘       supersede: from suspected or under_review
//! ```
//!
//! What needs four eyes (verified, and to dismiss a severe alert) is proposed by one person and signed by another.
//! Verification is not attribution, which is a field of its own and `not_assessed` unless a person says otherwise.

mod decide;
mod role;

pub use decide::{Done, Refusal};
pub use role::{Role, UnknownRole};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agreement::Severity;
use crate::time::Time;

/// Most characters of a reason, a comment or a note of a contact.
pub const MAX_TEXT: usize = 4_000;
/// Most bytes of an attached file.
pub const MAX_ATTACHMENT: u64 = 10 << 20;
/// Most files attached to one alert.
pub const MAX_ATTACHMENTS: usize = 50;
/// Most steps of one review; beyond them only what ends it is taken.
pub const MAX_STEPS: u64 = 10_000;
/// Longest that an alert may be shelved, in seconds: a watch of twelve hours.
pub const MAX_SHELVED_S: i64 = 12 * 3600;

/// Where a review stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nobody has taken it.
    #[default]
    Suspected,
    /// Somebody looks into it.
    UnderReview,
    /// Two people hold it for a violation.
    Verified,
    /// It is none.
    Dismissed,
    /// It cannot be told.
    Inconclusive,
    /// It is the same as another alert, which goes on.
    Superseded,
}

impl Stage {
    /// All, in the order of a review's course.
    pub const ALL: [Self; 6] =
        [Self::Suspected, Self::UnderReview, Self::Verified, Self::Dismissed, Self::Inconclusive, Self::Superseded];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suspected => "suspected",
            Self::UnderReview => "under_review",
            Self::Verified => "verified",
            Self::Dismissed => "dismissed",
            Self::Inconclusive => "inconclusive",
            Self::Superseded => "superseded",
        }
    }

    /// Whether the review has come to an end, until it is opened again.
    pub const fn is_closed(self) -> bool {
        !matches!(self, Self::Suspected | Self::UnderReview)
    }
}

/// What a review may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Outcome {
    Verified,
    Dismissed,
    Inconclusive,
}

impl Outcome {
    /// The stage that it leads to.
    pub const fn stage(self) -> Stage {
        match self {
            Self::Verified => Stage::Verified,
            Self::Dismissed => Stage::Dismissed,
            Self::Inconclusive => Stage::Inconclusive,
        }
    }

    /// Whether a second person has to sign it for an alert of this severity.
    pub fn needs_four_eyes(self, severity: Severity) -> bool {
        match self {
            Self::Verified => true,
            Self::Dismissed => severity >= Severity::Severe,
            Self::Inconclusive => false,
        }
    }
}

/// Whom a person holds to have done it. No sensor says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Attribution {
    #[default]
    NotAssessed,
    SideA,
    SideB,
    Other,
    /// Looked into, and not to be told.
    Undetermined,
}

/// Who does something, at the moment of doing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name that they sign in with.
    pub name: String,
    /// Their role now.
    pub role: Role,
}

/// What of the alert a review goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How severe it is now.
    pub severity: Severity,
    /// How many detections belong to it.
    pub detections: u64,
    /// The machine's revision.
    pub revision: u32,
}

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// To say that it was seen: nothing more.
    Acknowledge {},
    /// To have it out of the queue until then.
    Shelve {
        /// At most [`MAX_SHELVED_S`] from now.
        until: Time,
        /// Why.
        reason: String,
    },
    /// To have it in the queue again.
    Unshelve {},
    /// To give it to somebody, or to nobody.
    Assign {
        /// Their name.
        to: Option<String>,
    },
    /// To look into it oneself.
    Take {},
    /// To say what was found. What needs four eyes is then a proposal.
    Conclude {
        /// What.
        outcome: Outcome,
        /// Why.
        reason: String,
    },
    /// To sign what another person proposed.
    Sign {},
    /// Not to sign it: the review goes on.
    Decline {
        /// Why.
        reason: String,
    },
    /// To look into it again.
    Reopen {
        /// Why.
        reason: String,
    },
    /// To say that it is the same as another.
    Supersede {
        /// The other alert.
        by: Uuid,
        /// Why.
        reason: String,
    },
    /// To say who did it, or that this is not assessed.
    Attribute {
        /// Whom.
        to: Attribution,
        /// Why.
        reason: String,
    },
    /// To say something.
    Comment {
        /// What.
        text: String,
    },
    /// To add a file that is stored already.
    Attach(Attachment),
    /// To note a word to or from a side, in the same form for both.
    Contact(Contact),
}

/// A file that belongs to a review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
    /// Its name, for people.
    pub name: String,
    /// Its media type, as told.
    pub media_type: String,
    /// Bytes.
    pub size: u64,
}

/// One contact with a side about an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Which side.
    pub side: ContactSide,
    /// `true`: from us to them.
    pub outgoing: bool,
    /// When it was, by whoever notes it.
    pub at: Time,
    /// What was said.
    pub text: String,
}

/// A side that can be spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum ContactSide {
    A,
    B,
}

/// An outcome that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What.
    pub outcome: Outcome,
    /// By whom.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why.
    pub reason: String,
    /// The machine's revision that they had before them.
    pub alert_revision: u32,
}

/// What was done, as it is kept; the steps of one review number 1, 2, 3, …
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its number.
    pub n: u64,
    /// Wall time, UTC.
    pub at: Time,
    /// Who; `truceline` where the machine did it.
    pub by: String,
    /// Their role then; `None` for the machine.
    pub role: Option<Role>,
    /// What.
    pub done: Done,
}

/// A review as it stands: what follows from all its steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The number of its latest step; 0 before the first. Whoever acts says which one they saw.
    pub revision: u64,
    /// Where it stands.
    pub stage: Stage,
    /// Who looks into it, or did last.
    pub reviewer: Option<String>,
    /// Whose it is to look into.
    pub assignee: Option<String>,
    /// Who saw it first.
    pub acknowledged_by: Option<String>,
    /// When.
    pub acknowledged_at: Option<Time>,
    /// Until when it is out of the queue.
    pub shelved_until: Option<Time>,
    /// What waits for a second person.
    pub proposal: Option<Proposal>,
    /// Why it was closed.
    pub reason: Option<String>,
    /// Who signed it as the second.
    pub signed_by: Option<String>,
    /// The alert that goes on in its place.
    pub superseded_by: Option<Uuid>,
    /// Whom a person holds to have done it.
    pub attribution: Attribution,
    /// Evidence came after it was closed.
    pub new_evidence: bool,
    /// Detections when it was closed; more of them open it again.
    pub closed_at_detections: Option<u64>,
    /// How many comments there are.
    pub comments: u32,
    /// How many files.
    pub attachments: u32,
    /// How many contacts.
    pub contacts: u32,
}
