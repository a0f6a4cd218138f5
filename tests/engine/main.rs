//! The library's rooms from outside: record batches against Kafka's own and another implementation, a partition's log
//! against a model and in the crash laboratory, and what a verification finds.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

#[path = "../support/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;

mod backup_crash;
mod group_commands;
mod group_records;
mod group_snapshots;
mod groups;
mod inspect_repair;
mod inspect_verify;
mod kafka_load;
mod log_compaction;
mod log_compaction_beside;
mod log_compaction_crash;
mod log_compaction_transactions;
mod log_compaction_verified;
mod log_crash;
mod log_ground;
mod log_idempotent;
mod log_kafka_producers;
mod log_leftovers;
mod log_mixed;
mod log_model;
mod log_retain;
mod log_transactions;
mod log_transactions_crash;
mod record_kafka_files;
mod record_oracle;
mod record_round_trip;
mod transaction_commands;
mod transaction_records;
mod transactions;
