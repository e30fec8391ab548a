//! The fuzz target `answers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nostore_fuzz::answers(data));
