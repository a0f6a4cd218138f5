//! Dumping a `.log` file: its batches and their records.

use super::{BatchFacts, DumpOptions, Each, Flow, Item};
use crate::inspect::batches::{BatchWalk, Search, Step};
use crate::inspect::decoded::{Schema, marker};
use crate::inspect::finding::{Finding, Severity};
use crate::inspect::problem::Problem;
use crate::log::{Fault, Result};
use crate::model::{Compression, Offset, limits};
use crate::record::{Batch, CorruptBatch, Decompressor};
use crate::storage::File;

/// Which part of a file is dumped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dumped {
    /// Base offset of the segment.
    pub(super) base: Offset,
    /// Where its batches end, if that was published; the end of the file if not.
    pub(super) end: Option<u64>,
    /// Whether it may end in what a writer left that stopped.
    pub(super) may_be_torn: bool,
}

/// Dumps a segment from its first byte to its end, past what is damaged.
pub(super) fn dump(
    file: &dyn File,
    schema: Schema,
    of: Dumped,
    options: DumpOptions,
    each: Each<'_>,
) -> Result<Flow> {
    let len = file.metadata()?.len;
    let end = of.end.map_or(len, |end| end.min(len));
    let mut walk = BatchWalk::new(file, end);
    let mut dump = Dump {
        file,
        of,
        schema,
        options,
        end,
        expected: of.base,
        scratch: Decompressor::new(limits::DECOMPRESSED_BYTES_MAX),
        each,
    };
    loop {
        let flow = match walk.next()? {
            None => return Ok(Flow::Continue(())),
            Some(Step::Batch { position, bytes, batch, is_whole }) => {
                dump.batch(position, bytes, &batch, is_whole)
            }
            Some(Step::Old { position, magic, offset }) => {
                dump.expected = offset.next();
                (dump.each)(Item::Old { position, magic, offset })
            }
            Some(Step::Fault { position, fault }) => {
                match dump.fault(&mut walk, position, fault)? {
                    (Flow::Continue(()), Some(next)) => {
                        walk.go_on_at(next);
                        continue;
                    }
                    (flow, _) => return Ok(flow),
                }
            }
        };
        if flow.is_break() {
            return Ok(flow);
        }
    }
}

/// A dump under way.
struct Dump<'f, 'e> {
    file: &'f dyn File,
    of: Dumped,
    schema: Schema,
    options: DumpOptions,
    end: u64,
    /// The lowest base offset that the next batch may have.
    expected: Offset,
    scratch: Decompressor,
    each: Each<'e>,
}

impl Dump<'_, '_> {
    fn tell(&mut self, position: u64, severity: Severity, what: Problem) -> Flow {
        let path = self.file.display().to_owned();
        (self.each)(Item::Finding(Finding { path, position: Some(position), severity, what }))
    }

    /// A batch with a sound frame and crc.
    fn batch(&mut self, at: u64, bytes: u64, batch: &Batch<'_>, is_whole: bool) -> Flow {
        let (found, expected) = (batch.base_offset(), self.expected);
        self.expected = batch.next_offset();
        (self.each)(Item::Batch(facts(at, bytes, batch, true)))?;
        if found < expected {
            let what = Problem::Misplaced(Fault::Misplaced { found, expected });
            self.tell(at, Severity::Damage, what)?;
        }
        match (self.options.batches_only, is_whole) {
            (true, _) => Flow::Continue(()),
            (false, false) => self.tell(at, Severity::Note, Problem::LargeBatch { bytes }),
            (false, true) => self.records(at, batch),
        }
    }

    fn records(&mut self, at: u64, batch: &Batch<'_>) -> Flow {
        let Self { scratch, each, schema, .. } = self;
        let is_control = batch.attributes().is_control();
        let fault = match batch.records(scratch) {
            Ok(records) => 'records: {
                for (index, record) in records.enumerate() {
                    let record = match record {
                        Ok(record) => record,
                        Err(cause) => break 'records Some(Problem::Records(cause.into())),
                    };
                    let decoded = match is_control {
                        true => Ok(Some(marker(&record))),
                        false => schema.decode(&record),
                    };
                    let what = decoded.as_ref().err().cloned();
                    each(Item::Record { record, decoded: decoded.unwrap_or_default() })?;
                    if let Some(cause) = what {
                        break 'records Some(Problem::Undecodable { index, cause });
                    }
                }
                None
            }
            Err(cause) => Some(Problem::Records(cause.into())),
        };
        let Some(what) = fault else {
            return Flow::Continue(());
        };
        // That it is large is no fault of it.
        let is_large =
            matches!(what, Problem::Records(Fault::Corrupt(CorruptBatch::TooLarge { .. })));
        let severity = if is_large { Severity::Note } else { Severity::Damage };
        self.tell(at, severity, what)
    }

    /// Tells of a place without a sound batch, and where the dump goes on, if it does.
    fn fault(
        &mut self,
        walk: &mut BatchWalk<'_>,
        at: u64,
        fault: Fault,
    ) -> Result<(Flow, Option<u64>)> {
        let bytes = self.end - at;
        if self.of.may_be_torn && walk.rest_is_zero()? {
            return Ok((self.tell(at, Severity::Note, Problem::ZeroTail { bytes }), None));
        }
        let can_be_torn = self.of.may_be_torn
            && fault == Fault::Incomplete
            && walk.can_be_front(self.expected, self.of.base)?;
        let search = walk.search(self.expected, self.of.base, &mut |_| {})?;
        if let Search::Found(next) = search {
            let header = match fault {
                Fault::Corrupt(CorruptBatch::Crc { .. }) => walk.header(next - at)?,
                _ => None,
            };
            let flow = match header {
                Some(facts) => (self.each)(Item::Batch(facts)),
                None => Flow::Continue(()),
            };
            if flow.is_break() {
                return Ok((flow, None));
            }
            return Ok((
                self.tell(at, Severity::Damage, Problem::Broken { fault, next }),
                Some(next),
            ));
        }
        if can_be_torn && search == Search::Nothing {
            return Ok((self.tell(at, Severity::Note, Problem::TornTail { bytes }), None));
        }
        Ok((self.tell(at, Severity::Damage, Problem::BrokenToTheEnd { fault, bytes }), None))
    }
}

/// What a batch's header says.
pub(in crate::inspect) fn facts(
    position: u64,
    bytes: u64,
    batch: &Batch<'_>,
    is_sound: bool,
) -> BatchFacts {
    let attributes = batch.attributes();
    BatchFacts {
        position,
        bytes,
        is_sound,
        crc: batch.crc(),
        base_offset: batch.base_offset(),
        last_offset: batch.last_offset(),
        records: batch.records_count(),
        codec: attributes.compression().ok().map(Compression::name),
        timestamp_type: attributes.timestamp_type(),
        base_timestamp: batch.base_timestamp(),
        max_timestamp: batch.max_timestamp(),
        has_delete_horizon: attributes.has_delete_horizon(),
        leader_epoch: batch.leader_epoch(),
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        last_sequence: batch.last_sequence(),
        is_transactional: attributes.is_transactional(),
        is_control: attributes.is_control(),
    }
}
