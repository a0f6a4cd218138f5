//! The records of `__consumer_offsets`, in which groups and their committed offsets are kept.
//!
//! A key begins with its version, which tells what the record is; a value with a version of its own.
//! A null value is a tombstone.
//!
//! | key | what | value versions |
//! | --- | --- | --- |
//! | 0, 1 | an offset: group string, topic string, partition i32 | 0 to 4 |
//! | 2 | a classic group: group string | 0 to 3 |
//! | others | other kinds of groups: left as they are | |
//!
//! | offset value | 0 | 1 | 2 | 3 | 4, flexible |
//! | --- | --- | --- | --- | --- | --- |
//! | offset i64 | x | x | x | x | x |
//! | leader epoch i32 | | | | x | x |
//! | metadata string | x | x | x | x | x |
//! | commit timestamp i64 | x | x | x | x | x |
//! | expire timestamp i64, -1 none | | x | | | |
//! | tag 0: topic id | | | | | x |
//!
//! Kafka 4.3 writes 4, and 1 where a commit had a retention of its own. Strings are read in place:
//! loading a million records must not allocate a million times.
//!
//! Source: Kafka's `OffsetCommitKey`, `OffsetCommitValue`, `GroupMetadataKey`, `GroupMetadataValue`.

use bytes::Bytes;

use super::wire;
use crate::model::Uuid;

/// Bytes that are no record of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a record of a group: {0}")]
pub struct InvalidGroupRecord(&'static str);

/// What decoding gives.
pub type Result<T> = std::result::Result<T, InvalidGroupRecord>;

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupRecordKey<'a> {
    /// A committed offset.
    Offset {
        /// The group.
        group: &'a str,
        /// The topic.
        topic: &'a str,
        /// The partition.
        partition: i32,
    },
    /// A classic group.
    Group {
        /// The group.
        group: &'a str,
    },
    /// Something that a later Kafka keeps here too.
    Other {
        /// The key's version.
        version: i16,
    },
}

impl<'a> GroupRecordKey<'a> {
    /// Reads a key.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = Fields(bytes);
        match rest.i16()? {
            0 | 1 => Ok(Self::Offset {
                group: rest.string()?,
                topic: rest.string()?,
                partition: rest.i32()?,
            }),
            2 => Ok(Self::Group { group: rest.string()? }),
            version => Ok(Self::Other { version }),
        }
    }

    /// Writes a key. Strings are at most [`i16::MAX`] bytes; what is of another kind is not written.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Offset { group, topic, partition } => {
                out.extend_from_slice(&1_i16.to_be_bytes());
                put_string(out, group);
                put_string(out, topic);
                out.extend_from_slice(&partition.to_be_bytes());
            }
            Self::Group { group } => {
                out.extend_from_slice(&2_i16.to_be_bytes());
                put_string(out, group);
            }
            Self::Other { .. } => {}
        }
    }
}

/// The group that a record is of, whatever it tells of it: every key begins with its version and the
/// group's id. `None` for bytes that are no key.
#[must_use]
pub fn group_of(key: &[u8]) -> Option<&str> {
    let mut rest = Fields(key);
    rest.i16().ok()?;
    rest.string().ok()
}

/// A committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetCommitValue<'a> {
    /// The offset of the next record to read.
    pub offset: i64,
    /// The leader epoch of the last record that was read, -1 if not known.
    pub leader_epoch: i32,
    /// What the member wants to be told with it.
    pub metadata: &'a str,
    /// When it was committed, in milliseconds since the Unix epoch.
    pub commit_timestamp: i64,
    /// When it is to be forgotten; -1 when the broker's rules say so.
    pub expire_timestamp: i64,
    /// The topic's id; zero if not known.
    pub topic_id: Uuid,
}

impl<'a> OffsetCommitValue<'a> {
    /// Reads a value.
    ///
    /// # Errors
    /// Where the bytes are none, or of a version that is not known.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = Fields(bytes);
        let version = rest.i16()?;
        if !(0..=4).contains(&version) {
            return Err(InvalidGroupRecord("an offset of an unknown version"));
        }
        let offset = rest.i64()?;
        let leader_epoch = if version >= 3 { rest.i32()? } else { -1 };
        let metadata = if version >= 4 { rest.compact_string()? } else { rest.string()? };
        let commit_timestamp = rest.i64()?;
        let expire_timestamp = if version == 1 { rest.i64()? } else { -1 };
        let topic_id = if version >= 4 { rest.topic_id_tag()? } else { Uuid::default() };
        Ok(Self { offset, leader_epoch, metadata, commit_timestamp, expire_timestamp, topic_id })
    }

    /// Writes a value, of the version that Kafka 4.3 writes.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.expire_timestamp != -1 {
            out.extend_from_slice(&1_i16.to_be_bytes());
            out.extend_from_slice(&self.offset.to_be_bytes());
            put_string(out, self.metadata);
            out.extend_from_slice(&self.commit_timestamp.to_be_bytes());
            out.extend_from_slice(&self.expire_timestamp.to_be_bytes());
            return;
        }
        out.extend_from_slice(&4_i16.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.to_be_bytes());
        put_unsigned_varint(out, self.metadata.len() + 1);
        out.extend_from_slice(self.metadata.as_bytes());
        out.extend_from_slice(&self.commit_timestamp.to_be_bytes());
        if self.topic_id == Uuid::default() {
            return out.push(0);
        }
        // One tagged field: tag 0 of 16 bytes.
        out.extend_from_slice(&[1, 0, 16]);
        out.extend_from_slice(&self.topic_id.0);
    }
}

/// A classic group in a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadataValue {
    /// What kind of group it is; empty before its first generation.
    pub protocol_type: String,
    /// The generation.
    pub generation: i32,
    /// The protocol of the generation.
    pub protocol: Option<String>,
    /// The id of the member who assigns.
    pub leader: Option<String>,
    /// Since when it is in its state, in milliseconds since the Unix epoch; -1 if not known.
    pub current_state_timestamp: i64,
    /// Its members.
    pub members: Vec<MemberMetadata>,
}

/// A member in a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberMetadata {
    /// Its id.
    pub member_id: String,
    /// Its own name, where it has one.
    pub group_instance_id: Option<String>,
    /// The name that its client gave itself.
    pub client_id: String,
    /// Where its client is.
    pub client_host: String,
    /// How many milliseconds a rebalance waits for it.
    pub rebalance_timeout: i32,
    /// After how many milliseconds of silence it is a member no more.
    pub session_timeout: i32,
    /// What it said of itself for the chosen protocol.
    pub subscription: Bytes,
    /// What it is to do.
    pub assignment: Bytes,
}

/// Bytes of the smallest member: what bounds a count.
const MEMBER_BYTES_MIN: usize = 18;

impl GroupMetadataValue {
    /// Reads a value.
    ///
    /// # Errors
    /// Where the bytes are none, or of a version that is not known.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut rest = Fields(bytes);
        let version = rest.i16()?;
        if !(0..=3).contains(&version) {
            return Err(InvalidGroupRecord("a group of an unknown version"));
        }
        let protocol_type = rest.string()?.to_owned();
        let generation = rest.i32()?;
        let protocol = rest.nullable_string()?.map(str::to_owned);
        let leader = rest.nullable_string()?.map(str::to_owned);
        let current_state_timestamp = if version >= 2 { rest.i64()? } else { -1 };
        let count = rest.i32()?;
        let most = rest.0.len() / MEMBER_BYTES_MIN;
        let count = usize::try_from(count).ok().filter(|count| *count <= most);
        let count = count.ok_or(InvalidGroupRecord("an impossible number of members"))?;
        let members = (0..count).map(|_| MemberMetadata::read(&mut rest, version));
        let members = members.collect::<Result<_>>()?;
        Ok(Self { protocol_type, generation, protocol, leader, current_state_timestamp, members })
    }

    /// Writes a value, of version 3.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&3_i16.to_be_bytes());
        put_string(out, &self.protocol_type);
        out.extend_from_slice(&self.generation.to_be_bytes());
        put_nullable_string(out, self.protocol.as_deref());
        put_nullable_string(out, self.leader.as_deref());
        out.extend_from_slice(&self.current_state_timestamp.to_be_bytes());
        put_len(out, self.members.len());
        for member in &self.members {
            member.write(out);
        }
    }
}

impl MemberMetadata {
    fn read(rest: &mut Fields<'_>, version: i16) -> Result<Self> {
        let member_id = rest.string()?.to_owned();
        let group_instance_id =
            if version >= 3 { rest.nullable_string()?.map(str::to_owned) } else { None };
        let client_id = rest.string()?.to_owned();
        let client_host = rest.string()?.to_owned();
        let rebalance_timeout = if version >= 1 { Some(rest.i32()?) } else { None };
        let session_timeout = rest.i32()?;
        Ok(Self {
            member_id,
            group_instance_id,
            client_id,
            client_host,
            rebalance_timeout: rebalance_timeout.unwrap_or(session_timeout),
            session_timeout,
            subscription: Bytes::copy_from_slice(rest.bytes()?),
            assignment: Bytes::copy_from_slice(rest.bytes()?),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        put_string(out, &self.member_id);
        put_nullable_string(out, self.group_instance_id.as_deref());
        put_string(out, &self.client_id);
        put_string(out, &self.client_host);
        out.extend_from_slice(&self.rebalance_timeout.to_be_bytes());
        out.extend_from_slice(&self.session_timeout.to_be_bytes());
        for bytes in [&self.subscription, &self.assignment] {
            put_len(out, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
}

/// The topics in what a member of type `consumer` says of itself; `None` where it is not of that
/// form. Source: Kafka's `ConsumerProtocolSubscription`.
#[must_use]
pub fn subscribed_topics(metadata: &[u8]) -> Option<Vec<&str>> {
    let mut rest = Fields(metadata);
    rest.i16().ok().filter(|version| *version >= 0)?;
    let count = usize::try_from(rest.i32().ok()?).ok()?;
    // A name takes at least its length's two bytes.
    (count <= rest.0.len() / 2).then(|| (0..count).map(|_| rest.string().ok()).collect())?
}

/// The fields of a record, one after the other.
struct Fields<'a>(&'a [u8]);

const SHORT: InvalidGroupRecord = InvalidGroupRecord("it ends within a field");
const LENGTH: InvalidGroupRecord = InvalidGroupRecord("a length is out of range");

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(SHORT)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn i16(&mut self) -> Result<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn text(&mut self, len: usize) -> Result<&'a str> {
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).map_err(|_| InvalidGroupRecord("a string is not UTF-8"))
    }

    fn nullable_string(&mut self) -> Result<Option<&'a str>> {
        match self.i16()? {
            -1 => Ok(None),
            len => self.text(usize::try_from(len).map_err(|_| LENGTH)?).map(Some),
        }
    }

    fn string(&mut self) -> Result<&'a str> {
        self.nullable_string()?.ok_or(LENGTH)
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = usize::try_from(self.i32()?).map_err(|_| LENGTH)?;
        self.take(len)
    }

    fn unsigned_varint(&mut self) -> Result<usize> {
        let mut value = 0_u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(value).map_err(|_| LENGTH);
            }
        }
        Err(LENGTH)
    }

    fn compact_string(&mut self) -> Result<&'a str> {
        let len = self.unsigned_varint()?.checked_sub(1).ok_or(LENGTH)?;
        self.text(len)
    }

    /// The tagged fields of an offset; those but the first are of later versions.
    fn topic_id_tag(&mut self) -> Result<Uuid> {
        let mut id = Uuid::default();
        for _ in 0..self.unsigned_varint()? {
            let (tag, size) = (self.unsigned_varint()?, self.unsigned_varint()?);
            let value = self.take(size)?;
            if tag == 0 {
                id = Uuid(value.try_into().map_err(|_| LENGTH)?);
            }
        }
        Ok(id)
    }
}

/// Writes a string with a length of 16 bits. Longer ones are refused before they come here.
fn put_string(out: &mut Vec<u8>, text: &str) {
    let text = wire::at_most(text, i16::MAX as usize);
    out.extend_from_slice(&(text.len() as i16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_nullable_string(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_string(out, text),
        None => out.extend_from_slice(&(-1_i16).to_be_bytes()),
    }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&i32::try_from(len).unwrap_or(i32::MAX).to_be_bytes());
}

fn put_unsigned_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
