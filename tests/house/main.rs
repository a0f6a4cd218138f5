//! The rules of the house that a machine can hold: the order of the rooms, what files look like, what the binary links.
#![allow(clippy::panic, reason = "a helper of tests fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod linked;
mod rooms;
mod tidy;
