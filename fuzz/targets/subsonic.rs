//! libFuzzer around `fuzz::subsonic_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::subsonic_request(data));
