//! The fuzz target `returning`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nostore_fuzz::returning(data));
