//! A log with keys that repeat, tombstones, an idempotent producer and transactions, of which some are
//! aborted and reach over segments; and a reader of committed records.

use std::collections::{BTreeMap, BTreeSet};

use runnel::log::{Cursor, EndMarker, PartitionLog, TransactionVersion, View};
use runnel::record::{
    Batch, BatchBuilder, Compression, Decompressor, EndTransactionMarker, Headers, Outcome, Record,
};

use super::Result;

/// Key and value by offset; control records are no part of it.
pub(crate) type Records = BTreeMap<i64, (Vec<u8>, Option<Vec<u8>>)>;

/// The log before any compaction, and what was appended to it.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) appended: Records,
    pub(crate) aborted: BTreeSet<i64>,
    pub(crate) sequences: BTreeMap<i64, i32>,
}

impl Script {
    pub(crate) fn run(log: &PartitionLog) -> Self {
        let mut script = Self::default();
        for number in 0..19_i64 {
            script.plain(log, number, -1);
            if number % 5 == 0 {
                script.plain(log, number, 40);
            }
            // Two producers, whose transactions overlap; every second one of the first is aborted.
            match number % 10 {
                2 | 4 => script.transactional(log, number, 50, number % 20 < 10),
                3 => script.transactional(log, number, 51, number == 13),
                6 => script.end(log, 50, number % 20 < 10),
                8 => script.end(log, 51, number == 18),
                _ => {}
            }
        }
        script
    }

    pub(crate) fn plain(&mut self, log: &PartitionLog, number: i64, producer: i64) {
        let value = (number % 7 != 0).then(|| vec![number as u8; 9 + number as usize]);
        let records =
            [(format!("key {}", number % 4), value), (format!("once {number}"), Some(vec![1; 5]))];
        self.append(log, &records, producer, false);
    }

    pub(crate) fn transactional(
        &mut self,
        log: &PartitionLog,
        number: i64,
        producer: i64,
        aborts: bool,
    ) {
        let records = [
            (format!("key {}", number % 4), Some(vec![number as u8; 25])),
            (format!("in transaction {}", number % 3), Some(vec![2; 9])),
        ];
        let base = self.append(log, &records, producer, true);
        if aborts {
            self.aborted.extend(base..base + records.len() as i64);
        }
    }

    pub(crate) fn append(
        &mut self,
        log: &PartitionLog,
        records: &[(String, Option<Vec<u8>>)],
        producer: i64,
        transactional: bool,
    ) -> i64 {
        let mut builder = BatchBuilder::new(Compression::None, None);
        for (key, value) in records {
            let (key, value) = (Some(key.as_bytes()), value.as_deref());
            let headers = Headers::NONE;
            builder.push(&Record { offset: 0, timestamp: 1000, key, value, headers });
        }
        if producer >= 0 {
            let sequence = self.sequences.entry(producer).or_default();
            builder.with_producer(producer, 0, *sequence, transactional);
            *sequence += records.len() as i32;
        }
        let batch = builder.finish().expect("there are records");
        let appended = log.append_verified(batch, 5000).expect("appends");
        let offsets = appended.base_offset.0..;
        self.appended
            .extend(offsets.zip(records.iter().map(|(k, v)| (k.clone().into(), v.clone()))));
        appended.base_offset.0
    }

    pub(crate) fn end(&self, log: &PartitionLog, producer_id: i64, aborts: bool) {
        let marker = EndMarker {
            producer_id,
            producer_epoch: 0,
            coordinator_epoch: 0,
            outcome: if aborts { Outcome::Abort } else { Outcome::Commit },
            version: TransactionVersion::V1,
        };
        log.end_transaction(&marker, 5000).expect("ends");
    }

    /// The last record of each key among those that were committed.
    pub(crate) fn last(&self) -> Records {
        let mut last = BTreeMap::new();
        for (offset, (key, _)) in &self.appended {
            if !self.aborted.contains(offset) {
                last.insert(key.clone(), *offset);
            }
        }
        let stays = |(offset, record): (&i64, &(Vec<u8>, _))| {
            (last.get(&record.0) == Some(offset)).then(|| (*offset, record.clone()))
        };
        self.appended.iter().filter_map(stays).collect()
    }

    /// Whether these can be what readers of committed records find.
    pub(crate) fn check(&self, found: &Records) -> Result<()> {
        for (offset, record) in found {
            if self.appended.get(offset) != Some(record) {
                return Err(format!("offset {offset} is not what was appended"));
            }
            if self.aborted.contains(offset) {
                return Err(format!("offset {offset} was aborted"));
            }
        }
        match self.last().keys().find(|offset| !found.contains_key(offset)) {
            Some(offset) => Err(format!("offset {offset} is missing")),
            None => Ok(()),
        }
    }
}

/// What a reader of committed records makes of batches, as Kafka's consumer does.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    aborted: Vec<(i64, i64)>,
    under_way: BTreeSet<i64>,
    pub(crate) next: i64,
    pub(crate) records: Records,
}

impl Committed {
    pub(crate) fn new(mut aborted: Vec<(i64, i64)>) -> Self {
        aborted.sort_unstable_by_key(|(_, first)| std::cmp::Reverse(*first));
        Self { aborted, ..Self::default() }
    }

    pub(crate) fn take(&mut self, batch: &Batch<'_>) -> Result<()> {
        batch.check().map_err(|cause| cause.to_string())?;
        if batch.base_offset().0 < self.next {
            return Err(format!("offset {} comes after {}", batch.base_offset(), self.next));
        }
        self.next = batch.next_offset().0;
        while let Some((producer, first)) = self.aborted.last()
            && *first <= batch.last_offset().0
        {
            self.under_way.insert(*producer);
            self.aborted.pop();
        }
        if batch.attributes().is_control() {
            let marker = EndTransactionMarker::of(batch).map_err(|cause| cause.to_string())?;
            if marker.is_some_and(|marker| marker.outcome == Outcome::Abort) {
                self.under_way.remove(&batch.producer_id());
            }
            return Ok(());
        }
        if batch.attributes().is_transactional() && self.under_way.contains(&batch.producer_id()) {
            return Ok(());
        }
        let mut decompressor = Decompressor::default();
        for record in batch.records(&mut decompressor).map_err(|cause| cause.to_string())? {
            let record = record.map_err(|cause| cause.to_string())?;
            let key = record.key.unwrap_or_default().to_vec();
            self.records.insert(record.offset, (key, record.value.map(<[u8]>::to_vec)));
        }
        Ok(())
    }
}

/// The committed records of a view, looked up chunk by chunk.
pub(crate) fn committed(log: &PartitionLog, view: &View) -> Result<Records> {
    let (mut cursor, mut found) = (Cursor::at(view.log_start()), Records::new());
    loop {
        let from = cursor.offset;
        let chunk = log.read(view, &mut cursor, 400).map_err(|error| error.to_string())?;
        let Some(chunk) = chunk else { return Ok(found) };
        let aborted = log.aborted_transactions(view, from, cursor.offset);
        let aborted = aborted.map_err(|error| error.to_string())?;
        let aborted = aborted.iter().map(|aborted| (aborted.producer_id, aborted.first_offset.0));
        let mut committed = Committed::new(aborted.collect());
        committed.next = from.0.min(chunk.batches().next().map_or(0, |b| b.base_offset().0));
        for batch in chunk.batches() {
            committed.take(&batch)?;
        }
        found.append(&mut committed.records);
    }
}
