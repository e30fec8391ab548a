//! The fuzz target `logs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nostore_fuzz::logs(data));
