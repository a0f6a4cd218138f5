//! Ids for producers: never given twice.
//!
//! They are taken from blocks, each durable in the catalog before an id of it is used. What is left
//! of a block when a process ends is lost; there are enough.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::Broker;
use super::error::Result;

/// Ids in a block. Source: Kafka's `ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`.
const BLOCK_IDS: i64 = 1000;

/// The ids of this process's block that are left.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    left: Mutex<Range<i64>>,
}

impl Broker {
    /// An id that no producer ever had.
    ///
    /// # Errors
    /// As the file system says.
    pub fn next_producer_id(&self) -> Result<i64> {
        let mut left = self.producer_ids.left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.is_empty() {
            *left = self.catalog.change(&self.home, |catalog| {
                let start = catalog.next_producer_id;
                catalog.next_producer_id = start + BLOCK_IDS;
                Ok(start..start + BLOCK_IDS)
            })?;
        }
        let id = left.start;
        left.start += 1;
        Ok(id)
    }

    /// Gives no id from now on that is not above this one: it was found in a log.
    ///
    /// # Errors
    /// As the file system says.
    pub fn producer_id_in_use(&self, id: i64) -> Result<()> {
        let mut left = self.producer_ids.left.lock().unwrap_or_else(PoisonError::into_inner);
        if id < left.start
            || id < self.catalog.read(&self.home)?.next_producer_id && left.is_empty()
        {
            return Ok(());
        }
        *left = 0..0;
        self.catalog.change(&self.home, |catalog| {
            catalog.next_producer_id = catalog.next_producer_id.max(id.saturating_add(1));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::broker::{Access, Home};
    use crate::clock::SystemClock;

    #[test]
    fn no_id_is_given_twice() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let open = || {
            let home = Home::open_path(dir.path(), Access::Serve, true, "test").expect("opens");
            Broker::new(home, Arc::new(SystemClock))
        };
        let first = open();
        let ids: Vec<_> =
            (0..=BLOCK_IDS).map(|_| first.next_producer_id().expect("an id")).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        drop(first);
        let second = open();
        assert_eq!(second.next_producer_id().expect("an id"), 2 * BLOCK_IDS);
        second.producer_id_in_use(2 * BLOCK_IDS).expect("is below");
        assert_eq!(second.next_producer_id().expect("an id"), 2 * BLOCK_IDS + 1);
        second.producer_id_in_use(7777).expect("is noted");
        assert_eq!(second.next_producer_id().expect("an id"), 7778);
    }
}
