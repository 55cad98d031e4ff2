//! Roles, each of which may do what those before it may.

use serde::{Deserialize, Serialize};

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees coarsened places, after a while.
    Viewer,
    /// Sees all, and reviews.
    Analyst,
    /// Signs as the second.
    Supervisor,
    /// Also manages people, tokens and the agreement.
    Admin,
}

/// A word that is no role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no role; there are viewer, analyst, supervisor and admin")]
pub struct UnknownRole(String);

impl Role {
    /// All, the one that may do least first.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Analyst, Self::Supervisor, Self::Admin];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| UnknownRole(text.chars().take(32).collect()))
    }
}
