//! Record batch v2, Kafka's unit of storage and of the wire: parsing, building, compression,
//! validation. Bytes in, bytes out; no I/O.

mod types;
pub mod varint;

pub use types::{Header, Headers, HeadersIter, Record};
