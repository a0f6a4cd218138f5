//! What went wrong, for a person who asks: clients are told no more than a code.

use std::sync::{Mutex, PoisonError};

/// Failures that are kept.
const FAILURES_MAX: usize = 100;

/// The failures since somebody asked.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<Vec<String>>);

impl Failures {
    /// Keeps one, in a sentence; not the same one again and again.
    pub(super) fn note(&self, failure: &impl ToString) {
        let failure = failure.to_string();
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < FAILURES_MAX && failures.last() != Some(&failure) {
            failures.push(failure);
        }
    }

    /// Gives them up.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
