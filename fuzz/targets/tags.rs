//! libFuzzer around `fuzz::tags`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::tags(data));
