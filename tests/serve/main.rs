//! The server from outside: the real binary, and clients that speak the wire's own words or break its rules.
#![allow(clippy::panic, reason = "a helper of tests fails by panicking")]

#[path = "../support/frames.rs"]
mod frames;
#[path = "../support/mutation.rs"]
mod mutation;
#[path = "../support/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;

mod compaction;
mod doors;
mod flags;
mod fuzz;
mod hostile;
mod isolation;
mod kill;
mod produce;
mod retention;
mod stop;
mod transactions;
mod words;
