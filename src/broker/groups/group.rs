//! A group as the coordinator keeps it: its members and its offsets.

use super::answer::Now;
use super::classic::{CONSUMER, ClassicGroup, State};
use super::offsets::{Committed, Offsets};
use crate::model::config::BrokerConfig;

/// A group.
pub(super) struct Group {
    /// Its members.
    pub(super) classic: ClassicGroup,
    /// Its offsets.
    pub(super) offsets: Offsets,
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
            recorded: false,
            scheduled_ms: i64::MAX,
        }
    }

    /// Whether forgetting it would lose nothing.
    pub(super) fn is_nothing(&self) -> bool {
        !self.recorded && self.offsets.is_empty() && self.classic.is_blank()
    }

    /// The offsets whose time is over.
    ///
    /// Those of a group that has no members live from when it lost them; those of one at work,
    /// from the commit, if its members don't read the topic any more; those of a mere holder of
    /// offsets from the commit. A commit that came with a retention of its own has that.
    ///
    /// Source: KIP-211.
    pub(super) fn expired(&self, config: &BrokerConfig, now_ms: i64) -> Vec<(String, i32)> {
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
