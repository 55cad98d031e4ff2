//! Why a message, or one reading of a batch, is not accepted.

use serde::{Deserialize, Serialize};

/// The reasons of the wire contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum RejectReason {
    Undecodable,
    UnsupportedVersion,
    UnknownKind,
    TopicMismatch,
    BadId,
    OutOfRange,
    MissingField,
    TimeInFuture,
    TimeTooOld,
    TooLarge,
    UnknownDevice,
    BadSignature,
    Unsigned,
    ConflictingDuplicate,
    RateLimited,
}

impl RejectReason {
    /// All reasons, in the contract's order.
    pub const ALL: [Self; 15] = [
        Self::Undecodable,
        Self::UnsupportedVersion,
        Self::UnknownKind,
        Self::TopicMismatch,
        Self::BadId,
        Self::OutOfRange,
        Self::MissingField,
        Self::TimeInFuture,
        Self::TimeTooOld,
        Self::TooLarge,
        Self::UnknownDevice,
        Self::BadSignature,
        Self::Unsigned,
        Self::ConflictingDuplicate,
        Self::RateLimited,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::UnsupportedVersion => "unsupported_version",
            Self::UnknownKind => "unknown_kind",
            Self::TopicMismatch => "topic_mismatch",
            Self::BadId => "bad_id",
            Self::OutOfRange => "out_of_range",
            Self::MissingField => "missing_field",
            Self::TimeInFuture => "time_in_future",
            Self::TimeTooOld => "time_too_old",
            Self::TooLarge => "too_large",
            Self::UnknownDevice => "unknown_device",
            Self::BadSignature => "bad_signature",
            Self::Unsigned => "unsigned",
            Self::ConflictingDuplicate => "conflicting_duplicate",
            Self::RateLimited => "rate_limited",
        }
    }

    /// The reason that this word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}
