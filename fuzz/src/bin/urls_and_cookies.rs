//! The fuzz target `urls_and_cookies`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nostore_fuzz::urls_and_cookies(data));
