//! The loop of every sink, over a log in memory.
