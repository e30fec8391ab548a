//! The fuzz target `sealed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nostore_fuzz::sealed(data));
