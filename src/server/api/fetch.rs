//! Fetch 4–18: record batches as they are stored, sent from the segments' files by the kernel.
//!
//! A request is answered at once where there are `min_bytes`, an error, or nothing to wait for;
//! else when an append, a new log start or a deletion makes it so, at the latest after
//! `max_wait_ms`, with what there is. Batches are whole; the first of the first partition that has
//! any is sent whatever its size, so that no limit can stop a consumer for good.
//!
//! Sessions (KIP-227) are refused in the legal way: every response has session id 0, and clients go
//! on with full requests. Ignored: rack id, replica state, log start offset, last fetched epoch,
//! forgotten topics. Source: KIP-74 (limits), KIP-320 (leader epochs), KIP-516 (topic ids).

use std::collections::HashMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{Answer, Context, Session, errors};
use crate::broker::TopicInfo;
use crate::log::{self, Chunk, Cursor, Listener, PartitionLog, View};
use crate::model::{Offset, Uuid};
use crate::protocol::fetch::{
    AbortedTransaction, FetchPartition, FetchRequest, FetchResponse, FetchTopic,
    FetchableTopicResponse, PartitionData,
};
use crate::protocol::{ErrorCode, Records};
use crate::server::node::Node;
use crate::server::outgoing::{FilePart, Output};

/// Bytes of records that go with the response's own, in one call; more are sent from the file.
const INLINE_BYTES_MAX: usize = 8 << 10;

/// Positions that a connection remembers between its fetches.
const POSITIONS_MAX: usize = 10_000;

/// The session epoch that means: a full request, and no session.
const FINAL_EPOCH: i32 = -1;
/// The session epoch that means: a full request, and a new session if the broker likes.
const INITIAL_EPOCH: i32 = 0;

/// Where the next batches of partitions stand, as far as a connection knows from its last fetches.
#[derive(Debug, Clone, Default)]
pub(super) struct Positions(Arc<Mutex<HashMap<(Uuid, i32), Cursor>>>);

impl Positions {
    /// A cursor at an offset, with its place where the last fetch ended there.
    fn cursor(&self, key: (Uuid, i32), offset: Offset) -> Cursor {
        let positions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match positions.get(&key) {
            Some(cursor) if cursor.offset == offset => *cursor,
            _ => Cursor::at(offset),
        }
    }

    fn remember(&self, key: (Uuid, i32), cursor: Cursor) {
        let mut positions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if positions.len() >= POSITIONS_MAX && !positions.contains_key(&key) {
            positions.clear();
        }
        positions.insert(key, cursor);
    }
}

pub(super) fn handle(context: &Context<'_>, session: &Session, request: FetchRequest) -> Answer {
    if !matches!(request.session_epoch, FINAL_EPOCH | INITIAL_EPOCH) {
        let error_code = ErrorCode::FetchSessionIdNotFound.code();
        return FetchResponse { error_code, ..Default::default() }.into();
    }
    let fetch = Fetch::new(context, session.positions.clone(), request);
    let fetched = fetch.collect();
    if fetched.is_enough || *context.node.stopping.borrow() {
        return Answer::Ready(fetched.into_output(context.node));
    }
    let node = Arc::clone(context.node);
    Answer::Waits(Box::pin(async move { Some(fetch.wait(&node).await) }))
}

/// A request whose partitions were found.
struct Fetch {
    version: i16,
    topics: Vec<AskedTopic>,
    positions: Positions,
    min_bytes: usize,
    max_bytes: usize,
    is_read_committed: bool,
    may_wait: bool,
    deadline: Instant,
}

struct AskedTopic {
    name: String,
    id: Uuid,
    partitions: Vec<AskedPartition>,
}

struct AskedPartition {
    asked: FetchPartition,
    log: Result<Arc<PartitionLog>, ErrorCode>,
}

/// What a look at all partitions gave.
#[derive(Default)]
struct Fetched {
    responses: Vec<FetchableTopicResponse>,
    files: Vec<FilePart>,
    bytes: usize,
    /// Whether it is to be sent without waiting for more.
    is_enough: bool,
}

impl Fetch {
    fn new(context: &Context<'_>, positions: Positions, request: FetchRequest) -> Self {
        let max_wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
        let bytes_of = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        let max_bytes =
            bytes_of(request.max_bytes.min(context.node.broker.config().fetch_max_bytes));
        let topics: Vec<_> =
            request.topics.into_iter().map(|topic| AskedTopic::find(context, topic)).collect();
        let has_partitions = topics.iter().any(|topic| !topic.partitions.is_empty());
        Self {
            version: context.version,
            may_wait: !max_wait.is_zero() && has_partitions,
            topics,
            positions,
            min_bytes: bytes_of(request.min_bytes).min(max_bytes),
            max_bytes,
            is_read_committed: request.isolation_level == super::READ_COMMITTED,
            deadline: Instant::now() + max_wait,
        }
    }

    /// What there is in all partitions.
    fn collect(&self) -> Fetched {
        let mut fetched = Fetched { is_enough: !self.may_wait, ..Default::default() };
        for topic in &self.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for partition in &topic.partitions {
                let data = partition
                    .log
                    .as_ref()
                    .map_err(|error| *error)
                    .and_then(|log| self.read(&mut fetched, topic.id, &partition.asked, log));
                partitions.push(data.unwrap_or_else(|error| {
                    fetched.is_enough = true;
                    PartitionData {
                        partition_index: partition.asked.partition,
                        error_code: self.in_version(error).code(),
                        ..Default::default()
                    }
                }));
            }
            let (topic, topic_id) = (topic.name.clone(), topic.id);
            fetched.responses.push(FetchableTopicResponse { topic, topic_id, partitions });
        }
        fetched.is_enough |= fetched.bytes >= self.min_bytes;
        fetched
    }

    /// The batches of one partition, as far as the limits allow.
    fn read(
        &self,
        fetched: &mut Fetched,
        topic_id: Uuid,
        asked: &FetchPartition,
        log: &PartitionLog,
    ) -> Result<PartitionData, ErrorCode> {
        let of_log = |error: log::Error| {
            let code = errors::of_log(&error);
            if code == ErrorCode::KafkaStorageError {
                tracing::error!(partition = %log.partition(), %error, "cannot read");
            }
            code
        };
        let view = log.view().map_err(of_log)?;
        super::check_leader_epoch(asked.current_leader_epoch, view.leader_epoch())?;
        let offset = Offset(asked.fetch_offset);
        if offset < view.log_start() || offset > view.end() {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        let bound = if self.is_read_committed { view.last_stable() } else { view.end() };
        let mut data = PartitionData {
            partition_index: asked.partition,
            high_watermark: view.end().0,
            last_stable_offset: view.last_stable().0,
            log_start_offset: view.log_start().0,
            aborted_transactions: self.is_read_committed.then(Vec::new),
            ..Default::default()
        };
        if offset >= bound {
            return Ok(data);
        }
        let key = (topic_id, asked.partition);
        let mut cursor = self.positions.cursor(key, offset);
        let left = self.max_bytes.saturating_sub(fetched.bytes);
        let limit = usize::try_from(asked.partition_max_bytes).unwrap_or(0).min(left);
        let is_first = fetched.bytes == 0;
        if limit == 0 && !is_first {
            return Ok(data);
        }
        let Some(chunk) = log.read(&view, &mut cursor, limit.max(1)).map_err(of_log)? else {
            return Ok(data);
        };
        let len = stable_bytes(&chunk, bound);
        if len == 0 || len > limit && !is_first {
            return Ok(data);
        }
        if len == chunk.bytes().len() {
            self.positions.remember(key, cursor);
            // More stands in a later segment, or would not fit: nothing to wait for.
            fetched.is_enough |= cursor.offset < bound;
        }
        if self.is_read_committed && view.may_have_aborted() {
            let aborted = aborted(log, &view, offset, cursor.offset.min(bound));
            if !log.view().map_err(of_log)?.has_files_of(&view) {
                // The index may be that of other records already. The client asks again.
                fetched.is_enough = true;
                return Ok(data);
            }
            data.aborted_transactions = Some(aborted.map_err(of_log)?);
        }
        fetched.bytes += len;
        data.records = Some(if len <= INLINE_BYTES_MAX {
            Records::Here(BytesMut::from(&chunk.bytes()[..len]))
        } else {
            fetched.files.push(FilePart { file: chunk.file, position: chunk.position, len });
            Records::Elsewhere(len)
        });
        Ok(data)
    }

    /// Waits until there is enough, or it has been long enough.
    async fn wait(self, node: &Node) -> Output {
        let woken = Arc::new(Woken(Notify::new()));
        let waker = Waker::from(Arc::clone(&woken));
        let logs = self.topics.iter().flat_map(|topic| &topic.partitions);
        let logs = logs.filter_map(|partition| partition.log.as_ref().ok());
        let _listeners: Vec<Listener> = logs.map(|log| log.listen(&waker)).collect();
        let mut stopping = node.stopping.clone();
        loop {
            // After the listening began: what comes from here on wakes.
            let fetched = self.collect();
            if fetched.is_enough || *stopping.borrow() {
                return fetched.into_output(node);
            }
            tokio::select! {
                woken = timeout_at(self.deadline, woken.0.notified()) => {
                    if woken.is_err() {
                        return fetched.into_output(node);
                    }
                }
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        }
    }

    /// From version 13 on topics are known by their ids, and so is their absence.
    fn in_version(&self, error: ErrorCode) -> ErrorCode {
        match error {
            ErrorCode::UnknownTopicOrPartition if self.version >= 13 => ErrorCode::UnknownTopicId,
            error => error,
        }
    }
}

impl AskedTopic {
    fn find(context: &Context<'_>, topic: FetchTopic) -> Self {
        let broker = &context.node.broker;
        let found = match context.version {
            13.. => broker.topic_with_id(topic.topic_id),
            _ => broker.topic_named(&topic.topic),
        };
        let unknown = match context.version {
            13.. => ErrorCode::UnknownTopicId,
            _ => ErrorCode::UnknownTopicOrPartition,
        };
        let found =
            found.map_err(|error| errors::of_broker(&error)).and_then(|topic| topic.ok_or(unknown));
        let id = found.as_ref().map_or(topic.topic_id, |topic| topic.id);
        let partitions = topic.partitions.into_iter().map(|asked| {
            let log = found.as_ref().map_err(|error| *error).and_then(|topic: &Arc<TopicInfo>| {
                broker.log(topic, asked.partition).map_err(|_| ErrorCode::UnknownTopicOrPartition)
            });
            AskedPartition { asked, log }
        });
        Self { id, partitions: partitions.collect(), name: topic.topic }
    }
}

/// Bytes of the batches of a chunk that begin before an offset.
fn stable_bytes(chunk: &Chunk, bound: Offset) -> usize {
    let stable = chunk.batches().take_while(|batch| batch.base_offset() < bound);
    stable.map(|batch| batch.size_in_bytes()).sum()
}

/// The transactions whose records in a range the client is to leave out.
fn aborted(
    log: &PartitionLog,
    view: &View,
    from: Offset,
    to: Offset,
) -> log::Result<Vec<AbortedTransaction>> {
    let found = log.aborted_transactions(view, from, to)?;
    let told = found.into_iter().map(|aborted| AbortedTransaction {
        producer_id: aborted.producer_id,
        first_offset: aborted.first_offset.0,
    });
    Ok(told.collect())
}

impl Fetched {
    fn into_output(self, node: &Node) -> Output {
        node.metrics.fetched_bytes.fetch_add(self.bytes as u64, Relaxed);
        let response = FetchResponse { responses: self.responses, ..Default::default() };
        Output { response: response.into(), files: self.files }
    }
}

/// Wakes the task that waits for records.
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}
