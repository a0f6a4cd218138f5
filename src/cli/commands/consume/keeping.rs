//! Where progress is noted: with a group, whose members share the partitions, or in a file.

use std::time::Instant;

use super::cursor::CursorFile;
use super::part::Part;
use super::plan::Plan;
use crate::cli::context::Context;
use crate::cli::error::CommandError;
use crate::cluster::{Cluster, Error, GroupMember, Rebalance, TopicInfo};
use crate::model::{Offset, TopicPartition, Uuid};

/// Where progress is noted.
#[derive(Debug)]
pub(super) enum Keeping<'c> {
    Group(Box<GroupMember<'c>>),
    File(CursorFile),
}

/// The directory, as it has to be open.
pub(super) fn open(plan: &Plan, context: &Context) -> Result<Option<Cluster>, CommandError> {
    if plan.group.is_some()
        && let Some(path) = plan.path()
    {
        return Err(CommandError::usage(format!("a group reads topics, and {path} is a path"))
            .hint("--cursor-file FILE keeps the place in a path"));
    }
    // Reading makes no directory.
    let cluster = plan.cluster(context)?;
    match plan.group {
        None => Ok(cluster),
        Some(_) => context.open_to_write().map(Some),
    }
}

impl<'c> Keeping<'c> {
    pub(super) fn begin(plan: &Plan, cluster: Option<&'c Cluster>) -> Result<Self, CommandError> {
        Ok(match (&plan.group, &plan.cursor_file, cluster) {
            (Some(group), _, Some(cluster)) => Self::Group(Box::new(cluster.join_group(group)?)),
            (_, Some(path), _) => Self::File(CursorFile::open(path)?),
            _ => return Err(CommandError::usage("nowhere to keep progress")),
        })
    }

    /// A topic that is read.
    pub(super) fn subscribe(&mut self, topic: &TopicInfo) -> Result<(), Error> {
        match self {
            Self::Group(member) => member.subscribe(topic),
            Self::File(_) => Ok(()),
        }
    }

    /// Which partitions become this process's, and which it is to give up.
    pub(super) fn rebalance(
        &mut self,
        now: Instant,
        is_wanted: impl Fn(&TopicPartition) -> bool,
        parts: &[Part],
    ) -> Result<Rebalance, Error> {
        match self {
            Self::Group(member) => member.rebalance(now, is_wanted),
            Self::File(_) => {
                let free = parts.iter().filter(|part| !part.is_held && !part.is_done);
                let taken = free.map(|part| part.reader.partition().clone()).collect();
                Ok(Rebalance { taken, ..Rebalance::default() })
            }
        }
    }

    /// What was noted of a partition: offset and leader epoch.
    pub(super) fn noted(&self, partition: &TopicPartition, topic: Uuid) -> Option<(Offset, i32)> {
        match self {
            Self::Group(member) => {
                let committed = member.committed(partition)?;
                Some((Offset(committed.offset), committed.leader_epoch))
            }
            Self::File(file) => file.noted(partition, topic),
        }
    }

    /// Notes how far partitions were read. Durable when this returns.
    pub(super) fn note(&mut self, parts: &[&Part]) -> Result<(), CommandError> {
        match self {
            Self::Group(member) => {
                let progress: Vec<_> =
                    parts.iter().map(|part| (&part.reader, part.readable_from())).collect();
                Ok(member.commit(&progress)?)
            }
            Self::File(file) => file.note(parts),
        }
    }

    /// Gives a partition up.
    pub(super) fn give_up(&mut self, partition: &TopicPartition) {
        if let Self::Group(member) = self {
            member.give_up(partition);
        }
    }
}
