//! The engine over the journal.
