//! What is kept of a transactional id, and what may become of it. No I/O: each step gives what the id
//! would be after it, which counts once it is durable.
//!
//! ```text
//! Empty ──► Ongoing ──► PrepareCommit ──► CompleteCommit ──┐
//!   ▲          │  ▲                                        │
//!   │          │  └────────────────────────────────────────┤  the next transaction
//!   │          └──────► PrepareAbort ───► CompleteAbort ───┤
//!   └──────────────────────────────────────────────────────┘  a new epoch
//! ```
//!
//! Clients of version 2 get a new epoch with every transaction, so that what is left of one can't get
//! into the next; others get one only when they begin or are fenced.
//!
//! Source: KIP-98, KIP-360, KIP-890, and Kafka's `TransactionMetadata`, `TransactionCoordinator`.

use super::partitions::Partitions;
use crate::log::TransactionVersion;
use crate::protocol::ErrorCode;
use crate::protocol::transaction_records::UnsyncedMarker;
use crate::record::Outcome;

/// No producer id.
pub(super) const NO_PRODUCER_ID: i64 = -1;
/// No epoch.
pub(super) const NO_EPOCH: i16 = -1;
/// The last epoch that a client is given; the one above is for fencing it.
const EPOCH_MAX: i16 = i16::MAX - 1;

/// Where a transactional id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(super) enum State {
    Empty = 0,
    Ongoing = 1,
    PrepareCommit = 2,
    PrepareAbort = 3,
    CompleteCommit = 4,
    CompleteAbort = 5,
}

impl State {
    pub(super) const ALL: [Self; 6] = [
        Self::Empty,
        Self::Ongoing,
        Self::PrepareCommit,
        Self::PrepareAbort,
        Self::CompleteCommit,
        Self::CompleteAbort,
    ];

    /// Kafka's name for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing => "Ongoing",
            Self::PrepareCommit => "PrepareCommit",
            Self::PrepareAbort => "PrepareAbort",
            Self::CompleteCommit => "CompleteCommit",
            Self::CompleteAbort => "CompleteAbort",
        }
    }

    /// Whether the end was decided, and not every partition may know.
    pub(super) const fn is_prepared(self) -> bool {
        matches!(self, Self::PrepareCommit | Self::PrepareAbort)
    }

    const fn prepared(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Commit => Self::PrepareCommit,
            Outcome::Abort => Self::PrepareAbort,
        }
    }
}

/// A producer's id and epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerIdAndEpoch {
    /// The id.
    pub producer_id: i64,
    /// The epoch.
    pub producer_epoch: i16,
}

/// A transactional id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transaction {
    pub(super) producer: ProducerIdAndEpoch,
    /// The producer's id before the last step.
    pub(super) previous_producer_id: i64,
    /// The producer's id once the transaction is over, where its epochs are used up.
    pub(super) next_producer_id: i64,
    /// The epoch that a client may still have, who did not hear of its new one. Not in the record.
    pub(super) last_epoch: i16,
    /// How long a transaction may last, in milliseconds.
    pub(super) timeout_ms: i32,
    pub(super) state: State,
    pub(super) partitions: Partitions,
    /// When the transaction began, in milliseconds since the Unix epoch; -1 if none did.
    pub(super) start_ms: i64,
    /// When the last step was made.
    pub(super) updated_ms: i64,
    pub(super) version: TransactionVersion,
    /// Markers of transactions that are over, which a crash may take from their partitions.
    pub(super) unsynced: Vec<UnsyncedMarker>,
}

/// What comes of an InitProducerId.
#[derive(Debug, PartialEq)]
pub(super) enum Init {
    /// A new epoch, or the same again.
    Empty(Transaction),
    /// A transaction of whoever had the id before is aborted first; the client must ask again.
    Abort(Transaction),
}

/// What comes of an EndTxn.
#[derive(Debug, PartialEq)]
pub(super) enum End {
    /// It was done before; the client did not hear of it.
    Done,
    /// It is decided.
    Prepare(Transaction),
}

/// A new producer id, where one is needed.
pub(super) type NewId<'a> = &'a mut dyn FnMut() -> Result<i64, ErrorCode>;

impl Transaction {
    /// An id that is new.
    pub(super) fn new(producer_id: i64, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            producer: ProducerIdAndEpoch { producer_id, producer_epoch: NO_EPOCH },
            previous_producer_id: NO_PRODUCER_ID,
            next_producer_id: NO_PRODUCER_ID,
            last_epoch: NO_EPOCH,
            timeout_ms,
            state: State::Empty,
            partitions: Partitions::default(),
            start_ms: -1,
            updated_ms: now_ms,
            version: TransactionVersion::V1,
            unsynced: Vec::new(),
        }
    }

    const fn epoch(&self) -> i16 {
        self.producer.producer_epoch
    }

    const fn epochs_are_used_up(&self) -> bool {
        self.epoch() >= EPOCH_MAX
    }

    /// The same, in another state.
    fn to(&self, state: State, now_ms: i64) -> Self {
        Self {
            state,
            updated_ms: now_ms,
            previous_producer_id: self.producer.producer_id,
            ..self.clone()
        }
    }

    /// Begins anew: whoever had the id before has it no more. `expected` is what a client says that
    /// it has, which wants a new epoch of its own.
    pub(super) fn init(
        &self,
        timeout_ms: i32,
        expected: Option<ProducerIdAndEpoch>,
        new_id: NewId<'_>,
        now_ms: i64,
    ) -> Result<Init, ErrorCode> {
        if !expected.is_none_or(|expected| self.may_be(expected)) {
            return Err(ErrorCode::ProducerFenced);
        }
        match self.state {
            State::PrepareCommit | State::PrepareAbort => {
                return Err(ErrorCode::ConcurrentTransactions);
            }
            State::Ongoing => {
                return Ok(Init::Abort(self.fenced(&Partitions::default(), now_ms)));
            }
            State::Empty | State::CompleteCommit | State::CompleteAbort => {}
        }
        let mut next = self.to(State::Empty, now_ms);
        (next.timeout_ms, next.start_ms, next.partitions) = (timeout_ms, -1, Partitions::default());
        let expected_epoch = expected.map(|expected| expected.producer_epoch);
        if self.epochs_are_used_up() && expected_epoch.is_none_or(|epoch| epoch == self.epoch()) {
            next.producer = ProducerIdAndEpoch { producer_id: new_id()?, producer_epoch: 0 };
            next.last_epoch = if expected.is_some() { self.epoch() } else { NO_EPOCH };
            return Ok(Init::Empty(next));
        }
        (next.producer.producer_epoch, next.last_epoch) = match expected_epoch {
            None => (self.epoch() + 1, NO_EPOCH),
            Some(epoch) if self.epoch() == NO_EPOCH || epoch == self.epoch() => {
                (self.epoch() + 1, self.epoch())
            }
            Some(epoch) if epoch == self.last_epoch => (self.epoch(), self.last_epoch),
            Some(_) => return Err(ErrorCode::ProducerFenced),
        };
        Ok(Init::Empty(next))
    }

    /// Whether a client may have had this id and epoch last.
    fn may_be(&self, expected: ProducerIdAndEpoch) -> bool {
        self.epoch() == NO_EPOCH
            || expected.producer_id == self.producer.producer_id
            || expected.producer_id == self.previous_producer_id
                && expected.producer_epoch >= EPOCH_MAX
    }

    /// Refuses who is not the producer of now, and what comes while an end is being carried out.
    fn check(&self, producer: ProducerIdAndEpoch) -> Result<(), ErrorCode> {
        if self.producer.producer_id != producer.producer_id {
            Err(ErrorCode::InvalidProducerIdMapping)
        } else if self.epoch() != producer.producer_epoch {
            Err(ErrorCode::ProducerFenced)
        } else if self.state.is_prepared() {
            Err(ErrorCode::ConcurrentTransactions)
        } else {
            Ok(())
        }
    }

    /// Adds partitions, with the first of which a transaction begins; `None` if they are in it.
    pub(super) fn add(
        &self,
        producer: ProducerIdAndEpoch,
        partitions: &Partitions,
        version: TransactionVersion,
        now_ms: i64,
    ) -> Result<Option<Self>, ErrorCode> {
        self.check(producer)?;
        let is_ongoing = self.state == State::Ongoing;
        if is_ongoing && partitions.is_within(&self.partitions) {
            return Ok(None);
        }
        let mut next = self.to(State::Ongoing, now_ms);
        if !is_ongoing {
            next.start_ms = now_ms;
            next.partitions = Partitions::default();
        }
        next.partitions.extend(partitions);
        next.version = version;
        Ok(Some(next))
    }

    /// Refuses a partition that is not in the transaction.
    pub(super) fn verify(
        &self,
        producer: ProducerIdAndEpoch,
        topic: &str,
        partition: i32,
    ) -> Result<(), ErrorCode> {
        self.check(producer)?;
        match self.state == State::Ongoing && self.partitions.contains(topic, partition) {
            true => Ok(()),
            false => Err(ErrorCode::TransactionAbortable),
        }
    }

    /// Ends the transaction.
    pub(super) fn end(
        &self,
        producer: ProducerIdAndEpoch,
        outcome: Outcome,
        version: TransactionVersion,
        new_id: NewId<'_>,
        now_ms: i64,
    ) -> Result<End, ErrorCode> {
        match version {
            TransactionVersion::V1 => self.end_v1(producer, outcome, now_ms),
            TransactionVersion::V2 => self.end_v2(producer, outcome, new_id, now_ms),
        }
    }

    fn end_v1(
        &self,
        producer: ProducerIdAndEpoch,
        outcome: Outcome,
        now_ms: i64,
    ) -> Result<End, ErrorCode> {
        use Outcome::{Abort, Commit};
        match self.check(producer) {
            Err(ErrorCode::ConcurrentTransactions) if self.state != State::prepared(outcome) => {
                return Err(ErrorCode::InvalidTxnState);
            }
            checked => checked?,
        }
        match (self.state, outcome) {
            (State::Ongoing, _) => {
                let mut next = self.to(State::prepared(outcome), now_ms);
                next.version = TransactionVersion::V1;
                Ok(End::Prepare(next))
            }
            (State::CompleteCommit, Commit) | (State::CompleteAbort, Abort) => Ok(End::Done),
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// A client that has the epoch of now ends what it began in it; one that has the epoch before
    /// did not hear what became of the last one. Source: KIP-890.
    fn end_v2(
        &self,
        producer: ProducerIdAndEpoch,
        outcome: Outcome,
        new_id: NewId<'_>,
        now_ms: i64,
    ) -> Result<End, ErrorCode> {
        use Outcome::{Abort, Commit};
        let epoch = producer.producer_epoch;
        let id_was_changed = self.previous_producer_id == producer.producer_id
            && self.previous_producer_id != self.producer.producer_id
            && epoch == EPOCH_MAX
            && self.epoch() == 0;
        let is_retry = id_was_changed || epoch.checked_add(1) == Some(self.epoch());
        let is_current = epoch == self.epoch();
        if self.producer.producer_id != producer.producer_id && !id_was_changed {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        let is_valid = match self.state {
            State::Empty | State::Ongoing => is_current,
            State::PrepareCommit | State::PrepareAbort => is_retry,
            State::CompleteCommit | State::CompleteAbort => is_retry || is_current,
        };
        if !is_valid {
            return Err(ErrorCode::ProducerFenced);
        }
        match (self.state, outcome) {
            (State::Ongoing, _) => self.prepare_v2(outcome, new_id, now_ms),
            (State::PrepareCommit, Commit) | (State::PrepareAbort, Abort) => {
                Err(ErrorCode::ConcurrentTransactions)
            }
            (State::CompleteCommit, Commit) | (State::CompleteAbort, Abort) if is_retry => {
                Ok(End::Done)
            }
            // Nothing was written yet; the client wants a new epoch all the same.
            (State::Empty | State::CompleteCommit | State::CompleteAbort, Abort) if !is_retry => {
                self.prepare_v2(Abort, new_id, now_ms)
            }
            _ => Err(ErrorCode::InvalidTxnState),
        }
    }

    fn prepare_v2(
        &self,
        outcome: Outcome,
        new_id: NewId<'_>,
        now_ms: i64,
    ) -> Result<End, ErrorCode> {
        let mut next = self.to(State::prepared(outcome), now_ms);
        if self.epochs_are_used_up() {
            next.next_producer_id = new_id()?;
        }
        if self.state != State::Ongoing {
            (next.start_ms, next.partitions) = (now_ms, Partitions::default());
        }
        next.last_epoch = self.epoch();
        next.producer.producer_epoch = self.epoch().saturating_add(1);
        next.version = TransactionVersion::V2;
        Ok(End::Prepare(next))
    }

    /// Aborts whatever is open, in `more` partitions than are known too, and takes the epoch from
    /// whoever has it: a client that heard of a batch that is lost must not commit the rest.
    pub(super) fn fenced(&self, more: &Partitions, now_ms: i64) -> Self {
        let mut next = self.to(State::PrepareAbort, now_ms);
        if self.state != State::Ongoing {
            (next.start_ms, next.partitions) = (now_ms, Partitions::default());
        }
        next.partitions.extend(more);
        next.last_epoch = NO_EPOCH;
        next.producer.producer_epoch = self.epoch().saturating_add(1);
        next
    }

    /// What becomes of it once every partition knows how it ended.
    pub(super) fn completed(&self, now_ms: i64) -> Self {
        let state = match self.state {
            State::PrepareCommit => State::CompleteCommit,
            _ => State::CompleteAbort,
        };
        let mut next = self.to(state, now_ms);
        next.partitions = Partitions::default();
        if self.next_producer_id != NO_PRODUCER_ID {
            let producer_id = self.next_producer_id;
            next.producer = ProducerIdAndEpoch { producer_id, producer_epoch: 0 };
            next.next_producer_id = NO_PRODUCER_ID;
        }
        next
    }

    /// The last producer id that was given to it.
    pub(super) fn last_producer_id(&self) -> i64 {
        self.producer.producer_id.max(self.previous_producer_id).max(self.next_producer_id)
    }

    /// When the transaction has lasted for too long; `None` where none is open.
    pub(super) fn times_out_at_ms(&self) -> Option<i64> {
        let at_ms = self.start_ms.saturating_add(i64::from(self.timeout_ms));
        (self.state == State::Ongoing).then_some(at_ms)
    }

    /// Whether nobody has used the id for so long.
    pub(super) fn is_idle(&self, now_ms: i64, for_ms: i32) -> bool {
        let is_over = self.state != State::Ongoing && !self.state.is_prepared();
        is_over && now_ms.saturating_sub(self.updated_ms) >= i64::from(for_ms)
    }
}
