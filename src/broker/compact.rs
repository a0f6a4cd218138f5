//! Compaction over partitions: what is due, and the deed.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Broker;
use super::error::{Error, Result};
use super::topics::TopicInfo;
use crate::log::{Compaction, CompactionEnd, Dirtiness};
use crate::model::{TopicName, TopicPartition, Uuid};

/// Milliseconds until a compaction is tried again that has failed, on a full disk for one.
const RETRY_MS: i64 = 10 * 60 * 1000;

/// Which partitions are to be compacted, and how.
#[derive(Debug, Clone, Copy)]
pub struct CompactionRound<'a> {
    /// Those of this topic alone.
    pub only: Option<&'a TopicName>,
    /// Only say what is due.
    pub dry_run: bool,
    /// Whatever can be compacted is.
    pub is_forced: bool,
    /// Bytes that the map of keys may take; `None` is what the broker's config says.
    pub map_bytes_max: Option<usize>,
}

/// Who follows a round.
pub trait CompactionObserver {
    /// A partition is due; with a dry run that is all.
    fn begin(&mut self, partition: &TopicPartition, dirtiness: &Dirtiness);

    /// So many bytes more were read. Says whether to go on.
    fn read(&mut self, bytes: u64) -> ControlFlow<()>;

    /// How it went; of those that were due, or failed before that was known.
    fn end(&mut self, partition: &TopicPartition, end: Result<CompactionEnd>);
}

impl Broker {
    /// Compacts the partitions of the catalog's topics whose `cleanup.policy` says so and that are due,
    /// until `observer` says stop. One that fails is told of, and the others go on. Topics that the
    /// catalog does not have are never compacted.
    ///
    /// # Errors
    /// [`Error::NoSuchTopic`] for the one that is named; [`Error::NotCompacted`] if it is not to be
    /// compacted; [`Error::ReadOnly`]; as [`Broker::all_topics`] says.
    pub fn compaction_round(
        &self,
        round: CompactionRound<'_>,
        observer: &mut dyn CompactionObserver,
    ) -> Result<()> {
        if !round.dry_run {
            self.home.require_write()?;
        }
        let map_bytes_max = round.map_bytes_max.unwrap_or_else(|| {
            usize::try_from(self.config().log_cleaner_dedupe_buffer_size).unwrap_or(usize::MAX)
        });
        let how = Compaction { map_bytes_max, is_forced: round.is_forced };
        for topic in self.topics_to_compact(round.only)? {
            for partition in 0..topic.partitions {
                if self.uncleanable.holds(topic.id, partition, self.clock.now_ms()) {
                    continue;
                }
                let tp = TopicPartition::new(topic.name.clone(), partition);
                let mut followed = Followed { observer: &mut *observer, is_told_to_stop: false };
                match self.compact(&topic, &tp, &how, round.dry_run, &mut followed) {
                    Ok(None | Some(CompactionEnd::NotDue)) => {}
                    // It was deleted since the topics were listed.
                    Err(error) if error.is_gone() && !self.is_still(&topic)? => break,
                    Ok(Some(end)) => followed.observer.end(&tp, Ok(end)),
                    Err(error) => {
                        self.uncleanable.note(topic.id, partition, &error, self.clock.now_ms());
                        followed.observer.end(&tp, Err(error));
                    }
                }
                if followed.is_told_to_stop || observer.read(0).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn topics_to_compact(&self, only: Option<&TopicName>) -> Result<Vec<Arc<TopicInfo>>> {
        let Some(name) = only else {
            let mut topics = self.all_topics()?;
            topics.retain(|topic| topic.config.cleanup_policy.compact);
            return Ok(topics);
        };
        let Some(topic) = self.topic_named(name)? else {
            self.topic(name)?;
            return Err(Error::NotCompacted(name.clone()));
        };
        match topic.config.cleanup_policy.compact {
            true => Ok(vec![topic]),
            false => Err(Error::NotCompacted(name.clone())),
        }
    }

    /// Compacts a partition if it is due; `None` if it is not, or was only looked at.
    fn compact(
        &self,
        topic: &TopicInfo,
        partition: &TopicPartition,
        how: &Compaction,
        dry_run: bool,
        followed: &mut Followed<'_>,
    ) -> Result<Option<CompactionEnd>> {
        let now_ms = self.clock.now_ms();
        let log = self.log_to_look_at(topic, partition.partition)?;
        let dirtiness =
            log.dirtiness(now_ms).map_err(|error| Error::of_log("look at", &log, error))?;
        let is_due = match how.is_forced {
            true => dirtiness.dirty_bytes > 0 || dirtiness.active_bytes > 0,
            false => dirtiness.is_due(&log.config()),
        };
        if !is_due {
            return Ok(None);
        }
        followed.observer.begin(partition, &dirtiness);
        if dry_run {
            return Ok(None);
        }
        let log = self.log(topic, partition.partition)?;
        let end = log.compact(how, now_ms, &mut |bytes| followed.read(bytes));
        end.map(Some).map_err(|error| Error::of_log("compact", &log, error))
    }
}

/// Partitions of which a compaction failed, and when to try again, in milliseconds: never where there
/// is damage, which would be read to time and again.
#[derive(Debug, Default)]
pub(super) struct Uncleanable(Mutex<HashMap<(Uuid, i32), i64>>);

impl Uncleanable {
    fn map(&self) -> MutexGuard<'_, HashMap<(Uuid, i32), i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, topic: Uuid, partition: i32, error: &Error, now_ms: i64) {
        let until_ms = match error.is_corruption() {
            true => i64::MAX,
            false => now_ms.saturating_add(RETRY_MS),
        };
        self.map().insert((topic, partition), until_ms);
    }

    fn holds(&self, topic: Uuid, partition: i32, now_ms: i64) -> bool {
        self.map().get(&(topic, partition)).is_some_and(|until_ms| now_ms < *until_ms)
    }
}

/// An observer, and whether it has said stop.
struct Followed<'o> {
    observer: &'o mut dyn CompactionObserver,
    is_told_to_stop: bool,
}

impl Followed<'_> {
    fn read(&mut self, bytes: u64) -> ControlFlow<()> {
        let said = self.observer.read(bytes);
        self.is_told_to_stop |= said.is_break();
        said
    }
}
