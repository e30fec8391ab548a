//! An allocator that counts what a thread asks for.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting.
#[derive(Debug)]
pub struct Counting;

/// How much was asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// How many times memory was asked for, growing included.
    pub calls: u64,
    /// How many bytes that were.
    pub bytes: u64,
}

thread_local! {
    static COUNT: Cell<Count> = const { Cell::new(Count { calls: 0, bytes: 0 }) };
}

/// Counts what this thread allocates in `work`, and returns its result too.
pub fn count<B>(work: impl FnOnce() -> B) -> (B, Count) {
    let before = COUNT.get();
    let result = work();
    let after = COUNT.get();
    (result, Count { calls: after.calls - before.calls, bytes: after.bytes - before.bytes })
}

fn add(bytes: usize) {
    // While a thread ends there is nothing to count on.
    let _ = COUNT.try_with(|count| {
        let Count { calls, bytes: sum } = count.get();
        count.set(Count { calls: calls + 1, bytes: sum + bytes as u64 });
    });
}

// SAFETY: every call goes to the system's allocator as it is; counting neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
