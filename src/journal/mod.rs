//! The journal: one append-only, durable sequence of entries.
