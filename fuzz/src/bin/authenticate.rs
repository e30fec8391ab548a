//! The fuzz target `authenticate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nostore_fuzz::authenticate(data));
