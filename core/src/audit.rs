//! The audit: a chain of entries, each of which holds the hash of the one before.
//!
//! Whoever alters, removes or inserts an entry breaks the chain at it or after it, unless all that follow
//! are computed anew. That its last entries were cut off, or all computed anew, the chain alone cannot show: a
//! [`Mark`] of the newest one that is kept elsewhere does.

use serde::{Deserialize, Serialize};

use crate::hash::ContentHash;
use crate::time::Time;

/// What stands for the hash before the first entry.
pub const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Starts the bytes that are hashed, so that they are the bytes of nothing else.
const DOMAIN: &str = "truceline:audit:1";

/// One entry: who did what to what, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// 1, 2, 3, … without gaps.
    pub seq: u64,
    /// Wall time.
    pub at: Time,
    /// Who: `service`, `signal` or `api`.
    pub actor: String,
    /// What was done, such as `agreement_in_force`.
    pub action: String,
    /// To what, such as an agreement's id.
    pub subject: String,
    /// More of it, as JSON; the text itself is hashed.
    pub detail: String,
    /// The hash of the entry before, 64 hexadecimal digits; [`NO_HASH`] for the first.
    pub previous: String,
    /// SHA-256 of all the above in [`AuditEntry::canonical`], 64 hexadecimal digits.
    pub hash: String,
}

/// What an entry says, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// See [`AuditEntry::actor`].
    pub actor: String,
    /// See [`AuditEntry::action`].
    pub action: String,
    /// See [`AuditEntry::subject`].
    pub subject: String,
    /// See [`AuditEntry::detail`].
    pub detail: serde_json::Value,
}

/// The first entry at which a chain does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit does not hold at entry {seq}: {why}")]
pub struct Broken {
    /// Its number; of an entry that is missing, the number it would have.
    pub seq: u64,
    /// What does not hold.
    pub why: String,
}

/// Number and hash of an entry, noted apart from the chain: whatever becomes of the chain, that entry must be in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The entry's number.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// A text that is no [`Mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no mark of an entry; write its number, a colon and its hash of 64 hexadecimal digits")]
pub struct MarkError;

impl std::str::FromStr for Mark {
    type Err = MarkError;

    fn from_str(text: &str) -> Result<Self, MarkError> {
        let (seq, hash) = text.split_once(':').ok_or(MarkError)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match seq.parse() {
            Ok(seq) if is_hash && seq > 0 => Ok(Self { seq, hash: hash.to_owned() }),
            _ => Err(MarkError),
        }
    }
}

impl AuditEntry {
    /// The entry that follows `before` in the chain; the first one without it.
    pub fn after(before: Option<&Self>, at: Time, deed: Deed) -> Self {
        let mut entry = Self {
            seq: before.map_or(1, |before| before.seq.saturating_add(1)),
            at,
            actor: deed.actor,
            action: deed.action,
            subject: deed.subject,
            detail: deed.detail.to_string(),
            previous: before.map_or_else(|| NO_HASH.to_owned(), |before| before.hash.clone()),
            hash: String::new(),
        };
        entry.hash = entry.expected_hash();
        entry
    }

    /// What to note of it elsewhere.
    pub fn mark(&self) -> Mark {
        Mark { seq: self.seq, hash: self.hash.clone() }
    }

    /// The bytes that are hashed: domain, number, nanoseconds, then each text, all with their lengths before them.
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let (seq, at) = (self.seq.to_le_bytes(), self.at.nanos().to_le_bytes());
        let texts = [&self.actor, &self.action, &self.subject, &self.detail, &self.previous].map(String::as_bytes);
        for part in [DOMAIN.as_bytes(), &seq, &at].into_iter().chain(texts) {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    /// The hash that it must have.
    pub fn expected_hash(&self) -> String {
        let mut hash = ContentHash::default();
        hash.add(self.canonical());
        hash.end()
    }
}

/// Follows a chain from its first entry, and looks whether all that was noted of it elsewhere is in it; fed with one
/// entry after the other.
#[derive(Clone, Debug)]
pub struct Verifier {
    next: u64,
    hash: String,
    /// Not come by yet, the least number last.
    marks: Vec<Mark>,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Verifier {
    /// One that expects these entries in the chain.
    pub fn new(mut marks: Vec<Mark>) -> Self {
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.seq));
        Self { next: 1, hash: NO_HASH.to_owned(), marks }
    }

    /// Takes the next entry.
    ///
    /// # Errors
    /// The chain does not hold there.
    pub fn take(&mut self, entry: &AuditEntry) -> Result<(), Broken> {
        let broken = |seq, why: &str| Err(Broken { seq, why: why.to_owned() });
        if entry.seq < self.next || entry.seq > i64::MAX as u64 {
            let why = format!("an entry with number {} stands before it", entry.seq.cast_signed());
            return broken(self.next, &why);
        }
        if entry.seq != self.next {
            return broken(self.next, "it is missing");
        }
        if entry.previous != self.hash {
            return broken(entry.seq, "it does not follow the entry before it");
        }
        if entry.hash != entry.expected_hash() {
            return broken(entry.seq, "it was altered");
        }
        while let Some(mark) = self.marks.pop_if(|mark| mark.seq == entry.seq) {
            if mark.hash != entry.hash {
                return broken(
                    entry.seq,
                    "it is not the one that was noted elsewhere: all from it on may be made anew",
                );
            }
        }
        self.next += 1;
        self.hash.clone_from(&entry.hash);
        Ok(())
    }

    /// How many entries hold, and the hash of the last of them, once there are no more.
    ///
    /// # Errors
    /// The chain ends before an entry that was noted elsewhere.
    pub fn end(&self) -> Result<(u64, &str), Broken> {
        match self.marks.first() {
            Some(newest) => {
                let why = format!("the end is cut off: entry {} was noted elsewhere", newest.seq);
                Err(Broken { seq: self.next, why })
            }
            None => Ok((self.next - 1, &self.hash)),
        }
    }
}
