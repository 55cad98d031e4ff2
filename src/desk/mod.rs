//! The desk: alerts and their log, durable.
