//! A topic's configuration: Kafka's keys, types, defaults and ranges.
