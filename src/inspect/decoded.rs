//! What the records say that Kafka writes for itself: markers of transactions, groups and their
//! committed offsets, transactional ids.
//!
//! Source: Kafka's `ControlRecordType`, `EndTransactionMarker`, and the schemas of its internal topics.

use serde_json::{Map, Value, json};

use crate::model::{TopicName, Uuid};
use crate::protocol::DecodeError;
use crate::protocol::consumer_group_records::{
    ConsumerGroupRecord, GroupKey, MemberKey, TopicPartitions,
};
use crate::protocol::group_records::{
    GroupMetadataValue, GroupRecordKey, InvalidGroupRecord, MemberMetadata, OffsetCommitValue,
    subscribed_topics,
};
use crate::protocol::transaction_records::{TransactionLogKey, TransactionLogValue};
use crate::record::Record;

/// The topic of groups.
const GROUPS: &str = "__consumer_offsets";
/// The topic of transactional ids.
const TRANSACTIONS: &str = "__transaction_state";

/// Why a record of one of Kafka's own topics is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// No record of a group.
    #[error(transparent)]
    Group(#[from] InvalidGroupRecord),
    /// No record of a transactional id.
    #[error("not a record of a transactional id: {0}")]
    Transaction(#[from] DecodeError),
}

/// What a record is, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What it is: `commit`, `abort`, `offset`, `group` …
    pub what: &'static str,
    /// Its fields in Kafka's order; a record that says only that something is gone has `value` null.
    pub fields: Map<String, Value>,
}

impl Decoded {
    fn of(what: &'static str, fields: Value) -> Self {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        Self { what, fields }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }
}

/// Whose records the records of a topic are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// Anybody's: nothing is known of them.
    Plain,
    /// `__consumer_offsets`.
    Groups,
    /// `__transaction_state`.
    Transactions,
}

impl Schema {
    pub(super) fn of(topic: &TopicName) -> Self {
        match topic.as_str() {
            GROUPS => Self::Groups,
            TRANSACTIONS => Self::Transactions,
            _ => Self::Plain,
        }
    }

    /// What a record says; `None` where nothing is known of such records.
    ///
    /// # Errors
    /// What is wrong with one that is to be of a known form.
    pub(super) fn decode(self, record: &Record<'_>) -> Result<Option<Decoded>, Undecodable> {
        match self {
            Self::Plain => Ok(None),
            Self::Groups => Ok(Some(group_record(record)?)),
            Self::Transactions => Ok(Some(transaction_record(record)?)),
        }
    }
}

/// What the record of a control batch says. Types that no log of a topic holds are given by number.
pub(super) fn marker(record: &Record<'_>) -> Decoded {
    let kind = match record.key {
        Some([_, _, high, low, ..]) => i16::from_be_bytes([*high, *low]),
        _ => -1,
    };
    let what = match kind {
        0 => "abort",
        1 => "commit",
        _ => return Decoded::of("control", json!({ "control_type": kind })),
    };
    let epoch = match record.value {
        Some([_, _, a, b, c, d, ..]) => json!(i32::from_be_bytes([*a, *b, *c, *d])),
        _ => Value::Null,
    };
    Decoded::of(what, json!({ "coordinator_epoch": epoch }))
}

fn group_record(record: &Record<'_>) -> Result<Decoded, InvalidGroupRecord> {
    Ok(match GroupRecordKey::read(record.key.unwrap_or_default())? {
        GroupRecordKey::Offset { group, topic, partition } => {
            let key = json!({ "group": group, "topic": topic, "partition": partition });
            let mut decoded = Decoded::of("offset", key);
            match record.value {
                Some(value) => offset_fields(&mut decoded.fields, value)?,
                None => decoded = decoded.with("value", Value::Null),
            }
            decoded
        }
        GroupRecordKey::Group { group } => {
            let mut decoded = Decoded::of("group", json!({ "group": group }));
            match record.value {
                Some(value) => group_fields(&mut decoded.fields, &GroupMetadataValue::read(value)?),
                None => decoded = decoded.with("value", Value::Null),
            }
            decoded
        }
        GroupRecordKey::Other { version } => {
            // Of kinds that a later Kafka keeps here, the form may be another by then.
            consumer_group_record(record)
                .unwrap_or_else(|| Decoded::of("other", json!({ "key_version": version })))
        }
    })
}

/// A record of a group of KIP-848; `None` where it is none of a known form.
fn consumer_group_record(record: &Record<'_>) -> Option<Decoded> {
    let key = record.key.unwrap_or_default();
    let decoded = ConsumerGroupRecord::decode(key, record.value).ok().flatten()?;
    let of_group = |what, key: GroupKey| Decoded::of(what, json!({ "group": key.group_id }));
    let of_member = |what, key: MemberKey| {
        Decoded::of(what, json!({ "group": key.group_id, "member": key.member_id }))
    };
    let partitions = |all: &[TopicPartitions]| {
        let one = |of: &TopicPartitions| json!({ "id": of.topic_id, "partitions": of.partitions });
        Value::Array(all.iter().map(one).collect())
    };
    let gone = |decoded: Decoded| decoded.with("value", Value::Null);
    Some(match decoded {
        ConsumerGroupRecord::Epoch(key, Some(value)) => {
            of_group("group_epoch", key).with("epoch", json!(value.epoch))
        }
        ConsumerGroupRecord::TargetEpoch(key, Some(value)) => {
            of_group("target_epoch", key).with("epoch", json!(value.epoch))
        }
        ConsumerGroupRecord::Member(key, Some(value)) => of_member("member", key)
            .with("instance", json!(value.instance_id))
            .with("rack", json!(value.rack_id))
            .with("client", json!(value.client_id))
            .with("host", json!(value.client_host))
            .with("topics", json!(value.subscribed_topic_names))
            .with("regex", json!(value.subscribed_topic_regex))
            .with("rebalance_timeout_ms", json!(value.rebalance_timeout_ms))
            .with("assignor", json!(value.server_assignor)),
        ConsumerGroupRecord::Target(key, Some(value)) => {
            of_member("target", key).with("partitions", partitions(&value.topic_partitions))
        }
        ConsumerGroupRecord::Current(key, Some(value)) => of_member("assignment", key)
            .with("epoch", json!(value.member_epoch))
            .with("previous_epoch", json!(value.previous_member_epoch))
            .with("state", json!(value.state))
            .with("partitions", partitions(&value.assigned_partitions))
            .with("to_give_up", partitions(&value.partitions_pending_revocation)),
        ConsumerGroupRecord::Epoch(key, None) => gone(of_group("group_epoch", key)),
        ConsumerGroupRecord::TargetEpoch(key, None) => gone(of_group("target_epoch", key)),
        ConsumerGroupRecord::Member(key, None) => gone(of_member("member", key)),
        ConsumerGroupRecord::Target(key, None) => gone(of_member("target", key)),
        ConsumerGroupRecord::Current(key, None) => gone(of_member("assignment", key)),
    })
}

fn offset_fields(fields: &mut Map<String, Value>, value: &[u8]) -> Result<(), InvalidGroupRecord> {
    let value = OffsetCommitValue::read(value)?;
    let mut put = |name: &str, value| fields.insert(name.to_owned(), value);
    put("offset", json!(value.offset));
    put("leader_epoch", json!(value.leader_epoch));
    put("metadata", json!(value.metadata));
    put("commit_timestamp", json!(value.commit_timestamp));
    if value.expire_timestamp != -1 {
        put("expire_timestamp", json!(value.expire_timestamp));
    }
    if value.topic_id != Uuid::default() {
        put("topic_id", json!(value.topic_id));
    }
    Ok(())
}

fn group_fields(fields: &mut Map<String, Value>, value: &GroupMetadataValue) {
    let members: Vec<_> = value.members.iter().map(member).collect();
    let mut put = |name: &str, value| fields.insert(name.to_owned(), value);
    put("protocol_type", json!(value.protocol_type));
    put("generation", json!(value.generation));
    put("protocol", json!(value.protocol));
    put("leader", json!(value.leader));
    put("state_timestamp", json!(value.current_state_timestamp));
    put("members", Value::Array(members));
}

fn member(member: &MemberMetadata) -> Value {
    json!({
        "member": member.member_id,
        "instance": member.group_instance_id,
        "client": member.client_id,
        "host": member.client_host,
        "rebalance_timeout_ms": member.rebalance_timeout,
        "session_timeout_ms": member.session_timeout,
        "topics": subscribed_topics(&member.subscription),
        "assignment_bytes": member.assignment.len(),
    })
}

/// Kafka's names of `transaction_status`. Source: Kafka's `TransactionState`.
const STATES: [&str; 8] = [
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
];

fn transaction_record(record: &Record<'_>) -> Result<Decoded, DecodeError> {
    let Some(key) = TransactionLogKey::decode(record.key.unwrap_or_default())? else {
        return Ok(Decoded::of("other", json!({})));
    };
    let id = json!({ "transactional_id": key.transactional_id });
    let decoded = Decoded::of("transaction", id);
    let Some(bytes) = record.value else {
        return Ok(decoded.with("value", Value::Null));
    };
    let Some(value) = TransactionLogValue::decode(bytes)? else {
        return Ok(decoded.with("value", json!("of an unknown version")));
    };
    let status = usize::try_from(value.transaction_status).ok();
    let state = status.and_then(|status| STATES.get(status));
    let partitions: Vec<_> = value
        .transaction_partitions
        .iter()
        .flatten()
        .map(|of| json!({ "topic": of.topic, "partitions": of.partition_ids }))
        .collect();
    let unsynced = value.unsynced_markers.iter().map(|of| {
        json!({ "topic": of.topic, "partition": of.partition, "offset": of.offset,
            "commit": of.is_commit })
    });
    let unsynced: Vec<_> = unsynced.collect();
    let decoded = match unsynced.is_empty() {
        true => decoded,
        false => decoded.with("unsynced_markers", Value::Array(unsynced)),
    };
    Ok(decoded
        .with("producer_id", json!(value.producer_id))
        .with("producer_epoch", json!(value.producer_epoch))
        .with("state", json!(state))
        .with("timeout_ms", json!(value.transaction_timeout_ms))
        .with("partitions", Value::Array(partitions))
        .with("updated", json!(value.transaction_last_update_timestamp_ms))
        .with("begun", json!(value.transaction_start_timestamp_ms))
        .with("previous_producer_id", json!(value.previous_producer_id))
        .with("next_producer_id", json!(value.next_producer_id))
        .with("client_version", json!(value.client_transaction_version)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Headers;

    fn record<'a>(key: &'a [u8], value: Option<&'a [u8]>) -> Record<'a> {
        Record { offset: 0, timestamp: 0, key: Some(key), value, headers: Headers::NONE }
    }

    #[test]
    fn markers_are_named() {
        let commit = marker(&record(&[0, 0, 0, 1], Some(&[0, 0, 0, 0, 0, 7])));
        assert_eq!((commit.what, &commit.fields["coordinator_epoch"]), ("commit", &json!(7)));
        assert_eq!(marker(&record(&[0, 0, 0, 0], None)).what, "abort");
        let other = marker(&record(&[0, 0, 0, 5], None));
        assert_eq!((other.what, &other.fields["control_type"]), ("control", &json!(5)));
        assert_eq!(marker(&record(&[], None)).what, "control");
    }

    #[test]
    fn what_is_no_record_of_a_group_is_an_error() {
        let groups = Schema::of(&"__consumer_offsets".parse().expect("a name"));
        assert!(groups.decode(&record(&[0], None)).is_err());
        let gone = groups.decode(&record(b"\0\x02\0\x01g", None)).expect("well-formed");
        let gone = gone.expect("a record of groups");
        assert_eq!((gone.what, &gone.fields["value"]), ("group", &Value::Null));
        assert!(groups.decode(&record(b"\0\x02\0\x01g", Some(&[9, 9]))).is_err());
        let plain = Schema::of(&"orders".parse().expect("a name"));
        assert_eq!(plain.decode(&record(&[0], None)), Ok(None));
    }
}
