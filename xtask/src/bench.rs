//! `cargo x bench`: measurements beside a peer, each written as a dated page into `docs/measurements`.

mod report;
mod scan;

use crate::{Error, ErrorKind, Result};

/// One measurement.
#[derive(Debug)]
pub struct Bench {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it measures.
    pub about: &'static str,
    run: fn(&Options) -> Result<()>,
}

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The size of the generated library.
    pub tracks: usize,
    /// How often we run; the median counts.
    pub rounds: usize,
    /// How often the peer runs; 0 leaves it out.
    pub peer_rounds: usize,
}

/// All measurements.
pub const BENCHES: &[Bench] = &[Bench {
    name: "scan",
    about: "first scan and rescan beside Supysonic: tracks per CPU second, peak memory",
    run: scan::run,
}];

/// Runs one measurement by its name.
///
/// # Errors
/// [`ErrorKind::Broken`] for a name that none has, or for a result past its gate; else what went wrong on the way.
pub fn run(name: &str, options: &Options) -> Result<()> {
    match BENCHES.iter().find(|bench| bench.name == name) {
        Some(bench) => (bench.run)(options),
        None => Err(Error::new(
            ErrorKind::Broken,
            format!("there is no bench `{name}`; see cargo x bench --list"),
        )),
    }
}
