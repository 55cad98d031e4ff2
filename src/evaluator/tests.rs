//! The evaluator over a log in memory.
