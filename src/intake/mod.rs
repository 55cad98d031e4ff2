//! The MQTT session: readings in, acknowledged only once they are durable.
