//! In which form rows leave.

/// What may leave: everything, or what viewers get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Coarsened: no position finer than about a kilometre, no bearing or range, no time
    /// that would place a sound by its arrival, no track, no person, no evidence.
    Viewer,
    /// As it is, for a destination that only reviewers read.
    Internal,
}
