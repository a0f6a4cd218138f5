//! Files as input: each one record, unless its lines are.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::{Outcome, Run};
use crate::cli::error::{CommandError, Status};
use crate::cli::input::InputRecord;
use crate::record::{Header, Headers};
use crate::storage;

/// Opens a file of input.
pub(super) fn open(path: &Path) -> Result<File, CommandError> {
    File::open(path)
        .map_err(|source| CommandError::failed(storage::Error::new("open", path.display(), source)))
}

impl Run<'_> {
    /// Sends a file as one record.
    pub(super) fn send_file(&mut self, path: &Path) -> Outcome {
        let failed =
            |source| CommandError::failed(storage::Error::new("read", path.display(), source));
        let limit = self.plan.options.max_bytes;
        let mut content = Vec::new();
        open(path)?.take(limit as u64 + 1).read_to_end(&mut content).map_err(failed)?;
        if content.len() > limit {
            self.failed += 1;
            self.context.error(&format!("{}: larger than {limit} bytes", path.display()));
            return Ok(Status::Done);
        }
        let headers = std::mem::take(&mut self.plan.headers);
        let extra: Vec<_> = headers
            .iter()
            .map(|(name, value)| Header { key: name.as_bytes(), value: Some(value.as_bytes()) })
            .collect();
        let null = content.is_empty() && self.plan.options.empty_is_null;
        let record = InputRecord {
            number: self.producer.totals().records + 1,
            timestamp: None,
            partition: None,
            key: None,
            value: (!null).then_some(&content[..]),
            headers: Headers::NONE,
        };
        let sent = self.send(&record, &extra);
        self.plan.headers = headers;
        sent.map(|()| Status::Done)
    }
}
