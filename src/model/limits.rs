//! Every limit of the engine in one place, with its unit and where it comes from.

/// Characters of a topic name. Source: Kafka, so that `<name>-<partition>` fits a directory name.
pub const TOPIC_NAME_MAX: usize = 249;

/// Partitions of one topic, inclusive. A partition costs a directory and three files.
pub const PARTITIONS_MAX: i32 = 100_000;

/// Bytes of a batch as stored, header included, unless `max.message.bytes` says otherwise.
pub const MAX_MESSAGE_BYTES_DEFAULT: i32 = 1_048_588;

/// Bytes that one batch may hold once decompressed: this, or four times `max.message.bytes` where that is more.
pub const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// Bytes of the largest batch that a reader accepts from a file. Kafka's own cap is that of a segment, 2 GiB.
pub const BATCH_BYTES_MAX: usize = i32::MAX as usize;

/// Bytes of a text file in the directory (catalog, checkpoints) that is read whole.
pub const TEXT_FILE_BYTES_MAX: u64 = 256 << 20;

/// Bytes of a file that holds a line or two: `partition.metadata`, what a process says of itself.
pub const SMALL_FILE_BYTES_MAX: u64 = 4096;

/// Bytes of a snapshot of committed offsets: of more than that none is taken.
pub const OFFSETS_SNAPSHOT_BYTES_MAX: usize = 256 << 20;

/// Bytes of what a member of a group says of itself in `run/members`.
pub const MEMBER_NOTE_BYTES_MAX: u64 = 64 << 20;

/// Milliseconds after which a partition forgets an idempotent producer that is idle. Source: Kafka's
/// `producer.id.expiration.ms`.
pub const PRODUCER_ID_EXPIRATION_MS: i64 = 24 * 60 * 60 * 1000;

/// Milliseconds between two looks for such producers. Source: Kafka's
/// `producer.id.expiration.check.interval.ms`.
pub const PRODUCER_ID_SWEEP_MS: i64 = 10 * 60 * 1000;

/// Bytes of arrays and strings that decoding a message may make: this, and eight times its frame …
pub const DECODED_BYTES_MIN: usize = 64 << 10;

/// … but never more than this.
pub const DECODED_BYTES_MAX: usize = 32 << 20;

/// Groups of one partition of `__consumer_offsets` that requests may make; those that are read from the log count, and
/// are never refused. Kafka has no such limit; an id costs a hostile client nothing, and us some 500 bytes.
pub const GROUPS_PER_PARTITION_MAX: usize = 20_000;

/// Transactional ids of one partition of `__transaction_state` that requests may make, likewise.
pub const TRANSACTIONAL_IDS_PER_PARTITION_MAX: usize = 20_000;

/// Ids of one group that were given out, whose owners did not come back with them yet.
pub const GROUP_PENDING_MAX: usize = 10_000;

/// Bytes of a client's name that go into the ids of its members.
pub const MEMBER_NAME_BYTES_MAX: usize = 249;

/// Bytes of what one member says of itself, for all its protocols: all of it is kept.
pub const MEMBER_METADATA_BYTES_MAX: usize = 1 << 20;

/// Bytes of ids and names in the records of groups, whose lengths have 16 bits.
pub const GROUP_STRING_BYTES_MAX: usize = i16::MAX as usize;
