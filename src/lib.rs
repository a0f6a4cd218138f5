//! runnel: Kafka in a directory.
//!
//! The rooms, from the ground up; a room imports only rooms that stand before it in this list.
//! `tests/house/rooms.rs` holds the order.
//!
//! | room | what it is for |
//! | --- | --- |
//! | [`model`] | plain types and limits |
//! | [`clock`] | time, passed in |
//! | [`protocol`] | Kafka's messages, field by field; no I/O |
//! | [`record`] | record batch v2; no I/O |
//! | [`storage`] | the one door to the file system |
//! | [`log`] | segments, indexes, one partition's log |
//! | [`broker`] | the engine: catalog, append, fetch, offsets |
//! | [`server`] | the engine behind sockets, one handler file per API |
//! | [`cluster`] | the one face of "a Kafka" for what stands above |
//! | [`inspect`] | look into logs and repair them, also a dead directory's |
//! | [`serde`] | what keys and values hold: bytes to text and back; JSON |
//! | [`filter`] | jq programs over records |
//! | [`stream`] | streams and tables: topologies as a pure engine; no I/O |
//! | [`job`] | streams and tables over topics: definitions, plans, runs, views |
//! | [`cli`] | arguments, formats, progress, exit codes |
//!
//! Below `cli` nothing prints, exits or reads the environment.

pub mod broker;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod filter;
pub mod inspect;
pub mod job;
pub mod log;
pub mod model;
pub mod protocol;
pub mod record;
pub mod serde;
pub mod server;
pub mod storage;
pub mod stream;
