//! The streams that records are read from.

use std::fs::File;
use std::io::{self, Read};

use crate::cli::input::{Polled, Source};
use crate::cli::progress::Progress;
use crate::cli::signals::Signals;

/// A stream that a signal ends.
#[derive(Debug)]
pub(super) struct Interruptible {
    pub(super) file: File,
    pub(super) signals: Signals,
    pub(super) progress: Progress,
    pub(super) done: u64,
    pub(super) stopped: bool,
}

impl Read for Interruptible {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.stopped || !self.signals.wait_for(&self.file)? {
            self.stopped = true;
            return Err(io::Error::other(Stopped));
        }
        let count = self.file.read(bytes)?;
        self.done += count as u64;
        self.progress.set(self.done);
        Ok(count)
    }
}

impl Source for Interruptible {
    fn ready(&mut self) -> bool {
        Polled(&self.file).ready()
    }
}

/// The error of a read that a signal ended.
#[derive(Debug, thiserror::Error)]
#[error("stopped by a signal")]
struct Stopped;

pub(super) fn is_stop(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Stopped>)
}

/// An empty input.
#[derive(Debug)]
pub(super) struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl Source for Nothing {
    fn ready(&mut self) -> bool {
        true
    }
}
