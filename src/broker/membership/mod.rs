//! Members of a group without a server: commands that read together, each partition by one of them.
//!
//! Ownership of a partition is a lock, and so is membership, so both end with the process, however
//! it ends. Nobody leads: each member looks, often enough that a newcomer has its share and a dead
//! member's partitions are taken over within two seconds, and then takes, gives up or calls, as
//! [`share`] says. A look costs a few system calls for each topic and partition; nothing is written
//! but the [note](notes) for who asks.
//!
//! Whoever owns a partition may commit its offset, and nobody else. A member that does not come to
//! look, because its output is not read, keeps what it has.

mod notes;
mod ranges;
mod share;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use notes::{MemberNote, Owners};

use super::error::Result;
use super::home::Home;
use super::topics::TopicInfo;
use crate::model::{TopicName, TopicPartition, Uuid};
use crate::storage::{LockGuard, LockKind, LockRange, LockTable, Wait};
use notes::NoteFile;
use share::{Call, Share};

/// A partition that was seen free for so long is taken by whoever looks, whatever its share.
const LEFT_ALONE: Duration = Duration::from_millis(800);

/// What a look at the group came to.
#[derive(Debug, Default)]
pub struct Rebalance {
    /// Partitions that are this member's from now on.
    pub taken: Vec<TopicPartition>,
    /// Partitions that it is to give up, once it has committed them.
    pub surplus: Vec<TopicPartition>,
    /// Whether others have partitions of which it should have some.
    pub is_short: bool,
}

/// A member of a group. Dropped, it is one no more.
#[derive(Debug)]
pub struct Membership {
    locks: Arc<LockTable>,
    group: String,
    topics: Vec<Subscription>,
    note: NoteFile,
    _presence: LockGuard,
}

/// A topic that a member reads.
#[derive(Debug)]
struct Subscription {
    name: TopicName,
    id: Uuid,
    partitions: i32,
    /// Which of the slots it has; where it begins to look for free partitions.
    number: u64,
    _slot: LockGuard,
    owned: BTreeMap<i32, LockGuard>,
    /// Partitions that nobody had, and since when.
    free_since: BTreeMap<i32, Instant>,
    /// Others have partitions that this member would read.
    is_shared: bool,
    call: Option<(Call, LockGuard)>,
}

impl Membership {
    /// Becomes a member of a group, of no topic yet.
    ///
    /// # Errors
    /// As the file system says.
    pub fn join(home: &Home, group: &str) -> Result<Self> {
        let locks = Arc::clone(home.require_write()?);
        // Whoever deletes the group has it exclusively for as long as that takes.
        let presence = locks.acquire(ranges::presence(group), LockKind::Shared, Wait::Yes)?;
        let presence = presence.expect("who waits gets it");
        let note = NoteFile::new(home, group);
        Ok(Self { locks, group: group.to_owned(), topics: Vec::new(), note, _presence: presence })
    }

    /// Reads a topic too, or learns how many partitions it has by now.
    ///
    /// # Errors
    /// As the file system says.
    pub fn subscribe(&mut self, topic: &TopicInfo) -> Result<()> {
        if let Some(known) = self.topics.iter_mut().find(|known| known.id == topic.id) {
            known.partitions = topic.partitions;
            return Ok(());
        }
        let (number, slot) = self.free_slot(topic.id)?;
        self.topics.push(Subscription {
            name: topic.name.clone(),
            id: topic.id,
            partitions: topic.partitions,
            number,
            _slot: slot,
            owned: BTreeMap::new(),
            free_since: BTreeMap::new(),
            is_shared: false,
            call: None,
        });
        Ok(())
    }

    /// The first slot of a topic that is free.
    fn free_slot(&self, topic: Uuid) -> Result<(u64, LockGuard)> {
        for number in 0..ranges::SLOTS - 1 {
            let range = ranges::slot(&self.group, topic, number);
            if let Some(slot) = self.locks.acquire(range, LockKind::Exclusive, Wait::No)? {
                return Ok((number, slot));
            }
        }
        // With so many members a count that is one too low does not matter; waiting does.
        let last = ranges::slot(&self.group, topic, ranges::SLOTS - 1);
        let slot = self.locks.acquire(last, LockKind::Exclusive, Wait::Yes)?;
        Ok((ranges::SLOTS - 1, slot.expect("who waits gets it")))
    }

    /// Looks at the group: takes what is free and this member's to take, finds what it is to give
    /// up, and calls where it is short. Only wanted partitions are taken.
    ///
    /// # Errors
    /// As the file system says.
    pub fn rebalance(
        &mut self,
        now: Instant,
        is_wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Result<Rebalance> {
        let share = self.share()?;
        let mut rebalance = Rebalance::default();
        let mut held = self.topics.iter().map(|topic| topic.owned.len()).sum();
        for topic in &mut self.topics {
            let room = share.most.saturating_sub(held);
            let taken = topic.take_free(&self.locks, &self.group, room, now, &is_wanted)?;
            held += taken.len();
            rebalance.taken.extend(taken);
        }
        if rebalance.taken.is_empty() {
            // Not in one look with taking: what was just taken is not to be given up.
            rebalance.surplus = self.surplus(share, held)?;
        }
        let is_shared = self.topics.iter().any(|topic| topic.is_shared);
        rebalance.is_short = is_shared && share.call(held) == Some(Call::ForOne);
        for topic in &mut self.topics {
            topic.call(&self.locks, &self.group, share.call(held))?;
        }
        self.note.refresh(now, !rebalance.taken.is_empty(), &self.topics);
        Ok(rebalance)
    }

    /// What it should have, by how many members there are now.
    fn share(&self) -> Result<Share> {
        let mut parts = Vec::with_capacity(self.topics.len());
        for topic in &self.topics {
            let others = count_held(&self.locks, ranges::slots(&self.group, topic.id))?;
            parts.push((usize::try_from(topic.partitions).unwrap_or_default(), others + 1));
        }
        Ok(Share::of(parts))
    }

    /// What it is to give up to those who call: of their topics, the highest partitions first.
    fn surplus(&self, share: Share, held: usize) -> Result<Vec<TopicPartition>> {
        if held <= share.least && held <= share.most {
            return Ok(Vec::new());
        }
        let (mut any, mut called) = ([false; 2], Vec::new());
        for topic in &self.topics {
            let mut is_called = false;
            for call in [Call::ForOne, Call::ForSurplus] {
                let range = ranges::call(&self.group, topic.id, call);
                if self.locks.held_elsewhere(range)?.is_some() {
                    (any[call as usize], is_called) = (true, true);
                }
            }
            if is_called {
                called.extend(topic.owned.keys().rev().map(|partition| topic.named(*partition)));
            }
        }
        called.truncate(share.surplus(held, any[0], any[1]));
        Ok(called)
    }

    /// Gives a partition up. What was to be committed of it was.
    pub fn give_up(&mut self, partition: &TopicPartition) {
        for topic in self.topics.iter_mut().filter(|topic| topic.name == partition.topic) {
            topic.owned.remove(&partition.partition);
            // The others come first, even where they are slower to see it.
            topic.free_since.remove(&partition.partition);
        }
        self.note.is_old();
    }

    /// Whether a partition is this member's.
    #[must_use]
    pub fn owns(&self, partition: &TopicPartition) -> bool {
        self.topics.iter().any(|topic| {
            topic.name == partition.topic && topic.owned.contains_key(&partition.partition)
        })
    }
}

impl Subscription {
    fn named(&self, partition: i32) -> TopicPartition {
        TopicPartition::new(self.name.clone(), partition)
    }

    /// Takes wanted partitions that nobody has: as many as there is room for, and those that were
    /// left alone.
    fn take_free(
        &mut self,
        locks: &Arc<LockTable>,
        group: &str,
        mut room: usize,
        now: Instant,
        is_wanted: impl Fn(&TopicPartition) -> bool,
    ) -> Result<Vec<TopicPartition>> {
        self.is_shared = false;
        let mut taken = Vec::new();
        let partitions = u64::try_from(self.partitions).unwrap_or_default();
        for step in 0..partitions {
            // Below 2^17 both, so that it is no overflow and fits.
            let partition = ((self.number + step) % partitions) as i32;
            let named = self.named(partition);
            if self.owned.contains_key(&partition) || !is_wanted(&named) {
                continue;
            }
            let range = ranges::owner(group, self.id, partition);
            let free_since = self.free_since.get(&partition);
            let is_left = free_since.is_some_and(|since| now.duration_since(*since) >= LEFT_ALONE);
            if room > 0 || is_left {
                if let Some(lock) = locks.acquire(range, LockKind::Exclusive, Wait::No)? {
                    self.owned.insert(partition, lock);
                    taken.push(named);
                    room = room.saturating_sub(1);
                    continue;
                }
            } else if locks.held_elsewhere(range)?.is_none() {
                self.free_since.entry(partition).or_insert(now);
                continue;
            }
            self.is_shared = true;
            self.free_since.remove(&partition);
        }
        Ok(taken)
    }

    /// Calls, or ceases to.
    fn call(&mut self, locks: &Arc<LockTable>, group: &str, wanted: Option<Call>) -> Result<()> {
        let wanted = wanted.filter(|_| self.is_shared);
        if self.call.as_ref().map(|(call, _)| *call) == wanted {
            return Ok(());
        }
        self.call = None;
        if let Some(call) = wanted {
            let range = ranges::call(group, self.id, call);
            let lock = locks.acquire(range, LockKind::Shared, Wait::No)?;
            self.call = lock.map(|lock| (call, lock));
        }
        Ok(())
    }
}

/// How many bytes of a range other handles have locked.
fn count_held(locks: &LockTable, range: LockRange) -> Result<usize> {
    let (mut count, mut open) = (0, vec![range]);
    while let Some(range) = open.pop() {
        let Some(found) = locks.held_elsewhere(range)? else { continue };
        let end = range.start + range.len;
        let (from, to) = (found.start.max(range.start), (found.start + found.len).min(end));
        count += to - from;
        open.push(LockRange { start: range.start, len: from - range.start });
        open.push(LockRange { start: to, len: end - to });
        // A length of 0 would be all that follows.
        open.retain(|range| range.len > 0);
    }
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Locks that say that a group has no members, and will have none while they are held.
#[derive(Debug)]
pub struct Unused {
    _locks: Vec<LockGuard>,
}

impl Unused {
    /// Of a whole group; `None` if it has members.
    ///
    /// # Errors
    /// As the file system says.
    pub fn group(home: &Home, group: &str) -> Result<Option<Self>> {
        let locks = home.require_write()?;
        let lock = locks.acquire(ranges::presence(group), LockKind::Exclusive, Wait::No)?;
        Ok(lock.map(|lock| Self { _locks: vec![lock] }))
    }

    /// Of partitions of a topic; the first that a member has, if one has any.
    ///
    /// # Errors
    /// As the file system says.
    pub fn partitions(
        home: &Home,
        group: &str,
        topic: Uuid,
        partitions: impl IntoIterator<Item = i32>,
    ) -> Result<std::result::Result<Self, i32>> {
        let locks = home.require_write()?;
        let mut held = Vec::new();
        for partition in partitions {
            let range = ranges::owner(group, topic, partition);
            match locks.acquire(range, LockKind::Exclusive, Wait::No)? {
                Some(lock) => held.push(lock),
                None => return Ok(Err(partition)),
            }
        }
        Ok(Ok(Self { _locks: held }))
    }
}

#[cfg(test)]
mod tests;
