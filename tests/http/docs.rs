//! Documented requests.
