//! libFuzzer around `fuzz::file_names`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::file_names(data));
