//! The protocol room from outside: its declarations against Kafka's schemas, its codecs against another implementation,
//! frames of real clients, and bytes that are no frames.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

#[path = "../support/allocator.rs"]
mod allocator;
#[path = "../support/frames.rs"]
mod frames;
#[path = "../support/random.rs"]
mod random;

mod captured;
mod error_codes;
mod generate;
mod hostile;
mod oracle;
mod schemas;

#[global_allocator]
static ALLOCATOR: allocator::Counting = allocator::Counting;
