//! The guest's allocator, which the host itself calls whenever it hands something over: a guest that misbehaves in it
//! does so while the host is in the middle of answering it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::bindings::tidegate::host::log::{Level, write};

const CALM: u8 = 0;
const CALLS_BACK: u8 = 1;
const SPINS: u8 = 2;

static MOOD: AtomicU8 = AtomicU8::new(CALM);

/// The system's allocator, in a mood.
struct Moody;

#[global_allocator]
static ALLOCATOR: Moody = Moody;

/// From now on the host is called from within every answer of its own.
pub(crate) fn call_back() {
    MOOD.store(CALLS_BACK, Ordering::Relaxed);
}

/// From now on no answer of the host is ever taken.
pub(crate) fn spin() {
    MOOD.store(SPINS, Ordering::Relaxed);
}

// SAFETY: every block comes from and goes back to the system's allocator.
unsafe impl GlobalAlloc for Moody {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match MOOD.load(Ordering::Relaxed) {
            CALLS_BACK => write(Level::Info, "from within an answer"),
            SPINS => loop {
                black_box(());
            },
            _ => {}
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { System.realloc(block, layout, size) }
    }
}
