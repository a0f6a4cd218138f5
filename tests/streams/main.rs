//! Streams and tables: what the real Kafka Streams did, case by case, and what the engine adds to it.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

#[path = "../support/random.rs"]
mod random;

mod bench;
mod caches;
mod cases;
mod golden;
mod models;
mod operators;
mod programs;
mod restarts;
