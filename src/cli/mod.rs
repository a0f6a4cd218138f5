//! The command line: forms of records in and out, and the small grammars that flags share.
//!
//! What stands here so far is pure: text and bytes in, values and bytes out. Only [`input`] reads,
//! from a source that it is given.

pub mod escape;
pub mod filter;
pub mod format;
mod frame;
pub mod input;
mod json;
pub mod offset_spec;
pub mod output;
pub mod partition_list;
pub mod terminal;
pub mod time;
pub mod timestamp;
