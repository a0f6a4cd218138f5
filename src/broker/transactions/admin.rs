//! DescribeTransactions, ListTransactions, WriteTxnMarkers.

use regex::Regex;

use super::Transactions;
use super::transaction::State;
use crate::broker;
use crate::log::{EndMarker, TransactionVersion};
use crate::model::each_once;
use crate::protocol::ErrorCode;
use crate::protocol::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};
use crate::protocol::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse, ListedTransaction,
};
use crate::protocol::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use crate::record::Outcome;

/// Names of states that Kafka has besides; no id is ever in them for longer than a step.
const PASSING_STATES: [&str; 2] = ["Dead", "PrepareEpochFence"];

impl Transactions {
    /// How ids are.
    #[must_use]
    pub fn describe(&self, request: DescribeTransactionsRequest) -> DescribeTransactionsResponse {
        let describe = |id: String| {
            let described = self.describe_one(&id);
            described.unwrap_or_else(|error| TransactionState {
                error_code: error.code(),
                transactional_id: id,
                ..TransactionState::default()
            })
        };
        let ids = each_once(request.transactional_ids, String::clone);
        let transaction_states = ids.map(describe).collect();
        DescribeTransactionsResponse { transaction_states, ..Default::default() }
    }

    fn describe_one(&self, id: &str) -> Result<TransactionState, ErrorCode> {
        let locked = self.lock(id)?;
        let entry = locked.get(id).ok_or(ErrorCode::TransactionalIdNotFound)?;
        let transaction = &entry.transaction;
        let topics = transaction.partitions.topics().map(|(topic, partitions)| TopicData {
            topic: topic.to_owned(),
            partitions: partitions.iter().copied().collect(),
        });
        Ok(TransactionState {
            error_code: ErrorCode::None.code(),
            transactional_id: id.to_owned(),
            transaction_state: transaction.state.name().to_owned(),
            transaction_timeout_ms: transaction.timeout_ms,
            transaction_start_time_ms: transaction.start_ms,
            producer_id: transaction.producer.producer_id,
            producer_epoch: transaction.producer.producer_epoch,
            topics: topics.collect(),
        })
    }

    /// The ids there are.
    #[must_use]
    pub fn list(&self, request: &ListTransactionsRequest) -> ListTransactionsResponse {
        let mut response = ListTransactionsResponse::default();
        let is_known = |name: &&String| {
            State::ALL.iter().any(|state| state.name() == name.as_str())
                || PASSING_STATES.contains(&name.as_str())
        };
        let (_, unknown): (Vec<_>, Vec<_>) = request.state_filters.iter().partition(is_known);
        response.unknown_state_filters = unknown.into_iter().cloned().collect();
        let pattern = request.transactional_id_pattern.as_deref().filter(|it| !it.is_empty());
        let whole = |it| Regex::new(&format!("^(?:{it})$"));
        let Ok(pattern) = pattern.map(whole).transpose() else {
            response.error_code = ErrorCode::InvalidRegularExpression.code();
            return response;
        };
        let now_ms = self.store.now_ms();
        for shard in &self.shards {
            let locked = match self.locked(shard) {
                Ok(locked) => locked,
                Err(error) => {
                    response.error_code = error.code();
                    continue;
                }
            };
            for (id, entry) in locked.all() {
                let transaction = &entry.transaction;
                let (producer_id, state) = (transaction.producer.producer_id, transaction.state);
                let age_ms = now_ms.saturating_sub(transaction.start_ms);
                let producers = &request.producer_id_filters;
                let states = &request.state_filters;
                if (producers.is_empty() || producers.contains(&producer_id))
                    && (states.is_empty() || states.iter().any(|name| name == state.name()))
                    && (request.duration_filter < 0 || age_ms > request.duration_filter)
                    && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
                {
                    response.transaction_states.push(ListedTransaction {
                        transactional_id: id.to_string(),
                        producer_id,
                        transaction_state: state.name().to_owned(),
                    });
                }
            }
        }
        response.transaction_states.sort_by(|a, b| a.transactional_id.cmp(&b.transactional_id));
        response
    }

    /// Writes markers as an administrator asks: what hangs is aborted by hand. `code` gives the code
    /// of an error.
    pub fn write_markers(
        &self,
        request: WriteTxnMarkersRequest,
        code: impl Fn(&broker::Error) -> ErrorCode,
    ) -> WriteTxnMarkersResponse {
        let write = |marker: WritableTxnMarker| {
            let end = EndMarker {
                producer_id: marker.producer_id,
                producer_epoch: marker.producer_epoch,
                coordinator_epoch: marker.coordinator_epoch,
                outcome: match marker.transaction_result {
                    true => Outcome::Commit,
                    false => Outcome::Abort,
                },
                version: match marker.transaction_version {
                    ..2 => TransactionVersion::V1,
                    2.. => TransactionVersion::V2,
                },
            };
            let topics = marker.topics.into_iter().map(|topic| {
                let partition = |partition_index: i32| {
                    let ended = self.end_in(&topic.name, partition_index, end);
                    let error_code = ended.err().as_ref().map_or(ErrorCode::None, &code).code();
                    WritableTxnMarkerPartitionResult { partition_index, error_code }
                };
                let partitions = topic.partition_indexes.iter().copied().map(partition).collect();
                WritableTxnMarkerTopicResult { name: topic.name, partitions }
            });
            let topics = topics.collect();
            WritableTxnMarkerResult { producer_id: marker.producer_id, topics }
        };
        WriteTxnMarkersResponse { markers: request.markers.into_iter().map(write).collect() }
    }
}
