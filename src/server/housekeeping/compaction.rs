//! Compaction, round by round.

use std::ops::ControlFlow;

use super::Stop;
use crate::broker::{self, CompactionObserver, CompactionRound};
use crate::log::{CompactionEnd, Dirtiness};
use crate::model::TopicPartition;
use crate::model::config::BrokerConfig;
use crate::server::node::Node;

/// The least time between two rounds, in milliseconds: each looks at all topics.
const BACKOFF_MS_MIN: i64 = 100;

pub(super) fn interval_ms(config: &BrokerConfig) -> i64 {
    config.log_cleaner_backoff_ms.max(BACKOFF_MS_MIN)
}

/// Of each key of the topics that say so, only the last record stays.
pub(super) fn round(node: &Node, stop: &Stop) -> broker::Result<()> {
    if !node.broker.config().log_cleaner_enable {
        return Ok(());
    }
    let round =
        CompactionRound { only: None, dry_run: false, is_forced: false, map_bytes_max: None };
    node.broker.compaction_round(round, &mut Teller { stop })
}

/// Tells the server's log.
struct Teller<'s> {
    stop: &'s Stop,
}

impl CompactionObserver for Teller<'_> {
    fn begin(&mut self, partition: &TopicPartition, dirtiness: &Dirtiness) {
        let Dirtiness { clean_bytes, dirty_bytes, .. } = *dirtiness;
        tracing::debug!(%partition, clean_bytes, dirty_bytes, "compaction begins");
    }

    fn read(&mut self, _bytes: u64) -> ControlFlow<()> {
        if self.stop.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn end(&mut self, partition: &TopicPartition, end: broker::Result<CompactionEnd>) {
        match end {
            Ok(CompactionEnd::Done(done)) => tracing::info!(
                %partition,
                bytes_before = done.bytes_before,
                bytes_after = done.bytes_after,
                records_before = done.records_before,
                records_after = done.records_after,
                segments_before = done.segments_before,
                segments_after = done.segments_after,
                "compaction"
            ),
            Ok(end) => tracing::debug!(%partition, ?end, "compaction"),
            Err(error) => tracing::warn!(%error, %partition, "compaction"),
        }
    }
}
