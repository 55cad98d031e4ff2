//! Sinks: durable cursors over the logs, to InfluxDB and MQTT.
