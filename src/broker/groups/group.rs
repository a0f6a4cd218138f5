//! A group as the coordinator keeps it: its members and its offsets.

use super::answer::Now;
use super::classic::{CONSUMER, ClassicGroup, State};
use super::offsets::{Committed, Offsets};
use super::pending::Pending;
use crate::model::config::BrokerConfig;

/// A group.
pub(super) struct Group {
    /// Its members.
    pub(super) classic: ClassicGroup,
    /// Its offsets.
    pub(super) offsets: Offsets,
    /// Those that were committed in transactions which are open.
    pub(super) pending: Pending,
    /// Whether the log has a record of its members.
    pub(super) recorded: bool,
    /// When it is looked at next; `i64::MAX` if nothing is to be looked at.
    pub(super) scheduled_ms: i64,
}

impl Group {
    /// A group of which nothing is known.
    pub(super) fn new(now: Now) -> Self {
        Self {
            classic: ClassicGroup::new(now.wall_ms),
            offsets: Offsets::default(),
            pending: Pending::default(),
            recorded: false,
            scheduled_ms: i64::MAX,
        }
    }

    /// Whether forgetting it would lose nothing.
    pub(super) fn is_nothing(&self) -> bool {
        !self.recorded && self.has_no_offsets() && self.classic.is_blank()
    }

    /// Whether there are no offsets, nor may there be some once transactions end.
    pub(super) fn has_no_offsets(&self) -> bool {
        self.offsets.is_empty() && self.pending.is_empty()
    }

    /// The partitions with an offset, decided or not, of topics that a condition holds for.
    pub(super) fn all_offsets(&self, condition: impl Fn(&str) -> bool) -> Vec<(String, i32)> {
        let mut all = self.offsets.matching(|topic, _| condition(topic));
        all.extend(self.pending.matching(condition));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Forgets the offset of a partition, and what is not decided of it.
    pub(super) fn forget_offset(&mut self, topic: &str, partition: i32) {
        self.offsets.remove(topic, partition);
        self.pending.remove(topic, partition);
    }

    /// A producer's transaction has ended: its offsets count, or are forgotten.
    pub(super) fn decide(&mut self, producer: i64, is_committed: bool) {
        let decided = self.pending.take(producer);
        if is_committed {
            self.offsets.extend_newer(decided);
        }
    }

    /// The offsets whose time is over.
    ///
    /// Those of a group that has no members live from when it lost them; those of one at work,
    /// from the commit, if its members don't read the topic any more; those of a mere holder of
    /// offsets from the commit. A commit that came with a retention of its own has that.
    ///
    /// What a transaction that is open has committed anew stays.
    ///
    /// Source: KIP-211.
    pub(super) fn expired(&self, config: &BrokerConfig, now_ms: i64) -> Vec<(String, i32)> {
        let mut expired = self.expired_of_decided(config, now_ms);
        expired.retain(|(topic, partition)| !self.pending.contains(topic, *partition));
        expired
    }

    fn expired_of_decided(&self, config: &BrokerConfig, now_ms: i64) -> Vec<(String, i32)> {
        let classic = &self.classic;
        let retention_ms = i64::from(config.offsets_retention_minutes) * 60_000;
        let is_old = |since_ms: i64| now_ms.saturating_sub(since_ms) >= retention_ms;
        let over = |committed: &Committed, since_ms: i64| match committed.expire_ms {
            -1 => is_old(since_ms),
            expire_ms => now_ms >= expire_ms,
        };
        match (classic.protocol_type(), classic.state()) {
            ("", _) => self.offsets.matching(|_, it| over(it, it.commit_ms)),
            (_, State::Empty) => {
                let since_ms = classic.state_since_ms();
                self.offsets.matching(|_, it| over(it, since_ms.unwrap_or(it.commit_ms)))
            }
            (CONSUMER, State::Stable) if classic.knows_topics() => {
                let gone = |topic: &str| !classic.is_subscribed(topic);
                self.offsets.matching(|topic, it| gone(topic) && over(it, it.commit_ms))
            }
            _ => Vec::new(),
        }
    }
}
