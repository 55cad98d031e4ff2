//! Points against a server that misbehaves on purpose.
