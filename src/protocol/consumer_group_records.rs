//! The records of `__consumer_offsets` in which Kafka keeps groups of its newer consumer protocol
//! (KIP-848). Read only: to show what a broker's directory holds.
//!
//! | key | what | its fields |
//! | --- | --- | --- |
//! | 3 | the group's epoch | group |
//! | 5 | a member | group, member |
//! | 6 | the epoch of the target assignment | group |
//! | 7 | what a member is to get | group, member |
//! | 8 | what a member has | group, member |
//!
//! Keys are plain, values flexible, of version 0. Fields of later versions are tagged, and skipped.
//!
//! Source: Kafka's `ConsumerGroupMetadataKey`, `ConsumerGroupMemberMetadataKey` and their like.

use bytes::BytesMut;

use super::message::message;
use super::wire::{DecodeError, Reader, Wire as _};
use crate::model::Uuid;

message! {
    /// What a record is of: a group, or a member of one.
    pub struct GroupKey {
        /// The group.
        pub group_id: String, [0..];
    }

    /// A member of a group.
    pub struct MemberKey {
        /// The group.
        pub group_id: String, [0..];
        /// The member.
        pub member_id: String, [0..];
    }

    /// An epoch: the group's, or that of its target assignment.
    pub struct EpochValue {
        /// It rises with each change.
        pub epoch: i32, [0..];
    }

    /// A member, as it described itself.
    pub struct MemberValue {
        /// Its own name, where it has one.
        pub instance_id: Option<String>, [0.., null 0..];
        /// Where it is.
        pub rack_id: Option<String>, [0.., null 0..];
        /// The name that its client gave itself.
        pub client_id: String, [0..];
        /// Where its client is.
        pub client_host: String, [0..];
        /// Topics by name.
        pub subscribed_topic_names: Vec<String>, [0..];
        /// Topics by a pattern.
        pub subscribed_topic_regex: Option<String>, [0.., null 0..];
        /// How many milliseconds it may take to give partitions up.
        pub rebalance_timeout_ms: i32 = -1, [0..];
        /// How it wants partitions to be assigned.
        pub server_assignor: Option<String>, [0.., null 0..];
    }

    /// What a member is to get.
    pub struct TargetValue {
        /// Partitions by topic.
        pub topic_partitions: Vec<TopicPartitions>, [0..];
    }

    /// What a member has.
    pub struct CurrentValue {
        /// The epoch that it has come to.
        pub member_epoch: i32, [0..];
        /// The one before.
        pub previous_member_epoch: i32, [0..];
        /// What it is about.
        pub state: i8, [0..];
        /// What it has.
        pub assigned_partitions: Vec<TopicPartitions>, [0..];
        /// What it is to give up.
        pub partitions_pending_revocation: Vec<TopicPartitions>, [0..];
    }

    /// Partitions of a topic.
    pub struct TopicPartitions {
        /// The topic's id.
        pub topic_id: Uuid, [0..];
        /// The partitions.
        pub partitions: Vec<i32>, [0..];
    }
}

/// A record of such a group.
#[derive(Debug, Clone, PartialEq)]
pub enum ConsumerGroupRecord {
    /// The group's epoch.
    Epoch(GroupKey, Option<EpochValue>),
    /// A member.
    Member(MemberKey, Option<MemberValue>),
    /// The epoch of the target assignment.
    TargetEpoch(GroupKey, Option<EpochValue>),
    /// What a member is to get.
    Target(MemberKey, Option<TargetValue>),
    /// What a member has.
    Current(MemberKey, Option<CurrentValue>),
}

impl ConsumerGroupRecord {
    /// Reads a record; `None` of one of another kind, or of a version that is not known.
    ///
    /// # Errors
    /// Where the bytes are none.
    pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Option<Self>, DecodeError> {
        let mut key = Reader::new(BytesMut::from(key), 0, false);
        let kind = i16::read(&mut key)?;
        let value = match value {
            None => None,
            Some(bytes) => {
                let mut value = Reader::new(BytesMut::from(bytes), 0, true);
                if i16::read(&mut value)? != 0 {
                    return Ok(None);
                }
                Some(value)
            }
        };
        Ok(Some(match kind {
            3 => Self::Epoch(whole(key)?, value.map(whole).transpose()?),
            5 => Self::Member(whole(key)?, value.map(whole).transpose()?),
            6 => Self::TargetEpoch(whole(key)?, value.map(whole).transpose()?),
            7 => Self::Target(whole(key)?, value.map(whole).transpose()?),
            8 => Self::Current(whole(key)?, value.map(whole).transpose()?),
            _ => return Ok(None),
        }))
    }
}

fn whole<T: super::wire::Wire>(mut reader: Reader) -> Result<T, DecodeError> {
    let message = T::read(&mut reader)?;
    reader.finish().map(|()| message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_and_what_it_has() {
        let key = b"\0\x05\0\x01g\0\x02m1";
        #[rustfmt::skip]
        let value = [
            0, 0, // version
            0, 0, // neither instance nor rack
            2, b'c', // client id
            5, b'h', b'o', b's', b't', // client host
            2, 2, b't', // one topic
            0, // no pattern
            0, 0, 0, 100, // rebalance timeout
            0, // no assignor
            1, 0, 3, 1, 2, 3, // a tagged field: of the classic protocol
        ];
        let decoded = ConsumerGroupRecord::decode(key, Some(&value)).expect("a record");
        let Some(ConsumerGroupRecord::Member(key, Some(member))) = decoded else {
            panic!("{decoded:?}")
        };
        assert_eq!((key.member_id.as_str(), member.client_host.as_str()), ("m1", "host"));
        assert_eq!(
            (member.subscribed_topic_names, member.rebalance_timeout_ms),
            (vec!["t".to_owned()], 100)
        );

        let mut value = vec![0, 0, 0, 0, 0, 7, 0, 0, 0, 6, 0, 2];
        value.extend([9; 16]);
        value.extend([3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0]);
        let decoded = ConsumerGroupRecord::decode(b"\0\x08\0\x01g\0\x02m1", Some(&value));
        let Ok(Some(ConsumerGroupRecord::Current(_, Some(current)))) = decoded else {
            panic!("{decoded:?}")
        };
        assert_eq!((current.member_epoch, current.previous_member_epoch), (7, 6));
        assert_eq!(current.assigned_partitions[0].partitions, [1, 2]);
        assert!(current.partitions_pending_revocation.is_empty());
    }

    #[test]
    fn others_are_left_alone_and_garbage_is_told() {
        assert_eq!(ConsumerGroupRecord::decode(b"\0\x10\0\x01g", Some(&[0, 0])), Ok(None));
        assert_eq!(ConsumerGroupRecord::decode(b"\0\x03\0\x01g", Some(&[0, 9])), Ok(None));
        assert!(ConsumerGroupRecord::decode(b"\0\x03\0\x09g", None).is_err());
        assert!(ConsumerGroupRecord::decode(b"\0\x03\0\x01g", Some(&[0, 0, 1])).is_err());
    }
}
