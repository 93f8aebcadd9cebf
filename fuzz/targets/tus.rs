//! libFuzzer around `fuzz::tus`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::tus(data));
