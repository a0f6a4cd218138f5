//! The real binary from outside, a file for each command and each thing that must hold for all of them: stdout,
//! stderr and exit status, in a fresh directory with a clean environment.
#![allow(clippy::panic, reason = "a helper of tests fails by panicking")]

#[path = "../support/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;

mod backup;
mod bad_input;
mod breakage;
mod concurrency;
mod consume;
mod consume_group;
mod crash_kill;
mod cursor_file;
mod group;
mod group_members;
mod help;
mod independent_reader;
mod isolation;
mod jq;
mod kafka_data;
mod log_compact;
mod log_dump;
mod log_repair;
mod log_retain;
mod log_verify;
mod per_partition;
mod produce;
mod produce_transactional;
mod readme;
mod round_trip;
mod stream;
mod stream_kill;
mod table;
mod table_kill;
mod table_named;
mod table_updates;
mod topic;
mod topic_truncate;
