//! libFuzzer around `fuzz::sniff`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::sniff(data));
