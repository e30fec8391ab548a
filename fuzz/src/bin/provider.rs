//! The fuzz target `provider`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nostore_fuzz::provider(data));
