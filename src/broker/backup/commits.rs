//! What groups have committed, out of `__consumer_offsets` and into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Commit;
use crate::broker::error::Result;
use crate::broker::groups::{self, CommitRecord};
use crate::broker::{Broker, TopicInfo};
use crate::model::{TopicName, Uuid};

/// What was committed of some topics, by group.
pub(super) fn read(broker: &Arc<Broker>, topics: &[TopicInfo]) -> Result<Vec<Commit>> {
    let topics: BTreeMap<&str, &TopicInfo> =
        topics.iter().map(|topic| (topic.name.as_str(), topic)).collect();
    let mut commits = Vec::new();
    groups::each_commit(broker, &mut |commit| {
        let Some(of) = topics.get(commit.topic) else { return };
        let id = commit.value.topic_id;
        // Of a topic that had the name before, another offset is meant.
        if id == of.id || id == Uuid::default() {
            let topic = of.name.clone();
            commits.push(Commit {
                group: commit.group.to_owned(),
                topic,
                partition: commit.partition,
                offset: commit.value.offset,
                leader_epoch: commit.value.leader_epoch,
                metadata: commit.value.metadata.to_owned(),
                commit_ms: commit.value.commit_timestamp,
                expire_ms: commit.value.expire_timestamp,
            });
        }
    })?;
    commits
        .sort_by(|a, b| (&a.group, &a.topic, a.partition).cmp(&(&b.group, &b.topic, b.partition)));
    Ok(commits)
}

/// Writes commits for topics that have new ids; durable when this returns.
pub(super) fn write(
    broker: &Arc<Broker>,
    commits: &[Commit],
    topics: &BTreeMap<TopicName, TopicInfo>,
) -> Result<()> {
    let records = commits.iter().filter_map(|commit| {
        let topic = topics.get(&commit.topic)?;
        Some(CommitRecord {
            group: &commit.group,
            topic: &commit.topic,
            partition: commit.partition,
            value: crate::protocol::group_records::OffsetCommitValue {
                offset: commit.offset,
                leader_epoch: commit.leader_epoch,
                metadata: &commit.metadata,
                commit_timestamp: commit.commit_ms,
                expire_timestamp: commit.expire_ms,
                topic_id: topic.id,
            },
        })
    });
    groups::write_commits(broker, &records.collect::<Vec<_>>())
}
