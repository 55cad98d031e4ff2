//! From TOML and environment to a validated configuration.
