//! Holds the results of windows back until they are final. Rows: the latest of each key and window whose window is open, by
//! the time at which it closes.
//! Source: Kafka Streams' `suppress(untilWindowCloses)`. Differs: a session's result is final when nothing can change it any
//! more, a millisecond after Kafka's, which may repeat itself.

use crate::stream::encoding;
use crate::stream::error::{Error, Result};
use crate::stream::program::Value;
use crate::stream::record::{Record, Window};
use crate::stream::scans::{PAGE_ROWS, ends_by};
use crate::stream::scope::Scope;
use crate::stream::state::StoreId;
use crate::stream::topology::Operator;
use crate::stream::windows::Windows;

pub(in crate::stream) struct Suppress {
    pub(in crate::stream) store: StoreId,
    pub(in crate::stream) windows: Windows,
}

impl Operator for Suppress {
    fn process(&self, scope: &mut Scope<'_>, record: &Record<'_>) -> Result<()> {
        let (Some(key), Some(window)) = (record.key, record.window) else {
            return scope.forward(record);
        };
        let mut held = scope.take();
        let closing = self.windows.closing_time(window.end);
        held_key(&mut held, closing, key, window);
        match record.value {
            Some(value) => self.hold(scope, held.get().unwrap_or_default(), record, value)?,
            None => scope.delete(self.store, held.get().unwrap_or_default())?,
        }
        scope.give(held);
        let clock = scope.clock();
        clock.earliest = clock.earliest.min(closing);
        clock.advance(record.timestamp);
        let time = clock.time;
        self.emit(scope, time)
    }

    fn close(&self, scope: &mut Scope<'_>) -> Result<()> {
        self.emit(scope, i64::MAX)
    }
}

impl Suppress {
    fn hold(
        &self,
        scope: &mut Scope<'_>,
        held_key: &[u8],
        record: &Record<'_>,
        value: &[u8],
    ) -> Result<()> {
        let mut held = scope.take();
        encoding::push_row(held.write(), record.timestamp, &[]);
        encoding::push_headers(held.write(), record.headers);
        held.write().extend_from_slice(value);
        scope.put(self.store, held_key, held.get().unwrap_or_default())?;
        scope.give(held);
        Ok(())
    }

    /// Forwards what is closed at this time, and holds it no more.
    fn emit(&self, scope: &mut Scope<'_>, time: i64) -> Result<()> {
        if scope.clock().earliest > time {
            return Ok(());
        }
        let mut rows = scope.take_rows();
        let mut key = scope.take();
        loop {
            rows.clear();
            scope.collect(self.store, &[], PAGE_ROWS, |held| ends_by(held, time), &mut rows)?;
            for (held_key, held) in rows.iter() {
                let record = take_held(held_key, held, &mut key).ok_or_else(|| {
                    scope.corrupt(self.store, "a result that is held back is cut")
                })?;
                scope.forward(&record).map_err(Error::held_back)?;
                scope.delete(self.store, held_key)?;
            }
            if rows.len() < PAGE_ROWS {
                break;
            }
        }
        scope.clock().earliest = scope.first_time(self.store)?;
        scope.give_rows(rows);
        scope.give(key);
        Ok(())
    }
}

fn held_key(out: &mut Value, closing: i64, key: &[u8], window: Window) {
    let out = out.write();
    encoding::push_time(out, closing);
    encoding::push_key(out, key);
    encoding::push_time(out, window.start);
    encoding::push_time(out, window.end);
}

fn take_held<'a>(mut held_key: &[u8], held: &'a [u8], key: &'a mut Value) -> Option<Record<'a>> {
    key.clear();
    encoding::take_time(&mut held_key)?;
    encoding::take_key(&mut held_key, key.write())?;
    let start = encoding::take_time(&mut held_key)?;
    let end = encoding::take_time(&mut held_key)?;
    let (timestamp, mut value) = encoding::take_row(held)?;
    let headers = encoding::take_headers(&mut value)?;
    Some(Record {
        key: key.get(),
        window: Some(Window { start, end }),
        value: Some(value),
        timestamp,
        headers,
        ..Record::default()
    })
}
