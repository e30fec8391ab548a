//! What the page calls: room for a text, and a step that turns it into another.
//!
//! One keeper lives in each instance of the module. Texts are JSON in UTF-8 ([`crate::wire`]); the page writes one where
//! [`nostore_reserve`] says, and reads the answer there.

#![expect(
    unsafe_code,
    reason = "a page finds exports by their names, and `no_mangle` needs the word since edition 2024"
)]

use std::cell::RefCell;

use zeroize::Zeroize as _;

use crate::wire::Machine;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static MACHINE: RefCell<Machine> = const { RefCell::new(Machine::new()) };
}

/// Makes room for `length` bytes and returns where it is.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn nostore_reserve(length: usize) -> *mut u8 {
    BUFFER.with_borrow_mut(|buffer| {
        buffer.zeroize();
        buffer.resize(length, 0);
        buffer.as_mut_ptr()
    })
}

/// Takes the text in the buffer, puts the answer there, and returns its length. Ask [`nostore_buffer`] where it is.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn nostore_step() -> usize {
    BUFFER.with_borrow_mut(|buffer| {
        let answer = MACHINE.with_borrow_mut(|machine| machine.step(buffer));
        buffer.zeroize();
        *buffer = answer.into_bytes();
        buffer.len()
    })
}

/// Returns where the buffer is.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn nostore_buffer() -> *const u8 {
    BUFFER.with_borrow(|buffer| buffer.as_ptr())
}
