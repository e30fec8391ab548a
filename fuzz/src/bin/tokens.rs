//! The fuzz target `tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nostore_fuzz::tokens(data));
