//! The stack that programs run on.
//!
//! jq programs recurse, and so does what compares, prints and drops the values that they build. A
//! [`Stack`] is a thread's whose size is known: programs are compiled and run nowhere else, and a
//! program that would leave its part of it is stopped ([`super::meter`]).

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;
use std::thread::{self, Scope, ScopedJoinHandle};

thread_local! {
    /// The floor of the stack that this thread was given by [`Stack::spawn`].
    static FLOOR: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Bytes of the whole. Reserved, not used: the system gives pages when they are touched.
const STACK_BYTES: usize = 512 << 20;

/// Bytes that the calls of a program may take. What is beyond is for values, which can be nested
/// about as deep as the program takes steps ([`super::meter::STEPS_MAX`]); the most that a level
/// takes is about a kilobyte, when it is printed.
const PROGRAM_BYTES: usize = 48 << 20;

/// Shows that the thread has the room that programs need.
#[derive(Debug)]
pub struct Stack {
    floor: usize,
    /// It is of one thread.
    not_send: PhantomData<*const ()>,
}

impl Stack {
    /// Does `work` on a thread with that room, and waits for it.
    ///
    /// # Errors
    /// Where the system gives no such thread.
    pub fn run<T: Send>(work: impl FnOnce(&Self) -> T + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let done = Self::spawn(scope, "filter", work)?.join();
            Ok(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// Begins `work` on a thread with that room.
    ///
    /// # Errors
    /// Where the system gives no such thread.
    pub fn spawn<'scope, T: Send + 'scope>(
        scope: &'scope Scope<'scope, '_>,
        name: &str,
        work: impl FnOnce(&Self) -> T + Send + 'scope,
    ) -> io::Result<ScopedJoinHandle<'scope, T>> {
        let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, || {
            let floor = here().saturating_sub(PROGRAM_BYTES);
            FLOOR.set(Some(floor));
            work(&Self { floor, not_send: PhantomData })
        })
    }

    /// The stack of this thread, if [`Stack::run`] or [`Stack::spawn`] began it: for closures that are called there and were handed none.
    #[must_use]
    pub fn current() -> Option<Self> {
        FLOOR.get().map(|floor| Self { floor, not_send: PhantomData })
    }

    /// The lowest address that a program's calls may reach.
    pub(super) const fn floor(&self) -> usize {
        self.floor
    }
}

/// Where the stack is now. It grows downwards.
#[inline]
pub(super) fn here() -> usize {
    let local = 0_u8;
    std::ptr::from_ref(std::hint::black_box(&local)).addr()
}
