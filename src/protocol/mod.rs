//! Kafka's wire protocol: messages, headers, error codes. Bytes in, bytes out; no I/O.
//!
//! Each API has a file with its messages, declared field by field as Kafka's schemas do; see
//! `message.rs` for the form. Records stay opaque bytes, and are never copied.

pub mod add_offsets_to_txn;
pub mod add_partitions_to_txn;
pub mod alter_configs;
pub mod alter_partition_reassignments;
pub mod api;
pub mod api_versions;
pub mod consumer_group_records;
pub mod create_partitions;
pub mod create_topics;
pub mod delete_groups;
pub mod delete_records;
pub mod delete_topics;
pub mod describe_cluster;
pub mod describe_configs;
pub mod describe_groups;
pub mod describe_log_dirs;
pub mod describe_producers;
pub mod describe_topic_partitions;
pub mod describe_transactions;
pub mod elect_leaders;
pub mod end_txn;
pub mod error_code;
pub mod fetch;
pub mod find_coordinator;
pub mod group_records;
pub mod header;
pub mod heartbeat;
pub mod incremental_alter_configs;
pub mod init_producer_id;
pub mod join_group;
pub mod leave_group;
pub mod list_groups;
pub mod list_offsets;
pub mod list_partition_reassignments;
pub mod list_transactions;
mod message;
pub mod metadata;
pub mod offset_commit;
pub mod offset_delete;
pub mod offset_fetch;
pub mod offset_for_leader_epoch;
pub mod produce;
mod reader;
pub mod schema;
pub mod sync_group;
pub mod transaction_records;
pub mod txn_offset_commit;
pub mod wire;
pub mod write_txn_markers;
mod writer;

pub use api::{ApiKey, Request, Response, frame_response, read_request};
pub use error_code::ErrorCode;
pub use header::RequestHeader;
pub use wire::{DecodeError, Reader, Records, Splice, Writer};
