//! The embedded broker, for the demo and small sites.
