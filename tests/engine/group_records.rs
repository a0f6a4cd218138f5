//! The records of groups that Kafka 4.3.0 wrote, read and written back to the byte.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use runnel::model::Uuid;
use runnel::protocol::group_records::{
    GroupMetadataValue, GroupRecordKey, MemberMetadata, OffsetCommitValue, subscribed_topics,
};
use runnel::record::{Batch, Decompressor, Frame};

use crate::support::data::broker_file;

/// Keys and values of Kafka's own `__consumer_offsets`, in their order.
fn kafkas_records() -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let log = broker_file("unclean", "__consumer_offsets-0/00000000000000000000.log");
    let (mut rest, mut records) = (&log[..], Vec::new());
    while let Ok(Frame::Whole(batch)) = Batch::at_front(rest) {
        batch.check().expect("sound");
        for record in batch.records(&mut Decompressor::new(1 << 20)).expect("records") {
            let record = record.expect("a record");
            let key = record.key.expect("a key").to_vec();
            records.push((key, record.value.map(<[u8]>::to_vec)));
        }
        rest = &rest[batch.size_in_bytes()..];
    }
    assert!(records.len() > 10, "the file was read");
    records
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

#[test]
fn kafkas_records_are_read_and_written_to_the_byte() {
    let mut offsets = BTreeMap::new();
    let mut generations = BTreeMap::new();
    for (key, value) in kafkas_records() {
        let value = value.expect("no tombstones");
        let read = GroupRecordKey::read(&key).expect("a key");
        assert_eq!(written(|out| read.write(out)), key);
        match read {
            GroupRecordKey::Offset { group, topic, .. } => {
                let read = OffsetCommitValue::read(&value).expect("an offset");
                assert_eq!(written(|out| read.write(out)), value);
                assert_ne!(read.topic_id, Uuid::default(), "Kafka 4.3 writes ids");
                offsets.insert((group.to_owned(), topic.to_owned()), read.offset);
            }
            GroupRecordKey::Group { group } => {
                let read = GroupMetadataValue::read(&value).expect("a group");
                assert_eq!(written(|out| read.write(out)), value);
                for member in &read.members {
                    assert_eq!(subscribed_topics(&member.subscription), Some(vec!["codec-none"]));
                    assert_eq!(
                        (&*member.client_host, member.session_timeout),
                        ("/127.0.0.1", 45_000)
                    );
                }
                generations.insert(group.to_owned(), (read.generation, read.members.len()));
            }
            GroupRecordKey::Other { version } => panic!("a key of version {version}"),
        }
    }
    let offset = |group: &str| offsets[&(group.to_owned(), "codec-none".to_owned())];
    assert_eq!((offset("g1"), offset("g2")), (115, 288));
    assert_eq!(generations["g1"], (2, 0), "its only member has left");
}

/// Bytes of the versions that Kafka wrote before, by hand.
#[test]
fn older_versions_are_read() {
    let offset = OffsetCommitValue {
        offset: 7,
        leader_epoch: -1,
        metadata: "m",
        commit_timestamp: 9,
        expire_timestamp: -1,
        topic_id: Uuid::default(),
    };
    let number = |value: i64| value.to_be_bytes();
    let head = |version: u8| vec![0, version, 0, 0, 0, 0, 0, 0, 0, 7];
    let v0 = [head(0), vec![0, 1, b'm'], number(9).to_vec()].concat();
    assert_eq!(OffsetCommitValue::read(&v0), Ok(offset));
    let v1 = [head(1), vec![0, 1, b'm'], number(9).to_vec(), number(11).to_vec()].concat();
    let expiring = OffsetCommitValue { expire_timestamp: 11, ..offset };
    assert_eq!(OffsetCommitValue::read(&v1), Ok(expiring));
    assert_eq!(written(|out| expiring.write(out)), v1, "its own retention needs version 1");
    let v3 = [head(3), vec![0, 0, 0, 4, 0, 1, b'm'], number(9).to_vec()].concat();
    assert_eq!(OffsetCommitValue::read(&v3), Ok(OffsetCommitValue { leader_epoch: 4, ..offset }));
    // A later Kafka may add tagged fields.
    let mut v4 = written(|out| OffsetCommitValue { leader_epoch: 4, ..offset }.write(out));
    assert_eq!(v4.pop(), Some(0), "no tagged fields");
    v4.extend([2, 0, 16]);
    v4.extend([5; 16]);
    v4.extend([9, 1, 0xff]);
    let with_id = OffsetCommitValue { leader_epoch: 4, topic_id: Uuid([5; 16]), ..offset };
    assert_eq!(OffsetCommitValue::read(&v4), Ok(with_id));
    assert!(OffsetCommitValue::read(&head(5)).is_err());
    // A group of version 0: no rebalance timeout, no time, no names of members' own.
    let v0 = b"\0\0\0\x01c\0\0\0\x02\0\x01r\0\x01a\0\0\0\x01\0\x01a\0\x02id\0\x01h\0\0\0\x05\0\0\0\x01s\0\0\0\0";
    let group = GroupMetadataValue::read(v0).expect("a group");
    assert_eq!((group.generation, group.current_state_timestamp), (2, -1));
    assert_eq!(
        (group.members[0].rebalance_timeout, &*group.members[0].subscription),
        (5, &b"s"[..])
    );
}

#[test]
fn later_kinds_of_records_are_known_as_such() {
    for version in [3_i16, 5, 8, 16, 99, -1] {
        let bytes = version.to_be_bytes();
        assert_eq!(GroupRecordKey::read(&bytes), Ok(GroupRecordKey::Other { version }));
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", "\\PC{0,6}"]
}

fn member() -> impl Strategy<Value = MemberMetadata> {
    let names = (text(), prop::option::of(text()), text(), text());
    let bytes = || prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    (names, any::<i32>(), any::<i32>(), bytes(), bytes()).prop_map(
        |(names, rebalance_timeout, session_timeout, subscription, assignment)| {
            let (member_id, group_instance_id, client_id, client_host) = names;
            MemberMetadata {
                member_id,
                group_instance_id,
                client_id,
                client_host,
                rebalance_timeout,
                session_timeout,
                subscription,
                assignment,
            }
        },
    )
}

proptest! {
    #[test]
    fn offsets_come_back(
        (group, topic, partition) in (text(), text(), any::<i32>()),
        (offset, leader_epoch, metadata) in (any::<i64>(), any::<i32>(), text()),
        (commit_timestamp, topic_id) in (any::<i64>(), any::<[u8; 16]>()),
    ) {
        let key = GroupRecordKey::Offset { group: &group, topic: &topic, partition };
        let bytes = written(|out| key.write(out));
        prop_assert_eq!(GroupRecordKey::read(&bytes), Ok(key));
        let (metadata, topic_id, expire_timestamp) = (&*metadata, Uuid(topic_id), -1);
        let value = OffsetCommitValue {
            offset, leader_epoch, metadata, commit_timestamp, expire_timestamp, topic_id,
        };
        let bytes = written(|out| value.write(out));
        prop_assert_eq!(OffsetCommitValue::read(&bytes), Ok(value));
    }

    #[test]
    fn groups_come_back(
        (protocol_type, generation) in (text(), any::<i32>()),
        (protocol, leader) in (prop::option::of(text()), prop::option::of(text())),
        current_state_timestamp in any::<i64>(),
        members in prop::collection::vec(member(), 0..4),
    ) {
        let group = GroupMetadataValue {
            protocol_type, generation, protocol, leader, current_state_timestamp, members,
        };
        let bytes = written(|out| group.write(out));
        prop_assert_eq!(GroupMetadataValue::read(&bytes), Ok(group));
        // Cut anywhere, it is no group.
        for len in 0..bytes.len() {
            prop_assert!(GroupMetadataValue::read(&bytes[..len]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = subscribed_topics(&bytes);
        for version in 0..6 {
            if bytes.len() >= 2 {
                bytes[..2].copy_from_slice(&i16::to_be_bytes(version));
            }
            let _ = (GroupRecordKey::read(&bytes), OffsetCommitValue::read(&bytes));
            let _ = GroupMetadataValue::read(&bytes);
        }
    }
}
