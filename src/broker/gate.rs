//! An answer that waits for several partitions.

use std::sync::{Arc, Mutex, PoisonError};

/// Calls once, when it was opened and all that it waits for has come to pass.
#[derive(Clone)]
pub(super) struct Gate(Arc<Mutex<Inner>>);

struct Inner {
    /// What it waits for, its opening included.
    left: usize,
    well: bool,
    then: Option<Box<dyn FnOnce(bool) + Send>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Inner { left: 1, well: true, then: None })))
    }
}

impl Gate {
    /// Waits for one more, before it is opened.
    pub(super) fn add(&self) -> Self {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).left += 1;
        self.clone()
    }

    /// Nothing more is added; calls `then`, with whether all went well, once all has come to pass.
    pub(super) fn open(&self, then: impl FnOnce(bool) + Send + 'static) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).then = Some(Box::new(then));
        self.pass(true);
    }

    /// One has come to pass, well or not.
    pub(super) fn pass(&self, well: bool) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.left -= 1;
        inner.well &= well;
        let well = inner.well;
        let then = if inner.left == 0 { inner.then.take() } else { None };
        drop(inner);
        if let Some(then) = then {
            then(well);
        }
    }
}
