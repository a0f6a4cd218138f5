//! Streams and tables through the real binary: what the real Kafka Streams did, case by case.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests fails by panicking")]
#![allow(dead_code, reason = "the helpers of all test binaries")]

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod golden;
