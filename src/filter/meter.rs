//! What a program may take for one record.
//!
//! jq programs need not end: `def f: f; f`, `[range(1e9)]`, `def f: 1 + f; f`. The interpreter asks
//! its data for the table of terms at each term that it evaluates. That is where a meter counts,
//! looks how deep the stack is, and stops a program by unwinding; [`super::run`] catches that.
//! Nothing is shared with the program but the meter, so nothing is left half done.

use std::cell::Cell;
use std::panic::resume_unwind;

use jaq_core::data::{DataT, HasLut};
use jaq_core::{Lut, Vars};
use jaq_json::Val;

use super::stack::{Stack, here};

/// Terms that are evaluated for a record at most, elements of `range` included. A filter takes
/// about ten, a walk through a megabyte of JSON some hundred thousand.
pub const STEPS_MAX: u32 = 400_000;

/// Why a program was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// It took [`STEPS_MAX`] steps.
    Steps,
    /// Its calls were too deep.
    Depth,
}

/// Counts what is taken for one record.
#[derive(Debug)]
pub(super) struct Meter {
    steps_left: Cell<u32>,
    floor: usize,
}

impl Meter {
    pub(super) fn new(stack: &Stack) -> Self {
        Self { steps_left: Cell::new(STEPS_MAX), floor: stack.floor() }
    }

    /// Counts a step; unwinds with [`Stopped`] where there must be no more.
    #[inline]
    pub(super) fn step(&self) {
        let left = self.steps_left.get();
        if left == 0 {
            resume_unwind(Box::new(Stopped::Steps));
        }
        if here() < self.floor {
            resume_unwind(Box::new(Stopped::Depth));
        }
        self.steps_left.set(left - 1);
    }
}

/// What the interpreter is given beside values.
pub(super) struct Metered;

/// The table of terms, and the meter that counts how often it is asked for.
#[derive(Clone, Copy)]
pub(super) struct Data<'a> {
    pub(super) lut: &'a Lut<Metered>,
    pub(super) meter: &'a Meter,
}

impl DataT for Metered {
    type V<'a> = Val;
    type Data<'a> = Data<'a>;
}

impl<'a> HasLut<'a, Metered> for Data<'a> {
    #[inline]
    fn lut(&self) -> &'a Lut<Metered> {
        self.meter.step();
        self.lut
    }
}

/// The context of one run.
pub(super) fn context<'a>(
    lut: &'a Lut<Metered>,
    meter: &'a Meter,
    bound: impl IntoIterator<Item = Val>,
) -> jaq_core::Ctx<'a, Metered> {
    jaq_core::Ctx::new(Data { lut, meter }, Vars::new(bound))
}
