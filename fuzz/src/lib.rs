//! What strangers' bytes are thrown at: one function for every parser that meets them first.
//!
//! **Promise.** A target panics exactly when a promise of the parser is broken: the checks here are what the parser
//! says of its results, not what it happens to do.
//!
//! **Flow.** `targets/NAME.rs` hands libFuzzer's bytes to the function NAME here (`cargo x prove fuzz`);
//! `tests/seeds.rs` hands it every file of `seeds/NAME` in each run of the suite. An input that once found something
//! becomes a seed.
//!
//! **Not here.** Parsers themselves, and anything that needs a server: those are tests.
#![expect(clippy::panic, clippy::expect_used, reason = "a target speaks by panicking")]

mod checkpoint;
mod files;
mod http_fields;
mod names;
mod renditions;
mod server;
mod uploads;

pub use checkpoint::checkpoint;
pub use files::{file_names, sniff};
pub use http_fields::{conditions, range};
pub use names::{addresses, ids, paths};
pub use renditions::renditions;
pub use server::{subsonic_request, tags};
pub use uploads::{draft, tus};

/// A fuzz target: any bytes, no answer; it panics when a promise is broken.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its folder of seeds.
pub const TARGETS: &[(&str, Target)] = &[
    ("range", range),
    ("conditions", conditions),
    ("paths", paths),
    ("ids", ids),
    ("addresses", addresses),
    ("subsonic", subsonic_request),
    ("tags", tags),
    ("sniff", sniff),
    ("file-names", file_names),
    ("tus", tus),
    ("draft", draft),
    ("renditions", renditions),
    ("checkpoint", checkpoint),
];
