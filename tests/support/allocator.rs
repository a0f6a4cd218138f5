//! The system's allocator, with a count of what each thread asks of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Install it as the global allocator.
pub(crate) struct Counting;

/// What a piece of work asked for.
#[derive(Debug, Clone, Copy, Default)]
#[allow(dead_code, reason = "each test file is a crate of its own and uses its part")]
pub(crate) struct Asked {
    /// How often.
    pub(crate) times: usize,
    /// Bytes in all, also of what was given back since.
    pub(crate) bytes: usize,
}

thread_local! {
    static ASKED: Cell<Asked> = const { Cell::new(Asked { times: 0, bytes: 0 }) };
}

fn count(bytes: usize) {
    let Asked { times, bytes: before } = ASKED.get();
    ASKED.set(Asked { times: times + 1, bytes: before + bytes });
}

/// What some work asks for on this thread.
pub(crate) fn asked(work: impl FnOnce()) -> Asked {
    let before = ASKED.get();
    work();
    let after = ASKED.get();
    Asked { times: after.times - before.times, bytes: after.bytes - before.bytes }
}

#[allow(unsafe_code, reason = "an allocator is unsafe by its trait")]
// SAFETY: all is passed on to the system's allocator; counting allocates nothing and needs no drop.
unsafe impl GlobalAlloc for Counting {
    // SAFETY: the caller's promises are passed on.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    // SAFETY: the caller's promises are passed on.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    // SAFETY: the caller's promises are passed on.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    // SAFETY: the caller's promises are passed on.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
