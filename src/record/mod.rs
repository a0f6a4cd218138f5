//! Record batch v2, Kafka's unit of storage and of the wire: parsing, building, compression,
//! validation. Bytes in, bytes out; no I/O.

mod attributes;
mod batch;
mod builder;
mod compression;
mod error;
mod gap;
mod header;
mod marker;
mod records;
mod rewrite;
mod types;
mod validate;
pub mod varint;

pub use attributes::Attributes;
pub use batch::{Batch, Frame};
pub use builder::{BatchBuilder, BuildError, write_header};
pub use compression::{Compressor, Decompressor, compress};
pub use error::CorruptBatch;
pub use gap::GapBatch;
pub use header::{
    FRAME_PREFIX_BYTES, HEADER_BYTES, MAGIC, set_base_offset, set_leader_epoch, set_max_timestamp,
    stamp_append_time,
};
pub use marker::{EndTransactionMarker, Outcome};
pub use records::Records;
pub use rewrite::{BatchRewriter, emptied};
pub use types::{Header, Headers, HeadersIter, Record};
pub use validate::{BatchFacts, InvalidBatch, InvalidRecord, RecordFault, RecordRules};

pub use crate::model::{Compression, TimestampType};
