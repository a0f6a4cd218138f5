//! What happens by itself: transactions that last too long are aborted, decisions that could not be
//! carried out are tried again, ids that nobody uses are forgotten.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Transactions;

/// Milliseconds between two looks for ids that nobody uses. Source: Kafka's
/// `transaction.remove.expired.transaction.cleanup.interval.ms`.
const EXPIRY_INTERVAL_MS: i64 = 60 * 60 * 1000;

impl Transactions {
    /// Whom to tell when [`Transactions::next_deadline_ms`] has become sooner.
    pub fn set_waker(&self, waker: Arc<dyn Fn() + Send + Sync>) {
        self.store.set_waker(waker);
    }

    /// When [`Transactions::tick`] is to be called, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn next_deadline_ms(&self) -> i64 {
        let expiry_ms = self.expired_ms.load(Ordering::Relaxed).saturating_add(EXPIRY_INTERVAL_MS);
        self.shards.iter().map(super::Shard::next_ms).fold(expiry_ms, i64::min)
    }

    /// Does what is due.
    pub fn tick(self: &Arc<Self>) {
        let now_ms = self.store.now_ms();
        for shard in self.shards.iter().filter(|shard| shard.next_ms() <= now_ms) {
            let Ok(mut locked) = self.locked(shard) else { continue };
            self.finish_prepared(&mut locked);
            let due = locked.take_due(now_ms);
            drop(locked);
            for id in due {
                self.time_out(&id, now_ms);
            }
        }
        let next_ms = self.expired_ms.load(Ordering::Relaxed).saturating_add(EXPIRY_INTERVAL_MS);
        if next_ms <= now_ms {
            self.expired_ms.store(now_ms, Ordering::Relaxed);
            self.expire(now_ms);
        }
    }

    fn time_out(self: &Arc<Self>, id: &str, now_ms: i64) {
        let Ok(locked) = self.lock(id) else { return };
        let Ok((id, transaction)) = locked.ready(id) else { return };
        if transaction.times_out_at_ms().is_some_and(|at_ms| at_ms <= now_ms) {
            let next = transaction.fenced(&super::Partitions::default(), now_ms);
            let (name, failures) = (Arc::clone(&id), Arc::clone(&self.store.failures));
            self.decide(
                locked,
                id,
                next,
                Box::new(move |aborted| {
                    failures.note(&match aborted {
                        Ok(_) => format!("the transaction of {name} took too long: it is aborted"),
                        Err(error) => format!("cannot abort the transaction of {name}: {error}"),
                    });
                }),
            );
        }
    }

    /// Forgets the ids that nobody has used for long. A crash may bring one back; it goes again.
    fn expire(&self, now_ms: i64) {
        let for_ms = self.store.broker.config().transactional_id_expiration_ms;
        for shard in &self.shards {
            let Ok(mut locked) = self.locked(shard) else { continue };
            let idle = locked.all().filter(|(_, entry)| {
                !entry.is_pending && entry.transaction.is_idle(now_ms, for_ms)
            });
            for id in idle.map(|(id, _)| Arc::clone(id)).collect::<Vec<_>>() {
                // Its markers are durable long since, but for a disk that kept them to itself.
                let unsynced = locked.get(&id).map(|entry| entry.transaction.unsynced.clone());
                let logs = unsynced
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(|marker| self.log_of(&marker.topic, marker.partition));
                let synced = logs.map(|log| self.store.broker.sync(&log)).all(|it| it.is_ok());
                if synced && locked.write(&id, None).is_ok() {
                    locked.forget(&id);
                }
            }
        }
    }
}
